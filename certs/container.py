"""Whether a signature's container (RFC 5652) is built as one, with nothing in it that no reader looks for.

asn1crypto, and so pyHanko, passes over elements behind those that a structure has; others refuse such a container, or
see something else in it. Here each element must have its place. What RFC 5652 leaves open stays open: attributes and
certificates that nobody knows, and BER where DER was asked for (ISO 32000-2, 12.8.3.3), which many signers write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from asn1crypto import cms, core
from asn1crypto import parser as asn1_parser

_INTEGER, _OCTETS, _OID, _SEQUENCE, _SET = (0, 2), (0, 4), (0, 6), (0, 16), (0, 17)
_FIRST, _SECOND = (2, 0), (2, 1)  # [0], [1]
_MOST = 200  # elements of one list; no honest one comes near
_REFERENCES = frozenset({"signing_certificate", "signing_certificate_v2"})


class _Misbuilt(ValueError):
    """The container is not built as one."""


class _Element(NamedTuple):
    kind: tuple[int, int]
    content: bytes


def tell_form_fault(container: bytes) -> str:
    """What is wrong with the form of a signature's container (bytes behind it are not looked at); empty: nothing."""
    try:
        _check_container(container)
    except _Misbuilt as fault:
        return str(fault)
    except ValueError as error:  # asn1crypto's
        return f"no ASN.1 ({error})"
    return ""


def names_its_certificate(signer_info: cms.SignerInfo) -> bool:
    """Whether what is signed says by which certificate (ETSI EN 319 122-1, 5.2.2): without that, any other certificate
    for the same key could be put in its place."""
    attributes = signer_info["signed_attrs"]
    return attributes is not core.VOID and any(one["type"].native in _REFERENCES for one in attributes)


def _check_container(container: bytes) -> None:
    outer = _fixed(_read(container).content, "ContentInfo", [_OID, _FIRST])
    (data,) = _fixed(outer[1].content, "ContentInfo", [_SEQUENCE])
    parts = _elements(data.content)
    kinds = [one.kind for one in parts]
    optional = [one for one in (_FIRST, _SECOND) if one in kinds]
    if kinds != [_INTEGER, _SET, _SEQUENCE, *optional, _SET]:
        raise _Misbuilt("SignedData")
    (signer,) = _fixed(parts[-1].content, "signerInfos", [_SEQUENCE])
    digest = _check_signer(signer)
    if digest not in [_identifier(one) for one in _elements(parts[1].content)]:
        raise _Misbuilt("the signer's digest algorithm is not among those announced")


def _check_signer(signer: _Element) -> bytes:
    """The identifier of its digest algorithm."""
    parts = _elements(signer.content)
    kinds = [one.kind for one in parts]
    signed = [_FIRST] if kinds[3:4] == [_FIRST] else []
    unsigned = [_SECOND] if kinds[-1] == _SECOND else []
    if kinds != [_INTEGER, *kinds[1:2], _SEQUENCE, *signed, _SEQUENCE, _OCTETS, *unsigned]:
        raise _Misbuilt("SignerInfo")
    if signed:
        types = Counter(_attributes(parts[3]))
        if max(types.values(), default=1) > 1:
            raise _Misbuilt("a signed attribute twice")
    if unsigned:
        _attributes(parts[-1])
    return _identifier(parts[2])


def _attributes(element: _Element) -> list[bytes]:
    """Their types."""
    types = []
    for one in _elements(element.content):
        kind, values = _fixed(one.content, "an attribute", [_OID, _SET])
        if not values.content:
            raise _Misbuilt("an attribute without value")
        types.append(kind.content)
    return types


def _identifier(algorithm: _Element) -> bytes:
    parts = _elements(algorithm.content)
    if not 1 <= len(parts) <= 2 or parts[0].kind != _OID:
        raise _Misbuilt("an algorithm")
    return parts[0].content


def _fixed(content: bytes, name: str, kinds: Sequence[tuple[int, int]]) -> list[_Element]:
    found = _elements(content)
    if [one.kind for one in found] != kinds:
        raise _Misbuilt(name)
    return found


def _elements(content: bytes) -> list[_Element]:
    found: list[_Element] = []
    at = 0
    while at < len(content):
        if len(found) == _MOST:
            raise _Misbuilt("too many elements")
        kind, _, tag, *parts = asn1_parser.parse(content[at:])
        found.append(_Element((kind, tag), parts[1]))
        at += sum(len(part) for part in parts)
    return found


def _read(data: bytes) -> _Element:
    kind, _, tag, _, content, _ = asn1_parser.parse(data)
    return _Element((kind, tag), content)
