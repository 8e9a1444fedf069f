"""Wherever a call to BSrE breaks: at most one signature, none lost that is still kept, nothing believed unseen."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from certs.errors import SigningError
from certs.signers.bsre import (
    BsreResults,
)
from certs.signers.port import (
    BackendRefused,
    BackendUnavailable,
    OutcomeUnknown,
)
from svc.simulators.csc_faults import Fault, FaultKind
from tests.support.bsre import (
    NIK,
    PASSPHRASE,
    PASSWORD,
    SIGN,
    STATUS,
    V1,
    V2,
    BsreKeys,
    BsreWorld,
    bsre_world,
    chain_of,
    everything_kept,
    make_keys,
    page,
)
from tests.support.clock import FrozenClock
from tests.support.cutting_proxy import Cut, cutting_proxy
from tests.support.raw_server import answer, raw_server, read_request


@pytest.fixture(scope="module")
def keys() -> BsreKeys:
    return make_keys(FrozenClock())


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return page()


@pytest.fixture
def world(keys: BsreKeys, clock: FrozenClock) -> Iterator[BsreWorld]:
    with bsre_world(keys, clock) as made:
        yield made


@pytest.mark.parametrize("version", [V1, V2])
@pytest.mark.parametrize("cut", list(Cut))
def test_wherever_the_connection_breaks_there_is_at_most_one_signature(
        world: BsreWorld, pdf: bytes, version: str, cut: Cut) -> None:
    marker = f"/{SIGN[version]}"
    with cutting_proxy(world.simulator.base_url, cut, marker, STATUS[version]) as proxy:
        client = world.client(version, world.config(proxy.url))
        with pytest.raises(BackendUnavailable if cut is Cut.BEFORE_SENDING else OutcomeUnknown) as raised:
            world.signer(client).sign(pdf, world.request())
        assert proxy.seen == (0 if cut is Cut.BEFORE_SENDING else 1)
    was_made = cut not in {Cut.BEFORE_SENDING, Cut.WHILE_SENDING}
    assert len(world.desk.made) == (1 if was_made else 0)
    outcome = world.log.of(SIGN[version])[0].outcome
    assert outcome == ("not_sent" if cut is Cut.BEFORE_SENDING else "unknown")
    reference = raised.value.reference if isinstance(raised.value, OutcomeUnknown) else ""
    assert bool(reference) == (version == V1 and cut is Cut.WHILE_RECEIVING_BODY)
    again = BsreResults(world.client(version)).retrieve(reference)
    assert again == (world.desk.made[0] if reference else None)
    assert PASSPHRASE not in everything_kept(world) + chain_of(raised.value)
    assert len(world.desk.made) == (1 if was_made else 0)


def test_a_lost_result_can_be_had_once_and_only_if_it_is_kept(world: BsreWorld, pdf: bytes) -> None:
    world.simulator.faults.add(Fault(FaultKind.TRUNCATE, "api/sign/pdf"), times=2)
    with pytest.raises(OutcomeUnknown) as raised:
        world.signer(world.v1()).sign(pdf, world.request())
    results = BsreResults(world.v1())
    assert results.retrieve(raised.value.reference) == world.desk.made[0]
    assert results.retrieve(raised.value.reference) is None
    world.desk.keeps_results = False
    with pytest.raises(OutcomeUnknown) as lost:
        world.signer(world.v1()).sign(pdf, world.request())
    assert results.retrieve(lost.value.reference) is None
    assert results.retrieve("") is None
    world.simulator.stop()
    with pytest.raises(BackendUnavailable):
        results.retrieve(raised.value.reference)


@pytest.mark.parametrize("version", [V1, V2])
@pytest.mark.parametrize(("kind", "error", "made"), [
    (FaultKind.STATUS_BEFORE, OutcomeUnknown, 0),  # nobody can tell it from the next
    (FaultKind.STATUS_AFTER, OutcomeUnknown, 1),
    (FaultKind.DROP_BEFORE, OutcomeUnknown, 0),
    (FaultKind.DROP_AFTER, OutcomeUnknown, 1),
    (FaultKind.TRUNCATE, OutcomeUnknown, 1),
])
def test_faults_of_the_service(world: BsreWorld, pdf: bytes, version: str, kind: FaultKind,
                               error: type[SigningError], made: int) -> None:
    world.simulator.faults.add(Fault(kind, SIGN[version]))
    with pytest.raises(error):
        world.signer(world.client(version)).sign(pdf, world.request())
    assert len(world.desk.made) == made
    world.signer(world.client(version)).sign(pdf, world.request())  # the signer's new act
    assert len(world.desk.made) == made + 1


@pytest.mark.parametrize("version", [V1, V2])
@pytest.mark.parametrize(("status", "text"), [
    (504, "Error occurred while trying to proxy: gateway.invalid/api/sign/pdf"),
    (500, '{"message": "Read timed out executing POST http://core.invalid/sign/pdf"}'),
    (500, '{"message": "I/O error on POST request for /v2/totp: Read timed out"}'),
])
def test_words_of_a_proxy_after_the_work_are_no_refusal(
        world: BsreWorld, pdf: bytes, version: str, status: int, text: str) -> None:
    world.simulator.faults.add(Fault(FaultKind.STATUS_AFTER, SIGN[version], status=status, text=text))
    with pytest.raises(OutcomeUnknown):
        world.signer(world.client(version)).sign(pdf, world.request())
    assert len(world.desk.made) == 1


@pytest.mark.parametrize("version", [V1, V2])
def test_an_answer_after_the_deadline_is_unknown(world: BsreWorld, pdf: bytes, version: str) -> None:
    world.simulator.faults.add(Fault(FaultKind.DELAY, SIGN[version], seconds=1.2))
    with pytest.raises(OutcomeUnknown):
        world.signer(world.client(version, world.config(deadline=0.4))).sign(pdf, world.request())


@pytest.mark.parametrize("version", [V1, V2])
@pytest.mark.parametrize("kind", [FaultKind.STATUS_BEFORE, FaultKind.DROP_BEFORE, FaultKind.TRUNCATE])
def test_when_the_status_cannot_be_had_nothing_is_signed(
        world: BsreWorld, pdf: bytes, version: str, kind: FaultKind) -> None:
    world.simulator.faults.add(Fault(kind, STATUS[version][1:]))
    with pytest.raises(BackendUnavailable):
        world.signer(world.client(version)).sign(pdf, world.request())
    assert not world.log.of(SIGN[version])


OTHER = {"another document": "lain", "the document unsigned": "sama", "no PDF": "bukan"}


@pytest.mark.parametrize("what", OTHER)
def test_a_service_that_gives_back_something_else_is_not_believed(world: BsreWorld, pdf: bytes, what: str) -> None:
    other = world.signer(world.v2()).sign(page("Lain"), world.request()).pdf
    given = {"lain": other, "sama": pdf, "bukan": b"<html></html>"}[OTHER[what]]

    def behave(client) -> None:  # type: ignore[no-untyped-def]
        asked = read_request(client)
        if b"/status/" in asked.split(b"\r\n")[0]:
            client.sendall(answer(b'{"status_code": 1111, "status": "ISSUE"}'))
        else:
            client.sendall(answer(given, headers="Content-Type: application/pdf\r\nid_dokumen: abc"))

    with raw_server(behave) as server, pytest.raises((BackendRefused, OutcomeUnknown)) as raised:
        world.signer(world.v1(world.config(server.url))).sign(pdf, world.request())
    assert isinstance(raised.value, BackendRefused) == (what == "another document")
    if isinstance(raised.value, OutcomeUnknown):
        assert raised.value.reference == "abc"


@pytest.mark.parametrize("version", [V1, V2])
def test_a_service_that_repeats_what_it_was_told_puts_nothing_into_the_log(
        world: BsreWorld, pdf: bytes, version: str) -> None:
    told = f"NIK {NIK} dengan passphrase {PASSPHRASE} dari aplikasi {PASSWORD} tidak dilayani"

    def behave(client: socket.socket) -> None:
        asked = read_request(client).split(b"\r\n")[0]
        good = b'{"status_code": 1111, "status": "ISSUE"}'
        bad = answer(json.dumps({"error": told, "nik": NIK, "data": [PASSPHRASE]}).encode(), "400 Bad Request")
        client.sendall(answer(good) if b"status" in asked else bad)

    with raw_server(behave) as server, pytest.raises(BackendRefused) as raised:
        world.signer(world.client(version, world.config(server.url))).sign(pdf, world.request())
    kept = everything_kept(world) + chain_of(raised.value)
    assert "tidak dilayani" in kept
    assert not [secret for secret in (NIK, PASSPHRASE, PASSWORD) if secret in kept]
