"""Sheets in Office Open XML (ECMA-376, .xlsx). The only place that knows openpyxl; runs in the cage."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import islice, pairwise
from typing import Any, Final
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from svc.sheets import (
    CHOICES_SHEET,
    DATA_SHEET,
    DIGITS_LOST,
    ERROR_VALUE,
    GUIDE_SHEET,
    MIB,
    MOST_SHEETS,
    NO_RESULT,
    SheetLimits,
    SheetRefused,
    SheetTable,
)
from svc.sheets_table import Cell, RawRow, build_table, fault, tidy_name, tidy_text

ZIP: Final = b"PK\x03\x04"
OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of .xls, and of workbooks with a password
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_OURS_BESIDE: Final = frozenset({GUIDE_SHEET.lower(), CHOICES_SHEET.lower()})
_LOOKED_AT: Final = 100  # rows of a sheet that is not read, to see whether anything is in it
_MAX_PARTS: Final = 2000
_BOM, _XML_STARTS = b"\xef\xbb\xbf", (b"<", b"\xff\xfe", b"\xfe\xff")
_DECLARED: Final = re.compile(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_ENCODINGS: Final = frozenset({b"utf-8", b"us-ascii", b"ascii"})
_FORMULA: Final = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?f[\s/>]")
_ROW: Final = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?row\s(?:[^>]*?\s)?r=[\"']([0-9]{1,9})[\"']")
_LAST_LINE: Final = 1_048_576
_CERTAIN: Final = 10**15  # a number holds fifteen digits for certain, and a NIP has eighteen
# openpyxl fails on files that are not what they say in all of these ways.
_BROKEN: Final = (zipfile.BadZipFile, zlib.error, InvalidFileException, ParseError, SyntaxError, ValueError, KeyError,
                  TypeError, AttributeError, IndexError, OSError, EOFError, NotImplementedError, RuntimeError,
                  OverflowError)


def read_xlsx(data: bytes, limits: SheetLimits) -> SheetTable:
    """The table on the sheet named “Data”, or on the first that is visible; it tells which other visible ones were
    left out. Numbers keep their digits, dates become ``YYYY-MM-DD``, formulas give the result that was saved with them.

    :raises SheetRefused: it is no such workbook, or more than the limits allow
    """
    if len(data) > limits.file_bytes:
        raise SheetRefused("sheet_too_large", {"limit": limits.file_bytes // MIB})
    if data.startswith(OLE):
        raise SheetRefused("sheet_encrypted" if _ENCRYPTED in data else "sheet_old_format")
    try:
        has_formulas = _look_at_parts(data, limits)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that it leaves out
            unanswered = _formulas(data, limits) if has_formulas else frozenset()
            sheet = _open(data, data_only=True)
            table = build_table(_read(sheet, limits, unanswered), limits)
            left_out = _left_out(sheet)
            return replace(table, sheet=tidy_name(sheet.title), left_out=left_out) if left_out else table
    except _BROKEN as error:
        raise SheetRefused("sheet_broken") from error


def _look_at_parts(data: bytes, limits: SheetLimits) -> bool:
    """Whether any sheet has formulas. What a part unpacks to is no more than it says, or its reading fails.

    :raises SheetRefused: macros, too much, or XML that declares entities or an unusual encoding
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.infolist()
        names = {part.filename for part in parts}
        if len(names) != len(parts) or len(parts) > _MAX_PARTS:
            raise SheetRefused("sheet_broken")
        if "[Content_Types].xml" not in names or not any(name.startswith("xl/") for name in names):
            raise SheetRefused("sheet_not_a_table")
        if any(part.flag_bits & 1 for part in parts):
            raise SheetRefused("sheet_encrypted")
        if any(name.lower().endswith("vbaproject.bin") for name in names):
            raise SheetRefused("sheet_has_macros")
        if sum(part.file_size for part in parts) > limits.unpacked_bytes:
            raise SheetRefused("sheet_too_large", {"limit": limits.unpacked_bytes // MIB})
        found = [_look_at_part(part.filename, archive.open(part).read(part.file_size)) for part in parts]
        return any(found)


def _look_at_part(name: str, text: bytes) -> bool:
    """Whether the part has formulas. :raises SheetRefused: no spreadsheet program writes such XML"""
    text = text.removeprefix(_BOM)
    if not text.lstrip().startswith(_XML_STARTS):
        return False  # a picture; what is named otherwise may still be XML, and be asked for as such
    declared = _DECLARED.match(text)
    # A document type is where entities come from; other encodings could hide one.
    if b"\0" in text or b"<!DOCTYPE" in text or (declared and declared[1].lower() not in _ENCODINGS):
        raise SheetRefused("sheet_broken")
    if name == "[Content_Types].xml" and b"macroEnabled" in text:
        raise SheetRefused("sheet_has_macros")
    if not name.startswith("xl/worksheets/"):
        return False
    lines = [int(found[1]) for found in _ROW.finditer(text)]
    if any(after <= before for before, after in pairwise(lines)) or lines[-1:] > [_LAST_LINE]:
        raise SheetRefused("sheet_broken")  # rows out of order would be passed over in silence
    return _FORMULA.search(text) is not None


def _open(data: bytes, *, data_only: bool) -> Any:
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=data_only, keep_links=False)
    visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    named = [sheet for sheet in visible if _name_of(sheet) == DATA_SHEET.lower()]
    if not visible:
        raise SheetRefused("sheet_broken")
    sheet = (named or visible)[0]
    sheet.reset_dimensions()  # what a file says of its size need not be so
    return sheet


def _name_of(sheet: Any) -> str:
    return str(sheet.title).strip().lower()


def _left_out(read: Any) -> tuple[str, ...]:
    """Names of the other visible sheets with anything in them; not those that our own workbooks have besides."""
    others = [sheet for sheet in read.parent.worksheets if sheet is not read and sheet.sheet_state == "visible"]
    if _name_of(read) == DATA_SHEET.lower():
        others = [sheet for sheet in others if _name_of(sheet) not in _OURS_BESIDE]
    return tuple(tidy_name(sheet.title) for sheet in others[:MOST_SHEETS] if _has_content(sheet))


def _has_content(sheet: Any) -> bool:
    sheet.reset_dimensions()
    rows = islice(sheet.iter_rows(max_col=_LOOKED_AT, values_only=True), _LOOKED_AT)
    return any(value is not None for row in rows for value in row)


def _formulas(data: bytes, limits: SheetLimits) -> frozenset[tuple[int, int]]:
    """Line and column (from 1 and 0) of every formula."""
    found: set[tuple[int, int]] = set()
    before = None
    for line, row in enumerate(_open(data, data_only=False).iter_rows(max_col=limits.columns + 1), start=1):
        if row is not before:  # rows that the file leaves out are all the same one
            found.update((line, column) for column, cell in enumerate(row) if cell.data_type == "f")
        before = row
    return frozenset(found)


def _read(sheet: Any, limits: SheetLimits, formulas: frozenset[tuple[int, int]]) -> Iterator[RawRow]:
    # One column more than may be, so that a sheet too wide is seen to be.
    rows = sheet.iter_rows(max_col=limits.columns + 1, values_only=True)
    lines, width = {line for line, _column in formulas}, 0
    for line, row in enumerate(rows, start=1):
        if line in lines:
            yield line, [fault(NO_RESULT) if value is None and (line, column) in formulas else _cell(value)
                         for column, value in enumerate(row)]
        elif row.count(None) < len(row):  # one forgotten format at the bottom makes a million empty rows
            if row[width:].count(None) < len(row) - width:  # wider than any before
                width = len(row) - next(at for at, value in enumerate(reversed(row)) if value is not None)
            yield line, [_cell(value) for value in row[:width]]


def _cell(value: object) -> Cell:
    if value is None:
        return ""
    if isinstance(value, str):
        return tidy_text(value)
    if isinstance(value, bool):
        return "ya" if value else "tidak"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, datetime):
        midnight = value.time() == time(0)
        return value.date().isoformat() if midnight else value.isoformat(" ", "minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.isoformat("minutes")
    return str(value) if isinstance(value, timedelta) else fault(ERROR_VALUE)


def _number(value: float) -> Cell:
    if not abs(value) < _CERTAIN:  # also what is no number
        return fault(DIGITS_LOST)
    if value == int(value):
        return str(int(value))
    text = f"{value:.15g}"
    return text if "e" not in text else f"{value:.20f}".rstrip("0")
