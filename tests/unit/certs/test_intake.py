"""Uploads: what acts, hides or is signed already is refused, each for its own reason."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Pdf, String

from certs import errors
from certs.intake import inspect_upload
from certs.pades import SignedDocument
from tests.unit.certs.conftest import World
from tests.unit.certs.test_pdf_validation import bomb, encrypted

MakePdf = Callable[[Callable[[Pdf], object]], bytes]



def ensure_refused(pdf: bytes, refusal: type[errors.UploadRefused]) -> None:
    with pytest.raises(errors.UploadRefused) as caught:
        inspect_upload(pdf)
    assert type(caught.value) is refusal
    assert caught.value.detail


def script() -> Dictionary:
    return Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))


def launch() -> Dictionary:
    return Dictionary(S=Name.Launch, F=String("calc.exe"))


def annotate(document: Pdf, **entries: object) -> None:
    """Put an annotation on the first page."""
    annotation = Dictionary(Type=Name.Annot, Rect=Array([0, 0, 10, 10]))
    for key, value in entries.items():
        annotation[f"/{key}"] = value
    document.pages[0].obj.Annots = Array([document.make_indirect(annotation)])


def set_open_action(document: Pdf, action: Dictionary) -> None:
    document.Root.OpenAction = action


def name_script(document: Pdf) -> None:
    document.Root.Names = Dictionary(JavaScript=Dictionary(Names=Array([String("a"), script()])))


def field(document: Pdf, **entries: object) -> None:
    one = Dictionary(T=String("f"))
    for key, value in entries.items():
        one[f"/{key}"] = value
    document.Root.AcroForm = Dictionary(Fields=Array([document.make_indirect(one)]))


def attach(document: Pdf) -> None:
    document.attachments["a.txt"] = b"hidden"


def associate(document: Pdf) -> None:
    document.Root.AF = Array([document.make_indirect(Dictionary(Type=Name.Filespec, F=String("a")))])


def deep_action(document: Pdf) -> None:
    """A script two links behind a harmless action, in an outline."""
    chain = Dictionary(S=Name.URI, URI=String("https://example.test"), Next=Array([script()]))
    item = document.make_indirect(Dictionary(Title=String("x"), A=chain))
    document.Root.Outlines = Dictionary(First=item, Last=item, Count=1)


def loose_script(document: Pdf) -> None:
    """Not reachable from the catalogue by any known key, but in the file."""
    document.Root.Surprise = document.make_indirect(script())


def hide_in_page_actions(document: Pdf) -> None:
    document.pages[0].obj.AA = Dictionary(O=script())


REFUSED: list[tuple[str, type[errors.UploadRefused], Callable[[Pdf], object]]] = [
    ("names", errors.UploadHasJavaScript, name_script),
    ("open action", errors.UploadHasJavaScript, lambda pdf: set_open_action(pdf, script())),
    ("page action", errors.UploadHasJavaScript, hide_in_page_actions),
    (
        "annotation",
        errors.UploadHasJavaScript,
        lambda pdf: annotate(pdf, Subtype=Name.Link, AA=Dictionary(E=script())),
    ),
    (
        "field",
        errors.UploadHasJavaScript,
        lambda pdf: field(pdf, FT=Name.Tx, AA=Dictionary(K=script())),
    ),
    ("outline chain", errors.UploadHasJavaScript, deep_action),
    ("nowhere", errors.UploadHasJavaScript, loose_script),
    (
        "rendition",
        errors.UploadHasJavaScript,
        lambda pdf: set_open_action(pdf, Dictionary(S=Name.Rendition, JS=String("x"))),
    ),
    ("launch", errors.UploadHasLaunchAction, lambda pdf: annotate(pdf, Subtype=Name.Link, A=launch())),
    (
        "submit",
        errors.UploadHasLaunchAction,
        lambda pdf: annotate(pdf, Subtype=Name.Link, A=Dictionary(S=Name.SubmitForm, F=String("http://x"))),
    ),
    (
        "xfa",
        errors.UploadHasXfa,
        lambda pdf: pdf.Root.__setattr__("AcroForm", Dictionary(Fields=Array([]), XFA=String("<xdp/>"))),
    ),
    ("embedded", errors.UploadHasAttachment, attach),
    ("associated", errors.UploadHasAttachment, associate),
    ("file annotation", errors.UploadHasAttachment, lambda pdf: annotate(pdf, Subtype=Name.FileAttachment)),
    ("rich media", errors.UploadHasRichMedia, lambda pdf: annotate(pdf, Subtype=Name.RichMedia)),
    ("movie", errors.UploadHasRichMedia, lambda pdf: annotate(pdf, Subtype=Name.Movie)),
    ("3d", errors.UploadHasRichMedia, lambda pdf: annotate(pdf, Subtype=Name("/3D"))),
    (
        "sound",
        errors.UploadHasRichMedia,
        lambda pdf: annotate(pdf, Subtype=Name.Link, A=Dictionary(S=Name.Sound)),
    ),
]


@pytest.mark.parametrize(("refusal", "change"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_acts_or_hides_is_refused(
    make_pdf: MakePdf, refusal: type[errors.UploadRefused], change: Callable[[Pdf], object]
) -> None:
    ensure_refused(make_pdf(change), refusal)


@pytest.mark.parametrize("mode", ["generate", "disable"])
def test_object_streams_hide_nothing(make_pdf: MakePdf, mode: str) -> None:
    output = io.BytesIO()
    with pikepdf.open(io.BytesIO(make_pdf(deep_action))) as document:
        document.save(output, object_stream_mode=pikepdf.ObjectStreamMode[mode])
    with pytest.raises(errors.UploadHasJavaScript):
        inspect_upload(output.getvalue())


def test_a_signed_document_is_refused(signed: SignedDocument, world: World) -> None:
    for pdf in (signed.pdf, world.sign(world.request(certify=False)).pdf):
        with pytest.raises(errors.UploadAlreadySigned):
            inspect_upload(pdf)


def test_a_signature_kept_through_a_rewrite_is_still_seen(world: World) -> None:
    output = io.BytesIO()
    with pikepdf.open(io.BytesIO(world.sign(world.request(certify=False)).pdf)) as document:
        document.save(output)
    with pytest.raises(errors.UploadAlreadySigned):
        inspect_upload(output.getvalue())


@pytest.mark.parametrize("user", ["", "rahasia"])
def test_encrypted_is_refused(world: World, user: str) -> None:
    output = io.BytesIO()
    with pikepdf.open(io.BytesIO(world.page)) as document:
        document.save(output, encryption=pikepdf.Encryption(owner="x", user=user))
    for pdf in (output.getvalue(), encrypted(world.page)):
        with pytest.raises(errors.UploadEncrypted):
            inspect_upload(pdf)


def test_broken_is_refused(world: World) -> None:
    page = world.page
    wrong_table = page.replace(b"startxref\n", b"startxref\n9")
    for pdf in (page[: len(page) // 2], page[:-100], wrong_table, b"%PDF-1.7\njunk"):
        with pytest.raises(errors.UploadBroken):
            inspect_upload(pdf)


def test_a_bomb_is_refused_without_unpacking_it() -> None:
    with pytest.raises(errors.UploadBroken):
        inspect_upload(bomb(400))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 docx", b"<html></html>"])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(errors.UploadNotPdf):
        inspect_upload(data)


def test_size_and_pages_have_limits(world: World, make_pdf: MakePdf) -> None:
    with pytest.raises(errors.UploadTooLarge):
        inspect_upload(world.page, max_bytes=len(world.page) - 1)
    assert inspect_upload(world.page, max_bytes=len(world.page)).pages == 2
    with pytest.raises(errors.UploadHasTooManyPages):
        inspect_upload(make_pdf(lambda pdf: [pdf.add_blank_page() for _ in range(500)]))
    with pytest.raises(errors.UploadHasNoPages):
        inspect_upload(make_pdf(lambda pdf: pdf.pages.__delitem__(0)))


def test_a_plain_document_is_accepted_with_its_facts(world: World) -> None:
    facts = inspect_upload(world.page)
    assert facts.pages == 2
    assert facts.title == "Keputusan Contoh"
    assert facts.page_sizes[0] == pytest.approx((595.28, 841.89), abs=0.01)
    assert facts.pdf_version == "1.7"
    assert facts.sha256 == hashlib.sha256(world.page).hexdigest()


def test_rotation_and_crop_count(make_pdf: MakePdf) -> None:
    def change(document: Pdf) -> None:
        page = document.pages[0].obj
        page.Rotate = 90
        page.CropBox = Array([10, 10, 110, 210])
        page.UserUnit = 1

    assert inspect_upload(make_pdf(change)).page_sizes == ((200.0, 100.0),)


def test_every_refusal_has_its_own_code() -> None:
    kinds = errors.UploadRefused.__subclasses__()
    assert len({kind.code for kind in kinds}) == len(kinds) == 20


def _paint(document: Pdf) -> pikepdf.Object:
    return document.make_indirect(document.make_stream(
        b"0 0 1 rg 0 0 300 100 re f", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 300, 100])))


def _use(document: Pdf, **resources: object) -> None:
    page = document.pages[0].obj
    page.Resources = Dictionary({f"/{kind}": Dictionary(X=value) for kind, value in resources.items()})


def _layer(document: Pdf) -> Dictionary:
    return document.make_indirect(Dictionary(Type=Name.OCG, Name=String("L")))


def _transfer(document: Pdf) -> Dictionary:
    function = document.make_stream(b"{pop 1}", FunctionType=4, Domain=Array([0, 1]), Range=Array([0, 1]))
    return Dictionary(TR=document.make_indirect(function))


def _widget(document: Pdf) -> None:
    """A field that is its own widget, on the page and in the form."""
    annotate(document, Subtype=Name.Widget, FT=Name.Tx, T=String("f"))
    document.Root.AcroForm = Dictionary(Fields=Array(document.pages[0].obj.Annots))


def _image(document: Pdf, **entries: object) -> pikepdf.Object:
    return document.make_indirect(document.make_stream(
        b"\xff\x00\x00", Type=Name.XObject, Subtype=Name.Image, Width=1, Height=1, BitsPerComponent=8,
        ColorSpace=Name.DeviceRGB, **entries))


CHANGEABLE: list[tuple[str, type[errors.UploadRefused], Callable[[Pdf], object]]] = [
    ("field", errors.UploadHasForm, lambda pdf: field(pdf, FT=Name.Tx, V=String("Rp 9.000.000"))),
    ("widget", errors.UploadHasForm, _widget),
    ("widget that no page has", errors.UploadHasForm,
     lambda pdf: pdf.Root.__setattr__("Surprise", pdf.make_indirect(Dictionary(Subtype=Name.Widget)))),
    ("appearances to be made", errors.UploadHasForm,
     lambda pdf: pdf.Root.__setattr__("AcroForm", Dictionary(Fields=Array([]), NeedAppearances=True))),
    ("layers", errors.UploadHasLayers, lambda pdf: pdf.Root.__setattr__("OCProperties", Dictionary(
        OCGs=Array([_layer(pdf)]), D=Dictionary()))),
    ("layer that nobody lists", errors.UploadHasLayers, lambda pdf: _use(pdf, Properties=_layer(pdf))),
    ("stamp for the printer", errors.UploadHasAnnotations,
     lambda pdf: annotate(pdf, Subtype=Name.Stamp, F=36, AP=Dictionary(N=_paint(pdf)))),
    ("text over the page", errors.UploadHasAnnotations,
     lambda pdf: annotate(pdf, Subtype=Name.FreeText, F=4, Contents=String("Rp 9.000.000"))),
    ("watermark", errors.UploadHasAnnotations, lambda pdf: annotate(pdf, Subtype=Name.Watermark, F=4)),
    ("note", errors.UploadHasAnnotations, lambda pdf: annotate(pdf, Subtype=Name.Popup, Open=True)),
    ("link with a picture", errors.UploadHasAnnotations,
     lambda pdf: annotate(pdf, Subtype=Name.Link, AP=Dictionary(N=_paint(pdf)))),
    ("layer switched at opening", errors.UploadHasLaunchAction,
     lambda pdf: set_open_action(pdf, Dictionary(S=Name.SetOCGState, State=Array([Name.ON])))),
    ("another file at opening", errors.UploadHasLaunchAction,
     lambda pdf: set_open_action(pdf, Dictionary(S=Name.GoToR, F=String("lain.pdf"), D=Array([0, Name.Fit])))),
    ("an address at opening", errors.UploadHasLaunchAction,
     lambda pdf: set_open_action(pdf, Dictionary(S=Name.URI, URI=String("https://contoh.invalid")))),
    ("an address after the opening", errors.UploadHasLaunchAction,
     lambda pdf: set_open_action(pdf, Dictionary(
         S=Name.GoTo, D=Array([0, Name.Fit]), Next=Dictionary(S=Name.URI, URI=String("https://contoh.invalid"))))),
    ("hidden by a click", errors.UploadAmbiguous,
     lambda pdf: annotate(pdf, Subtype=Name.Link, A=Dictionary(S=Name.Hide, T=String("f")))),
    ("acts when the page is turned", errors.UploadAmbiguous, lambda pdf: pdf.pages[0].obj.__setattr__(
        "AA", Dictionary(O=Dictionary(S=Name.GoTo, D=Array([0, Name.Fit]))))),
    ("steps of a presentation", errors.UploadAmbiguous,
     lambda pdf: pdf.pages[0].obj.__setattr__("PresSteps", Dictionary(Type=Name.NavNode))),
    ("another picture for the printer", errors.UploadAmbiguous, lambda pdf: _use(pdf, XObject=_image(
        pdf, Alternates=Array([Dictionary(Image=_image(pdf), DefaultForPrinting=True)])))),
    ("page of another file", errors.UploadAmbiguous, lambda pdf: _use(pdf, XObject=pdf.make_indirect(pdf.make_stream(
        b"", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 1, 1]), Ref=Dictionary(Page=0))))),
    ("PostScript", errors.UploadAmbiguous, lambda pdf: _use(pdf, XObject=pdf.make_indirect(pdf.make_stream(
        b"0 setgray", Type=Name.XObject, Subtype=Name.PS)))),
    ("picture from elsewhere", errors.UploadAmbiguous, lambda pdf: _use(pdf, XObject=_image(pdf, OPI=Dictionary()))),
    ("colours replaced", errors.UploadAmbiguous, lambda pdf: _use(pdf, ExtGState=_transfer(pdf))),
]


@pytest.mark.parametrize(("refusal", "change"), [row[1:] for row in CHANGEABLE], ids=[row[0] for row in CHANGEABLE])
def test_what_may_show_itself_differently_is_refused(
    make_pdf: MakePdf, refusal: type[errors.UploadRefused], change: Callable[[Pdf], object]
) -> None:
    ensure_refused(make_pdf(change), refusal)


def _as_word_processors_write(document: Pdf) -> None:
    """Opened at the first page, with links and bookmarks, tagged, an empty form, roles with names like keys."""
    annotate(document, Subtype=Name.Link, Border=Array([0, 0, 0]),
             A=Dictionary(S=Name.URI, URI=String("https://contoh.invalid/peraturan")))
    document.Root.OpenAction = Dictionary(S=Name.GoTo, D=Array([document.pages[0].obj, Name.Fit]))
    document.Root.AcroForm = Dictionary(Fields=Array([]))
    document.Root.StructTreeRoot = document.make_indirect(Dictionary(
        Type=Name.StructTreeRoot, RoleMap=Dictionary(TR=Name.TR, AA=Name.P),
        ClassMap=Dictionary(TR=Dictionary(O=Name.Table), AA=Dictionary(O=Name.Layout))))
    item = document.make_indirect(Dictionary(Title=String("Bab I"), Dest=Array([document.pages[0].obj, Name.Fit])))
    document.Root.Outlines = Dictionary(First=item, Last=item, Count=1)
    document.pages[0].obj.Trans = Dictionary(S=Name.Dissolve)
    _use(document, ExtGState=Dictionary(TR=Name.Identity, TR2=Name.Default))


def test_what_word_processors_write_is_accepted(make_pdf: MakePdf) -> None:
    assert inspect_upload(make_pdf(_as_word_processors_write)).pages == 1
