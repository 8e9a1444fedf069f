"""Decrees signed on paper, and what becomes of a decree after it was issued."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from svc.actors import Actor
from svc.errors import Conflict, Forbidden, InvalidInput, NotFound
from svc.metrics import facts
from svc.models import AuditEvent, DayFact, RegisterEntry, StoredFile
from svc.services import legal, paper
from svc.services.tracking import TrackingFilter, load_page
from tests.support.acts import blank_pdf, row_of
from tests.support.world import World


def register(world: World, number: str = "800.1.11.13/77/BKD/2026", username: str = "analis",
             scan: bytes | None = None) -> str:
    return paper.register_paper(
        world.deps, world.actor(username), kind_id="kgb", subject="Kenaikan Gaji Berkala a.n. Sari Contoh",
        number=number, signed_on=date(2026, 11, 20), signer_name="Fajar Contoh Nugraha, Kepala Badan",
        scan_pdf=scan or blank_pdf())


def test_paper_is_in_force_at_once_and_its_number_stands_in_the_register(world: World) -> None:
    row = row_of(world, register(world))
    assert (row.status, row.legal_status, row.medium, row.source) == ("issued", "in_force", "paper", "scan")
    assert row.issued_on == date(2026, 11, 20)
    with world.deps.db.read_session() as session:
        entry = session.scalars(select(RegisterEntry)).one()
        assert (entry.seq, entry.state, entry.formatted) == (77, "used", row.number)
        scan = session.scalars(select(StoredFile)).one()
    assert world.deps.store.stat(scan.object_key).sha256 == scan.sha256
    found = load_page(world.deps, world.actor("analis"), TrackingFilter(text="77/bkd")).items
    assert [item.decree_id for item in found] == [row.public_id]


@pytest.mark.parametrize("again", ["800.1.11.13/77/BKD/2026", "  800.1.11.13/77/BKD/2026 "])
def test_the_same_paper_is_not_counted_twice(world: World, again: str) -> None:
    register(world)
    with pytest.raises(InvalidInput) as caught:
        register(world, again)
    assert "number" in caught.value.fields


def test_a_number_of_the_register_is_not_given_to_paper_too(world: World) -> None:
    number = world.view(world.walk("ready_to_sign")).number or ""
    with pytest.raises(InvalidInput):
        register(world, number)
    assert register(world, number, username="loket")  # another agency has its own book


def test_a_scan_must_be_a_plain_pdf(world: World) -> None:
    with pytest.raises(InvalidInput) as caught:
        register(world, scan=b"bukan pdf")
    assert "file" in caught.value.fields
    assert load_page(world.deps, world.actor("analis"), TrackingFilter()).items == ()


def test_paper_counts_in_the_share_of_electronic_signatures(world: World) -> None:
    register(world)
    facts.rebuild(world.deps)
    with world.deps.db.read_session() as session:
        cell = session.scalars(select(DayFact)).one()
    assert (cell.signed, cell.signed_paper, cell.signed_electronic) == (1, 1, 0)


def head(world: World) -> Actor:
    return world.actor("kepala")


def test_a_revoked_decree_says_why_and_by_which(world: World) -> None:
    old, new = register(world, "800/1/BKD/2026"), register(world, "800/2/BKD/2026")
    legal.set_status(world.deps, head(world), old, "revoked", "Salah perhitungan masa kerja", "800/2/BKD/2026")
    view = world.view(old)
    assert (view.legal_status, view.legal_note, view.superseded_by) == (
        "revoked", "Salah perhitungan masa kerja", "800/2/BKD/2026")
    assert row_of(world, old).superseded_by_id == row_of(world, new).id
    assert view.history[0].type == "legal_status_changed"
    assert view.history[0].reason == "Salah perhitungan masa kerja"


def test_of_two_with_the_same_number_that_of_the_own_agency_is_meant(world: World) -> None:
    old = register(world, "800/1/BKD/2026")
    own = register(world, "800/2/2026")
    register(world, "800/2/2026", username="loket")
    legal.set_status(world.deps, head(world), old, "amended", "Diubah", "800/2/2026")
    assert row_of(world, old).superseded_by_id == row_of(world, own).id


def test_a_status_set_by_mistake_is_put_right_and_both_stay_on_record(world: World) -> None:
    decree_id = register(world)
    legal.set_status(world.deps, head(world), decree_id, "revoked", "Keliru pilih")
    legal.set_status(world.deps, head(world), decree_id, "in_force", "Pencabutan tadi salah naskah")
    row = row_of(world, decree_id)
    assert (row.legal_status, row.legal_note, row.superseded_by_id) == ("in_force", None, None)
    with world.deps.db.read_session() as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.type == "legal_status_changed")).all()
    assert [event.payload["reason"] for event in events] == ["Keliru pilih", "Pencabutan tadi salah naskah"]


@pytest.mark.parametrize(("status", "note", "by", "field"), [
    ("revoked", " ", None, "reason"), ("dihapus", "x", None, "status"), ("revoked", "x", "tidak ada", "superseded_by")])
def test_what_is_missing_or_unknown_is_named(world: World, status: str, note: str, by: str | None,
                                            field: str) -> None:
    decree_id = register(world)
    with pytest.raises(InvalidInput) as caught:
        legal.set_status(world.deps, head(world), decree_id, status, note, by)
    assert field in caught.value.fields
    assert row_of(world, decree_id).legal_status == "in_force"


def test_only_signers_who_may_see_it_change_its_status(world: World) -> None:
    decree_id = register(world)
    with pytest.raises(Forbidden):
        legal.set_status(world.deps, world.actor("analis"), decree_id, "revoked", "Iseng")
    with pytest.raises(NotFound):
        legal.set_status(world.deps, world.actor("kadis"), decree_id, "revoked", "Bukan dinas saya")


def test_what_is_not_issued_has_no_legal_status(world: World) -> None:
    for stage in ("draft", "in_review", "ready_to_sign"):
        with pytest.raises(Conflict):
            legal.set_status(world.deps, head(world), world.walk(stage), "revoked", "Keliru")
