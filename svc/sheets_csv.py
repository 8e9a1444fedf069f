"""Sheets in comma-separated values (RFC 4180), as spreadsheet programs and registers write them in Indonesia: any of
the usual encodings and separators."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from svc.sheets import MIB, SheetLimits, SheetRefused, SheetTable
from svc.sheets_table import RawRow, build_table, tidy_text

_SEPARATORS: Final = ",;\t|"
_SAMPLE_ROWS: Final = 20
_NOT_TEXT: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_HINT: Final = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # what Excel writes and hides
_SNIFFED: Final = 4096


def read_csv(data: bytes, limits: SheetLimits) -> SheetTable:
    """The table in this text: UTF-8 or UTF-16, with or without a byte order mark, else Windows-1252; parted by comma,
    semicolon, tab or bar, whichever makes more columns.

    :raises SheetRefused: it is no such text, or more than the limits allow
    """
    if len(data) > limits.file_bytes:
        raise SheetRefused("sheet_too_large", {"limit": limits.file_bytes // MIB})
    text = _decode(data)
    if _NOT_TEXT.search(text):
        raise SheetRefused("sheet_not_a_table")
    hint = _HINT.match(text)
    separator = hint[1] if hint else _separator_of(text)
    return build_table(_read(text[hint.end():] if hint else text, separator, 1 if hint else 0), limits)


def _decode(data: bytes) -> str:
    try:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return data.decode("utf-16")
        if (encoding := _utf16_without_mark(data[:_SNIFFED])) is not None:
            return data.decode(encoding)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
            raise SheetRefused("sheet_encoding") from error
    if b"\0" in data:
        raise SheetRefused("sheet_not_a_table")
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError as error:
        raise SheetRefused("sheet_encoding") from error


def _utf16_without_mark(sample: bytes) -> str | None:
    """Western text in UTF-16 has a zero in nearly every other place, and other text has none."""
    if len(sample) < 4:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd > half * 0.7 and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > half * 0.7 and odd == 0 else None


def _separator_of(text: str) -> str:
    """The one that gives the most columns in the first row, and of those the one that does so evenly."""
    def worth(separator: str) -> tuple[int, int]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        try:
            widths = [len(row) for row in islice(reader, _SAMPLE_ROWS) if row]
        except csv.Error:
            return 0, 0
        return (widths[0], sum(width == widths[0] for width in widths)) if widths else (0, 0)
    return max(_SEPARATORS, key=worth)


def _read(text: str, separator: str, lines_before: int) -> Iterator[RawRow]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for row in reader:
            yield line + lines_before, [tidy_text(cell) for cell in row]
            line = reader.line_num + 1
    except csv.Error as error:
        raise SheetRefused("sheet_line_broken", {"line": line + lines_before}) from error
