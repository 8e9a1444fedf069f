"""Days as people and links write them."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2200
_WRITTEN: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_day(text: str) -> date | None:
    """The day that is written ``YYYY-MM-DD`` (ISO 8601, calendar form only), or ``None`` where it is none.

    Only years 1900…2200 count: no paper of the province is dated beyond them, and with room on both sides
    the day before, the day after and midnight in any zone can be computed.
    """
    if not _WRITTEN.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None
