"""What people read on a screen for a time, a deadline and a number."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from svc.formatting import Formatter

MAKASSAR = ZoneInfo("Asia/Makassar")  # UTC+8
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)  # Tuesday 10.00 in Makassar


class WithHoliday:
    """Thursday 26 November is off."""

    def is_working_day(self, day: date) -> bool:
        return day.weekday() < 5 and day != date(2026, 11, 26)


def say(language: str = "id", now: datetime = NOW) -> Formatter:
    return Formatter(Locale(language), MAKASSAR, now, WithHoliday())


@pytest.mark.parametrize(
    ("due", "text", "state"),
    [
        ("2026-11-24T02:20:30+00:00", "20 menit lagi", "today"),
        ("2026-11-24T02:00:10+00:00", "1 menit lagi", "today"),
        ("2026-11-24T08:00:00+00:00", "6 jam lagi", "today"),
        ("2026-11-25T02:00:00+00:00", "1 hari kerja lagi", "soon"),
        ("2026-11-26T02:00:00+00:00", "1 hari kerja lagi", "soon"),  # a holiday does not count
        ("2026-11-27T02:00:00+00:00", "2 hari kerja lagi", "later"),
        ("2026-11-30T02:00:00+00:00", "3 hari kerja lagi", "later"),  # over the week-end
        ("2026-11-24T01:59:50+00:00", "terlambat 1 menit", "overdue"),
        ("2026-11-24T00:30:00+00:00", "terlambat 1 jam", "overdue"),
        ("2026-11-23T08:00:00+00:00", "terlambat 1 hari", "overdue"),
        ("2026-11-20T08:00:00+00:00", "terlambat 2 hari", "overdue"),  # Friday → Tuesday
    ],
)
def test_deadline_as_people_say_it(due: str, text: str, state: str) -> None:
    said = say().relative_due(datetime.fromisoformat(due))
    assert (said.text, said.state) == (text, state)


def test_deadline_missed_on_a_saturday_is_late_at_once() -> None:
    sunday = datetime(2026, 11, 29, 2, 0, tzinfo=UTC)
    assert say(now=sunday).relative_due("2026-11-28T02:00:00+00:00").text == "terlambat 1 hari"


def test_exact_time_stands_beside_the_phrase() -> None:
    assert say().relative_due(NOW).exact == "Selasa, 24 November 2026 pukul 10.00.00 WITA"


@pytest.mark.parametrize(
    ("then", "text"),
    [
        ("2026-11-24T01:59:40+00:00", "baru saja"),
        ("2026-11-24T01:48:00+00:00", "12 menit lalu"),
        ("2026-11-23T23:00:00+00:00", "3 jam lalu"),
        ("2026-11-23T01:12:00+00:00", "kemarin 09.12"),
        ("2026-11-20T01:12:00+00:00", "20 Nov 09.12"),
        ("2025-11-20T01:12:00+00:00", "20 Nov 2025 09.12"),
        ("2026-11-24T02:05:00+00:00", "24 Nov 10.05"),  # a clock ahead of ours is not "ago"
    ],
)
def test_past_as_people_say_it(then: str, text: str) -> None:
    assert say().ago(then) == text


def test_dates_are_those_of_the_province() -> None:
    late_evening_utc = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
    assert say().date(late_evening_utc) == "25 November 2026"
    assert say().date(date(2026, 3, 1)) == "1 Maret 2026"
    assert say().date("2026-03-01") == "1 Maret 2026"
    assert say("en").date(date(2026, 3, 1)) == "1 March 2026"


def test_months() -> None:
    assert say().month("2026-11") == "November 2026"
    assert say("en").month(date(2026, 3, 1)) == "March 2026"


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (0, "0 menit"), (20, "20 menit"), (180, "3 jam"), (200, "3 jam 20 menit"), (449, "7 jam 29 menit"),
        (450, "1 hari kerja"), (960, "2 hari 1 jam kerja"), (900, "2 hari kerja"),
    ],
)
def test_working_time(minutes: float, text: str) -> None:
    assert say().working_time(minutes) == text


def test_numbers_follow_the_language() -> None:
    assert say().number(1234567) == "1.234.567"
    assert say("en").number(1234567) == "1,234,567"
    assert say().percent(0.741) == "74,1\u00a0%"
    assert say().percent(1) == "100\u00a0%"
    assert say().points(0.062) == "6,2"
    assert say().capped(999) == "999"
    assert say().capped(1000) == "1.000+"
    assert say().rupiah(3500000) == "Rp3.500.000"
