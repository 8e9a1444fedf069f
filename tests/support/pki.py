"""Certificates that the service itself does not issue in this form."""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.ca import Issued, generate_signer_key
from certs.profiles import authority_extensions, end_entity_extensions, key_usage
from certs.tsa import TimeStampAuthority


def issue_tsa(root: Issued, at: datetime, days: int = 1825) -> TimeStampAuthority:
    """A further time-stamp unit of a root, valid from ``at`` and never longer than the root."""
    key = generate_signer_key()
    start = at.replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Contoh TSA {start.year}")]))
        .issuer_name(root.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(min(start + timedelta(days=days), root.certificate.not_valid_after_utc))
    )
    builder = authority_extensions(builder, key.public_key(), root.key.public_key())
    builder = end_entity_extensions(builder, key_usage(digital_signature=True), [ExtendedKeyUsageOID.TIME_STAMPING])
    return TimeStampAuthority(builder.sign(root.key, hashes.SHA256()), key, (root.certificate,))
