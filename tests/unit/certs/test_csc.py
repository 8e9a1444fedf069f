"""Signing through a CSC service: the simulator at the other end of a real connection."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from certs.errors import DocumentUnsignable, LevelUnsupported, SigningError, TimestampUnavailable
from certs.pades import Level, SignedDocument, lift
from certs.signers import csc
from certs.signers.csc import CscActivation, CscConfig, CscSigner
from certs.signers.csc_answers import failure, loggable
from certs.signers.port import (
    ActivationRefused,
    BackendRefused,
    BackendUnavailable,
    OutcomeUnknown,
    SignerNotReady,
)
from certs.validation import validate_pdf
from svc.simulators.csc_faults import Fault, FaultKind
from tests.support.clock import FrozenClock
from tests.support.csc import PIN, CscKeys, CscWorld, KeepingLog, csc_world, make_keys, page
from tests.support.cutting_proxy import Cut, cutting_proxy

SIGN, AUTHORIZE = "signatures/signHash", "credentials/authorize"
TYPED = CscActivation(pin=PIN)


@pytest.fixture(scope="module")
def keys() -> CscKeys:
    return make_keys(FrozenClock())


@pytest.fixture
def world(keys: CscKeys) -> Iterator[CscWorld]:
    with csc_world(keys, FrozenClock()) as made:
        yield made


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return page()


def signer(world: CscWorld, name: str = "pin", typed: CscActivation = TYPED, documents: int = 1,
           config: CscConfig | None = None) -> CscSigner:
    client = world.client(config)
    return CscSigner(client, client.credential(name), typed, documents)


def sign(world: CscWorld, pdf: bytes, made: CscSigner) -> SignedDocument:
    return lift(made, world.tsa).sign(pdf, world.request())


def ensure_passes(world: CscWorld, signed: SignedDocument) -> None:
    report = validate_pdf(signed.pdf, world.trust(), world.clock.now())
    assert report.passed, report
    assert report.signatures[0].level == "B-T"


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


def test_a_sad_that_is_over_is_not_sent(world: CscWorld) -> None:
    client = world.client()
    info = client.credential("pin")
    sad = client.authorize(info, [b"\0" * 32], 1, TYPED)
    world.clock.advance(minutes=5)
    with pytest.raises(ActivationRefused) as caught:
        client.sign_hashes(info, sad, [b"\0" * 32])
    assert (caught.value.factor, caught.value.backend_code) == ("sad", "expired")
    assert SIGN not in world.log.endpoints


def test_a_sad_for_other_hashes_signs_nothing(world: CscWorld) -> None:
    client = world.client()
    info = client.credential("pin")
    sad = client.authorize(info, [b"\0" * 32], 1, TYPED)
    with pytest.raises(ActivationRefused) as caught:
        client.sign_hashes(info, sad, [b"\1" * 32])
    assert caught.value.factor == "sad"
    assert world.vault.made == []


def test_signatures_of_another_key_are_refused(world: CscWorld, pdf: bytes) -> None:
    made = signer(world)
    world.credential("pin").key = make_keys(world.clock).rsa_key
    with pytest.raises(BackendRefused):
        sign(world, pdf, made)


def test_higher_levels_are_not_made_here(world: CscWorld, pdf: bytes) -> None:
    with pytest.raises(LevelUnsupported):
        lift(signer(world), world.tsa).sign(pdf, replace(world.request(), level=Level.B_LT))
    assert AUTHORIZE not in world.log.endpoints


# --- failures of the way -------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", list(FaultKind))
@pytest.mark.parametrize("endpoint", ["credentials/info", AUTHORIZE])
def test_before_signing_every_failure_means_not_signed(
    world: CscWorld, pdf: bytes, kind: FaultKind, endpoint: str
) -> None:
    info = world.client().credential("pin")
    hasty = world.client(replace(world.config(), deadline=0.5))
    world.simulator.faults.add(Fault(kind, endpoint, seconds=1.0, status=500))
    with pytest.raises(BackendUnavailable):
        sign(world, pdf, CscSigner(hasty, info if endpoint == AUTHORIZE else hasty.credential("pin"), TYPED))
    assert world.vault.made == []
    assert SIGN not in world.log.endpoints


@pytest.mark.parametrize(("fault", "made"), [
    (Fault(FaultKind.DELAY, SIGN, seconds=1.0), 1),
    (Fault(FaultKind.DROP_BEFORE, SIGN), 0),
    (Fault(FaultKind.DROP_AFTER, SIGN), 1),
    (Fault(FaultKind.STATUS_BEFORE, SIGN, status=500), 0),
    (Fault(FaultKind.STATUS_AFTER, SIGN, status=502), 1),
    (Fault(FaultKind.STATUS_AFTER, SIGN, status=503), 1),  # of something in front of the service
    (Fault(FaultKind.STATUS_AFTER, SIGN, status=202), 1),
    (Fault(FaultKind.STATUS_AFTER, SIGN, status=204, text=""), 1),
    (Fault(FaultKind.STATUS_AFTER, SIGN, status=200, text='{"signatures": []}'), 1),
    (Fault(FaultKind.STATUS_AFTER, SIGN, status=200, text='{"signatures": ["tidak terbaca"]}'), 1),
    (Fault(FaultKind.TRUNCATE, SIGN), 1),
], ids=lambda one: f"{one.kind.value} {one.status}" if isinstance(one, Fault) else "")
def test_after_the_request_left_the_outcome_is_unknown(
    world: CscWorld, pdf: bytes, fault: Fault, made: int
) -> None:
    act = signer(world, config=world.config(sign_deadline=0.5))
    world.simulator.faults.add(fault)
    with pytest.raises(OutcomeUnknown):
        sign(world, pdf, act)
    assert len(world.log.of(SIGN)) == 1  # not tried again
    with pytest.raises(ActivationRefused):
        sign(world, pdf, act)  # nor by the same act
    deadline = time.monotonic() + 5
    while len(world.vault.made) < made and time.monotonic() < deadline:
        time.sleep(0.02)  # a delayed call ends after its caller gave up
    assert len(world.vault.made) == made


def test_a_busy_service_has_signed_nothing(world: CscWorld, pdf: bytes) -> None:
    act = signer(world)
    busy = '{"error": "temporarily_unavailable"}'
    world.simulator.faults.add(Fault(FaultKind.STATUS_BEFORE, SIGN, status=503, text=busy))
    with pytest.raises(BackendUnavailable):
        sign(world, pdf, act)
    ensure_passes(world, sign(world, pdf, signer(world)))  # a new act


def test_a_service_that_is_not_there(world: CscWorld) -> None:
    config = world.config()
    world.simulator.stop()
    with pytest.raises(BackendUnavailable):
        world.client(config).credential("pin")


def test_a_service_that_keeps_failing_is_left_alone(world: CscWorld) -> None:
    client = world.client()
    client.credentials()
    world.simulator.faults.add(Fault(FaultKind.STATUS_BEFORE, "credentials/list", status=503), times=9)
    for _ in range(6):
        with pytest.raises(BackendUnavailable):
            client.credentials()
    assert [(call.status, call.outcome) for call in world.log.of("credentials/list")[1:]] == [
        (503, "answered")] * 5 + [(0, "not_sent")]


def test_each_act_has_its_log_and_all_share_the_access_token(world: CscWorld) -> None:
    first, second = KeepingLog(), KeepingLog()
    client = world.client()
    client.logging_to(first).credentials()
    client.logging_to(second).credentials()
    assert first.endpoints == ["oauth2/token", "credentials/list"]
    assert second.endpoints == ["credentials/list"]
    assert world.log.calls == []


@pytest.mark.parametrize("cut", list(Cut))
def test_a_connection_cut_at_each_boundary(world: CscWorld, pdf: bytes, cut: Cut) -> None:
    """However the line breaks, at most one signature is made, none without a new act, and a new act succeeds."""
    with cutting_proxy(world.simulator.base_url, cut, SIGN, AUTHORIZE) as proxy:
        act = signer(world, config=world.config(proxy.url))
        expected = BackendUnavailable if cut is Cut.BEFORE_SENDING else OutcomeUnknown
        with pytest.raises(expected):
            sign(world, pdf, act)
        with pytest.raises(ActivationRefused):
            sign(world, pdf, act)
        assert proxy.seen == (0 if cut is Cut.BEFORE_SENDING else 1)
    before = 0 if cut in {Cut.BEFORE_SENDING, Cut.WHILE_SENDING} else 1
    assert len(world.vault.made) == before
    ensure_passes(world, sign(world, pdf, signer(world)))
    assert len(world.vault.made) == before + 1


# --- secrets -------------------------------------------------------------------------------------------
def test_nothing_secret_is_printed_or_logged(
    world: CscWorld, pdf: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    client = world.client()
    info = client.credential("pin-otp")
    client.send_otp(info)
    typed = CscActivation(PIN, world.vault.sent_codes["pin-otp"])
    act = CscSigner(client, info, typed)
    sign(world, pdf, act)
    wrong = CscActivation("314159", "161803")
    with pytest.raises(ActivationRefused) as caught:
        sign(world, pdf, CscSigner(client, info, wrong))
    sads = list(world.vault._activations)
    assert sads
    secrets = [PIN, typed.otp, wrong.pin, wrong.otp, *sads, *world.simulator.access._tokens,
               world.simulator.access.client_secret]
    shown = " ".join([repr(typed), repr(act), repr(act._act), repr(client), repr(client.config), repr(caught.value),
                      repr(world.log.calls), caplog.text])
    assert [one for one in secrets if one in shown] == []
    [last] = world.log.of(AUTHORIZE)[-1:]
    assert last.answer == {"error": "invalid_authentication_data",
                           "error_description": "The authentication data is invalid"}
    assert (last.status, last.outcome) == (400, "answered")


def test_a_service_that_echoes_what_was_typed_gives_nothing_away() -> None:
    body = b'{"error": "invalid_pin", "error_description": "PIN 314159 is wrong, try again", "SAD": "s-a-d"}'
    error = failure(400, body, "pin", False, ("314159", ""))
    assert isinstance(error, ActivationRefused)
    assert str(error) == "the signing service answered 400: PIN *** is wrong, try again"
    assert loggable(body, ("314159",)) == {
        "error": "invalid_pin", "error_description": "PIN *** is wrong, try again"}


def test_what_a_client_passes_on_is_blotted_out_of_errors(world: CscWorld, pdf: bytes) -> None:
    """A PIN that is a word of the service's own answer shows that the client hands over what to blot out."""
    act = signer(world, typed=CscActivation("authentication"))
    with pytest.raises(ActivationRefused) as caught:
        sign(world, pdf, act)
    assert str(caught.value) == "the signing service answered 400: The *** data is invalid"
