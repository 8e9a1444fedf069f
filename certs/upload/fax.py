"""Fax pictures (CCITT group 4), row by row: every code is the standard's, every row as long as the next, none missing.

At a code that is none, one reader skips to the end of the row, another ends the picture, the next goes on in the midst
of it. A scanner writes none.
"""

from __future__ import annotations

import re
from typing import Any, Final

from certs.upload.book import DamagedPictureError, NotByTheBookError, TooMuchError, UncheckedPictureError

_WHITE: Final = """
00110101 000111 0111 1000 1011 1100 1110 1111 10011 10100 00111 01000 001000 000011 110100 110101 101010 101011
0100111 0001100 0001000 0010111 0000011 0000100 0101000 0101011 0010011 0100100 0011000 00000010 00000011 00011010
00011011 00010010 00010011 00010100 00010101 00010110 00010111 00101000 00101001 00101010 00101011 00101100 00101101
00000100 00000101 00001010 00001011 01010010 01010011 01010100 01010101 00100100 00100101 01011000 01011001 01011010
01011011 01001010 01001011 00110010 00110011 00110100 11011 10010 010111 0110111 00110110 00110111 01100100 01100101
01101000 01100111 011001100 011001101 011010010 011010011 011010100 011010101 011010110 011010111 011011000
011011001 011011010 011011011 010011000 010011001 010011010 011000 010011011
"""
_BLACK: Final = """
0000110111 010 11 10 011 0011 0010 00011 000101 000100 0000100 0000101 0000111 00000100 00000111 000011000
0000010111 0000011000 0000001000 00001100111 00001101000 00001101100 00000110111 00000101000 00000010111 00000011000
000011001010 000011001011 000011001100 000011001101 000001101000 000001101001 000001101010 000001101011 000011010010
000011010011 000011010100 000011010101 000011010110 000011010111 000001101100 000001101101 000011011010 000011011011
000001010100 000001010101 000001010110 000001010111 000001100100 000001100101 000001010010 000001010011 000000100100
000000110111 000000111000 000000100111 000000101000 000001011000 000001011001 000000101011 000000101100 000001011010
000001100110 000001100111 0000001111 000011001000 000011001001 000001011011 000000110011 000000110100 000000110101
0000001101100 0000001101101 0000001001010 0000001001011 0000001001100 0000001001101 0000001110010 0000001110011
0000001110100 0000001110101 0000001110110 0000001110111 0000001010010 0000001010011 0000001010100 0000001010101
0000001011010 0000001011011 0000001100100 0000001100101
"""
_LONG: Final = """
00000001000 00000001100 00000001101 000000010010 000000010011 000000010100 000000010101 000000010110 000000010111
000000011100 000000011101 000000011110 000000011111
"""
_VERTICAL: Final = {"011": 1, "010": -1, "000011": 2, "000010": -2, "0000011": 3, "0000010": -3}
_END = "000000000001" * 2
_STRAIGHT = re.compile("1+")
_PASS, _RUNS, _VERTICALLY = range(3)
_MOST = 2 * 1024 * 1024
_COLUMNS = 1728  # where nothing else is said
_PADDING = 32  # bits
_FIRST = b"\1"  # or the zeros behind it would get lost
_SPACE = b"\0\t\n\f\r "


def _table(width: int, codes: dict[str, int]) -> list[tuple[int, int] | None]:
    """By the next bits, what they mean and how many count."""
    table: list[tuple[int, int] | None] = [None] * 2**width
    for code, meaning in codes.items():
        first = int(code, 2) << (width - len(code))
        table[first:first + 2**(width - len(code))] = [(meaning, len(code))] * 2**(width - len(code))
    return table


def _runs(codes: str) -> list[tuple[int, int] | None]:
    return _table(13, {code: at if at < 64 else (at - 63) * 64 for at, code in enumerate((codes + _LONG).split())})


_LENGTHS: Final = (_runs(_WHITE), _runs(_BLACK))
_MODES: Final = _table(7, {
    "0001": _PASS, "001": _RUNS, **{code: _VERTICALLY + 3 + by for code, by in _VERTICAL.items()}})


def ensure_whole(data: bytes, size: tuple[int, int], parameters: Any) -> None:
    """Go through all rows.

    :raises NotByTheBookError: the parameters tell another size
    :raises DamagedPictureError: a code that is none, or more or fewer rows than the dictionary says
    :raises UncheckedPictureError: not of group 4
    :raises TooMuchError: more than can be looked at
    """
    if parameters.get("/Columns", _COLUMNS) != size[0] or parameters.get("/Rows", 0) not in {0, size[1]}:
        raise NotByTheBookError("a fax of another size")
    if not parameters.get("/K", 0) < 0:
        raise UncheckedPictureError("a fax of group 3")
    if len(data) > _MOST:
        raise TooMuchError("a fax of too many bytes")
    bits = f"{int.from_bytes(_FIRST + data, 'big'):b}"[1:]
    is_aligned = parameters.get("/EncodedByteAlign", False) is True
    at, row = 0, [size[0]] * 4
    for _ in range(size[1]):
        at, row = _row(bits, at, row, size[0])
        if is_aligned:
            at = (at + 7) // 8 * 8
    if bits.startswith(_END, at):
        at += len(_END)
    left = bits[at:]
    begin = (at + 7) // 8
    if len(left) > _PADDING or "1" in bits[at:8 * begin] or data[begin:].strip(_SPACE):
        raise DamagedPictureError("a fax of more rows, or that is damaged")


def _row(bits: str, at: int, above: list[int], columns: int) -> tuple[int, list[int]]:
    """Where the next row begins, and where this one changes colour."""
    row: list[int] = []
    here, index = -1, 0
    while here < columns:
        index = _next(above, max(index - 2, 0), here, len(row) & 1, columns)
        straight = _STRAIGHT.match(bits, at)
        if straight:
            taken = above[index:index + straight.end() - at]
            if columns in taken:
                taken = taken[:taken.index(columns) + 1]
            row += taken
            at += len(taken)
            index += len(taken)
            here = taken[-1]
            continue
        mode, size = _code(_MODES, bits, at, 7)
        at += size
        if mode == _PASS:
            here = above[index + 1]
            size = 0 if here < columns else -1
        elif mode == _RUNS:
            first, at = _run(bits, at, len(row) & 1)
            second, at = _run(bits, at, ~len(row) & 1)
            size = -1 if (here >= 0 and not first) or (not second and max(here, 0) + first < columns) else 0
            row += [max(here, 0) + first, max(here, 0) + first + second]
            here = row[-1]
        else:
            there = above[index] + mode - _VERTICALLY - 3
            size, here = there - here - 1, there
            row.append(here)
        if here > columns or size < 0:
            raise DamagedPictureError("a fax with a row that goes back, or too far")
    return at, [*(one for one in row if one < columns), *[columns] * 4]


def _next(above: list[int], index: int, here: int, colour: int, columns: int) -> int:
    """The next place where the row above changes to the other colour."""
    index += (index & 1) ^ colour
    while here >= above[index] < columns:
        index += 2
    return index


def _code(table: list[tuple[int, int] | None], bits: str, at: int, width: int) -> tuple[int, int]:
    code = table[int(bits[at:at + width].ljust(width, "0"), 2)]
    if code is None:
        raise DamagedPictureError("a fax with a code that is none")
    return code


def _run(bits: str, at: int, colour: int) -> tuple[int, int]:
    length = 0
    while True:
        more, size = _code(_LENGTHS[colour], bits, at, 13)
        length += more
        at += size
        if more < 64:
            return length, at
