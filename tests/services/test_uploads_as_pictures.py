"""An upload that is refused for what it holds, and taken as pictures of its pages when its drafter asks for that."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace

import pikepdf
import PIL.Image
import pytest
from sqlalchemy import func, select

from certs.intake import inspect_upload
from certs.upload import reading
from certs.validation import validate_pdf
from svc.cage.pool import WorkerCage
from svc.cage.port import CageLimits
from svc.errors import InvalidInput
from svc.models import AuditEvent, Decree
from svc.services import decree_page, drafting, routing, trust
from svc.services.finished_pdfs import CurableContent
from svc.services.refusals import impossible_words
from tests.contract.test_cage_pictures import images_of, ink_in
from tests.support.acts import blank_pdf
from tests.support.odd_pdfs import FIELD, bomb_pdf, form_pdf, odd_pdf, photo_pdf, script_pdf
from tests.support.signing_by_hand import sheet_of, sign, signed_pdf
from tests.support.world import World


def upload(world: World, pdf: bytes, *, as_pictures: bool = True) -> str:
    return drafting.upload_draft(world.deps, world.actor("analis"), "kgb", "Naskah jadi", pdf, as_pictures=as_pictures)


def stored(world: World) -> tuple[int, int, int]:
    """Decrees, events about decrees, and stored files."""
    with world.deps.db.read_session() as session:
        decrees = session.scalar(select(func.count()).select_from(Decree)) or 0
        events = session.scalar(select(func.count()).where(AuditEvent.decree_id.is_not(None))) or 0
    return decrees, events, len(list(world.deps.store.list("")))


def payload_of(world: World, event_type: str) -> dict[str, object]:
    with world.deps.db.read_session() as session:
        return dict(session.scalars(select(AuditEvent.payload).where(AuditEvent.type == event_type)).one())


def test_a_form_is_refused_and_taken_as_pictures_when_asked_for(world: World) -> None:
    pdf = form_pdf(pages=2)
    with pytest.raises(CurableContent) as refused:
        upload(world, pdf, as_pictures=False)
    assert "isian formulir" in refused.value.fields["file"]
    assert stored(world) == (0, 0, 0)

    decree_id = upload(world, pdf)
    kept = decree_page.load_pdf(world.deps, world.actor("analis"), decree_id)
    assert inspect_upload(kept.data).pages == len(images_of(kept.data)) == 2
    assert ink_in(kept.data, FIELD) > 100
    view, sha256 = world.view(decree_id), hashlib.sha256(pdf).hexdigest()
    assert (view.pictures_of, view.pdf_sha256) == (sha256, kept.sha256)
    event = payload_of(world, "decree_uploaded")
    assert (event["upload_sha256"], event["refused_for"]) == (sha256, "upload_form")
    assert event["content_sha256"] == kept.sha256
    assert stored(world) == (1, 1, 1)


def test_a_map_of_too_many_strokes_becomes_a_picture(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(document: pikepdf.Pdf) -> None:
        document.pages[0].obj.Contents = document.make_stream(b"100 600 m 300 640 l S\n" * 100)

    monkeypatch.setattr(reading, "_MOST_INSTRUCTIONS", 200)
    with pytest.raises(CurableContent) as refused:
        upload(world, odd_pdf(draw), as_pictures=False)
    assert "terlalu banyak garis" in refused.value.fields["file"]
    decree_id = upload(world, odd_pdf(draw))
    assert ink_in(decree_page.load_pdf(world.deps, world.actor("analis"), decree_id).data, FIELD) > 50


def test_a_scan_of_a_kind_that_nobody_here_can_check_becomes_a_picture(world: World) -> None:
    scan, written = PIL.Image.new("1", (400, 100), 1), io.BytesIO()  # what is black in a fax
    scan.save(written, "TIFF", compression="group3", tiffinfo={278: scan.height})
    with PIL.Image.open(written) as read:
        (start,), (length,) = read.tag_v2[273], read.tag_v2[279]  # type: ignore[attr-defined]

    def place(document: pikepdf.Pdf) -> None:
        fax = document.make_stream(
            written.getvalue()[start:start + length], Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=400,
            Height=100, BitsPerComponent=1, ColorSpace=pikepdf.Name.DeviceGray, Filter=pikepdf.Name.CCITTFaxDecode,
            DecodeParms=pikepdf.Dictionary(K=0, Columns=400, EndOfLine=True))
        page = document.pages[0].obj
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(I=document.make_indirect(fax)))
        page.Contents = document.make_stream(b"q 200 0 0 40 100 600 cm /I Do Q")

    with pytest.raises(CurableContent) as refused:
        upload(world, odd_pdf(place), as_pictures=False)
    assert "tidak dapat diperiksa di sini" in refused.value.fields["file"]
    decree_id = upload(world, odd_pdf(place))
    assert ink_in(decree_page.load_pdf(world.deps, world.actor("analis"), decree_id).data, FIELD) > 50


def test_what_can_be_taken_as_it_is_is_not_touched(world: World) -> None:
    pdf = blank_pdf()
    decree_id = upload(world, pdf)
    assert decree_page.load_pdf(world.deps, world.actor("analis"), decree_id).data == pdf
    assert world.view(decree_id).pictures_of == ""
    assert "upload_sha256" not in payload_of(world, "decree_uploaded")


def test_an_upload_is_replaced_by_pictures_and_back(world: World) -> None:
    deps, clerk, pdf = world.deps, world.actor("analis"), form_pdf()
    decree_id = upload(world, blank_pdf())
    with pytest.raises(CurableContent):
        drafting.replace_upload(deps, clerk, decree_id, 1, pdf)
    drafting.replace_upload(deps, clerk, decree_id, 1, pdf, as_pictures=True)
    assert world.view(decree_id).pictures_of == hashlib.sha256(pdf).hexdigest()
    assert payload_of(world, "draft_saved")["upload_sha256"] == hashlib.sha256(pdf).hexdigest()
    drafting.replace_upload(deps, clerk, decree_id, 2, blank_pdf(2), as_pictures=True)
    assert world.view(decree_id).pictures_of == ""


def test_pictures_are_signed_like_any_upload(ready: World) -> None:
    decree_id = upload(ready, form_pdf())
    routing.submit(ready.deps, ready.actor("analis"), decree_id, ready.view(decree_id).lock_version)
    for name in ("kasubbid", "kabid", "sekretaris"):
        ready.approve(decree_id, name)
    task = ready.view(decree_id).open_task
    assert task is not None
    sign(ready, sheet_of(ready, task.task_id))
    signed = signed_pdf(ready, decree_id)
    report = validate_pdf(signed, trust.trust_store(ready.deps), ready.deps.clock.now())
    assert report.indication == "TOTAL-PASSED"
    assert ink_in(signed, FIELD) > 100
    assert ready.view(decree_id).pictures_of


def damaged(pdf: bytes) -> bytes:
    return pdf.replace(b"startxref", b"startxxxx")


@pytest.mark.parametrize("change", [lambda pdf: pdf, damaged])
def test_a_signed_document_never_becomes_pictures(ready: World, change: Callable[[bytes], bytes]) -> None:
    decree_id = ready.walk("ready_to_sign")
    task = ready.view(decree_id).open_task
    assert task is not None
    sign(ready, sheet_of(ready, task.task_id))
    before = stored(ready)
    with pytest.raises(InvalidInput) as refused:
        upload(ready, change(signed_pdf(ready, decree_id)))
    assert "sudah bertanda tangan elektronik" in refused.value.fields["file"]
    assert not isinstance(refused.value, CurableContent)
    assert stored(ready) == before


@pytest.mark.parametrize(("pdf", "said"), [
    (odd_pdf(script_pdf, size=(14_400, 14_400)), "Halaman %(page)s terlalu besar"),
    (bomb_pdf(), "Halaman %(page)s tidak dapat digambar"),
    (b"%PDF-1.7\nrusak", "rusak"), (b"teks biasa", "bukan PDF")])
def test_what_no_pictures_can_be_made_of_is_refused_clearly(world: World, pdf: bytes, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        upload(world, pdf)
    assert said in refused.value.fields["file"]
    assert not isinstance(refused.value, CurableContent)
    assert stored(world) == (0, 0, 0)


def test_pictures_that_are_too_large_in_all_are_refused(world: World) -> None:
    deps = replace(world.deps, settings=world.deps.settings.model_copy(update={"max_upload_mb": 1}))
    pdf = photo_pdf(4)
    assert len(pdf) < deps.settings.max_upload_bytes
    with pytest.raises(InvalidInput) as refused:
        drafting.upload_draft(deps, world.actor("analis"), "kgb", "Naskah", pdf, as_pictures=True)
    assert refused.value.fields["file"] % refused.value.params == (
        "Sebagai gambar, berkas ini melebihi 1 MB. Cetak ke PDF dari aplikasi asalnya, lalu unggah hasilnya.")
    assert stored(world) == (0, 0, 0)


def test_a_worker_that_dies_of_a_page_is_a_clear_refusal(world: World) -> None:
    cage = WorkerCage(CageLimits(seconds=30, memory_mb=160))
    try:
        deps = replace(world.deps, cage=cage)
        with pytest.raises(InvalidInput) as refused:
            drafting.upload_draft(deps, world.actor("analis"), "kgb", "Peta", odd_pdf(script_pdf, size=(2300, 2300)),
                                  as_pictures=True)
    finally:
        cage.close()
    assert refused.value.fields["file"] == impossible_words("undrawable")
    assert refused.value.params["page"] == 1
    assert stored(world) == (0, 0, 0)
