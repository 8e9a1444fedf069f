"""What a validation trusts and knows: anchors, intermediates and revocation data, as one frozen value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs.algorithms import NO_ENDS, AlgorithmEnds


@dataclass(frozen=True)
class TrustStore:
    """Trust anchors and what helps to reach them.

    :param anchors: roots (or issuing CAs) trusted for signers' certificates
    :param intermediates: further CA certificates, known but not trusted by themselves
    :param tsa_anchors: roots trusted for time stamps; empty means: the same as ``anchors``
    :param crls: certificate revocation lists, DER
    :param ocsps: OCSP responses (RFC 6960 ``OCSPResponse``), DER
    :param ends: when algorithms end that signatures and time stamps rest on; none by itself
    """

    anchors: tuple[x509.Certificate, ...]
    intermediates: tuple[x509.Certificate, ...] = ()
    tsa_anchors: tuple[x509.Certificate, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    ends: AlgorithmEnds = NO_ENDS

    def with_revocation(self, crls: Iterable[bytes] = (), ocsps: Iterable[bytes] = ()) -> TrustStore:
        """The same store that also knows these lists and responses."""
        return replace(self, crls=(*self.crls, *crls), ocsps=(*self.ocsps, *ocsps))

    @property
    def timestamp_anchors(self) -> tuple[x509.Certificate, ...]:
        """Anchors for time stamps: ``tsa_anchors``, or ``anchors`` where none are given."""
        return self.tsa_anchors or self.anchors

    @cached_property
    def anchors_der(self) -> tuple[bytes, ...]:
        """``anchors``, DER, encoded once a store."""
        return _encode(self.anchors)

    @cached_property
    def timestamp_anchors_der(self) -> tuple[bytes, ...]:
        """``timestamp_anchors``, DER, encoded once a store."""
        return _encode(self.timestamp_anchors)

    @cached_property
    def intermediates_der(self) -> tuple[bytes, ...]:
        """``intermediates``, DER, encoded once a store."""
        return _encode(self.intermediates)


def _encode(certificates: Iterable[x509.Certificate]) -> tuple[bytes, ...]:
    return tuple(one.public_bytes(Encoding.DER) for one in certificates)
