"""Working time: exact at the boundaries, the same forwards and backwards, blind to nights and holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
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


def test_seconds_count_and_are_not_lost_at_the_noon_break() -> None:
    start = local("2026-11-24T11:59:30")
    assert CALENDAR.add_working_minutes(start, 1) == local("2026-11-24T12:30:30")
    assert CALENDAR.working_minutes_between(start, local("2026-11-24T12:30:29")) == 0
    assert CALENDAR.working_minutes_between(start, local("2026-11-24T12:30:30")) == 1
    assert CALENDAR.working_minutes_between(local("2026-11-24T09:00:30"), local("2026-11-24T09:01:10")) == 0


@given(INSTANTS, st.integers(0, 59_999), st.integers(0, 5_000))
def test_any_fraction_of_a_minute_is_carried(start: datetime, millis: int, minutes: int) -> None:
    begin = start + timedelta(milliseconds=millis)
    end = CALENDAR.add_working_minutes(begin, minutes)
    assert CALENDAR.working_minutes_between(begin, end) == minutes
    if minutes:
        assert CALENDAR.working_minutes_between(begin, end - timedelta(microseconds=1)) == minutes - 1


@given(INSTANTS, st.integers(0, 20_000))
def test_counting_minute_by_minute_agrees(start: datetime, span: int) -> None:
    """Against the plainest possible count: look at each minute's office hours."""
    spans = dict.fromkeys(range(4), ((450, 720), (750, 930))) | {4: ((450, 690), (780, 990))}
    counted = 0
    for index in range(span):
        at = (start + timedelta(minutes=index)).astimezone(ZONE)
        minute = at.hour * 60 + at.minute
        if at.date() not in CALENDAR.holidays:
            counted += any(opens <= minute < closes for opens, closes in spans.get(at.weekday(), ()))
    assert CALENDAR.working_minutes_between(start, start + timedelta(minutes=span)) == counted


def test_the_zone_of_the_office_decides_not_that_of_the_instant() -> None:
    jakarta = load_calendar("Asia/Jakarta")
    opening = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)  # Tuesday 07.30 in Makassar, 06.30 in Jakarta
    assert CALENDAR.working_minutes_between(opening, opening + timedelta(hours=1)) == 60
    assert jakarta.working_minutes_between(opening, opening + timedelta(hours=1)) == 0
    assert jakarta.working_minutes_between(opening, opening + timedelta(hours=2)) == 60
    elsewhere = opening.astimezone(ZoneInfo("America/New_York"))
    assert CALENDAR.working_minutes_between(elsewhere, opening + timedelta(hours=1)) == 60


def test_office_hours_on_the_day_the_clock_changes_are_counted_as_they_pass() -> None:
    berlin = WorkCalendar(ZoneInfo("Europe/Berlin"), {6: ((time(1), time(4)),)}, frozenset())
    spring = datetime(2026, 3, 29, tzinfo=UTC)
    assert berlin.minutes_of(date(2026, 3, 29)) == 120
    assert berlin.working_minutes_between(spring - timedelta(days=1), spring + timedelta(days=1)) == 120
    assert berlin.add_working_minutes(spring, 120) == datetime(2026, 3, 29, 2, tzinfo=UTC)


def test_spans_of_decades_and_before_the_present_century() -> None:
    monday = local("1999-12-27T07:30")
    assert CALENDAR.working_minutes_between(monday, local("2000-01-03T07:30")) == 5 * 450
    whole = CALENDAR.working_minutes_between(local("1995-01-01T00:00"), local("2027-01-01T00:00"))
    days = (date(1995, 1, 1) + timedelta(days=index) for index in range((date(2027, 1, 1) - date(1995, 1, 1)).days))
    assert whole == sum(450 for day in days if CALENDAR.is_working_day(day))


def test_an_instant_without_a_zone_is_refused() -> None:
    naive = datetime(2026, 11, 24, 9, 0)
    with pytest.raises(ValueError, match="aware"):
        CALENDAR.add_working_minutes(naive, 1)
    with pytest.raises(ValueError, match="aware"):
        CALENDAR.working_minutes_between(naive, naive)


def test_a_long_closure_is_passed_over() -> None:
    closed = frozenset(date(2026, 1, 1) + timedelta(days=index) for index in range(365))
    calendar = WorkCalendar(ZONE, CALENDAR.hours, closed)
    assert calendar.add_working_minutes(local("2026-01-01T00:00"), 60) == local("2027-01-01T08:30")
