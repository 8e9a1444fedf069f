"""QR codes (ISO/IEC 18004, level M) of addresses that differ in their last letters, drawn fast.

With version, mask and lengths fixed, every module of a code is a sum over GF(2) of bits of its text: the Reed–Solomon
code is linear, placement moves bits, mask and patterns add constants. So the code of a text is that of another one of
the same length, plus what each differing bit changes; segno makes the first and finds out the latter, once each.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from functools import lru_cache
from threading import Lock
from typing import Final

import segno

_MASK: Final = 3  # any mask is valid; trying all eight for the prettiest would take longer than the layout
_BORDER: Final = 2  # modules; the box around the code is white too
_MAX_FAMILIES: Final = 16
_RUN: Final = re.compile("0*1+")
# Lower case and "_" stay in byte mode whatever a bit of their neighbours becomes; others are left to segno.
_FAMILIAR: Final = re.compile(r"https?://[\x21-\x7e]*[a-z][\x21-\x7e]*/[A-Za-z0-9_-]{8,40}")


class QrDrawer:
    """Draws addresses as SVG; one may be used by several threads."""

    def __init__(self) -> None:
        self._families: OrderedDict[tuple[str, int], _Family] = OrderedDict()
        self._lock = Lock()

    def draw(self, text: str) -> str:
        """An SVG image of the code with a quiet zone of two modules, the same that segno alone would give."""
        if not _FAMILIAR.fullmatch(text):
            side, modules = _encode(text)
            return _write(side, modules)
        head = text[: text.rindex("/") + 1]
        key = (head, len(text))
        with self._lock:
            family = self._families.get(key)
            if family is None:
                family = self._families[key] = _Family(text)
                if len(self._families) > _MAX_FAMILIES:
                    self._families.popitem(last=False)
            return _write(family.side, family.encode(text))


class _Family:
    """The codes of all texts of one length and beginning."""

    def __init__(self, text: str) -> None:
        self._base = text.encode("ascii")
        self.side, self._modules = _encode(text)
        self._changes: dict[tuple[int, int], int] = {}

    def encode(self, text: str) -> int:
        modules = self._modules
        for place, (old, new) in enumerate(zip(self._base, text.encode("ascii"), strict=True)):
            if old != new:
                key = (place, old ^ new)
                change = self._changes.get(key)
                if change is None:
                    change = self._changes[key] = self._learn(place, old ^ new)
                modules ^= change
        return modules

    def _learn(self, place: int, difference: int) -> int:
        change = 0
        for bit in (1 << number for number in range(7)):
            if not difference & bit:
                continue
            single = self._changes.get((place, bit))
            if single is None:
                changed = bytearray(self._base)
                changed[place] ^= bit
                single = self._changes[place, bit] = _encode(changed.decode("ascii"))[1] ^ self._modules
            change ^= single
        return change


def _encode(text: str) -> tuple[int, int]:
    """Side, and the modules row by row as one number whose highest bit is the first."""
    code = segno.make(text, error="m", micro=False, mask=_MASK)
    rows = b"".join(bytes(row) for row in code.matrix)
    return len(code.matrix), int(rows.translate(bytes.maketrans(b"\0\1", b"01")), 2)


def _write(side: int, modules: int) -> str:
    rows = format(modules, f"0{side * side}b")
    steps: list[str] = []
    x = y = 0
    for row in range(side):
        first, *rest = _RUN.findall(rows, row * side, (row + 1) * side) or [""]
        if not first:
            continue
        start = first.index("1")
        steps.append(f"m{start - x} {row - y}h{len(first) - start}")
        steps += map(_step, rest)
        x, y = len(first) + sum(map(len, rest)), row
    # The first step is relative to nowhere: M sets out from the border, half a module down the first row.
    begin, _, others = "".join(steps).partition("h")
    left, down = (int(number) for number in begin[1:].split(" "))
    size = side + 2 * _BORDER
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" class="segno">'
            f'<path class="qrline" stroke="#000" d="M{left + _BORDER} {down + _BORDER}.5h{others}"/></svg>\n')


@lru_cache(maxsize=4096)
def _step(run: str) -> str:
    light = run.index("1")
    return f"m{light} 0h{len(run) - light}"
