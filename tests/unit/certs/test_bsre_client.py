"""Signing with BSrE: the clients of v1 and v2 against the simulator, over real HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from certs.pades import Level, SignatureBox
from certs.signers.bsre import (
    BsreActivation,
    BsreAppearance,
    BsreImage,
    BsreQr,
    BsreSigner,
    BsreSubject,
)
from certs.signers.bsre_model import STATUSES, BsreConfig
from certs.signers.port import (
    ActivationRefused,
    BackendRefused,
    SignerNotReady,
)
from svc.simulators.bsre_marks import draw_qr
from tests.support.bsre import (
    EMAIL,
    NIK,
    PASSPHRASE,
    PASSWORD,
    SIGN,
    V1,
    V2,
    BsreKeys,
    BsreWorld,
    bsre_world,
    chain_of,
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


BOX = SignatureBox(0, 50, 20, 200, 80)


@pytest.mark.parametrize("version", [V1, V2])
def test_what_comes_back_is_what_was_sent_with_one_signature_more(world: BsreWorld, pdf: bytes, version: str) -> None:
    signed = world.signer(world.client(version)).sign(pdf, world.request())
    assert signed.pdf.startswith(pdf)
    assert (signed.level, signed.sha256) == (Level.PKCS7_T, hashlib.sha256(signed.pdf).hexdigest())
    assert signed.field_name.startswith("sig_")
    report = world.desk.judge(signed.pdf)
    assert report.passed
    assert report.signatures[0].signer_name == "Pejabat Simulasi Pertama"
    assert world.desk.made == [signed.pdf]
    assert [call.endpoint.rsplit("/", 2)[-1] for call in world.log.calls][-1] == "pdf"
    assert [call.outcome for call in world.log.calls] == ["answered", "answered"]


@pytest.mark.parametrize("version", [V1, V2])
def test_a_second_signer_signs_what_the_first_signed(world: BsreWorld, pdf: bytes, version: str) -> None:
    client = world.client(version)
    first = world.signer(client).sign(pdf, world.request())
    second = world.signer(client, nik="0000000000000002").sign(first.pdf, world.request())
    assert [one.signer_name for one in world.desk.judge(second.pdf).signatures] == [
        "Pejabat Simulasi Pertama", "Pejabat Simulasi Kedua"]
    assert second.field_name != first.field_name


@pytest.mark.parametrize("version", [V1, V2])
@pytest.mark.parametrize("status", [one for one in STATUSES if one not in {"ISSUE", "NOT_REGISTERED"}])
def test_only_a_certificate_in_force_signs(world: BsreWorld, pdf: bytes, version: str, status: str) -> None:
    signer = world.signer(world.client(version), nik=world.nik_of(status))
    with pytest.raises(SignerNotReady) as raised:
        signer.sign(pdf, world.request())
    assert raised.value.status == status
    assert not world.log.of(SIGN[version])  # nothing typed was sent


@pytest.mark.parametrize("version", [V1, V2])
def test_who_is_not_known_cannot_sign(world: BsreWorld, pdf: bytes, version: str) -> None:
    with pytest.raises(SignerNotReady) as raised:
        world.signer(world.client(version), nik="0000000000009999").sign(pdf, world.request())
    assert raised.value.status == "NOT_REGISTERED"


@pytest.mark.parametrize("version", [V1, V2])
@pytest.mark.parametrize("in_text", [False, True])
def test_a_wrong_passphrase_is_tried_once(world: BsreWorld, pdf: bytes, version: str, in_text: bool) -> None:
    world.desk.number_in_text = in_text
    with pytest.raises(ActivationRefused) as raised:
        world.signer(world.client(version), passphrase="tebakan-yang-salah").sign(pdf, world.request())
    assert (raised.value.factor, raised.value.backend_code) == ("passphrase", "2031")
    assert len(world.log.of(SIGN[version])) == 1
    assert "tebakan-yang-salah" not in everything_kept(world) + chain_of(raised.value)


@pytest.mark.parametrize("version", [V1, V2])
def test_a_bad_pdf_is_refused_by_the_service(world: BsreWorld, version: str) -> None:
    with pytest.raises(BackendRefused) as raised:
        world.signer(world.client(version)).sign(b"%PDF-1.7 rusak", world.request())
    assert raised.value.backend_code == "PDF_INVALID"


@pytest.mark.parametrize("version", [V1, V2])
def test_another_applications_password_is_refused(world: BsreWorld, pdf: bytes, version: str) -> None:
    config = BsreConfig(world.simulator.base_url, "paraf", "kata-sandi-lain")
    with pytest.raises(BackendRefused) as raised:
        world.signer(world.client(version, config)).sign(pdf, world.request())
    assert raised.value.backend_code == "ACCESS_REFUSED"


def test_a_code_from_the_mail_signs_instead_of_a_passphrase(world: BsreWorld, pdf: bytes) -> None:
    client, subject = world.v2(), BsreSubject(email=EMAIL)
    client.request_totp(subject, 1)
    signed = BsreSigner(client, subject, BsreActivation(totp=world.mailed_code)).sign(pdf, world.request())
    assert world.desk.judge(signed.pdf).passed
    with pytest.raises(ActivationRefused) as raised:
        BsreSigner(client, subject, BsreActivation(totp=world.mailed_code)).sign(pdf, world.request())
    assert raised.value.factor == "totp"
    client.request_totp(subject, 1)
    world.clock.advance(minutes=6)
    with pytest.raises(ActivationRefused) as late:
        BsreSigner(client, subject, BsreActivation(totp=world.mailed_code)).sign(pdf, world.request())
    assert late.value.backend_code == "TOTP_EXPIRED"
    kept = everything_kept(world) + chain_of(late.value) + chain_of(raised.value)
    assert EMAIL not in kept
    assert world.mailed_code not in kept
    with pytest.raises(SignerNotReady):
        client.request_totp(BsreSubject(world.nik_of("REVOKE")), 1)


def test_nothing_secret_or_personal_is_kept(world: BsreWorld, pdf: bytes) -> None:
    signers = [world.signer(world.v1()), world.signer(world.v2())]
    for signer in signers:
        signer.sign(pdf, world.request())
    kept = everything_kept(world, *signers, *(vars(one) for one in signers), world.config())
    for secret in (PASSPHRASE, PASSWORD, NIK, "UGFyYW", "JVBERi0"):
        assert secret not in kept
    told = world.log.of("api/sign/pdf")[0].request
    assert told["nik"] == "…0001"
    assert told["passphrase"] == "[removed]"
    assert told["file"] == {"sha256": hashlib.sha256(pdf).hexdigest(), "size": len(pdf)}
    v2 = world.log.of("api/v2/sign/pdf")[0]
    assert v2.request["file"] == [{"sha256": hashlib.sha256(pdf).hexdigest(), "size": len(pdf)}]
    assert v2.answer["file"] == [{"sha256": hashlib.sha256(world.desk.made[1]).hexdigest(),
                                  "size": len(world.desk.made[1])}]


@pytest.mark.parametrize("version", [V1, V2])
def test_a_picture_stands_where_it_was_asked_for(world: BsreWorld, pdf: bytes, version: str) -> None:
    image = BsreAppearance(BsreImage(draw_qr("gambar")))
    signed = world.signer(world.client(version), appearance=image).sign(pdf, world.request(BOX))
    assert widget(signed.pdf) == [50, 20, 200, 80]
    assert world.desk.judge(signed.pdf).passed


@pytest.mark.parametrize("version", [V1, V2])
def test_two_pictures_on_one_document_leave_both_signatures_good(world: BsreWorld, pdf: bytes, version: str) -> None:
    image = BsreAppearance(BsreImage(draw_qr("gambar")))
    first = world.signer(world.client(version), appearance=image).sign(pdf, world.request(BOX)).pdf
    beside = SignatureBox(0, 250, 20, 400, 80)
    second = next(one for one in world.desk.users[1:] if one.status == "ISSUE").nik
    both = world.signer(world.client(version), nik=second, appearance=image).sign(first, world.request(beside)).pdf
    report = world.desk.judge(both)
    assert report.passed, report.explanation
    assert report.explained
    assert [one.pictures_on for one in report.signatures] == [(), (1,)]


def test_v1_draws_a_link_and_finds_a_mark(world: BsreWorld, pdf: bytes) -> None:
    qr = BsreQr("https://example.invalid/v/abc")
    at_box = world.signer(world.v1(), appearance=BsreAppearance(qr)).sign(pdf, world.request(BOX))
    assert widget(at_box.pdf) == [50, 20, 200, 80]
    at_mark = world.signer(world.v1(), appearance=BsreAppearance(qr, "#")).sign(pdf, world.request(BOX))
    left, bottom, right, top = widget(at_mark.pdf)
    assert (right - left, top - bottom) == (150, 60)
    assert bottom > 400
    with pytest.raises(BackendRefused):
        world.signer(world.v1(), appearance=BsreAppearance(qr, "$")).sign(pdf, world.request(BOX))
    with pytest.raises(BackendRefused):
        world.signer(world.v2(), appearance=BsreAppearance(qr)).sign(pdf, world.request(BOX))


def test_v2_finds_a_mark(world: BsreWorld, pdf: bytes) -> None:
    shows = BsreAppearance(BsreImage(draw_qr("gambar")), "#")
    assert widget(world.signer(world.v2(), appearance=shows).sign(pdf, world.request(BOX)).pdf)[1] > 400
