"""Revocation lists and OCSP responses as they come from a network: believed only if the right authority signed them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs import errors
from certs.revocation import find_issuer, fingerprint

_LONGEST_CHAIN = 10
_TOLERANCE = timedelta(minutes=5)


class RevocationAnswerRefused(errors.CertsError):
    """What came is no list or response of that authority about that certificate."""

    code: ClassVar[str] = "revocation_answer_refused"


@dataclass(frozen=True)
class RevocationAnswer:
    """A genuine list (``kind`` crl) or response (ocsp), DER. ``issuer`` is the authority's name (RFC 4514);
    ``serial`` the certificate's in hexadecimal, for responses only."""

    kind: str
    der: bytes
    issuer: str
    serial: str
    issued_at: datetime
    next_at: datetime | None


@dataclass(frozen=True)
class Link:
    """A certificate with the authority that issued it."""

    certificate: x509.Certificate
    issuer: x509.Certificate


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may issue certificates (RFC 5280 4.2.1.9)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def chain_to_anchor(
    leaf: x509.Certificate, pool: Iterable[x509.Certificate], anchors: Iterable[x509.Certificate]
) -> tuple[Link, ...]:
    """The links from ``leaf`` up to an anchor; empty where it leads to none (and for an anchor itself)."""
    ends = {fingerprint(one) for one in anchors}
    authorities = [one for one in pool if is_authority(one)]
    links: list[Link] = []
    current = leaf
    while fingerprint(current) not in ends:
        issuer = find_issuer(current, authorities)
        if issuer is None or len(links) >= _LONGEST_CHAIN:
            return ()
        links.append(Link(current, issuer))
        current = issuer
    return tuple(links)


def read_list(data: bytes, issuer: x509.Certificate, now: datetime) -> RevocationAnswer:
    """A CRL (DER or PEM) of that authority (RFC 5280 6.3.3).

    :raises RevocationAnswerRefused: not a list, another's, dated in the future, or not signed by it
    """
    try:
        crl = x509.load_pem_x509_crl(data) if data.startswith(b"-----") else x509.load_der_x509_crl(data)
        der = crl.public_bytes(Encoding.DER)
        key = issuer.public_key()
        if crl.issuer != issuer.subject:
            raise RevocationAnswerRefused("the list is another authority's")
        if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) or not crl.is_signature_valid(key):
            raise RevocationAnswerRefused("the list is not signed by its authority")
        issued_at, next_at = crl.last_update_utc, crl.next_update_utc
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise RevocationAnswerRefused(f"not a list: {type(error).__name__}") from error
    _ensure_past(issued_at, now)
    return RevocationAnswer("crl", der, issuer.subject.rfc4514_string(), "", issued_at, next_at)


def ask_status(link: Link) -> bytes:
    """An OCSP request (RFC 6960), DER, about one certificate; SHA-1 names it, which every responder knows."""
    builder = ocsp.OCSPRequestBuilder().add_certificate(link.certificate, link.issuer, hashes.SHA1())  # noqa: S303
    return builder.build().public_bytes(Encoding.DER)


def read_status(data: bytes, link: Link, now: datetime) -> RevocationAnswer:
    """An OCSP response about that certificate, signed by its issuer or the issuer's delegate (RFC 6960 4.2.2.2).

    :raises RevocationAnswerRefused: no answer, about another certificate, from the future, or not signed by them
    """
    try:
        response = ocsp.load_der_ocsp_response(data)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise RevocationAnswerRefused(f"the responder says {response.response_status.name.lower()}")
        digest = hashes.Hash(response.hash_algorithm)
        digest.update(link.issuer.subject.public_bytes())
        if (response.serial_number != link.certificate.serial_number
                or response.issuer_name_hash != digest.finalize()
                or response.certificate_status is ocsp.OCSPCertStatus.UNKNOWN):
            raise RevocationAnswerRefused("the response says nothing of this certificate")
        signers = [link.issuer, *(one for one in response.certificates if _is_delegate(one, link.issuer, now))]
        if not any(_is_signed_by(response, one) for one in signers):
            raise RevocationAnswerRefused("the response is not signed by the authority or its delegate")
        issued_at, next_at = response.this_update_utc, response.next_update_utc
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise RevocationAnswerRefused(f"not a response: {type(error).__name__}") from error
    _ensure_past(issued_at, now)
    return RevocationAnswer("ocsp", data, link.issuer.subject.rfc4514_string(),
                            f"{link.certificate.serial_number:x}", issued_at, next_at)


def _ensure_past(issued_at: datetime, now: datetime) -> None:
    if issued_at > now + _TOLERANCE:
        raise RevocationAnswerRefused("it is dated in the future")


def _is_delegate(certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        certificate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature):
        return False
    return (ExtendedKeyUsageOID.OCSP_SIGNING in purposes
            and certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc)


def _is_signed_by(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, algorithm = signer.public_key(), response.signature_hash_algorithm
    if algorithm is None:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))
        else:
            return False
    except InvalidSignature:
        return False
    return True
