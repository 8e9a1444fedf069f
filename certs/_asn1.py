"""Between the two certificate types in use: cryptography's outside, asn1crypto's at pyHanko."""

from __future__ import annotations

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding


def to_asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    """The same certificate as asn1crypto's type."""
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
