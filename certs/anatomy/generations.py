"""References that name an object by another generation than it has.

They lead nowhere (ISO 32000-2, 7.3.10), but there are viewers that look at the number alone (PDFium, MuPDF) and show
what others do not. What an object was called before it was freed and its number given away may be said of it by what
is not in use any more, and by nothing else.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from certs.anatomy.findings import Notebook
from certs.anatomy.sections import Entry, Kind
from certs.anatomy.tiling import Tile
from certs.anatomy.tokens import REGULAR, WHITESPACE, W

_FRONT = rb"(?<![^" + W + rb"()<>\[\]{}/%])0*+(\d{1,10}+)[" + W + rb"]++"
_BACK = rb"[" + W + rb"]++R(?!" + REGULAR + rb")"
_ANY = re.compile(_FRONT + rb"(\d{1,10}+)" + _BACK)
_OLDER = re.compile(_FRONT + rb"(0*+[1-9]\d{0,9}+)" + _BACK)
# What is quick to find: a reference that does not end in one 0 and one white space.
_UNUSUAL = re.compile(
    rb"R(?:(?<=[1-9][" + W + rb"]R)|(?<=[0-9][0-9][" + W + rb"]R)|(?<=[" + W + rb"][" + W + rb"]R))(?!"
    + REGULAR + rb")"
)


class Generations:
    """What the revisions of a file know of generations."""

    def __init__(self, views: list[dict[int, Entry]]) -> None:
        self._views, self._view = views, views[-1]
        # As long as all are 0, only references that say otherwise can be wrong.
        is_usual = not any(second and kind is Kind.AT_OFFSET for view in views for kind, _, second in view.values())
        self._pattern = _OLDER if is_usual else _ANY

    def wrong_places(self, text: bytes) -> Iterable[int]:
        """Where in what is in use an object in use is named by a generation that it has not."""
        return (place for place, _ in self._wrong(text))

    def _wrong(self, text: bytes) -> Iterator[tuple[int, bool]]:
        """And whether it never had it."""
        if self._pattern is _OLDER and _UNUSUAL.search(text) is None:
            return
        for found in self._pattern.finditer(text):
            number, generation = int(found.group(1)), int(found.group(2))
            if number in self._view and _generation(self._view[number]) != generation:
                yield found.start(), all(
                    _generation(view[number]) != generation for view in self._views if number in view)

    def check(self, data: bytes, tiles: list[Tile], notes: Notebook) -> None:
        """Note ``reference_odd`` for the first of them outside the data of streams."""
        starts = [one.start for one in tiles]
        in_use: set[int] | None = None
        for place, is_unknown in self._wrong(data):
            tile = tiles[max(bisect_right(starts, place) - 1, 0)] if tiles else None
            if tile is None or not tile.body <= place < tile.body_end:
                continue
            if in_use is None:
                in_use = {found.end() for one in self._view.values() if one.kind is Kind.AT_OFFSET
                          and (found := WHITESPACE.match(data, one.first))}
            if is_unknown or tile.start in in_use:
                notes.note("reference_odd", place)
                return


def _generation(entry: Entry) -> int:
    return entry.second if entry.kind is Kind.AT_OFFSET else 0
