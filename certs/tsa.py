"""A time-stamp authority (RFC 3161, RFC 5816) that answers in the process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa


class TimeStampService(Protocol):
    """Whatever answers a DER TimeStampReq with a DER TimeStampResp."""

    def respond(self, request_der: bytes, now: datetime) -> bytes:
        """Answer a request; a refusal is a response too (PKIStatus rejection)."""
        ...


@dataclass(frozen=True)
class TimeStampAuthority:
    """A time-stamp unit: its certificate, key, and the CA certificates that go along when asked for.

    :raises ValueError: the certificate's only extended key usage is not critical timeStamping, or the key
        is not its own
    """

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    chain: tuple[x509.Certificate, ...] = ()
    policy: str = "2.25.231905274608347219"
    accuracy_seconds: int = 1

    def respond(self, request_der: bytes, now: datetime) -> bytes:
        """Answer a DER TimeStampReq with a DER TimeStampResp whose genTime is ``now``.

        Malformed requests, unknown hash algorithms or policies, a digest of the wrong length and unknown
        critical extensions get PKIStatus ``rejection`` with the fitting PKIFailureInfo; nothing is raised.
        """
        raise NotImplementedError
