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
_LONGEST_SEARCH_DAYS = 3660


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
        if day in self.holidays:
            return 0
        return sum(_length(span) for span in self.hours.get(day.weekday(), ()))

    def working_minutes_between(self, start: datetime, end: datetime) -> int:
        """Whole working minutes from one aware instant to a later one; 0 when ``end`` is not later."""
        if end <= start:
            return 0
        return self._count(end) - self._count(start)

    def add_working_minutes(self, start: datetime, minutes: int) -> datetime:
        """The instant (UTC) by which so many working minutes have passed.

        With 0 minutes it is ``start`` itself, or the next opening when the office is closed then.
        :raises ValueError: negative minutes, or a calendar without working time
        """
        if minutes < 0:
            raise ValueError("minutes must not be negative")
        local = start.astimezone(self.zone)
        left = minutes
        day = local.date()
        for _ in range(_LONGEST_SEARCH_DAYS):
            for span in self._spans(day):
                opens, closes = self._at(day, span[0]), self._at(day, span[1])
                begin = max(opens, start)
                room = int((closes - begin) / _MINUTE)
                if room < 0 or (room == 0 and left > 0) or begin >= closes:
                    continue
                if left <= room:
                    return (begin + left * _MINUTE).astimezone(UTC)
                left -= room
            day += timedelta(days=1)
        raise ValueError("the calendar has no working time")

    def _spans(self, day: date) -> Sequence[Span]:
        return () if day in self.holidays else self.hours.get(day.weekday(), ())

    def _at(self, day: date, moment: time) -> datetime:
        return datetime.combine(day, moment, self.zone).astimezone(UTC)

    def _count(self, instant: datetime) -> int:
        """Cumulative working minutes from the beginning of a fixed year up to the instant."""
        local = instant.astimezone(self.zone)
        day = local.date()
        before = self._year_sums(day.year)[day.timetuple().tm_yday - 1]
        years = sum(self._year_sums(year)[-1] for year in range(2000, day.year))
        within = 0
        for span in self._spans(day):
            opens, closes = self._at(day, span[0]), self._at(day, span[1])
            within += max(0, int((min(instant, closes) - opens) / _MINUTE))
        return years + before + within

    def _year_sums(self, year: int) -> tuple[int, ...]:
        """Minutes before each day of a year; the last entry is the whole year."""
        if year not in self._sums:
            first = date(year, 1, 1)
            days = (date(year + 1, 1, 1) - first).days
            minutes = (self.minutes_of(first + timedelta(days=index)) for index in range(days))
            self._sums[year] = tuple(accumulate(minutes, initial=0))
        return self._sums[year]


def _length(span: Span) -> int:
    return (span[1].hour * 60 + span[1].minute) - (span[0].hour * 60 + span[0].minute)


def load_calendar(zone: str) -> WorkCalendar:
    """The shipped calendar: office hours and holidays as dated data (``data/calendar.toml``)."""
    raw = tomllib.loads((files("workflows") / "data" / "calendar.toml").read_text("utf-8"))
    names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    hours = {
        index: tuple((time.fromisoformat(start), time.fromisoformat(end)) for start, end in raw["hours"].get(name, ()))
        for index, name in enumerate(names)}
    holidays = frozenset(entry["day"] for year in raw["year"] for entry in year["holiday"])
    return WorkCalendar(ZoneInfo(zone), hours, holidays)
