"""The development certification authority: a root, an issuing CA, a time-stamp unit and an OCSP signer."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs import errors
from certs.profiles import (
    NOWHERE,
    PDF_SIGNING,
    Addresses,
    address_extensions,
    authority_extensions,
    ca_extensions,
    end_entity_extensions,
    key_usage,
)
from certs.trust import TrustStore
from certs.vault import open_secret, seal_secret

SIGNER_VALID_DAYS = 730
PKI_PURPOSE = "development-pki"

ROOT_DAYS = 3650
ISSUING_DAYS = 2920
TSA_DAYS = 1825
OCSP_DAYS = 730

_ROLES = ("root", "issuing", "tsa", "ocsp")


@dataclass(frozen=True)
class Issued:
    """A certificate of the authority with the private key it speaks of."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    def to_sealed(self, server_key: bytes, purpose: str) -> bytes:
        """Certificate and key in one blob under the server key, bound to ``purpose``."""
        return seal_secret(json.dumps(_issued_to_json(self)).encode(), server_key, purpose)

    @classmethod
    def from_sealed(cls, sealed: bytes, server_key: bytes, purpose: str) -> Issued:
        """What :meth:`to_sealed` wrote. :raises VaultError: wrong server key or purpose, or altered"""
        return _issued_from_json(json.loads(open_secret(sealed, server_key, purpose)))


@dataclass(frozen=True)
class Retired:
    """A certificate whose key was replaced: what it signed stays valid, and it is needed to check that.

    ``role`` is ``tsa``, ``ocsp`` or ``audit``. Of ``root`` and ``issuing`` the certificate alone was replaced.
    """

    role: str
    certificate: x509.Certificate


@dataclass(frozen=True)
class DevelopmentPki:
    """Everything :func:`create_development_pki` made, and what :mod:`certs.renewal` replaced since.

    ``root_crl`` (DER) is the root's own, empty list, valid as long as the root: the root's key need not be
    at hand in daily use. ``retired`` is in the order of replacement, oldest first.
    """

    root: Issued
    issuing: Issued
    tsa: Issued
    ocsp: Issued
    root_crl: bytes
    retired: tuple[Retired, ...] = ()

    def retired_certificates(self, role: str) -> tuple[x509.Certificate, ...]:
        """The replaced certificates of a role, newest first."""
        return tuple(one.certificate for one in reversed(self.retired) if one.role == role)

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """Issuing CA and root: what goes with a signer's certificate."""
        return (self.issuing.certificate, self.root.certificate)

    def trust_store(self, crls: Sequence[bytes] = ()) -> TrustStore:
        """Trust in this PKI alone, with the root's list and the lists given (the issuing CA's)."""
        return TrustStore(
            anchors=(self.root.certificate,),
            intermediates=(self.issuing.certificate,),
            crls=(self.root_crl, *crls),
        )

    def to_sealed(self, server_key: bytes) -> bytes:
        """All certificates and keys in one blob under the server key; purpose is ``PKI_PURPOSE``."""
        issued = {role: _issued_to_json(getattr(self, role)) for role in _ROLES}
        retired = [[one.role, _b64(one.certificate.public_bytes(serialization.Encoding.DER))] for one in self.retired]
        document = {"version": 1, "root_crl": _b64(self.root_crl), "issued": issued, "retired": retired}
        return seal_secret(json.dumps(document).encode(), server_key, PKI_PURPOSE)

    @classmethod
    def from_sealed(cls, sealed: bytes, server_key: bytes) -> DevelopmentPki:
        """What :meth:`to_sealed` wrote. :raises VaultError: wrong server key, altered, or not such a blob"""
        plain = open_secret(sealed, server_key, PKI_PURPOSE)
        try:
            document = json.loads(plain)
            issued = {role: _issued_from_json(document["issued"][role]) for role in _ROLES}
            retired = tuple(Retired(str(role), x509.load_der_x509_certificate(base64.b64decode(der)))
                            for role, der in document.get("retired", ()))
            return cls(root_crl=base64.b64decode(document["root_crl"]), retired=retired, **issued)
        except (ValueError, KeyError, TypeError) as error:
            raise errors.EnvelopeBroken("the sealed blob is not a development PKI") from error


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
    return rsa.generate_private_key(public_exponent=65537, key_size=key_size)


def create_development_pki(
    organisation: str,
    now: datetime,
    key_size: int = 2048,
    root_addresses: Addresses = NOWHERE,
    issuing_addresses: Addresses = NOWHERE,
) -> DevelopmentPki:
    """Make root (10 years), issuing CA (8), TSA (5) and OCSP signer (2); all clearly named as development.

    Profiles follow RFC 5280, RFC 3161 2.3 (critical extendedKeyUsage timeStamping) and RFC 6960 4.2.2.2.1.

    :param root_addresses: where the root publishes; stands in the issuing CA's and the TSA's certificate
    :param issuing_addresses: where the issuing CA publishes; stands in the OCSP signer's
    """
    start = now.replace(microsecond=0)
    root = certify_ca(_ca_name(organisation, "Root CA"), generate_signer_key(key_size), None, start,
                      start + timedelta(days=ROOT_DAYS))
    issuing = certify_ca(_ca_name(organisation, "Issuing CA"), generate_signer_key(key_size), root, start,
                         start + timedelta(days=ISSUING_DAYS), root_addresses)
    tsa = create_unit(_ca_name(organisation, "TSA"), root, now, TSA_DAYS,
                      ExtendedKeyUsageOID.TIME_STAMPING, key_size, root_addresses)
    ocsp = create_unit(_ca_name(organisation, "OCSP"), issuing, now, OCSP_DAYS,
                       ExtendedKeyUsageOID.OCSP_SIGNING, key_size, issuing_addresses)
    root_crl = build_crl(root, (), now, root.certificate.not_valid_after_utc)
    return DevelopmentPki(root, issuing, tsa, ocsp, root_crl)


def issue_signer_certificate(
    issuing: Issued,
    subject: SignerSubject,
    public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    now: datetime,
    valid_days: int = SIGNER_VALID_DAYS,
    crl_url: str | None = None,
    ocsp_url: str | None = None,
    ca_issuers_url: str | None = None,
) -> x509.Certificate:
    """A certificate for signing documents: digitalSignature and nonRepudiation, EKU document signing (RFC 9336)
    and Adobe PDF signing. Never outlives its issuer."""
    start = now.replace(microsecond=0)
    end = min(start + timedelta(days=valid_days, seconds=-1), issuing.certificate.not_valid_after_utc)
    builder = _builder(_signer_name(subject), issuing.certificate.subject, public_key, start, end)
    builder = authority_extensions(builder, public_key, issuing.key.public_key())
    builder = end_entity_extensions(
        builder, key_usage(digital_signature=True, content_commitment=True), PDF_SIGNING,
        Addresses(crl_url, ocsp_url, ca_issuers_url),
    )
    return builder.sign(issuing.key, hashes.SHA256())


def build_crl(
    issuing: Issued,
    revoked: Sequence[Revocation],
    now: datetime,
    next_update: datetime,
    number: int | None = None,
) -> bytes:
    """A CRL (RFC 5280) as DER; ``number`` defaults to the microseconds of ``now`` since 1970, so it grows."""
    issuer_key = issuing.key.public_key()
    crl_number = int(now.timestamp() * 1_000_000) if number is None else number
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuing.certificate.subject)
        .last_update(now.replace(microsecond=0))
        .next_update(next_update.replace(microsecond=0))
        .add_extension(x509.CRLNumber(crl_number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )
    for entry in revoked:
        line = (
            x509.RevokedCertificateBuilder()
            .serial_number(entry.serial)
            .revocation_date(entry.revoked_at.replace(microsecond=0))
        )
        if entry.reason is not x509.ReasonFlags.unspecified:  # RFC 5280 5.3.1: leave it out then
            line = line.add_extension(x509.CRLReason(entry.reason), critical=False)
        builder = builder.add_revoked_certificate(line.build())
    return builder.sign(issuing.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _ca_name(organisation: str, role: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "ID"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation[:64]),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Development only"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{organisation[:40]} Development {role}"),
        ]
    )


def _signer_name(subject: SignerSubject) -> x509.Name:
    optional = (
        (NameOID.ORGANIZATIONAL_UNIT_NAME, subject.unit),
        (NameOID.TITLE, subject.title),
        (NameOID.SERIAL_NUMBER, subject.nip),
    )
    attributes = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "ID"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, subject.organisation[:64]),
    ]
    # X.520 allows 64 characters; offices have longer names, and a cut name beats a refused certificate.
    attributes += [
        x509.NameAttribute(oid, value.strip()[:64]) for oid, value in optional if value and value.strip()
    ]
    attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, subject.common_name.strip()[:64]))
    return x509.Name(attributes)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    start: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=public_key,
        serial_number=x509.random_serial_number(),
    ).not_valid_before(start).not_valid_after(end)


def certify_ca(
    name: x509.Name, key: rsa.RSAPrivateKey, issuer: Issued | None, start: datetime, end: datetime,
    addresses: Addresses = NOWHERE,
) -> Issued:
    """A CA's certificate for this key: a root's, that issues one CA below it, or with an issuer that CA's."""
    signing_key, issuer_name = (key, name) if issuer is None else (issuer.key, issuer.certificate.subject)
    builder = _builder(name, issuer_name, key.public_key(), start, end)
    builder = authority_extensions(builder, key.public_key(), signing_key.public_key())
    builder = address_extensions(ca_extensions(builder, 1 if issuer is None else 0), addresses)
    return Issued(builder.sign(signing_key, hashes.SHA256()), key)


def create_unit(
    name: x509.Name, issuer: Issued, now: datetime, days: int, usage: x509.ObjectIdentifier, key_size: int,
    addresses: Addresses = NOWHERE,
) -> Issued:
    """A new key with a certificate for one machine purpose (``usage``: time stamping or OCSP signing).

    Never outlives its issuer. An OCSP signer's is marked as not to be checked itself (RFC 6960 4.2.2.2.1).
    """
    key = generate_signer_key(key_size)
    start = now.replace(microsecond=0)
    end = min(start + timedelta(days=days), issuer.certificate.not_valid_after_utc)
    builder = _builder(name, issuer.certificate.subject, key.public_key(), start, end)
    builder = authority_extensions(builder, key.public_key(), issuer.key.public_key())
    builder = end_entity_extensions(builder, key_usage(digital_signature=True), (usage,), addresses)
    if usage == ExtendedKeyUsageOID.OCSP_SIGNING:
        builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
    return Issued(builder.sign(issuer.key, hashes.SHA256()), key)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _issued_to_json(issued: Issued) -> dict[str, str]:
    key = issued.key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"certificate": _b64(issued.certificate.public_bytes(serialization.Encoding.DER)), "key": _b64(key)}


def _issued_from_json(document: dict[str, str]) -> Issued:
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode(document["certificate"]))
        key = serialization.load_der_private_key(base64.b64decode(document["key"]), password=None)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise errors.EnvelopeBroken("the sealed blob holds no certificate with its key") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise errors.EnvelopeBroken("the sealed key is not an RSA key")
    return Issued(certificate, key)
