"""How dates, money and numbers are written in an Indonesian decree."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Final

from babel.dates import format_date
from babel.numbers import format_decimal

_ONES: Final = ("nol", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan")
_SCALES: Final = ((10**12, "triliun"), (10**9, "miliar"), (10**6, "juta"))
_ROMAN: Final = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
_LIMIT: Final = 10**15
_KEPT: Final = 4096  # decrees of one day share dates, and salaries come from a table


@lru_cache(maxsize=_KEPT)
def write_date(day: date) -> str:
    """``3 Maret 2025``."""
    return format_date(day, "d MMMM y", locale="id")


@lru_cache(maxsize=_KEPT)
def spell_date(day: date) -> str:
    """The date in words as an agreement begins: ``Senin, tanggal tiga bulan Maret tahun dua ribu dua puluh lima``."""
    name, month = (format_date(day, pattern, locale="id") for pattern in ("EEEE", "MMMM"))
    return f"{name}, tanggal {spell_number(day.day)} bulan {month} tahun {spell_number(day.year)}"


@lru_cache(maxsize=_KEPT)
def write_rupiah(amount: int) -> str:
    """``Rp3.057.300,00``."""
    return f"Rp{format_decimal(amount, format='#,##0.00', locale='id')}"


def write_roman_month(day: date) -> str:
    """The month as it stands in numbers of letters: ``III`` for March."""
    return _ROMAN[day.month - 1]


@lru_cache(maxsize=_KEPT)
def spell_number(number: int) -> str:
    """The number in words (*terbilang*). :raises ValueError: negative, or a quadrillion and more."""
    if not 0 <= number < _LIMIT:
        raise ValueError(f"cannot spell {number}")
    return _ONES[0] if number == 0 else " ".join(_spell(number))


def _spell(number: int) -> list[str]:
    for value, name in _SCALES:
        if number >= value:
            return [*_spell(number // value), name, *_spell(number % value)]
    for value, name in ((1000, "ribu"), (100, "ratus")):
        if number >= value:
            head = [f"se{name}"] if number < 2 * value else [*_spell(number // value), name]
            return head + _spell(number % value)
    if number >= 20:
        return [_ONES[number // 10], "puluh", *_spell(number % 10)]
    if number >= 10:
        return [{10: "sepuluh", 11: "sebelas"}.get(number) or f"{_ONES[number - 10]} belas"]
    return [_ONES[number]] if number else []
