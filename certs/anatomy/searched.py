"""What finds a reader who gives up on the cross-reference data and searches the bytes for objects instead.

Every viewer does so with a file that he finds damaged, and viewers do not agree on what is damaged. He takes the last
of two objects with one number (PDFium, MuPDF), and some look into streams and texts as well (pdf.js, Poppler). So who
searches must find what the cross-reference data says, in what was signed too: Poppler searches as soon as something is
referred to that is not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import filterfalse, islice

from certs.anatomy.findings import Notebook
from certs.anatomy.revisions import Revision
from certs.anatomy.sections import Entry, Kind
from certs.anatomy.tiling import Tile
from certs.anatomy.tokens import OBJECT_HEADER, REGULAR, WHITESPACE, W

_WORD, _TRAILER = b"obj", b"trailer"
_GAP = rb"(?:[" + W + rb"\x0b]|%[^\r\n]*[\r\n])"
_NUMBERS = re.compile(rb"[0-9]" + _GAP + rb"++[0-9]{1,10}+" + _GAP + rb"*+\Z")
_LINE = re.compile(rb"[\r\n][" + W + rb"\x0b]*+\Z")  # the numbers may stand before a comment, however long
_BEGINNING = re.compile(_TRAILER + rb"[" + W + rb"\x0b]*+(?:<<|%)")
_WORDS = re.compile(_WORD + rb"(?<=[0-9" + W + rb"\x0b]" + _WORD + rb")")  # so written it is found fast
_ALONE = re.compile(rb"obj(?!" + REGULAR + rb")")
_WINDOW = 128
_MOST = 10_000  # words that look like an object's and are none; honest files have a few in their texts


def check_twins(data: bytes, tiles: list[Tile], view: dict[int, Entry], notes: Notebook) -> None:
    """Note ``object_twice`` where another object of the same number stands behind one in use."""
    last = {tile.number: tile.start for tile in tiles}  # in order of their place
    for number, start in last.items():
        entry = view.get(number)
        if entry is not None and entry.kind is Kind.IN_STREAM:
            entry = view.get(entry.first)
        if entry is None or entry.kind is not Kind.AT_OFFSET or start <= entry.first:
            continue
        space = WHITESPACE.match(data, entry.first)
        if space is None or start > space.end():
            notes.note("object_twice", start, f"object {number}")


def check_hidden(
    data: bytes, start: int, revisions: tuple[Revision, ...], tiles: list[Tile], notes: Notebook
) -> None:
    """Note ``object_hidden`` where an object or a trailer seems to begin and none does.

    Before ``start``, in what was first signed, the mere word *trailer* may stand in any text.
    """
    sections = [part.start for one in revisions for each in one.sections for part in (each, each.hybrid) if part]
    heads = {tile.body - len(_WORD) for tile in tiles}
    heads |= {found.end() - len(_WORD) for one in sections if (found := OBJECT_HEADER.match(data, one))}
    words = map(re.Match.start, _WORDS.finditer(data))
    others = list(islice(filterfalse(heads.__contains__, words), _MOST))
    head = next((at for at in others if _is_head(data, at)), others[-1] if len(others) >= _MOST else None)
    if head is not None:
        notes.note("object_hidden", head)
        return
    tables = [one for one in sections if OBJECT_HEADER.match(data, one) is None]
    behind = sum(1 for _ in _places(data, _TRAILER, start))
    before = sum(1 for _ in _BEGINNING.finditer(data, 0, start))
    if behind != sum(one >= start for one in tables) or before > sum(one < start for one in tables):
        notes.note("object_hidden", start, "a trailer")


def _places(data: bytes, word: bytes, start: int) -> Iterator[int]:
    at = data.find(word, start)
    while at >= 0:
        yield at
        at = data.find(word, at + len(word))


def _is_head(data: bytes, at: int) -> bool:
    before = data[max(at - _WINDOW, 0) : at]
    return _NUMBERS.search(before) is not None or (
        _LINE.search(before) is not None and _ALONE.match(data, at) is not None)
