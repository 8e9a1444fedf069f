"""Several files at once, seals, verification and the smaller calls of BSrE's service."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO

import pikepdf
import pytest

from certs.pades import SignedDocument
from certs.signers.bsre import (
    BsreActivation,
    BsreQr,
    BsreSigner,
    BsreSubject,
    BsreV2Client,
)
from certs.signers.bsre_model import BsreBox, BsreProperties, BsreTag
from certs.signers.http import HttpCaller, HttpConfig
from certs.signers.port import (
    ActivationRefused,
    BackendRefused,
    BackendUnavailable,
    OutcomeUnknown,
)
from svc.simulators.bsre_people import SEAL_ID
from svc.simulators.csc_faults import Fault, FaultKind
from tests.support.bsre import (
    EMAIL,
    NIK,
    PASSPHRASE,
    SIGN,
    STATUS,
    V1,
    V2,
    BsreKeys,
    BsreWorld,
    bsre_world,
    everything_kept,
    make_keys,
    page,
    widget,
)
from tests.support.clock import FrozenClock


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


@pytest.mark.parametrize(("version", "calls"), [(V1, 3), (V2, 1)])
def test_several_files_with_one_act(world: BsreWorld, version: str, calls: int) -> None:
    pdfs = [page(f"Nomor {number}") for number in range(3)]
    results = world.signer(world.client(version)).sign_many(pdfs, world.request())
    assert [isinstance(one, SignedDocument) and one.pdf.startswith(pdf)
            for one, pdf in zip(results, pdfs, strict=True)] == [True] * 3
    assert len(world.log.of(SIGN[version])) == calls
    assert len(world.log.of(STATUS[version])) == 1


def test_v2_takes_at_most_25_files_a_call(world: BsreWorld, pdf: bytes) -> None:
    results = world.signer(world.v2()).sign_many([pdf] * 27, world.request())
    assert all(isinstance(one, SignedDocument) for one in results)
    assert [len(call.request["file"]) for call in world.log.of("v2/sign/pdf")] == [25, 2]  # type: ignore[arg-type]


def with_ballast(pdf: bytes, size: int) -> bytes:
    with pikepdf.open(BytesIO(pdf)) as document:
        document.Root.Ballast = document.make_stream(os.urandom(size))
        output = BytesIO()
        document.save(output)
        return output.getvalue()


def test_v2_takes_at_most_20_megabytes_a_call(world: BsreWorld, pdf: bytes) -> None:
    large = [with_ballast(pdf, 8 * 1024 * 1024) for _ in range(3)]
    world.signer(world.v2()).sign_many(large, world.request())
    assert [len(call.request["file"]) for call in world.log.of("v2/sign/pdf")] == [2, 1]  # type: ignore[arg-type]


@pytest.mark.parametrize("version", [V1, V2])
def test_a_wrong_passphrase_ends_the_whole_act(world: BsreWorld, pdf: bytes, version: str) -> None:
    signer = world.signer(world.client(version), passphrase="tebakan-yang-salah")
    results = signer.sign_many([pdf] * 26, world.request())
    assert {type(one) for one in results} == {ActivationRefused}
    assert len(world.log.of(SIGN[version])) == 1


def test_after_an_unknown_outcome_nothing_more_is_sent(world: BsreWorld, pdf: bytes) -> None:
    world.simulator.faults.add(Fault(FaultKind.DROP_AFTER, "api/v2/sign/pdf"))
    results = world.signer(world.v2()).sign_many([pdf] * 26, world.request())
    assert [type(one) for one in results] == [OutcomeUnknown] * 25 + [BackendUnavailable]
    assert len(world.desk.made) == 25


def test_one_bad_file_spoils_its_call_alone(world: BsreWorld, pdf: bytes) -> None:
    results = world.signer(world.v1()).sign_many([pdf, b"%PDF-1.7 rusak", pdf], world.request())
    assert [type(one) for one in results] == [SignedDocument, BackendRefused, SignedDocument]
    spoilt = world.signer(world.v2()).sign_many([pdf] * 24 + [b"%PDF-1.7 rusak", pdf], world.request())
    assert [type(one) for one in spoilt] == [BackendRefused] * 25 + [SignedDocument]


def test_a_seal_from_activation_to_sealed_files(world: BsreWorld, pdf: bytes) -> None:
    client = world.v2()
    assert client.seal_activation(SEAL_ID) is None
    activation = world.mailed_code
    known = client.seal_activation(SEAL_ID, activation)
    assert known is not None
    assert (known.totp, known.message) == (activation, "TOTP Aktivasi masih berlaku")
    with pytest.raises(ActivationRefused):
        client.seal_totp(SEAL_ID, "salah", 2)
    code = client.seal_totp(SEAL_ID, activation, 2)
    sealed = client.seal_pdf([pdf, pdf], SEAL_ID, code.totp, [BsreProperties(reason="Segel")])
    assert [world.desk.judge(one).passed for one in sealed] == [True, True]
    with pytest.raises(ActivationRefused):
        client.seal_pdf([pdf], SEAL_ID, code.totp, [BsreProperties()])  # used up
    client.seal_revoke(SEAL_ID, activation)
    with pytest.raises(ActivationRefused):
        client.seal_totp(SEAL_ID, activation, 1)
    kept = everything_kept(world, known, code)
    assert not [secret for secret in (activation, code.totp, SEAL_ID) if secret in kept]


def test_verification_in_types(world: BsreWorld, pdf: bytes) -> None:
    signed = world.signer(world.v1()).sign(pdf, world.request()).pdf
    v1 = world.v1().verify(signed)
    assert (v1.is_valid, v1.count, v1.signatures[0].uses_tsa, v1.signatures[0].integrity) == (True, 1, True, True)
    assert not world.v1().verify(signed.replace(b"%PDF-1.7", b"%PDF-1.6")).is_valid
    assert world.v1().verify(pdf).summary == ""
    v2 = world.v2().verify(signed)
    one = v2.signatures[0]
    assert (v2.conclusion, v2.count, one.format, one.integrity, one.is_last) == (
        "TOTAL_PASSED", 1, "PKCS7-T", True, True)
    assert one.timestamp is not None
    assert one.timestamp.signer == "Simulasi TSA"
    assert one.certificates[0].algorithm == "SHA256withRSA"
    assert world.v2().verify(pdf).conclusion == "NO_SIGNATURE"


def test_profile_chain_and_registration(world: BsreWorld) -> None:
    assert world.v1().user_profile(BsreSubject(NIK)).get("nama") == "Pejabat Simulasi Pertama"
    chain = world.v2().certificate_chain(BsreSubject(NIK))
    assert chain[0] == world.desk.users[0].key.certificate  # type: ignore[union-attr]
    assert len(chain) == 3
    assert "berhasil" in world.v2().register("Pejabat Baru", "baru@simulasi.invalid")
    assert world.v2().user_status(BsreSubject(email="baru@simulasi.invalid")).status == "NEW"
    with pytest.raises(BackendRefused):
        world.v2().register("Pejabat Baru", "baru@simulasi.invalid")


def test_sizes_can_be_sizes_in_v1(world: BsreWorld, pdf: bytes) -> None:
    client = world.v1(world.config(corner_sizes=False))
    properties = BsreProperties(BsreQr("https://example.invalid"), BsreBox(1, 10, 10, 100, 90))
    signed = client.sign_pdf(pdf, BsreSubject(NIK), BsreActivation(PASSPHRASE), properties)
    assert widget(signed.pdf) == [10, 10, 100, 90]  # the simulator takes them for a corner


def test_what_cannot_be_meant_is_refused_before_anything_is_sent(world: BsreWorld, pdf: bytes) -> None:
    for make in (
        BsreSubject, lambda: BsreSubject(NIK, EMAIL), lambda: BsreSubject("123"),
        BsreActivation, lambda: BsreActivation("a", "b"),
        lambda: BsreProperties(BsreQr("x")),
        lambda: BsreSigner(world.v1(), BsreSubject(NIK), BsreActivation(totp="123456")),
        lambda: BsreSigner(world.v1(), BsreSubject(email=EMAIL), BsreActivation("a")),
        lambda: world.v2().sign_pdf([pdf] * 3, BsreSubject(NIK), BsreActivation("a"), [BsreProperties()] * 2),
    ):
        with pytest.raises(ValueError, match=r".+"):
            make()
    with pytest.raises(BackendRefused):
        world.signer(world.v1()).sign(b"bukan PDF", world.request())
    assert world.log.calls == []
    assert BsreTag("[qr_bsre]", 1, 1).mark == "[qr_bsre]"


def test_a_service_that_keeps_failing_is_left_alone(world: BsreWorld, pdf: bytes) -> None:
    world.simulator.faults.add(Fault(FaultKind.STATUS_BEFORE, "api/v2/user/check/status"), times=2)
    client = BsreV2Client(world.config(), HttpCaller("bsre", HttpConfig(fail_max=2, reset_after=60), world.log))
    for _ in range(3):
        with pytest.raises(BackendUnavailable):
            world.signer(client).sign(pdf, world.request())
    assert [call.outcome for call in world.log.calls] == ["answered", "answered", "not_sent"]
