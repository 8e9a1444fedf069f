"""What a worker that died in the middle of signing leaves of a batch comes to its end, whatever else stopped it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from svc import failpoints
from svc.models import BatchRow, Signature, SigningAttempt, SigningAuthorisation
from svc.services import reconciliation
from svc.services import signing as single_signing
from svc.services.batches import signing, signing_chunk, work
from svc.settings import Settings
from tests.support import batches as b
from tests.support.clock import FrozenClock
from tests.support.world import World


@pytest.fixture(autouse=True)
def _unarmed() -> Iterator[None]:
    yield
    failpoints.arm(Settings.from_env({}, env_file=None))


def end_in_the_middle(world: World, batch_id: str) -> None:
    """A chunk is signed and stored, and its worker ends before it could write that down."""
    failpoints.arm(Settings.from_env({"PARAF_FAILPOINT": "chunk.proven:1:full"}, env_file=None))
    with pytest.raises(OSError, match="No space"):
        work.run_chunk(world.deps, batch_id)
    failpoints.arm(Settings.from_env({}, env_file=None))


def ensure_all_ended(world: World, batch_id: str, rows: int) -> None:
    batch = b.batch_row(world, batch_id)
    assert (batch.status, batch.work) == ("finished", "")
    assert [one.status for one in b.decrees_of(world, batch_id)] == ["issued"] * rows
    with world.deps.db.read_session() as session:
        assert session.scalar(select(func.count()).select_from(Signature)) == rows
        assert session.scalar(select(func.count()).select_from(BatchRow).where(BatchRow.pending)) == 0


def test_what_recovery_found_signed_needs_no_authorisation_any_more(world: World, clock: FrozenClock) -> None:
    batch_id = b.ready(world, 3)
    b.authorise(world, batch_id)
    end_in_the_middle(world, batch_id)
    clock.advance(minutes=6)
    assert len(single_signing.recover(world.deps).finished) == 3
    work.drain(world.deps, batch_id)
    ensure_all_ended(world, batch_id, 3)


def test_recovery_leaves_rows_under_a_living_lease_to_their_worker(world: World, clock: FrozenClock) -> None:
    """A service beyond a network may take longer for a chunk than recovery waits for a single act."""
    batch_id = b.ready(world, 3)
    b.authorise(world, batch_id)
    end_in_the_middle(world, batch_id)
    clock.advance(minutes=6)
    first = b.rows_of(world, batch_id)[0]
    with world.deps.db.unit_of_work() as session:
        session.merge(first).leased_until = clock.now() + timedelta(minutes=14)
        attempt_id = session.scalars(select(SigningAttempt.public_id).where(
            SigningAttempt.decree_id == first.decree_id)).one()
    found = single_signing.recover(world.deps)
    assert (len(found.finished), found.waiting) == (2, ())
    assert reconciliation.reconcile(world.deps, world.actor(b.SIGNER), attempt_id) == "waiting"
    clock.advance(minutes=15)
    assert len(single_signing.recover(world.deps).finished) == 1
    work.drain(world.deps, batch_id)
    ensure_all_ended(world, batch_id, 3)


def test_a_stopped_batch_ends_when_the_last_of_it_turns_out_to_be_signed(
    world: World, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_chunk, "ROWS", 2)
    batch_id = b.ready(world, 4)
    b.authorise(world, batch_id)
    end_in_the_middle(world, batch_id)
    _forget_key(world)
    work.drain(world.deps, batch_id)
    assert b.batch_row(world, batch_id).stop_code == "authorisation_over"
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)  # the two others; those left by the dead worker are leased
    _stop(world, batch_id)
    clock.advance(minutes=6)
    single_signing.recover(world.deps)
    work.drain(world.deps, batch_id)
    ensure_all_ended(world, batch_id, 4)


def test_what_was_signed_is_not_laid_out_anew_with_what_is_left(
    world: World, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_chunk, "ROWS", 2)
    batch_id = b.ready(world, 4)
    b.authorise(world, batch_id)
    end_in_the_middle(world, batch_id)
    _forget_key(world)
    work.drain(world.deps, batch_id)
    clock.advance(days=1)
    single_signing.recover(world.deps)
    signed = {one.public_id: one.signed_sha256 for one in b.decrees_of(world, batch_id) if one.signed_sha256}
    assert signing.refresh(world.deps, world.actor(b.SIGNER), batch_id)
    work.drain(world.deps, batch_id)
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    ensure_all_ended(world, batch_id, 4)
    after = {one.public_id: one.signed_sha256 for one in b.decrees_of(world, batch_id)}
    assert len(signed) == 2
    assert signed.items() <= after.items()


def _forget_key(world: World) -> None:
    with world.deps.db.read_session() as session:
        last = session.scalars(select(SigningAuthorisation).order_by(SigningAuthorisation.id.desc()).limit(1)).one()
    world.deps.signing_host.close(last.public_id)


def _stop(world: World, batch_id: str) -> None:
    """As a chunk does that could not reach the signing host."""
    with world.deps.db.unit_of_work() as session:
        session.merge(b.batch_row(world, batch_id)).stop_code = "signing_host_down"
