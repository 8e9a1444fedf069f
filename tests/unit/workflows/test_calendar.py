"""Working time: exact at the boundaries, the same forwards and backwards, blind to nights and holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.calendar import WorkCalendar, load_calendar

CALENDAR = load_calendar("Asia/Makassar")
ZONE = ZoneInfo("Asia/Makassar")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


INSTANTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 6, 1)).map(
    lambda naive: naive.replace(second=0, microsecond=0, tzinfo=UTC))


@pytest.mark.parametrize(("start", "end", "minutes"), [
    ("2026-11-24T09:00", "2026-11-24T10:30", 90),
    ("2026-11-24T11:50", "2026-11-24T12:40", 20),      # across the noon break
    ("2026-11-24T15:30", "2026-11-25T07:30", 0),       # from closing to opening
    ("2026-11-27T16:00", "2026-11-30T08:00", 60),      # across a weekend
    ("2026-05-13T15:00", "2026-05-18T08:00", 60),      # across Ascension Day and the shared leave after it
    ("2026-11-24T20:00", "2026-11-24T22:00", 0),
    ("2026-11-24T10:00", "2026-11-24T09:00", 0),       # backwards
])
def test_minutes_between(start: str, end: str, minutes: int) -> None:
    assert CALENDAR.working_minutes_between(local(start), local(end)) == minutes


@pytest.mark.parametrize(("start", "minutes", "end"), [
    ("2026-11-24T09:00", 0, "2026-11-24T09:00"),
    ("2026-11-24T06:00", 0, "2026-11-24T07:30"),       # closed: from the next opening
    ("2026-11-24T11:00", 90, "2026-11-24T13:00"),
    ("2026-11-24T15:00", 30, "2026-11-24T15:30"),      # to the very end of the day
    ("2026-11-24T15:00", 31, "2026-11-25T07:31"),
    ("2026-11-27T16:00", 60, "2026-11-30T08:00"),
])
def test_adding_minutes(start: str, minutes: int, end: str) -> None:
    assert CALENDAR.add_working_minutes(local(start), minutes) == local(end)


@given(INSTANTS, st.integers(0, 40_000))
def test_what_is_added_is_counted_again(start: datetime, minutes: int) -> None:
    end = CALENDAR.add_working_minutes(start, minutes)
    assert CALENDAR.working_minutes_between(start, end) == minutes


@given(INSTANTS, INSTANTS, INSTANTS)
def test_spans_add_up(first: datetime, second: datetime, third: datetime) -> None:
    a, b, c = sorted((first, second, third))
    whole = CALENDAR.working_minutes_between(a, c)
    assert whole == CALENDAR.working_minutes_between(a, b) + CALENDAR.working_minutes_between(b, c)


@given(INSTANTS)
def test_a_long_span_equals_the_sum_of_its_days(start: datetime) -> None:
    first = start.astimezone(ZONE).date()
    days = [first + timedelta(days=index) for index in range(1, 200)]
    begin = datetime(days[0].year, days[0].month, days[0].day, tzinfo=ZONE)
    end = datetime(days[-1].year, days[-1].month, days[-1].day, tzinfo=ZONE)
    assert CALENDAR.working_minutes_between(begin, end) == sum(CALENDAR.minutes_of(day) for day in days[:-1])


def test_holidays_and_shared_leave_are_no_working_days() -> None:
    for day in (date(2026, 1, 1), date(2026, 3, 20), date(2026, 12, 24), date(2026, 11, 28)):
        assert not CALENDAR.is_working_day(day)
    assert CALENDAR.is_working_day(date(2026, 11, 24))


def test_a_calendar_without_working_time_says_so() -> None:
    empty = WorkCalendar(ZONE, {}, frozenset())
    with pytest.raises(ValueError, match="no working time"):
        empty.add_working_minutes(local("2026-11-24T09:00"), 1)
    with pytest.raises(ValueError, match="negative"):
        CALENDAR.add_working_minutes(local("2026-11-24T09:00"), -1)
