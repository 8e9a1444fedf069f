"""An agreement of two agencies: two signatures on one document, in the order of its route."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from svc.errors import (
    AlreadySigned,
    Conflict,
    DocumentChanged,
    InvalidInput,
    NotFound,
    NotYourTask,
    RouteUnusable,
    SameSigner,
)
from svc.kinds import InvalidDecreeData
from svc.models import DecreeSigner, Notice, Position, RegisterEntry, StoredFile
from svc.schema_form import Field, build_form
from svc.services import audit, decree_page, drafting, inbox, redating, routing, tracking, verification
from svc.services.files import signature_boxes
from svc.services.flow import load_flow, lock_decree
from svc.services.signature_blocks import SignerMissing
from svc.services.tracking import TrackingFilter
from tests.support.acts import (
    appoint,
    blank_pdf,
    claim,
    current_text,
    end_holding,
    record_signed,
    row_of,
    task_of,
)
from tests.support.clock import FrozenClock
from tests.support.world import World

KIND = "perjanjian-kerja-sama"
ONCE, TWICE = "1" * 64, "2" * 64


def waiting(world: World) -> str:
    return world.walk("ready_to_sign", KIND)


def half_signed(world: World) -> str:
    """The first party has signed; the second is asked."""
    decree_id = waiting(world)
    claim(world, decree_id, "kepala")
    record_signed(world, decree_id, ONCE)
    return decree_id


def blocks(world: World, decree_id: str) -> list[tuple[str, str | None, str | None]]:
    """Of each block the position, the capacity of whom it names, and the signed bytes."""
    with world.deps.db.read_session() as session:
        rows = session.execute(
            select(Position.code, DecreeSigner.capacity, DecreeSigner.signed_sha256)
            .join(Position, Position.id == DecreeSigner.position_id)
            .where(DecreeSigner.decree_id == row_of(world, decree_id).id).order_by(DecreeSigner.ordinal))
        return [tuple(row) for row in rows]


def notices(world: World, username: str) -> list[str]:
    with world.deps.db.read_session() as session:
        return [message % params for message, params in session.execute(
            select(Notice.message, Notice.params)
            .where(Notice.person_id == world.actor(username).person_id).order_by(Notice.id))]


def agreement(world: World, **changes: Any) -> dict[str, Any]:
    return {**world.example(KIND), **changes}


# ---- drafting


def choices(world: World, username: str) -> list[str]:
    schema = drafting.schema_for(world.deps, world.actor(username), KIND)
    found: list[str] = []

    def walk(fields: tuple[Field, ...]) -> None:
        for one in fields:
            if one.name == "data.pihak_kedua.jabatan":
                found.extend(f"{choice.value}: {choice.label}" for choice in one.choices)
            walk(one.fields)

    walk(build_form(schema, {}))
    return found


def test_the_form_offers_signers_of_other_agencies_with_their_holders(world: World) -> None:
    assert choices(world, "analis") == [
        "PTSP.KEPALA: Kepala Dinas Penanaman Modal dan PTSP – Plt. Laras Contoh Wulandari",
        "SEKDA: Sekretaris Daerah – Bestari Contoh Laksana"]
    assert not any(one.startswith("PTSP") for one in choices(world, "loket"))
    end_holding(world, "PTSP.KEPALA", "PTSP.KEPALA", date(2025, 1, 1))
    assert "PTSP.KEPALA: Kepala Dinas Penanaman Modal dan PTSP – (kosong)" in choices(world, "analis")


@pytest.mark.parametrize("code", ["BKD.KEPALA", "PTSP.SEKRETARIS", "GUB", "NOBODY"])
def test_who_is_no_signer_of_another_agency_cannot_be_chosen(world: World, code: str) -> None:
    data = agreement(world, pihak_kedua={"jabatan": code})
    with pytest.raises(InvalidDecreeData) as refused:
        drafting.create_draft(world.deps, world.actor("analis"), KIND, data)
    assert list(refused.value.fields) == ["data.pihak_kedua.jabatan"]
    drafting.create_draft(world.deps, world.actor("analis"), KIND, data, is_partial=True)  # kept to go on later


def test_the_draft_shows_both_parties(world: World) -> None:
    text = current_text(world, world.walk("draft", KIND))
    for part in ("PIHAK KESATU", "Fajar Contoh Nugraha", "PIHAK KEDUA", "Laras Contoh Wulandari",
                 "DINAS PENANAMAN MODAL DAN PELAYANAN TERPADU SATU PINTU"):
        assert part in text


def test_a_finished_pdf_says_nothing_of_the_second_signer_so_it_is_refused(world: World) -> None:
    with pytest.raises(InvalidInput) as refused:
        drafting.upload_draft(world.deps, world.actor("analis"), KIND, "Perjanjian", blank_pdf())
    assert list(refused.value.fields) == ["kind"]


def test_a_position_that_signs_no_more_stops_the_submission_at_its_field(world: World) -> None:
    decree_id = world.walk("draft", KIND)
    with world.deps.db.unit_of_work() as session:
        session.scalars(select(Position).where(Position.code == "PTSP.KEPALA")).one().roles = "official"
    with pytest.raises(InvalidDecreeData) as refused:
        routing.submit(world.deps, world.actor("analis"), decree_id, 1)
    assert list(refused.value.fields) == ["data.pihak_kedua.jabatan"]


def test_the_second_party_sees_it_as_soon_as_it_is_on_its_way_and_nobody_else_of_that_agency(world: World) -> None:
    draft = world.walk("draft", KIND)
    with pytest.raises(NotFound):
        world.view(draft, "kadis")
    decree_id = world.walk("in_review", KIND)
    assert world.view(decree_id, "kadis").subject
    with pytest.raises(NotFound):
        world.view(decree_id, "loket")


# ---- the frozen document


def test_the_frozen_document_names_both_and_has_a_box_for_each(world: World) -> None:
    decree_id = waiting(world)
    text = current_text(world, decree_id)
    assert "100.3.7.1/1/PKS/BKD/2026" in text
    assert "Plt. KEPALA DINAS PENANAMAN MODAL DAN PTSP" in text
    assert blocks(world, decree_id) == [("BKD.KEPALA", "definitive", None), ("PTSP.KEPALA", "plt", None)]
    row = row_of(world, decree_id)
    assert (row.signer_id, row.signer_capacity) == (world.actor("kepala").person_id, "definitive")
    with world.deps.db.read_session() as session:
        file = session.scalars(select(StoredFile).where(StoredFile.sha256 == row.frozen_sha256)).one()
    first, second = signature_boxes(file)
    assert first[3] < second[1]
    assert first[0] == second[0] == (file.pages or 0) - 1


def test_a_decree_with_one_signer_has_one_block_and_a_flat_box(world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    assert blocks(world, decree_id) == [("BKD.KEPALA", "definitive", None)]
    with world.deps.db.read_session() as session:
        sha256 = row_of(world, decree_id).frozen_sha256
        file = session.scalars(select(StoredFile).where(StoredFile.sha256 == sha256)).one()
    assert file.signature_box is not None
    assert signature_boxes(file) == (tuple(file.signature_box),)


def test_a_vacant_second_party_is_named_once_somebody_holds_it_and_till_then_nobody_signs(world: World) -> None:
    today = world.deps.clock.now().date()
    end_holding(world, "PTSP.KEPALA", "PTSP.KEPALA", today - timedelta(days=1))
    decree_id = waiting(world)
    assert blocks(world, decree_id)[1] == ("PTSP.KEPALA", None, None)
    task_id, _ = task_of(world, decree_id)
    assert not redating.ensure_dated_today(world.deps, task_id, world.actor("kepala"))  # nobody to be named yet
    with pytest.raises(SignerMissing):
        claim(world, decree_id, "kepala")
    appoint(world, "PTSP.SEKRETARIS", "PTSP.KEPALA", "plh", today)
    assert redating.ensure_dated_today(world.deps, task_id, world.actor("kepala"))
    assert blocks(world, decree_id)[1] == ("PTSP.KEPALA", "plh", None)
    assert "Mahesa Contoh Putra" in current_text(world, decree_id)
    claim(world, decree_id, "kepala")


def test_one_person_who_heads_both_agencies_is_not_named_twice(world: World) -> None:
    today = world.deps.clock.now().date()
    end_holding(world, "PTSP.KEPALA", "PTSP.KEPALA", today - timedelta(days=1))
    appoint(world, "BKD.KEPALA", "PTSP.KEPALA", "plt", today)
    decree_id = waiting(world)
    assert blocks(world, decree_id) == [("BKD.KEPALA", "definitive", None), ("PTSP.KEPALA", None, None)]
    with pytest.raises(SignerMissing):
        claim(world, decree_id, "kepala")


def test_a_second_party_who_left_before_the_first_signature_is_replaced_on_the_document(world: World) -> None:
    decree_id = waiting(world)
    today = world.deps.clock.now().date()
    end_holding(world, "PTSP.KEPALA", "PTSP.KEPALA", today - timedelta(days=1))
    appoint(world, "PTSP.SEKRETARIS", "PTSP.KEPALA", "plt", today)
    assert redating.ensure_dated_today(world.deps, task_of(world, decree_id)[0], world.actor("kepala"))
    text = current_text(world, decree_id)
    assert "Mahesa Contoh Putra" in text
    assert "Laras" not in text


# ---- signing in turn


def test_the_first_signature_hands_the_document_that_bears_it_to_the_second_party(world: World) -> None:
    decree_id = half_signed(world)
    row = row_of(world, decree_id)
    assert (row.status, row.frozen_sha256, row.signed_sha256, row.signed_at) == ("ready_to_sign", ONCE, None, None)
    assert blocks(world, decree_id) == [("BKD.KEPALA", "definitive", ONCE), ("PTSP.KEPALA", "plt", None)]
    assert (row.signer_id, row.signer_capacity) == (world.actor("kadis").person_id, "plt")
    with pytest.raises(NotYourTask):
        claim(world, decree_id, "kepala")
    claim(world, decree_id, "kadis")
    record_signed(world, decree_id, TWICE)
    row = row_of(world, decree_id)
    assert (row.status, row.signed_sha256) == ("signed", TWICE)
    assert row.signed_at == world.deps.clock.now()
    assert [signed for _, _, signed in blocks(world, decree_id)] == [ONCE, TWICE]
    assert audit.verify(world.deps).is_intact


def test_inbox_list_and_page_say_how_many_have_signed_and_who_is_next(world: World) -> None:
    decree_id = waiting(world)
    view = world.view(decree_id)
    assert (view.signatures_given, len(view.signers)) == (0, 2)
    assert view.next_signer is not None
    assert view.next_signer.name == "Fajar Contoh Nugraha"
    claim(world, decree_id, "kepala")
    record_signed(world, decree_id, ONCE)
    view = world.view(decree_id, "kadis")
    assert (view.signatures_given, view.actions.sign) == (1, True)
    assert view.next_signer is not None
    assert (view.next_signer.name, view.next_signer.position_title) == (
        "Laras Contoh Wulandari", "Plt. Kepala Dinas Penanaman Modal dan PTSP")
    (item,) = inbox.load_inbox(world.deps, world.actor("kadis")).page.items
    assert (item.signatures_given, item.signatures_needed, item.step_title) == (1, 2, "Tanda tangan PIHAK KEDUA")
    (row,) = tracking.load_page(world.deps, world.actor("analis"), TrackingFilter(kind=KIND)).items
    assert (row.signatures_given, row.signatures_needed) == (1, 2)
    assert row.waits_for == "Kepala Dinas Penanaman Modal dan PTSP"
    assert [item.state for item in view.timeline][-3:] == ["done", "current", "upcoming"]
    assert decree_page.load_decree(world.deps, world.actor("kepala"), decree_id).next_signer == view.next_signer


def test_the_notice_goes_to_the_next_signer_and_the_drafter_hears_of_the_first(world: World) -> None:
    decree_id = waiting(world)
    before = len(notices(world, "kadis"))
    claim(world, decree_id, "kepala")
    record_signed(world, decree_id, ONCE)
    subject = world.view(decree_id).subject
    assert notices(world, "kadis")[before:] == [f"Menunggu Anda: {subject}"]
    assert notices(world, "analis")[-1] == f"Tanda tangan 1 dari 2 sudah diberikan: {subject}"
    assert not any("Sudah ditandatangani" in text for text in notices(world, "analis"))


def test_the_printed_date_stays_that_of_the_first_signature(world: World, clock: FrozenClock) -> None:
    decree_id = half_signed(world)
    day = row_of(world, decree_id).issued_on
    clock.advance(days=45)  # into the next year
    assert not redating.ensure_dated_today(world.deps, task_of(world, decree_id)[0], world.actor("kadis"))
    row = row_of(world, decree_id)
    assert (row.issued_on, row.frozen_sha256, row.number) == (day, ONCE, "100.3.7.1/1/PKS/BKD/2026")
    claim(world, decree_id, "kadis")


def test_once_signed_nobody_can_return_withdraw_hand_on_or_edit_it(world: World) -> None:
    decree_id = half_signed(world)
    task_id, version = task_of(world, decree_id)
    deps, second, drafter = world.deps, world.actor("kadis"), world.actor("analis")
    actions = world.view(decree_id, "kadis").actions
    assert (actions.give_back, actions.reassign, actions.reject, actions.sign) == (False, False, True, True)
    assert not world.view(decree_id).actions.withdraw
    with pytest.raises(AlreadySigned):
        routing.return_for_revision(deps, second, task_id, version, "Pasal 3")
    with pytest.raises(AlreadySigned):
        routing.withdraw(deps, drafter, decree_id, version, "Pasal 3")
    with deps.db.read_session() as session:
        sekda = session.scalars(select(Position.public_id).where(Position.code == "SEKDA")).one()
    for username in ("kadis", "admin"):
        with pytest.raises(AlreadySigned):
            routing.reassign(deps, world.actor(username), task_id, version, sekda, "cuti")
    with pytest.raises(Conflict):
        drafting.save_draft(deps, drafter, decree_id, world.example(KIND), version)
    assert row_of(world, decree_id).frozen_sha256 == ONCE


def test_who_took_the_position_over_after_the_first_signature_may_refuse_but_not_sign(world: World) -> None:
    decree_id = half_signed(world)
    today = world.deps.clock.now().date()
    end_holding(world, "PTSP.KEPALA", "PTSP.KEPALA", today - timedelta(days=1))
    appoint(world, "PTSP.SEKRETARIS", "PTSP.KEPALA", "plt", today)
    task_id, version = task_of(world, decree_id)
    with pytest.raises(DocumentChanged):
        claim(world, decree_id, "sekdin")
    routing.reject(world.deps, world.actor("sekdin"), task_id, version, "Pejabat berganti")
    assert row_of(world, decree_id).status == "rejected"


def test_the_first_signer_cannot_sign_for_the_second_party_too(world: World) -> None:
    decree_id = half_signed(world)
    appoint(world, "BKD.KEPALA", "PTSP.KEPALA", "plh", world.deps.clock.now().date())
    with pytest.raises(SameSigner):
        claim(world, decree_id, "kepala")


def test_a_refusal_keeps_the_first_signature_on_record_and_nothing_is_issued(world: World) -> None:
    decree_id = half_signed(world)
    task_id, version = task_of(world, decree_id)
    routing.reject(world.deps, world.actor("kadis"), task_id, version, "Pasal 3 belum disepakati")
    row = row_of(world, decree_id)
    assert (row.status, row.signed_sha256, row.issued_at, row.legal_status) == ("rejected", None, None, "none")
    assert row.frozen_sha256 == ONCE
    view = world.view(decree_id)
    assert (view.signatures_given, view.next_signer, view.actions.sign) == (1, None, False)
    verdict = verification.by_code(world.deps, row.verify_code)
    assert not verdict.is_told
    assert verdict.number == ""
    with world.deps.db.read_session() as session:
        entry = session.scalars(select(RegisterEntry).where(RegisterEntry.decree_id == row.id)).one()
    assert (entry.state, entry.void_reason) == ("void", "Pasal 3 belum disepakati")
    assert notices(world, "kepala")[-1] == f"Ditolak penanda tangan berikutnya, jadi tidak terbit: {row.subject}"
    assert audit.verify(world.deps).is_intact


def test_a_half_signed_document_is_no_issued_one_for_the_public(world: World) -> None:
    decree_id = half_signed(world)
    verdict = verification.by_code(world.deps, row_of(world, decree_id).verify_code)
    assert not verdict.is_told
    with pytest.raises(NotFound):
        verification.signed_file(world.deps, row_of(world, decree_id).verify_code)


# ---- before the first signature all is as ever


def test_before_the_first_signature_it_can_come_back_and_the_blocks_are_forgotten(world: World) -> None:
    decree_id = waiting(world)
    task_id, version = task_of(world, decree_id)
    routing.return_for_revision(world.deps, world.actor("kepala"), task_id, version, "Pasal 3")
    assert blocks(world, decree_id) == []
    assert row_of(world, decree_id).signer_id is None


def test_the_first_signature_handed_on_makes_another_the_first_party_but_never_the_second(world: World) -> None:
    decree_id = waiting(world)
    task_id, version = task_of(world, decree_id)
    with world.deps.db.read_session() as session:
        ids = {row.code: row.public_id for row in session.execute(select(Position.code, Position.public_id))}
    with pytest.raises(SameSigner):
        routing.reassign(world.deps, world.actor("kepala"), task_id, version, ids["PTSP.KEPALA"], "cuti")
    routing.reassign(world.deps, world.actor("kepala"), task_id, version, ids["SEKDA"], "cuti")
    assert blocks(world, decree_id)[0] == ("SEKDA", None, None)
    assert redating.ensure_dated_today(world.deps, task_of(world, decree_id)[0], world.actor("sekda"))
    assert blocks(world, decree_id)[0] == ("SEKDA", "definitive", None)
    claim(world, decree_id, "sekda")


def test_an_agency_without_a_head_cannot_be_the_first_party(world: World) -> None:
    with world.deps.db.unit_of_work() as session:
        session.scalars(select(Position).where(Position.code == "BKD.KEPALA")).one().is_active = False
    decree_id = drafting.create_draft(world.deps, world.actor("analis"), KIND, world.example(KIND))
    with pytest.raises(RouteUnusable):
        routing.submit(world.deps, world.actor("analis"), decree_id, 1)


def test_the_engine_hears_of_the_signatures_given(world: World) -> None:
    decree_id = half_signed(world)
    with world.deps.db.unit_of_work() as session:
        snapshot = load_flow(session, world.deps, lock_decree(session, decree_id)).snapshot
    assert [(given.step_id, given.person_id) for given in snapshot.signatures] == [
        ("pihak-kesatu", world.actor("kepala").person_id)]
