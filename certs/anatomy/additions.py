"""What may be added after a signature: further signatures with their fields, and validation data."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pikepdf
from asn1crypto import cms, crl, ocsp, tsp, x509

from certs.anatomy.pictures import MOST_OF_A_PAGE, Picture, has_area, is_drawn_by_viewers, read_picture
from certs.anatomy.places import FORMS
from certs.anatomy.roles import Key, children, is_dictionary

_FIELD_KEYS = frozenset(
    {
        "/FT", "/T", "/TU", "/TM", "/V", "/F", "/Ff", "/Type", "/Subtype", "/Rect", "/P", "/AP",
        "/AS", "/MK", "/Border", "/BS", "/DA", "/Q", "/Lock", "/SV", "/Kids", "/Parent",
    }
)  # fmt: skip
_OF_FIELDS = frozenset({"/T", "/FT", "/V", "/Kids"})  # what a widget does not have beside its field
_VALUE_KEYS = frozenset(
    {
        "/Type", "/Filter", "/SubFilter", "/Contents", "/ByteRange", "/Cert", "/Reference",
        "/Changes", "/Name", "/M", "/Location", "/Reason", "/ContactInfo", "/R", "/V",
        "/Prop_Build", "/Prop_AuthTime", "/Prop_AuthType",
    }
)  # fmt: skip
_ACTING = frozenset({"/A", "/AA", "/JS", "/JavaScript", "/URI", "/OpenAction", "/EF", "/OC", "/Ref", "/OPI"})
_DSS_LISTS = {"/Certs": "certificate", "/CRLs": "list", "/OCSPs": "response"}
_VRI_LISTS = {"/Cert": "certificate", "/CRL": "list", "/OCSP": "response"}
_STREAM_KEYS = frozenset({"/Length", "/Filter", "/DecodeParms"})
_FINGERPRINT = re.compile(r"/[0-9A-Fa-f]{40}")
_DATE = re.compile(r"D:\d{4}(\d\d){0,5}(Z|[+-]\d\d'(\d\d'?)?)?")
_MOST_UNPACKED = 32 * 1024 * 1024
_A4 = 595.0 * 842.0
_MOST = 20_000


@dataclass
class Additions:
    """Objects that only the newer revision has, and those of them that are explained so far."""

    added: frozenset[Key]
    explained: set[Key] = field(default_factory=set)
    odd: list[tuple[str, Key, str]] = field(default_factory=list)
    widgets: set[Key] = field(default_factory=set)
    pictures: list[Picture] = field(default_factory=list)
    signed: int = 0
    stored: bool = False

    def note(self, code: str, value: Any, detail: str = "") -> None:
        key = value.objgen if isinstance(value, pikepdf.Object) and value.is_indirect else (0, 0)
        self.odd.append((code, key, detail))

    def explain(self, value: Any) -> None:
        """The value, if it is an added object of its own."""
        if isinstance(value, pikepdf.Object) and value.is_indirect and value.objgen in self.added:
            self.explained.add(value.objgen)

    def explain_tree(self, value: Any) -> None:
        """The value and all added objects below it; whatever acts or links outside is odd."""
        waiting, seen = [value], set[Key]()
        while waiting and len(seen) < _MOST:
            one = waiting.pop()
            if not isinstance(one, pikepdf.Object):
                continue
            if one.is_indirect:
                if one.objgen not in self.added or one.objgen in seen:
                    continue
                seen.add(one.objgen)
                self.explained.add(one.objgen)
            for key, child in children(one):
                if key in _ACTING:
                    self.note("widget_odd", one, key)
                waiting.append(child)

    def signature_field(self, one: Any, locked: bool) -> None:
        """A field that the older revision does not list."""
        if not is_dictionary(one) or not one.is_indirect or one.objgen not in self.added:
            self.note("field_odd", one)
            return
        if str(one.get("/FT", "")) != "/Sig":
            self.note("field_added", one)
            return
        self.explain(one)
        unknown = [key for key in one.keys() if key not in _FIELD_KEYS]  # noqa: SIM118
        if unknown or "/Parent" in one or "/T" not in one:  # pyHanko passes over fields without a name
            self.note("field_odd", one, ", ".join(unknown) or "/Parent or no /T")
        kids = one.get("/Kids", ())
        if "/Subtype" in one:
            self._widget(one)
        for kid in kids:
            self._kid(kid, one)
        self.value(one, locked)

    def _kid(self, kid: Any, field_of_it: Any) -> None:
        if not is_dictionary(kid) or any(key in _OF_FIELDS or key not in _FIELD_KEYS for key in kid.keys()):  # noqa: SIM118
            self.note("field_odd", kid)
            return
        parent = kid.get("/Parent", None)  # by which viewers find its signature, and we the pictures to be told
        if not is_dictionary(parent) or parent.objgen != field_of_it.objgen:
            self.note("field_odd", kid, "/Parent")
        self.explain(kid)
        self._widget(kid)

    def _widget(self, widget: Any) -> None:
        if str(widget.get("/Subtype", "")) != "/Widget":
            self.note("annotation_added", widget)
            return
        self.widgets.add(widget.objgen)
        self.appearance(widget)

    def appearance(self, widget: Any) -> None:
        """How a widget looks: a picture of its own that does not act and leaves most of the page visible."""
        for key in ("/AP", "/MK", "/Border", "/BS", "/Lock", "/SV"):
            self.explain_tree(widget.get(key, None))
        if "/AP" in widget:
            picture, faults = read_picture(widget, self.added)
            self.pictures.append(picture)
            for code, value, detail in faults:
                self.note(code, value, detail)
        elif is_drawn_by_viewers(widget):
            self.pictures.append(Picture(widget))
        rectangle = widget.get("/Rect", None)
        if "/AP" not in widget and "/MK" not in widget:
            return
        left, lower, right, upper = (float(one) for one in rectangle) if rectangle is not None else (0,) * 4
        page = widget.get("/P", None)
        box = page.get("/MediaBox", None) if is_dictionary(page) else None
        area = abs((float(box[2]) - float(box[0])) * (float(box[3]) - float(box[1]))) if box is not None else _A4
        if abs((right - left) * (upper - lower)) > MOST_OF_A_PAGE * area:
            self.note("widget_covers_page", widget)

    def value(self, one: Any, locked: bool) -> None:
        """A field's new signature."""
        value = one.get("/V", None)
        if value is None:
            self.note("added_empty_field", one)
            return
        kind = str(value.get("/Type", "/Sig")) if isinstance(value, pikepdf.Dictionary) else ""
        if kind not in {"/Sig", "/DocTimeStamp"} or not value.is_indirect or value.objgen not in self.added:
            self.note("signature_odd", one)
            return
        unknown = any(key not in _VALUE_KEYS for key in value.keys())  # noqa: SIM118
        if unknown or str(value.get("/SubFilter", "")) not in FORMS[kind]:
            self.note("signature_odd", value)
        methods = [str(item.get("/TransformMethod", "")) for item in value.get("/Reference", ())]
        if any(method != "/FieldMDP" for method in methods):
            self.note("certification_added", value)
        if kind == "/DocTimeStamp" and any(has_area(widget) for widget in (one, *one.get("/Kids", ()))):
            self.note("widget_odd", one, "a time stamp that is seen")  # ISO 32000-2, 12.8.5
        if locked and kind == "/Sig":
            self.note("certified_against_changes", value)
        self.explain_tree(value)
        self.signed += 1

    def validation_data(self, store: Any, before: Any) -> None:
        """A document security store (ISO 32000-2 12.8.4.3): certificates, lists and responses, nothing else."""
        if not is_dictionary(store):
            self.note("dss_payload", store, "no dictionary")
            return
        self.stored = True
        self.explain(store)
        for key, value in children(store):
            if key in _DSS_LISTS:
                self._evidence(value, _DSS_LISTS[key])
            elif key == "/VRI" and is_dictionary(value):
                self.explain(value)
                for name, details in children(value):
                    self._details(name, details)
            elif key != "/Type" or str(value) != "/DSS":
                self.note("dss_payload", store, key)
        if is_dictionary(before):
            self._check_kept(before, store)

    def _check_kept(self, before: Any, store: Any) -> None:
        for key in _DSS_LISTS:
            now = {item.objgen for item in store.get(key, ())}
            if any(item.objgen not in now for item in before.get(key, ())):
                self.note("dss_removed", store, key)

    def _details(self, name: str, details: Any) -> None:
        if not _FINGERPRINT.fullmatch(name) or not is_dictionary(details):
            self.note("dss_payload", details, "VRI")
            return
        self.explain(details)
        for key, value in children(details):
            if key in _VRI_LISTS:
                self._evidence(value, _VRI_LISTS[key])
            elif key == "/TS":
                self._check_evidence(value, "token")
            elif not _is_detail(key, value):
                self.note("dss_payload", details, key)

    def _evidence(self, items: Any, kind: str) -> None:
        if not isinstance(items, pikepdf.Array):
            self.note("dss_payload", items, "no array")
            return
        self.explain(items)
        for item in items:
            self._check_evidence(item, kind)

    def _check_evidence(self, item: Any, kind: str) -> None:
        if not isinstance(item, pikepdf.Stream) or any(key not in _STREAM_KEYS for key in item.keys()):  # noqa: SIM118
            self.note("dss_payload", item, "no plain stream")
            return
        if item.objgen in self.explained:
            return
        self.explain(item)
        try:
            _READERS[kind](_unpacked(item))
        except (ValueError, TypeError, KeyError, zlib.error):
            self.note("dss_payload", item, f"no {kind}")


def _is_detail(key: str, value: Any) -> bool:
    """What a VRI entry may say of itself besides its lists: what it is, and when it was made."""
    if key == "/Type":
        return isinstance(value, pikepdf.Name) and str(value) == "/VRI"
    return key == "/TU" and isinstance(value, pikepdf.String) and _DATE.fullmatch(str(value)) is not None


def _token_info(der: bytes) -> tsp.TSTInfo:
    """What a time-stamp token says. :raises ValueError: it is none"""
    said = cms.ContentInfo.load(der, strict=True)["content"]["encap_content_info"]["content"].parsed
    if not isinstance(said, tsp.TSTInfo):
        raise ValueError("no time-stamp token")  # noqa: TRY004 - of the file, not of a caller
    return said


def _unpacked(stream: pikepdf.Stream) -> bytes:
    """The stream's content. :raises ValueError: it is packed in an uncommon way, or bytes stand behind its end"""
    filters = stream.get("/Filter", None)
    if filters is None:
        return stream.read_raw_bytes()
    if filters not in (pikepdf.Name.FlateDecode, pikepdf.Array([pikepdf.Name.FlateDecode])):
        raise ValueError("an uncommon filter")
    unpacking = zlib.decompressobj()
    unpacking.decompress(stream.read_raw_bytes(), _MOST_UNPACKED)
    if not unpacking.eof or unpacking.unused_data.strip(b"\r\n"):
        raise ValueError("the stream does not end where its bytes do")
    return stream.read_bytes()


# Strict loading refuses bytes behind the value; a look at one field refuses what is no such value.
_READERS: dict[str, Callable[[bytes], object]] = {
    "certificate": lambda der: x509.Certificate.load(der, strict=True)["tbs_certificate"]["serial_number"].native,
    "list": lambda der: crl.CertificateList.load(der, strict=True)["tbs_cert_list"]["this_update"].native,
    "response": lambda der: ocsp.OCSPResponse.load(der, strict=True)["response_status"].native,
    "token": lambda der: _token_info(der)["gen_time"].native,
}


def same_prefix(older: Iterable[Any], newer: list[str]) -> bool:
    """Whether the newer list begins with the older one."""
    before = list(older)
    return newer[: len(before)] == before
