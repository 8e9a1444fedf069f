"""Alembic's environment: online only, batch mode on SQLite (which cannot alter a column).

A migration is one transaction on both databases and waits for another one that is under way, so that several
servers may be started at once and none is left with half a schema.
"""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import Engine, create_engine, event, pool, text

from svc.models import Base
from svc.models.base import Json, UtcDateTime


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Migrations name plain column types only, so that they do not change when ours do."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and item is Json:
        return "sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')"
    return False


def serialise_sqlite(engine: Engine) -> None:
    """Take the write lock first; the driver itself would begin late and not at all for DDL."""

    @event.listens_for(engine, "connect")
    def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


_ADVISORY_LOCK = 7_272_330_001  # any number that is ours
_WAIT_SECONDS = 60

url = context.config.attributes["database_url"]
is_sqlite = url.startswith("sqlite")
engine = create_engine(url, poolclass=pool.NullPool, connect_args={"timeout": _WAIT_SECONDS} if is_sqlite else {})
if is_sqlite:
    serialise_sqlite(engine)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, render_item=render_item,
                      render_as_batch=is_sqlite, compare_type=True, transactional_ddl=True)
    with context.begin_transaction():
        if not is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        context.run_migrations()
engine.dispose()
