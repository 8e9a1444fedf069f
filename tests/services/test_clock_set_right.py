"""A clock was ahead and is set right: what was begun under it waits for no day that was never there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from svc import jobs, worker
from svc.models import JobRun, SigningAttempt
from svc.services import reconciliation
from svc.services.batches import freezing, review, signing_chunk, work
from tests.support import batches as b
from tests.support.clock import FrozenClock
from tests.support.failpoints import arm
from tests.support.world import World


@pytest.fixture(autouse=True)
def _unarmed() -> Iterator[None]:
    yield
    arm("")


def test_rows_that_were_being_laid_out_are_laid_out_at_once(world: World, clock: FrozenClock) -> None:
    batch_id = b.submitted(world, 4)
    for username in b.PARAFS[:-1]:
        b.approve(world, batch_id, username)
    review.approve(world.deps, world.actor(b.PARAFS[-1]), batch_id, b.batch_row(world, batch_id).lock_version)
    clock.advance(days=1)
    arm("freeze.leased:1")
    with pytest.raises(OSError, match="No space"):
        work.drain(world.deps, batch_id)
    arm("")
    clock.advance(days=-1)
    assert {row.lease is not None for row in b.rows_of(world, batch_id)} == {True}
    work.drain(world.deps, batch_id)
    assert {one.status for one in b.decrees_of(world, batch_id)} == {"ready_to_sign"}


def test_rows_that_were_being_signed_wait_no_day(world: World, clock: FrozenClock) -> None:
    batch_id = b.ready(world, 3)
    b.authorise(world, batch_id)
    arm("chunk.claimed:1")
    with pytest.raises(OSError, match="No space"):
        signing_chunk.sign(world.deps, b.batch_row(world, batch_id).id)
    arm("")
    with world.deps.db.unit_of_work() as session:  # as a worker's clock had it
        session.execute(update(SigningAttempt).values(claimed_at=clock.now() + timedelta(days=1)))
    with world.deps.db.unit_of_work() as session:
        for row in b.rows_of(world, batch_id):
            session.execute(update(type(row)).where(type(row).id == row.id).values(
                leased_until=clock.now() + timedelta(days=1, minutes=1)))
    assert len(reconciliation.recover(world.deps).released) == 3
    work.drain(world.deps, batch_id)
    assert {one.status for one in b.decrees_of(world, batch_id)} == {"issued"}


def test_what_was_done_tomorrow_is_done_today(world: World, clock: FrozenClock) -> None:
    worker.run_once(world.deps)
    with world.deps.db.unit_of_work() as session:
        for row in session.scalars(select(JobRun)):
            row.last_done_at = row.leased_until = clock.now() + timedelta(days=1)
    worker.run_once(world.deps)
    with world.deps.db.read_session() as session:
        done = {row.name.removeprefix("job:"): row.last_done_at for row in session.scalars(select(JobRun))}
    often = {job.name for job in jobs.PERIODIC if job.every is not None and job.is_wanted(world.deps)}
    assert often
    assert {done[name] for name in often} == {clock.now()}


def test_a_lease_of_now_holds(world: World, clock: FrozenClock) -> None:
    batch_id = b.ready(world, 3)
    b.authorise(world, batch_id)
    arm("chunk.claimed:1")
    with pytest.raises(OSError, match="No space"):
        signing_chunk.sign(world.deps, b.batch_row(world, batch_id).id)
    arm("")
    clock.advance(seconds=signing_chunk.LEASE.total_seconds() - 1)
    assert signing_chunk.sign(world.deps, b.batch_row(world, batch_id).id) == 0
    assert freezing.LEASE < signing_chunk.REMOTE_LEASE
