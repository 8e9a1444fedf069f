"""From signature to issue: the number is used, the decree in force, the drafter told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from svc.errors import Conflict, NotYourTask, StaleTask
from svc.models import Notice, OutboxMessage, RegisterEntry, RouteVersion
from svc.services import issuance, routing
from tests.support.acts import claim, record_signed, row_of, task_of
from tests.support.world import World
from workflows.loader import load_definition, load_source


def sign(world: World) -> str:
    """A decree on which the signature is recorded; nothing here looks into the signed bytes."""
    decree_id = world.walk("ready_to_sign")
    claim(world, decree_id, "kepala")
    record_signed(world, decree_id)
    return decree_id


def test_a_signed_decree_waits_to_be_sent_and_is_not_in_force_yet(world: World) -> None:
    row = row_of(world, sign(world))
    assert (row.status, row.legal_status, row.issued_at) == ("signed", "none", None)
    with world.deps.db.read_session() as session:
        assert session.scalars(select(RegisterEntry.state)).one() == "used"


def test_sending_it_out_puts_it_in_force_and_tells_the_drafter(world: World) -> None:
    decree_id = sign(world)
    issuance.distribute(world.deps, world.actor("analis"), *task_of(world, decree_id))
    row = row_of(world, decree_id)
    assert (row.status, row.legal_status) == ("issued", "in_force")
    assert row.issued_at == world.deps.clock.now()
    with world.deps.db.read_session() as session:
        told = session.scalars(select(Notice).where(Notice.person_id == row.drafter_id).order_by(Notice.id)).all()
        mails = session.scalars(select(OutboxMessage).where(OutboxMessage.kind == "notice_mail")).all()
    assert [notice.message for notice in told][-2:] == ["Menunggu Anda: %(subject)s", "Sudah terbit: %(subject)s"]
    assert {notice.id for notice in told} <= {mail.payload["notice_id"] for mail in mails}


def test_only_the_holder_of_the_task_sends_it_and_only_once(world: World) -> None:
    decree_id = sign(world)
    task_id, seen = task_of(world, decree_id)
    with pytest.raises(NotYourTask):
        issuance.distribute(world.deps, world.actor("kepala"), task_id, seen)
    issuance.distribute(world.deps, world.actor("analis"), task_id, seen)
    with pytest.raises(StaleTask):
        issuance.distribute(world.deps, world.actor("analis"), task_id, seen)


def test_what_is_not_signed_is_not_sent(world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    with pytest.raises(Conflict):
        issuance.distribute(world.deps, world.actor("kepala"), *task_of(world, decree_id))


def test_without_a_step_for_sending_the_signature_issues_it(world: World) -> None:
    source = load_source("kgb").decode()
    source = source[: source.rindex("[[step]]")].replace("version = 1", "version = 2")
    definition = load_definition(source.encode())
    with world.deps.db.unit_of_work() as session:
        session.add(RouteVersion(sha256=definition.sha256, route_id="kgb", version=2, source=source,
                                 created_at=world.deps.clock.now()))
    short = World(replace(world.deps, routes={"kgb": definition}), world.organisation)
    row = row_of(world, sign(short))
    assert (row.status, row.legal_status) == ("issued", "in_force")
    assert world.view(row.public_id).open_task is None


def test_a_route_changed_on_the_way_does_not_touch_what_is_under_way(world: World) -> None:
    decree_id = world.walk("in_review")
    shorter = replace(world.deps.routes["kgb"], steps=world.deps.routes["kgb"].steps[2:], sha256="0" * 64)
    later = World(replace(world.deps, routes={"kgb": shorter}), world.organisation)
    for username in ("kasubbid", "kabid", "sekretaris"):
        later.approve(decree_id, username)
    assert later.view(decree_id).status == "ready_to_sign"


def test_while_it_is_being_signed_nobody_pulls_it_back(world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    claim(world, decree_id, "kepala")
    task_id, seen = task_of(world, decree_id)
    with pytest.raises(Conflict):
        routing.withdraw(world.deps, world.actor("analis"), decree_id, seen, "Keliru")
    with pytest.raises(Conflict):
        routing.return_for_revision(world.deps, world.actor("kepala"), task_id, seen, "Keliru")
