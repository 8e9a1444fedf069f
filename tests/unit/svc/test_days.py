"""Which texts are a day."""

from __future__ import annotations

from datetime import date

import pytest

from svc.days import parse_day


@pytest.mark.parametrize(("text", "day"), [
    ("2026-11-24", date(2026, 11, 24)), ("1900-01-01", date(1900, 1, 1)), ("2200-12-31", date(2200, 12, 31)),
    ("2024-02-29", date(2024, 2, 29))])
def test_a_day_is_written_year_month_day(text: str, day: date) -> None:
    assert parse_day(text) == day


@pytest.mark.parametrize("text", [
    "", "kemarin", "2026-W01-1", "20261124", "2026-11-31", "2026-11-24\n", "1899-12-31", "2201-01-01", "0001-01-01",
    "9999-12-31", "٢٠٢٦-11-24"])
def test_anything_else_is_none(text: str) -> None:
    assert parse_day(text) is None
