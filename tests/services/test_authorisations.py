"""Hashes are claimed once, one by one or many at once, over all that work at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from certs.authorisation import Authorisation
from svc.models import AuthorisedDocument, Credential
from svc.services import authorisations
from tests.support.signers import give_certificates
from tests.support.world import World

SIGNER = "kepala"
HASHES = [f"{number:064x}" for number in range(200)]


@pytest.fixture
def given(world: World) -> Authorisation:
    give_certificates(world, SIGNER)
    with world.deps.db.unit_of_work() as session:
        actor = world.actor(SIGNER)
        credential = session.scalars(select(Credential).where(Credential.owner_id == actor.person_id)).one()
        return authorisations.give(session, actor, credential, HASHES, "passphrase", world.deps.clock.now())[1]


def test_many_are_claimed_at_once_and_each_once(world: World, given: Authorisation) -> None:
    claim = authorisations.ledger(world.deps, given)
    claim_many = authorisations.bulk_ledger(world.deps, given)
    assert claim(HASHES[1])
    assert claim_many(HASHES[:3]) == {HASHES[0], HASHES[2]}
    assert claim_many(HASHES[:3]) == frozenset()
    assert claim_many([HASHES[3], HASHES[3]]) == {HASHES[3]}
    assert not claim(HASHES[0])
    with world.deps.db.read_session() as session:
        assert session.scalar(select(func.count()).select_from(AuthorisedDocument)) == 4


def test_of_many_who_claim_the_same_hashes_one_gets_each(world: World, given: Authorisation) -> None:
    def work(number: int) -> list[frozenset[str]]:
        claim_many = authorisations.bulk_ledger(world.deps, given)
        turned = HASHES if number % 2 else HASHES[::-1]
        return [claim_many(turned[start:start + 25]) for start in range(0, len(turned), 25)]

    with ThreadPoolExecutor(4) as pool:
        won = [digest for chunks in pool.map(work, range(4)) for chunk in chunks for digest in chunk]
    assert sorted(won) == HASHES
