"""What people type into cells, as the text that a decree's data has: dates, sums, choices, NIPs.

What cannot be understood stays as it was typed, for validation to name it.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Final

from svc.sheet_columns import CHOICE, DATE, INTEGER, MONEY, NIP, Column
from svc.sheets import UNREADABLE

_MONTHS: Final = {name: number for number, names in enumerate((
    "januari january jan", "februari pebruari february feb", "maret march mar", "april apr", "mei may",
    "juni june jun", "juli july jul", "agustus august agu agt ags aug", "september sept sep",
    "oktober october okt oct", "november nopember nov nop", "desember december des dec"), start=1)
    for name in names.split()}
_ISO: Final = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[ T]00:00(?::00)?)?")
_NUMBERS: Final = re.compile(r"(\d{1,2})\s?[-/. ]\s?(\d{1,2})\s?[-/. ]\s?(\d{4})(?: 00:00(?::00)?)?")
_WORDS: Final = re.compile(r"(?:[A-Za-z']+,\s*)?(\d{1,2})[ -]([A-Za-z]+)\.?[ -](\d{4})")
_GROUPED: Final = re.compile(r"(\d{1,3}(?:\.\d{3})+)(?:,(?:0{1,2}|-))?|(\d{1,3}(?:,\d{3})+)(?:\.0{1,2})?")
_WHOLE: Final = re.compile(r"(-?\d{1,15})(?:[.,]0{1,2}|,-)?")
_RUPIAH: Final = re.compile(r"^(?:rp\.?|idr)\s*", re.IGNORECASE)
_NIP_DIGITS: Final = 18
_NIP_MARKS: Final = re.compile(r"[\s.\-]")


def typed_text(column: Column, text: str) -> str:
    """The cell as the data of that field has it."""
    if column.type == DATE:
        return read_date(text)
    if column.type == CHOICE:
        return _choices(column.choices).get(plain(text), text)
    if column.type in {INTEGER, MONEY}:
        return _read_number(text)
    if column.type == NIP:
        return _read_nip(text)
    return text


def shown_text(column: Column, text: str) -> str:
    """A value of the data as one would type it."""
    labels = dict(column.choices)
    return labels[text] if text in labels and uses_labels(column) else text


def uses_labels(column: Column) -> bool:
    """Whether a list to choose from has labels; those that only explain the value would make it long."""
    return all("," not in label for _, label in column.choices)


def read_date(text: str) -> str:
    """``2026-03-01`` for ``1/3/2026``, ``01-03-2026`` or ``1 Maret 2026``; the day stands first, as in Indonesia."""
    if found := _ISO.fullmatch(text):
        year, month, day = (int(part) for part in found.groups())
    elif found := _NUMBERS.fullmatch(text):
        day, month, year = (int(part) for part in found.groups())
    elif (found := _WORDS.fullmatch(text)) and found[2].lower() in _MONTHS:
        day, month, year = int(found[1]), _MONTHS[found[2].lower()], int(found[3])
    else:
        return text
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return text  # the thirtieth of February is for validation to name


def plain(text: str) -> str:
    """Small letters and digits, by which spellings are compared: ``III b`` and ``III/b``."""
    return re.sub(r"[\W_]+", "", re.sub(r"\btk\b\.?", "tingkat", text.casefold()))


@lru_cache(maxsize=256)
def _choices(choices: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Value by every spelling that means it alone: itself, its label, and what stands before the label's comma."""
    found: dict[str, str] = {}
    found.update({plain(label.split(",")[0]): value for value, label in choices})
    found.update({plain(label): value for value, label in choices})
    found.update({plain(value): value for value, _ in choices})
    return found


def _read_nip(text: str) -> str:
    """Without spaces and points. What a spreadsheet program has rounded to fifteen digits ends in three zeros, and no
    NIP does: those digits count from 001."""
    bare = _NIP_MARKS.sub("", text).removeprefix("NIP").removeprefix(":")
    if len(bare) == _NIP_DIGITS and bare.endswith("000") and bare.isdecimal():
        return UNREADABLE
    return bare if bare.isdecimal() else text


def _read_number(text: str) -> str:
    bare = _RUPIAH.sub("", text).strip()
    if grouped := _GROUPED.fullmatch(bare):
        return re.sub(r"[.,]", "", grouped[1] or grouped[2])
    whole = _WHOLE.fullmatch(bare)
    return whole[1] if whole else text
