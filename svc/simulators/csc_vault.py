"""What a CSC service (API v2.0.0.2) keeps: credentials, challenges, authorisations, and the rules over them."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from asn1crypto import algos
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
_RSA_PLAIN, _RSA_PSS = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10"
_RSA_ALGORITHMS: dict[str, hashes.HashAlgorithm] = {
    "1.2.840.113549.1.1.11": hashes.SHA256(),
    "1.2.840.113549.1.1.12": hashes.SHA384(),
    "1.2.840.113549.1.1.13": hashes.SHA512(),
}
_EC_ALGORITHMS: dict[str, hashes.HashAlgorithm] = {
    "1.2.840.10045.4.3.2": hashes.SHA256(),
    "1.2.840.10045.4.3.3": hashes.SHA384(),
    "1.2.840.10045.4.3.4": hashes.SHA512(),
}
RSA_KEY_ALGORITHMS = (*_RSA_ALGORITHMS, _RSA_PLAIN, _RSA_PSS)
_OTP_LIFE = timedelta(minutes=5)
_EXPIRED = "Signing certificate is expired"

SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class CscRefusal(Exception):
    """An answer with an error body (CSC API v2, 10.2)."""

    def __init__(self, description: str, error: str = "invalid_request", status: int = 400) -> None:
        self.description, self.error, self.status = description, error, status
        super().__init__(description)


@dataclass
class Credential:
    """A key with its certificate, and what its owner must show. ``pin`` empty: none is asked for; ``otp``: a code
    is sent on demand. ``algorithms`` are the OIDs of ``key/algo``; ``locked`` after too many wrong answers."""

    credential_id: str
    user_id: str
    key: SigningKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    pin: str = ""
    otp: bool = False
    scal: int = 2
    multisign: int = 20
    enabled: bool = True
    certificate_status: str = "valid"
    algorithms: tuple[str, ...] = ()
    wrong_answers: int = 0
    locked: bool = False

    def __post_init__(self) -> None:
        if not self.algorithms:
            is_rsa = isinstance(self.key, rsa.RSAPrivateKey)
            self.algorithms = RSA_KEY_ALGORITHMS if is_rsa else tuple(_EC_ALGORITHMS)

    @property
    def factors(self) -> tuple[str, ...]:
        return (*(("PIN",) if self.pin else ()), *(("OTP",) if self.otp else ()))


@dataclass
class _Activation:
    """One SAD: the hashes it covers (empty: any), how many signatures its transaction still allows, until when."""

    credential_id: str
    hashes: frozenset[bytes]
    hash_oid: str
    remaining: int
    expires_at: datetime
    spent: bool = False


@dataclass(frozen=True)
class MadeSignature:
    """One line of the service's own book."""

    credential_id: str
    digest: bytes
    at: datetime


@dataclass
class CscVault:
    """The rules of the service; all methods are safe to call from many threads.

    ``sent_codes`` holds the last code sent for a credential, as a phone would. ``made`` is every signature ever made.
    """

    credentials: dict[str, Credential]
    clock: Callable[[], datetime]
    sad_life: timedelta = timedelta(minutes=5)
    wrong_limit: int = 3
    announce: Callable[[str, str], None] = lambda _credential_id, _code: None
    made: list[MadeSignature] = field(default_factory=list)
    sent_codes: dict[str, str] = field(default_factory=dict)
    _codes: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    _activations: dict[str, _Activation] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def find(self, credential_id: str) -> Credential:
        """:raises CscRefusal: there is none of that name"""
        try:
            return self.credentials[credential_id]
        except KeyError as error:
            raise CscRefusal("Invalid parameter credentialID") from error

    def identifiers(self, user_id: str | None, only_valid: bool) -> list[str]:
        """Credentials of one user, or all."""
        return [
            name for name, one in sorted(self.credentials.items())
            if (user_id is None or one.user_id == user_id) and (not only_valid or self._is_usable(one))
        ]

    def send_code(self, credential_id: str) -> None:
        """Send a new one-time code by the other channel. :raises CscRefusal: the credential asks for none"""
        credential = self.find(credential_id)
        if not credential.otp:
            raise CscRefusal("Invalid parameter authObjectID")
        code = f"{secrets.randbelow(1_000_000):06d}"
        with self._lock:
            self._codes[credential_id] = (code, self.clock() + _OTP_LIFE)
            self.sent_codes[credential_id] = code
        self.announce(credential_id, code)

    def authorize(self, credential_id: str, count: int, digests: Sequence[bytes], hash_oid: str,
                  answers: Mapping[str, str]) -> tuple[str, int]:
        """A SAD and its life in seconds. :raises CscRefusal: disabled, locked, wrong answers, too many, no hashes"""
        credential = self.find(credential_id)
        self._ensure_usable(credential)
        if count < 1:
            raise CscRefusal("Invalid value for parameter numSignatures")
        if count > credential.multisign:
            raise CscRefusal("Numbers of signatures is too high")
        if len(digests) > count:
            raise CscRefusal("Invalid value for parameter numSignatures")
        self._ensure_digests(credential, digests, hash_oid)
        with self._lock:
            self._check_answers(credential, answers)
            return self._open(credential_id, digests, hash_oid, count)

    def extend(self, credential_id: str, sad: str, digests: Sequence[bytes], hash_oid: str) -> tuple[str, int]:
        """The next SAD of a transaction; the one given ends. :raises CscRefusal: nothing is left in it"""
        credential = self.find(credential_id)
        self._ensure_usable(credential)
        self._ensure_digests(credential, digests, hash_oid)
        with self._lock:
            activation = self._activation(credential_id, sad)
            if activation.remaining < max(1, len(digests)):
                raise CscRefusal("Numbers of signatures is too high")
            del self._activations[sad]
            return self._open(credential_id, digests, hash_oid, activation.remaining)

    def sign(self, credential_id: str, sad: str, digests: Sequence[bytes], hash_oid: str, algorithm: str,
             parameters: bytes) -> list[bytes]:
        """Signatures in the order of the hashes. The SAD is spent, whatever becomes of the answer.

        :raises CscRefusal: the SAD is unknown, spent, expired, or does not cover exactly these hashes
        """
        credential = self.find(credential_id)
        if not digests:
            raise CscRefusal("Empty hash array")
        scheme = _scheme(credential, algorithm, hash_oid, parameters)
        if any(len(digest) != scheme.algorithm.digest_size for digest in digests):
            raise CscRefusal("Invalid digest value length")
        with self._lock:
            activation = self._activation(credential_id, sad)
            if activation.spent or len(digests) > activation.remaining:
                raise CscRefusal("Invalid parameter SAD")
            if activation.hashes and (activation.hashes != frozenset(digests) or len(set(digests)) != len(digests)):
                raise CscRefusal("Hash is not authorized by the SAD")
            self._ensure_usable(credential)
            activation.spent = True
            activation.remaining -= len(digests)
            signatures = [scheme.sign(credential.key, digest) for digest in digests]
            self.made += [MadeSignature(credential_id, digest, self.clock()) for digest in digests]
        return signatures

    def _open(self, credential_id: str, digests: Sequence[bytes], hash_oid: str, remaining: int) -> tuple[str, int]:
        sad = secrets.token_urlsafe(32)
        expires_at = self.clock() + self.sad_life
        self._activations[sad] = _Activation(credential_id, frozenset(digests), hash_oid, remaining, expires_at)
        return sad, int(self.sad_life.total_seconds())

    def _activation(self, credential_id: str, sad: str) -> _Activation:
        activation = self._activations.get(sad)
        if activation is None or activation.credential_id != credential_id:
            raise CscRefusal("Invalid parameter SAD")
        if self.clock() >= activation.expires_at:
            raise CscRefusal("SAD expired")
        return activation

    def _ensure_digests(self, credential: Credential, digests: Sequence[bytes], hash_oid: str) -> None:
        if not digests:
            if credential.scal == 2:
                raise CscRefusal("Missing (or invalid type) array parameter hashes")
            return
        if hash_oid not in _HASHES:
            raise CscRefusal("Invalid parameter hashAlgorithmOID")
        if any(len(digest) != _HASHES[hash_oid].digest_size for digest in digests):
            raise CscRefusal("Invalid digest value length")

    def _is_usable(self, credential: Credential) -> bool:
        return credential.enabled and self.certificate_status(credential) == "valid"

    def certificate_status(self, credential: Credential) -> str:
        """``valid``, ``expired``, ``revoked`` or ``suspended``."""
        if self.clock() > credential.certificate.not_valid_after_utc:
            return "expired"
        return credential.certificate_status

    def _ensure_usable(self, credential: Credential) -> None:
        if not credential.enabled:
            raise CscRefusal("The credential identified by credentialID is disabled")
        status = self.certificate_status(credential)
        if status != "valid":
            raise CscRefusal(_EXPIRED if status == "expired" else f"Signing certificate is {status}")

    def _check_answers(self, credential: Credential, answers: Mapping[str, str]) -> None:
        if credential.locked:
            raise CscRefusal("Credential locked")
        if set(credential.factors) - set(answers):
            raise CscRefusal("Missing (or invalid type) array parameter authData")
        right = not credential.pin or hmac.compare_digest(answers["PIN"].encode(), credential.pin.encode())
        if credential.otp:
            code, until = self._codes.get(credential.credential_id, ("", self.clock()))
            matches = bool(code) and hmac.compare_digest(answers["OTP"].encode(), code.encode())
            right = right and matches and self.clock() < until
        if not right:
            credential.wrong_answers += 1
            credential.locked = credential.wrong_answers >= self.wrong_limit
            raise CscRefusal("The authentication data is invalid", "invalid_authentication_data")
        credential.wrong_answers = 0
        self._codes.pop(credential.credential_id, None)  # a code is good for one use


@dataclass(frozen=True)
class _Scheme:
    algorithm: hashes.HashAlgorithm
    rsa_padding: padding.PKCS1v15 | padding.PSS | None

    def sign(self, key: SigningKey, digest: bytes) -> bytes:
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(digest, self.rsa_padding or padding.PKCS1v15(), Prehashed(self.algorithm))
        return key.sign(digest, ec.ECDSA(Prehashed(self.algorithm)))


def _scheme(credential: Credential, algorithm: str, hash_oid: str, parameters: bytes) -> _Scheme:
    """What ``signAlgo`` with its parameters stands for (CSC API v2, 11.10)."""
    if algorithm not in credential.algorithms:
        raise CscRefusal("Invalid parameter signAlgo")
    if algorithm in _EC_ALGORITHMS:
        return _Scheme(_EC_ALGORITHMS[algorithm], None)
    if algorithm in _RSA_ALGORITHMS:
        return _Scheme(_RSA_ALGORITHMS[algorithm], padding.PKCS1v15())
    if algorithm == _RSA_PSS:
        return _pss(parameters)
    if not hash_oid:
        raise CscRefusal("Missing (or invalid type) string parameter hashAlgorithmOID")
    if hash_oid not in _HASHES:
        raise CscRefusal("Invalid parameter hashAlgorithmOID")
    return _Scheme(_HASHES[hash_oid], padding.PKCS1v15())


def _pss(parameters: bytes) -> _Scheme:
    try:
        read = algos.RSASSAPSSParams.load(parameters, strict=True)
        algorithm = _HASHES[read["hash_algorithm"]["algorithm"].dotted]
        mask = _HASHES[read["mask_gen_algorithm"]["parameters"]["algorithm"].dotted]
        length = int(read["salt_length"].native)
    except (ValueError, TypeError, KeyError) as error:
        raise CscRefusal("Missing (or invalid type) string parameter signAlgoParams") from error
    return _Scheme(algorithm, padding.PSS(padding.MGF1(mask), length))


def read_base64(values: Sequence[object]) -> list[bytes]:
    """:raises CscRefusal: one of them is no Base64 text"""
    try:
        return [base64.b64decode(str(value), validate=True) for value in values]
    except (binascii.Error, ValueError) as error:
        raise CscRefusal("Invalid Base64 hash string parameter") from error
