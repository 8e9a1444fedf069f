"""From raw cells to a table: what is heading and what is row, how long it may be, and how a cell's text is trimmed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from svc.sheets import (
    DIGITS_LOST,
    ERROR_VALUE,
    SHEET_NAME_CHARS,
    UNREADABLE,
    CellFault,
    SheetLimits,
    SheetRefused,
    SheetRow,
    SheetTable,
    column_letter,
)

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r\n?")
# Signs by which people tell a program that a cell is text; also what our own sheets put before a formula.
_APOSTROPHE: Final = re.compile(r"'(?=[0-9=+\-@])")
_QUOTED_TEXT: Final = re.compile(r'="([^"]*)"')
_ROUNDED: Final = re.compile(r"[0-9](?:[.,][0-9]+)?E\+(?:1[5-9]|[2-9][0-9])", re.IGNORECASE)
_ERRORS: Final = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!"})

Cell = str | CellFault  # the column of a fault is set by the table
RawRow = tuple[int, Sequence[Cell]]


def fault(code: str) -> CellFault:
    """A fault whose column is not known yet."""
    return CellFault(-1, code)


def tidy_text(text: str) -> Cell:
    """A cell's text without what only a program cares for; a fault where it betrays that digits are lost."""
    if not text:
        return text
    if not text.isprintable():
        text = _CONTROL.sub(lambda found: "\n" if found[0][0] == "\r" else " ", text)
    text = text.strip().strip("\ufeff\u200b")
    if text[:2] == '="' and (quoted := _QUOTED_TEXT.fullmatch(text)):
        text = quoted[1].strip()
    if text[:1] == "'":
        text = _APOSTROPHE.sub("", text, count=1)
    if text in _ERRORS:
        return fault(ERROR_VALUE)
    if "+" in text and _ROUNDED.fullmatch(text):
        return fault(DIGITS_LOST)
    return text


def tidy_name(text: str) -> str:
    """The name of a sheet, on one line."""
    return _CONTROL.sub(" ", text).strip()[:SHEET_NAME_CHARS] or "?"


def build_table(raw: Iterable[RawRow], limits: SheetLimits) -> SheetTable:
    """The first row that is not empty gives the headings; rows that are empty are left out.

    :raises SheetRefused: no headings, a column without one, one that stands twice, or more than the limits allow
    """
    filled = ((line, _trimmed(cells)) for line, cells in raw)
    rows = ((line, cells) for line, cells in filled if cells)
    line, first = next(rows, (0, []))
    if not first:
        raise SheetRefused("sheet_no_headings")
    if len(first) > limits.columns:
        raise SheetRefused("sheet_too_many_columns", {"limit": limits.columns})
    headings = _headings(first, limits)
    kept = [index for index, heading in enumerate(headings) if heading]
    builder = _Rows(kept, limits)
    for line, cells in rows:
        builder.add(line, cells)
    return SheetTable(tuple(headings[index] for index in kept), tuple(builder.rows))


def _trimmed(cells: Sequence[Cell]) -> Sequence[Cell]:
    """Without the empty cells at its end."""
    end = len(cells)
    while end and not cells[end - 1]:
        end -= 1
    return cells[:end]


def _headings(cells: Sequence[Cell], limits: SheetLimits) -> list[str]:
    headings = ["" if isinstance(cell, CellFault) else " ".join(cell.split()) for cell in cells]
    for index, heading in enumerate(headings):
        if len(heading) > limits.heading_chars:
            raise SheetRefused("sheet_heading_too_long",
                               {"column": column_letter(index), "limit": limits.heading_chars})
        if heading and heading in headings[:index]:
            raise SheetRefused("sheet_heading_twice", {"heading": heading})
    return headings


class _Rows:
    """Rows as they come in, and how much of the limits is used."""

    def __init__(self, kept: Sequence[int], limits: SheetLimits) -> None:
        self.rows: list[SheetRow] = []
        self._place = {index: place for place, index in enumerate(kept)}
        self._width = len(kept)
        self._limits = limits
        self._bytes = 0

    def add(self, line: int, cells: Sequence[Cell]) -> None:
        if len(self.rows) >= self._limits.rows:
            raise SheetRefused("sheet_too_many_rows", {"limit": self._limits.rows})
        texts, faults = [""] * self._width, []
        for index, cell in enumerate(cells):
            if not cell:
                continue
            place = self._place.get(index)
            if place is None:
                raise SheetRefused("sheet_heading_missing", {"column": column_letter(index), "line": line})
            if isinstance(cell, CellFault):
                texts[place] = UNREADABLE
                faults.append(CellFault(place, cell.code))
                continue
            if len(cell) > self._limits.cell_chars:
                raise SheetRefused("sheet_cell_too_long", {
                    "column": column_letter(index), "line": line, "limit": self._limits.cell_chars})
            texts[place] = cell
        self._bytes += sum(map(len, texts)) if all(map(str.isascii, texts)) else len("".join(texts).encode(
            "utf-8", "replace"))
        if self._bytes > self._limits.text_bytes:
            raise SheetRefused("sheet_too_large", {"limit": self._limits.text_bytes // (1024 * 1024)})
        self.rows.append(SheetRow(line, tuple(texts), tuple(faults)))
