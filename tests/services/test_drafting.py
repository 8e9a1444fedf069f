"""Drafts: what is kept, what is refused, and who may touch them."""

from __future__ import annotations

import io

import pikepdf
import pytest
from sqlalchemy import func, select

from svc.errors import Conflict, InvalidInput, NotFound, NotYourTask, StaleTask
from svc.models import Decree, DecreeVersion, StoredFile
from svc.services import decree_page, drafting, routing, tracking
from svc.services.tracking import TrackingFilter
from tests.support.acts import blank_pdf, row_of, task_of, text_of
from tests.support.world import World


def test_a_saved_draft_shows_its_pdf_and_is_found_by_name_and_nip(world: World) -> None:
    decree_id = world.walk("draft")
    view = world.view(decree_id)
    assert view.pdf_purpose == "draft"
    person = world.example()["pegawai"]
    for word in (person["nama"].split()[0], person["nip"]):
        found = tracking.load_page(world.deps, world.actor("analis"), TrackingFilter(text=word)).items
        assert [item.decree_id for item in found] == [decree_id]


def test_a_preview_keeps_nothing(world: World) -> None:
    pdf = drafting.preview(world.deps, world.actor("analis"), "kgb", world.example())
    assert world.example()["pegawai"]["nama"] in text_of(pdf)
    with world.deps.db.read_session() as session:
        assert session.scalar(select(func.count()).select_from(Decree)) == 0
        assert session.scalar(select(func.count()).select_from(StoredFile)) == 0
    assert list(world.deps.store.list("")) == []


def test_saving_changes_content_subject_and_file_together(world: World) -> None:
    decree_id = world.walk("draft")
    before = world.view(decree_id)
    data = world.example()
    data["pegawai"] = data["pegawai"] | {"nama": "Wulan Contoh Setiawan"}
    drafting.save_draft(world.deps, world.actor("analis"), decree_id, data, before.lock_version)
    after = world.view(decree_id)
    assert "Wulan Contoh Setiawan" in after.subject
    assert after.versions[0].content_sha256 != before.versions[0].content_sha256
    assert after.pdf_sha256 != before.pdf_sha256
    assert (after.version_no, after.lock_version) == (1, before.lock_version + 1)
    shown = decree_page.load_pdf(world.deps, world.actor("analis"), decree_id)
    assert "Wulan Contoh Setiawan" in text_of(shown.data)


def test_the_same_data_has_the_same_hash_however_it_was_typed(world: World) -> None:
    first = world.walk("draft")
    data = dict(reversed(list(world.example().items())))
    data["pegawai"] = data["pegawai"] | {"nama": f"  {data['pegawai']['nama']} "}
    second = drafting.create_draft(world.deps, world.actor("analis"), "kgb", data)
    assert world.view(first).versions[0].content_sha256 == world.view(second).versions[0].content_sha256


def test_a_stale_form_is_refused_and_told_why(world: World) -> None:
    decree_id = world.walk("draft")
    data = world.example() | {"tujuan_di": "Kota Contoh"}
    drafting.save_draft(world.deps, world.actor("analis"), decree_id, data, 1)
    with pytest.raises(StaleTask) as caught:
        drafting.save_draft(world.deps, world.actor("analis"), decree_id, world.example(), 1)
    assert [change.type for change in caught.value.changes] == ["draft_saved"]
    assert world.view(decree_id).data["tujuan_di"] == "Kota Contoh"


def test_what_is_on_its_way_is_not_changed(world: World) -> None:
    decree_id = world.walk("in_review")
    seen = world.view(decree_id).lock_version
    with pytest.raises(Conflict):
        drafting.save_draft(world.deps, world.actor("analis"), decree_id, world.example(), seen)
    with pytest.raises(Conflict):
        drafting.discard(world.deps, world.actor("analis"), decree_id, seen, "Tidak jadi")


def test_a_colleague_neither_changes_nor_discards_my_draft(world: World) -> None:
    decree_id = world.walk("draft")
    with pytest.raises(Conflict):
        drafting.save_draft(world.deps, world.actor("pengelola"), decree_id, world.example(), 1)
    with pytest.raises(NotYourTask):
        drafting.discard(world.deps, world.actor("pengelola"), decree_id, 1, "Iseng")
    with pytest.raises(NotFound):
        drafting.save_draft(world.deps, world.actor("loket"), decree_id, world.example(), 1)
    assert world.view(decree_id).status == "draft"


def test_discarding_needs_a_reason_and_is_final(world: World) -> None:
    decree_id = world.walk("draft")
    with pytest.raises(InvalidInput):
        drafting.discard(world.deps, world.actor("analis"), decree_id, 1, "   ")
    drafting.discard(world.deps, world.actor("analis"), decree_id, 1, "Ganda")
    view = world.view(decree_id)
    assert view.status == "discarded"
    assert view.history[0].reason == "Ganda"
    with pytest.raises(Conflict):
        routing.submit(world.deps, world.actor("analis"), decree_id, view.lock_version)


def test_a_copy_is_a_draft_of_its_own(world: World) -> None:
    original = world.walk("ready_to_sign")
    copy = drafting.duplicate(world.deps, world.actor("pengelola"), original)
    view = world.view(copy)
    assert (view.status, view.version_no, view.number) == ("draft", 1, None)
    assert view.data == world.view(original).data
    assert view.verify_code != world.view(original).verify_code
    assert view.drafter_name == "Kartika Contoh Dewi"
    with pytest.raises(NotFound):
        drafting.duplicate(world.deps, world.actor("loket"), original)


def test_an_uploaded_pdf_is_replaced_but_not_copied(world: World) -> None:
    deps, clerk = world.deps, world.actor("analis")
    decree_id = drafting.upload_draft(deps, clerk, "surat-dinas", "Undangan", blank_pdf(1))
    drafting.replace_upload(deps, clerk, decree_id, 1, blank_pdf(2))
    data = decree_page.load_pdf(deps, clerk, decree_id).data
    with pikepdf.open(io.BytesIO(data)) as document:
        assert len(document.pages) == 2
    with pytest.raises(Conflict):
        drafting.duplicate(deps, clerk, decree_id)
    with pytest.raises(Conflict):
        drafting.save_draft(deps, clerk, decree_id, world.example("surat-dinas"), 2)


def test_what_was_submitted_is_never_written_over(world: World) -> None:
    """Back and forth three times, changed and unchanged: every version keeps its content and file."""
    deps, clerk = world.deps, world.actor("analis")
    decree_id = world.walk("in_review")
    for place in (None, "Kota Satu", None):
        routing.return_for_revision(deps, world.actor("kasubbid"), *task_of(world, decree_id), "Perbaiki")
        if place is not None:
            data = world.example() | {"tujuan_di": place}
            drafting.save_draft(deps, clerk, decree_id, data, world.view(decree_id).lock_version)
        routing.submit(deps, clerk, decree_id, world.view(decree_id).lock_version)
    versions = world.view(decree_id).versions
    assert [version.version_no for version in versions] == [4, 3, 2, 1]
    contents = [version.content_sha256 for version in versions]
    assert contents[0] == contents[1] != contents[2] == contents[3]
    for version in versions:
        assert decree_page.load_pdf(deps, clerk, decree_id, version.pdf_sha256).data.startswith(b"%PDF")
    with deps.db.read_session() as session:
        assert session.scalar(select(func.count()).select_from(DecreeVersion)) == 4


def test_a_draft_returned_without_change_keeps_its_number_of_version_until_submitted(world: World) -> None:
    decree_id = world.walk("in_review")
    routing.return_for_revision(world.deps, world.actor("kasubbid"), *task_of(world, decree_id), "Perbaiki")
    assert row_of(world, decree_id).version_no == 1
    routing.submit(world.deps, world.actor("analis"), decree_id, world.view(decree_id).lock_version)
    assert row_of(world, decree_id).version_no == 2


def javascript_pdf() -> bytes:
    document = pikepdf.new()
    document.add_blank_page()
    document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert(1)"))
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def locked_pdf() -> bytes:
    document = pikepdf.open(io.BytesIO(blank_pdf()))
    out = io.BytesIO()
    document.save(out, encryption=pikepdf.Encryption(owner="satu", user="dua"))
    return out.getvalue()


@pytest.mark.parametrize(("pdf", "word"), [
    (javascript_pdf(), "JavaScript"), (locked_pdf(), "bersandi"), (b"%PDF-1.7\nrusak", "rusak"),
    (b"teks biasa", "bukan PDF"), (b"", "bukan PDF")])
def test_a_pdf_that_acts_or_hides_is_refused_with_its_reason(world: World, pdf: bytes, word: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        drafting.upload_draft(world.deps, world.actor("analis"), "surat-dinas", "Perihal", pdf)
    assert word in caught.value.fields["file"]
    assert list(world.deps.store.list("")) == []


def test_a_pdf_that_is_too_large_is_refused(world: World) -> None:
    large = blank_pdf() + b"\0" * world.deps.settings.max_upload_bytes
    with pytest.raises(InvalidInput) as caught:
        drafting.upload_draft(world.deps, world.actor("analis"), "surat-dinas", "Perihal", large)
    assert "terlalu besar" in caught.value.fields["file"]


def test_an_unknown_kind_is_named(world: World) -> None:
    with pytest.raises(InvalidInput) as caught:
        drafting.create_draft(world.deps, world.actor("analis"), "sudah-dihapus", {})
    assert "kind" in caught.value.fields


@pytest.mark.parametrize("text", ["tab\tdan\x00nol", "\ud800 sendiri", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \u202e terbalik", "#show: none $x$ @a"])
def test_odd_text_is_kept_or_refused_but_breaks_nothing(world: World, text: str) -> None:
    data = world.example("surat-dinas")
    data["hal"] = f"Undangan {text}"
    try:
        decree_id = drafting.create_draft(world.deps, world.actor("analis"), "surat-dinas", data)
    except InvalidInput:
        return
    assert world.view(decree_id).pdf_purpose == "draft"
