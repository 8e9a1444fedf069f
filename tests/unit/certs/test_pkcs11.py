"""Keys in a token: made there, certified, used with a PIN, and never seen outside."""

from __future__ import annotations

import multiprocessing
import shutil
from concurrent.futures import ThreadPoolExecutor

import pkcs11
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pkcs11 import Attribute, ObjectClass

from certs import pades
from certs.ca import SignerSubject, issue_signer_certificate
from certs.errors import KeyMismatch
from certs.signers.pkcs11 import (
    KeyKind,
    Pkcs11Config,
    Pkcs11Signer,
    build_csr,
    generate_key,
    import_certificate,
    list_keys,
)
from certs.signers.port import ActivationRefused, BackendRefused, BackendUnavailable, SignerNotReady
from certs.validation import validate_pdf
from tests.support.softhsm import PIN, soft_hsm
from tests.unit.certs.conftest import World

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(shutil.which("softhsm2-util") is None, reason="SoftHSM2 is not installed (Debian: softhsm2)"),
]
_count = iter(range(1000))


def config() -> Pkcs11Config:
    hsm = soft_hsm()
    return Pkcs11Config(hsm.module, hsm.make_token(f"token-{next(_count)}"))


def enrolled(world: World, kind: KeyKind = "rsa2048") -> tuple[Pkcs11Config, x509.Certificate]:
    """A token with a key, certified the way an authority does it: by request."""
    made = config()
    generate_key(made, PIN, "tte", kind)
    request = x509.load_der_x509_csr(build_csr(made, PIN, "tte", "Contoh Kepala", "Provinsi Contoh"))
    assert request.is_signature_valid
    key = request.public_key()
    assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    certificate = issue_signer_certificate(world.pki.issuing, SignerSubject("Contoh Kepala", "Provinsi Contoh"), key,
                                           world.now)
    import_certificate(made, PIN, "tte", certificate, world.pki.chain)
    return made, certificate


@pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384"])
def test_a_document_signed_in_the_token_is_valid(world: World, kind: KeyKind) -> None:
    made, certificate = enrolled(world, kind)
    (key,) = list_keys(made, PIN)
    assert (key.label, key.certificate, key.chain) == ("tte", certificate, world.pki.chain)
    signer = Pkcs11Signer(made, "tte", PIN, certificate, world.pki.chain)
    signed = pades.lift(signer, world.tsa).sign(world.page, world.request())
    report = validate_pdf(signed.pdf, world.trust(), world.later)
    assert report.passed, report.explanation
    assert report.signatures[0].serial == f"{certificate.serial_number:x}"
    assert PIN not in repr(signer)


def test_the_key_never_leaves_the_token(world: World) -> None:
    made, _ = enrolled(world)
    token = pkcs11.lib(made.module).get_token(token_label=made.token)
    with token.open(user_pin=PIN) as session:
        key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label="tte")
        assert (key[Attribute.SENSITIVE], key[Attribute.EXTRACTABLE]) == (True, False)
        with pytest.raises(pkcs11.AttributeSensitive):
            _ = key[Attribute.PRIVATE_EXPONENT]


def test_a_wrong_pin_signs_nothing_and_a_locked_one_says_so(world: World) -> None:
    made, certificate = enrolled(world)
    signer = Pkcs11Signer(made, "tte", "000000", certificate, world.pki.chain)
    with pytest.raises(ActivationRefused) as raised:
        pades.lift(signer, world.tsa).sign(world.page, world.request())
    assert raised.value.factor == "pin"
    assert "000000" not in str(raised.value)
    right = Pkcs11Signer(made, "tte", PIN, certificate, world.pki.chain)
    assert pades.lift(right, world.tsa).sign(world.page, world.request()).pdf


def test_what_is_not_there_is_told_apart(world: World) -> None:
    made, certificate = enrolled(world)
    gone = Pkcs11Config(made.module, "tidak ada")
    with pytest.raises(BackendUnavailable):
        Pkcs11Signer(gone, "tte", PIN, certificate, ()).sign_raw(b"x", "sha256")
    with pytest.raises(BackendUnavailable):
        Pkcs11Signer(Pkcs11Config("/nowhere.so", "x"), "tte", PIN, certificate, ()).sign_raw(b"x", "sha256")
    with pytest.raises(SignerNotReady):
        Pkcs11Signer(made, "lain", PIN, certificate, ()).sign_raw(b"x", "sha256")
    with pytest.raises(BackendRefused):
        generate_key(made, PIN, "tte")
    with pytest.raises(KeyMismatch):
        import_certificate(made, PIN, "tte", world.certificate)


def test_acts_on_one_token_stand_in_line(world: World) -> None:
    made, certificate = enrolled(world)

    def act(_: int) -> bool:
        signer = Pkcs11Signer(made, "tte", PIN, certificate, world.pki.chain)
        return validate_pdf(pades.lift(signer, world.tsa).sign(world.page, world.request()).pdf, world.trust(),
                            world.later).passed

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(act, range(8))) == [True] * 8


def _sign_in_child(made: Pkcs11Config, pem: bytes, queue: multiprocessing.Queue[int]) -> None:
    certificate = x509.load_pem_x509_certificate(pem)
    queue.put(len(Pkcs11Signer(made, "tte", PIN, certificate, ()).sign_raw(b"data", "sha256")))


def test_a_forked_process_can_sign_too(world: World) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    made, certificate = enrolled(world)
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.Queue[int] = context.Queue()
    child = context.Process(target=_sign_in_child, args=(made, certificate.public_bytes(Encoding.PEM), queue))
    child.start()
    assert queue.get(timeout=60) == 256
    child.join(30)
    assert child.exitcode == 0
