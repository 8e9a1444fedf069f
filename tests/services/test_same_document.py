"""The document that was shown is the one that is signed: compared at claim, at sign and at finalise."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import select

from svc.errors import CredentialUnusable, DocumentChanged, IntegrityViolation
from svc.models import Credential, Decree, SigningAuthorisation
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services import credentials, signing
from svc.services import signing_production as production
from svc.services import signing_steps as steps
from svc.services.signing_errors import NotProven
from svc.services.signing_keys import OpenedSigner, open_signer
from tests.support.signing_by_hand import SIGNER, sheet_of, signatures, status_of, waiting
from tests.support.world import World


@dataclass(frozen=True)
class Act:
    """An act whose key was opened for what the sheet showed, and nothing more."""

    world: World
    decree_id: str
    sheet: signing.SigningSheet
    opened: OpenedSigner

    def claim(self, sha256: str = "") -> steps.Claim:
        return steps.claim(self.world.deps, self.world.actor(SIGNER), self.sheet.task_id, self.sheet.lock_version,
                           sha256 or self.sheet.frozen_sha256, self.opened)

    def authorisations(self) -> int:
        with self.world.deps.db.read_session() as session:
            return len(session.scalars(select(SigningAuthorisation.id)).all())


@pytest.fixture
def act(world: World) -> Act:
    world.give_certificates(SIGNER)
    decree_id, task_id = waiting(world)
    sheet = sheet_of(world, task_id)
    opened = open_signer(world.deps, world.actor(SIGNER), signing.StepUp(DEMO_PASSPHRASE), sheet.frozen_sha256)
    return Act(world, decree_id, sheet, opened)


def test_at_claim(act: Act) -> None:
    with pytest.raises(DocumentChanged):
        act.claim("0" * 64)
    assert (status_of(act.world, act.decree_id), act.authorisations()) == ("ready_to_sign", 0)


def test_at_sign(act: Act) -> None:
    claimed = act.claim()
    path = act.world.deps.settings.var_dir / "store" / claimed.frozen_key
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b"% sesuatu\n")
    with pytest.raises(IntegrityViolation):
        production.produce(act.world.deps, claimed, act.opened)


def test_at_finalise(act: Act) -> None:
    deps, claimed = act.world.deps, act.claim()
    signed = production.produce(deps, claimed, act.opened).pdf
    frozen = deps.store.get(claimed.frozen_key)
    produced = production.prove(deps, claimed, frozen, signed, production.expected_of(deps, act.opened))
    steps.keep(deps, claimed, signed)
    with deps.db.unit_of_work() as session:
        decree = session.scalars(select(Decree).where(Decree.public_id == act.decree_id)).one()
        decree.frozen_sha256 = "0" * 64
    with pytest.raises(IntegrityViolation):
        steps.finalise(deps, claimed, produced)
    assert signatures(act.world) == 0


def test_a_certificate_revoked_after_its_key_was_opened_claims_nothing(act: Act) -> None:
    with act.world.deps.db.read_session() as session:
        credential_id = session.scalars(select(Credential.public_id)).one()
    credentials.revoke(act.world.deps, act.world.actor(SIGNER), credential_id, "key_compromise")
    with pytest.raises(CredentialUnusable):
        act.claim()
    assert (status_of(act.world, act.decree_id), act.authorisations()) == ("ready_to_sign", 0)


def test_a_certificate_revoked_after_the_claim_makes_no_signature_that_counts(act: Act) -> None:
    claimed = act.claim()
    with act.world.deps.db.read_session() as session:
        credential_id = session.scalars(select(Credential.public_id)).one()
    credentials.revoke(act.world.deps, act.world.actor(SIGNER), credential_id, "key_compromise")
    signed = production.produce(act.world.deps, claimed, act.opened).pdf
    frozen = act.world.deps.store.get(claimed.frozen_key)
    with pytest.raises(NotProven):
        production.prove(act.world.deps, claimed, frozen, signed, production.expected_of(act.world.deps, act.opened))
