"""Signing with keys in a token and with a CSC service: the act, wrong PINs, and outcomes that nobody knows."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pkcs11
import pyotp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select
from sqlalchemy.orm import undefer

from certs.ca import SignerSubject, issue_signer_certificate
from certs.signers.pkcs11 import Pkcs11Config, build_csr, generate_key
from svc.errors import AppError, Conflict, CredentialLocked, Forbidden, StepUpFailed, TooManyAttempts
from svc.models import (
    AuditEvent,
    AuthorisedDocument,
    Credential,
    Notice,
    RemoteCall,
    Signature,
    SigningAttempt,
    SigningAuthorisation,
)
from svc.services import credentials, key_registration, revocation_fetch, second_factor, signing
from svc.services.batches import signing as batch_signing
from svc.services.batches import work
from svc.services.certificate_names import NamesAnother
from svc.services.key_use import WrongTotp
from svc.services.second_step import SecondStep
from svc.services.signing_errors import BackendDown, Unknown
from svc.simulators.csc_faults import Fault, FaultKind
from tests.support import batches
from tests.support.clock import FrozenClock
from tests.support.csc import PIN as CSC_PIN
from tests.support.csc import CscWorld
from tests.support.keys_elsewhere import SIGN, SIGNER, Waiting, wait, with_settings
from tests.support.softhsm import PIN, soft_hsm
from tests.support.world import World


def test_a_remote_key_signs_under_an_authorisation_of_this_hash(remote: Waiting) -> None:
    outcome = remote.sign(CSC_PIN)
    assert outcome.status in {"signed", "issued"}
    with remote.world.deps.db.read_session() as session:
        authorisation = session.scalars(
            select(SigningAuthorisation).options(undefer(SigningAuthorisation.hashes))).one()
        attempt = session.scalars(select(SigningAttempt)).one()
        claimed = session.scalars(select(AuthorisedDocument)).one()
        calls = session.scalars(select(RemoteCall).order_by(RemoteCall.id)).all()
        assert (authorisation.hashes, authorisation.count) == ([attempt.sha256], 1)
    assert claimed.sha256 == attempt.sha256
    assert authorisation.expires_at - authorisation.given_at <= timedelta(minutes=5)
    assert calls[-1].endpoint == SIGN
    assert all(CSC_PIN not in f"{call.request}{call.answer}" for call in calls)


def test_who_cannot_be_asked_about_is_named_in_words(remote: Waiting) -> None:
    names = revocation_fetch.refresh(remote.world.deps).unnamed
    assert any("serialNumber=190001011925010001" in one for one in names)
    assert not any("2.5.4." in one for one in names)


def _without_lists(world: World) -> dict[Path, bytes]:
    """Take the operator's revocation lists away."""
    lists = {path: path.read_bytes() for path in (world.deps.settings.var_dir / "trust").glob("*.crl")}
    for path in lists:
        path.unlink()
    return lists


def test_a_signature_that_cannot_be_proven_yet_is_kept_and_not_made_again(
    remote: Waiting, service: CscWorld
) -> None:
    lists = _without_lists(remote.world)
    with pytest.raises(signing.ProofPending):
        remote.sign(CSC_PIN)
    told = remote.act().pending
    assert told is not None
    assert "daftar pencabutan" in told.text
    assert signing.recover(remote.world.deps, timedelta(0)).waiting == (remote.decree_id,)
    assert (remote.status, remote.count(Signature)) == ("signing", 0)  # and the sheet is not offered again
    with pytest.raises(AppError):
        remote.sign(CSC_PIN)
    for path, data in lists.items():
        path.write_bytes(data)
    signing.recover(remote.world.deps, timedelta(0))
    assert remote.status in {"signed", "issued"}
    assert (remote.count(Signature), _calls(remote).count(SIGN)) == (1, 1)


def test_a_batch_that_cannot_be_proven_yet_is_kept_and_not_signed_again(remote: Waiting) -> None:
    lists = _without_lists(remote.world)
    deps, actor = remote.world.deps, remote.world.actor(SIGNER)
    batch_id = batches.ready(remote.world, 3)
    shown = batch_signing.prepare(deps, actor, batch_id)
    batch_signing.authorise(deps, actor, batch_id, shown.lock_version, shown.list_sha256, signing.StepUp(CSC_PIN))
    work.drain(deps, batch_id)
    assert {row.error_code for row in batches.rows_of(remote.world, batch_id)} == {"outcome_unknown"}
    for path, data in lists.items():
        path.write_bytes(data)
    signing.recover(deps, timedelta(0))
    work.drain(deps, batch_id)
    assert {one.status for one in batches.decrees_of(remote.world, batch_id)} <= {"signed", "issued"}
    assert (remote.count(Signature), _calls(remote).count(SIGN)) == (3, 1)


def test_a_wrong_pin_counts_and_leaves_the_decree_ready(remote: Waiting, clock: FrozenClock) -> None:
    with pytest.raises(StepUpFailed, match="PIN penyelenggara salah"):
        remote.sign("000000")
    assert (remote.status, remote.count(Signature)) == ("ready_to_sign", 0)
    with remote.world.deps.db.read_session() as session:
        assert session.scalars(select(Credential.failures).where(Credential.backend == "csc")).one() == 1
    clock.advance(minutes=2)
    remote.sign(CSC_PIN)
    assert remote.count(Signature) == 1


def test_a_service_that_is_down_costs_no_try_and_nothing_else(remote: Waiting, service: CscWorld) -> None:
    service.simulator.faults.add(Fault(FaultKind.STATUS_BEFORE, "credentials/authorize", status=503))
    with pytest.raises(BackendDown):
        remote.sign(CSC_PIN)
    assert (remote.status, remote.count(Signature)) == ("ready_to_sign", 0)
    with remote.world.deps.db.read_session() as session:
        assert session.scalars(select(Credential.failures).where(Credential.backend == "csc")).one() == 0
    remote.sign(CSC_PIN)


def test_an_unknown_outcome_is_never_retried_and_only_the_signer_ends_it(
    remote: Waiting, service: CscWorld, clock: FrozenClock
) -> None:
    service.simulator.faults.add(Fault(FaultKind.DROP_AFTER, SIGN))
    with pytest.raises(Unknown):
        remote.sign(CSC_PIN)
    assert remote.status == "signing"
    clock.advance(hours=3)
    assert signing.recover(remote.world.deps).waiting == (remote.decree_id,)
    with pytest.raises(Conflict):
        remote.sign(CSC_PIN)
    attempt_id = remote.open_act()
    assert signing.reconcile(remote.world.deps, remote.world.actor(SIGNER), attempt_id) == "lost"
    with pytest.raises(Forbidden):
        signing.abandon(remote.world.deps, remote.world.actor("sekretaris"), attempt_id)
    made = sum(1 for call in _calls(remote) if call == SIGN)
    assert made == 1
    signing.abandon(remote.world.deps, remote.world.actor(SIGNER), attempt_id)
    assert remote.status == "ready_to_sign"
    remote.sign(CSC_PIN)
    with remote.world.deps.db.read_session() as session:
        states = session.execute(select(SigningAttempt.state, SigningAttempt.error_code)
                                 .order_by(SigningAttempt.id)).all()
    assert [tuple(row) for row in states] == [("failed", "abandoned"), ("done", None)]
    assert remote.count(Signature) == 1


def _calls(remote: Waiting) -> list[str]:
    with remote.world.deps.db.read_session() as session:
        return list(session.scalars(select(RemoteCall.endpoint)))


@pytest.mark.softhsm
@pytest.mark.skipif(shutil.which("softhsm2-util") is None, reason="SoftHSM2 is not installed (Debian: softhsm2)")
def test_wrong_codes_before_a_key_elsewhere_is_asked_count_delay_and_lock(
    remote: Waiting, clock: FrozenClock, service: CscWorld
) -> None:
    deps, signer, admin = remote.world.deps, remote.world.actor(SIGNER), remote.world.actor("admin")
    enrolment = second_factor.begin_enrolment(deps, SIGNER)
    second_factor.confirm_enrolment(deps, signer, enrolment.secret, pyotp.TOTP(enrolment.secret).at(clock.now()))

    def fail() -> type[AppError]:
        sheet = signing.prepare(deps, signer, remote.task_id)
        with pytest.raises(AppError) as refused:
            signing.sign(deps, signer, remote.task_id, sheet.lock_version, sheet.frozen_sha256,
                         signing.StepUp(CSC_PIN, SecondStep(totp="000000")))
        return refused.type

    assert fail() is WrongTotp
    assert fail() is TooManyAttempts
    for left in range(deps.settings.passphrase_attempts - 1, 0, -1):
        clock.advance(minutes=2)
        assert fail() is (WrongTotp if left > 1 else CredentialLocked)
    (one,) = [one for one in credentials.list_for(deps, signer, signer.person_public_id) if one.status == "locked"]
    assert one.is_unlockable
    with deps.db.read_session() as session:
        assert session.scalars(select(AuditEvent).where(AuditEvent.type == "credential_locked")).one()
        assert session.scalars(select(Notice).where(Notice.message.contains("terkunci"))).first() is not None
    credentials.unlock(deps, admin, one.public_id)
    assert remote.status == "ready_to_sign"


def test_a_key_in_a_token_signs_and_a_wrong_pin_does_not(world: World, clock: FrozenClock, tmp_path: Path) -> None:
    hsm = soft_hsm()
    config = Pkcs11Config(hsm.module, hsm.make_token(f"dinas-{tmp_path.name}"[:32]))
    pkcs11.lib(hsm.module).reinitialize()
    generate_key(config, PIN, "tte")
    request = x509.load_der_x509_csr(build_csr(config, PIN, "tte", "Contoh Kepala", "Provinsi Contoh"))
    key = request.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    issuing = world.deps.pki.issuing
    certificate = issue_signer_certificate(issuing, SignerSubject("Contoh Kepala", "Provinsi Contoh"), key, clock.now())
    pem = b"".join(one.public_bytes(Encoding.PEM) for one in (certificate, *world.deps.pki.chain))
    offered = with_settings(world, pkcs11_module=hsm.module)
    actor = world.actor(SIGNER)
    with pytest.raises(NamesAnother) as refused:
        key_registration.register_token_key(offered.deps, actor, actor.person_public_id, config.token, "tte", pem)
    assert refused.value.params == {"found": "Contoh Kepala", "wanted": actor.name}
    key_registration.register_token_key(offered.deps, actor, actor.person_public_id, config.token, "tte", pem,
                                        accepts_name=True)
    with world.deps.db.read_session() as session:
        said = list(session.scalars(select(AuditEvent.payload).where(AuditEvent.type == "credential_registered")))[-1]
    assert (said["certificate_name"], said["confirmed_as"]) == ("Contoh Kepala", actor.name)
    waiting = wait(offered)
    with pytest.raises(StepUpFailed):
        waiting.sign("000000")
    assert waiting.status == "ready_to_sign"
    clock.advance(minutes=2)
    assert waiting.sign(PIN).level == "B-T"
    assert waiting.count(Signature) == 1
