"""The same file through two parsers that know nothing of ours: qpdf and pyHanko."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pikepdf
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.xref import ObjStreamRef

from certs.anatomy.findings import Limits, Notebook
from certs.anatomy.revisions import Revision
from certs.anatomy.sections import Entry, Kind
from certs.anatomy.tiling import Tile

QPDF_ERRORS = (pikepdf.PikepdfError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, OverflowError)
_PYHANKO_ERRORS = (
    PdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError, RecursionError,
    OSError, OverflowError, NotImplementedError,
)  # fmt: skip


DUPLICATE = "duplicated key"
"""In qpdf's complaints about dictionaries of which two readers would take different values."""


def open_qpdf(data: bytes) -> Any:
    """The file as qpdf reads it: nothing is repaired, no inherited attribute is pushed down."""
    return pikepdf.open(BytesIO(data), attempt_recovery=False, inherit_page_attributes=False)


@dataclass(frozen=True)
class FieldSignature:
    """A signature field's value: number of the object (0 if it is written inside the field)."""

    field_number: int
    value_number: int
    value_generation: int


def compare_with_qpdf(
    data: bytes, revisions: tuple[Revision, ...], views: list[dict[int, Entry]], tiles: list[Tile], limits: Limits,
    notes: Notebook,
) -> list[FieldSignature]:
    """Open every revision as the file that it once was, and compare the tables of objects.

    Returned are the signed signature fields of the whole file, as qpdf finds them under the catalogue's form.
    """
    fields: list[FieldSignature] | None = None
    clear = frozenset(one.start for one in tiles if one.clear)
    for revision, view in zip(revisions, views, strict=True):
        is_whole = revision.end == len(data)
        try:
            with open_qpdf(data if is_whole else data[: revision.end]) as document:
                _compare_tables(document.get_xref_table(), revision, view, notes)
                if is_whole:
                    fields = _signature_fields(document, limits, notes)
                    _look_at_pages(document, notes)
                _look_at_objects(document, revision, is_whole, clear, notes)
        except QPDF_ERRORS as error:
            notes.note("parser_refuses", revision.start, f"qpdf: {type(error).__name__}")
    if fields is not None:
        return fields
    try:  # bytes behind the last revision
        with open_qpdf(data) as document:
            fields = _signature_fields(document, limits, notes)
            _look_at_objects(document, revisions[-1], True, clear, notes)
            return fields
    except QPDF_ERRORS as error:
        notes.note("parser_refuses", 0, f"qpdf: {type(error).__name__}")
    return []


def _compare_tables(table: Any, revision: Revision, view: dict[int, Entry], notes: Notebook) -> None:
    odd = [number[0] for number, entry in table.items() if not _is_as_here(number, entry, view)]
    if odd or len(table) != len(view):
        odd += view.keys() - {number for number, _ in table}
        notes.note("xref_disagrees", revision.start, f"qpdf, object {min(odd, default=0)}")


def _is_as_here(number: tuple[int, int], theirs: Any, view: dict[int, Entry]) -> bool:
    ours = view.get(number[0])
    if ours is None:
        return False
    kind, first, second = ours
    if theirs.type == 1:
        return kind is Kind.AT_OFFSET and first == theirs.offset and second == number[1]
    return (kind is Kind.IN_STREAM and number[1] == 0
            and first == theirs.obj_stream_number and second == theirs.obj_stream_index)


def compare_with_pyhanko(
    data: bytes, revisions: tuple[Revision, ...], notes: Notebook, read: Callable[[], PdfFileReader] | None = None
) -> None:
    """Compare section by section with what pyHanko, reading strictly, makes of the file.

    :param read: opens the same bytes, strictly unless the file is hybrid
    """
    sections = [section for revision in revisions for section in reversed(revision.sections)]
    hybrid = any(section.hybrid for section in sections)
    try:
        reader = None if read is None else read()
        if reader is None or reader.strict is hybrid:
            reader = PdfFileReader(BytesIO(data), strict=not hybrid)
        xrefs = reader.xrefs
        if xrefs.total_revisions != len(sections):
            notes.note("xref_disagrees", 0, "pyHanko counts other revisions")
            return
        for index, section in enumerate(sections):
            ours = {number: entry for number, entry in section.merged.items() if number and entry.kind is not Kind.FREE}
            if not _says_simply(xrefs, index, ours) and dict(_pyhanko_entries(xrefs, index)) != ours:
                notes.note("xref_disagrees", section.start, "pyHanko")
    except _PYHANKO_ERRORS as error:
        notes.note("parser_refuses", 0, f"pyHanko: {type(error).__name__}")


def _says_simply(xrefs: Any, index: int, ours: dict[int, Entry]) -> bool:
    """Whether a section speaks of no object twice, so that no rule has to decide which entry counts, and says as ours
    does. False says nothing."""
    found = xrefs.get_xref_data(index)
    places, packed, freed = found.standard_xrefs, found.xrefs_in_objstm, found.freed
    if found.hybrid is not None or len(places) + len(packed) != len(ours):
        return False
    if len(ours) + len(freed) != len(found.explicit_refs_in_revision) or not ours.keys().isdisjoint(freed):
        return False
    return places == {number: (second, first) for number, (kind, first, second) in ours.items()
                      if kind is Kind.AT_OFFSET} and all(
        ours.get(number) == (Kind.IN_STREAM, place.obj_stream_id, place.ix_in_stream)
        for number, place in packed.items())


def _pyhanko_entries(xrefs: Any, index: int) -> Iterator[tuple[int, Entry]]:
    for reference in xrefs.explicit_refs_in_revision(index):
        place = xrefs.get_historical_ref(reference, index) if reference.generation >= 0 else None
        if isinstance(place, ObjStreamRef):
            yield reference.idnum, Entry(Kind.IN_STREAM, place.obj_stream_id, place.ix_in_stream)
        elif place is not None:
            yield reference.idnum, Entry(Kind.AT_OFFSET, place, reference.generation)


def _signature_fields(document: Any, limits: Limits, notes: Notebook) -> list[FieldSignature]:
    found: list[FieldSignature] = []
    form = document.Root.get("/AcroForm", None)
    fields = form.get("/Fields", None) if isinstance(form, pikepdf.Dictionary) else None
    if fields is not None:
        _walk(list(fields), limits, notes, found)
    return found


def _look_at_pages(document: Any, notes: Notebook) -> None:
    """Have qpdf walk the tree of pages, so that it complains of nodes that call themselves one thing and are built as
    another: one viewer goes by the name, another by the kids. Nor do viewers agree on lists of content with anything
    else in them than content (Poppler then shows an empty page), on the number of pages where the tree tells another
    one, and on what a page inherits where it names another parent than lists it: Poppler comes from above, the others
    go by the name."""
    for page in document.pages:
        contents = page.obj.get("/Contents", None)
        if isinstance(contents, pikepdf.Array) and not all(isinstance(one, pikepdf.Stream) for one in contents):
            notes.note("parser_complains", 0, "page content in lists within lists, or none")
            return
    tree = document.Root.get("/Pages", None)
    if not isinstance(tree, pikepdf.Dictionary) or tree.get("/Count", None) != len(document.pages):
        notes.note("parser_complains", 0, "the tree of pages tells another number of them")
    elif not _is_named_by_its_kids(tree):
        notes.note("parser_complains", 0, "a page names another parent than lists it")


def _is_named_by_its_kids(tree: Any) -> bool:
    """Whether every node of a tree of pages that qpdf has walked names the one above it."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        for kid in node.get("/Kids", ()):
            parent = kid.get("/Parent", None)
            if not isinstance(parent, pikepdf.Dictionary) or parent.objgen != node.objgen:
                return False
            if "/Kids" in kid:
                waiting.append(kid)
    return True


def _look_at_objects(
    document: Any, revision: Revision, is_whole: bool, clear: frozenset[int], notes: Notebook
) -> None:
    """Have qpdf read the objects of a revision, whether anything leads to them or not, and note what it complains of.
    Those that begin at ``clear`` places are too simple for a complaint.

    Of a key that stands twice in a dictionary one reader takes the first value, another the last. A stream in another
    file (ISO 32000-2, 7.3.8.2) shows what nobody has signed.
    """
    named = [(number, entry.second if entry.kind is Kind.AT_OFFSET else 0)
             for number, entry in revision.entries.items() if number and entry.kind is not Kind.FREE
             and not (entry.kind is Kind.AT_OFFSET and entry.first in clear)]
    external = [number for number, generation in named if has_external_data(document.get_object(number, generation))]
    if external:
        notes.note("external_stream", revision.start, f"object {external[0]}")
    complaints = complaints_of(document)
    if any(DUPLICATE in one for one in complaints):
        notes.note("duplicate_keys", revision.start, "qpdf")
    if is_whole and any(DUPLICATE not in one for one in complaints):
        notes.note("parser_complains", 0, "qpdf")


def has_external_data(item: Any) -> bool:
    """Whether an object of qpdf's is a stream whose data stand in another file."""
    return isinstance(item, pikepdf.Stream) and "/F" in item


def complaints_of(document: Any) -> list[str]:
    """What qpdf has found odd so far; empties its list."""
    return [str(one) for one in document.get_warnings()]


def _walk(roots: list[Any], limits: Limits, notes: Notebook, found: list[FieldSignature]) -> None:
    waiting = [(one, 1, "") for one in roots]
    seen: set[tuple[int, int]] = set()
    while waiting:
        field, depth, inherited = waiting.pop()
        if depth > limits.field_depth or len(seen) > limits.fields or len(waiting) > limits.fields:
            notes.note("fields_too_deep" if depth > limits.field_depth else "too_many_fields", 0)
            return
        if not isinstance(field, pikepdf.Dictionary) or not field.is_indirect or field.objgen in seen:
            notes.note("field_odd", 0, "written inside another object, no dictionary, or listed twice")
            continue
        seen.add(field.objgen)
        kind = str(field.get("/FT", inherited))
        value = field.get("/V", None)
        if kind == "/Sig" and isinstance(value, pikepdf.Dictionary):
            number, generation = value.objgen if value.is_indirect else (0, 0)
            found.append(FieldSignature(field.objgen[0], number, generation))
        kids = field.get("/Kids", None)
        if isinstance(kids, pikepdf.Array):
            waiting += [(kid, depth + 1, kind) for kid in kids if "/T" in kid or kind == "/Sig"]
