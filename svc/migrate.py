"""Schema migrations, run by the program itself: no ``alembic.ini`` and no path to know."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

_FOLDER = Path(__file__).parent / "migrations"


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring the database up to a revision; nothing happens when it is there already."""
    command.upgrade(config_for(database_url), revision)


def downgrade(database_url: str, revision: str) -> None:
    """Take the database down to a revision (``base``: no tables)."""
    command.downgrade(config_for(database_url), revision)


def current(database_url: str) -> str | None:
    """The revision that the database is at; ``None``: no tables of ours."""
    engine = create_engine(database_url)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def head() -> str | None:
    """The newest revision that this program knows."""
    return ScriptDirectory.from_config(config_for("sqlite://")).get_current_head()


def config_for(database_url: str) -> Config:
    """Alembic's configuration; the URL goes by attribute, since ``%`` in it would be interpolated."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["database_url"] = database_url
    return config
