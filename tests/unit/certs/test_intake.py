"""Uploads: what acts, hides or is signed already is refused, each for its own reason."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from decimal import Decimal

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Pdf, String

from certs import errors
from certs.intake import inspect_upload
from certs.pades import SignedDocument
from tests.unit.certs.conftest import World
from tests.unit.certs.test_pdf_validation import bomb, encrypted

MakePdf = Callable[[Callable[[Pdf], object]], bytes]



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
    with pytest.raises(errors.UploadRefused) as caught:
        inspect_upload(make_pdf(change))
    assert type(caught.value) is refusal
    assert caught.value.detail


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


def test_links_and_plain_form_fields_are_no_reason(make_pdf: MakePdf) -> None:
    def change(document: Pdf) -> None:
        annotate(document, Subtype=Name.Link, A=Dictionary(S=Name.URI, URI=String("https://example.test")))
        field(document, FT=Name.Tx)

    assert inspect_upload(make_pdf(change)).pages == 1


def test_rotation_crop_and_units_count(make_pdf: MakePdf) -> None:
    def change(document: Pdf) -> None:
        page = document.pages[0].obj
        page.Rotate = 90
        page.CropBox = Array([10, 10, 110, 210])
        page.UserUnit = Decimal("1.5")

    assert inspect_upload(make_pdf(change)).page_sizes == ((300.0, 150.0),)


def test_every_refusal_has_its_own_code() -> None:
    kinds = errors.UploadRefused.__subclasses__()
    assert len({kind.code for kind in kinds}) == len(kinds) == 13
