"""Guarantees that a review once found broken."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from svc.errors import IntegrityViolation, InvalidInput
from svc.metrics import facts, report
from svc.metrics.report import MetricsQuery
from svc.models import Decree, Holding, Position, RouteVersion
from svc.seed.walk import PTSP_CAST, walk_decree
from svc.services import numbering, paper, routing, signing, verification
from tests.services.test_routing import finished_pdf, task_of
from tests.support.clock import FrozenClock
from tests.support.world import World


def register_paper(world: World, number: str, signed_on: date = date(2026, 11, 20)) -> str:
    return paper.register_paper(
        world.deps, world.actor("analis"), kind_id="kgb", subject=f"Kertas {number}", number=number,
        signed_on=signed_on, signer_name="Kepala Badan", scan_pdf=finished_pdf())


def test_a_paper_number_of_the_books_own_form_is_never_given_out_again(world: World) -> None:
    register_paper(world, "800.1.11.13/2/BKD/2026")
    numbers = [world.view(world.walk("ready_to_sign")).number for _ in range(3)]
    assert numbers == ["800.1.11.13/1/BKD/2026", "800.1.11.13/3/BKD/2026", "800.1.11.13/4/BKD/2026"]
    book = numbering.list_books(world.deps, world.actor("analis"))[0]
    page = numbering.register_book(world.deps, world.actor("analis"), book.key)
    assert [(item.seq, item.state) for item in page.items] == [(4, "held"), (3, "held"), (2, "used"), (1, "held")]


def test_a_paper_number_that_the_book_has_given_is_refused_also_when_void(world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    routing.reject(world.deps, world.actor("kepala"), *task_of(world, decree_id), "Keliru")
    for number in ("800.1.11.13/1/BKD/2026", "800.1.11.13/01/BKD/2026"):
        with pytest.raises(InvalidInput) as caught:
            register_paper(world, number)
        assert "number" in caught.value.fields
    register_paper(world, "800/1/LAMA/2026")  # another book's form is left alone


def test_paper_counts_on_the_day_that_stands_on_it(world: World) -> None:
    register_paper(world, "1/LAMA", date(2025, 1, 6))
    facts.recompute_touched(world.deps)
    january = report.build_report(world.deps, MetricsQuery(date(2025, 1, 1), date(2025, 1, 31)))
    november = report.build_report(world.deps, MetricsQuery(date(2026, 11, 1), date(2026, 11, 30)))
    assert (january.total.signed_paper, november.total.signed) == (1, 0)


def test_the_norm_ends_with_the_signature(world: World) -> None:
    definition = world.deps.routes["kgb"]
    assert definition.minutes_to_signature == definition.norm_minutes - definition.steps[-1].norm_minutes


def test_a_permit_past_its_last_day_is_not_called_in_force(world: World, clock: FrozenClock) -> None:
    world.give_certificates("kadis")
    data: dict[str, Any] = {**world.example("surat-izin"), "berlaku_dari": "2026-11-01", "berlaku_sampai": "2026-12-31"}
    decree_id = walk_decree(world.deps, "surat-izin", data, PTSP_CAST)
    code = world.view(decree_id, "loket").verify_code
    clock.at = datetime(2026, 12, 31, 15, 0, tzinfo=UTC)  # its last day, 23.00 in Makassar
    assert verification.by_code(world.deps, code).sentence.text == "Asli dan berlaku"
    clock.at = datetime(2026, 12, 31, 16, 30, tzinfo=UTC)
    verdict = verification.by_code(world.deps, code)
    assert verdict.sentence.text == "Asli, tetapi masa berlakunya sudah berakhir"
    assert verdict.legal_status == "expired"


def test_a_tampered_route_is_refused(world: World) -> None:
    decree_id = world.walk("in_review")
    with world.deps.db.unit_of_work() as session:
        source = session.scalars(select(RouteVersion.source)).one()
        session.execute(update(RouteVersion).values(source=source.replace("Kepala Bidang", "Siapa Saja")))
    with pytest.raises(IntegrityViolation):
        world.approve(decree_id, "kasubbid")


def test_a_sign_task_handed_on_is_frozen_anew_for_the_new_position(world: World) -> None:
    """One person holds both positions, so that person and capacity alone do not tell them apart."""
    world.give_certificates("kepala")
    decree_id = world.walk("ready_to_sign")
    kepala = world.actor("kepala")
    with world.deps.db.unit_of_work() as session:
        sekda = session.scalars(select(Position).where(Position.code == "SEKDA")).one()
        session.execute(update(Holding).where(Holding.position_id == sekda.id).values(valid_to=date(2026, 1, 1)))
        session.add(Holding(person_id=kepala.person_id, position_id=sekda.id, valid_from=date(2026, 1, 2)))
        target = sekda.public_id
    before = world.view(decree_id).pdf_sha256
    try:
        routing.reassign(world.deps, world.actor("admin"), *task_of(world, decree_id), target, "Cuti")
    except InvalidInput:
        pytest.fail("the position may sign")
    sheet = signing.prepare(world.deps, world.actor("kepala"), task_of(world, decree_id)[0])
    assert "SEKRETARIS DAERAH" in sheet.capacity_line
    assert world.view(decree_id).pdf_sha256 != before
    with world.deps.db.read_session() as session:
        assert session.scalars(select(Decree).where(Decree.public_id == decree_id)).one().signer_id == kepala.person_id
