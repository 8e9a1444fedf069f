"""Signature dictionaries, read from the bytes: byte range, contents and what they cover."""

from __future__ import annotations

import binascii
from bisect import bisect_right
from itertools import pairwise

from asn1crypto import parser as asn1_parser

from certs.anatomy.findings import Finding, Limits, Notebook, Refused, SignaturePlace
from certs.anatomy.parsers import FieldSignature
from certs.anatomy.revisions import Revision
from certs.anatomy.sections import Entry, Kind
from certs.anatomy.tiling import Tile
from certs.anatomy.tokens import BYTE_RANGE, Entries, Name, Reader, Text, Value

_SEQUENCE = 0x30
FORMS = {
    "/Sig": frozenset({"/ETSI.CAdES.detached", "/adbe.pkcs7.detached"}), "/DocTimeStamp": frozenset({"/ETSI.RFC3161"}),
}  # fmt: skip
"""By type of a signature dictionary, the forms (/SubFilter) that are judged. A parser may pass others over in silence,
and what nobody judges must not seem explained."""


class SignatureReader:
    """Finds every signature dictionary of a file: those of fields, and those that only stand in the bytes."""

    def __init__(self, data: bytes, revisions: tuple[Revision, ...], tiles: list[Tile], limits: Limits) -> None:
        self._data, self._revisions, self._limits = data, revisions, limits
        self._tiles = sorted(tiles, key=lambda one: one.start)
        self._starts = [one.start for one in self._tiles]

    def places(
        self, fields: list[FieldSignature], view: dict[int, Entry], notes: Notebook
    ) -> tuple[SignaturePlace, ...]:
        """One for each field's signature that is well formed; everything else goes to ``notes``."""
        wanted = self._field_tiles(fields, view, notes)
        if len(wanted) > self._limits.signatures:
            notes.note("too_many_signatures", 0)
            return ()
        for tile in self._mentioning():
            if tile.start not in wanted:
                notes.note("signature_loose", tile.start, "a byte range that belongs to no field")
        places: list[SignaturePlace] = []
        for tile in wanted.values():
            try:
                places.append(self._place(tile))
            except Refused as refused:
                notes.take([refused.finding])
        places.sort(key=lambda one: one.covered_end)
        self._check_ends(places, notes)
        return tuple(places)

    def _field_tiles(self, fields: list[FieldSignature], view: dict[int, Entry], notes: Notebook) -> dict[int, Tile]:
        wanted: dict[int, Tile] = {}
        for field in fields:
            entry = view.get(field.value_number)
            tile = self._at(entry.first) if entry is not None and entry.kind is Kind.AT_OFFSET else None
            if tile is None:
                notes.note("signature_odd", 0, "not an object of its own")
            elif tile.start in wanted:
                notes.note("signature_shared", tile.start, "the value of two fields")
            else:
                wanted[tile.start] = tile
        return wanted

    def _at(self, offset: int) -> Tile | None:
        """The object whose bytes include the offset."""
        index = bisect_right(self._starts, offset) - 1
        if index < 0 or offset >= self._tiles[index].end:
            # white space before an object's number is passed over
            index += 1
            if index >= len(self._tiles) or self._data[offset : self._tiles[index].start].strip():
                return None
        return self._tiles[index]

    def _mentioning(self) -> list[Tile]:
        found: list[Tile] = []
        for named in BYTE_RANGE.finditer(self._data):
            if len(found) > self._limits.signatures:
                break
            tile = self._at(named.start())
            if tile is not None and named.start() < tile.body_end and (not found or found[-1] is not tile):
                found.append(tile)
        return found

    def _place(self, tile: Tile) -> SignaturePlace:
        if tile.body_end != tile.end:
            raise Refused("signature_odd", tile.start, "a stream")
        dictionary, _ = Reader(self._data, tile.body_end, self._limits).dictionary(tile.body)
        repeated = dictionary.repeated()
        if repeated & {b"Contents", b"ByteRange"}:
            raise Refused("signature_keys_twice", tile.start)
        if repeated:
            raise Refused("duplicate_keys", tile.start, "in a signature dictionary")
        kind = dictionary.get(b"Type")
        if kind not in {None, Name(b"Sig"), Name(b"DocTimeStamp")}:
            raise Refused("signature_odd", tile.start, "type")
        form = dictionary.get(b"SubFilter")
        if not isinstance(form, Name) or "/" + form.text.decode("latin-1") not in FORMS[_type_of(kind)]:
            raise Refused("signature_odd", tile.start, "a form that is not judged")
        covered = self._check_range(tile, dictionary)
        revision = next((index for index, one in enumerate(self._revisions) if one.start <= tile.start < one.end), -1)
        if revision < 0 or covered not in {self._revisions[revision].bare_end, self._revisions[revision].end}:
            raise Refused("byterange_odd", tile.start, "does not end where its revision ends")
        return SignaturePlace(tile.number, tile.start, covered, revision, kind == Name(b"DocTimeStamp"))

    def _check_range(self, tile: Tile, dictionary: Entries) -> int:
        """Hold the range against the contents; where it ends."""
        numbers = dictionary.get(b"ByteRange")
        contents = dictionary.get(b"Contents")
        if numbers is None:
            raise Refused("byterange_missing", tile.start)
        if contents is None:
            raise Refused("contents_missing", tile.start)
        values = [one for one in numbers if isinstance(one, int)] if isinstance(numbers, tuple) else []
        if not isinstance(numbers, tuple) or len(values) != len(numbers) or len(values) != 4:
            raise Refused("byterange_odd", tile.start, "not four numbers")
        if not isinstance(contents, Text) or not contents.hexadecimal:
            raise Refused("contents_odd", tile.start, "no hexadecimal string")
        first, length, second, rest = values
        if first != 0 or length < 0 or rest < 0 or second <= length or second + rest > len(self._data):
            raise Refused("byterange_odd", tile.start, "negative, overlapping or beyond the end")
        if (length, second) != (contents.start, contents.end):
            raise Refused("byterange_odd", tile.start, "the gap is not the contents")
        self._check_contents(contents)
        return second + rest

    def _check_contents(self, contents: Text) -> None:
        if contents.end - contents.start > 2 * self._limits.cms + 2:
            raise Refused("contents_too_large", contents.start)
        try:
            container = binascii.unhexlify(self._data[contents.start + 1 : contents.end - 1])
        except binascii.Error as error:
            raise Refused("contents_odd", contents.start, "digits") from error
        if not container or container[0] != _SEQUENCE:
            raise Refused("contents_not_cms", contents.start)
        try:
            length = sum(len(part) for part in asn1_parser.parse(container)[3:6])
        except (ValueError, RecursionError) as error:
            raise Refused("contents_not_cms", contents.start) from error
        if container[length:].strip(b"\0"):
            raise Refused("contents_padding_nonzero", contents.start + 1 + 2 * length)

    def _check_ends(self, places: list[SignaturePlace], notes: Notebook) -> None:
        for earlier, later in pairwise(places):
            if earlier.revision == later.revision:
                notes.note("signature_shared", later.offset, "two signatures for one revision")
        if places and places[-1].covered_end != len(self._data):
            last = places[-1]
            code = "bytes_after_end" if last.revision == len(self._revisions) - 1 else "unsigned_update"
            notes.note(code, last.covered_end, "behind the last signature")


def _type_of(kind: Value | None) -> str:
    return "/DocTimeStamp" if kind == Name(b"DocTimeStamp") else "/Sig"


def first_signed_end(places: tuple[SignaturePlace, ...]) -> int:
    """Up to where the file is what the first signer signed; 0 if nobody did."""
    return places[0].covered_end if places else 0


def split(
    findings: list[Finding], signed_end: int, tolerable: frozenset[str]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Findings, and those that the first signed revision excuses."""
    excused = [one for one in findings if one.code in tolerable and one.offset < signed_end]
    return tuple(one for one in findings if one not in excused), tuple(excused)
