"""Signing with keys in a token and with a remote service: the act, wrong PINs, and outcomes that nobody knows."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pkcs11
import pyotp
import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import undefer

from certs.authorisation import Authorisation
from certs.ca import SignerSubject, issue_signer_certificate
from certs.pades import SignedDocument
from certs.signers.pkcs11 import Pkcs11Config, build_csr, generate_key
from svc import mail_templates
from svc.call_log import CallRows
from svc.deps import build_backends
from svc.errors import (
    AppError,
    Conflict,
    CredentialLocked,
    CredentialUnusable,
    Forbidden,
    StepUpFailed,
    TooManyAttempts,
)
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
from svc.ports import SIGNING_HOST_DOWN, ElsewhereKey, NotSigned, SigningHost, SigningHostDown, StoredKey, ToSign
from svc.services import credentials, key_registration, revocation_fetch, second_factor, signing, signing_evidence
from svc.services.batches import signing as batch_signing
from svc.services.batches import work
from svc.services.certificate_names import NamesAnother
from svc.services.key_use import WrongTotp
from svc.services.reconciliation import OpenAct
from svc.services.second_step import SecondStep
from svc.services.signing_errors import BackendDown, ResultNotOurs, SignedAsAnother, Unknown
from svc.signing_host import protocol
from svc.signing_host.inline import InlineHost
from svc.signing_host.signers import Means
from svc.simulators.bsre_people import issue_key
from svc.simulators.csc_faults import Fault, FaultKind
from tests.support import batches
from tests.support.acts import blank_pdf
from tests.support.bsre import EMAIL, NIK, PASSPHRASE, BsreKeys, BsreWorld, bsre_world
from tests.support.bsre import make_keys as make_bsre_keys
from tests.support.clock import FrozenClock
from tests.support.csc import PIN as CSC_PIN
from tests.support.csc import CscKeys, CscWorld, csc_world, make_keys
from tests.support.signers import trust_authority
from tests.support.softhsm import PIN, soft_hsm
from tests.support.stores import FaultyStore
from tests.support.world import World

SIGNER = "kepala"
SIGN = "signatures/signHash"


@dataclass(frozen=True)
class Waiting:
    """A decree that waits for its signature."""

    world: World
    decree_id: str
    task_id: str

    def sign(self, passphrase: str) -> signing.SignOutcome:
        actor = self.world.actor(SIGNER)
        sheet = signing.prepare(self.world.deps, actor, self.task_id)
        return signing.sign(self.world.deps, actor, self.task_id, sheet.lock_version, sheet.frozen_sha256,
                            signing.StepUp(passphrase))

    @property
    def status(self) -> str:
        return self.world.view(self.decree_id).status

    def open_act(self) -> str:
        return self.act().attempt_id

    def act(self) -> OpenAct:
        act = signing.open_act(self.world.deps, self.world.actor(SIGNER), self.task_id)
        assert act is not None
        return act

    def count(self, table: type) -> int:
        with self.world.deps.db.read_session() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0


def wait(world: World) -> Waiting:
    decree_id = world.walk("ready_to_sign")
    task = world.view(decree_id).open_task
    assert task is not None
    return Waiting(world, decree_id, task.task_id)


def with_settings(world: World, **values: object) -> World:
    settings = world.deps.settings.model_copy(update=values)
    backends = build_backends(settings, world.deps.tsa, world.deps.clock)
    old = world.deps
    host = InlineHost(Means(old.clock, old.tsa, backends, CallRows(old.db, old.clock)))
    return World(replace(old, settings=settings, backends=backends, signing_host=host), world.organisation)


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
                            csc_client_secret=_secret(access.client_secret))
    actor = world.actor(SIGNER)
    key_registration.register_remote(offered.deps, actor, actor.person_public_id, "pin", accepts_name=True)
    return wait(offered)


def _secret(value: str) -> object:
    from pydantic import SecretStr

    return SecretStr(value)


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
    signing.recover(remote.world.deps, timedelta(0))
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
                            bsre_password=_secret(access.password))
    actor = world.actor(SIGNER)
    key_registration.register_identity(offered.deps, actor, actor.person_public_id, NIK)
    return wait(offered)


def test_bsre_signs_and_its_certificate_is_learnt(agency: Waiting) -> None:
    outcome = agency.sign(PASSPHRASE)
    assert (outcome.status in {"signed", "issued"}, outcome.level) == (True, "PKCS7-T")
    with agency.world.deps.db.read_session() as session:
        credential = session.scalars(select(Credential).where(Credential.backend == "bsre")).one()
        calls = session.scalars(select(RemoteCall)).all()
    assert credential.serial
    assert credential.valid_to is not None
    assert NIK.encode() not in (credential.key_envelope or b"")
    assert not any(NIK in f"{call.endpoint}{call.request}{call.answer}" for call in calls)


def test_version_2_signs_for_whom_an_address_was_registered_and_version_1_says_why_not(
    world: World, gateway: BsreWorld, bsre_keys: BsreKeys
) -> None:
    trust_authority(world, bsre_keys.authority)
    access = gateway.simulator.access
    given = {"bsre_url": gateway.simulator.base_url, "bsre_username": access.username,
             "bsre_password": _secret(access.password)}
    offered = with_settings(world, bsre_version=2, **given)
    actor = world.actor(SIGNER)
    key_registration.register_identity(offered.deps, actor, actor.person_public_id, EMAIL)
    waiting = wait(offered)
    with pytest.raises(CredentialUnusable, match="hanya mengenal NIK"):
        replace(waiting, world=with_settings(world, bsre_version=1, **given)).sign(PASSPHRASE)
    assert (waiting.status, gateway.desk.made) == ("ready_to_sign", [])
    outcome = waiting.sign(PASSPHRASE)
    assert (outcome.status in {"signed", "issued"}, outcome.level) == (True, "PKCS7-T")
    with offered.deps.db.read_session() as session:
        calls = session.scalars(select(RemoteCall)).all()
    assert calls
    assert not any(EMAIL in f"{call.endpoint}{call.request}{call.answer}" for call in calls)


@pytest.mark.parametrize(("number", "words"), [(2021, "sudah berakhir"), (2041, "belum ditandatangani")])
def test_numbers_that_nobody_has_confirmed_leave_the_decree_to_be_signed(
    agency: Waiting, gateway: BsreWorld, number: int, words: str
) -> None:
    body = json.dumps({"kind": "status_before", "endpoint": "api/sign/pdf", "number": number}).encode()
    planned = urllib3.request("POST", f"{gateway.simulator.base_url}/simulator/faults", body=body,
                              headers={"Content-Type": "application/json"})
    assert planned.status == 204
    with pytest.raises(AppError) as refused:
        agency.sign(PASSPHRASE)
    assert words in refused.value.text % dict(refused.value.params)
    assert (agency.status, gateway.desk.made) == ("ready_to_sign", [])
    assert agency.sign(PASSPHRASE).level == "PKCS7-T"


def test_a_result_of_bsre_that_got_lost_is_fetched_and_recorded(agency: Waiting, gateway: BsreWorld) -> None:
    gateway.simulator.faults.add(Fault(FaultKind.TRUNCATE, "api/sign/pdf"))
    with pytest.raises(Unknown):
        agency.sign(PASSPHRASE)
    assert agency.status == "signing"
    actor = agency.world.actor(SIGNER)
    assert signing.reconcile(agency.world.deps, actor, agency.open_act()) == "finished"
    assert agency.count(Signature) == 1
    assert agency.status in {"signed", "issued"}


def test_a_result_that_bsre_handed_out_already_is_lost_and_one_that_it_may_have_still_is_not(
    agency: Waiting, gateway: BsreWorld
) -> None:
    gateway.simulator.faults.add(Fault(FaultKind.TRUNCATE, "api/sign/pdf"))
    with pytest.raises(Unknown):
        agency.sign(PASSPHRASE)
    deps, actor, act = agency.world.deps, agency.world.actor(SIGNER), agency.open_act()
    gateway.simulator.faults.add(Fault(FaultKind.STATUS_BEFORE, "api/sign/download", status=503))
    assert signing.reconcile(deps, actor, act) == "waiting"
    gateway.simulator.faults.add(Fault(FaultKind.DROP_AFTER, "api/sign/download"))
    assert signing.reconcile(deps, actor, act) == "waiting"
    assert agency.act().is_lost is False
    assert signing.reconcile(deps, actor, act) == "lost"
    assert agency.act().is_lost is True
    assert signing.recover(deps, timedelta(0)).waiting == (agency.decree_id,)
    signing.abandon(deps, actor, act)
    assert agency.status == "ready_to_sign"


def test_what_bsre_signed_while_the_store_is_down_waits_here_and_is_never_signed_twice(
    agency: Waiting, gateway: BsreWorld
) -> None:
    store = agency.world.deps.store
    full = replace(agency.world.deps, store=FaultyStore(store, "/signed/"))
    with pytest.raises(Unknown):
        replace(agency, world=World(full, agency.world.organisation)).sign(PASSPHRASE)
    assert agency.status == "signing"
    with pytest.raises(Conflict):
        agency.sign(PASSPHRASE)
    made = gateway.desk.made
    assert len(made) == 1
    actor = agency.world.actor(SIGNER)
    assert signing.reconcile(agency.world.deps, actor, agency.open_act()) == "finished"
    assert (len(gateway.desk.made), agency.count(Signature)) == (1, 1)


def test_what_can_be_fetched_only_once_waits_here_until_the_store_takes_it(
    agency: Waiting, gateway: BsreWorld
) -> None:
    gateway.simulator.faults.add(Fault(FaultKind.TRUNCATE, "api/sign/pdf"))
    with pytest.raises(Unknown):
        agency.sign(PASSPHRASE)
    deps, actor = agency.world.deps, agency.world.actor(SIGNER)
    full = replace(deps, store=FaultyStore(deps.store, "/signed/"))
    assert signing.reconcile(full, actor, agency.open_act()) == "waiting"
    (spooled,) = (deps.settings.var_dir / "spool").iterdir()
    assert spooled.stat().st_mode & 0o777 == 0o600
    assert signing.reconcile(full, actor, agency.open_act()) == "waiting"
    assert signing.reconcile(deps, actor, agency.open_act()) == "finished"
    assert (agency.count(Signature), list(spooled.parent.iterdir())) == (1, [])


def test_what_comes_in_after_its_act_was_given_up_is_evidence(agency: Waiting, gateway: BsreWorld) -> None:
    deps, actor = agency.world.deps, agency.world.actor(SIGNER)
    full = replace(deps, store=FaultyStore(deps.store, "/signed/"))
    with pytest.raises(Unknown):
        replace(agency, world=World(full, agency.world.organisation)).sign(PASSPHRASE)
    signing.abandon(full, actor, agency.open_act())
    signing.recover(deps)
    assert list((deps.settings.var_dir / "spool").iterdir()) == []
    (said,) = refusals(agency)
    assert said["why"] == "TOO_LATE"
    assert deps.store.get(str(said["key"])).startswith(b"%PDF-")
    assert agency.status == "ready_to_sign"


def test_evidence_waits_in_the_spool_while_the_store_is_down(agency: Waiting, gateway: BsreWorld) -> None:
    deps, actor = agency.world.deps, agency.world.actor(SIGNER)
    full = replace(deps, store=FaultyStore(deps.store, "decrees/"))
    with pytest.raises(Unknown):
        replace(agency, world=World(full, agency.world.organisation)).sign(PASSPHRASE)
    signing.abandon(full, actor, agency.open_act())
    (spooled,) = (deps.settings.var_dir / "spool").iterdir()
    received = spooled.read_bytes()
    for _ in range(2):
        signing.recover(full)
        assert spooled.read_bytes() == received
        assert refusals(agency) == []
    signing.recover(deps)
    (said,) = refusals(agency)
    assert deps.store.get(str(said["key"])) == received
    assert not spooled.exists()


def test_evidence_that_was_stored_and_not_recorded_is_recorded_at_the_next_look(
    agency: Waiting, gateway: BsreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    deps, actor = agency.world.deps, agency.world.actor(SIGNER)
    full = replace(deps, store=FaultyStore(deps.store, "/signed/"))
    with pytest.raises(Unknown):
        replace(agency, world=World(full, agency.world.organisation)).sign(PASSPHRASE)
    signing.abandon(full, actor, agency.open_act())

    def dies(*_: object) -> None:
        raise OperationalError("insert", {}, Exception("gone"))

    with monkeypatch.context() as patch:
        patch.setattr(signing_evidence, "record_refused", dies)
        with pytest.raises(OperationalError):
            signing_evidence.empty_spool(deps)
    assert len(list((deps.settings.var_dir / "spool").iterdir())) == 1
    signing.recover(deps)
    assert [one["why"] for one in refusals(agency)] == ["TOO_LATE"]
    assert list((deps.settings.var_dir / "spool").iterdir()) == []


def test_what_does_not_hold_keeps_its_reason_in_the_spool(
    agency: Waiting, gateway: BsreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = blank_pdf(title="Berkas lain")
    monkeypatch.setattr(gateway.desk, "sign", lambda *_: [other])
    deps = agency.world.deps
    full = replace(deps, store=FaultyStore(deps.store, "decrees/"))
    with pytest.raises(ResultNotOurs):
        replace(agency, world=World(full, agency.world.organisation)).sign(PASSPHRASE)
    assert refusals(agency) == []
    signing.recover(deps)
    (said,) = refusals(agency)
    assert (said["why"], deps.store.get(str(said["key"]))) == (ResultNotOurs.code, other)


def test_a_signature_in_another_name_is_refused_recorded_and_told(
    agency: Waiting, gateway: BsreWorld, bsre_keys: BsreKeys, clock: FrozenClock
) -> None:
    user = gateway.desk.find(nik=NIK)
    assert user is not None
    user.key = issue_key(bsre_keys.authority, "Orang Lain, S.H.", clock.now(), bsre_keys.key)
    with pytest.raises(SignedAsAnother) as refused:
        agency.sign(PASSPHRASE)
    assert refused.value.params["found"] == "Orang Lain, S.H."
    assert (agency.status, agency.count(Signature)) == ("ready_to_sign", 0)
    (said,) = refusals(agency)
    assert (said["why"], said["certificate_name"]) == ("SIGNED_AS_ANOTHER", "Orang Lain, S.H.")
    assert hashlib.sha256(agency.world.deps.store.get(str(said["key"]))).hexdigest() == said["sha256"]
    assert told_of_refusal(agency) >= {agency.world.actor(SIGNER).person_id, agency.world.actor("admin").person_id}
    with agency.world.deps.db.read_session() as session:
        (notice,) = session.scalars(select(Notice).where(
            Notice.person_id == agency.world.actor(SIGNER).person_id, Notice.message.contains("ditolak")))
    for locale, words in (("id", "atas nama Orang Lain, S.H."), ("en", "in the name of Orang Lain, S.H.")):
        said_in_words = mail_templates.translate(locale, notice.message, notice.params)
        assert words in said_in_words
        assert "SIGNED_AS_ANOTHER" not in said_in_words
    signing.recover(agency.world.deps, timedelta(0))
    assert len(refusals(agency)) == 1


@pytest.mark.parametrize(("status", "words"), [
    ("SUSPEND", "ditangguhkan"), ("EXPIRED", "sudah berakhir"), ("NO_CERTIFICATE", "belum memiliki sertifikat"),
    ("WAITING_FOR_VERIFICATION", "menunggu verifikasi")])
def test_what_bsre_says_of_the_signer_is_told_in_words_before_anything_is_signed(
    agency: Waiting, gateway: BsreWorld, status: str, words: str
) -> None:
    user = gateway.desk.find(nik=NIK)
    assert user is not None
    user.status = status
    with pytest.raises(CredentialUnusable, match=words):
        agency.sign(PASSPHRASE)
    assert (agency.status, gateway.desk.made) == ("ready_to_sign", [])


def test_a_try_that_nobody_judged_forgives_no_wrong_one_before_it(
    agency: Waiting, gateway: BsreWorld, clock: FrozenClock
) -> None:
    with pytest.raises(StepUpFailed):
        agency.sign("sandi tebakan")
    clock.advance(minutes=2)
    user = gateway.desk.find(nik=NIK)
    assert user is not None
    user.status = "SUSPEND"  # the status is asked for before the passphrase is sent
    with pytest.raises(CredentialUnusable):
        agency.sign(PASSPHRASE)
    with agency.world.deps.db.read_session() as session:
        assert session.scalars(select(Credential.failures).where(Credential.backend == "bsre")).one() == 1


def test_what_bsre_gives_back_instead_of_the_document_is_kept_as_evidence(
    agency: Waiting, gateway: BsreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = blank_pdf(title="Berkas lain")
    monkeypatch.setattr(gateway.desk, "sign", lambda *_: [other])
    with pytest.raises(ResultNotOurs):
        agency.sign(PASSPHRASE)
    (said,) = refusals(agency)
    assert agency.world.deps.store.get(str(said["key"])) == other
    assert str(said["attempt"]) in str(said["key"])
    assert agency.status == "ready_to_sign"
    assert agency.world.actor(SIGNER).person_id in told_of_refusal(agency)


def test_a_batch_that_bsre_signed_while_the_store_is_down_is_unknown_and_then_found(
    world: World, agency: Waiting, gateway: BsreWorld, clock: FrozenClock
) -> None:
    deps = agency.world.deps
    batch_id = batches.ready(agency.world, 2)
    actor = agency.world.actor(SIGNER)
    shown = batch_signing.prepare(deps, actor, batch_id)
    batch_signing.authorise(deps, actor, batch_id, shown.lock_version, shown.list_sha256, signing.StepUp(PASSPHRASE))
    full = replace(deps, store=FaultyStore(deps.store, "/signed/"))
    work.drain(full, batch_id)
    with deps.db.read_session() as session:
        states = set(session.scalars(select(SigningAttempt.state)))
    assert (states, agency.count(Signature)) == ({"unknown"}, 0)
    assert {row.error_code for row in batches.rows_of(agency.world, batch_id)} == {"outcome_unknown"}
    assert len(gateway.desk.made) == 2
    report = signing.recover(deps, timedelta(0))
    assert (len(report.finished), agency.count(Signature), len(gateway.desk.made)) == (2, 2, 2)
    assert {one.status for one in batches.decrees_of(agency.world, batch_id)} <= {"signed", "issued"}


@pytest.mark.parametrize("place", ["inline", "process"])
def test_what_bsre_gives_back_in_a_batch_is_evidence_and_the_others_are_signed(
    agency: Waiting, gateway: BsreWorld, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    world = agency.world if place == "inline" else World(
        replace(agency.world.deps, signing_host=AcrossTheProtocol(agency.world.deps.signing_host)),
        agency.world.organisation)
    actor = agency.world.actor(SIGNER)
    other, sign, calls = blank_pdf(title="Berkas lain"), gateway.desk.sign, list[int]()

    def answer(*asked: Any) -> list[bytes]:
        calls.append(1)
        made = sign(*asked)
        return [other, *made[1:]] if len(calls) == 1 else made

    batch_id = batches.ready(world, 3)
    shown = batch_signing.prepare(world.deps, actor, batch_id)
    batch_signing.authorise(world.deps, actor, batch_id, shown.lock_version, shown.list_sha256,
                            signing.StepUp(PASSPHRASE))
    monkeypatch.setattr(gateway.desk, "sign", answer)
    work.drain(world.deps, batch_id)
    assert [row.error_code for row in batches.rows_of(world, batch_id)].count("result_not_ours") == 1
    assert agency.count(Signature) == 2
    (said,) = refusals(agency)
    assert world.deps.store.get(str(said["key"])) == other
    assert hashlib.sha256(other).hexdigest() == said["sha256"]
    assert actor.person_id in told_of_refusal(agency)


@pytest.mark.parametrize("answered", [0, 1], ids=["before any answer", "after the first"])
def test_what_bsre_signed_when_the_signing_host_went_away_is_unknown_and_not_signed_again(
    agency: Waiting, gateway: BsreWorld, answered: int
) -> None:
    host = GoesAway(agency.world.deps.signing_host, answered)
    world = World(replace(agency.world.deps, signing_host=host), agency.world.organisation)
    actor = agency.world.actor(SIGNER)
    batch_id = batches.ready(world, 3)
    shown = batch_signing.prepare(world.deps, actor, batch_id)
    batch_signing.authorise(world.deps, actor, batch_id, shown.lock_version, shown.list_sha256,
                            signing.StepUp(PASSPHRASE))
    work.drain(world.deps, batch_id)
    for _ in range(2):
        codes = [row.error_code for row in batches.rows_of(world, batch_id)]
        assert (codes.count("outcome_unknown"), agency.count(Signature)) == (3 - answered, answered)
        signing.recover(agency.world.deps, timedelta(0))  # BSrE hands a file out once: the host had them
        work.drain(world.deps, batch_id)
    assert len(gateway.desk.made) == 3


@dataclass(frozen=True)
class AcrossTheProtocol:
    """A signing host whose answers travel as those of one in another process do."""

    inner: SigningHost

    def open(self, authorisation: Authorisation, key: StoredKey | ElsewhereKey) -> None:
        self.inner.open(authorisation, key)

    def sign(self, authorisation_id: str, documents: Sequence[ToSign]) -> tuple[SignedDocument | NotSigned, ...]:
        answer, blobs = protocol.write_results(self.inner.sign(authorisation_id, documents))
        arrived = protocol.read(json.loads(json.dumps(protocol.write(answer))))
        assert isinstance(arrived, protocol.Signed)
        return protocol.read_results(arrived, [memoryview(one) for one in blobs])

    def forget(self, authorisation_id: str, hashes: Sequence[str]) -> None:
        self.inner.forget(authorisation_id, hashes)

    def close(self, authorisation_id: str) -> None:
        self.inner.close(authorisation_id)

    def is_open(self, authorisation_id: str) -> bool:
        return self.inner.is_open(authorisation_id)


@dataclass(frozen=True)
class GoesAway(AcrossTheProtocol):
    """It signs all that it is asked to and goes away after so many answers."""

    answered: int

    def sign(self, authorisation_id: str, documents: Sequence[ToSign]) -> tuple[SignedDocument | NotSigned, ...]:
        made = super().sign(authorisation_id, documents)
        if not self.answered:
            raise SigningHostDown("connection reset")
        lost = len(made) - self.answered
        return (*made[:self.answered], *[NotSigned(SIGNING_HOST_DOWN, stops=True)] * lost)


def refusals(waiting: Waiting) -> list[dict[str, object]]:
    with waiting.world.deps.db.read_session() as session:
        return list(session.scalars(select(AuditEvent.payload).where(AuditEvent.type == "signing_result_refused")))


def told_of_refusal(waiting: Waiting) -> set[int]:
    with waiting.world.deps.db.read_session() as session:
        return set(session.scalars(select(Notice.person_id).where(Notice.message.contains("ditolak"))))
