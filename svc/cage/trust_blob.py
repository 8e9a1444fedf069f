"""A trust store as bytes with a name, so that a worker that knows it already need not be told again."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs.algorithms import read_ends
from certs.trust import TrustStore

_ITEM = struct.Struct("!BI")
_KINDS = 6
_ANCHOR, _INTERMEDIATE, _TSA, _CRL, _OCSP, _ENDS = range(_KINDS)


@dataclass(frozen=True)
class TrustBlob:
    """``name`` is the SHA-256 of ``data``."""

    name: str
    data: bytes


def write_trust(trust: TrustStore) -> TrustBlob:
    """All certificates and lists, DER, and the ends of algorithms, each with its kind and length."""
    data = b"".join(_ITEM.pack(kind, len(der)) + der for kind, der in _items(trust))
    return TrustBlob(hashlib.sha256(data).hexdigest(), data)


def read_trust(data: bytes) -> TrustStore:
    """The store again. :raises ValueError: not what :func:`write_trust` writes"""
    found: dict[int, list[bytes]] = {kind: [] for kind in range(_KINDS)}
    at = 0
    while at < len(data):
        try:
            kind, length = _ITEM.unpack_from(data, at)
            found[kind].append(data[at + _ITEM.size:at + _ITEM.size + length])
        except (struct.error, KeyError) as error:
            raise ValueError("not a trust store") from error
        at += _ITEM.size + length
    certificates = {kind: tuple(x509.load_der_x509_certificate(der) for der in found[kind])
                    for kind in (_ANCHOR, _INTERMEDIATE, _TSA)}
    return TrustStore(certificates[_ANCHOR], certificates[_INTERMEDIATE], certificates[_TSA],
                      tuple(found[_CRL]), tuple(found[_OCSP]), read_ends(b"".join(found[_ENDS]).decode()))


def _items(trust: TrustStore) -> Iterator[tuple[int, bytes]]:
    for kind, certificates in ((_ANCHOR, trust.anchors), (_INTERMEDIATE, trust.intermediates),
                               (_TSA, trust.tsa_anchors)):
        for certificate in certificates:
            yield kind, certificate.public_bytes(Encoding.DER)
    for kind, lists in ((_CRL, trust.crls), (_OCSP, trust.ocsps)):
        for der in lists:
            yield kind, der
    if trust.ends.days:
        yield _ENDS, str(trust.ends).encode()
