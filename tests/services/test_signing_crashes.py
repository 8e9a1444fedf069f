"""Two clicks, full stores and crashes while signing: one signature, and nothing lost."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from certs.validation import validate_pdf
from svc.errors import AppError, Conflict, StorageUnavailable
from svc.models import AuditEvent
from svc.ports import StoredObject
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services import signing, trust
from svc.services import signing_production as production
from svc.services import signing_steps as steps
from svc.services.signing_keys import open_signer
from tests.support.clock import FrozenClock
from tests.support.signing_by_hand import SIGNER, attempts, sheet_of, sign, signatures, signed_pdf, status_of, waiting
from tests.support.stores import FaultyStore
from tests.support.world import World


def test_two_clicks_make_one_signature(ready: World) -> None:
    decree_id, task_id = waiting(ready)
    sheet = sheet_of(ready, task_id)

    def click(_: int) -> str:
        try:
            return sign(ready, sheet).signed_sha256
        except Conflict:
            return ""

    with ThreadPoolExecutor(4) as pool:
        results = [one for one in pool.map(click, range(4)) if one]
    assert len(results) == 1
    assert signatures(ready) == 1
    assert hashlib.sha256(signed_pdf(ready, decree_id)).hexdigest() == results[0]


def test_a_full_store_leaves_the_decree_ready_and_unsigned(ready: World) -> None:
    decree_id, task_id = waiting(ready)
    sheet = sheet_of(ready, task_id)
    broken = replace(ready, deps=replace(ready.deps, store=FaultyStore(ready.deps.store, "/signed/")))
    with pytest.raises(StorageUnavailable):
        sign(broken, sheet)
    assert (status_of(ready, decree_id), signatures(ready)) == ("ready_to_sign", 0)
    sign(ready, sheet_of(ready, task_id))
    assert [one.state for one in attempts(ready)] == ["failed", "done"]


@dataclass(frozen=True)
class Interrupted:
    """An act of signing that a crash stopped after one of its steps."""

    world: World
    decree_id: str
    task_id: str


def crash_after(world: World, step: str) -> Interrupted:
    decree_id, task_id = waiting(world)
    deps, signer, sheet = world.deps, world.actor(SIGNER), sheet_of(world, task_id)
    opened = open_signer(deps, signer, signing.StepUp(DEMO_PASSPHRASE), sheet.frozen_sha256)
    claimed = steps.claim(deps, signer, task_id, sheet.lock_version, sheet.frozen_sha256, opened)
    if step != "claim":
        signed = production.produce(deps, claimed, opened).pdf
        if step == "store":  # the object is there, the row does not say so yet
            key = steps.signed_key(decree_id, hashlib.sha256(signed).hexdigest())
            deps.store.put(key, signed, media_type="application/pdf")
        elif step == "keep":
            steps.keep(deps, claimed, signed)
    return Interrupted(world, decree_id, task_id)


@pytest.mark.parametrize("step", ["claim", "sign"])
def test_a_crash_before_anything_was_stored_gives_the_decree_back(ready: World, clock: FrozenClock, step: str) -> None:
    crashed = crash_after(ready, step)
    assert status_of(ready, crashed.decree_id) == "signing"
    clock.advance(minutes=6)
    assert signing.recover(ready.deps).released == (crashed.decree_id,)
    assert (status_of(ready, crashed.decree_id), signatures(ready)) == ("ready_to_sign", 0)
    sign(ready, sheet_of(ready, crashed.task_id))
    assert signatures(ready) == 1


@pytest.mark.parametrize("step", ["store", "keep"])
def test_a_crash_after_the_bytes_were_stored_is_finished(ready: World, clock: FrozenClock, step: str) -> None:
    crashed = crash_after(ready, step)
    clock.advance(minutes=6)
    assert signing.recover(ready.deps).finished == (crashed.decree_id,)
    assert status_of(ready, crashed.decree_id) in {"signed", "issued"}
    report = validate_pdf(signed_pdf(ready, crashed.decree_id), trust.trust_store(ready.deps), clock.now())
    assert report.passed
    with ready.deps.db.read_session() as session:
        event = session.scalars(select(AuditEvent).where(AuditEvent.type == "signed")).one()
    assert event.actor_name == "Fajar Contoh Nugraha"
    assert signing.recover(ready.deps, timedelta(0)) == signing.RecoveryReport((), (), ())


@dataclass
class BrokenStore(FaultyStore):
    """A real store whose client breaks, in a way that nobody foresaw, when it lists what ``refuses`` names."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        if self.refuses in prefix:
            raise RuntimeError("nobody foresaw this")
        return self.inner.list(prefix)


def test_an_unexpected_error_in_one_recovery_does_not_stop_the_others(
        ready: World, clock: FrozenClock, caplog: pytest.LogCaptureFixture) -> None:
    first, second = crash_after(ready, "keep"), crash_after(ready, "keep")
    clock.advance(minutes=6)
    broken = replace(ready.deps, store=BrokenStore(ready.deps.store, first.decree_id))
    assert signing.recover(broken) == signing.RecoveryReport((second.decree_id,), (), (first.decree_id,))
    assert "error=RuntimeError" in caplog.text
    assert "nobody foresaw this" not in caplog.text
    assert signing.recover(ready.deps).finished == (first.decree_id,)


def test_an_act_that_is_under_way_is_left_alone(ready: World) -> None:
    crashed = crash_after(ready, "keep")
    assert signing.recover(ready.deps) == signing.RecoveryReport((), (), ())
    assert status_of(ready, crashed.decree_id) == "signing"


def test_damaged_bytes_are_not_recorded_by_recovery(ready: World, clock: FrozenClock) -> None:
    crashed = crash_after(ready, "keep")
    folder = ready.deps.settings.var_dir / "store" / steps.signed_prefix(crashed.decree_id)
    (path,) = folder.iterdir()
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-2000])
    clock.advance(minutes=6)
    assert signing.recover(ready.deps).released == (crashed.decree_id,)
    assert (status_of(ready, crashed.decree_id), signatures(ready)) == ("ready_to_sign", 0)


def test_a_slow_act_whose_claim_was_released_does_not_sign(ready: World) -> None:
    _, task_id = waiting(ready)
    deps, signer, sheet = ready.deps, ready.actor(SIGNER), sheet_of(ready, task_id)
    opened = open_signer(deps, signer, signing.StepUp(DEMO_PASSPHRASE), sheet.frozen_sha256)
    claimed = steps.claim(deps, signer, task_id, sheet.lock_version, sheet.frozen_sha256, opened)
    signed = production.produce(deps, claimed, opened).pdf
    signing.recover(deps, timedelta(0))
    with pytest.raises(AppError):
        steps.keep(deps, claimed, signed)
    assert signatures(ready) == 0
