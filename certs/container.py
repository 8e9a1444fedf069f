"""Whether a signature's container (RFC 5652) is built as one, with nothing in it that no reader looks for.

asn1crypto, and so pyHanko, passes over elements behind those that a structure has; others refuse such a container, or
see something else in it. Here each element must have its place. What RFC 5652 leaves open stays open: attributes and
certificates that nobody knows, and BER where DER was asked for (ISO 32000-2, 12.8.3.3), which many signers write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from asn1crypto import cms, core, tsp, x509
from asn1crypto import parser as asn1_parser
from pyhanko.sign import general
from pyhanko.sign.general import check_ess_certid

_INTEGER, _OCTETS, _OID, _SEQUENCE, _SET = (0, 2), (0, 4), (0, 6), (0, 16), (0, 17)
_FIRST, _SECOND = (2, 0), (2, 1)  # [0], [1]
_MOST = 200  # elements of one list; no honest one comes near
_REFERENCES: dict[str, type[core.Sequence]] = {
    "signing_certificate": tsp.SigningCertificate, "signing_certificate_v2": tsp.SigningCertificateV2}
_BROKEN_HASHES = frozenset({"md2", "md5"})
# content type, message digest, signing time, algorithm protection, signing certificate and its second version
_SINGLE = frozenset(core.ObjectIdentifier(one).contents for one in (
    "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.5", "1.2.840.113549.1.9.52",
    "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"))
_SIGNED_DATA_VERSIONS, _SIGNER_VERSIONS = (b"\1", b"\3", b"\4", b"\5"), (b"\1", b"\3")


class _Misbuilt(ValueError):
    """The container is not built as one."""


class _Element(NamedTuple):
    kind: tuple[int, int]
    content: bytes


def tell_form_fault(container: bytes) -> str:
    """What is wrong with the form of a signature's container (bytes behind it are not looked at); empty: nothing."""
    return _tell(_check_container, container)


def tell_token_fault(token: cms.SignedData) -> str:
    """What is wrong with the form of a time-stamp token (RFC 3161 2.4.2); empty: nothing."""
    info = token["encap_content_info"]["content"].parsed
    if info["version"].native != "v1":
        return "the version of TSTInfo"
    if any(one["critical"].native for one in info["extensions"] or ()):
        return "a critical extension that nobody knows"
    if not names_its_certificate(token["signer_infos"][0]):
        return "what was signed does not name the authority's certificate"
    return tell_certificates_fault(token) or _tell(_check_token, token.dump())


def tell_certificates_fault(data: cms.SignedData) -> str:
    """What is wrong with the certificates that come along, which nobody signs: several answer to the name by which the
    signer's is chosen, and readers differ on which they take. Empty: nothing."""
    named = data["signer_infos"][0]["sid"]
    together = data["certificates"].contents
    if named.name == "issuer_and_serial_number" and isinstance(together, bytes) and together.count(
            named.chosen["serial_number"].contents) < 2:
        return ""  # so nobody else has that number, however its length is written
    found = {one.dump() for one in data["certificates"] or ()
             if one.name == "certificate" and _is_named(named, one.chosen)}
    return "several certificates answer to the name of its signer's" if len(found) > 1 else ""


def _is_named(named: cms.SignerIdentifier, certificate: x509.Certificate) -> bool:
    if named.name == "issuer_and_serial_number":
        return bool(general.match_issuer_serial(named.chosen, certificate))
    return bool(certificate.key_identifier == named.native)


def _tell(check: Callable[[bytes], None], data: bytes) -> str:
    try:
        check(data)
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


def tell_reference_fault(signer_info: cms.SignerInfo, path: Sequence[x509.Certificate]) -> str:
    """What is wrong with the references to certificates that were signed (RFC 5035): one that names another signer than
    the last of the ``path``, which pyHanko asks of one of them only, one further that names nobody in it (ETSI EN 319
    102-1, 5.2.8), or a hash for which another certificate can be made. Empty: nothing, or there are none."""
    attributes = signer_info["signed_attrs"]
    given = [] if attributes is core.VOID else [one for one in attributes if one["type"].native in _REFERENCES]
    for one in given:
        kind, encoded = one["type"].native, one["values"][0].dump()
        if len(given) == 1 and _is_plain(kind, encoded):
            continue
        first, *further = _read_references(kind, encoded)
        if any(map(_is_weak, (first, *further))):
            return "the signing certificate is named by a broken hash"
        if not check_ess_certid(path[-1], first):
            return "what was signed names another signing certificate"
        if not all(any(check_ess_certid(known, named) for known in path) for named in further):
            return "what was signed names certificates that are not in the chain"
    return ""


@lru_cache(maxsize=512)
def _is_plain(kind: str, encoded: bytes) -> bool:
    """One certificate by a sound hash, as a signer's are all alike: that it is the right one, pyHanko has asked."""
    references = _read_references(kind, encoded)
    return len(references) == 1 and not _is_weak(references[0])


def _read_references(kind: str, encoded: bytes) -> list[tsp.ESSCertID | tsp.ESSCertIDv2]:
    return list(_REFERENCES[kind].load(encoded)["certs"])


def _is_weak(named: tsp.ESSCertID | tsp.ESSCertIDv2) -> bool:
    return isinstance(named, tsp.ESSCertIDv2) and named["hash_algorithm"]["algorithm"].native in _BROKEN_HASHES


def _check_container(container: bytes) -> None:
    outer = _fixed(_read(container).content, "ContentInfo", [_OID, _FIRST])
    (data,) = _fixed(outer[1].content, "ContentInfo", [_SEQUENCE])
    digest, announced = _check_data(data)
    if {*announced} != {digest}:  # nobody signs the list, and some readers take its first for the signer's
        raise _Misbuilt("a digest algorithm is announced that no signer used")


def _check_token(token: bytes) -> None:
    data = _read(token)  # within the tag of its place in ContentInfo
    _check_data(_fixed(data.content, "ContentInfo", [_SEQUENCE])[0] if data.kind == _FIRST else data)


def _check_data(data: _Element) -> tuple[bytes, list[bytes]]:
    """The signer's digest algorithm, and those that are announced."""
    parts = _elements(data.content)
    kinds = [one.kind for one in parts]
    optional = [one for one in (_FIRST, _SECOND) if one in kinds]
    if kinds != [_INTEGER, _SET, _SEQUENCE, *optional, _SET]:
        raise _Misbuilt("SignedData")
    if parts[0].content not in _SIGNED_DATA_VERSIONS:
        raise _Misbuilt("the version of SignedData")
    (signer,) = _fixed(parts[-1].content, "signerInfos", [_SEQUENCE])
    digest, announced = _check_signer(signer), [_identifier(one) for one in _elements(parts[1].content)]
    if digest not in announced:
        raise _Misbuilt("the signer's digest algorithm is not among those announced")
    return digest, announced


def _check_signer(signer: _Element) -> bytes:
    """The identifier of its digest algorithm."""
    parts = _elements(signer.content)
    kinds = [one.kind for one in parts]
    signed = [_FIRST] if kinds[3:4] == [_FIRST] else []
    unsigned = [_SECOND] if kinds[-1] == _SECOND else []
    if kinds != [_INTEGER, *kinds[1:2], _SEQUENCE, *signed, _SEQUENCE, _OCTETS, *unsigned]:
        raise _Misbuilt("SignerInfo")
    if parts[0].content not in _SIGNER_VERSIONS:
        raise _Misbuilt("the version of SignerInfo")
    if signed:
        types = Counter(_attributes(parts[3], is_signed=True))
        if max(types.values(), default=1) > 1:
            raise _Misbuilt("a signed attribute twice")
    if unsigned:
        _attributes(parts[-1], is_signed=False)
    return _identifier(parts[2])


def _attributes(element: _Element, *, is_signed: bool) -> list[bytes]:
    """Their types."""
    types = []
    for one in _elements(element.content):
        kind, values = _fixed(one.content, "an attribute", [_OID, _SET])
        if not values.content:
            raise _Misbuilt("an attribute without value")
        if is_signed and kind.content in _SINGLE and len(_elements(values.content)) > 1:
            raise _Misbuilt("a signed attribute with several values")
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
