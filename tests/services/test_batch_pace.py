"""How fast signing goes and how long it will take: of the time in which it ran."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from svc.models import SigningAuthorisation
from svc.services.batches import page, signing, signing_chunk, work
from svc.services.batches.page import Speed
from tests.support import batches as b
from tests.support.clock import FrozenClock
from tests.support.world import World


def pace(world: World, batch_id: str) -> tuple[float, float | None]:
    speed: Speed = page.speed_of(world.deps, world.actor(b.CLERK), batch_id)
    return round(speed.per_second, 4), speed.seconds_left and round(speed.seconds_left, 2)


def test_pauses_and_the_wait_for_another_authorisation_do_not_count(
    world: World, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_chunk, "ROWS", 1)
    batch_id, signer = b.ready(world, 4), world.actor(b.SIGNER)
    b.authorise(world, batch_id)
    work.run_chunk(world.deps, batch_id)
    clock.advance(seconds=10)
    assert pace(world, batch_id) == (0.1, 30)
    signing.pause(world.deps, signer, batch_id)
    clock.advance(seconds=50)
    assert pace(world, batch_id) == (0.1, 30)
    signing.resume(world.deps, signer, batch_id)
    assert pace(world, batch_id) == (0.1, 30)
    work.run_chunk(world.deps, batch_id)
    clock.advance(seconds=10)
    assert pace(world, batch_id) == (0.1, 20)
    with world.deps.db.read_session() as session:
        given = session.scalars(select(SigningAuthorisation.public_id)).one()
    world.deps.signing_host.close(given)
    work.run_chunk(world.deps, batch_id)
    clock.advance(minutes=3)
    signing.pause(world.deps, signer, batch_id)
    clock.advance(minutes=1)
    signing.resume(world.deps, signer, batch_id)
    assert pace(world, batch_id) == (0.1, 20)
    b.authorise(world, batch_id)
    work.run_chunk(world.deps, batch_id)
    clock.advance(seconds=5)
    assert pace(world, batch_id) == (0.2, 5)
