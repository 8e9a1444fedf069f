"""Fonts in a file, of whose programs every reader takes the same letter for the same code.

A program that a reader cannot use it replaces by a font of the system's. A TrueType font may hold several tables from
codes to letters (OpenType, cmap). A font with an encoding of the standard's is looked up by names; of one without, each
reader tries the tables in an order of its own. Where the tables do not agree, one shows another figure than the next.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pikepdf

from certs.upload import letters
from certs.upload.book import NotByTheBookError

_PRINTED = range(33, 127)  # figures, letters and signs; above them, the tables rightly differ in their codes
_PRIVATE = (0xF000, 0xF100, 0xF200)  # where symbol tables put the codes
_SHIFTED = 0xF000
_NEEDED = frozenset({b"glyf", b"loca", b"head", b"hhea", b"hmtx", b"maxp"})
_SYMBOL, _UNICODE = (3, 0), (3, 1)
_USABLE, _ANY_UNICODE = frozenset({(1, 0), _SYMBOL, _UNICODE}), 0
_SIGNS = 4  # the flag of a font whose letters are not those of the standard's encodings
_ENCODINGS = ("/WinAnsiEncoding", "/MacRomanEncoding")
_TRUETYPE = (b"\0\1\0\0", b"true")
_COMPACT = (b"\1\0", b"OTTO")
# What the program of each kind of font begins with, by where it hangs.
_HEADS: dict[str, dict[str, tuple[bytes, ...]]] = {
    "/Type1": {"/FontFile": (b"%!", b"\x80\1"), "/FontFile3": _COMPACT},
    "/MMType1": {"/FontFile": (b"%!", b"\x80\1"), "/FontFile3": _COMPACT},
    "/TrueType": {"/FontFile2": _TRUETYPE, "/FontFile3": _TRUETYPE},
    "/CIDFontType0": {"/FontFile3": _COMPACT},
    "/CIDFontType2": {"/FontFile2": (*_TRUETYPE, b"OTTO"), "/FontFile3": (*_TRUETYPE, b"OTTO")},
}
_OF_ONE_BYTE = ("/Type1", "/MMType1", "/TrueType")
_ENCODED_OTHERWISE = ("/CIDFontType0", "/CIDFontType2")
_MOST_TABLES, _MOST_SEGMENTS = 16, 20_000

_Table = dict[int, int]


def ensure_plain(document: pikepdf.Pdf) -> None:
    """Look at every font of one byte a code.

    :raises NotByTheBookError: a program of another kind, no widths, or tables that contradict each other
    """
    for item in document.objects:
        if not isinstance(item, pikepdf.Dictionary):
            continue
        if (item.get("/Subtype") in _OF_ONE_BYTE and "/BaseFont" in item) or "/CharProcs" in item:
            letters.ensure_known(item)
        if item.get("/Subtype") not in _HEADS:
            continue
        descriptor = item.get("/FontDescriptor")
        for key in ("/FontFile", "/FontFile2", "/FontFile3"):
            program = descriptor.get(key) if isinstance(descriptor, pikepdf.Dictionary) else None
            if isinstance(program, pikepdf.Stream):
                _ensure_same(item, descriptor, key, program.read_bytes())


def _ensure_same(font: Any, descriptor: Any, key: str, program: bytes) -> None:
    if not program.startswith(_HEADS[str(font.Subtype)].get(key, ())):
        raise NotByTheBookError("a font's program of another kind, or none")
    if font.Subtype not in _ENCODED_OTHERWISE:
        widths = font.get("/Widths")
        if not isinstance(widths, pikepdf.Array) or "/FirstChar" not in font or any(
                not isinstance(one, int | Decimal) or one < 0 for one in widths):
            raise NotByTheBookError("a font without widths")
    if font.Subtype == "/TrueType":
        _ensure_agreement(program, font, _is_by_name(font, descriptor))


def _is_by_name(font: Any, descriptor: Any) -> bool:
    return font.get("/Encoding") in _ENCODINGS and not int(descriptor.get("/Flags", 4)) & _SIGNS


def _ensure_agreement(program: bytes, font: Any, is_by_name: bool) -> None:
    try:
        tables = {kind: table for kind, table in _tables(program) if table}
    except (struct.error, IndexError) as error:
        raise NotByTheBookError("a font whose tables cannot be read") from error
    if not any(kind in _USABLE or kind[0] == _ANY_UNICODE for kind in tables):
        raise NotByTheBookError("a font without a table from codes to letters")
    if is_by_name and _UNICODE in tables:
        return
    used = range(int(font.FirstChar), int(font.FirstChar) + len(font.Widths))
    for code in _PRINTED:
        found = [{table.get(one, 0) for one in _places(kind, code)} - {0} for kind, table in tables.items()]
        if len(set().union(*found)) > 1:
            raise NotByTheBookError(f"a font with several letters for {chr(code)!r}")
        if code in used and any(found) and not all(found):
            raise NotByTheBookError(f"a font in which one table has no {chr(code)!r}")
    symbols = tables.get(_SYMBOL, {})
    if symbols and not any(one < 256 or one >> 8 == _SHIFTED >> 8 for one in symbols):
        raise NotByTheBookError("a font of signs whose codes stand elsewhere")


def _places(kind: tuple[int, int], code: int) -> tuple[int, ...]:
    return (code, *(base + code for base in _PRIVATE)) if kind == _SYMBOL else (code,)


def _tables(program: bytes) -> Iterator[tuple[tuple[int, int], _Table]]:
    """By platform and encoding, what letter a code has."""
    places = {program[at:at + 4]: struct.unpack_from(">I", program, at + 8)[0]
              for at in range(12, 12 + 16 * struct.unpack_from(">H", program, 4)[0], 16)}
    if not set(places) >= _NEEDED:
        raise NotByTheBookError("a font that lacks tables")
    at = places.get(b"cmap", 0)
    if not at:
        return
    count = struct.unpack_from(">H", program, at + 2)[0]
    if count > _MOST_TABLES:
        raise NotByTheBookError("a font with too many tables")
    for entry in range(count):
        platform, encoding, offset = struct.unpack_from(">HHI", program, at + 4 + 8 * entry)
        yield (platform, encoding), _table(program, at + offset)


def _table(program: bytes, at: int) -> _Table:
    """The codes that matter here, of the formats that readers know."""
    form = struct.unpack_from(">H", program, at)[0]
    if form == 0:
        return dict(enumerate(struct.unpack_from(">256B", program, at + 6)))
    if form == 4:
        return _segmented(program, at)
    if form == 6:
        first, count = struct.unpack_from(">HH", program, at + 6)
        return dict(enumerate(struct.unpack_from(f">{count}H", program, at + 10), first))
    if form == 12:
        return _grouped(program, at)
    return {}


def _segmented(program: bytes, at: int) -> _Table:
    double = struct.unpack_from(">H", program, at + 6)[0]
    table: _Table = {}
    before = -1
    for segment in range(at, at + min(double, 2 * _MOST_SEGMENTS), 2):
        place = segment + 16 + 3 * double
        last, first = (struct.unpack_from(">H", program, segment + 14)[0],
                       struct.unpack_from(">H", program, segment + 16 + double)[0])
        before = _ensure_ordered(before, first, last)
        delta, leap = (struct.unpack_from(">H", program, segment + 16 + 2 * double)[0],
                       struct.unpack_from(">H", program, place)[0])
        for code in _wanted(first, last):
            letter = code
            if leap:
                letter = struct.unpack_from(">H", program, place + leap + 2 * (code - first))[0]
            table.setdefault(code, (letter + delta) & 0xFFFF if letter or not leap else 0)
    return table


def _grouped(program: bytes, at: int) -> _Table:
    table: _Table = {}
    before = -1
    for group in range(min(struct.unpack_from(">I", program, at + 12)[0], _MOST_SEGMENTS)):
        first, last, letter = struct.unpack_from(">III", program, at + 16 + 12 * group)
        before = _ensure_ordered(before, first, last)
        for code in _wanted(first, last):
            table.setdefault(code, letter + code - first)
    return table


def _ensure_ordered(before: int, first: int, last: int) -> int:
    """Ranges lie one behind the other, or readers that search in halves find another than those that go through."""
    if not before < first <= last:
        raise NotByTheBookError("a font with ranges of codes out of order")
    return last


def _wanted(first: int, last: int) -> Iterator[int]:
    """Of a range, the codes that are looked for, and one of it in any case."""
    for base in (0, *_PRIVATE):
        yield from range(max(first, base), min(last, base + 255) + 1)
    yield first
