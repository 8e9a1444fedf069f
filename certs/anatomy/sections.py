"""Cross-reference sections as the bytes show them: tables, streams, hybrids (ISO 32000-2 7.5.4 to 7.5.8)."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

from certs.anatomy.findings import Limits, Refused
from certs.anatomy.tokens import (
    BLANK_OR_COMMENT,
    OBJECT_HEADER,
    STREAM_END,
    STREAM_START,
    WHITESPACE,
    Entries,
    Name,
    Reader,
    Value,
)

_SUBSECTION = re.compile(rb"[\x00\t\n\x0c\r ]*+(\d{1,10}) {1,2}(\d{1,10}) {0,2}(?:\r\n|\r|\n)")
_ROWS = re.compile(rb"(\d{10}) (\d{5}) ([nf]) ?(?:\r\n|\r|\n)")
_TIDY_HEAD = re.compile(rb"(?:xref ?(?:\r\n|\r|\n)|\r|\n)\d{1,10} \d{1,10} ?(?:\r\n|\r|\n)")
_ROW = 20
_REGULAR_ROWS = re.compile(rb"(\d{10}) (\d{5}) ([nf])(?: \r| \n|\r\n)")
_TRAILER = re.compile(rb"[\x00\t\n\x0c\r ]*+trailer(?![0-9A-Za-z])")
_XREF = re.compile(rb"xref(?![0-9A-Za-z])")
_MAX_WIDTH = 8
_WIDEST_KIND = 4  # for Poppler, whose kinds are of four bytes


class Kind(IntEnum):
    """What an entry says of an object; the numbers are those of cross-reference streams."""

    FREE = 0
    AT_OFFSET = 1
    IN_STREAM = 2


_KINDS = {b"n": Kind.AT_OFFSET, b"f": Kind.FREE}


class Entry(NamedTuple):
    """``AT_OFFSET``: byte offset and generation; ``IN_STREAM``: stream's object number and index; ``FREE``:
    next free object and next generation."""

    kind: Kind
    first: int
    second: int


@dataclass(frozen=True)
class Section:
    """One section with its trailer. ``own`` is the object number where it is a stream (None for a table).

    ``is_tidy``: it is written as ISO 32000-2 7.5.4 says, so that no reader finds it damaged.
    """

    start: int
    end: int
    entries: dict[int, Entry]
    trailer: Entries
    own: int | None
    hybrid: Section | None = None
    is_tidy: bool = True

    @property
    def size(self) -> int:
        return self.trailer.integer(b"Size") or 0

    @property
    def merged(self) -> dict[int, Entry]:
        """Entries of the section with its hybrid part, which speaks where the table says *free* or nothing."""
        if self.hybrid is None:
            return self.entries
        hidden = {
            number: entry
            for number, entry in self.hybrid.entries.items()
            if self.entries.get(number, entry).kind is Kind.FREE or number not in self.entries
        }
        return self.entries | hidden


def read_section(data: bytes, start: int, budget: int, limits: Limits) -> Section:
    """The section at ``start``; white space before it is skipped. ``budget`` is how many entries it may have.

    :raises Refused: xref_malformed, xref_size_absurd, xref_width_absurd, too_many_objects, malformed_object
    """
    if not 0 < start < len(data):
        raise Refused("xref_malformed", min(max(start, 0), len(data)), "address outside the file")
    space = WHITESPACE.match(data, start)
    start = space.end() if space else start
    table = _XREF.match(data, start)
    if table is None:
        return _read_stream(data, start, budget, limits)
    section = _read_table(data, start, table.end(), budget, limits)
    beside = section.trailer.get(b"XRefStm")
    if beside is None:
        return section
    if not isinstance(beside, int) or not 0 < beside < len(data):
        raise Refused("xref_malformed", section.start, "hybrid part outside the file")
    hybrid = _read_stream(data, beside, budget - len(section.entries), limits)
    return replace(section, hybrid=hybrid)


def _read_table(data: bytes, start: int, position: int, budget: int, limits: Limits) -> Section:
    entries: dict[int, Entry] = {}
    is_tidy = True
    while (trailer := _TRAILER.match(data, position)) is None:
        head = _SUBSECTION.match(data, position)
        if head is None:
            raise Refused("xref_malformed", position, "neither subsection nor trailer")
        first, count = int(head.group(1)), int(head.group(2))
        if first + count > limits.objects or len(entries) + count > budget:
            raise Refused("too_many_objects", position)
        # A line of its own, right behind the word or the last row.
        before = position - 1 if entries else position - len(b"xref")
        is_tidy &= count > 0 and _TIDY_HEAD.fullmatch(data, before, head.end()) is not None
        position = head.end()
        if _take_regular_rows(data, position, first, count, entries):
            position += _ROW * count
            continue
        is_tidy = False
        for number in range(first, first + count):
            row = _ROWS.match(data, position)
            if row is None:
                raise Refused("xref_malformed", position, "a row that is none")
            if number in entries:
                raise Refused("xref_malformed", position, f"object {number} twice in one section")
            kind = Kind.AT_OFFSET if row.group(3) == b"n" else Kind.FREE
            entries[number] = Entry(kind, int(row.group(1)), int(row.group(2)))
            position = row.end()
    dictionary, end = Reader(data, len(data), limits).dictionary(trailer.end())
    _check_trailer(dictionary, start, limits)
    # A table that begins with an object 1 that is free begins for Poppler and pdf.js with object 0.
    is_shifted = next(iter(entries), 0) == 1 and _is_free(entries, 1)
    return Section(start, end, entries, dictionary, None,
                   is_tidy=is_tidy and not is_shifted and _is_free(entries, 0))


def _is_free(entries: dict[int, Entry], number: int) -> bool:
    return number not in entries or entries[number].kind is Kind.FREE


def _take_regular_rows(data: bytes, position: int, first: int, count: int, entries: dict[int, Entry]) -> bool:
    """Rows of exactly 20 bytes, as ISO 32000-2 7.5.4 has them, all at once; False: some are not, or said before."""
    rows = _REGULAR_ROWS.findall(data, position, position + _ROW * count)
    numbers = range(first, first + count)
    if len(rows) != count or not entries.keys().isdisjoint(numbers):
        return False
    entries.update(zip(numbers, [
        Entry(_KINDS[letter], int(offset), int(generation)) for offset, generation, letter in rows], strict=True))
    return True


def _check_trailer(trailer: Entries, start: int, limits: Limits) -> None:
    if trailer.repeated():
        raise Refused("duplicate_keys", start, "in a trailer")
    size = trailer.integer(b"Size")
    if size is None or not 0 < size <= limits.objects:
        raise Refused("xref_size_absurd", start)
    if trailer.get(b"Encrypt") is not None:
        raise Refused("encrypted", start)
    previous = trailer.get(b"Prev")
    if previous is not None and not isinstance(previous, int):
        raise Refused("xref_malformed", start, "Prev is no number")


def _read_stream(data: bytes, start: int, budget: int, limits: Limits) -> Section:
    head = OBJECT_HEADER.match(data, start)
    if head is None:
        raise Refused("xref_malformed", start, "neither table nor stream")
    dictionary, end = Reader(data, len(data), limits).dictionary(head.end())
    if dictionary.get(b"Type") != Name(b"XRef"):
        raise Refused("xref_malformed", start, "an object that is no cross-reference stream")
    if dictionary.get(b"XRefStm") is not None:  # belongs to tables, but MuPDF follows it from here, too
        raise Refused("xref_malformed", start, "a stream with a hybrid part")
    _check_trailer(dictionary, start, limits)
    gap = BLANK_OR_COMMENT.match(data, end)
    keyword = STREAM_START.match(data, gap.end() if gap else end)
    length = dictionary.integer(b"Length")
    if keyword is None or length is None or length < 0:
        raise Refused("xref_malformed", start, "stream without length")
    finish = STREAM_END.match(data, keyword.end() + length)
    if finish is None:
        raise Refused("stream_length_wrong", start, "cross-reference stream")
    widths, runs = _shape(dictionary, start, limits)
    if sum(count for _, count in runs) > budget:
        raise Refused("too_many_objects", start)
    rows = _rows(data[keyword.end() : keyword.end() + length], dictionary, widths, runs, start)
    entries = _entries(rows, widths, runs, start)
    return Section(start, finish.end(), entries, dictionary, int(head.group(1)),
                   is_tidy=_is_free(entries, 0) and widths[0] <= _WIDEST_KIND)


def _shape(dictionary: Entries, start: int, limits: Limits) -> tuple[list[int], list[tuple[int, int]]]:
    """Column widths, and runs of object numbers as (first, count)."""
    widths = _integers(dictionary.get(b"W"), start)
    if len(widths) != 3 or not all(0 <= one <= _MAX_WIDTH for one in widths) or widths[1] == 0:
        raise Refused("xref_width_absurd", start)
    index = dictionary.get(b"Index")
    size = dictionary.integer(b"Size") or 0
    numbers = [0, size] if index is None else _integers(index, start)
    runs = list(zip(numbers[::2], numbers[1::2], strict=False))
    if len(numbers) % 2 or not all(first >= 0 and 0 <= count <= limits.objects for first, count in runs):
        raise Refused("xref_malformed", start, "Index")
    if any(first + count > limits.objects for first, count in runs):
        raise Refused("too_many_objects", start)
    return widths, runs


def _integers(value: Value | None, start: int) -> list[int]:
    if not isinstance(value, tuple) or not all(isinstance(one, int) for one in value):
        raise Refused("xref_malformed", start, "not a list of numbers")
    return [one for one in value if isinstance(one, int)]


def _rows(packed: bytes, dictionary: Entries, widths: list[int], runs: list[tuple[int, int]], start: int) -> bytes:
    width, count = sum(widths), sum(number for _, number in runs)
    kind = _single(dictionary.get(b"Filter"))
    predictor, columns = _predictor(_single(dictionary.get(b"DecodeParms")))
    if predictor >= 10 and columns != width:
        raise Refused("xref_malformed", start, "columns of the predictor")
    expected = count * (width + (1 if predictor >= 10 else 0))
    if kind == Name(b"FlateDecode"):
        packed = _inflate(packed, expected, start)
    elif kind is not None:
        raise Refused("xref_malformed", start, "filter")
    if len(packed) != expected:
        raise Refused("xref_malformed", start, "length of the rows")
    return _unpredict(packed, width, start) if predictor >= 10 else packed


def _single(value: Value | None) -> Value | None:
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


def _predictor(parameters: Value | None) -> tuple[int, int]:
    if not isinstance(parameters, Entries):
        return 1, 1
    return parameters.integer(b"Predictor") or 1, parameters.integer(b"Columns") or 1


def _inflate(packed: bytes, expected: int, start: int) -> bytes:
    machine = zlib.decompressobj()
    try:
        data = machine.decompress(packed, expected + 1)
    except zlib.error as error:
        raise Refused("xref_malformed", start, "damaged compression") from error
    return data


def _unpredict(data: bytes, width: int, start: int) -> bytes:
    """Undo the PNG filters (ISO 15948 clause 9) at one byte a sample."""
    output, above = bytearray(), bytes(width)
    for at in range(0, len(data), width + 1):
        kind, row = data[at], bytearray(data[at + 1 : at + 1 + width])
        if kind == 2:
            row = bytearray((one + up) & 255 for one, up in zip(row, above, strict=True))
        elif kind:
            _unfilter(kind, row, above, start)
        output += row
        above = bytes(row)
    return bytes(output)


def _unfilter(kind: int, row: bytearray, above: bytes, start: int) -> None:
    for column in range(len(row)):
        left = row[column - 1] if column else 0
        corner = above[column - 1] if column else 0
        if kind == 1:
            guess = left
        elif kind == 3:
            guess = (left + above[column]) // 2
        elif kind == 4:
            guess = _paeth(left, above[column], corner)
        else:
            raise Refused("xref_malformed", start, "filter of a row")
        row[column] = (row[column] + guess) & 255


def _paeth(left: int, up: int, corner: int) -> int:
    estimate = left + up - corner
    return min((left, up, corner), key=lambda one: abs(estimate - one))


def _entries(rows: bytes, widths: list[int], runs: list[tuple[int, int]], start: int) -> dict[int, Entry]:
    entries: dict[int, Entry] = {}
    one, two, width = widths[0], widths[0] + widths[1], sum(widths)
    at = 0
    for first, count in runs:
        for number in range(first, first + count):
            kind = int.from_bytes(rows[at : at + one], "big") if one else 1
            if kind > 2 or number in entries:
                raise Refused("xref_malformed", start, f"object {number}: unknown kind, or twice")
            second = int.from_bytes(rows[at + one : at + two], "big")
            entries[number] = Entry(Kind(kind), second, int.from_bytes(rows[at + two : at + width], "big"))
            at += width
    return entries
