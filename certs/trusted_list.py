"""Trusted lists (ETSI TS 119 612): which services a state supervises and has granted, signed by its scheme operator.

Needs the extra ``eutl`` (XML signatures). A list is believed only if it bears the signature of the operator's
certificate that the caller brings; nothing in it leads to another list.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko_certvalidator.authority import Authority, AuthorityWithCert

from certs.carried import Candidate
from certs.errors import CertsError
from certs.revocation_answers import is_authority

MAX_BYTES: Final = 30 * 1024 * 1024  # the largest of the European ones is some 8 MB
_NAMESPACE: Final = "{http://uri.etsi.org/02231/v2#}"
_ROOT: Final = f"{_NAMESPACE}TrustServiceStatusList"
_HEADER: Final = f"{_NAMESPACE}SchemeInformation"


class TrustedListsUnsupported(CertsError):
    """The libraries for XML signatures are not installed (extra ``eutl``)."""

    code = "trusted_lists_unsupported"


class TrustedListRefused(CertsError):
    """It is no trusted list, not signed by this operator, or its time is over."""

    code = "trusted_list_refused"


@dataclass(frozen=True)
class TrustedList:
    """What a list says now.

    :param territory: of the scheme, as the list has it, for instance ``DE``
    :param sequence: number of this issue; a later one replaces it
    :param authorities: certificates of granted services that are a CA's: those for qualified certificates as
        ``signer``, those for qualified time stamps as ``timestamp``
    :param left_out: granted services known by a certificate that is no CA's, or that could not be read
    """

    territory: str
    sequence: int
    issued_at: datetime
    next_update: datetime
    authorities: tuple[Candidate, ...]
    left_out: int


def read_trusted_list(xml: bytes, operator: x509.Certificate, now: datetime) -> TrustedList:
    """Check a list's signature against its scheme operator's certificate and read it.

    :raises TrustedListRefused: its text says why
    :raises TrustedListsUnsupported: the extra is not installed
    """
    if not xml or len(xml) > MAX_BYTES:
        raise TrustedListRefused("the file is empty or too large")
    signed, data = _verified(xml, operator)
    header = signed.find(_HEADER)
    if header is None:
        raise TrustedListRefused("it has no scheme information")
    next_update = _moment(header, f"{_NAMESPACE}NextUpdate/{_NAMESPACE}dateTime")
    if next_update <= now:
        raise TrustedListRefused(f"its next issue was due on {next_update:%Y-%m-%d}: fetch that one")
    authorities, left_out = _granted(data, now)
    return TrustedList(_text(header, f"{_NAMESPACE}SchemeTerritory"), _number(header), _moment(
        header, f"{_NAMESPACE}ListIssueDateTime"), next_update, authorities, left_out)


def _verified(xml: bytes, operator: x509.Certificate) -> tuple[Any, str]:
    """The root element that is signed and its text; nothing that the signature does not cover is looked at."""
    try:
        from signxml.exceptions import InvalidInput, SignXMLException
        from signxml.xades.xades import XAdESSignatureConfiguration, XAdESVerifier
    except ImportError as error:
        raise TrustedListsUnsupported("the extra eutl is not installed") from error
    config = XAdESSignatureConfiguration(require_x509=True, expect_references=True)
    try:
        results = XAdESVerifier().verify(xml, x509_cert=operator, expect_config=config)
    except SyntaxError as error:  # lxml's are of this class
        raise TrustedListRefused("it is no XML") from error
    except InvalidInput as error:
        raise TrustedListRefused("it bears no XML signature that can be read") from error
    except (SignXMLException, ValueError) as error:
        raise TrustedListRefused(f"its signature is not that of this operator ({type(error).__name__})") from error
    for one in results:
        if one.signed_xml is not None and one.signed_xml.tag == _ROOT:
            return one.signed_xml, bytes(one.signed_data).decode("utf-8")
    raise TrustedListRefused("what is signed in it is no trusted list")


def _granted(data: str, now: datetime) -> tuple[tuple[Candidate, ...], int]:
    from pyhanko.sign.validation.qualified.eutl_parse import trust_list_to_registry_unsafe

    try:  # its signature was checked above, and ``data`` is what it covers
        registry, faults = trust_list_to_registry_unsafe(data)
    except ValueError as error:
        raise TrustedListRefused("its services cannot be read") from error
    found: list[Candidate] = []
    left_out = len(faults)
    for purpose, known in (("signer", registry.known_certificate_authorities),
                           ("timestamp", registry.known_timestamp_authorities)):
        for authority in known:
            if not any(map(_is_for_documents, registry.applicable_service_definitions(authority, now))):
                continue
            certificate = _as_certificate(authority)
            if certificate is None or not is_authority(certificate):
                left_out += 1
            else:
                found.append(Candidate(certificate, purpose))
    return tuple(sorted(found, key=lambda one: (one.purpose, one.certificate.public_bytes(Encoding.DER)))), left_out


def _is_for_documents(service: Any) -> bool:
    """Not one whose certificates are for web sites only."""
    kinds = {one.name for one in service.base_info.additional_info_certificate_type}
    return kinds != {"QC_WEB"}


def _as_certificate(authority: Authority) -> x509.Certificate | None:
    if not isinstance(authority, AuthorityWithCert):
        return None
    try:
        return x509.load_der_x509_certificate(authority.certificate.dump())
    except ValueError:
        return None  # counted as left out


def _text(header: Any, path: str) -> str:
    found = header.findtext(path)
    if not found or not found.strip():
        raise TrustedListRefused(f"it does not say its {path.rsplit('}', 1)[-1]}")
    return str(found).strip()


def _moment(header: Any, path: str) -> datetime:
    try:
        found = datetime.fromisoformat(_text(header, path))
    except ValueError as error:
        raise TrustedListRefused("a date in it cannot be read") from error
    if found.tzinfo is None:
        raise TrustedListRefused("a date in it has no zone")
    return found


def _number(header: Any) -> int:
    text = _text(header, f"{_NAMESPACE}TSLSequenceNumber")
    if not text.isascii() or not text.isdigit():
        raise TrustedListRefused("its sequence number is none")
    return int(text)
