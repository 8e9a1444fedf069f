"""The names that a font's program gives its letters."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from itertools import pairwise

_KEY, _FACTOR, _ADDED, _LEADING = 55665, 52845, 22719, 4  # of the cipher of Type 1 programs, which is no secret
_MOST = 4 * 1024 * 1024
_CALLED = re.compile(rb"/([^\s/\[\](){}<>%]+)\s+\d+\s+(?:RD|-\||\S{1,12})\s")
_HEX = re.compile(rb"[0-9A-Fa-f\s]{8}")
_STANDARD = 391  # strings that every reader of compact fonts has; their letters are in the Adobe Glyph List
_CHARSET, _LETTERS, _BY_NUMBER = (15,), (17,), (12, 30)
_MACINTOSH = 258


def names_of_type1(program: bytes) -> frozenset[str]:
    """Of a Type 1 program; none where it cannot be read."""
    at = program.find(b"eexec")
    if at < 0:
        return frozenset()
    begin = at + 5
    while program[begin:begin + 1] in {b"\r", b"\n", b" ", b"\t"}:
        begin += 1
    packed = program[begin:begin + _MOST]
    if packed[:1] == b"\x80":  # in segments, as on disks
        packed = packed[6:]
    elif _HEX.match(packed):
        digits = re.sub(rb"[^0-9A-Fa-f]", b"", packed)
        packed = bytes.fromhex(digits[:len(digits) // 2 * 2].decode("ascii"))
    plain = _decipher(packed)
    letters = plain.find(b"/CharStrings")
    return frozenset(
        one.decode("latin-1") for one in _CALLED.findall(plain, letters + 12)) if letters >= 0 else frozenset()


def _decipher(packed: bytes) -> bytes:
    key, plain = _KEY, bytearray()
    for byte in packed:
        plain.append(byte ^ key >> 8)
        key = (byte + key) * _FACTOR + _ADDED & 0xFFFF
    return bytes(plain[_LEADING:])


def names_of_truetype(program: bytes) -> frozenset[str]:
    """The names of its own in a TrueType program (table post, format 2)."""
    try:
        at = dict(_tables(program)).get(b"post")
        if at is None or struct.unpack_from(">I", program, at)[0] != 0x20000:
            return frozenset()
        count = struct.unpack_from(">H", program, at + 32)[0]
        used = {one - _MACINTOSH for one in struct.unpack_from(f">{count}H", program, at + 34)}
    except struct.error:
        return frozenset()
    at += 34 + 2 * count
    names = set()
    for number in range(max(used, default=-1) + 1):
        if number in used and at < len(program):
            names.add(program[at + 1:at + 1 + program[at]].decode("latin-1"))
        at += 1 + program[at] if at < len(program) else 0
    return frozenset(names)


def names_of_compact(program: bytes) -> frozenset[str]:
    """The names of its own in a compact font (CFF), bare or in an OpenType font; or of a TrueType font in its place."""
    try:
        if program.startswith(b"OTTO"):
            program = program[dict(_tables(program))[b"CFF "]:]
        elif not program.startswith(b"\1"):
            return names_of_truetype(program)
        return _names_of_compact(program)
    except (struct.error, IndexError, KeyError):
        return frozenset()


def _names_of_compact(program: bytes) -> frozenset[str]:
    _, after = _index(program, program[2])
    tops, after = _index(program, after)
    strings, _ = _index(program, after)
    top = _dictionary(tops[0])
    if _BY_NUMBER in top or top.get(_CHARSET, 0) < 3:
        return frozenset()
    at = top[_LETTERS]
    count = struct.unpack_from(">H", program, at)[0]
    return frozenset(strings[one - _STANDARD].decode("latin-1") for one in _charset(program, top[_CHARSET], count - 1)
                     if 0 <= one - _STANDARD < len(strings))


def _tables(program: bytes) -> Iterator[tuple[bytes, int]]:
    for at in range(12, 12 + 16 * struct.unpack_from(">H", program, 4)[0], 16):
        yield program[at:at + 4], struct.unpack_from(">I", program, at + 8)[0]


def _index(program: bytes, at: int) -> tuple[list[bytes], int]:
    """The parts of a list, and the place behind it."""
    count = struct.unpack_from(">H", program, at)[0]
    if not count:
        return [], at + 2
    size = program[at + 2]
    ends = [int.from_bytes(program[one:one + size], "big") for one in range(at + 3, at + 3 + (count + 1) * size, size)]
    base = at + 2 + (count + 1) * size
    return [program[base + one:base + end] for one, end in pairwise(ends)], base + ends[-1]


def _dictionary(packed: bytes) -> dict[tuple[int, ...], int]:
    """The last number of each entry, where it is a whole one."""
    found: dict[tuple[int, ...], int] = {}
    at, value = 0, 0
    while at < len(packed):
        first = packed[at]
        size = {28: 3, 29: 5, 12: 2}.get(first, 1 if first < 247 else 2)
        if first == 30:  # a real number: two digits a byte, to the first that is 15
            size = 1 + next(n for n, one in enumerate(packed[at + 1:], 1) if one & 15 == 15 or one >> 4 == 15)
        elif first <= 21:
            found[tuple(packed[at:at + size])] = value
        elif first in {28, 29}:
            value = int.from_bytes(packed[at + 1:at + size], "big", signed=True)
        elif first < 247:
            value = first - 139
        else:
            value = (first - 247) * 256 + packed[at + 1] + 108 if first < 251 else -1
        at += size
    return found


def _charset(program: bytes, at: int, count: int) -> Iterator[int]:
    """The strings' numbers of the letters behind the first."""
    form, at = program[at], at + 1
    if form == 0:
        yield from struct.unpack_from(f">{count}H", program, at)
        return
    while count > 0:
        first = struct.unpack_from(">H", program, at)[0]
        left = program[at + 2] if form == 1 else struct.unpack_from(">H", program, at + 2)[0]
        yield from range(first, first + min(left + 1, count))
        count -= left + 1
        at += 2 + form
