"""What an update changed after a signed revision, object by object, whatever the layout of the bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pikepdf

from certs.anatomy.additions import Additions, same_prefix
from certs.anatomy.findings import Finding, Limits, Notebook, Refused
from certs.anatomy.locks import is_locked
from certs.anatomy.parsers import QPDF_ERRORS, open_qpdf
from certs.anatomy.pictures import check_pictures
from certs.anatomy.revisions import read_revisions
from certs.anatomy.roles import CATALOGUE, PAGE, Key, is_dictionary, roles
from certs.anatomy.shared import shared_containers
from certs.anatomy.vain import awaited_numbers, count_numbers

_TRAILER_FREE = frozenset(
    {
        "/Size", "/Prev", "/XRefStm", "/ID", "/Type", "/W", "/Index", "/Filter", "/DecodeParms",
        "/Length", "/Root",
    }
)  # fmt: skip
_OBJECT_STREAM_KEYS = frozenset(["/Type", "/N", "/First", "/Length", "/Filter", "/DecodeParms", "/Extends"])
_VERSIONS = frozenset({"/1.4", "/1.5", "/1.6", "/1.7", "/2.0"})
_EXTENSION_KEYS = frozenset(["/Type", "/BaseVersion", "/ExtensionLevel", "/ExtensionRevision", "/URL"])
_MOST_TOUCHED = 20_000

Table = dict[Key, tuple[int, int, int]]


def compare_revisions(pdf: bytes, signed_length: int, *, limits: Limits = Limits()) -> tuple[Finding, ...]:  # noqa: B008
    """What the bytes behind ``signed_length`` change, other than adding signatures and validation data.

    Explained are: new signature fields with their widgets, pictures (as :mod:`certs.anatomy.pictures` lets them)
    and values (document time stamps too), a value for an empty signature field, validation data in ``/DSS``, and
    what these need in catalogue, form and pages. All else is a finding. Nothing is raised, whatever the bytes are;
    ``examine`` should have accepted them first. Whether the added signatures are valid is not judged here. The
    codes are: nothing_signed, empty_update, parser_refuses, reader_failed, too_many_changes, trailer_changed,
    catalog_changed, form_changed, form_field_changed, field_added, field_odd, added_empty_field, widget_odd,
    widget_covers_page, widget_covers_signature, appearance_shared, annotation_added, annotation_removed,
    annotation_changed, page_changed, page_content_changed, pages_changed, resources_changed, font_changed,
    doc_info_changed, metadata_changed, outlines_changed, names_changed, tags_changed, attachments_changed,
    open_action_changed, optional_content_changed, perms_changed, certification_added, certified_against_changes,
    container_shared, signature_changed, signature_odd, dss_payload, dss_removed, object_removed, object_changed,
    object_added.
    """
    if signed_length == len(pdf):
        return ()
    if not 0 < signed_length < len(pdf):
        return (Finding("nothing_signed", 0),)
    try:
        revisions = read_revisions(pdf, limits, Notebook())
        with open_qpdf(pdf[:signed_length]) as older, open_qpdf(pdf) as newer:
            sections = {one.start for each in revisions for one in each.sections}
            comparison = _Comparison(older, newer, sections)
            comparison.trailers = sum(one < signed_length for one in sections)
            said = (count_numbers(pdf[:signed_length]),
                    count_numbers(b" ".join(one.read_bytes() for one in object_streams(older))))
            comparison.awaited = awaited_numbers(
                pdf, signed_length, revisions, said, {number for number, _ in comparison.added}, limits)
            comparison.said = said[0] + said[1]
            return tuple(comparison.findings())
    except Refused as refused:
        return (refused.finding,)
    except QPDF_ERRORS as error:
        return (Finding("parser_refuses", signed_length, f"qpdf: {type(error).__name__}"),)
    # As in certs.structure: what nobody foresaw is a finding, too.
    except Exception as error:  # noqa: BLE001
        return (Finding("reader_failed", signed_length, type(error).__name__),)


class _Comparison:
    def __init__(self, older: Any, newer: Any, sections: set[int]) -> None:
        self._older, self._newer, self._sections = older, newer, sections
        self._old_table, self._new_table = _table(older), _table(newer)
        both = self._old_table.keys() & self._new_table.keys()
        self._removed = self._old_table.keys() - both
        self._moved = {key for key in both if self._old_table[key] != self._new_table[key]}
        self._moved |= {
            key for key in both if self._new_table[key][0] == 2 and (self._new_table[key][1], 0) in self._moved
        }
        self.added = frozenset(self._new_table.keys() - both)
        self.awaited: set[int] = set()
        """Numbers of added objects to which what was signed refers: what led nowhere then leads to them now, whatever
        else they are."""
        self.said: Counter[int] = Counter()
        """How often what was signed refers to a number, or more; its trailers included."""
        self.trailers = 0
        self._excused: set[Key] = set()
        self._additions = Additions(self.added)
        self._notes = Notebook(capacity=100)

    def findings(self) -> list[Finding]:
        touched = len(self._removed) + len(self._moved) + len(self._additions.added)
        if touched > _MOST_TOUCHED:
            return [Finding("too_many_changes", 0)]
        self._changed = {key for key in self._moved if not self._same(key)}
        self._locked = is_locked(self._older)
        self._trailer()
        self._catalogue()
        self._filled_fields()
        self._pages()
        self._containers()
        for code, value, detail in check_pictures(self._older, self._newer, self._additions.pictures):
            self._additions.note(code, value, detail)
        for code, key, detail in self._additions.odd:
            self._note(code, key, detail)
        self._additions.explained -= {key for key in self.added if key[0] in self.awaited}
        for key in sorted(shared_containers(self._older, self._excused, self.said, self.trailers)):
            self._note("container_shared", key)
        self._leftovers()
        if not (self._notes.entries or self._additions.signed or self._additions.stored):
            self._note("empty_update", (0, 0), "neither signature nor validation data")
        return self._notes.entries

    def _same(self, key: Key) -> bool:
        before, now = self._older.get_object(key), self._newer.get_object(key)
        if isinstance(before, pikepdf.Stream) and isinstance(now, pikepdf.Stream):
            return not _difference(before, now) - {"/Length"} and before.read_raw_bytes() == now.read_raw_bytes()
        return _print(before, resolved=True) == _print(now, resolved=True)

    def _note(self, code: str, key: Key, detail: str = "") -> None:
        kind, place, _ = self._new_table.get(key, (0, 0, 0))
        if kind == 2:
            place = self._new_table.get((place, 0), (0, 0, 0))[1]
        label = f"object {key[0]}" if key[0] else ""
        self._notes.note(code, place, ", ".join(part for part in (label, detail) if part))

    def _explain(self, value: Any) -> None:
        """An existing object whose changes have been looked at."""
        if isinstance(value, pikepdf.Object) and value.is_indirect:
            if value.objgen in self._changed:
                self._excused.add(value.objgen)
            self._changed.discard(value.objgen)
            self._additions.explain(value)

    def _trailer(self) -> None:
        before, now = self._older.trailer, self._newer.trailer
        if before.Root.objgen != now.Root.objgen:
            self._note("catalog_changed", now.Root.objgen, "another catalogue")
        for key in _difference(before, now) - _TRAILER_FREE:
            self._note("doc_info_changed" if key == "/Info" else "trailer_changed", (0, 0), key)
        first_before, first_now = (one.get("/ID", None) for one in (before, now))
        if first_before is not None and (first_now is None or bytes(first_before[0]) != bytes(first_now[0])):
            self._note("trailer_changed", (0, 0), "/ID")

    def _catalogue(self) -> None:
        before, now = self._older.Root, self._newer.Root
        key = now.objgen
        for name in _difference(before, now) - {"/AcroForm", "/DSS"}:
            if not self._is_harmless(name, before.get(name, None), now.get(name, None)):
                self._note(CATALOGUE.get(name, "catalog_changed"), key, name)
        self._form(before.get("/AcroForm", None), now.get("/AcroForm", None))
        store = now.get("/DSS", None)
        old_store = before.get("/DSS", None)
        if store is None and old_store is not None:
            self._note("dss_removed", key)
        if store is not None and self._store_changed(store, old_store):
            self._additions.validation_data(store, old_store)
            for part in (store, store.get("/VRI", None), *(store.get(one, None) for one in _STORE_LISTS)):
                self._explain(part)
            for details in _values(store.get("/VRI", None)):
                self._explain(details)
        self._explain(now)

    def _store_changed(self, store: Any, old_store: Any) -> bool:
        if old_store is None or _print(store) != _print(old_store):
            return True
        parts = [store, store.get("/VRI", None), *(store.get(one, None) for one in _STORE_LISTS)]
        parts += _values(store.get("/VRI", None))
        return any(isinstance(one, pikepdf.Object) and one.is_indirect and one.objgen in self._changed for one in parts)

    def _is_harmless(self, name: str, before: Any, now: Any) -> bool:
        if name == "/Version":
            return str(now) in _VERSIONS
        if name != "/Extensions" or not is_dictionary(now):
            return False
        if is_dictionary(before) and any(key not in now for key in before.keys()):  # noqa: SIM118
            return False
        for developer in _values(now):
            for one in developer if isinstance(developer, pikepdf.Array) else [developer]:
                plain = is_dictionary(one) and all(key in _EXTENSION_KEYS for key in one.keys())  # noqa: SIM118
                if not plain and not isinstance(one, pikepdf.Name):
                    return False
                self._explain(one)
        self._explain(now)
        return True

    def _form(self, before: Any, now: Any) -> None:
        if now is None or not is_dictionary(now):
            if before is not None:
                self._note("form_changed", (0, 0), "the form is gone")
            return
        old = before if is_dictionary(before) else pikepdf.Dictionary()
        for name in _difference(old, now) - {"/Fields", "/SigFlags"}:
            self._note("form_changed", now.objgen, name)
        listed, earlier = now.get("/Fields", None), old.get("/Fields", ())
        fields = list(listed) if listed is not None else []
        if not same_prefix(map(_print, earlier), [_print(one) for one in fields]):
            self._note("form_changed", now.objgen, "fields removed or reordered")
            return
        taken = {_name(one) for one in earlier}
        for one in fields[len(earlier) :]:
            if _name(one) in taken:
                self._note("field_odd", now.objgen, "a name that is taken")
            taken.add(_name(one))
            self._additions.signature_field(one, self._locked)
        self._explain(now)
        self._explain(listed)

    def _filled_fields(self) -> None:
        """Signature fields that were empty and have a value now."""
        for key in sorted(self._changed):
            before, now = self._older.get_object(key), self._newer.get_object(key)
            if not is_dictionary(before) or not is_dictionary(now) or str(before.get("/FT", "")) != "/Sig":
                continue
            if "/V" in before or _difference(before, now) - {"/V", "/AP"}:
                self._note("form_field_changed", key)
            else:
                self._additions.value(now, self._locked)
                if _print(before.get("/AP", None)) != _print(now.get("/AP", None)):
                    self._additions.appearance(now)
            self._changed.discard(key)

    def _pages(self) -> None:
        # What only calls itself a page may be another thing: a font's or a picture's name can be /Annots, too.
        pages = {page.obj.objgen for page in self._older.pages} & {page.obj.objgen for page in self._newer.pages}
        for key in sorted(self._changed & pages):
            before, now = self._older.get_object(key), self._newer.get_object(key)
            if not (_is_page(before) and _is_page(now)):
                continue
            for name in _difference(before, now) - {"/Annots"}:
                self._note(PAGE.get(name, "page_changed"), key, name)
            self._changed.discard(key)
        old_lists = {page.obj.objgen: page.obj.get("/Annots", None) for page in self._older.pages}
        for page in self._newer.pages:
            self._annotations(page.obj, old_lists.get(page.obj.objgen), page.obj.get("/Annots", None))

    def _annotations(self, page: Any, before: Any, now: Any) -> None:
        old = [_print(one) for one in before] if before is not None else []
        new = list(now) if now is not None else []
        if not same_prefix(old, [_print(one) for one in new]):
            self._note("annotation_removed", page.objgen, "or reordered")
            return
        for one in new[len(old) :]:
            if not isinstance(one, pikepdf.Object) or one.objgen not in self._additions.widgets:
                self._note("annotation_added", one.objgen if isinstance(one, pikepdf.Object) else (0, 0))
        self._explain(now)

    def _containers(self) -> None:
        """Cross-reference streams of the chain, and object streams in use."""
        used = {(place, 0) for kind, place, _ in self._new_table.values() if kind == 2}
        for key in self._additions.added:
            kind, place, _ = self._new_table[key]
            if kind == 1 and place in self._sections:
                self._additions.explained.add(key)
            elif key in used:
                stream = self._newer.get_object(key)
                if all(name in _OBJECT_STREAM_KEYS for name in stream.keys()):  # noqa: SIM118
                    self._additions.explained.add(key)

    def _leftovers(self) -> None:
        added = self._additions.added - self._additions.explained
        if not (added or self._changed or self._removed):
            return
        old_roles, new_roles = roles(self._older), roles(self._newer)
        for key in sorted(self._changed):
            before = self._older.get_object(key)
            if is_dictionary(before) and "/ByteRange" in before:
                self._note("signature_changed", key)
            else:
                self._note(old_roles.get(key) or new_roles.get(key) or "object_changed", key)
        for key in sorted(self._removed):
            self._note("object_removed", key, old_roles.get(key, ""))
        for key in sorted(added):
            self._note(new_roles.get(key, "object_added"), key, "added")


_STORE_LISTS = ("/Certs", "/CRLs", "/OCSPs")


def _values(value: Any) -> list[Any]:
    return [value.get(key) for key in value.keys()] if is_dictionary(value) else []  # noqa: SIM118


def _table(document: Any) -> Table:
    return {
        key: (1, entry.offset, 0) if entry.type == 1 else (2, entry.obj_stream_number, entry.obj_stream_index)
        for key, entry in document.get_xref_table().items()
    }


def object_streams(document: Any) -> list[Any]:
    """The object streams in which a document of qpdf's has objects."""
    used = {(place, 0) for kind, place, _ in _table(document).values() if kind == 2}
    return [document.get_object(key) for key in sorted(used)]


def _print(value: Any, resolved: bool = False) -> str:
    """A value in one fixed notation; other objects by their number."""
    if not isinstance(value, pikepdf.Object):
        return f"{type(value).__name__} {value}"
    if value.is_indirect and not resolved:
        return f"{value.objgen[0]} {value.objgen[1]} R"
    return str(value.unparse(resolved=resolved).hex())


def _difference(before: Any, now: Any) -> set[str]:
    """Keys whose values are not the same."""
    keys: Iterator[str] = iter({*before.keys(), *now.keys()})
    return {
        key
        for key in keys
        if (key in before) != (key in now) or _print(before.get(key, None)) != _print(now.get(key, None))
    }


def _name(field: Any) -> str:
    return str(field.get("/T", "")) if is_dictionary(field) else ""


def _is_page(value: Any) -> bool:
    return isinstance(value, pikepdf.Dictionary) and str(value.get("/Type", "")) == "/Page"
