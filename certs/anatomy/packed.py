"""Object streams (ISO 32000-2 7.5.7): what they hold must be what the cross-reference data says they hold.

Readers differ in how they find an object there: by the index of the entry, or by the number in the stream's head, and
of two equal numbers the first or the last. Where head and entries are the same list, there is nothing to differ about.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from itertools import pairwise

from certs.anatomy.findings import Limits, Notebook, Refused
from certs.anatomy.generations import Generations
from certs.anatomy.sections import Entry, Kind
from certs.anatomy.tiling import Tile
from certs.anatomy.tokens import STREAM_END, STREAM_START, VERTICAL_TAB, WHITESPACE, Entries, Name, Reader

_NUMBERS = re.compile(rb"[\x00\t\n\x0c\r ]*+(?:\d{1,10}(?:[\x00\t\n\x0c\r ]++|\Z))*+")
_DIGITS = re.compile(rb"\d+")
_ODD = "object_stream_odd"


class PackedReader:
    """Reads the heads of object streams; together they may unpack to no more than a file may be long."""

    def __init__(self, data: bytes, tiles: list[Tile], limits: Limits) -> None:
        self._data, self._limits = data, limits
        self._tiles = {one.start: one for one in tiles}
        self._budget = limits.file
        self._read: dict[int, tuple[list[int], list[int], bytes]] = {}
        self._known: set[int] = set()

    def check(self, views: list[dict[int, Entry]], notes: Notebook) -> None:
        """Hold every object stream in use, in whichever revision, against the entries that point into it.

        Noted is object_stream_odd, unreferenced_object where an entry lists all but some of its objects, and
        object_twice where one of these has the number of an object in use.
        """
        generations = Generations(views)
        for offset, listed in sorted(_listed(views, notes).items()):
            space = WHITESPACE.match(self._data, offset)
            tile = self._tiles.get(space.end() if space else offset)
            if tile is None:
                notes.note(_ODD, offset, "no stream where one is announced")
                continue
            try:
                numbers, places, content = self._open(tile)
                self._read[offset] = numbers, places, content
                self._known.add(tile.start)
                if any(True for _ in generations.wrong_places(content)):
                    notes.note("reference_odd", tile.start, "in an object stream")
                _compare(numbers, listed, tile, notes)
                if not _unlisted(numbers, listed).isdisjoint(views[-1]):
                    notes.note("object_twice", tile.start, "in an object stream")
            except Refused as refused:
                notes.take([refused.finding])

    def knows(self, tile: Tile) -> bool:
        """Whether it is one of the checked object streams, into which cross-reference data leads."""
        return tile.start in self._known

    def numbers(self) -> set[int]:
        """Of all objects that the checked object streams hold, whether in use or not."""
        return {number for numbers, _, _ in self._read.values() for number in numbers}

    def objects(self, view: dict[int, Entry]) -> dict[int, bytes]:
        """What the checked object streams hold of what is in use."""
        found: dict[int, bytes] = {}
        for number, (kind, stream, index) in view.items():
            place = view.get(stream)
            if kind is Kind.IN_STREAM and place is not None and place.first in self._read:
                _, places, content = self._read[place.first]
                if index < len(places):
                    found[number] = content[places[index] : (*places[index + 1 : index + 2], len(content))[0]]
        return found

    def _open(self, tile: Tile) -> tuple[list[int], list[int], bytes]:
        """The object numbers in the head, in order, where each object begins, and the objects."""
        if tile.body_end == tile.end:
            raise Refused(_ODD, tile.start, "no stream")
        dictionary, _ = Reader(self._data, tile.body_end, self._limits).dictionary(tile.body)
        count, first = dictionary.integer(b"N"), dictionary.integer(b"First")
        if dictionary.get(b"Type") != Name(b"ObjStm") or dictionary.repeated() or count is None or first is None:
            raise Refused(_ODD, tile.start, "type, number or place of the objects")
        content = self._content(tile, dictionary)
        if not 0 <= count <= self._limits.objects or not 0 <= first <= len(content):
            raise Refused(_ODD, tile.start, "number or place of the objects")
        head = content[:first]
        if _NUMBERS.fullmatch(head) is None:
            raise Refused(_ODD, tile.start, "head")
        values = [int(one) for one in _DIGITS.findall(head)]
        places = values[1::2]
        if len(values) != 2 * count or any(one >= two for one, two in pairwise(places)):
            raise Refused(_ODD, tile.start, "head: count or order")
        if places and first + places[-1] >= len(content):
            raise Refused(_ODD, tile.start, "head: behind the end")
        if VERTICAL_TAB in content:
            self._ensure_only_in_strings(content, [first + place for place in places], tile)
        return values[::2], places, content[first:]

    def _ensure_only_in_strings(self, content: bytes, places: list[int], tile: Tile) -> None:
        """Elsewhere readers disagree on what it is."""
        reader = Reader(content, len(content), self._limits)
        try:
            for place in places:
                reader.value(place)
        except Refused as refused:
            raise Refused(_ODD, tile.start, refused.finding.detail) from refused

    def _content(self, tile: Tile, dictionary: Entries) -> bytes:
        keyword = STREAM_START.match(self._data, tile.body_end)
        if keyword is None:
            raise Refused(_ODD, tile.start, "line end after stream")
        length, kind = dictionary.integer(b"Length"), dictionary.get(b"Filter")
        if isinstance(kind, tuple) and len(kind) == 1:
            kind = kind[0]
        packed = self._data[keyword.end() : tile.end]
        if kind is None and length is not None and STREAM_END.match(self._data, keyword.end() + length):
            return packed[:length]
        if kind != Name(b"FlateDecode") or dictionary.get(b"DecodeParms") is not None:
            raise Refused(_ODD, tile.start, "filter")
        machine = zlib.decompressobj()
        try:
            content = machine.decompress(packed, self._budget + 1)
        except zlib.error as error:
            raise Refused(_ODD, tile.start, "damaged compression") from error
        self._budget -= len(content)
        if self._budget < 0 or not machine.eof:
            raise Refused(_ODD, tile.start, "too large, or without end")
        return content


def _listed(views: list[dict[int, Entry]], notes: Notebook) -> dict[int, dict[int, set[int]]]:
    """By the offset of an object stream: index to the numbers that some revision looks for there."""
    found: defaultdict[int, dict[int, set[int]]] = defaultdict(dict)
    for view in views:
        for number, (kind, stream, index) in view.items():
            if kind is not Kind.IN_STREAM:
                continue
            place = view.get(stream)
            if place is None or place.kind is not Kind.AT_OFFSET:
                notes.note(_ODD, 0, f"object {number} is in a stream that is none")
            else:
                found[place.first].setdefault(index, set()).add(number)
    return found


def _compare(numbers: list[int], listed: dict[int, set[int]], tile: Tile, notes: Notebook) -> None:
    if len(set(numbers)) != len(numbers):
        raise Refused(_ODD, tile.start, "an object twice")
    if any(index >= len(numbers) or wanted != {numbers[index]} for index, wanted in listed.items()):
        raise Refused(_ODD, tile.start, "holds other objects than announced")
    if len(listed) != len(numbers):
        notes.note("unreferenced_object", tile.start, "in an object stream")


def _unlisted(numbers: list[int], listed: dict[int, set[int]]) -> set[int]:
    return {number for index, number in enumerate(numbers) if index not in listed}
