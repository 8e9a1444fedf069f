"""References that name an object by another generation than it has.

They lead nowhere (ISO 32000-2, 7.3.10), but there are viewers that look at the number alone (PDFium, MuPDF) and show
what others do not.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable

from certs.anatomy.findings import Notebook
from certs.anatomy.sections import Entry, Kind
from certs.anatomy.tiling import Tile
from certs.anatomy.tokens import REGULAR, W

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
        self._used = views[-1].keys()
        self._known = {
            (number, entry.second if entry.kind is Kind.AT_OFFSET else 0)
            for view in views for number, entry in view.items()
        }
        # As long as all are 0, only references that say otherwise can be wrong.
        self._pattern = _ANY if any(generation for _, generation in self._known) else _OLDER

    def wrong_places(self, text: bytes) -> Iterable[int]:
        """Where an object in use is named by a generation that it never had."""
        if self._pattern is _OLDER and _UNUSUAL.search(text) is None:
            return
        for found in self._pattern.finditer(text):
            number, generation = int(found.group(1)), int(found.group(2))
            if number in self._used and (number, generation) not in self._known:
                yield found.start()

    def check(self, data: bytes, tiles: list[Tile], notes: Notebook) -> None:
        """Note ``reference_odd`` for the first of them outside the data of streams."""
        starts = [one.start for one in tiles]
        for place in self.wrong_places(data):
            tile = tiles[max(bisect_right(starts, place) - 1, 0)] if tiles else None
            if tile is not None and tile.body <= place < tile.body_end:
                notes.note("reference_odd", place)
                return
