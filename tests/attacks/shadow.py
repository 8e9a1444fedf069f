"""Shadow attacks: the forger prepares the document before it is signed, and brings the rest to light afterwards.

Hide: something that covered the text is taken away. Replace: a form value, its appearance or a font changes.
Hide and replace: the signed bytes hold objects that no cross-reference names until an update does.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pikepdf
from cryptography.hazmat.primitives.serialization import Encoding
from pikepdf import Array, Dictionary, Name, String

from tests.attacks.craft import (
    EMPTY_TABLE,
    Attack,
    Sample,
    attack,
    body,
    closed,
    edited,
    facts,
    freeing,
    overlay,
    table,
    update,
)

HIDDEN = b"<</Length %d>>\nstream\n%s\nendstream" % (len(overlay("Diangkat")), overlay("Diangkat"))


def attacks(sample: Sample) -> Iterator[Attack]:
    yield from _hide(sample)
    yield from _replace(sample)
    yield from _hide_and_replace(sample)
    yield from _awaited(sample)


def _signed(sample: Sample, page: bytes) -> bytes:
    from tests.attacks.conftest import request

    return sample.world.sign(request(sample.world, certify=True, expects_more=True), page).pdf


def _prepared(sample: Sample, change: Any) -> bytes:
    output = io.BytesIO()
    with pikepdf.open(io.BytesIO(sample.page)) as document:
        change(document)
        document.save(output, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return output.getvalue()


def _cover(document: Any) -> None:
    """A picture over the whole text, as one object that can be taken away."""
    picture = document.make_stream(overlay("Ditolak"), Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 595, 842])
    page = document.pages[0].obj
    name = Dictionary(Cover=document.make_indirect(picture))
    page.Resources = Dictionary({**dict(page.Resources.items()), "/XObject": name})
    page.Contents = Array([page.Contents, document.make_indirect(document.make_stream(b"q /Cover Do Q"))])


def _hide(sample: Sample) -> Iterator[Attack]:
    pdf = _signed(sample, _prepared(sample, _cover))
    with pikepdf.open(io.BytesIO(pdf)) as document:
        number = document.pages[0].obj.Resources.XObject.Cover.objgen[0]
    yield attack("hide: cover freed", freeing(pdf, number), pdf, "object_removed")
    empty = b"<</Type/XObject/Subtype/Form/BBox[0 0 1 1]/Length 0>>\nstream\n\nendstream"
    yield attack("hide: cover emptied", update(pdf, {number: empty}), pdf, "resources_changed")
    yield attack("hide: cover is null", update(pdf, {number: b"null"}), pdf, "resources_changed")
    away = closed(pdf, b"xref\n%d 1\n0000000017 00000 n \n" % number)
    yield attack("hide: cover points at nothing", away, pdf, "xref_disagrees", "xref_points_elsewhere")


def _form(document: Any) -> None:
    """A text field that shows what it holds, and a font of the form."""
    font = document.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
    picture = document.make_stream(overlay("Rp1.000"), Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 500, 200])
    picture.Resources = Dictionary(Font=Dictionary(F1=font))
    field = Dictionary(
        Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T=String("nilai"), V=String("Rp1.000"), F=4,
        Rect=Array([50, 600, 550, 800]), AP=Dictionary(N=document.make_indirect(picture)), DA=String("/F1 12 Tf"),
    )  # fmt: skip
    number = document.make_indirect(field)
    document.Root.AcroForm = document.make_indirect(
        Dictionary(Fields=Array([number]), DR=Dictionary(Font=Dictionary(F1=font)), DA=String("/F1 12 Tf"))
    )
    document.pages[0].obj.Annots = Array([number])


def _replace(sample: Sample) -> Iterator[Attack]:
    pdf = _signed(sample, _prepared(sample, _form))

    def value(document: Any) -> None:
        document.Root.AcroForm.Fields[0].V = String("Rp9.000")

    def shown(document: Any) -> None:
        document.Root.AcroForm.Fields[0].AP.N.write(overlay("Rp9.000"))

    def both(document: Any) -> None:
        value(document)
        shown(document)

    def font(document: Any) -> None:
        document.Root.AcroForm.DR.Font.F1.BaseFont = Name.Symbol
        document.Root.AcroForm.DR.Font.F1.Encoding = Dictionary(Differences=Array([48, Name.nine]))

    def bigger(document: Any) -> None:
        document.Root.AcroForm.Fields[0].Rect = Array([0, 0, 595, 842])

    def hidden(document: Any) -> None:
        document.Root.AcroForm.Fields[0].F = 2

    form = ("form_changed", "annotation_changed", "form_field_changed", "font_changed")
    for name, change in {
        "value": value, "appearance": shown, "value and appearance": both, "font of the form": font,
        "field over the page": bigger, "field hidden": hidden,
    }.items():  # fmt: skip
        yield attack(f"replace: {name}", edited(pdf, change), pdf, *form)


def _hide_and_replace(sample: Sample) -> Iterator[Attack]:
    with pikepdf.open(io.BytesIO(sample.page)) as document:
        number = document.pages[0].obj.Contents.objgen[0]
        top = document.Root.objgen[0]
        root = dict(document.Root.items())
        other = Dictionary({**root, "/Lang": String("xx")}).unparse()
    shadow = b"%d 0 obj\n%s\nendobj\n" % (number, HIDDEN)
    base = update(sample.page, {}, between=b"\n" + shadow)
    pdf = _signed(sample, base)
    place = pdf.index(shadow)
    named = closed(pdf, table({number: place}))
    yield attack("hide and replace: xref names the content", named, pdf, "xref_points_elsewhere")
    # The shadow is an object in use by its number, and the update exchanges the catalogue.
    spare = facts(sample.page).size
    pdf = _signed(sample, update(sample.page, {spare: other}))
    exchanged = closed(pdf, EMPTY_TABLE, b"%d 0 R" % spare)
    yield attack("hide and replace: another catalogue", exchanged, pdf, "catalog_changed")
    moved = update(pdf, {}, points={top: pdf.index(b"%d 0 obj\n%s" % (spare, other))})
    yield attack("hide and replace: catalogue's number", moved, pdf, "xref_disagrees", "xref_points_elsewhere")


def _awaited(sample: Sample) -> Iterator[Attack]:
    """Validation data that are page content too: the signed page refers to their number in vain, with a generation
    by which careful readers do not find them, but lenient ones do (pdfium)."""
    with pikepdf.open(io.BytesIO(sample.page), inherit_page_attributes=False) as document:
        page, content = document.pages[0].obj, document.pages[0].obj.Contents.objgen[0]
        number, text = page.objgen[0], body(page)
    der = sample.world.certificate.public_bytes(Encoding.DER)
    for loose in (b"900 0 R", b"900 7 R", b"00900 7 R"):
        waiting = text.replace(b"/Contents %d 0 R" % content, b"/Contents [%d 0 R %s]" % (content, loose))
        assert waiting != text
        pdf = _signed(sample, update(sample.page, {number: waiting}))
        known = facts(pdf)
        with pikepdf.open(io.BytesIO(pdf), inherit_page_attributes=False) as document:
            root = body(document.Root)
        later = {900: b"<</Length %d>>\nstream\n%s\nendstream" % (len(der), der),
                 int(known.root.split()[0]): root.rstrip()[:-2] + b"/DSS<</Certs[900 0 R]>>>>"}
        yield attack(f"awaited: {loose!r}", update(pdf, later), pdf, "catalog_changed", "page_content_changed")
