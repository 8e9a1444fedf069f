"""asn1crypto's types: conversions, and values that keep the bytes they were made of.

asn1crypto 1.5 never forgets that a structure was built from parts, encodes such a one three times a level, and
takes every length whose last byte is 0x80 for an indefinite one, which makes it encode everything below anew.
Together that turns one signature in some dozens into half a minute's work. A frozen value answers ``dump`` with
its bytes at once, and so stops both.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Self, TypeVar

from asn1crypto import cms, crl, ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding


class _Frozen:
    """Mixed in before an asn1crypto class: read it, don't change it."""

    encoded: bytes

    def dump(self, force: bool = False) -> bytes:
        return self.encoded

    def untag(self) -> Self:
        """Itself: it stands alone, without a tag of its place, and need not be copied to be read."""
        return self


class FrozenCertificate(_Frozen, asn1_x509.Certificate):  # type: ignore[misc]
    """A certificate that is never encoded again."""


class FrozenContentInfo(_Frozen, cms.ContentInfo):  # type: ignore[misc]
    """A CMS ContentInfo that is never encoded again."""


class FrozenSignerInfo(_Frozen, cms.SignerInfo):  # type: ignore[misc]
    """A CMS SignerInfo that is never encoded again."""


class FrozenList(_Frozen, crl.CertificateList):  # type: ignore[misc]
    """A CRL that is never encoded again."""


class FrozenResponse(_Frozen, ocsp.OCSPResponse):  # type: ignore[misc]
    """An OCSP response that is never encoded again."""


def to_asn1(certificate: x509.Certificate) -> FrozenCertificate:
    """The same certificate as asn1crypto's type."""
    return _freeze_certificate(certificate.public_bytes(Encoding.DER))


def _freeze_certificate(encoded: bytes) -> FrozenCertificate:
    frozen: FrozenCertificate = FrozenCertificate.load(encoded)
    frozen.encoded = encoded
    return frozen


def freeze_content(encoded: bytes) -> FrozenContentInfo:
    """A ContentInfo of these DER bytes."""
    frozen: FrozenContentInfo = FrozenContentInfo.load(encoded)
    frozen.encoded = encoded
    return frozen


def freeze_signer(signer: cms.SignerInfo) -> FrozenSignerInfo:
    """The same SignerInfo, encoded once."""
    encoded = bytes(signer.dump())
    frozen: FrozenSignerInfo = FrozenSignerInfo.load(encoded)
    frozen.encoded = encoded
    return frozen


def freeze_crl(encoded: bytes) -> FrozenList:
    """A CRL of these DER bytes. :raises ValueError: they are none"""
    frozen: FrozenList = FrozenList.load(encoded, strict=True)
    frozen.encoded = encoded
    return frozen


def freeze_ocsp(encoded: bytes) -> FrozenResponse:
    """An OCSP response of these DER bytes. :raises ValueError: they are none"""
    frozen: FrozenResponse = FrozenResponse.load(encoded, strict=True)
    frozen.encoded = encoded
    return frozen


_T = TypeVar("_T")
_KEPT = 256  # values a thread
_KEPT_BYTES = 65_536  # each; a list of many thousand revocations is read anew


class _Known(threading.local):
    """What this thread has parsed. Never another's: asn1crypto parses while it is read, without a lock."""

    def __init__(self) -> None:
        self.values: OrderedDict[tuple[str, bytes], object] = OrderedDict()


_known = _Known()


def _recall(kind: str, encoded: bytes, parse: Callable[[bytes], _T]) -> _T:
    if len(encoded) > _KEPT_BYTES:
        return parse(encoded)
    key, values = (kind, encoded), _known.values
    found = values.get(key)
    if found is None:
        found = values[key] = parse(encoded)
        if len(values) > _KEPT:
            values.popitem(last=False)
    else:
        values.move_to_end(key)
    return found  # type: ignore[return-value]  # the kind says which


def known_certificate(encoded: bytes) -> FrozenCertificate:
    """A certificate that a trust store or a file brings, parsed once a thread. Only to be read."""
    return _recall("certificate", encoded, _freeze_certificate)


def recall_certificate(encoded: bytes) -> FrozenCertificate | None:
    """The certificate of these bytes, if :func:`known_certificate` gave it to this thread. Only to be read."""
    found = _known.values.get(("certificate", encoded))
    return found if isinstance(found, FrozenCertificate) else None


def known_crl(encoded: bytes) -> FrozenList:
    """As :func:`freeze_crl`, once a thread. Only to be read. :raises ValueError: no CRL"""
    return _recall("crl", encoded, freeze_crl)


def known_ocsp(encoded: bytes) -> FrozenResponse:
    """As :func:`freeze_ocsp`, once a thread. Only to be read. :raises ValueError: no OCSP response"""
    return _recall("ocsp", encoded, freeze_ocsp)
