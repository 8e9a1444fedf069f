"""A service signed and the act broke off, or came too late: nothing is taken for another act's, or for not signed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

import certs.authorisation
from svc.errors import SigningFailed
from svc.models import Signature, SigningAttempt
from svc.services import signing
from svc.services import signing_production as production
from svc.services import signing_steps as steps
from svc.services.signing_errors import Unknown
from svc.services.signing_keys import OpenedSigner, StepUp, open_signer
from tests.support.clock import FrozenClock
from tests.support.csc import PIN as CSC_PIN
from tests.support.keys_elsewhere import Waiting


def claim(remote: Waiting) -> tuple[OpenedSigner, steps.Claim]:
    deps, actor = remote.world.deps, remote.world.actor("kepala")
    sheet = signing.prepare(deps, actor, remote.task_id)
    opened = open_signer(deps, actor, StepUp(CSC_PIN), sheet.frozen_sha256)
    return opened, steps.claim(deps, actor, remote.task_id, sheet.lock_version, sheet.frozen_sha256, opened)


def give_up(remote: Waiting, clock: FrozenClock) -> tuple[steps.Claim, bytes]:
    """An act whose answer takes too long, so that its signer gives it up; and the file that comes of it after all."""
    deps = remote.world.deps
    opened, given_up = claim(remote)
    late = production.produce(deps, given_up, opened).pdf
    clock.advance(minutes=6)
    signing.recover(deps)
    signing.abandon(deps, remote.world.actor("kepala"), remote.open_act())
    return given_up, late


def states(remote: Waiting) -> list[str]:
    with remote.world.deps.db.read_session() as session:
        return list(session.scalars(select(SigningAttempt.state).order_by(SigningAttempt.id)))


@pytest.mark.parametrize("fault", [RuntimeError, MemoryError, SystemExit, KeyboardInterrupt])
def test_what_breaks_behind_the_request_leaves_the_outcome_unknown(
        remote: Waiting, monkeypatch: pytest.MonkeyPatch, fault: type[BaseException]) -> None:
    unbroken = certs.authorisation.AuthorisedSigner.sign

    def broken(self: certs.authorisation.AuthorisedSigner, *given: object) -> None:
        unbroken(self, *given)  # type: ignore[arg-type]
        raise fault("after the service has signed")

    monkeypatch.setattr(certs.authorisation.AuthorisedSigner, "sign", broken)
    with pytest.raises(Unknown if issubclass(fault, Exception) else fault):
        remote.sign(CSC_PIN)
    assert (states(remote), remote.status) == (["unknown"], "signing")


def test_a_file_that_comes_after_its_act_was_given_up_is_not_kept(remote: Waiting, clock: FrozenClock) -> None:
    deps = remote.world.deps
    given_up, late = give_up(remote, clock)
    with pytest.raises(SigningFailed):
        steps.keep(deps, given_up, late)
    assert not list(deps.store.list(steps.signed_prefix(given_up.decree_id)))


def test_a_file_of_an_act_that_was_given_up_is_not_the_next_one_s(remote: Waiting, clock: FrozenClock) -> None:
    deps = remote.world.deps
    given_up, late = give_up(remote, clock)
    deps.store.put(steps.signed_key(given_up.decree_id, steps.sha256_of(late)), late,
                   media_type="application/pdf", retain_until=clock.now() + timedelta(days=1))  # it was on its way
    claim(remote)  # and this one's process ends before anything is sent
    clock.advance(minutes=6)
    assert signing.recover(deps).finished == ()
    assert states(remote) == ["failed", "unknown"]
    with deps.db.read_session() as session:
        assert session.scalar(select(func.count()).select_from(Signature)) == 0
