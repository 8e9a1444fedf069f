"""What comes to light when a viewer gives up on the cross-reference data: objects that nobody uses.

A reference to an object that is not there is null (ISO 32000-2, 7.3.10). If one of that number stands in the bytes all
the same, forgotten or freed, then a viewer who searches them (:mod:`certs.anatomy.searched`) finds it, and what was
signed speaks of it: Poppler even searches because of that reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from certs.anatomy.findings import Notebook
from certs.anatomy.packed import PackedReader
from certs.anatomy.revisions import Revision
from certs.anatomy.sections import Entry, Kind
from certs.anatomy.tiling import Tile
from certs.anatomy.tokens import WHITESPACE, W, spelled
from certs.anatomy.vain import said_numbers

# A type that is kept elsewhere may be either of them: MuPDF goes there.
_HOLDS_OTHERS = re.compile(
    spelled(b"ObjStm").pattern + b"|" + spelled(b"XRef").pattern + b"|"
    + spelled(b"Type").pattern + rb"[" + W + rb"\x0b]*+(?:%|(?<=[" + W + rb"\x0b])[+\-0-9])")
_STREAM = b"stream"


def check_revived(
    data: bytes, revisions: tuple[Revision, ...], tiles: list[Tile], views: list[dict[int, Entry]],
    packed: PackedReader, notes: Notebook,
) -> None:
    """Note ``object_hidden`` where an object that is not in use has a number to which what is in use refers; and where
    one holds others, or places of others, and no cross-reference data leads into it, be it in use itself.

    :param packed: has checked the object streams
    """
    view = views[-1]
    places = {one.number: one for one in tiles if one.number not in view}
    sections = {part.start for one in revisions for each in one.sections for part in (each, each.hybrid) if part}
    for one in tiles:
        if (one.body_end < one.end and one.start not in sections and not packed.knows(one)
                and _HOLDS_OTHERS.search(data, one.body, one.body_end)):
            notes.note("object_hidden", one.start, "what holds others")
            return
    unused = {*places, *packed.numbers()}.union(*views) - view.keys()
    if not unused:
        return
    number = next((one for one in _referred(data, revisions, tiles, view, packed) if one in unused), None)
    if number is not None:
        notes.note("object_hidden", places[number].start if number in places else 0, "not in use, and referred to")


def _referred(
    data: bytes, revisions: tuple[Revision, ...], tiles: list[Tile], view: dict[int, Entry], packed: PackedReader
) -> Iterator[int]:
    """The numbers of all objects, there or not, to which leads what is reached from the trailers."""
    at = {one.start: one for one in tiles}
    held = packed.objects(view)
    seen: set[int] = set()
    waiting = [_trailer(data, one.start, one.end) for each in revisions for one in each.sections]
    while waiting:
        for number in said_numbers(waiting.pop()) - seen:
            seen.add(number)
            yield number
            entry = view.get(number)
            if entry is not None and entry.kind is Kind.AT_OFFSET:
                space = WHITESPACE.match(data, entry.first)
                tile = at.get(space.end() if space else entry.first)
                waiting.append(b"" if tile is None else data[tile.body : tile.body_end])
            elif entry is not None:
                waiting.append(held.get(number, b""))


def _trailer(data: bytes, start: int, end: int) -> bytes:
    """A section without the data, if it is a stream."""
    keyword = data.find(_STREAM, start, end)
    return data[start : end if keyword < 0 else keyword]
