"""Keys in a security module or on a card, by PKCS#11 (OASIS, v2.40), through ``python-pkcs11``.

Logging in is an affair of the whole token, not of a session: whoever else has a session on it is logged in too.
So each signer has a token of his own, acts on one token stand in line, and each act logs in with the PIN that was
typed, signs, and logs out by closing its session. The PIN is nowhere kept. Keys are made in the token and never
leave it.

A library that was loaded before a fork is of no use in the child; it is loaded anew in each process.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import pkcs11
from asn1crypto import algos, csr, keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11 import exceptions as module_errors
from pkcs11.util.ec import encode_ec_public_key, encode_ecdsa_signature, encode_named_curve_parameters
from pkcs11.util.rsa import encode_rsa_public_key
from pyhanko.sign.signers.pdf_cms import Signer
from pyhanko_certvalidator.registry import SimpleCertificateStore

from certs import errors
from certs._asn1 import to_asn1
from certs.signers.port import ActivationRefused, BackendRefused, BackendUnavailable, SignerNotReady

KeyKind = Literal["rsa2048", "rsa3072", "p256", "p384"]
_CURVES = {"p256": "secp256r1", "p384": "secp384r1"}
_RSA_MECHANISMS = {
    "sha256": Mechanism.SHA256_RSA_PKCS, "sha384": Mechanism.SHA384_RSA_PKCS, "sha512": Mechanism.SHA512_RSA_PKCS}
_ABSENT = (module_errors.NoSuchToken, module_errors.TokenNotPresent, module_errors.TokenNotRecognised,
           module_errors.DeviceRemoved, module_errors.DeviceError, module_errors.SlotIDInvalid,
           module_errors.SessionCount)


@dataclass(frozen=True)
class Pkcs11Config:
    """The module (path of its library), and the token by its label. ``wait`` is how many seconds an act stands in
    line for the token."""

    module: str
    token: str
    wait: float = 30.0


@dataclass(frozen=True)
class Pkcs11Key:
    """A private key in a token, as a list shows it. ``kind`` is RSA or EC; ``certificate`` may be missing yet."""

    label: str
    kind: str
    certificate: x509.Certificate | None


class _Libraries:
    """The loaded modules of this process, and a lock for each token."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._loaded: set[str] = set()
        self._tokens: dict[tuple[str, str], threading.Lock] = {}

    def load(self, path: str) -> Any:
        with self._lock:
            if self._process != os.getpid():
                self._process, self._loaded, self._tokens = os.getpid(), set(), {}
            try:
                library = pkcs11.lib(path)
                if path not in self._loaded:
                    library.reinitialize()  # also looks for tokens that came since
                    self._loaded.add(path)
            except (RuntimeError, module_errors.PKCS11Error) as error:
                raise BackendUnavailable("the PKCS#11 module cannot be loaded") from error
            return library

    def token_lock(self, config: Pkcs11Config) -> threading.Lock:
        with self._lock:
            return self._tokens.setdefault((config.module, config.token), threading.Lock())


_LIBRARIES = _Libraries()


@contextmanager
def _session(config: Pkcs11Config, pin: str, *, is_writing: bool = False) -> Iterator[Any]:
    """A session on the token, logged in if there is a PIN, alone on that token in this process."""
    library = _LIBRARIES.load(config.module)
    lock = _LIBRARIES.token_lock(config)
    if not lock.acquire(timeout=config.wait):
        raise BackendUnavailable("the token is busy with other signatures")
    try:
        token = library.get_token(token_label=config.token)
        with token.open(user_pin=pin or None, rw=is_writing) as session:
            yield session
    except (module_errors.PinIncorrect, module_errors.PinInvalid, module_errors.PinLenRange) as error:
        raise ActivationRefused("the PIN is wrong", "pin", type(error).__name__) from error
    except (module_errors.PinLocked, module_errors.PinExpired, module_errors.UserPinNotInitialized) as error:
        raise SignerNotReady("the token's PIN is locked, expired or not set", type(error).__name__) from error
    except _ABSENT as error:
        raise BackendUnavailable("the token is not there", type(error).__name__) from error
    except module_errors.PKCS11Error as error:
        raise BackendRefused("the token refuses", type(error).__name__) from error
    finally:
        lock.release()


class Pkcs11Signer:
    """A :class:`certs.signers.port.HashSigner` with a key in a token, for one act.

    :raises BackendRefused: the certificate's kind of key is not supported
    """

    def __init__(self, config: Pkcs11Config, label: str, pin: str, certificate: x509.Certificate,
                 chain: Sequence[x509.Certificate]) -> None:
        self.certificate = certificate
        self.chain = tuple(chain)
        self._public = to_asn1(certificate).public_key
        wide = self._public.algorithm == "ec" and self._public.bit_size > 256
        self.digest_algorithm = "sha384" if wide else "sha256"
        if self._public.algorithm not in {"rsa", "ec"}:
            raise BackendRefused("only RSA and elliptic curves are supported")
        self.cms_signer: Signer = _TokenSigner(self)
        self._config, self._label, self._pin = config, label, pin

    def __repr__(self) -> str:
        return f"Pkcs11Signer(token={self._config.token!r}, label={self._label!r})"

    @property
    def cms_size(self) -> int:
        """About how many bytes the signature container takes without a time stamp, on the large side."""
        return sum(len(one.public_bytes(Encoding.DER)) for one in (self.certificate, *self.chain)) + 2048

    def sign_raw(self, data: bytes, digest_algorithm: str) -> bytes:
        """The signature over ``data``. Errors: those of :class:`certs.signers.port.DocumentSigner`."""
        with _session(self._config, self._pin) as session:
            key = _private_key(session, self._label)
            if self._public.algorithm == "rsa":
                return bytes(key.sign(data, mechanism=_RSA_MECHANISMS[digest_algorithm]))
            digest = hashlib.new(digest_algorithm, data).digest()
            return bytes(encode_ecdsa_signature(key.sign(digest, mechanism=Mechanism.ECDSA)))


class _TokenSigner(Signer):
    """Gives pyHanko what the token signs."""

    def __init__(self, signer: Pkcs11Signer) -> None:
        registry = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        registry.register_multiple([to_asn1(one) for one in signer.chain])
        super().__init__(signing_cert=to_asn1(signer.certificate), cert_registry=registry, embed_roots=True)
        self._signer = signer

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        return self._signer.sign_raw(data, digest_algorithm)


def generate_key(config: Pkcs11Config, pin: str, label: str, kind: KeyKind = "rsa2048") -> None:
    """Make a key pair in the token: sensitive, never extractable. Errors: those of signing.

    :raises BackendRefused: there is a key of that label, or the token cannot make such a key
    """
    with _session(config, pin, is_writing=True) as session:
        if any(True for _ in session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: label})):
            raise BackendRefused("there is a key of that label", "label_taken")
        private = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True}
        shared: dict[str, Any] = {"id": label.encode(), "label": label, "store": True, "private_template": private}
        if kind in _CURVES:
            parameters = session.create_domain_parameters(
                KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters(_CURVES[kind])}, local=True)
            parameters.generate_keypair(mechanism=Mechanism.EC_KEY_PAIR_GEN, **shared)
        else:
            session.generate_keypair(KeyType.RSA, int(kind.removeprefix("rsa")), **shared)


def build_csr(config: Pkcs11Config, pin: str, label: str, common_name: str, organisation: str) -> bytes:
    """A certification request (PKCS#10, RFC 2986), DER, signed in the token. Errors: those of signing."""
    with _session(config, pin) as session:
        public = session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=label)
        is_rsa = public.key_type == KeyType.RSA
        spki = keys.PublicKeyInfo.load(_spki(public, is_rsa=is_rsa))
        info = csr.CertificationRequestInfo({
            "version": "v1", "subject": asn1_x509.Name.build({
                "country_name": "ID", "organization_name": organisation, "common_name": common_name}),
            "subject_pk_info": spki, "attributes": []})
        key = _private_key(session, label)
        encoded = info.dump()
        if is_rsa:
            signature = bytes(key.sign(encoded, mechanism=Mechanism.SHA256_RSA_PKCS))
        else:
            signature = bytes(encode_ecdsa_signature(
                key.sign(hashlib.sha256(encoded).digest(), mechanism=Mechanism.ECDSA)))
        algorithm = algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa" if is_rsa else "sha256_ecdsa"})
        request = csr.CertificationRequest({
            "certification_request_info": info, "signature_algorithm": algorithm, "signature": signature})
        return bytes(request.dump())


def import_certificate(config: Pkcs11Config, pin: str, label: str, certificate: x509.Certificate) -> None:
    """Put the issued certificate beside its key. :raises KeyMismatch: it speaks of another key"""
    with _session(config, pin, is_writing=True) as session:
        public = session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=label)
        own = _spki(public, is_rsa=public.key_type == KeyType.RSA)
        if keys.PublicKeyInfo.load(own).native != to_asn1(certificate).public_key.native:
            raise errors.KeyMismatch("the certificate speaks of another key")
        for old in list(session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE, Attribute.LABEL: label})):
            old.destroy()
        encoded = certificate.public_bytes(Encoding.DER)
        parsed = to_asn1(certificate)
        session.create_object({
            Attribute.CLASS: ObjectClass.CERTIFICATE, Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
            Attribute.TOKEN: True, Attribute.LABEL: label, Attribute.ID: label.encode(), Attribute.VALUE: encoded,
            Attribute.SUBJECT: parsed.subject.dump(), Attribute.ISSUER: parsed.issuer.dump(),
            Attribute.SERIAL_NUMBER: parsed["tbs_certificate"]["serial_number"].dump()})


def list_keys(config: Pkcs11Config, pin: str) -> tuple[Pkcs11Key, ...]:
    """The private keys of the token with their certificates, by label. Errors: those of signing."""
    with _session(config, pin) as session:
        found = {}
        for one in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}):
            found[str(one[Attribute.LABEL])] = x509.load_der_x509_certificate(bytes(one[Attribute.VALUE]))
        return tuple(sorted(
            (Pkcs11Key(str(key.label), str(key.key_type.name), found.get(str(key.label)))
             for key in session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})),
            key=lambda key: key.label))


def _private_key(session: Any, label: str) -> Any:
    try:
        return session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=label)
    except module_errors.NoSuchKey as error:
        raise SignerNotReady("the token has no such key", "NoSuchKey") from error


def _spki(public: Any, *, is_rsa: bool) -> bytes:
    """SubjectPublicKeyInfo, DER."""
    if not is_rsa:
        return bytes(encode_ec_public_key(public))
    numbers = keys.RSAPublicKey.load(encode_rsa_public_key(public))
    return bytes(keys.PublicKeyInfo.wrap(numbers, "rsa").dump())


__all__ = [
    "KeyKind", "Pkcs11Config", "Pkcs11Key", "Pkcs11Signer", "build_csr", "generate_key", "import_certificate",
    "list_keys",
]
