"""Who puts a key into place for himself proves that it is he, is told of it, and gets round nothing by it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from svc.errors import InvalidInput
from svc.models import Credential, Notice, Person
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services import credentials
from tests.support.signers import foreign_pkcs12, give_certificates, trust_authority
from tests.support.world import PASSWORD, World

SIGNER = "kepala"
Install = Callable[[World, str], str]


def _issue(world: World, password: str) -> str:
    return credentials.issue_own(world.deps, world.actor(SIGNER), password, DEMO_PASSPHRASE, DEMO_PASSPHRASE)


def _import(world: World, password: str) -> str:
    data, authority = foreign_pkcs12(world, "rahasia-berkas")
    trust_authority(world, authority)
    return credentials.import_own(world.deps, world.actor(SIGNER), password, data, "rahasia-berkas", DEMO_PASSPHRASE,
                                  DEMO_PASSPHRASE)


def _all(world: World) -> list[tuple[str, str]]:
    with world.deps.db.read_session() as session:
        return [(row.public_id, row.status) for row in session.scalars(select(Credential).order_by(Credential.id))]


@pytest.mark.parametrize("install", [_issue, _import])
def test_an_open_session_alone_makes_no_key(world: World, install: Install) -> None:
    give_certificates(world, SIGNER)
    before = _all(world)
    for password in ("", "bukan kata sandinya"):
        with pytest.raises(InvalidInput) as refused:
            install(world, password)
        assert list(refused.value.fields) == ["password"]
    assert _all(world) == before


def test_a_key_that_its_owner_ended_leaves_its_demand(world: World) -> None:
    give_certificates(world, SIGNER)
    with world.deps.db.unit_of_work() as session:
        row = session.scalars(select(Credential)).one()
        row.second_factor, ended = "any", row.public_id
    credentials.revoke(world.deps, world.actor(SIGNER), ended, "superseded")
    for _ in range(2):
        made = _issue(world, PASSWORD)
    with world.deps.db.read_session() as session:
        assert session.scalars(select(Credential.second_factor).where(Credential.public_id == made)).one() == "any"


@pytest.mark.parametrize("install", [_issue, _import])
def test_the_owner_is_told_of_a_new_key_and_an_earlier_demand_stays(world: World, install: Install) -> None:
    give_certificates(world, SIGNER)
    with world.deps.db.unit_of_work() as session:
        session.scalars(select(Credential)).one().second_factor = "totp"
    made = install(world, PASSWORD)
    with world.deps.db.read_session() as session:
        row = session.scalars(select(Credential).where(Credential.public_id == made)).one()
        assert (row.status, row.second_factor) == ("active", "totp")
        told = session.scalars(
            select(Notice.message).join(Person, Person.id == Notice.person_id).where(Person.username == SIGNER)).all()
    assert any("dipasang dari akun Anda" in one for one in told)
