"""Logins in a token: theirs alone who typed the PIN, for one act, and none left behind."""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from pkcs11 import Attribute, Mechanism, ObjectClass, TokenFlag

from certs import pades
from certs.ca import SignerSubject, issue_signer_certificate
from certs.signers.pkcs11 import (
    Pkcs11Config,
    Pkcs11Signer,
    build_csr,
    generate_key,
    import_certificate,
    list_keys,
)
from certs.signers.pkcs11_sessions import attempts_left, token_session
from certs.signers.port import ActivationRefused, BackendRefused, BackendUnavailable, SignerNotReady
from certs.validation import validate_pdf
from tests.support.softhsm import PIN, SoftHsm, soft_hsm
from tests.unit.certs.conftest import World

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(shutil.which("softhsm2-util") is None, reason="SoftHSM2 is not installed (Debian: softhsm2)"),
]
_count = iter(range(1000))
SUBJECT = SignerSubject("Contoh Kepala", "Provinsi Contoh")


@pytest.fixture(scope="module")
def hsm() -> SoftHsm:
    return soft_hsm()


@pytest.fixture
def token(hsm: SoftHsm) -> Pkcs11Config:
    """With one key, of the kind that is made fastest."""
    made = Pkcs11Config(hsm.module, hsm.make_token(f"sesi-{next(_count)}"))
    generate_key(made, PIN, "tte", "p256")
    return made


def certified(world: World, token: Pkcs11Config, label: str = "tte") -> x509.Certificate:
    request = x509.load_der_x509_csr(build_csr(token, PIN, label, "Contoh Kepala", "Provinsi Contoh"))
    assert request.is_signature_valid
    key = request.public_key()
    assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    return issue_signer_certificate(world.pki.issuing, SUBJECT, key, world.now)


def found(token: Pkcs11Config) -> Any:
    return pkcs11.lib(token.module).get_token(token_label=token.token)


def test_wrong_pins_leave_no_session_behind(hsm: SoftHsm, token: Pkcs11Config) -> None:
    list_keys(token, PIN)
    assert hsm.open_sessions(token.token) == 1
    for _ in range(20):
        with pytest.raises(ActivationRefused):
            list_keys(token, "999999")
    assert hsm.open_sessions(token.token) == 0


@pytest.mark.parametrize("nonsense", ["", "\udc80", "1", "9" * 4000, "24\x006813"])
def test_what_cannot_be_a_pin_is_a_wrong_one(token: Pkcs11Config, nonsense: str) -> None:
    with pytest.raises(ActivationRefused) as raised:
        list_keys(token, nonsense)
    assert raised.value.factor == "pin"
    assert list_keys(token, PIN)


def test_after_the_act_nobody_is_logged_in(token: Pkcs11Config) -> None:
    with found(token).open() as bystander:
        assert list_keys(token, PIN)
        assert list(bystander.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})) == []
        with pytest.raises(SignerNotReady), token_session(token, PIN) as session:
            session.get_key(object_class=ObjectClass.PRIVATE_KEY, label="tidak ada")
        assert list(bystander.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})) == []


def test_a_login_left_over_lets_no_wrong_pin_pass(token: Pkcs11Config) -> None:
    list_keys(token, PIN)
    left_over = found(token).open(user_pin=PIN)
    with pytest.raises(ActivationRefused):
        list_keys(token, "999999")
    assert list_keys(token, PIN)
    assert list(left_over.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})) == []
    left_over.close()


def test_a_token_without_a_pin_is_not_ready(hsm: SoftHsm) -> None:
    bare = Pkcs11Config(hsm.module, hsm.make_token_without_pin("belum-ada-pin"))
    with pytest.raises(SignerNotReady) as raised:
        list_keys(bare, PIN)
    assert raised.value.status == "UserPinNotInitialized"


@pytest.mark.parametrize(("flags", "left"), [
    (TokenFlag.TOKEN_INITIALIZED, None), (TokenFlag.USER_PIN_COUNT_LOW, None),
    (TokenFlag.USER_PIN_COUNT_LOW | TokenFlag.USER_PIN_FINAL_TRY, 1), (TokenFlag.USER_PIN_LOCKED, 0)])
def test_the_tokens_flags_say_how_many_tries_are_left(flags: TokenFlag, left: int | None) -> None:
    assert attempts_left(flags) == left


def test_another_key_under_the_label_makes_no_document(world: World, token: Pkcs11Config) -> None:
    generate_key(token, PIN, "lain", "p256")
    signer = Pkcs11Signer(token, "lain", PIN, certified(world, token), world.pki.chain)
    with pytest.raises(SignerNotReady) as raised:
        pades.lift(signer, world.tsa).sign(world.page, world.request())
    assert raised.value.status == "KEY_MISMATCH"


def test_a_key_that_asks_each_time_signs(world: World, token: Pkcs11Config) -> None:
    generate_key(token, PIN, "ketat", "rsa2048", asks_each_time=True)
    signer = Pkcs11Signer(token, "ketat", PIN, certified(world, token, "ketat"), world.pki.chain)
    signed = pades.lift(signer, world.tsa).sign(world.page, world.request())
    assert validate_pdf(signed.pdf, world.trust(), world.later).passed
    with token_session(token, PIN) as session:
        key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label="ketat")
        with pytest.raises(pkcs11.PKCS11Error):
            key.sign(b"data", mechanism=Mechanism.SHA256_RSA_PKCS)


def test_a_renewed_certificate_takes_the_place_of_the_old(world: World, token: Pkcs11Config) -> None:
    old = certified(world, token)
    import_certificate(token, PIN, "tte", old)
    assert list_keys(token, PIN)[0].chain == ()
    new = certified(world, token)
    for _ in range(2):
        import_certificate(token, PIN, "tte", new, world.pki.chain)
    (key,) = list_keys(token, PIN)
    assert (key.certificate, key.chain) == (new, world.pki.chain)
    with token_session(token, PIN) as session:
        assert len(list(session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}))) == 3


def test_whoever_waits_too_long_for_a_token_signs_nothing(token: Pkcs11Config) -> None:
    impatient = Pkcs11Config(token.module, token.token, wait=0.05)
    with token_session(token, PIN):
        with pytest.raises(BackendUnavailable) as raised:
            list_keys(impatient, PIN)
        assert raised.value.backend_code == "busy"
    assert list_keys(impatient, PIN)


def test_tokens_are_used_side_by_side_and_the_pool_is_bounded(hsm: SoftHsm, token: Pkcs11Config) -> None:
    other = Pkcs11Config(hsm.module, hsm.make_token(f"sesi-{next(_count)}"))
    generate_key(other, PIN, "tte", "p256")
    with ExitStack() as both:
        for one in (token, other):
            both.enter_context(token_session(one, PIN))
        with pytest.raises(BackendUnavailable):
            list_keys(Pkcs11Config(hsm.module, "yang ketiga", wait=0.05, pool_size=2), PIN)
    narrow = [Pkcs11Config(one.module, one.token, pool_size=1) for one in (token, other)]
    for one in narrow:
        assert list_keys(one, PIN)
    assert [hsm.open_sessions(one.token) for one in narrow] == [0, 1]


def test_labels_that_repeat_are_told_apart_by_serial_number(hsm: SoftHsm) -> None:
    for _ in range(2):
        hsm.make_token("kembar")
    with pytest.raises((BackendRefused, BackendUnavailable)):
        list_keys(Pkcs11Config(hsm.module, "kembar"), PIN)
    pkcs11.lib(hsm.module).reinitialize()
    with pytest.raises(BackendRefused):
        list_keys(Pkcs11Config(hsm.module, "kembar"), PIN)
    first, second = (one.serial.decode() for one in pkcs11.lib(hsm.module).get_tokens(token_label="kembar"))
    generate_key(Pkcs11Config(hsm.module, "kembar", serial=second), PIN, "tte", "p256")
    assert list_keys(Pkcs11Config(hsm.module, "kembar", serial=first), PIN) == ()
    assert len(list_keys(Pkcs11Config(hsm.module, "kembar", serial=second), PIN)) == 1


def test_a_module_that_was_restarted_underneath_is_no_obstacle(token: Pkcs11Config) -> None:
    assert list_keys(token, PIN)
    pkcs11.lib(token.module).reinitialize()
    assert list_keys(token, PIN)
    pkcs11.lib(token.module).finalize()
    assert list_keys(token, PIN)


def test_the_pin_is_in_no_error_and_no_log(token: Pkcs11Config, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ActivationRefused) as raised:
        list_keys(token, "864200975")
    chain: BaseException | None = raised.value
    while chain is not None:
        assert "864200975" not in f"{chain!r}{chain}"
        chain = chain.__cause__ or chain.__context__
    assert "864200975" not in caplog.text


# --- other processes -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Told:
    """By a child: what it signed, how many sessions it has on the token, and whether the token can hash."""

    signature: bytes
    sessions: int
    can_hash: bool


def _sign(hsm: SoftHsm, token: Pkcs11Config, certificate: bytes, configuration: str,
          queue: multiprocessing.Queue[Told]) -> None:
    os.environ["SOFTHSM2_CONF"] = configuration
    signer = Pkcs11Signer(token, "tte", PIN, x509.load_der_x509_certificate(certificate), ())
    signature = signer.sign_raw(b"data", "sha256")
    can_hash = Mechanism.SHA256_RSA_PKCS in found(token).slot.get_mechanisms()
    queue.put(Told(signature, hsm.open_sessions(token.token), can_hash))


@pytest.fixture(params=["fork", "spawn"])
def context(request: pytest.FixtureRequest) -> Any:
    return multiprocessing.get_context(request.param)


def in_a_process(context: Any, hsm: SoftHsm, token: Pkcs11Config, certificate: x509.Certificate,
                 configuration: Path) -> Told:
    queue = context.Queue()
    encoded = certificate.public_bytes(Encoding.DER)
    child = context.Process(target=_sign, args=(hsm, token, encoded, str(configuration), queue))
    child.start()
    told = queue.get(timeout=20)
    child.join(30)
    assert child.exitcode == 0
    assert isinstance(told, Told)
    return told


def test_a_child_signs_while_its_parent_is_at_the_token(
    world: World, hsm: SoftHsm, token: Pkcs11Config, context: Any
) -> None:
    certificate = certified(world, token)
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with token_session(token, PIN):
            holding.set()
            done.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert holding.wait(30)
    try:
        told = in_a_process(context, hsm, token, certificate, hsm.configuration())
    finally:
        done.set()
        holder.join()
    key.verify(told.signature, b"data", ec.ECDSA(SHA256()))
    assert told.sessions == 1  # its own, and not its parent's
    assert list_keys(token, PIN)


def test_a_token_that_cannot_hash_is_given_the_hash(world: World, hsm: SoftHsm) -> None:
    token = Pkcs11Config(hsm.module, hsm.make_token(f"sesi-{next(_count)}"))
    generate_key(token, PIN, "tte", "rsa2048")
    certificate = certified(world, token)
    poor = hsm.configuration("poor", "slots.mechanisms = CKM_RSA_PKCS\n")
    told = in_a_process(multiprocessing.get_context("spawn"), hsm, token, certificate, poor)
    assert not told.can_hash
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(told.signature, b"data", padding.PKCS1v15(), SHA256())
