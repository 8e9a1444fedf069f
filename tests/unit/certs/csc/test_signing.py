"""Signing through a CSC service: the simulator at the other end of a real connection."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from certs.errors import DocumentUnsignable, SigningError, TimestampUnavailable
from certs.pades import SignedDocument
from certs.signers import csc
from certs.signers.csc import CscActivation, CscConfig, CscSigner
from certs.signers.port import (
    ActivationRefused,
    BackendRefused,
    BackendUnavailable,
    OutcomeUnknown,
    SignerNotReady,
)
from svc.simulators.csc_faults import Fault, FaultKind
from tests.support.csc import PIN, CscWorld
from tests.unit.certs.csc.conftest import AUTHORIZE, SIGN, ensure_passes, sign, signer


# --- what is signed is good ---------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["pin", "p256"])
def test_a_document_signed_far_away_validates(world: CscWorld, pdf: bytes, name: str) -> None:
    signed = sign(world, pdf, signer(world, name))
    assert signed.pdf.startswith(pdf)
    ensure_passes(world, signed)
    assert len(world.vault.made) == 1


@pytest.mark.poppler
@pytest.mark.skipif(not shutil.which("pdfsig"), reason="pdfsig (poppler-utils) is not installed")
@pytest.mark.parametrize("name", ["pin", "p256"])
def test_pdfsig_finds_it_valid(world: CscWorld, pdf: bytes, name: str, tmp_path: Path) -> None:
    path = tmp_path / "signed.pdf"
    path.write_bytes(sign(world, pdf, signer(world, name)).pdf)
    shown = subprocess.run(["pdfsig", "-nocert", str(path)], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid." in shown
    assert "Total document signed" in shown


@pytest.mark.parametrize(("algorithm", "oid"), [("any", "1.2.840.113549.1.1.1"), ("pss", "1.2.840.113549.1.1.10")])
def test_rsa_keys_with_one_way_to_sign(world: CscWorld, pdf: bytes, algorithm: str, oid: str) -> None:
    world.credential("pin").algorithms = (oid,)
    ensure_passes(world, sign(world, pdf, signer(world)))
    [call] = world.log.of(SIGN)
    assert call.request["signAlgo"] == oid


def test_the_sad_is_bound_to_the_hash_that_is_signed(world: CscWorld, pdf: bytes) -> None:
    sign(world, pdf, signer(world))
    [authorised], [used] = world.log.of(AUTHORIZE), world.log.of(SIGN)
    assert authorised.request["hashes"] == used.request["hashes"]
    assert authorised.request["numSignatures"] == 1


def test_a_static_token_serves_as_well(world: CscWorld, pdf: bytes) -> None:
    config = CscConfig(world.simulator.base_url, bearer_token=world.simulator.access.bearer_token)
    ensure_passes(world, sign(world, pdf, signer(world, config=config)))
    assert "oauth2/token" not in world.log.endpoints


def test_a_code_is_sent_and_used(world: CscWorld, pdf: bytes) -> None:
    client = world.client()
    info = client.credential("pin-otp")
    assert (info.needs_pin, info.needs_otp, info.sends_otp) == (True, True, True)
    assert client.send_otp(info)
    typed = CscActivation(PIN, world.vault.sent_codes["pin-otp"])
    ensure_passes(world, sign(world, pdf, CscSigner(client, info, typed)))
    assert not client.send_otp(client.credential("pin"))


def test_credentials_are_listed_and_described(world: CscWorld) -> None:
    client = world.client()
    assert client.credentials() == ("otp", "p256", "pin", "pin-otp")
    assert client.credentials("orang lain") == ()
    info = client.credential("pin")
    assert info.certificate == world.credential("pin").certificate
    assert info.chain == world.keys.authority.chain
    assert (info.scal, info.multisign, info.auth_mode, info.certificate_status) == (2, 20, "explicit", "valid")
    assert client.service_info().specs == "2.0.0.0"


# --- batches -------------------------------------------------------------------------------------------
def test_five_documents_under_one_sad(world: CscWorld, pdf: bytes) -> None:
    items = [(pdf, world.request(f"Tanda{number}")) for number in range(5)]
    done = signer(world, documents=5).sign_many(items, world.tsa)
    for one, (_, request) in zip(done, items, strict=True):
        assert isinstance(one, SignedDocument)
        assert one.field_name == request.field_name
        ensure_passes(world, one)
    [authorised], [used] = world.log.of(AUTHORIZE), world.log.of(SIGN)
    assert authorised.request["numSignatures"] == 5
    assert authorised.request["hashes"] == used.request["hashes"]
    assert len(world.vault.made) == 5


def test_a_batch_with_an_unsignable_document_asks_for_nothing(world: CscWorld, pdf: bytes) -> None:
    items = [(pdf, world.request("Satu")), (b"%PDF-rusak", world.request("Dua")), (pdf, world.request("Tiga"))]
    with pytest.raises(DocumentUnsignable):
        signer(world, documents=3).sign_many(items, world.tsa)
    assert AUTHORIZE not in world.log.endpoints


def test_a_batch_that_is_refused_is_refused_whole(world: CscWorld, pdf: bytes) -> None:
    items = [(pdf, world.request(f"Tanda{number}")) for number in range(3)]
    with pytest.raises(ActivationRefused):
        signer(world, typed=CscActivation("000000"), documents=3).sign_many(items, world.tsa)
    assert len(world.log.of(AUTHORIZE)) == 1
    assert world.vault.made == []


def test_a_stamp_that_fails_costs_its_document_only(world: CscWorld, pdf: bytes) -> None:
    authority = world.tsa

    class FailsOnce:
        """A TSA with one bad moment."""

        def __init__(self) -> None:
            self.left = [True]

        def respond(self, request_der: bytes, now: object) -> bytes:
            if self.left:
                self.left.pop()
                raise TimestampUnavailable("no answer")
            return authority.respond(request_der, world.clock.now())

    items = [(pdf, world.request(f"Tanda{number}")) for number in range(3)]
    done = signer(world, documents=3).sign_many(items, FailsOnce())
    failed = [one for one in done if isinstance(one, SigningError)]
    assert [type(one) for one in failed] == [TimestampUnavailable]
    for one in done:
        if isinstance(one, SignedDocument):
            ensure_passes(world, one)


def test_a_batch_whose_answer_is_lost_is_unknown_whole(world: CscWorld, pdf: bytes) -> None:
    items = [(pdf, world.request(f"Tanda{number}")) for number in range(3)]
    act = signer(world, documents=3)
    world.simulator.faults.add(Fault(FaultKind.DROP_AFTER, SIGN))
    with pytest.raises(OutcomeUnknown):
        act.sign_many(items, world.tsa)
    with pytest.raises(ActivationRefused):
        act.sign_many(items, world.tsa)
    assert len(world.log.of(SIGN)) == 1
    assert len(world.vault.made) == 3


def test_a_container_that_does_not_fit_is_not_signed_a_second_time(
    world: CscWorld, pdf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csc, "_ROOM", -7000)  # less than what the certificates and the time stamp take
    with pytest.raises(ActivationRefused) as caught:
        sign(world, pdf, signer(world))
    assert caught.value.backend_code == "spent"
    [lost] = signer(world, documents=1).sign_many([(pdf, world.request())], world.tsa)
    assert isinstance(lost, ActivationRefused)
    assert len(world.vault.made) == 2


def test_a_batch_is_what_was_declared(world: CscWorld, pdf: bytes) -> None:
    with pytest.raises(SigningError):
        signer(world, documents=2).sign_many([(pdf, world.request())], world.tsa)
    with pytest.raises(SigningError):
        signer(world, documents=2).sign_many([(pdf, world.request())] * 2, world.tsa)
    with pytest.raises(BackendRefused) as caught:
        signer(world, documents=21)
    assert caught.value.backend_code == "multisign"
    assert world.vault.made == []


def test_documents_one_by_one_extend_the_authorisation(world: CscWorld, pdf: bytes) -> None:
    made = signer(world, documents=2)
    for _ in range(2):
        ensure_passes(world, sign(world, pdf, made))
    assert [name for name in world.log.endpoints if name.startswith(("credentials/a", "credentials/e", "sig"))] == [
        AUTHORIZE, SIGN, "credentials/extendTransaction", SIGN]
    with pytest.raises(ActivationRefused) as caught:
        sign(world, pdf, made)
    assert (caught.value.factor, caught.value.backend_code) == ("sad", "spent")
    assert len(world.vault.made) == 2


# --- refusals ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "typed", "factor", "code"), [
    ("pin", CscActivation("000000"), "pin", "invalid_authentication_data"),
    ("pin", CscActivation(), "pin", "missing"),
    ("otp", CscActivation(otp="000000"), "totp", "invalid_authentication_data"),
    ("pin-otp", CscActivation(PIN), "totp", "missing"),
])
def test_what_was_typed_is_wrong(
    world: CscWorld, pdf: bytes, name: str, typed: CscActivation, factor: str, code: str
) -> None:
    with pytest.raises(ActivationRefused) as caught:
        sign(world, pdf, signer(world, name, typed))
    assert (caught.value.factor, caught.value.backend_code) == (factor, code)
    assert world.vault.made == []
    assert SIGN not in world.log.endpoints


def test_an_act_that_failed_is_over(world: CscWorld, pdf: bytes) -> None:
    made = signer(world, typed=CscActivation("000000"))
    with pytest.raises(ActivationRefused):
        sign(world, pdf, made)
    with pytest.raises(ActivationRefused) as caught:
        sign(world, pdf, made)
    assert caught.value.backend_code == "spent"
    assert world.credential("pin").wrong_answers == 1


def test_a_locked_credential(world: CscWorld, pdf: bytes) -> None:
    world.credential("pin").locked = True
    with pytest.raises(SignerNotReady) as caught:
        sign(world, pdf, signer(world))
    assert caught.value.status == "locked"


@pytest.mark.parametrize("status", ["expired", "revoked", "suspended", "disabled"])
def test_a_credential_that_cannot_sign_is_told_before_the_act(world: CscWorld, status: str) -> None:
    if status == "disabled":
        world.credential("pin").enabled = False
    else:
        world.credential("pin").certificate_status = status
    with pytest.raises(SignerNotReady) as caught:
        signer(world)
    assert caught.value.status == status


@pytest.mark.parametrize("status", ["expired", "revoked", "suspended", "disabled"])
def test_a_credential_that_ends_during_the_act(world: CscWorld, pdf: bytes, status: str) -> None:
    made = signer(world)
    if status == "disabled":
        world.credential("pin").enabled = False
    else:
        world.credential("pin").certificate_status = status
    with pytest.raises(SignerNotReady) as caught:
        sign(world, pdf, made)
    assert caught.value.status == status


def test_a_key_that_signs_in_no_known_way(world: CscWorld) -> None:
    world.credential("pin").algorithms = ("1.3.101.112",)
    with pytest.raises(SignerNotReady) as caught:
        signer(world)
    assert caught.value.status == "algorithm"


def test_an_unknown_credential(world: CscWorld) -> None:
    with pytest.raises(BackendRefused) as caught:
        signer(world, "tidak-ada")
    assert caught.value.backend_code == "invalid_request"


def test_an_application_that_the_service_does_not_know(world: CscWorld) -> None:
    for config in (replace(world.config(), client_secret="tebakan-rahasia"),
                   CscConfig(world.simulator.base_url, bearer_token="tebakan-rahasia")):
        with pytest.raises(BackendRefused) as caught:
            signer(world, config=config)
        assert "tebakan" not in str(caught.value)


def test_an_access_token_that_ends_is_renewed_for_the_next_act(world: CscWorld, pdf: bytes) -> None:
    client = world.client()
    client.credentials()
    world.clock.advance(minutes=59, seconds=45)
    client.credentials()
    assert len(world.log.of("oauth2/token")) == 2  # renewed before its end
    world.simulator.access._tokens.clear()  # the service forgot
    with pytest.raises(BackendUnavailable):
        client.credentials()
    assert client.credentials()
