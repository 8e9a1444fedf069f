"""A database that does not answer, as processes that serve no page log it while they wait for it."""

from __future__ import annotations

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

log = structlog.get_logger(__name__)


def log_database_fault(error: SQLAlchemyError) -> None:
    """One line for what the database's own state explains (it is down, locked, full), since that comes again every
    round; with a trace for everything else, which is a fault of ours."""
    if isinstance(error, OperationalError | InterfaceError) or (
            isinstance(error, DBAPIError) and error.connection_invalidated):
        why = str(error.orig).strip().splitlines()
        log.error("database_unavailable", error=type(error.orig).__name__, why=why[0] if why else "")
    else:
        log.error("database_fault", exc_info=error)
