"""A later signature brings a picture: by a stranger, over what others showed, or of parts that are shared."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pikepdf
from pyhanko.pdf_utils.generic import (
    ArrayObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    NumberObject,
    StreamObject,
    TextStringObject,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp, SignatureObject

from certs._aio import run_sync
from certs.ca import create_development_pki
from certs.pades import LocalSigner
from certs.signer import ServiceTimeStamper, encode_container
from certs.tsa import TimeStampAuthority
from tests.attacks.conftest import request
from tests.attacks.craft import Attack, Sample, attack, body, facts, overlay, update
from tests.attacks.second import _stranger
from tests.unit.certs.conftest import World

Tamper = Callable[[IncrementalPdfFileWriter, Any, StreamObject], None]
Box = tuple[float, float, float, float]
LOW: Box = (20, 20, 120, 60)
NAME = NameObject


def attacks(sample: Sample) -> Iterator[Attack]:
    world, plain = sample.world, sample.plain
    shown = pictured(world, sample.page, world.signer)
    yield attack("a stranger's", pictured(world, plain, _stranger(world)), plain)
    for name, change in UNSEEN.items():
        yield attack(f"a stranger's, {name}", pictured(world, plain, _stranger(world), change), plain)
    kids = pictured(world, plain, world.signer, _kids_of_their_own)
    yield attack("in a widget with a field's type", kids, plain, "field_odd")
    yield attack("over one in a widget with a field's type",
                 pictured(world, kids, world.signer, box=LOW, field="Kedua"), kids, "widget_covers_signature")
    yield attack("of a broken signature", broken(pictured(world, plain, world.signer)), plain)
    yield attack("of a stranger's time stamp", pictured(world, plain, None), plain, "widget_odd")
    for frame in ((), (0, 0, 2000, 0)):
        yield attack(f"of a believed time stamp, in the frame {frame}", pictured(
            world, plain, None, _framed(*frame, area=(0, 400, 595, 400)), authority=world.tsa), plain, "widget_odd")
    for name, (change, code) in TAMPERED.items():
        yield attack(name, pictured(world, plain, world.signer, change), plain, code)
    for name, box in (("over an earlier one", (100, 40, 200, 90)), ("just over it", LOW)):
        yield attack(name, pictured(world, shown, world.signer, box=box, field="Kedua"), shown,
                     "widget_covers_signature")
    yield attack("an earlier one redrawn", pictured(world, shown, world.signer, _redraw, (300, 20, 400, 60), "Kedua"),
                 shown, "form_changed", "annotation_changed")
    yield attack("an earlier one taken over",
                 pictured(world, shown, world.signer, _take_over, (300, 20, 400, 60), "Kedua"), shown,
                 "appearance_shared")
    waiting = _with_loose_ends(sample)
    yield attack("of a part that the signed page waited for",
                 pictured(world, waiting, world.signer, first=facts(sample.page).size), waiting, "appearance_shared")
    wide = world.sign(request(world, certify=False), _cut_wider_than_it_is(sample.page)).pdf
    yield attack("over a page that is cut wider than it is",
                 pictured(world, wide, world.signer, box=(0, 0, 298, 420)), wide, "widget_covers_page")
    yield attack("over a quarter of the page", pictured(world, plain, world.signer, box=(0, 0, 595, 300)), plain,
                 "widget_covers_page")


def pictured(world: World, pdf: bytes, signer: LocalSigner | None, change: Tamper | None = None, box: Box = LOW,
             field: str = "Gambar", first: int = 0, authority: TimeStampAuthority | None = None) -> bytes:
    """Signed once more, with a picture in the field's widget; without a signer it is a time stamp, a stranger's if no
    ``authority`` is given. New objects take numbers from ``first`` on that are free."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    highest = writer._lastobj_id
    if first:
        writer._lastobj_id = first - 1
    writer._update_meta = lambda: None
    whole: Any = box
    fields.append_signature_field(writer, fields.SigFieldSpec(field, box=whole, empty_field_appearance=False))
    value: Any = (DocumentTimestamp(bytes_reserved=20_000) if signer is None else SignatureObject(
        timestamp=world.now, subfilter=fields.SigSeedSubFilter.PADES, bytes_reserved=20_000))
    embedding = PdfCMSEmbedder().write_cms(field, writer, existing_fields_only=True)
    widget = next(embedding).get_object()
    form = stream(b"0 0 1 rg 0 0 100 40 re f", Type="XObject", Subtype="Form")
    form[NAME("/BBox")] = ArrayObject([NumberObject(one) for one in (0, 0, 100, 40)])
    form[NAME("/Resources")] = DictionaryObject()
    _show(writer, widget, form)
    if change is not None:
        change(writer, widget, form)
    writer._lastobj_id = max(highest, writer._lastobj_id)
    embedding.send(SigObjSetup(sig_placeholder=value))
    prepared, output = embedding.send(SigIOSetup(md_algorithm="sha256", in_place=True))
    embedding.send(_container(world, signer, prepared.document_digest, authority))
    return bytes(output.getvalue())


def _container(
    world: World, signer: LocalSigner | None, digest: bytes, authority: TimeStampAuthority | None = None
) -> bytes:
    if signer is not None:
        return encode_container(run_sync(signer.cms_signer.async_sign(
            data_digest=digest, digest_algorithm="sha256", use_pades=True)))
    if authority is None:
        pki = create_development_pki("Otoritas Lain", world.now - timedelta(days=1))
        authority = TimeStampAuthority(pki.tsa.certificate, pki.tsa.key, (pki.root.certificate,))
    return bytes(run_sync(ServiceTimeStamper(authority, world.now).async_timestamp(digest, "sha256")).dump())


def stream(data: bytes, **names: str) -> StreamObject:
    return StreamObject({NAME(f"/{key}"): NAME(f"/{name}") for key, name in names.items()}, stream_data=data)


def _show(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
    """In place of the empty appearance that the field has, so that nothing is left behind."""
    old = widget["/AP"].raw_get("/N") if "/AP" in widget else None
    if old is None:
        widget[NAME("/AP")] = DictionaryObject({NAME("/N"): writer.add_object(form)})
    else:
        writer.objects[(old.generation, old.idnum)] = form


def _resource(form: StreamObject, what: Any) -> None:
    form["/Resources"][NAME("/XObject")] = DictionaryObject({NAME("/X"): what})


def _image(writer: IncrementalPdfFileWriter, form: StreamObject, **more: Any) -> None:
    image = stream(b"\0", Type="XObject", Subtype="Image", ColorSpace="DeviceGray")
    for key, number in (("Width", 1), ("Height", 1), ("BitsPerComponent", 8)):
        image[NAME(f"/{key}")] = NumberObject(number)
    image.update({NAME(f"/{key}"): value for key, value in more.items()})
    _resource(form, writer.add_object(image))


def _script(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
    action = DictionaryObject({NAME("/S"): NAME("/JavaScript"), NAME("/JS"): TextStringObject("app.alert(1)")})
    inner = stream(b"", Type="XObject", Subtype="Form")
    inner[NAME("/AA")] = DictionaryObject({NAME("/O"): action})
    _resource(form, writer.add_object(inner))


def _rollover(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
    widget["/AP"][NAME("/R")] = writer.add_object(stream(overlay("Diangkat"), Type="XObject", Subtype="Form"))


def _states(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
    widget["/AP"] = DictionaryObject({NAME("/N"): DictionaryObject({NAME("/On"): writer.add_object(form)})})


def _external(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
    _image(writer, form, F=TextStringObject("http://example.invalid/gambar"))


def _alternate(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
    _image(writer, form, Alternates=ArrayObject())


def _postscript(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
    _resource(form, writer.add_object(stream(b"showpage", Type="XObject", Subtype="PS")))


def _layered(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
    _image(writer, form, OC=DictionaryObject({NAME("/Type"): NAME("/OCG")}))


def _of_the_page(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
    _resource(form, writer.root["/Pages"]["/Kids"][0].raw_get("/Contents"))


def _flags(number: int) -> Tamper:
    def change(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
        widget[NAME("/F")] = NumberObject(number)

    return change


def _two_widgets(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
    _kids(writer, widget, [(20, 20, 120, 60), (200, 20, 300, 60)])


def _tiles(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
    _kids(writer, widget, [(0, 0, 595, 200), (0, 200, 595, 400), (0, 400, 595, 600)], own=True)


def _kids(writer: IncrementalPdfFileWriter, widget: Any, boxes: list[Box], *, own: bool = False) -> None:
    """Several widgets of the one field; ``own``: each with a picture of its own."""
    page = writer.root["/Pages"]["/Kids"].raw_get(0)
    shared = widget["/AP"]
    kids = []
    for box in boxes:
        picture = DictionaryObject({NAME("/N"): writer.add_object(stream(b"n", Subtype="Form"))}) if own else shared
        kids.append(writer.add_object(DictionaryObject({
            NAME("/Type"): NAME("/Annot"), NAME("/Subtype"): NAME("/Widget"), NAME("/P"): page, NAME("/AP"): picture,
            NAME("/F"): NumberObject(4), NAME("/Parent"): _own(writer),
            NAME("/Rect"): ArrayObject([NumberObject(int(one)) for one in box])})))
    widget[NAME("/Kids")] = ArrayObject(kids)
    if own:
        form = widget["/AP"].raw_get("/N")
        del writer.objects[(form.generation, form.idnum)]
    for key in ("/AP", "/Subtype", "/Rect", "/F", "/P", "/Type"):
        widget.pop(NAME(key), None)
    annotations = page.get_object()["/Annots"]
    annotations[:] = [one for one in annotations if one.get_object() is not widget] + kids


def _kids_of_their_own(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
    _kids(writer, widget, [LOW])
    for one in widget["/Kids"]:
        one.get_object()[NAME("/FT")] = NAME("/Sig")


def _only(key: str) -> Tamper:
    """No appearance, but something that viewers draw from."""
    def change(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
        own = widget["/AP"].raw_get("/N")
        del widget["/AP"], writer.objects[(own.generation, own.idnum)]
        drawn = {"/MK": {"/CA": TextStringObject("Diangkat")}, "/BS": {"/W": NumberObject(20)}}[key]
        widget[NAME(key)] = DictionaryObject({NAME(name): value for name, value in drawn.items()})

    return change


def _framed(*frame: int, area: Box | None = None) -> Tamper:
    """A form that paints far beyond its frame, or has none; in a widget of another size."""
    def change(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
        form._data = b"1 0 0 rg 0 0 2000 2000 re f"
        del form["/BBox"]
        if frame:
            form[NAME("/BBox")] = ArrayObject([NumberObject(one) for one in frame])
        if area is not None:
            widget[NAME("/Rect")] = ArrayObject([FloatObject(str(one)) for one in area])

    return change


def on_both_pages(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
    """The field's one widget becomes two, each with a picture of its own."""
    own, appearance, box = _own(writer), widget.pop(NAME("/AP")), widget.pop(NAME("/Rect"))
    first, second = (writer.root["/Pages"]["/Kids"].raw_get(at) for at in (0, 1))
    copy = StreamObject(dict(form.items()), stream_data=form.data)
    kids = ArrayObject()
    for page, shown in ((first, appearance), (second, DictionaryObject({NAME("/N"): writer.add_object(copy)}))):
        kid = writer.add_object(DictionaryObject({
            NAME("/Type"): NAME("/Annot"), NAME("/Subtype"): NAME("/Widget"), NAME("/Rect"): box, NAME("/P"): page,
            NAME("/F"): NumberObject(4), NAME("/Parent"): own, NAME("/AP"): shown}))
        kids.append(kid)
        sheet = page.get_object()
        others = [one for one in sheet.get("/Annots", ()) if one != own]
        sheet[NAME("/Annots")] = ArrayObject([*others, kid])
        writer.update_container(sheet)
    for key in ("/Type", "/Subtype", "/P", "/F"):
        widget.pop(NAME(key), None)
    widget[NAME("/Kids")] = kids


def _kid_of(parent: Callable[[IncrementalPdfFileWriter], Any] | None) -> Tamper:
    """The picture in a widget that names another field than lists it, or none."""
    def change(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
        _kids(writer, widget, [LOW])
        kid = widget["/Kids"][0]
        del kid["/Parent"]
        if parent is not None:
            kid[NAME("/Parent")] = parent(writer)

    return change


def _cut_wider_than_it_is(page: bytes) -> bytes:
    output = io.BytesIO()
    with pikepdf.open(io.BytesIO(page)) as document:
        for one in document.pages:
            one.obj.MediaBox, one.obj.CropBox = pikepdf.Array([0, 0, 298, 420]), pikepdf.Array([0, 0, 3000, 3000])
            document.Root.Pages.MediaBox = one.obj.MediaBox
            del one.obj.MediaBox
        document.save(output, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return output.getvalue()


def _own(writer: IncrementalPdfFileWriter) -> Any:
    """The new field's reference."""
    listed = writer.root["/AcroForm"]["/Fields"]
    return listed.raw_get(len(listed) - 1)


def _second_page(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
    page = writer.root["/Pages"]["/Kids"][1]
    page[NAME("/Annots")] = ArrayObject([*page.get("/Annots", ()), _own(writer)])
    writer.update_container(page)


def _redraw(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
    earlier = writer.root["/AcroForm"]["/Fields"][0]["/AP"]["/N"]
    earlier._data = overlay("Diangkat")
    earlier._encoded_data = None
    writer.update_container(earlier)


def _take_over(writer: IncrementalPdfFileWriter, widget: Any, form: StreamObject) -> None:
    own = widget["/AP"].raw_get("/N")
    widget["/AP"] = DictionaryObject({
        NAME("/N"): writer.root["/AcroForm"]["/Fields"][0]["/AP"].raw_get("/N")})
    del writer.objects[(own.generation, own.idnum)]


UNSEEN: dict[str, Tamper] = {
    "in a widget with a field's type": _kids_of_their_own,
    "as a caption alone": _only("/MK"),
    "as a border alone": _only("/BS"),
}
TAMPERED: dict[str, tuple[Tamper, str]] = {
    "with a script in it": (_script, "widget_odd"),
    "another one under the mouse": (_rollover, "widget_odd"),
    "one of several states": (_states, "widget_odd"),
    "from elsewhere": (_external, "widget_odd"),
    "another one in print": (_alternate, "widget_odd"),
    "in PostScript": (_postscript, "widget_odd"),
    "in a layer": (_layered, "widget_odd"),
    "of the page's own content": (_of_the_page, "appearance_shared"),
    "in print alone": (_flags(4 | 32), "widget_odd"),
    "of a size of its own": (_flags(4 | 8), "widget_odd"),
    "without a frame": (_framed(), "widget_odd"),
    "without a frame, in no area": (_framed(area=(0, 0, 0, 0)), "widget_odd"),
    "in no area": (_framed(0, 0, 100, 40, area=(20, 20, 20, 20)), "widget_odd"),
    "in a frame without area": (_framed(0, 0, 2000, 0), "widget_odd"),
    "in a frame of six numbers": (_framed(0, 0, 100, 40, 5, 6), "widget_odd"),
    "in two places": (_two_widgets, "appearance_shared"),
    "in many pieces": (_tiles, "widget_covers_page"),
    "on two pages": (_second_page, "widget_odd"),
    "in a widget of no field": (_kid_of(None), "field_odd"),
    "in a widget of another field": (
        _kid_of(lambda writer: writer.root["/AcroForm"]["/Fields"].raw_get(0)), "field_odd"),
}


def broken(pdf: bytes) -> bytes:
    """Another signature value in the last signature, as if nobody had the key."""
    at = pdf.rindex(b"/Contents <") + len(b"/Contents <")
    end = pdf.index(b">", at)
    filled = re.sub(rb"0+$", b"", pdf[at:end])
    place = at + len(filled) - 40
    return pdf[:place] + bytes(b"1"[0] if one == b"0"[0] else b"0"[0] for one in pdf[place:place + 8]) + pdf[place + 8:]


def _with_loose_ends(sample: Sample) -> bytes:
    """Signed, with a page that draws objects which are not there yet."""
    first = facts(sample.page).size
    with pikepdf.open(io.BytesIO(sample.page), inherit_page_attributes=False) as document:
        page = document.pages[0].obj
        text, number = body(page), page.objgen[0]
    loose = b"".join(b"/X%d %d 0 R" % (one, one) for one in range(first, first + 40))
    head = text.rstrip()
    assert head.endswith(b">>")
    return sample.world.sign(request(sample.world, certify=False),
                             update(sample.page, {number: head[:-2] + b"/PieceInfo<<" + loose + b">>>>"})).pdf
