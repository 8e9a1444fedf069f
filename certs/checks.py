"""Refuse a signature before it is made, with the one reason that helps the signer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator import errors as validator_errors

from certs import errors
from certs._aio import run_sync
from certs._asn1 import to_asn1
from certs.profiles import PDF_SIGNING
from certs.trust import TrustStore
from certs.vault import PrivateKey

MIN_RSA_BITS = 2048
MIN_CURVE_BITS = 256

# Purposes under which document signing is customary; mail protection is what many authorities still issue.
_FIT_PURPOSES = frozenset(
    {*PDF_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
)


def ensure_can_sign(
    certificate: x509.Certificate, key: PrivateKey | None, trust: TrustStore, now: datetime
) -> None:
    """Let pass only a certificate that a careful reader would accept for a document signed now.

    Missing revocation data is no reason to refuse here: it is the validation afterwards that demands it.

    :param key: the opened private key, or None where only the certificate is at hand (listing, warning ahead)
    :raises KeyMismatch: the key is another one
    :raises CertificateExpired: its validity has ended
    :raises CertificateNotYetValid: its validity has not begun
    :raises WeakKey: RSA under 2048 bits, a curve under 256, another kind, or signed with SHA-1 or MD5
    :raises KeyUsageUnfit: lacks digitalSignature and nonRepudiation, has an unfit EKU, or is a CA's
    :raises CertificateRevoked: named in a CRL or an OCSP response of its issuer in ``trust``
    :raises CertificateUntrusted: no valid chain to an anchor, or a serial number that is not positive
    """
    if key is not None and key.public_key() != certificate.public_key():
        raise errors.KeyMismatch("the key is not the certificate's")
    if now > certificate.not_valid_after_utc:
        raise errors.CertificateExpired(certificate.not_valid_after_utc)
    if now < certificate.not_valid_before_utc:
        raise errors.CertificateNotYetValid(certificate.not_valid_before_utc)
    _ensure_strong(certificate)
    _ensure_fit(certificate)
    _ensure_numbered(certificate)
    _ensure_not_listed(certificate, trust, now)
    _ensure_trusted(certificate, trust, now)


def _ensure_strong(certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < MIN_RSA_BITS:
            raise errors.WeakKey(f"RSA keys need {MIN_RSA_BITS} bits, this one has {key.key_size}")
    elif not isinstance(key, ec.EllipticCurvePublicKey):
        raise errors.WeakKey("only RSA and elliptic curves are accepted")
    elif key.curve.key_size < MIN_CURVE_BITS:
        raise errors.WeakKey(f"curves need {MIN_CURVE_BITS} bits, this one has {key.curve.key_size}")
    if isinstance(certificate.signature_hash_algorithm, hashes.SHA1 | hashes.MD5):
        raise errors.WeakKey("the certificate was signed with a broken hash")


def _ensure_fit(certificate: x509.Certificate) -> None:
    extensions = certificate.extensions
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as error:
        raise errors.KeyUsageUnfit("the certificate names no key usage") from error
    if not (usage.digital_signature or usage.content_commitment):
        raise errors.KeyUsageUnfit("the key usage is neither digitalSignature nor nonRepudiation")
    fault = tell_purpose_fault(certificate)
    if fault:
        raise errors.KeyUsageUnfit(fault)


def tell_purpose_fault(certificate: x509.Certificate) -> str:
    """Why this is no certificate to sign documents with, whatever its key usage: a CA's, or issued for a server, a
    responder, a time-stamping unit or programs. Empty: it may. :raises ValueError: its extensions are malformed"""
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.BasicConstraints) and extension.value.ca:
            return "the certificate is a CA's"
        if isinstance(extension.value, x509.ExtendedKeyUsage) and not _FIT_PURPOSES & set(extension.value):
            return "the extended key usage is not for documents"
    return ""


def tell_stamping_fault(certificate: x509.Certificate) -> str:
    """Why this is no certificate of a time-stamping unit (RFC 3161 2.3): that is its one purpose, and said to be
    critical, and its key signs. Empty: it is one. :raises ValueError: its extensions are malformed"""
    purposes: list[x509.ObjectIdentifier] = []
    for extension in certificate.extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints) and value.ca:
            return "the certificate is a CA's"
        if isinstance(value, x509.KeyUsage) and not (value.digital_signature or value.content_commitment):
            return "the key usage is neither digitalSignature nor nonRepudiation"
        if isinstance(value, x509.ExtendedKeyUsage) and extension.critical:
            purposes = list(value)
    return "" if purposes == [ExtendedKeyUsageOID.TIME_STAMPING] else "time stamps are not its one, critical purpose"


def _ensure_numbered(certificate: x509.Certificate) -> None:
    """RFC 5280 4.1.2.2; lists and responses name certificates by this number, and libraries stumble over others."""
    if to_asn1(certificate).serial_number < 1:
        raise errors.CertificateUntrusted("the serial number is not positive")


def _ensure_not_listed(certificate: x509.Certificate, trust: TrustStore, now: datetime) -> None:
    for crl in _lists_of_issuer(certificate, trust):
        entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if entry is not None and entry.revocation_date_utc <= now:
            raise errors.CertificateRevoked(entry.revocation_date_utc, _reason(entry))


def _lists_of_issuer(
    certificate: x509.Certificate, trust: TrustStore
) -> Iterator[x509.CertificateRevocationList]:
    """The CRLs in the store that the certificate's issuer really signed, current or not."""
    authorities = [
        one for one in (*trust.anchors, *trust.intermediates) if one.subject == certificate.issuer
    ]
    for der in trust.crls:
        crl = x509.load_der_x509_crl(der)
        if crl.issuer == certificate.issuer and any(_is_signed_by(crl, one) for one in authorities):
            yield crl


def _is_signed_by(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    key = authority.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return False
    try:
        return crl.is_signature_valid(key)
    except (InvalidSignature, TypeError, ValueError):
        return False


def _reason(entry: x509.RevokedCertificate) -> str:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except x509.ExtensionNotFound:
        return x509.ReasonFlags.unspecified.value


def _ensure_trusted(certificate: x509.Certificate, trust: TrustStore, now: datetime) -> None:
    try:
        _validate_path(certificate, trust, now, "none")
    except (validator_errors.PathError, validator_errors.ValidationError) as error:
        raise errors.CertificateUntrusted("no valid chain to a trust anchor") from error
    try:
        _validate_path(certificate, trust, now, "require")
    except validator_errors.RevokedError as error:
        if error.is_ee_cert:
            raise errors.CertificateRevoked(error.revocation_dt, error.reason.native) from error
        raise errors.CertificateUntrusted("a CA's certificate in the chain is revoked") from error
    except validator_errors.ValidationError:
        return  # revocation data is missing or out of date, which is not the signer's fault


def _validate_path(certificate: x509.Certificate, trust: TrustStore, now: datetime, revocation: str) -> None:
    context = ValidationContext(
        trust_roots=[to_asn1(one) for one in trust.anchors],
        moment=now,
        allow_fetching=False,
        crls=trust.crls,
        ocsps=trust.ocsps,
        revocation_mode=revocation,
    )
    validator = CertificateValidator(
        to_asn1(certificate), [to_asn1(one) for one in trust.intermediates], validation_context=context
    )
    run_sync(validator.async_validate_usage(set()))  # type: ignore[no-untyped-call]
