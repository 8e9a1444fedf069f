"""Work that every validation with the same trust does, done ahead by a process whose children will validate."""

from __future__ import annotations

from itertools import product

from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko_certvalidator.errors import AlgorithmNotSupported, DSAParametersUnavailable, PSSParameterMismatch

from certs._asn1 import known_certificate, known_crl
from certs._remembered import RememberingValidator
from certs.knowledge import ensure_readable
from certs.trust import TrustStore

# Nothing is decided here: what fails now fails again, and counts, when a document is validated.
_OF_NO_CONSEQUENCE = (
    InvalidSignature, UnsupportedAlgorithm, AlgorithmNotSupported, DSAParametersUnavailable, PSSParameterMismatch,
    ValueError, TypeError, AssertionError,
)


def warm(trust: TrustStore) -> None:
    """Parse what the store brings and verify what its authorities signed, for this thread and its forks.

    :raises ValueError: a list or response in ``trust`` is not DER
    """
    ensure_readable(trust)
    everybody = (*trust.anchors, *trust.intermediates, *trust.tsa_anchors)
    authorities = [known_certificate(one.public_bytes(Encoding.DER)) for one in dict.fromkeys(everybody)]
    lists = [known_crl(der) for der in trust.crls]
    for authority in authorities:
        _attempt(authority, None)
    for authority, signed in product(authorities, [*authorities, *lists]):
        _attempt(authority, signed)


def _attempt(authority: asn1_x509.Certificate, signed: asn1_x509.Certificate | asn1_crl.CertificateList | None) -> None:
    try:
        if signed is None:
            _read(authority)
        elif signed.issuer == authority.subject:
            _verify(authority, signed)
    except _OF_NO_CONSEQUENCE:
        return


def _read(authority: asn1_x509.Certificate) -> None:
    """asn1crypto parses when it is asked: ask what pyHanko will."""
    _ = (authority.subject.hashable, authority.issuer.hashable, authority.subject.sha256, authority.issuer.sha256,
         authority.critical_extensions, authority.issuer_serial, authority.public_key.native,
         authority.not_valid_before, authority.not_valid_after, authority.self_issued)


def _verify(authority: asn1_x509.Certificate, signed: asn1_x509.Certificate | asn1_crl.CertificateList) -> None:
    is_list = isinstance(signed, asn1_crl.CertificateList)
    signature, content = ("signature", "tbs_cert_list") if is_list else ("signature_value", "tbs_certificate")
    if is_list:
        _ = (signed.critical_extensions, signed.issuer.hashable, len(signed[content]["revoked_certificates"]))
    RememberingValidator().validate_signature(
        signed[signature].native, signed[content].dump(), authority.public_key, signed["signature_algorithm"])
