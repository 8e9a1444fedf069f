"""Leases end by the clock, and clocks are set right: one that reaches further than any lease does was given by a clock
that was ahead, and holds nobody up until that day comes."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy.orm import InstrumentedAttribute

LONGEST = timedelta(minutes=20)


def is_leased(until: InstrumentedAttribute[datetime | None], now: datetime) -> ColumnElement[bool]:
    """Condition: somebody has it."""
    return and_(until > now, until <= now + LONGEST)


def is_left(until: InstrumentedAttribute[datetime | None], now: datetime) -> ColumnElement[bool]:
    """Condition: somebody had it, and his time is over."""
    return or_(until <= now, until > now + LONGEST)


def is_over(until: datetime | None, now: datetime) -> bool:
    """Nobody has it."""
    return until is None or not now < until <= now + LONGEST
