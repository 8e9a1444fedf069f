"""New rows that nobody reads back in their transaction: of thousands of decrees at once they are gathered, and
inserted table by table in a few statements.

The same code writes a single decree's rows and those of a batch: which of both happens is said by whoever opened the
transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from svc.models import Base

_KEY = "paraf.gathered"


def add_row(session: Session, table: type[Base], values: Mapping[str, Any]) -> None:
    """Insert a row: with the next flush, or at the end of :func:`gathering`. ``values`` name every column that has no
    default of its own in the model."""
    gathered: dict[type[Base], list[Mapping[str, Any]]] | None = session.info.get(_KEY)
    if gathered is None:
        session.add(table(**values))
    else:
        gathered.setdefault(table, []).append(values)


@contextmanager
def gathering(session: Session) -> Iterator[None]:
    """Gather new rows until the block ends; then what changed is flushed first, since a row may stand in the way of
    the new ones. It does not nest.

    :raises RuntimeError: rows are being gathered already
    """
    if _KEY in session.info:
        raise RuntimeError("rows are being gathered already")
    gathered: dict[type[Base], list[Mapping[str, Any]]] = {}
    session.info[_KEY] = gathered
    try:
        yield
    finally:
        del session.info[_KEY]
    session.flush()
    for table, rows in gathered.items():
        session.execute(insert(table), rows)
