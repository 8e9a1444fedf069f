"""Signature containers (CMS, RFC 5652) of one signer, put together from one that pyHanko made.

They differ in the digest among the signed attributes, the signature and the time stamp, and in the lengths around
them; everything else is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from certs._aio import run_sync
from certs._der import (
    CONTEXT_0,
    CONTEXT_1,
    OCTETS,
    SEQUENCE,
    SET,
    Element,
    NotDer,
    encode,
    read_element,
    read_first,
)
from certs.signer import ChainSigner, digest_algorithm_of, encode_container

DIGEST_BYTES: Final = {"sha256": 32, "sha384": 48, "sha512": 64}
_DIGEST_TYPE: Final = bytes.fromhex("06092a864886f70d010904")  # id-messageDigest
_STAMP_TYPE: Final = bytes.fromhex("060b2a864886f70d010910020e")  # id-aa-timeStampToken
_ANY_SIGNATURE: Final = b"\x01" * 64


@dataclass(frozen=True)
class Parts:
    """What is one container's own: the signed attributes (a DER SET), the signature value, the time-stamp token
    (empty without one)."""

    attributes: bytes
    signature: bytes
    token: bytes = b""


@dataclass(frozen=True)
class ContainerTemplate:
    """The rest: elements before the signer information and in it, and the signed attributes around the digest."""

    content_type: bytes
    head: bytes
    signer_head: bytes
    algorithm: bytes
    attributes_before: bytes
    attributes_after: bytes
    digest_algorithm: str

    def attributes_for(self, digest: bytes) -> bytes:
        """The signed attributes of a document with this digest: what is signed."""
        if len(digest) != DIGEST_BYTES[self.digest_algorithm]:
            raise ValueError("the digest has not the length of its algorithm")
        return self.attributes_before + digest + self.attributes_after

    def assemble(self, parts: Parts) -> bytes:
        """The container, DER."""
        unsigned = b""
        if parts.token:
            unsigned = encode(CONTEXT_1, encode(SEQUENCE, _STAMP_TYPE, encode(SET, parts.token)))
        signer = encode(
            SEQUENCE, self.signer_head, bytes((CONTEXT_0,)) + parts.attributes[1:], self.algorithm,
            encode(OCTETS, parts.signature), unsigned)
        signed = encode(SEQUENCE, self.head, encode(SET, signer))
        return encode(SEQUENCE, self.content_type, encode(CONTEXT_0, signed))

    def take_apart(self, space: bytes) -> Parts:
        """The parts of the container at the beginning of a reserved space.

        :raises NotDer: it is not exactly what :meth:`assemble` makes of these parts, with zeros behind
        """
        container = read_first(space)
        signer, _ = _signer_of(container)
        attributes, signature = signer[3].expect(CONTEXT_0), signer[5].expect(OCTETS)
        token = _token_of(signer[6]) if len(signer) == 7 else b""
        parts = Parts(bytes((SET,)) + attributes.whole[1:], signature.content, token)
        if self.assemble(parts) != container.whole or space[container.end :].strip(b"\0"):
            raise NotDer("the container has something of its own")
        return parts


def make_template(certificate: x509.Certificate, chain: Sequence[x509.Certificate]) -> ContainerTemplate:
    """Let pyHanko make a container, and keep all that does not depend on the document."""
    algorithm = digest_algorithm_of(certificate)
    digest = b"\xa5" * DIGEST_BYTES[algorithm]
    made = run_sync(_DrySigner(certificate, chain).async_sign(
        data_digest=digest, digest_algorithm=algorithm, use_pades=True))
    container = read_element(encode_container(made))
    signer, before = _signer_of(container)
    attributes = bytes((SET,)) + signer[3].expect(CONTEXT_0).whole[1:]
    place = _DIGEST_TYPE + encode(SET, encode(OCTETS, digest))
    at = attributes.find(place)
    if at < 0 or attributes.count(digest) != 1:
        raise NotDer("the digest is not where it belongs")
    at += len(place) - len(digest)
    return ContainerTemplate(
        content_type=container.children()[0].whole,
        head=b"".join([one.whole for one in before]),
        signer_head=b"".join([one.whole for one in signer[:3]]),
        algorithm=signer[4].whole,
        attributes_before=attributes[:at],
        attributes_after=attributes[at + len(digest) :],
        digest_algorithm=algorithm,
    )


def _signer_of(container: Element) -> tuple[list[Element], list[Element]]:
    """Elements of the only signer information, and those before the signer informations."""
    parts = container.expect(SEQUENCE).children()
    if len(parts) != 2:
        raise NotDer("no ContentInfo")
    *before, signers = read_children(parts[1].expect(CONTEXT_0), 1)[0].expect(SEQUENCE).children()
    signer = read_children(signers.expect(SET), 1)[0].expect(SEQUENCE).children()
    if len(signer) not in {6, 7}:
        raise NotDer("an odd signer information")
    return signer, before


def _token_of(unsigned: Element) -> bytes:
    kind, values = read_children(read_children(unsigned.expect(CONTEXT_1), 1)[0].expect(SEQUENCE), 2)
    if kind.whole != _STAMP_TYPE:
        raise NotDer("an unknown unsigned attribute")
    return read_children(values.expect(SET), 1)[0].whole


def read_children(element: Element, count: int) -> list[Element]:
    """The children. :raises NotDer: there are more or fewer"""
    found = element.children()
    if len(found) != count:
        raise NotDer("not as many elements as there should be")
    return found


class _DrySigner(ChainSigner):
    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        return _ANY_SIGNATURE
