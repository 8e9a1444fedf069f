"""Keyset pages: a cursor says after which row to go on; no OFFSET, whose cost grows with the page."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

T = TypeVar("T")
COUNT_CAP = 1000
# Beyond it is no row: the database counts them in 64 bits.
LAST_ROW_ID = 2**63 - 1


@dataclass(frozen=True)
class Page(Generic[T]):
    """Rows, and the cursors of the pages around them (empty: there is none)."""

    items: tuple[T, ...]
    next_cursor: str
    prev_cursor: str


@dataclass(frozen=True)
class Cursor:
    """Position of a row in an order by (instant, id). ``is_backward``: the page before it is wanted."""

    at: datetime
    row_id: int
    is_backward: bool = False

    def encode(self) -> str:
        raw = json.dumps([self.at.isoformat(), self.row_id, int(self.is_backward)])
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def decode_cursor(text: str) -> Cursor | None:
    """Read a cursor from a URL; what is no cursor means the first page."""
    try:
        at, row_id, backward = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        parsed, number = datetime.fromisoformat(at), int(row_id)
        if parsed.tzinfo is None or not 0 <= number <= LAST_ROW_ID:
            return None
        # At the first and last day of the calendar there is no such instant in UTC.
        return Cursor(parsed.astimezone(UTC), number, bool(backward))
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        return None
