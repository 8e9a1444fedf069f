"""Rows that several transactions may want to make at the same moment: the first makes it, nobody fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from svc.models import Base


def insert_missing(session: Session, table: type[Base], unique: tuple[str, ...], values: Mapping[str, Any]) -> None:
    """Insert unless a row with the same unique columns stands; waits for a transaction that is inserting it."""
    dialect: Any = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    session.execute(dialect.insert(table).values(dict(values)).on_conflict_do_nothing(index_elements=list(unique)))


def insert_missing_rows(session: Session, table: type[Base], unique: tuple[str, ...],
                        rows: Iterable[Mapping[str, Any]], told: str) -> frozenset[Any]:
    """As :func:`insert_missing` for several rows; the ``told`` column of those that were inserted.

    Hand them in one order everywhere, or two transactions may wait for each other.
    """
    dialect: Any = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    insert = dialect.insert(table).values([dict(row) for row in rows])
    made = insert.on_conflict_do_nothing(index_elements=list(unique)).returning(table.__table__.c[told])
    return frozenset(session.scalars(made))
