"""Every real backend of the signer port, behind one shape, for one contract and one matrix.

One authority stands behind all, so that one trust judges what they make. A backend here is made for one test: keys
that are slow to make are shared, tokens and servers are its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pkcs11
import typst
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from certs import ca, pades, vault
from certs.errors import CertsError, WrongPassphrase
from certs.pades import Level, LocalSigner, SignatureBox, SignRequest
from certs.signers.csc import CscActivation, CscDocuments, CscSigner
from certs.signers.pkcs11 import Pkcs11Config, Pkcs11Signer, build_csr, generate_key, import_certificate, list_keys
from certs.signers.port import ActivationRefused, DocumentSigner, HashSigner
from certs.trust import TrustStore
from certs.tsa import TimeStampAuthority
from svc.simulators.csc_faults import Fault, FaultKind
from tests.support import bsre, csc
from tests.support.clock import FrozenClock
from tests.support.softhsm import PIN, soft_hsm

SECRET, WRONG_SECRET = "kalimat-sandi-yang-benar", "kalimat-sandi-yang-keliru"
WRONG_PIN = "86420975"
SUBJECT = ca.SignerSubject("Contoh Penanda Tangan", "Pemerintah Provinsi Nusa Mandala")
SERVER_KEY = bytes(range(32))

# kind of backend, and what of: the key's kind, or the version of the service
VARIANTS = ("stored-rsa2048", "stored-p256", "pkcs12-rsa2048", "pkcs12-p384", "pkcs11-rsa2048", "pkcs11-p256",
            "pkcs11-p384", "csc-rsa2048", "csc-p256", "bsre-v1", "bsre-v2")
NEEDS_TOKEN = frozenset(name for name in VARIANTS if name.startswith("pkcs11-"))

_count = iter(range(100_000))


@dataclass(frozen=True)
class PortKeys:
    """Slow to make, so made once; the clock stands still for all."""

    authority: ca.DevelopmentPki
    clock: FrozenClock
    rsa_key: rsa.RSAPrivateKey = field(default_factory=ca.generate_signer_key, repr=False)
    p256: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False)
    p384: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP384R1()), repr=False)

    def key(self, kind: str) -> vault.PrivateKey:
        known: dict[str, vault.PrivateKey] = {"rsa2048": self.rsa_key, "p256": self.p256, "p384": self.p384}
        return known[kind]

    def certify(self, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> x509.Certificate:
        return ca.issue_signer_certificate(
            self.authority.issuing, SUBJECT, key, self.clock.now() - timedelta(minutes=5))

    @property
    def tsa(self) -> TimeStampAuthority:
        unit = self.authority.tsa
        return TimeStampAuthority(unit.certificate, unit.key, (self.authority.root.certificate,))

    @property
    def soon(self) -> datetime:
        """Ten minutes after signing, when there is a newer revocation list."""
        return self.clock.now() + timedelta(minutes=10)

    def trust(self) -> TrustStore:
        """What is known by then."""
        crl = ca.build_crl(self.authority.issuing, (), self.soon, self.soon + timedelta(days=1))
        return self.authority.trust_store([crl])

    def request(self, level: Level = Level.B_T, box: SignatureBox | None = None, *,
                certify: bool = True) -> SignRequest:
        return SignRequest(self.clock.now(), SUBJECT.common_name, reason="Menandatangani", box=box, certify=certify,
                           level=level)


@dataclass(frozen=True)
class Backend:
    """One backend with one signer's key in it.

    ``signer`` makes a signer for one act of what was typed, ``many`` one for a batch, whose backend takes three
    documents a call if it takes several. ``hash_signer`` is None where whole documents are signed. ``refusal`` is
    what a wrong secret ends in: keys kept here do not even open. ``new_secret`` changes the secret at the backend
    (None: what is opened stays open); ``tries`` counts how often one was shown there. ``go_away`` takes the backend
    down (None: it is here). ``lose`` has the answer to the next request for signatures lost (None: nothing can be).
    ``made`` counts what a remote service signed; ``kept`` is what its request log holds.
    """

    name: str
    secret: str = field(repr=False)
    wrong_secret: str = field(repr=False)
    signer: Callable[[str], DocumentSigner]
    hash_signer: Callable[[str], HashSigner] | None = None
    refusal: type[CertsError] = ActivationRefused
    go_away: Callable[[], None] | None = None
    made: Callable[[], int] = lambda: 0
    kept: Callable[[], str] = lambda: ""
    many: Callable[[str], DocumentSigner] | None = None
    new_secret: Callable[[], None] | None = None
    tries: Callable[[], int] = lambda: 0
    lose: Callable[[], None] | None = None

    def for_many(self, secret: str) -> DocumentSigner:
        return (self.many or self.signer)(secret)

    @property
    def levels(self) -> tuple[Level, ...]:
        """What it makes or what is reached from there; BSrE's are plain CMS signatures, always time-stamped."""
        if self.hash_signer is None:
            return (Level.PKCS7_T, Level.PKCS7_LT, Level.PKCS7_LTA)
        return (Level.B_B, Level.B_T, Level.B_LT, Level.B_LTA)


def make_keys(clock: FrozenClock) -> PortKeys:
    return PortKeys(ca.create_development_pki("Otoritas Contoh", clock.now() - timedelta(hours=1)), clock)


def page() -> bytes:
    """A page to sign."""
    return typst.compile(b"= Keputusan Contoh\n#lorem(40)", format="pdf", pdf_standards=["a-2b"])


@contextmanager
def open_backend(variant: str, keys: PortKeys) -> Iterator[Backend]:
    """A fresh backend, gone at the end."""
    kind, _, detail = variant.partition("-")
    with _OPENERS[kind](variant, detail, keys) as backend:
        yield backend


def _of_hashes(name: str, keys: PortKeys, secrets: tuple[str, str], hash_signer: Callable[[str], HashSigner],
               refusal: type[CertsError] = ActivationRefused, go_away: Callable[[], None] | None = None,
               made: Callable[[], int] = lambda: 0, kept: Callable[[], str] = lambda: "") -> Backend:
    def lifted(secret: str) -> DocumentSigner:
        return pades.lift(hash_signer(secret), keys.tsa)

    return Backend(name, *secrets, lifted, hash_signer, refusal, go_away, made, kept)


@contextmanager
def _stored(name: str, kind: str, keys: PortKeys) -> Iterator[Backend]:
    """A key in the vault, opened by its passphrase."""
    certificate = keys.certify(keys.key(kind).public_key())
    envelope = vault.seal_key(keys.key(kind), SECRET, SERVER_KEY, "orang", "kunci")

    def opened(secret: str) -> HashSigner:
        key = vault.open_key(envelope, secret, SERVER_KEY, "orang", "kunci")
        return LocalSigner(certificate, key, keys.authority.chain)

    yield _of_hashes(name, keys, (SECRET, WRONG_SECRET), opened, WrongPassphrase)


@contextmanager
def _pkcs12(name: str, kind: str, keys: PortKeys) -> Iterator[Backend]:
    """A PKCS#12 file, as an official brings it."""
    key = keys.key(kind)
    data = pkcs12.serialize_key_and_certificates(
        b"contoh", key, keys.certify(key.public_key()), list(keys.authority.chain),
        BestAvailableEncryption(SECRET.encode()))

    def opened(secret: str) -> HashSigner:
        content = vault.read_pkcs12(data, secret)
        return LocalSigner(content.certificate, content.key, content.chain)

    yield _of_hashes(name, keys, (SECRET, WRONG_SECRET), opened, WrongPassphrase)


@contextmanager
def _pkcs11(name: str, kind: str, keys: PortKeys) -> Iterator[Backend]:
    """A key made in a SoftHSM token, certified by request; certificate and chain are read from the token."""
    hsm = soft_hsm()
    token = Pkcs11Config(hsm.module, hsm.make_token(f"kontrak-{next(_count)}"))
    generate_key(token, PIN, "tte", kind)  # type: ignore[arg-type]  # a kind is a word here
    public = x509.load_der_x509_csr(build_csr(token, PIN, "tte", SUBJECT.common_name, "Contoh")).public_key()
    assert isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    import_certificate(token, PIN, "tte", keys.certify(public), keys.authority.chain)
    (listed,) = list_keys(token, PIN)
    certificate, chain = listed.certificate, listed.chain
    assert certificate is not None

    def opened(pin: str) -> HashSigner:
        return Pkcs11Signer(token, "tte", pin, certificate, chain)

    def change_pin() -> None:
        with pkcs11.lib(hsm.module).get_token(token_label=token.token).open(rw=True, user_pin=PIN) as session:
            session.set_pin(PIN, "13572468")

    yield replace(
        _of_hashes(name, keys, (PIN, WRONG_PIN), opened, go_away=lambda: hsm.delete_token(token.token)),
        new_secret=change_pin)


@contextmanager
def _csc(name: str, kind: str, keys: PortKeys) -> Iterator[Backend]:
    """A CSC service on loopback."""
    with csc.csc_world(csc.CscKeys(keys.authority, keys.rsa_key, keys.p256), keys.clock) as world:
        client = world.client()

        def opened(pin: str) -> HashSigner:
            info = client.credential("pin" if kind == "rsa2048" else kind)
            return CscSigner(client, info, CscActivation(pin))

        few = world.client(replace(world.config(), max_batch=3))
        credential_id = "pin" if kind == "rsa2048" else kind

        def for_many(pin: str) -> DocumentSigner:
            return CscDocuments(few, few.credential(credential_id), CscActivation(pin), keys.tsa)

        yield replace(
            _of_hashes(name, keys, (csc.PIN, WRONG_PIN), opened, go_away=world.simulator.stop,
                       made=lambda: len(world.vault.made),
                       kept=lambda: json.dumps([[call.request, call.answer] for call in world.log.calls])),
            many=for_many, new_secret=lambda: setattr(world.credential(credential_id), "pin", "995511"),
            tries=lambda: len(world.log.of("credentials/authorize")),
            lose=lambda: world.simulator.faults.add(Fault(FaultKind.DROP_AFTER, "signatures/signHash")))


@contextmanager
def _bsre(name: str, version: str, keys: PortKeys) -> Iterator[Backend]:
    """BSrE's e-Sign Client Service on loopback."""
    with bsre.bsre_world(bsre.BsreKeys(keys.authority, keys.rsa_key), keys.clock) as world:
        client = world.client(version, replace(world.config(), max_files=3))
        endpoint = bsre.SIGN[version]
        yield Backend(name, bsre.PASSPHRASE, WRONG_SECRET, lambda secret: world.signer(client, secret),
                      go_away=world.simulator.stop, made=lambda: len(world.desk.made),
                      kept=lambda: bsre.everything_kept(world),
                      new_secret=lambda: setattr(world.desk.users[0], "passphrase", "kalimat-sandi-lain"),
                      tries=lambda: len(world.log.of(endpoint)),
                      lose=lambda: world.simulator.faults.add(Fault(FaultKind.DROP_AFTER, endpoint)))


_OPENERS = {"stored": _stored, "pkcs12": _pkcs12, "pkcs11": _pkcs11, "csc": _csc, "bsre": _bsre}
