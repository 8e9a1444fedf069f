"""A signer with a certificate; services that have the signer's key, and a decree that waits for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from svc.services import key_registration
from tests.support.bsre import NIK, BsreKeys, BsreWorld, bsre_world
from tests.support.bsre import make_keys as make_bsre_keys
from tests.support.clock import FrozenClock
from tests.support.csc import CscKeys, CscWorld, csc_world, make_keys
from tests.support.keys_elsewhere import SIGNER, Waiting, wait, with_settings
from tests.support.signers import give_certificates, trust_authority
from tests.support.world import World


@pytest.fixture(scope="module")
def csc_keys() -> CscKeys:
    return make_keys(FrozenClock())


@pytest.fixture
def service(csc_keys: CscKeys, clock: FrozenClock) -> Iterator[CscWorld]:
    with csc_world(csc_keys, clock) as running:
        yield running


@pytest.fixture
def remote(world: World, service: CscWorld) -> Waiting:
    """The signer's key is with the remote service, whose authority the operator trusts."""
    trust_authority(world, service.keys.authority)
    access = service.simulator.access
    offered = with_settings(world, csc_url=service.simulator.base_url, csc_client_id=access.client_id,
                            csc_client_secret=SecretStr(access.client_secret))
    actor = world.actor(SIGNER)
    key_registration.register_remote(offered.deps, actor, actor.person_public_id, "pin", accepts_name=True)
    return wait(offered)


@pytest.fixture(scope="module")
def bsre_keys() -> BsreKeys:
    return make_bsre_keys(FrozenClock())


@pytest.fixture
def gateway(world: World, bsre_keys: BsreKeys, clock: FrozenClock) -> Iterator[BsreWorld]:
    with bsre_world(bsre_keys, clock, name=world.actor(SIGNER).name.upper()) as running:
        yield running


@pytest.fixture
def agency(world: World, gateway: BsreWorld, bsre_keys: BsreKeys) -> Waiting:
    """The signer's certificate is BSrE's (simulated), whose authority the operator trusts; API version 1."""
    trust_authority(world, bsre_keys.authority)
    access = gateway.simulator.access
    offered = with_settings(world, bsre_url=gateway.simulator.base_url, bsre_version=1, bsre_username=access.username,
                            bsre_password=SecretStr(access.password))
    actor = world.actor(SIGNER)
    key_registration.register_identity(offered.deps, actor, actor.person_public_id, NIK)
    return wait(offered)


@pytest.fixture
def ready(world: World) -> World:
    give_certificates(world, SIGNER)
    return world
