"""A page that takes its fonts, colours or pictures from what a later signature or validation data may change.

The victim signs a page whose resources are the catalogue itself, or the security store; then something harmless is
added, and with it the page shows more or less than was signed, in every viewer.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator

import pikepdf
from pikepdf import Array, Dictionary, Name

from tests.attacks.craft import Attack, Sample, attack, facts, update
from tests.attacks.searched import _certificate

_ENTRY = "/" + "AB" * 20


def attacks(sample: Sample) -> Iterator[Attack]:
    from tests.attacks.conftest import request

    for name, (prepare, change) in _CASES.items():
        output = io.BytesIO()
        with pikepdf.open(io.BytesIO(sample.page)) as document:
            prepare(document)
            document.save(output, object_stream_mode=pikepdf.ObjectStreamMode.disable)
        pdf = sample.world.sign(request(sample.world, certify=False), output.getvalue()).pdf
        yield attack(name, _changed(pdf, change), pdf, "container_shared")


def _changed(pdf: bytes, change: Callable[[pikepdf.Pdf, bytes], dict[int, bytes]]) -> bytes:
    number = facts(pdf).size
    certificate = _certificate(b"x")
    held = b"<</Length %d>>\nstream\n%s\nendstream" % (len(certificate), certificate)
    with pikepdf.open(io.BytesIO(pdf), inherit_page_attributes=False) as document:
        return update(pdf, {number: held, **change(document, b"[%d 0 R]" % number)})


def _borrowing(kind: str, name: str, content: bytes, make: Callable[[pikepdf.Pdf], pikepdf.Object]
               ) -> Callable[[pikepdf.Pdf], None]:
    """The page finds things of a kind in the catalogue."""
    def prepare(document: pikepdf.Pdf) -> None:
        document.Root[name] = make(document)
        document.pages[0].obj.Resources = Dictionary({"/" + kind: document.Root})
        document.pages[0].obj.Contents = document.make_stream(content)

    return prepare


def _picture(document: pikepdf.Pdf) -> pikepdf.Object:
    return document.make_stream(
        b"0 0 300 300 re f", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 500, 500]))


def _font(document: pikepdf.Pdf) -> pikepdf.Object:
    return document.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))


def _catalogue(pattern: bytes, new: bytes) -> Callable[[pikepdf.Pdf, bytes], dict[int, bytes]]:
    def change(document: pikepdf.Pdf, certificates: bytes) -> dict[int, bytes]:
        text, times = re.subn(pattern, new, document.Root.unparse(resolved=True).rstrip())
        assert times == 1
        return {document.Root.objgen[0]: text[:-2] + b"/DSS<</Certs%s>>>>" % certificates}

    return change


def _store_as_fonts(document: pikepdf.Pdf) -> None:
    document.Root.DSS = document.make_indirect(Dictionary(Certs=Array([]), Font=Dictionary(F1=_font(document))))
    document.pages[0].obj.Resources = document.Root.DSS
    document.pages[0].obj.Contents = document.make_stream(b"BT /F1 40 Tf 50 600 Td (Rp 1000) Tj ET")


def _entries_as_pictures(document: pikepdf.Pdf) -> None:
    entries = document.make_indirect(Dictionary({_ENTRY: _picture(document)}))
    document.Root.DSS = document.make_indirect(Dictionary(Certs=Array([]), VRI=entries))
    document.pages[0].obj.Resources = Dictionary(XObject=entries)
    document.pages[0].obj.Contents = document.make_stream(f"{_ENTRY} Do".encode())


def _certificates_as_content(document: pikepdf.Pdf) -> None:
    first = document.make_stream(_certificate(b"0 0 m"))
    document.Root.DSS = document.make_indirect(Dictionary(Certs=document.make_indirect(Array([first]))))
    document.pages[0].obj.Contents = document.Root.DSS.Certs


def _fonts(document: pikepdf.Pdf) -> None:
    document.pages[0].obj.Resources = document.make_indirect(Dictionary(Font=Dictionary(F1=_font(document))))
    document.pages[0].obj.Contents = document.make_stream(b"BT /F1 40 Tf 50 600 Td (Rp 1000) Tj ET")


def _moved_in(document: pikepdf.Pdf, certificates: bytes) -> dict[int, bytes]:
    taken = document.pages[0].obj.Resources.objgen[0]
    catalogue = document.Root.unparse(resolved=True).rstrip()[:-2] + b"/DSS %d 0 R>>" % taken
    return {document.Root.objgen[0]: catalogue, taken: b"<</Certs%s>>" % certificates}


_VERSION = _catalogue(rb"/Version (?:\d+ 0 R|/\w+)", b"/Version /1.7")
_CASES: dict[str, tuple[Callable[[pikepdf.Pdf], None], Callable[[pikepdf.Pdf, bytes], dict[int, bytes]]]] = {
    "a picture called Version": (_borrowing("XObject", "/Version", b"/Version Do", _picture), _VERSION),
    "a font called Version": (
        _borrowing("Font", "/Version", b"BT /Version 40 Tf 50 600 Td (Rp 1000) Tj ET", _font), _VERSION),
    "a colour called Version": (
        _borrowing("ColorSpace", "/Version", b"0 g /Version cs 0 0 0 0 sc 0 0 300 300 re f",
                   lambda _: Name.DeviceCMYK), _VERSION),
    "a picture called DSS": (
        _borrowing("XObject", "/DSS", b"/DSS Do", _picture), _catalogue(rb"/DSS \d+ 0 R", b"")),
    "fonts in the store": (_store_as_fonts, lambda document, certificates: {
        document.Root.DSS.objgen[0]: b"<</Certs%s>>" % certificates}),
    "pictures in the store": (_entries_as_pictures, lambda document, certificates: {
        document.Root.DSS.objgen[0]: b"<</Certs%s/VRI %d 0 R>>" % (certificates, document.Root.DSS.VRI.objgen[0]),
        document.Root.DSS.VRI.objgen[0]: b"<<%s<</Cert%s>>>>" % (_ENTRY.encode(), certificates)}),
    "certificates as content": (_certificates_as_content, lambda document, certificates: {
        document.Root.DSS.Certs.objgen[0]:
            b"[%d 0 R %s]" % (document.Root.DSS.Certs[0].objgen[0], certificates[1:-1])}),
    "a store where fonts were": (_fonts, _moved_in),
}
