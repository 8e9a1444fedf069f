"""Commands on the route as people give them, with what they must never do."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

import pikepdf
import pytest
from sqlalchemy import select

from svc.errors import (
    CapacityForbidden,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    NotYourTask,
    RouteUnusable,
    SelfApproval,
    StaleTask,
)
from svc.kinds import InvalidDecreeData
from svc.models import AuditEvent, Decree, DecreeVersion, Holding, Notice, Paraf, Position, StoredFile
from svc.services import decree_page, drafting, inbox, legal, paper, routing
from svc.services.audit_log import event_hash
from tests.support.world import World


def task_of(world: World, decree_id: str) -> tuple[str, int]:
    view = world.view(decree_id)
    assert view.open_task is not None
    return view.open_task.task_id, view.lock_version


def finished_pdf(pages: int = 1) -> bytes:
    document = pikepdf.new()
    for _ in range(pages):
        document.add_blank_page(page_size=(595, 842))
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_a_paraf_is_kept_as_evidence_of_what_was_approved(world: World) -> None:
    decree_id = world.walk("in_review")
    world.approve(decree_id, "kasubbid")
    with world.deps.db.read_session() as session:
        paraf = session.scalars(select(Paraf)).one()
        version = session.scalars(select(DecreeVersion)).one()
    assert paraf.content_sha256 == version.content_sha256
    assert paraf.person_id == world.actor("kasubbid").person_id
    assert paraf.capacity == "definitive"


def test_a_stale_page_changes_nothing_and_tells_what_happened(world: World) -> None:
    decree_id = world.walk("in_review")
    task_id, seen = task_of(world, decree_id)
    routing.approve(world.deps, world.actor("kasubbid"), task_id, seen)
    with pytest.raises(StaleTask) as caught:
        routing.approve(world.deps, world.actor("kasubbid"), task_id, seen)
    assert "paraf_given" in [change.type for change in caught.value.changes]
    with world.deps.db.read_session() as session:
        assert len(session.scalars(select(Paraf)).all()) == 1


def test_nobody_acts_on_what_waits_for_another(world: World) -> None:
    decree_id = world.walk("in_review")
    task_id, seen = task_of(world, decree_id)
    for username in ("kabid", "kepala", "analis"):
        with pytest.raises(NotYourTask):
            routing.approve(world.deps, world.actor(username), task_id, seen)
    with pytest.raises(NotFound):
        routing.approve(world.deps, world.actor("kadis"), task_id, seen)


def test_nobody_initials_his_own_draft(world: World) -> None:
    decree_id = world.walk("in_review")
    with world.deps.db.unit_of_work() as session:
        person = world.actor("analis").person_id
        position = session.scalars(select(Position).where(Position.code == "BKD.KASUBBID-KGB")).one()
        session.add(Holding(person_id=person, position_id=position.id, capacity="plh", valid_from=date(2026, 1, 1)))
    with pytest.raises(SelfApproval):
        routing.approve(world.deps, world.actor("analis"), *task_of(world, decree_id))


def test_a_returned_decree_keeps_its_versions_and_loses_its_paraf(world: World) -> None:
    decree_id = world.walk("in_review")
    world.approve(decree_id, "kasubbid")
    routing.return_for_revision(world.deps, world.actor("kabid"), *task_of(world, decree_id), "Gelar salah")
    returned = world.view(decree_id)
    assert returned.status == "draft"
    assert returned.last_return is not None
    assert returned.last_return.note == "Gelar salah"
    data: dict[str, Any] = world.example()
    data["tujuan_di"] = "Kota Perbaikan"
    drafting.save_draft(world.deps, world.actor("analis"), decree_id, data, returned.lock_version)
    saved = world.view(decree_id)
    assert [version.version_no for version in saved.versions] == [2, 1]
    with world.deps.db.read_session() as session:
        assert session.scalars(select(Paraf)).one().voided_at is not None
    routing.submit(world.deps, world.actor("analis"), decree_id, saved.lock_version)
    first, second = saved.versions[1].pdf_sha256, saved.versions[0].pdf_sha256
    assert first != second
    assert decree_page.load_pdf(world.deps, world.actor("kabid"), decree_id, first).data.startswith(b"%PDF")


def test_a_version_saved_twice_before_submission_stays_one(world: World) -> None:
    decree_id = world.walk("draft")
    data = world.example()
    drafting.save_draft(world.deps, world.actor("analis"), decree_id, data, world.view(decree_id).lock_version)
    assert [version.version_no for version in world.view(decree_id).versions] == [1]


@pytest.mark.parametrize("reason", ["", "   "])
def test_returning_and_rejecting_need_a_reason(world: World, reason: str) -> None:
    decree_id = world.walk("in_review")
    for command in (routing.return_for_revision, routing.reject):
        with pytest.raises(InvalidInput) as caught:
            command(world.deps, world.actor("kasubbid"), *task_of(world, decree_id), reason)
        assert "reason" in caught.value.fields
    assert world.view(decree_id).status == "in_review"


def test_the_drafter_pulls_back_until_it_is_signed(world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    routing.withdraw(world.deps, world.actor("analis"), decree_id, world.view(decree_id).lock_version, "Keliru")
    assert world.view(decree_id).status == "draft"
    assert inbox.load_inbox(world.deps, world.actor("kepala")).page.items == ()
    with pytest.raises(Conflict):
        routing.withdraw(world.deps, world.actor("analis"), decree_id, world.view(decree_id).lock_version, "Lagi")


def test_another_clerk_cannot_pull_back_or_change_it(world: World) -> None:
    decree_id = world.walk("draft")
    seen = world.view(decree_id).lock_version
    with pytest.raises(Conflict):
        drafting.save_draft(world.deps, world.actor("pengelola"), decree_id, world.example(), seen)
    with pytest.raises(NotYourTask):
        drafting.discard(world.deps, world.actor("pengelola"), decree_id, seen, "Iseng")


def test_a_task_can_be_handed_to_another_position(world: World) -> None:
    decree_id = world.walk("in_review")
    with world.deps.db.read_session() as session:
        target = session.scalars(select(Position).where(Position.code == "BKD.SEKRETARIS")).one()
    routing.reassign(world.deps, world.actor("kasubbid"), *task_of(world, decree_id), target.public_id, "Cuti")
    assert inbox.load_inbox(world.deps, world.actor("kasubbid")).page.items == ()
    world.approve(decree_id, "sekretaris")
    assert world.view(decree_id).open_task.position_code == "BKD.KABID-MUTASI"  # type: ignore[union-attr]


def test_an_administrator_moves_a_task_that_is_not_his(world: World) -> None:
    decree_id = world.walk("in_review")
    with world.deps.db.read_session() as session:
        target = session.scalars(select(Position).where(Position.code == "BKD.SEKRETARIS")).one()
    routing.reassign(world.deps, world.actor("admin"), *task_of(world, decree_id), target.public_id, "Kosong")
    assert len(inbox.load_inbox(world.deps, world.actor("sekretaris")).page.items) == 1


def test_a_route_to_a_missing_position_is_told_before_anything_happens(world: World) -> None:
    decree_id = world.walk("draft")
    with world.deps.db.unit_of_work() as session:
        session.scalars(select(Position).where(Position.code == "BKD.SEKRETARIS")).one().is_active = False
    with pytest.raises(RouteUnusable):
        routing.submit(world.deps, world.actor("analis"), decree_id, world.view(decree_id).lock_version)
    assert world.view(decree_id).status == "draft"


def test_the_governors_decree_takes_the_governors_route(world: World) -> None:
    data = world.example("keputusan") | {"penetap": "gubernur"}
    decree_id = drafting.create_draft(world.deps, world.actor("analis"), "keputusan", data)
    routing.submit(world.deps, world.actor("analis"), decree_id, world.view(decree_id).lock_version)
    assert [item.title for item in world.view(decree_id).timeline][-2] == "Tanda tangan Gubernur"


def test_faulty_data_names_every_field_and_creates_nothing(world: World) -> None:
    data = world.example()
    data["pegawai"] = {**data["pegawai"], "nip": "12"}
    data["kenaikan"] = {**data["kenaikan"], "gaji_pokok": 1}
    del data["tujuan"]
    with pytest.raises(InvalidDecreeData) as caught:
        drafting.create_draft(world.deps, world.actor("analis"), "kgb", data)
    assert {"data.pegawai.nip", "data.tujuan"} <= set(caught.value.fields)
    with world.deps.db.read_session() as session:
        assert session.scalars(select(Decree)).all() == []
        assert session.scalars(select(AuditEvent)).all() == []


def test_a_wrong_salary_is_refused_with_the_right_one(world: World) -> None:
    data = world.example()
    data["kenaikan"] = {**data["kenaikan"], "gaji_pokok": 3_000_000}
    with pytest.raises(InvalidDecreeData) as caught:
        drafting.create_draft(world.deps, world.actor("analis"), "kgb", data)
    assert "3.390.500" in caught.value.fields["data.kenaikan.gaji_pokok"]


def test_only_those_who_draft_may_draft(world: World) -> None:
    with pytest.raises(Forbidden):
        drafting.create_draft(world.deps, world.actor("biro"), "kgb", world.example())


def test_an_uploaded_pdf_goes_the_same_way(world: World) -> None:
    deps, clerk = world.deps, world.actor("analis")
    decree_id = drafting.upload_draft(deps, clerk, "surat-dinas", "Undangan rapat", finished_pdf())
    routing.submit(deps, clerk, decree_id, world.view(decree_id).lock_version)
    for username in ("kasubbid", "sekretaris"):
        world.approve(decree_id, username)
    view = world.view(decree_id)
    assert view.status == "ready_to_sign"
    frozen = pikepdf.open(io.BytesIO(decree_page.load_pdf(deps, clerk, decree_id).data))
    assert len(frozen.pages) == 2


@pytest.mark.parametrize(("pdf", "subject", "field"), [
    (b"no pdf", "Perihal", "file"), (finished_pdf(), "  ", "subject"), (b"%PDF-1.7 broken", "Perihal", "file")])
def test_a_bad_upload_is_refused_with_its_reason(world: World, pdf: bytes, subject: str, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        drafting.upload_draft(world.deps, world.actor("analis"), "surat-dinas", subject, pdf)
    assert field in caught.value.fields


def test_a_decree_on_paper_is_registered_with_its_scan(world: World) -> None:
    decree_id = paper.register_paper(
        world.deps, world.actor("analis"), kind_id="kgb", subject="KGB di atas kertas", number="800/9/BKD/2026",
        signed_on=date(2026, 11, 20), signer_name="Kepala Badan", scan_pdf=finished_pdf())
    view = world.view(decree_id)
    assert (view.status, view.medium, view.number) == ("issued", "paper", "800/9/BKD/2026")
    assert view.pdf_purpose == "scan"


def test_paper_from_tomorrow_is_refused(world: World) -> None:
    tomorrow = world.deps.clock.now().date() + timedelta(days=1)
    with pytest.raises(InvalidInput) as caught:
        paper.register_paper(world.deps, world.actor("analis"), kind_id="kgb", subject="x", number="1",
                             signed_on=tomorrow, signer_name="y", scan_pdf=finished_pdf())
    assert "signed_on" in caught.value.fields


def test_only_an_issued_decree_is_revoked(world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    with pytest.raises(Conflict):
        legal.set_status(world.deps, world.actor("kepala"), decree_id, "revoked", "Keliru")


def test_people_are_told_what_waits_for_them(world: World) -> None:
    decree_id = world.walk("in_review")
    routing.return_for_revision(world.deps, world.actor("kasubbid"), *task_of(world, decree_id), "Salah")
    with world.deps.db.read_session() as session:
        told = session.execute(select(Notice.person_id, Notice.message).order_by(Notice.id)).all()
    assert [tuple(row) for row in told] == [
        (world.actor("kasubbid").person_id, "Menunggu Anda: %(subject)s"),
        (world.actor("analis").person_id, "Dikembalikan untuk perbaikan: %(subject)s")]


def test_every_change_stands_in_the_chain(world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    with world.deps.db.read_session() as session:
        decree = session.scalars(select(Decree).where(Decree.public_id == decree_id)).one()
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.seq)).all()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert all(event.hash == event_hash(event) for event in events)
    assert [event.prev_hash for event in events[1:]] == [event.hash for event in events[:-1]]
    assert (decree.audit_head, decree.audit_seq) == (events[-1].hash, len(events))
    assert [event.type for event in events][-3:] == ["number_required", "number_assigned", "task_opened"]


def test_every_named_file_is_in_the_store(world: World) -> None:
    world.walk("ready_to_sign")
    with world.deps.db.read_session() as session:
        files = session.scalars(select(StoredFile)).all()
    assert {file.purpose for file in files} == {"draft", "frozen"}
    for file in files:
        found = world.deps.store.stat(file.object_key)
        assert (found.sha256, found.size) == (file.sha256, file.size)


def test_the_acting_head_may_not_sign_a_decree_that_forbids_it(world: World) -> None:
    """``keputusan`` may not be signed by a Plt.: the claim is refused whatever the page showed."""
    from svc.services.flow import load_flow, refusals_of, to_workflow
    from workflows.engine import decide
    from workflows.model import ClaimSigning

    data = world.example("keputusan") | {"penetap": "kepala_pd"}
    decree_id = drafting.create_draft(world.deps, world.actor("analis"), "keputusan", data)
    routing.submit(world.deps, world.actor("analis"), decree_id, world.view(decree_id).lock_version)
    for username in ("kasubbid", "kabid", "sekretaris"):
        world.approve(decree_id, username)
    with world.deps.db.unit_of_work() as session:
        position = session.scalars(select(Position).where(Position.code == "BKD.KEPALA")).one()
        session.scalars(select(Holding).where(Holding.position_id == position.id)).one().capacity = "plt"
    with world.deps.db.unit_of_work() as session:
        decree = session.scalars(select(Decree).where(Decree.public_id == decree_id)).one()
        flow = load_flow(session, world.deps, decree)
        command = ClaimSigning(to_workflow(world.actor("kepala")), decree.lock_version, decree.frozen_sha256 or "")
        with pytest.raises(CapacityForbidden), refusals_of(session, decree, command):
            decide(flow.definition, flow.snapshot, command, world.deps.clock.now())
