"""Excerpts and copies do not get a number, nor a signature, once the decree that they are made from was revoked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from svc.seed.walk import DEMO_PASSPHRASE
from svc.services import legal, redating, routing
from svc.services.batches import collective, retrying, review, signing, signing_chunk, work
from svc.services.parents import ParentRevoked
from svc.services.signing_keys import StepUp
from tests.support import batches as b
from tests.support.clock import FrozenClock
from tests.support.collective import parent, submitted
from tests.support.world import World


def test_excerpts_do_not_go_out_after_their_decree_was_revoked(world: World) -> None:
    parent_id = parent(world)
    batch_id = submitted(world, parent_id)
    revoke(world, parent_id)
    b.approve(world, batch_id, "kabid")
    failed = [(row.state, row.failed_work, row.error_code) for row in b.rows_of(world, batch_id)]
    assert failed == [("failed", "freeze", "parent_revoked")] * 3
    assert [one.number for one in b.decrees_of(world, batch_id)] == [None] * 3
    legal.set_status(world.deps, world.actor("kepala"), parent_id, "in_force", "Pencabutan keliru")
    retrying.retry(world.deps, world.actor(b.CLERK), batch_id, b.batch_row(world, batch_id).lock_version)
    work.drain(world.deps, batch_id)
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    assert [one.status for one in b.decrees_of(world, batch_id)] == ["issued"] * 3


def test_a_frozen_list_of_excerpts_is_not_signed_after_their_decree_was_revoked(world: World) -> None:
    parent_id = parent(world)
    batch_id = submitted(world, parent_id)
    b.approve(world, batch_id, "kabid")
    actor = world.actor(b.SIGNER)
    shown = signing.prepare(world.deps, actor, batch_id)
    revoke(world, parent_id)
    acts: tuple[Callable[[], object], ...] = (
        lambda: signing.refresh(world.deps, actor, batch_id),
        lambda: signing.prepare(world.deps, actor, batch_id),
        lambda: signing.authorise(world.deps, actor, batch_id, shown.lock_version, shown.list_sha256,
                                  StepUp(DEMO_PASSPHRASE)))
    for act in acts:
        with pytest.raises(ParentRevoked, match="dicabut"):
            act()
    work.drain(world.deps, batch_id)
    assert [one.status for one in b.decrees_of(world, batch_id)] == ["ready_to_sign"] * 3
    review.give_back(world.deps, actor, batch_id, b.batch_row(world, batch_id).lock_version, "Induknya dicabut")
    work.drain(world.deps, batch_id)
    assert b.batch_row(world, batch_id).status == "draft"


def test_signing_of_excerpts_stops_when_their_decree_is_revoked_meanwhile(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing_chunk, "ROWS", 1)
    parent_id = parent(world)
    batch_id = submitted(world, parent_id)
    b.approve(world, batch_id, "kabid")
    b.authorise(world, batch_id)
    work.run_chunk(world.deps, batch_id)
    revoke(world, parent_id)
    work.drain(world.deps, batch_id)
    assert b.batch_row(world, batch_id).stop_code == "parent_revoked"
    assert [one.status for one in b.decrees_of(world, batch_id)] == ["issued", "ready_to_sign", "ready_to_sign"]


@pytest.mark.parametrize("initialled", [1, 2])
def test_a_copy_is_neither_numbered_nor_signed_after_its_decree_was_revoked(world: World, initialled: int) -> None:
    parent_id, clerk = parent(world), world.actor(b.CLERK)
    copy_id = collective.make_copy(world.deps, clerk, parent_id)
    routing.submit(world.deps, clerk, copy_id, world.view(copy_id).lock_version)
    for username in ("kabid", "sekretaris")[:initialled]:
        world.approve(copy_id, username)
    before = world.view(copy_id)
    revoke(world, parent_id)
    with pytest.raises(ParentRevoked):
        world.approve(copy_id, "sekretaris") if initialled == 1 else world.sign(copy_id)
    after = world.view(copy_id)
    assert (after.status, after.number, after.lock_version) == (before.status, before.number, before.lock_version)
    assert after.status == ("in_review" if initialled == 1 else "ready_to_sign")


def test_a_copy_of_yesterday_is_not_dated_anew_after_its_decree_was_revoked(world: World, clock: FrozenClock) -> None:
    parent_id, clerk = parent(world), world.actor(b.CLERK)
    copy_id = collective.make_copy(world.deps, clerk, parent_id)
    routing.submit(world.deps, clerk, copy_id, world.view(copy_id).lock_version)
    for username in ("kabid", "sekretaris"):
        world.approve(copy_id, username)
    revoke(world, parent_id)
    clock.at = datetime(2027, 1, 4, 1, 0, tzinfo=UTC)
    before = world.view(copy_id)
    assert before.open_task is not None
    with pytest.raises(ParentRevoked):
        redating.ensure_dated_today(world.deps, before.open_task.task_id)
    assert world.view(copy_id).number == before.number


def revoke(world: World, parent_id: str) -> None:
    legal.set_status(world.deps, world.actor("kepala"), parent_id, "revoked", "Keliru")
