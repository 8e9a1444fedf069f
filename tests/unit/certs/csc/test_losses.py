"""What goes wrong beyond the connection to a CSC service: nothing is signed twice, and nothing secret is told."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from certs.errors import LevelUnsupported
from certs.pades import Level, lift
from certs.signers.csc import CscActivation, CscSigner
from certs.signers.csc_answers import failure, loggable
from certs.signers.port import (
    ActivationRefused,
    BackendRefused,
    BackendUnavailable,
    OutcomeUnknown,
)
from svc.simulators.csc_faults import Fault, FaultKind
from tests.support.csc import PIN, CscWorld, KeepingLog, make_keys
from tests.support.cutting_proxy import Cut, cutting_proxy
from tests.unit.certs.csc.conftest import AUTHORIZE, SIGN, TYPED, ensure_passes, sign, signer


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
