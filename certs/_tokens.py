"""Time-stamp tokens (RFC 3161) of one authority: put together from a first one, and taken apart again.

They differ in imprint, serial number, time, nonce and signature; everything else is copied.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from certs._der import (
    CONTEXT_0,
    GENERALIZED_TIME,
    INTEGER,
    OCTETS,
    SEQUENCE,
    SET,
    UTC_TIME,
    Element,
    NotDer,
    encode,
    read_element,
)

_DIGEST_TYPE: Final = bytes.fromhex("06092a864886f70d010904")
_TIME_TYPE: Final = bytes.fromhex("06092a864886f70d010905")
_ALGORITHMS: Final = {
    bytes.fromhex("0609608648016503040201"): "sha256",
    bytes.fromhex("0609608648016503040202"): "sha384",
    bytes.fromhex("0609608648016503040203"): "sha512",
}
_NULL: Final = b"\x05\x00"
_MOMENT: Final = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z")


@dataclass(frozen=True)
class StampParts:
    """What is one token's own, as whole DER elements (``nonce`` and ``signing_time`` empty where there is none)
    and the signature's value."""

    imprint: bytes
    serial: bytes
    moment: bytes
    nonce: bytes
    signing_time: bytes
    signature: bytes

    @property
    def at(self) -> datetime:
        """The token's time (UTC). :raises NotDer: it is no time in whole seconds"""
        found = _MOMENT.fullmatch(read_element(self.moment).expect(GENERALIZED_TIME).content)
        if found is None:
            raise NotDer("a time that is not in whole seconds")
        try:
            return datetime(*(int(group) for group in found.groups()), tzinfo=UTC)  # type: ignore[misc, arg-type]
        except ValueError as error:
            raise NotDer("no such time") from error


@dataclass(frozen=True)
class TokenTemplate:
    """The rest. ``attributes`` are the signed ones, and None stands where digest or time belong."""

    content_type: bytes
    head: bytes
    info_type: bytes
    behind_info: bytes
    info_before: bytes
    info_between: bytes
    info_after: bytes
    signer_head: bytes
    attributes: tuple[bytes, ...]
    algorithm: bytes
    digest: str

    def info_of(self, parts: StampParts) -> bytes:
        """The TSTInfo."""
        return encode(SEQUENCE, self.info_before, parts.imprint, parts.serial, parts.moment, self.info_between,
                      parts.nonce, self.info_after)

    def attributes_of(self, parts: StampParts) -> bytes:
        """The signed attributes, a DER SET: what the authority signs."""
        return self._attributes(parts, self.info_of(parts))

    def _attributes(self, parts: StampParts, info: bytes) -> bytes:
        digest = hashlib.new(self.digest, info).digest()
        own = {_DIGEST_TYPE: encode(OCTETS, digest), _TIME_TYPE: parts.signing_time}
        return encode(SET, *[encode(SEQUENCE, one, encode(SET, own[one])) if one in own else one
                             for one in self.attributes])

    def assemble(self, parts: StampParts) -> bytes:
        """The token."""
        info = self.info_of(parts)
        signer = encode(SEQUENCE, self.signer_head, bytes((CONTEXT_0,)) + self._attributes(parts, info)[1:],
                        self.algorithm, encode(OCTETS, parts.signature))
        content = encode(SEQUENCE, self.info_type, encode(CONTEXT_0, encode(OCTETS, info)))
        signed = encode(SEQUENCE, self.head, content, self.behind_info, encode(SET, signer))
        return encode(SEQUENCE, self.content_type, encode(CONTEXT_0, signed))

    def take_apart(self, token: bytes) -> StampParts:
        """The parts of a token. :raises NotDer: it is not exactly what :meth:`assemble` makes of them"""
        parts = read_parts(token)
        if self.assemble(parts) != token:
            raise NotDer("the token has something of its own")
        return parts


def read_parts(token: bytes) -> StampParts:
    """The parts of a token, whatever else is in it. :raises NotDer: it is none, or has unsigned attributes"""
    return _split(token)[1]


def split_token(token: bytes) -> tuple[TokenTemplate, StampParts]:
    """Template and parts of one token.

    :raises NotDer: it has several signers, unsigned attributes, or a digest that is not that of its content
    """
    template, parts = _split(token)
    if template.assemble(parts) != token:
        raise NotDer("the token is put together in another way")
    return template, parts


def _split(token: bytes) -> tuple[TokenTemplate, StampParts]:
    content_type, content = _children(read_element(token).expect(SEQUENCE), 2)
    *before, signers = _children(content.expect(CONTEXT_0), 1)[0].expect(SEQUENCE).children()
    if len(before) < 3:
        raise NotDer("no SignedData")
    info_type, wrapped = _children(before[2].expect(SEQUENCE), 2)
    octets = _children(wrapped.expect(CONTEXT_0), 1)[0].expect(OCTETS)
    info = read_element(octets.content).expect(SEQUENCE).children()
    if len(info) < 5:
        raise NotDer("no TSTInfo")
    nonce = [one for one in info[5:] if one.tag == INTEGER]
    rest = [one for one in info[5:] if one.tag != INTEGER]
    signer = _children(_children(signers.expect(SET), 1)[0].expect(SEQUENCE), 6)
    attributes, times = _split_attributes(signer[3].expect(CONTEXT_0))
    parts = StampParts(
        imprint=info[2].whole, serial=info[3].expect(INTEGER).whole, moment=info[4].whole,
        nonce=nonce[0].whole if nonce else b"", signing_time=times[0] if times else b"",
        signature=signer[5].expect(OCTETS).content)
    template = TokenTemplate(
        content_type=content_type.whole,
        head=_join(before[:2]), info_type=info_type.whole, behind_info=_join(before[3:]),
        info_before=_join(info[:2]),
        info_between=_join([one for one in rest if one.tag < CONTEXT_0]),
        info_after=_join([one for one in rest if one.tag >= CONTEXT_0]),
        signer_head=_join(signer[:3]), attributes=attributes, algorithm=signer[4].whole,
        digest=_name_of(signer[2]))
    return template, parts


def with_moment(parts: StampParts, at: datetime) -> StampParts:
    """The same at another time (aware; whole seconds are kept)."""
    text = at.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode("ascii")
    return replace(parts, moment=encode(GENERALIZED_TIME, text),
                   signing_time=encode(UTC_TIME, text[2:]) if parts.signing_time else b"")


def imprint_of(imprint: bytes) -> tuple[str, bytes]:
    """Algorithm and digest of a MessageImprint. :raises NotDer: another algorithm than SHA-2's, or a wrong length"""
    algorithm, digest = _children(read_element(imprint).expect(SEQUENCE), 2)
    name = _name_of(algorithm)
    if len(digest.expect(OCTETS).content) != hashlib.new(name).digest_size:
        raise NotDer("the digest has not the length of its algorithm")
    return name, digest.content


def _split_attributes(attributes: Element) -> tuple[tuple[bytes, ...], list[bytes]]:
    found: list[bytes] = []
    times: list[bytes] = []
    for attribute in attributes.children():
        kind, values = _children(attribute.expect(SEQUENCE), 2)
        if kind.whole == _TIME_TYPE:
            times.append(_children(values.expect(SET), 1)[0].whole)
        found.append(kind.whole if kind.whole in {_DIGEST_TYPE, _TIME_TYPE} else attribute.whole)
    if found.count(_DIGEST_TYPE) != 1 or len(times) > 1:
        raise NotDer("odd signed attributes")
    return tuple(found), times


def _name_of(algorithm: Element) -> str:
    kind, *parameters = algorithm.expect(SEQUENCE).children() or [algorithm]
    name = _ALGORITHMS.get(kind.whole)
    if name is None or [one.whole for one in parameters] not in ([], [_NULL]):
        raise NotDer("another hash algorithm than SHA-2")
    return name


def _children(element: Element, count: int) -> list[Element]:
    found = element.children()
    if len(found) != count:
        raise NotDer("not as many elements as there should be")
    return found


def _join(elements: list[Element]) -> bytes:
    return b"".join([one.whole for one in elements])
