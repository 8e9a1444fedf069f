"""Values of remote signing after CSC API v2.0.0.2: configuration, credentials, algorithms, activation data."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asn1crypto import algos
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.general import optimal_pss_params

from certs._asn1 import to_asn1
from certs.signers.port import BackendRefused, SignerNotReady

HASHES: dict[str, hashes.HashAlgorithm] = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384()}
_HASH_OIDS = {"sha256": "2.16.840.1.101.3.4.2.1", "sha384": "2.16.840.1.101.3.4.2.2"}
_RSA_PKCS1 = {"sha256": "1.2.840.113549.1.1.11"}
_RSA_ANY_HASH, _RSA_PSS = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10"
_ECDSA = {"sha256": "1.2.840.10045.4.3.2", "sha384": "1.2.840.10045.4.3.3"}
_OTP_WORDS = ("otp", "totp", "sms")


@dataclass(frozen=True)
class CscConfig:
    """Where the service is and how this application shows itself (service authorisation, CSC API v2, 8.2).

    ``base_url`` is what stands before ``/csc/v2``. Either ``bearer_token``, or ``client_id`` and ``client_secret``
    of an OAuth 2.0 client; ``token_url`` is by default ``<base_url>/oauth2/token``. Times are in seconds:
    ``deadline`` holds for a whole call, ``sign_deadline`` for the one that signs. ``ca_bundle`` is a file of
    certificates (PEM) to trust instead of the system's. ``max_batch`` bounds a batch beside the credential's own
    ``multisign``.

    :raises ValueError: no way of authorisation, or both
    """

    base_url: str
    bearer_token: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    token_url: str = ""
    connect_timeout: float = 5.0
    deadline: float = 30.0
    sign_deadline: float = 60.0
    ca_bundle: str = ""
    max_batch: int = 100

    def __post_init__(self) -> None:
        if bool(self.bearer_token) == bool(self.client_id and self.client_secret):
            raise ValueError("give either a bearer token or an OAuth client's id and secret")
        if not self.base_url.startswith(("https://", "http://")):
            raise ValueError("base_url must be an http(s) address")

    @property
    def api_url(self) -> str:
        return f"{self.base_url.rstrip('/')}/csc/v2"

    @property
    def oauth_url(self) -> str:
        return self.token_url or f"{self.base_url.rstrip('/')}/oauth2/token"


@dataclass(frozen=True)
class CscActivation:
    """What the signer typed; never printed. Only what the credential asks for is sent."""

    pin: str = field(default="", repr=False)
    otp: str = field(default="", repr=False)


@dataclass(frozen=True)
class CscSad:
    """Signature activation data and until when it is good; the value is never printed."""

    value: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class CscAuthObject:
    """One thing that the credential asks of its owner (CSC API v2, 8.3.1), by id and type."""

    object_id: str
    kind: str
    generator: str = ""

    @property
    def is_otp(self) -> bool:
        """A code for one use, rather than a PIN that stays."""
        by_name = any(word in self.object_id.lower() for word in _OTP_WORDS)
        return by_name or bool(self.generator) or self.kind == "ChallengeResponse"

    @property
    def is_sent(self) -> bool:
        """The service sends the code when asked to (``credentials/getChallenge``)."""
        return self.kind == "ChallengeResponse"


@dataclass(frozen=True)
class CscAlgorithm:
    """How a credential signs: ``sign_oid`` and ``hash_oid`` as CSC wants them, ``digest`` as pyHanko does.

    ``mechanism`` is asn1crypto's name for CMS; ``parameters`` (DER) are for RSASSA-PSS, else empty.
    """

    sign_oid: str
    hash_oid: str
    digest: str
    mechanism: str
    parameters: bytes = b""

    def check(self, certificate: x509.Certificate, digest: bytes, signature: bytes) -> bytes:
        """The signature as CMS wants it, if it is the certificate's over this hash.

        :raises BackendRefused: it is not
        """
        key, hashed = certificate.public_key(), HASHES[self.digest]
        try:
            if isinstance(key, ec.EllipticCurvePublicKey):
                signature = _to_der(signature, key)
                key.verify(signature, digest, ec.ECDSA(Prehashed(hashed)))
            elif isinstance(key, rsa.RSAPublicKey):
                key.verify(signature, digest, self._padding(), Prehashed(hashed))
        except InvalidSignature as error:
            raise BackendRefused("what came back is no signature by the credential's certificate") from error
        return signature

    def _padding(self) -> padding.PKCS1v15 | padding.PSS:
        if not self.parameters:
            return padding.PKCS1v15()
        length = int(algos.RSASSAPSSParams.load(self.parameters)["salt_length"].native)
        return padding.PSS(padding.MGF1(HASHES[self.digest]), length)


@dataclass(frozen=True)
class CscCredentialInfo:
    """What ``credentials/info`` tells (CSC API v2, 11.5).

    ``certificate_status`` is valid, expired, revoked, suspended or empty; ``scal`` is 1 or 2 (EN 419 241-1);
    ``multisign`` the most signatures under one authorisation; ``auth_mode`` explicit, oauth2code or implicit.
    """

    credential_id: str
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    algorithm: CscAlgorithm
    key_enabled: bool
    certificate_status: str
    auth_mode: str
    auth_objects: tuple[CscAuthObject, ...]
    scal: int
    multisign: int
    description: str = ""

    @property
    def needs_pin(self) -> bool:
        return any(not one.is_otp for one in self.auth_objects)

    @property
    def needs_otp(self) -> bool:
        return any(one.is_otp for one in self.auth_objects)

    @property
    def sends_otp(self) -> bool:
        """A code must be asked for (``CscClient.send_otp``) before the signer can type it."""
        return any(one.is_sent for one in self.auth_objects)

    def ensure_ready(self, now: datetime) -> None:
        """:raises SignerNotReady: key disabled, certificate not valid, or authorisable only on the provider's page"""
        if not self.key_enabled:
            raise SignerNotReady("the credential's key is disabled", "disabled")
        if self.certificate_status not in {"", "valid"}:
            raise SignerNotReady("the credential's certificate is not valid", self.certificate_status)
        if not self.certificate.not_valid_before_utc <= now <= self.certificate.not_valid_after_utc:
            raise SignerNotReady("the credential's certificate is not valid now", "expired")
        if self.auth_mode == "oauth2code":
            raise SignerNotReady("the credential is authorised on the provider's own page only", "oauth2code")

    def answers(self, activation: CscActivation) -> list[dict[str, str]]:
        """``authData`` for ``credentials/authorize``."""
        return [{"id": one.object_id, "value": activation.otp if one.is_otp else activation.pin}
                for one in self.auth_objects]


def read_credential(credential_id: str, answer: Mapping[str, object]) -> CscCredentialInfo:
    """What ``credentials/info`` answered, as a value.

    :raises SignerNotReady: the key signs in no way known here
    :raises BackendRefused: the answer lacks what the specification demands
    """
    try:
        key, cert, auth = (_object(answer, name) for name in ("key", "cert", "auth"))
        certificate, *others = (
            x509.load_der_x509_certificate(base64.b64decode(str(one))) for one in _list(cert["certificates"]))
        offered = {str(one) for one in _list(key["algo"])}
        objects = _list(auth.get("objects") or [])
        return CscCredentialInfo(
            credential_id, certificate, tuple(others), choose_algorithm(certificate, offered),
            str(key["status"]) == "enabled", str(cert.get("status", "")), str(auth["mode"]),
            tuple(CscAuthObject(str(one["id"]), str(one["type"]), str(one.get("generator") or "")) for one in objects),
            int(str(answer.get("SCAL", "1"))), int(str(answer["multisign"])), str(answer.get("description") or ""))
    except (KeyError, ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise BackendRefused("the service's description of the credential is unreadable") from error


def choose_algorithm(certificate: x509.Certificate, offered: set[str]) -> CscAlgorithm:
    """The way to sign with this key: RSA by PKCS#1 v1.5 before PSS; ECDSA with a hash of the curve's length.

    :raises SignerNotReady: the key signs in no way known here
    """
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        digest = "sha384" if key.curve.key_size > 256 else "sha256"
        if _ECDSA[digest] in offered:
            return CscAlgorithm(_ECDSA[digest], _HASH_OIDS[digest], digest, f"{digest}_ecdsa")
    elif isinstance(key, rsa.RSAPublicKey):
        for oid in (_RSA_PKCS1["sha256"], _RSA_ANY_HASH):
            if oid in offered:
                return CscAlgorithm(oid, _HASH_OIDS["sha256"], "sha256", "sha256_rsa")
        if _RSA_PSS in offered:
            parameters = optimal_pss_params(to_asn1(certificate), "sha256").dump()
            return CscAlgorithm(_RSA_PSS, _HASH_OIDS["sha256"], "sha256", "rsassa_pss", parameters)
    raise SignerNotReady("the credential's key signs in no way that is known here", "algorithm")


def certificate_bytes(info: CscCredentialInfo) -> int:
    """How many bytes the certificates of a credential take."""
    return sum(len(one.public_bytes(Encoding.DER)) for one in (info.certificate, *info.chain))


def _object(answer: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = answer[name]
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be an object")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("it must be a list")
    return value


def _to_der(signature: bytes, key: ec.EllipticCurvePublicKey) -> bytes:
    """Some services answer r and s side by side (IEEE P1363) instead of as RFC 3279 2.2.3 has them."""
    half = (key.key_size + 7) // 8
    if len(signature) != 2 * half or _is_der(signature):
        return signature
    return encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))


def _is_der(signature: bytes) -> bool:
    return signature[:1] == b"\x30" and signature[1] == len(signature) - 2
