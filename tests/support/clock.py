"""A clock that stands still until it is told otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

# 09.00 in Makassar, with a fraction as real clocks have
TUESDAY_MORNING = datetime(2026, 11, 24, 1, 0, 0, 123456, tzinfo=UTC)


class FrozenClock:
    """Implements ``svc.ports.Clock``."""

    def __init__(self, at: datetime = TUESDAY_MORNING) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, **span: float) -> None:
        self.at += timedelta(**span)
