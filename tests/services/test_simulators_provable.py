"""What a simulator signed is raised to B-LTA by the service itself, with lists that the simulator publishes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from pydantic import SecretStr

from certs.validation import Indication, validate_pdf
from svc.deps import build_revocation
from svc.services import decree_page, key_registration, preservation
from svc.services.trust import FOLDERS, trust_store
from svc.simulators import bsre_people, csc
from svc.simulators.authority import write_trust
from svc.simulators.bsre import BsreAccess, BsreSimulator
from svc.simulators.bsre_desk import BsreDesk
from svc.simulators.csc_vault import CscVault
from svc.simulators.serving import Door
from tests.support.clock import FrozenClock
from tests.support.keys_elsewhere import SIGNER, Waiting, wait, with_settings
from tests.support.world import World

SECRET = "rahasia-simulasi"


@contextmanager
def bsre_signer(world: World, version: int) -> Iterator[World]:
    """As ``paraf simulator bsre`` starts it, for a signer whose identity is registered."""
    clock, door = world.deps.clock, Door()
    pki = bsre_people.simulated_authority(clock.now(), door.base_url)
    users = bsre_people.default_users(pki, clock.now(), SECRET, names=(world.actor(SIGNER).name,))
    desk = BsreDesk(pki, users, bsre_people.default_seal(pki, clock.now()), clock.now)
    write_trust(pki, world.deps.settings.var_dir / "trust", FOLDERS, "simulasi-bsre", clock.now())
    with BsreSimulator(desk, BsreAccess(password=SECRET), door) as simulator:
        offered = with_settings(world, bsre_url=simulator.base_url, bsre_version=version, bsre_username="paraf",
                                bsre_password=SecretStr(SECRET))
        actor = world.actor(SIGNER)
        key_registration.register_identity(offered.deps, actor, actor.person_public_id, users[0].nik)
        yield offered


@contextmanager
def csc_signer(world: World) -> Iterator[World]:
    """As ``paraf simulator csc`` starts it, for a signer whose credential is registered."""
    clock, door = world.deps.clock, Door()
    authority = csc.simulated_authority(clock.now(), door.base_url)
    made = csc.make_credential(authority, "SIM-PIN", clock.now(), pin=SECRET, name=world.actor(SIGNER).name)
    write_trust(authority, world.deps.settings.var_dir / "trust", ("signer",), "simulasi-csc", clock.now())
    vault = CscVault({made.credential_id: made}, clock.now)
    with csc.CscSimulator(vault, authority, csc.CscAccess(bearer_token=SECRET), door) as simulator:
        offered = with_settings(world, csc_url=simulator.base_url, csc_token=SecretStr(SECRET))
        actor = world.actor(SIGNER)
        key_registration.register_remote(offered.deps, actor, actor.person_public_id, made.credential_id)
        yield offered


SIGNERS = {"bsre-v1": lambda world: bsre_signer(world, 1), "bsre-v2": lambda world: bsre_signer(world, 2),
           "csc": csc_signer}


def may_fetch(waiting: Waiting, hosts: str) -> Waiting:
    """The service with ``PARAF_REVOCATION_HOSTS`` set so, and its own client for revocation lists."""
    deps = waiting.world.deps
    settings = deps.settings.model_copy(update={"revocation_hosts": hosts})
    deps = replace(deps, settings=settings, revocation=build_revocation(settings))
    return replace(waiting, world=World(deps, waiting.world.organisation))


@pytest.mark.parametrize(("kind", "level"), [
    ("bsre-v1", "PKCS7-LTA"), ("bsre-v2", "PKCS7-LTA"), ("csc", "B-LTA")])
def test_it_reaches_the_archive_level_by_itself(world: World, clock: FrozenClock, kind: str, level: str) -> None:
    with SIGNERS[kind](world) as offered:
        waiting = may_fetch(wait(offered), "127.0.0.1")
        clock.advance(days=40)  # whatever was written at the simulator's start is old by now
        assert waiting.sign(SECRET).status in {"signed", "issued"}
        clock.advance(minutes=1)
        assert preservation.preserve_due(waiting.world.deps).augmented == 1
    deps = waiting.world.deps
    pdf = decree_page.load_pdf(deps, waiting.world.actor("analis"), waiting.decree_id).data
    report = validate_pdf(pdf, trust_store(deps), clock.now())
    assert (report.indication, [one.level for one in report.signatures]) == (Indication.TOTAL_PASSED, [level])


def test_without_leave_to_ask_the_simulator_it_waits_and_says_for_what(world: World, clock: FrozenClock) -> None:
    with csc_signer(world) as offered:
        waiting = wait(offered)
        clock.advance(minutes=1)
        waiting.sign(SECRET)
        clock.advance(minutes=1)
        assert preservation.preserve_due(waiting.world.deps).waiting == 1
        clock.advance(minutes=10)
        assert preservation.preserve_due(may_fetch(waiting, "127.0.0.1").world.deps).augmented == 1
