from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc.wording import spell_number, write_date, write_roman_month, write_rupiah

WORDS = {
    "satu": 1, "dua": 2, "tiga": 3, "empat": 4, "lima": 5, "enam": 6, "tujuh": 7, "delapan": 8,
    "sembilan": 9, "sepuluh": 10, "sebelas": 11,
}  # fmt: skip


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "nol"), (10, "sepuluh"), (11, "sebelas"), (19, "sembilan belas"), (100, "seratus"),
        (1_000, "seribu"), (1_100, "seribu seratus"), (21_011, "dua puluh satu ribu sebelas"),
        (100_000, "seratus ribu"), (1_001_015, "satu juta seribu lima belas"),
        (2_785_700, "dua juta tujuh ratus delapan puluh lima ribu tujuh ratus"),
    ],
)  # fmt: skip
def test_numbers_in_words(number: int, words: str) -> None:
    assert spell_number(number) == words


def read_words(text: str) -> int:
    """The other way round, written independently."""
    total = group = pending = 0
    for word in text.split():
        if word in WORDS:
            pending += WORDS[word]
        elif word == "belas":
            pending += 10
        elif word == "puluh":
            group, pending = group + pending * 10, 0
        elif word in ("ratus", "seratus"):
            group, pending = group + (1 if word == "seratus" else pending) * 100, 0
        elif word == "seribu":
            total += 1_000
        else:
            scale = {"ribu": 10**3, "juta": 10**6, "miliar": 10**9, "triliun": 10**12}[word]
            total, group, pending = total + (group + pending) * scale, 0, 0
    return total + group + pending


@given(st.integers(1, 10**15 - 1))
def test_words_say_the_number(number: int) -> None:
    assert read_words(spell_number(number)) == number


def test_no_words_for_what_cannot_be() -> None:
    for number in (-1, 10**15):
        with pytest.raises(ValueError, match="cannot spell"):
            spell_number(number)


def test_dates_and_money_as_in_decrees() -> None:
    assert write_date(date(2025, 3, 3)) == "3 Maret 2025"
    assert write_rupiah(3_057_300) == "Rp3.057.300,00"
    assert write_roman_month(date(2025, 9, 1)) == "IX"
