"""Working time: which minutes count, between two instants or from one onwards.

Working minutes between two instants are the difference of two cumulative counts, so that a span of years costs
no more than one of an hour once the days between were summed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from itertools import accumulate
from zoneinfo import ZoneInfo

Span = tuple[time, time]
_MINUTE = timedelta(minutes=1)
_LONGEST_CLOSURE_DAYS = 400


@dataclass(frozen=True)
class WorkCalendar:
    """Office hours per weekday (0 = Monday) in a zone, less holidays. ``hours`` spans are in order, disjoint."""

    zone: ZoneInfo
    hours: Mapping[int, Sequence[Span]]
    holidays: frozenset[date]
    _sums: dict[int, tuple[int, ...]] = field(default_factory=dict, repr=False, compare=False)

    def is_working_day(self, day: date) -> bool:
        return day not in self.holidays and bool(self.hours.get(day.weekday()))

    def minutes_of(self, day: date) -> int:
        """Working minutes of a whole day."""
        return int(sum((closes - opens for opens, closes in self._open_between(day)), timedelta()) / _MINUTE)

    def working_minutes_between(self, start: datetime, end: datetime) -> int:
        """Whole working minutes from one instant to a later one, rounded down; 0 when ``end`` is not later.

        :raises ValueError: an instant without a zone
        """
        _ensure_aware(start, end)
        if end <= start:
            return 0
        first, last = start.astimezone(self.zone).date(), end.astimezone(self.zone).date()
        worked = self._within(last, end) - self._within(first, start)
        return (worked + self._minutes_before(first.year, last) * _MINUTE
                - self._minutes_before(first.year, first) * _MINUTE) // _MINUTE

    def add_working_minutes(self, start: datetime, minutes: int) -> datetime:
        """The instant (UTC) by which so many working minutes have passed.

        With 0 minutes it is ``start`` itself, or the next opening when the office is closed then. Work that ends
        with the office is due at closing time, not at the next opening.
        :raises ValueError: negative minutes, an instant without a zone, or a calendar without working time
        """
        _ensure_aware(start)
        if minutes < 0:
            raise ValueError("minutes must not be negative")
        left = minutes * _MINUTE
        day = start.astimezone(self.zone).date()
        idle = 0
        while idle <= _LONGEST_CLOSURE_DAYS:
            idle += 1
            for opens, closes in self._open_between(day):
                begin = max(opens, start.astimezone(UTC))
                if begin >= closes:
                    continue
                if left <= closes - begin:
                    return begin + left
                left -= closes - begin
                idle = 0
            day += timedelta(days=1)
        raise ValueError("the calendar has no working time")

    def _open_between(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """The day's office hours as instants (UTC); none on a holiday."""
        if day in self.holidays:
            return ()
        return tuple((self._at(day, opens), self._at(day, closes))
                     for opens, closes in self.hours.get(day.weekday(), ()))

    def _at(self, day: date, moment: time) -> datetime:
        return datetime.combine(day, moment, self.zone).astimezone(UTC)

    def _within(self, day: date, instant: datetime) -> timedelta:
        """Working time of the day that has passed by the instant."""
        return sum((max(timedelta(), min(instant, closes) - opens) for opens, closes in self._open_between(day)),
                   timedelta())

    def _minutes_before(self, base_year: int, day: date) -> int:
        """Working minutes from the beginning of ``base_year`` to the beginning of ``day``."""
        years = sum(self._year_sums(year)[-1] for year in range(base_year, day.year))
        return years + self._year_sums(day.year)[day.timetuple().tm_yday - 1]

    def _year_sums(self, year: int) -> tuple[int, ...]:
        """Minutes before each day of a year; the last entry is the whole year."""
        if year not in self._sums:
            first = date(year, 1, 1)
            days = (date(year + 1, 1, 1) - first).days
            minutes = (self.minutes_of(first + timedelta(days=index)) for index in range(days))
            self._sums[year] = tuple(accumulate(minutes, initial=0))
        return self._sums[year]


def _ensure_aware(*instants: datetime) -> None:
    if any(instant.tzinfo is None for instant in instants):
        raise ValueError("instants must be aware")


def load_calendar(zone: str) -> WorkCalendar:
    """The shipped calendar: office hours and holidays as dated data (``data/calendar.toml``)."""
    raw = tomllib.loads((files("workflows") / "data" / "calendar.toml").read_text("utf-8"))
    names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    hours = {
        index: tuple((time.fromisoformat(start), time.fromisoformat(end)) for start, end in raw["hours"].get(name, ()))
        for index, name in enumerate(names)}
    holidays = frozenset(entry["day"] for year in raw["year"] for entry in year["holiday"])
    return WorkCalendar(ZoneInfo(zone), hours, holidays)
