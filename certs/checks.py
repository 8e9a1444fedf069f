"""Refuse a signature before it is made, with the one reason that helps the signer."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509

from certs.trust import TrustStore
from certs.vault import PrivateKey


def ensure_can_sign(
    certificate: x509.Certificate, key: PrivateKey | None, trust: TrustStore, now: datetime
) -> None:
    """Let pass only a certificate that a careful reader would accept for a document signed now.

    :param key: the opened private key, or None where only the certificate is at hand (listing, warning ahead)
    :raises CertificateExpired: :raises CertificateNotYetValid: by the certificate's dates
    :raises CertificateRevoked: named in a CRL of its issuer in ``trust``
    :raises KeyUsageUnfit: lacks digitalSignature/nonRepudiation, has an unfit EKU, or is a CA's
    :raises KeyMismatch: the key is another one
    :raises CertificateUntrusted: no valid chain to an anchor
    :raises WeakKey: RSA under 2048 bits, a curve under 256, or signed with SHA-1 or MD5
    """
    raise NotImplementedError
