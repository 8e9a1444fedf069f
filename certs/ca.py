"""The development certification authority: a root, an issuing CA, a time-stamp unit and an OCSP signer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from certs.trust import TrustStore
from certs.vault import PrivateKey

SIGNER_VALID_DAYS = 730


@dataclass(frozen=True)
class Issued:
    """A certificate of the authority with the private key it speaks of."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


@dataclass(frozen=True)
class DevelopmentPki:
    """Everything :func:`create_development_pki` made.

    ``root_crl`` (DER) is the root's own, empty list, valid as long as the root: the root's key need not be
    at hand in daily use.
    """

    root: Issued
    issuing: Issued
    tsa: Issued
    ocsp: Issued
    root_crl: bytes

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """Issuing CA and root: what goes with a signer's certificate."""
        return (self.issuing.certificate, self.root.certificate)

    def trust_store(self, crls: Sequence[bytes] = ()) -> TrustStore:
        """Trust in this PKI alone, with the root's list and the lists given (the issuing CA's)."""
        raise NotImplementedError

    def to_sealed(self, server_key: bytes) -> bytes:
        """All certificates and keys in one blob under the server key (``vault.seal_secret``)."""
        raise NotImplementedError

    @classmethod
    def from_sealed(cls, sealed: bytes, server_key: bytes) -> DevelopmentPki:
        """What :meth:`to_sealed` wrote. :raises VaultError: wrong server key, altered, or not such a blob"""
        raise NotImplementedError


@dataclass(frozen=True)
class SignerSubject:
    """Whom a signer's certificate names. ``nip`` goes to the subject's serialNumber."""

    common_name: str
    organisation: str
    unit: str | None = None
    title: str | None = None
    nip: str | None = None


@dataclass(frozen=True)
class Revocation:
    """One line of a CRL: serial number, since when (UTC), why."""

    serial: int
    revoked_at: datetime
    reason: x509.ReasonFlags = x509.ReasonFlags.unspecified


def generate_signer_key(key_size: int = 2048) -> rsa.RSAPrivateKey:
    """A new RSA key for an official."""
    raise NotImplementedError


def create_development_pki(organisation: str, now: datetime, key_size: int = 2048) -> DevelopmentPki:
    """Make root (10 years), issuing CA (8), TSA (5) and OCSP signer (2); all clearly named as development.

    Profiles follow RFC 5280, RFC 3161 2.3 (critical extendedKeyUsage timeStamping) and RFC 6960 4.2.2.2.1.
    """
    raise NotImplementedError


def issue_signer_certificate(
    issuing: Issued,
    subject: SignerSubject,
    public_key: rsa.RSAPublicKey | PrivateKey,
    now: datetime,
    valid_days: int = SIGNER_VALID_DAYS,
    crl_url: str | None = None,
    ocsp_url: str | None = None,
) -> x509.Certificate:
    """A certificate for signing documents: digitalSignature and nonRepudiation, EKU document signing (RFC 9336)
    and Adobe PDF signing. Never outlives its issuer."""
    raise NotImplementedError


def build_crl(
    issuing: Issued, revoked: Sequence[Revocation], now: datetime, next_update: datetime, number: int | None = None
) -> bytes:
    """A CRL (RFC 5280) as DER; ``number`` defaults to the seconds of ``now`` so that it grows."""
    raise NotImplementedError
