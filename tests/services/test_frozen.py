"""The document that will be signed: what stands on it, and that it stays true until it is signed."""

from __future__ import annotations

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pikepdf
import pytest
from sqlalchemy import select

from svc.errors import (
    CapacityForbidden,
    DocumentChanged,
    IntegrityViolation,
    InvalidInput,
    RouteUnusable,
    StaleTask,
    StorageUnavailable,
)
from svc.models import Position, RegisterEntry, StoredFile, Unit
from svc.services import decree_page, drafting, redating, routing
from tests.support.acts import (
    appoint,
    blank_pdf,
    claim,
    current_text,
    end_holding,
    row_of,
    set_row,
    task_of,
    text_of,
)
from tests.support.clock import FrozenClock
from tests.support.world import World

TODAY = date(2026, 11, 24)


def walk_keputusan(world: World) -> str:
    """A decree of the agency's head, which no Plt. or Plh. may sign, ready to be signed."""
    data = world.example("keputusan") | {"penetap": "kepala_pd"}
    decree_id = drafting.create_draft(world.deps, world.actor("analis"), "keputusan", data)
    routing.submit(world.deps, world.actor("analis"), decree_id, world.view(decree_id).lock_version)
    for username in ("kasubbid", "kabid", "sekretaris"):
        world.approve(decree_id, username)
    return decree_id


def test_number_date_address_and_signer_stand_on_the_frozen_document(world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    text = current_text(world, decree_id)
    view = world.view(decree_id)
    for expected in ("800.1.11.13/1/BKD/2026", "24 November 2026", "Tanjung Mandala", "Fajar Contoh Nugraha",
                     "a.n. GUBERNUR NUSA MANDALA", "BADAN KEPEGAWAIAN DAERAH", "ditandatangani secara elektronik"):
        assert expected in text, expected
    assert f"{world.deps.settings.base_url}/v/{view.verify_code}".replace(" ", "") in text.replace(" ", "")


def test_a_draft_has_no_number_and_says_so(world: World) -> None:
    text = current_text(world, world.walk("in_review"))
    assert "…" in text
    assert "800.1.11.13/1/BKD/2026" not in text


def test_the_frozen_file_is_the_recorded_one_with_a_place_for_the_signature(world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    row = row_of(world, decree_id)
    with world.deps.db.read_session() as session:
        file = session.scalars(select(StoredFile).where(StoredFile.purpose == "frozen")).one()
    data = world.deps.store.get(file.object_key)
    assert hashlib.sha256(data).hexdigest() == file.sha256 == row.frozen_sha256
    assert file.signature_box is not None
    page, llx, lly, urx, ury = file.signature_box
    assert 0 <= page < (file.pages or 0)
    assert 0 <= llx < urx <= 596
    assert 0 <= lly < ury <= 842


def test_an_agency_with_its_own_address_has_its_own_letterhead(world: World) -> None:
    with world.deps.db.unit_of_work() as session:
        unit = session.get_one(Unit, world.organisation.unit_ids["BKD"])
        unit.address, unit.letter_code = "Jalan Contoh Kepegawaian Nomor 7", "BKD-NM"
    decree_id = world.walk("ready_to_sign")
    text = current_text(world, decree_id)
    assert "Jalan Contoh Kepegawaian Nomor 7" in text
    assert "Jalan Contoh Nomor 1" not in text
    assert "nusamandala.example" in text  # inherited, since the agency has none
    assert world.view(decree_id).number == "800.1.11.13/1/BKD-NM/2026"


def test_the_governors_decree_has_the_governors_head(world: World) -> None:
    data = world.example("keputusan") | {"penetap": "gubernur"}
    decree_id = drafting.create_draft(world.deps, world.actor("analis"), "keputusan", data)
    routing.submit(world.deps, world.actor("analis"), decree_id, world.view(decree_id).lock_version)
    for username in ("kabid", "kepala", "sekda"):
        world.approve(decree_id, username)
    text = current_text(world, decree_id)
    assert "Arga Contoh Mandala" in text
    assert "BADAN KEPEGAWAIAN DAERAH" not in text.partition("Menimbang")[0].upper()


def test_the_acting_head_is_named_with_his_capacity(world: World) -> None:
    text = current_text(world, world.walk("ready_to_sign", "surat-izin"), "loket")
    assert "Plt. KEPALA DINAS" in text
    assert "Laras Contoh Wulandari" in text


def test_who_stands_in_for_an_absent_head_is_named_and_may_sign(world: World) -> None:
    appoint(world, "BKD.SEKRETARIS", "BKD.KEPALA", "plh", TODAY, TODAY)
    decree_id = world.walk("ready_to_sign")
    assert "Plh. KEPALA BADAN KEPEGAWAIAN DAERAH" in current_text(world, decree_id)
    assert "Gita Contoh Maheswari" in current_text(world, decree_id)
    claim(world, decree_id, "sekretaris")
    assert world.view(decree_id).status == "signing"


def test_nobody_signs_over_another_name(world: World) -> None:
    appoint(world, "BKD.SEKRETARIS", "BKD.KEPALA", "plh", TODAY, TODAY)
    decree_id = world.walk("ready_to_sign")
    with pytest.raises(DocumentChanged):
        claim(world, decree_id, "kepala")
    before = world.view(decree_id)
    task_id, _ = task_of(world, decree_id)
    assert redating.ensure_dated_today(world.deps, task_id, world.actor("kepala"))
    assert not redating.ensure_dated_today(world.deps, task_id, world.actor("kepala"))
    after = world.view(decree_id)
    assert after.number == before.number
    assert after.lock_version > before.lock_version
    assert "Fajar Contoh Nugraha" in current_text(world, decree_id)
    with pytest.raises(DocumentChanged):
        claim(world, decree_id, "sekretaris")
    claim(world, decree_id, "kepala")


def test_one_appointed_after_freezing_is_named_when_he_opens_the_sheet(world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    end_holding(world, "BKD.KEPALA", "BKD.KEPALA", date(2026, 11, 23))
    appoint(world, "BKD.SEKRETARIS", "BKD.KEPALA", "plt", TODAY)
    task_id, _ = task_of(world, decree_id)
    assert redating.ensure_dated_today(world.deps, task_id, world.actor("sekretaris"))
    assert "Plt. KEPALA BADAN KEPEGAWAIAN DAERAH" in current_text(world, decree_id)
    claim(world, decree_id, "sekretaris")


def test_a_vacant_position_is_named_by_nobody_and_signed_by_nobody(world: World) -> None:
    end_holding(world, "BKD.KEPALA", "BKD.KEPALA", date(2026, 11, 23))
    decree_id = world.walk("ready_to_sign")
    assert row_of(world, decree_id).signer_id is None
    assert "Fajar" not in current_text(world, decree_id)


def test_a_kind_closed_to_those_who_act_names_the_definitive_holder(world: World) -> None:
    appoint(world, "BKD.SEKRETARIS", "BKD.KEPALA", "plh", TODAY, TODAY)
    decree_id = walk_keputusan(world)
    assert "Fajar Contoh Nugraha" in current_text(world, decree_id)
    task_id, _ = task_of(world, decree_id)
    assert not redating.ensure_dated_today(world.deps, task_id, world.actor("sekretaris"))
    with pytest.raises(CapacityForbidden):
        claim(world, decree_id, "sekretaris")
    claim(world, decree_id, "kepala")


def test_one_who_only_looks_changes_no_document(world: World) -> None:
    appoint(world, "BKD.SEKRETARIS", "BKD.KEPALA", "plh", TODAY, TODAY)
    decree_id = world.walk("ready_to_sign")
    task_id, seen = task_of(world, decree_id)
    assert not redating.ensure_dated_today(world.deps, task_id, world.actor("kabid"))
    assert world.view(decree_id).lock_version == seen


def test_a_sign_task_handed_on_names_the_new_position(world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    with world.deps.db.read_session() as session:
        ids = {row.code: row.public_id for row in session.execute(select(Position.code, Position.public_id))}
    with pytest.raises(InvalidInput) as caught:
        routing.reassign(world.deps, world.actor("kepala"), *task_of(world, decree_id), ids["BKD.SEKRETARIS"], "Cuti")
    assert "position" in caught.value.fields
    routing.reassign(world.deps, world.actor("kepala"), *task_of(world, decree_id), ids["SEKDA"], "Berhalangan")
    with pytest.raises(DocumentChanged):
        claim(world, decree_id, "sekda")  # the document still bears the other name
    assert redating.ensure_dated_today(world.deps, task_of(world, decree_id)[0], world.actor("sekda"))
    text = current_text(world, decree_id)
    assert "Bestari Contoh Laksana" in text
    assert "SEKRETARIS DAERAH" in text
    claim(world, decree_id, "sekda")


def test_a_paraf_task_is_not_handed_to_a_clerk(world: World) -> None:
    decree_id = world.walk("in_review")
    with world.deps.db.read_session() as session:
        clerk = session.scalar(select(Position.public_id).where(Position.code == "BKD.ANALIS-2")) or ""
    with pytest.raises(InvalidInput):
        routing.reassign(world.deps, world.actor("kasubbid"), *task_of(world, decree_id), clerk, "Cuti")


def test_a_number_that_says_the_month_follows_the_date(world: World, clock: FrozenClock) -> None:
    decree_id = world.walk("ready_to_sign", "surat-izin")
    assert world.view(decree_id, "loket").number == "500.16.7.2/1/PTSP/XI/2026"
    clock.at = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)
    task_id, _ = task_of(world, decree_id, "loket")
    assert redating.ensure_dated_today(world.deps, task_id)
    view = world.view(decree_id, "loket")
    assert view.number == "500.16.7.2/1/PTSP/XII/2026"
    text = text_of(decree_page.load_pdf(world.deps, world.actor("loket"), decree_id).data)
    assert "500.16.7.2/1/PTSP/XII/2026" in text
    assert "1 Desember 2026" in text
    with world.deps.db.read_session() as session:
        entry = session.scalars(select(RegisterEntry)).one()
    assert (entry.seq, entry.state, entry.formatted) == (1, "held", view.number)


def test_many_who_open_yesterdays_document_date_it_once(world: World, clock: FrozenClock) -> None:
    decree_id = world.walk("ready_to_sign")
    task_id, _ = task_of(world, decree_id)
    clock.advance(days=1)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: redating.ensure_dated_today(world.deps, task_id), range(8)))
    assert done.count(True) == 1
    assert [item.type for item in world.view(decree_id).history].count("document_refrozen") == 1


def test_a_void_number_is_news_for_an_older_page(world: World, clock: FrozenClock) -> None:
    decree_id = world.walk("ready_to_sign")
    task_id, seen = task_of(world, decree_id)
    clock.at = datetime(2027, 1, 4, 1, 0, tzinfo=UTC)
    redating.ensure_dated_today(world.deps, task_id)
    with pytest.raises(StaleTask) as caught:
        routing.reject(world.deps, world.actor("kepala"), task_id, seen, "Salah")
    assert [change.type for change in caught.value.changes] == ["number_voided", "document_refrozen"]


def test_an_uploaded_pdf_keeps_its_pages_and_gets_one_with_number_and_signature(world: World) -> None:
    deps, clerk = world.deps, world.actor("analis")
    original = blank_pdf(3)
    decree_id = drafting.upload_draft(deps, clerk, "surat-dinas", "Undangan rapat", original)
    assert world.view(decree_id).versions[0].content_sha256 == hashlib.sha256(original).hexdigest()
    routing.submit(deps, clerk, decree_id, world.view(decree_id).lock_version)
    for username in ("kasubbid", "sekretaris"):
        world.approve(decree_id, username)
    data = decree_page.load_pdf(deps, clerk, decree_id).data
    with pikepdf.open(io.BytesIO(data)) as document:
        assert len(document.pages) == 4
    text = text_of(data)
    assert (world.view(decree_id).number or "–") in text
    assert "Undangan rapat" in text
    assert "Fajar Contoh Nugraha" in text
    with deps.db.read_session() as session:
        frozen = session.scalars(select(StoredFile).where(StoredFile.purpose == "frozen")).one()
    assert frozen.signature_box is not None
    assert frozen.signature_box[0] == 3


def test_a_store_that_fails_at_the_last_paraf_costs_no_number(world: World) -> None:
    decree_id = world.walk("in_review")
    for username in ("kasubbid", "kabid"):
        world.approve(decree_id, username)
    before = world.view(decree_id)
    # A file where the folder should be: the store cannot write there, as with a full or broken disk.
    obstacle = world.deps.settings.var_dir / "store" / "decrees" / decree_id / "frozen"
    obstacle.write_bytes(b"")
    with pytest.raises(StorageUnavailable):
        world.approve(decree_id, "sekretaris")
    assert world.view(decree_id) == before
    obstacle.unlink()
    world.approve(decree_id, "sekretaris")
    assert world.view(decree_id).number == "800.1.11.13/1/BKD/2026"


def test_bytes_changed_in_the_store_are_not_shown(world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    with world.deps.db.read_session() as session:
        key = session.scalar(select(StoredFile.object_key).where(StoredFile.purpose == "frozen")) or ""
    path = world.deps.settings.var_dir / "store" / key
    path.write_bytes(path.read_bytes() + b"%")
    with pytest.raises(IntegrityViolation):
        decree_page.load_pdf(world.deps, world.actor("analis"), decree_id)


def test_an_unknown_kind_left_behind_stops_with_a_clear_word(world: World) -> None:
    decree_id = world.walk("in_review")
    task_id, seen = task_of(world, decree_id)
    set_row(world, decree_id, kind="sudah-dihapus")
    with pytest.raises(RouteUnusable):
        routing.approve(world.deps, world.actor("kasubbid"), task_id, seen)
