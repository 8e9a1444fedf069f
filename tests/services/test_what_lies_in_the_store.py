"""Recovery believes what lies in the store for what it is: the claimed signature on the claimed bytes, or nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from certs.pades import Level
from certs.validation import validate_pdf
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services import signing, trust
from svc.services import signing_production as production
from svc.services import signing_steps as steps
from svc.services.files import read_file
from svc.services.signing_keys import OpenedSigner, open_signer
from tests.support.acts import blank_pdf
from tests.support.clock import FrozenClock
from tests.support.signers import give_certificates
from tests.support.signing_by_hand import SIGNER, sheet_of, signatures, status_of, waiting
from tests.support.world import World

OTHER = "kadis"


def opened_by(world: World, username: str, sha256: str) -> OpenedSigner:
    return open_signer(world.deps, world.actor(username), signing.StepUp(DEMO_PASSPHRASE), sha256)


@pytest.mark.parametrize("kind", ["another document", "another signer", "another level", "certifying nothing", "right"])
def test_only_what_was_claimed_is_recorded(world: World, clock: FrozenClock, kind: str) -> None:
    give_certificates(world, SIGNER, OTHER)
    deps = world.deps
    decree_id, task_id = waiting(world)
    sheet = sheet_of(world, task_id)
    opened = opened_by(world, SIGNER, sheet.frozen_sha256)
    claimed = steps.claim(deps, world.actor(SIGNER), task_id, sheet.lock_version, sheet.frozen_sha256, opened)
    pdf, request = read_file(deps, claimed.frozen_key, claimed.frozen_sha256), production.request_of(deps, claimed)
    if kind == "another document":
        pdf, request = blank_pdf(), replace(request, box=None)
    elif kind == "another signer":
        opened = opened_by(world, OTHER, sheet.frozen_sha256)
    elif kind == "another level":
        request = replace(request, level=Level.B_B)
    elif kind == "certifying nothing":
        request = replace(request, certify=False)
    signed = opened.signer.sign(pdf, request).pdf
    report = validate_pdf(signed, trust.trust_store(deps), clock.now())
    assert (report.passed, report.explained) == (True, True)  # good as it is
    deps.store.put(steps.signed_key(decree_id, steps.sha256_of(signed)), signed, media_type="application/pdf",
                   retain_until=clock.now() + timedelta(days=1))
    clock.advance(minutes=6)
    recovered = signing.recover(deps)
    if kind == "right":
        assert (recovered.finished, signatures(world)) == ((decree_id,), 1)
    else:
        assert (recovered.released, signatures(world)) == ((decree_id,), 0)
        assert status_of(world, decree_id) == "ready_to_sign"
