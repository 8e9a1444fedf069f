"""Lays the objects of each revision over its bytes and looks at what is left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from certs.anatomy.findings import Limits, Notebook, Refused
from certs.anatomy.plain import PlainReader
from certs.anatomy.revisions import Revision
from certs.anatomy.sections import Entry, Kind
from certs.anatomy.tokens import (
    BLANK_OR_COMMENT,
    BLANKS,
    OBJECT_HEADER,
    STREAM_END,
    STREAM_START,
    WHITESPACE,
    Reader,
    Reference,
    W,
    skim,
)

_GAP = rb"[" + W + rb"]++"
_NUMBER = re.compile(
    rb"[" + W + rb"]*+\d{1,10}+" + _GAP + rb"\d{1,5}+" + _GAP + rb"obj" + _GAP + rb"(\d{1,10}+)" + _GAP + rb"endobj")
# What may be tolerated within the first signed revision; see certs.structure.
TOLERABLE = frozenset(
    {
        "garbage_between_objects", "comment_between_objects", "unreferenced_object", "hybrid_xref",
        "xref_points_elsewhere", "xref_untidy",
    }
)  # fmt: skip


class Tile(NamedTuple):
    """An object's bytes: from its number to after ``endobj``; ``body_end`` excludes the data of a stream.

    ``clear``: it is known that no key stands twice in it and that none of its data are in another file.
    """

    start: int
    body: int
    body_end: int
    end: int
    number: int
    generation: int
    clear: bool = False


class Tiler:
    """Cuts one revision into objects, sections and the white space between.

    ``known`` is what the revisions before it say of objects.
    """

    def __init__(self, data: bytes, revision: Revision, known: dict[int, Entry], limits: Limits) -> None:
        self._data, self._revision, self._known, self._limits = data, revision, known, limits
        self._sections = {one.start for one in revision.sections}
        self._sections |= {one.hybrid.start for one in revision.sections if one.hybrid is not None}
        self._plain = PlainReader(data, revision.end, limits)

    def tiles(self, notes: Notebook) -> list[Tile]:
        """The objects of the revision in order of their place; what is odd goes to ``notes``."""
        tiles = sorted(self._expected(notes), key=lambda one: one.start)
        spans = sorted([(one.start, one.end) for one in tiles] + self._closings())
        loose: list[Tile] = []
        position = self._revision.start
        for start, end in [*spans, (self._revision.end, self._revision.end)]:
            if start < position:
                notes.note("objects_overlap", start)
            elif self._data[position:start].strip(BLANKS):
                loose += self._look_between(position, start, notes)
            position = max(position, end)
            if notes.full:
                notes.note("too_many_findings", position)
                break
        return sorted([*tiles, *loose], key=lambda one: one.start)

    def _closings(self) -> list[tuple[int, int]]:
        spans = list(self._revision.closings)
        spans += [(one.hybrid.start, one.hybrid.end) for one in self._revision.sections if one.hybrid is not None]
        # Word's hybrid part belongs to its second revision and stands in the first.
        return [span for span in spans if self._revision.start <= span[0] < self._revision.end]

    def _expected(self, notes: Notebook) -> Iterator[Tile]:
        revision = self._revision
        for number, entry in revision.entries.items():
            if entry.kind is not Kind.AT_OFFSET or number == 0:
                continue
            if self._known.get(number) == entry:  # said again, as Word does: nothing changes by it
                continue
            if not revision.start <= entry.first < revision.end:
                notes.note("xref_points_elsewhere", revision.sections[0].start, f"object {number}")
                continue
            tile = self._plain_tile(entry.first)
            if tile is None:
                space = WHITESPACE.match(self._data, entry.first)
                start = space.end() if space else entry.first
                if start in self._sections:
                    continue
                tile = self._tile(start, notes)
            if tile is None:
                continue
            if (tile.number, tile.generation) != (number, entry.second):
                notes.note("xref_disagrees", tile.start, f"object {number} is announced, another is there")
            yield tile

    def _plain_tile(self, offset: int) -> Tile | None:
        found = self._plain.object(offset)
        if found is not None:
            return Tile(found.start, found.body, found.end, found.end, found.number, found.generation, found.clear)
        limit = self._revision.end
        head = self._plain.stream(offset)
        if head is None or head.start in self._sections or head.length > limit - head.data:
            return None
        finish = STREAM_END.match(self._data, head.data + head.length, limit)
        if finish is None:
            return None
        return Tile(head.start, head.body, head.keyword, finish.end(), head.number, head.generation,
                    head.clear)

    def _tile(self, start: int, notes: Notebook) -> Tile | None:
        head = OBJECT_HEADER.match(self._data, start)
        if head is None:
            notes.note("xref_disagrees", start, "no object where one is announced")
            return None
        try:
            body_end, end = self._body(head.end())
        except Refused as refused:
            notes.take([refused.finding])
            return None
        return Tile(start, head.end(), body_end, end, int(head.group(1)), int(head.group(2)))

    def _body(self, body: int) -> tuple[int, int]:
        data, limit = self._data, self._revision.end
        skimmed = skim(data, body, limit, self._limits)
        if not skimmed.has_stream:
            return skimmed.end, skimmed.end
        dictionary, _ = Reader(data, skimmed.end, self._limits).dictionary(body)
        if dictionary.repeated():
            raise Refused("duplicate_keys", body, "in a stream's dictionary")
        keyword = STREAM_START.match(data, skimmed.end)
        if keyword is None:
            raise Refused("malformed_object", skimmed.end, "line end after stream")
        length = dictionary.get(b"Length")
        if isinstance(length, Reference):
            length = self._resolve(length)
            if length is None:  # kept in an object stream: the first endstream must do
                length = max(data.find(b"endstream", keyword.end(), limit) - keyword.end(), 0)
                length -= sum(data[keyword.end() + length - one] in b"\r\n" for one in (1, 2) if length >= one)
        if not isinstance(length, int) or not 0 <= length <= limit - keyword.end():
            raise Refused("stream_length_wrong", body)
        finish = STREAM_END.match(data, keyword.end() + length, limit)
        if finish is None:
            finish = STREAM_END.match(data, keyword.end() + length + 1, limit)
        if finish is None:
            raise Refused("stream_length_wrong", body)
        return skimmed.end, finish.end()

    def _resolve(self, reference: Reference) -> int | None:
        """The number that an object is; None if it is in an object stream or nowhere. What is no plain number, some
        readers take for one (a real), and others not."""
        entry = self._revision.entries.get(reference.number) or self._known.get(reference.number)
        if entry is None or entry.kind is not Kind.AT_OFFSET:
            return None
        number = _NUMBER.match(self._data, entry.first)
        if number is None:
            raise Refused("stream_length_wrong", entry.first, "no number where one is announced")
        return int(number.group(1))

    def _look_between(self, start: int, end: int, notes: Notebook) -> Iterator[Tile]:
        """What lies between two known things: white space, or something to note."""
        data = self._data
        position = start
        if start == 0:
            position = self._pass_header(end)
        while position < end and not notes.full:
            blank = WHITESPACE.match(data, position, end)
            position = blank.end() if blank else position
            if position >= end:
                return
            tile = self._tile(position, Notebook()) if OBJECT_HEADER.match(data, position, end) else None
            if tile is not None and tile.end <= end:
                notes.note("unreferenced_object", position, f"object {tile.number}")
                yield tile
                position = tile.end
                continue
            comment = BLANK_OR_COMMENT.match(data, position, end)
            if comment is not None and comment.end() >= end and b"%%EOF" not in data[position:end]:
                notes.note("comment_between_objects", position)
                return
            notes.note(self._name_rubbish(position, end), position)
            return

    def _pass_header(self, end: int) -> int:
        """After the header line and the comments under it."""
        found = BLANK_OR_COMMENT.match(self._data, max(self._data[:1024].find(b"%PDF-"), 0), end)
        return found.end() if found else 0

    def _name_rubbish(self, start: int, end: int) -> str:
        rest = self._data[start:end]
        if b"startxref" in rest or b"%%EOF" in rest or b"trailer" in rest:
            return "revision_without_xref"
        return "garbage_between_revisions" if start == self._revision.start else "garbage_between_objects"
