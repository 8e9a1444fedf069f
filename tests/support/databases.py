"""Fresh databases for tests: a copied SQLite file, or a PostgreSQL database emptied between tests."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from svc.migrate import upgrade
from svc.models import Base


class SqliteTemplate:
    """Migrated once, copied for each test."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "template.db"
        upgrade(f"sqlite:///{self._path}")

    def fresh(self, folder: Path) -> str:
        copy = folder / f"{uuid4().hex}.db"
        shutil.copyfile(self._path, copy)
        return f"sqlite:///{copy}"


class PostgresDatabase:
    """A database of one's own on a server, made and migrated once; emptied for each test."""

    def __init__(self, server_url: str, *, migrated: bool = True) -> None:
        self._server_url = server_url
        self._name = f"paraf_{uuid4().hex[:12]}"
        self._run_on_server(f"CREATE DATABASE {self._name}")
        self.url = make_url(server_url).set(database=self._name).render_as_string(hide_password=False)
        if migrated:
            upgrade(self.url)

    def empty(self) -> None:
        engine = create_engine(self.url)
        tables = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
        with engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
        engine.dispose()

    def drop(self) -> None:
        self._run_on_server(f"DROP DATABASE {self._name} WITH (FORCE)")

    def _run_on_server(self, statement: str) -> None:
        engine = create_engine(self._server_url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()
