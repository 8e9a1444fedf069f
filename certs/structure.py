"""Explain a PDF to its last byte, and what changed after a signature, without trusting any single parser.

A signature says that bytes are unchanged. What a reader shows depends on how he finds objects in them. So
:func:`examine` reads the file with a small reader of our own (revisions, cross-reference data, what lies between
objects, signature dictionaries), which understands little and refuses the rest, and compares its view with
qpdf's and pyHanko's. :func:`compare_revisions` tells what an update changed, judged by objects and not by layout.

What is decided about oddities *within the first signed revision*: unreferenced objects, comments, stray bytes
between objects and hybrid cross-references are remarks there, since many producers leave them, the signer's
signature covers them, and they could only come to light by a later update: one whose cross-reference entries point
back is ``xref_points_elsewhere``, and one that replaces anything visible is found by :func:`compare_revisions`; or in
a viewer who searches the bytes, so that what such a one would find is a finding there, too (``object_hidden``,
``object_twice``). Behind the first signature the same things are findings.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pyhanko.pdf_utils.reader import PdfFileReader

from certs.anatomy.changes import compare_revisions
from certs.anatomy.findings import Finding, Limits, Notebook, Refused, SignaturePlace, StructureFindings
from certs.anatomy.generations import Generations
from certs.anatomy.linearised import check_linearised
from certs.anatomy.packed import PackedReader
from certs.anatomy.parsers import compare_with_pyhanko, compare_with_qpdf
from certs.anatomy.places import SignatureReader, first_signed_end, split
from certs.anatomy.revisions import Revision, read_revisions, visible
from certs.anatomy.revived import check_revived
from certs.anatomy.searched import check_hidden, check_twins
from certs.anatomy.sections import Entry
from certs.anatomy.tiling import TOLERABLE, Tile, Tiler
from certs.anatomy.tokens import BYTE_RANGE

__all__ = [
    "TOO_MUCH",
    "Finding",
    "Limits",
    "SignaturePlace",
    "StructureFindings",
    "compare_revisions",
    "examine",
    "is_readable",
    "precheck",
]

_HEADER = re.compile(rb"%PDF-[12]\.\d")
_FOREIGN = (b"MZ", b"PK\x03\x04", b"\x7fELF", b"GIF8", b"\x89PNG", b"\xff\xd8\xff", b"<", b"#!", b"\xca\xfe\xba\xbe")
# With these the real parsers are not bothered.
_BOMBS = frozenset({"nested_too_deep", "token_too_long", "too_many_findings"})
TOO_MUCH = _BOMBS | {"too_many_objects", "xref_size_absurd", "xref_width_absurd"}
"""Codes of files that no real parser should read."""
_ZIP_END, _ZIP_ENTRY = b"PK\x05\x06", b"PK\x01\x02"
_ZIP_TAIL = 65_557  # the end record with the longest comment


def precheck(pdf: bytes, limits: Limits = Limits()) -> tuple[Finding, ...]:  # noqa: B008 - frozen
    """What can be refused by counting bytes, in linear time and before any parser runs."""
    notes = Notebook()
    if len(pdf) > limits.file:
        notes.note("file_too_large", limits.file)
        return tuple(notes.entries)
    if _HEADER.match(pdf) is None:
        foreign = pdf.startswith(_FOREIGN)
        notes.note("polyglot" if foreign else "header_not_at_start", 0, "the file does not begin with %PDF-")
    if _is_other_format(pdf):
        notes.note("polyglot", 0, "the file is also of another format")
    # One more of each than revisions: a linearised file has two sections in its first.
    if pdf.count(b"startxref") > 2 * limits.revisions or pdf.count(b"%%EOF") > 2 * limits.revisions:
        notes.note("too_many_revisions", 0)
    if sum(1 for _ in BYTE_RANGE.finditer(pdf)) > 2 * limits.signatures:
        notes.note("too_many_signatures", 0)
    return tuple(notes.entries)


def _is_other_format(pdf: bytes) -> bool:
    at = pdf.rfind(_ZIP_END, max(len(pdf) - _ZIP_TAIL, 0))
    if at >= 0:
        length = int.from_bytes(pdf[at + 12 : at + 16], "little")
        if length == 0 or pdf[max(at - length, 0) :].startswith(_ZIP_ENTRY):
            return True
    return pdf[257:262] == b"ustar" or pdf[32_769:32_774] == b"CD001"


def examine(
    pdf: bytes, *, limits: Limits = Limits(), read: Callable[[], PdfFileReader] | None = None,  # noqa: B008 - frozen
    is_prechecked: bool = False,
) -> StructureFindings:
    """Account for every byte of a file. Whatever the bytes are, findings come back and nothing is raised.

    Behind the last signature or time stamp ``unsigned_update`` stands alone if validation data were added and
    nothing else; what else was done there is told by the codes of :func:`compare_revisions`. A file without
    signature has findings where oddities would be remarks behind one. The codes are: file_too_large,
    header_not_at_start, polyglot, too_many_revisions, too_many_signatures, too_many_objects, too_many_findings,
    too_many_fields, fields_too_deep, field_odd, nested_too_deep, token_too_long, encrypted, xref_malformed,
    xref_loop, xref_size_absurd, xref_width_absurd, xref_size_wrong, xref_points_elsewhere, xref_disagrees, xref_untidy,
    hybrid_xref, object_twice, object_hidden, reference_odd, revision_without_xref, missing_eof, bytes_after_end,
    garbage_between_revisions, garbage_between_objects, comment_between_objects, unreferenced_object, objects_overlap,
    malformed_object, object_stream_odd, duplicate_keys, external_stream, stream_length_wrong, parser_refuses,
    parser_complains, byterange_missing, byterange_odd, contents_missing, contents_odd, contents_too_large,
    contents_not_cms, contents_padding_nonzero, signature_keys_twice, signature_odd, signature_shared,
    signature_loose,
    unsigned_update; and reader_failed where our own reader broke.

    :param is_prechecked: :func:`precheck` has found nothing in it under these limits
    :param read: opens the same bytes with pyHanko, where the caller needs that too: called when nothing speaks
        against bothering it, so that the file is not read a second time
    """
    early = () if is_prechecked else precheck(pdf, limits)
    if early:
        return StructureFindings(early)
    try:
        return _examine(pdf, limits, read)
    # Hostile bytes meet parsers here, which fail in ways that nobody can list; see certs.validation.
    except Exception as error:  # noqa: BLE001
        return StructureFindings((Finding("reader_failed", 0, type(error).__name__),))


def is_readable(pdf: bytes) -> bool:
    """Whether a file from elsewhere can be given to a real parser: it is no larger or deeper than honest ones are, and
    its cross-reference data can be followed. What else is odd about it is not asked."""
    if precheck(pdf):
        return False
    found = examine(pdf, is_prechecked=True)
    return bool(found.revisions) and not found.codes & TOO_MUCH


def _examine(pdf: bytes, limits: Limits, read: Callable[[], PdfFileReader] | None) -> StructureFindings:
    notes = Notebook()
    try:
        revisions = read_revisions(pdf, limits, notes)
        views = visible(revisions, limits)
    except Refused as refused:
        notes.take([refused.finding])
        return StructureFindings(tuple(notes.entries))
    _check_sizes(revisions, notes)
    check_linearised(pdf, revisions, notes)
    tiles = _tile(pdf, revisions, limits, notes)
    if any(one.code in _BOMBS for one in notes.entries):
        return StructureFindings(tuple(notes.entries), (), tuple(one.end for one in revisions))
    packed = PackedReader(pdf, tiles, limits)
    packed.check(views, notes)
    check_twins(pdf, tiles, views[-1], notes)
    check_revived(pdf, revisions, tiles, views, packed, notes)
    Generations(views).check(pdf, tiles, notes)
    fields = compare_with_qpdf(pdf, revisions, views, tiles, limits, notes)
    if not any(one.code.startswith("fields_too") for one in notes.entries):
        compare_with_pyhanko(pdf, revisions, notes, read)
    places = SignatureReader(pdf, revisions, tiles, limits).places(fields, views[-1], notes)
    check_hidden(pdf, places[0].covered_end if places else len(pdf), revisions, tiles, notes)
    if any(one.code == "unsigned_update" for one in notes.entries):
        notes.take(compare_revisions(pdf, places[-1].covered_end, limits=limits))
    findings, remarks = split(notes.entries, first_signed_end(places), TOLERABLE)
    return StructureFindings(findings, remarks, tuple(one.end for one in revisions), places)


def _check_sizes(revisions: tuple[Revision, ...], notes: Notebook) -> None:
    for revision in revisions:
        size = max(section.size for section in revision.sections)
        if any(number >= size for number in revision.entries):
            notes.note("xref_size_wrong", revision.sections[0].start)
        if any(section.hybrid for section in revision.sections):
            notes.note("hybrid_xref", revision.sections[0].start)
        if not all(section.is_tidy for section in revision.sections):
            notes.note("xref_untidy", revision.sections[0].start)


def _tile(pdf: bytes, revisions: tuple[Revision, ...], limits: Limits, notes: Notebook) -> list[Tile]:
    tiles: list[Tile] = []
    known: dict[int, Entry] = {}
    for revision in revisions:
        tiles += Tiler(pdf, revision, known, limits).tiles(notes)
        known |= revision.entries
    return tiles
