"""Which certificates and revocation data prove a signature later on, found among what is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import ClassVar, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from certs import errors
from certs.names import readable_name
from certs.trust import TrustStore

_LONGEST_CHAIN = 10


@dataclass(frozen=True)
class Material:
    """What goes into a document security store (ETSI EN 319 142-1, 5.4.2). Lists and responses are DER."""

    certificates: tuple[x509.Certificate, ...]
    crls: tuple[bytes, ...]
    ocsps: tuple[bytes, ...]


@dataclass(frozen=True)
class Sources:
    """Where the revocation state of a certificate can be asked, as it says itself."""

    subject: str
    crl_urls: tuple[str, ...]
    ocsp_urls: tuple[str, ...]

    @property
    def is_askable(self) -> bool:
        """Whether any of them is an address of the web; many name a directory (ldap) besides."""
        return any(map(is_web, (*self.crl_urls, *self.ocsp_urls)))


class RevocationDataMissing(errors.CertsError):
    """Whether some certificates are revoked is not known; ``missing`` names each with where to ask."""

    code: ClassVar[str] = "revocation_data_missing"

    def __init__(self, missing: tuple[Sources, ...]) -> None:
        self.missing = missing
        super().__init__("no revocation data for " + "; ".join(one.subject for one in missing))


def gather(
    leaves: Iterable[x509.Certificate],
    known: Iterable[x509.Certificate],
    trust: TrustStore,
    since: datetime | None = None,
) -> Material:
    """Chains of the leaves up to an anchor, and for each certificate below it the newest list or response.

    :param known: certificates that came along (in a signature, a token, a store)
    :param since: for the leaves themselves take only revocation data issued then or later, since older ones say
        nothing of a signature; the CAs above them answer more rarely
    :raises RevocationDataMissing: for at least one certificate there is none; all are named
    """
    pool = tuple(dict.fromkeys((*trust.anchors, *trust.timestamp_anchors, *trust.intermediates, *known)))
    anchors = {fingerprint(one) for one in (*trust.anchors, *trust.timestamp_anchors)}
    certificates: dict[bytes, x509.Certificate] = {}
    lists: dict[bytes, None] = {}
    responses: dict[bytes, None] = {}
    missing: list[Sources] = []
    for leaf in leaves:
        for certificate, issuer in _climb(leaf, pool, anchors):
            certificates[fingerprint(certificate)] = certificate
            if issuer is None:
                continue
            certificates[fingerprint(issuer)] = issuer
            after = since if certificate == leaf else None
            response = _newest_response(certificate, issuer, trust.ocsps, after)
            if response is not None:
                responses[response] = None
                continue
            crl = _newest_list(certificate, issuer, trust.crls, after)
            if crl is None:
                missing.append(sources_of(certificate))
            else:
                lists[crl] = None
    if missing:
        raise RevocationDataMissing(tuple(dict.fromkeys(missing)))
    return Material(tuple(certificates.values()), tuple(lists), tuple(responses))


def silent_issuers(
    leaf: x509.Certificate, known: Iterable[x509.Certificate], trust: TrustStore, now: datetime
) -> tuple[str, ...]:
    """Authorities between a certificate and its anchor from which nobody can learn what they revoked: what they issued
    names no address to ask at, and no list of theirs that is good now is in ``trust``. Empty: none is."""
    pool = tuple(dict.fromkeys((*trust.anchors, *trust.intermediates, *known)))
    silent: dict[str, None] = {}
    for certificate, issuer in _climb(leaf, pool, {fingerprint(one) for one in trust.anchors}):
        if issuer is None or sources_of(certificate).is_askable:
            continue
        crl = _load_list(_newest_list(certificate, issuer, trust.crls, None) or b"")
        if crl is None or (crl.next_update_utc is not None and crl.next_update_utc < now):
            silent[readable_name(issuer.subject)] = None
    return tuple(silent)


def is_web(url: str) -> bool:
    """Whether an address can be asked by http or https."""
    return url.lower().startswith(("http://", "https://"))


def sources_of(certificate: x509.Certificate) -> Sources:
    """Addresses of lists and responders in a certificate (RFC 5280 4.2.1.13 and 4.2.2.1)."""
    lists: list[str] = []
    responders: list[str] = []
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        lists = [name.value for point in points for name in point.full_name or ()
                 if isinstance(name, x509.UniformResourceIdentifier)]
    except (x509.ExtensionNotFound, ValueError):
        pass
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
        responders = [one.access_location.value for one in access
                      if one.access_method == AuthorityInformationAccessOID.OCSP
                      and isinstance(one.access_location, x509.UniformResourceIdentifier)]
    except (x509.ExtensionNotFound, ValueError):
        pass
    return Sources(readable_name(certificate.subject), tuple(lists), tuple(responders))


def fingerprint(certificate: x509.Certificate) -> bytes:
    """SHA-256 of the certificate."""
    return certificate.fingerprint(hashes.SHA256())


def _climb(
    leaf: x509.Certificate, pool: tuple[x509.Certificate, ...], anchors: set[bytes]
) -> Iterator[tuple[x509.Certificate, x509.Certificate | None]]:
    """Each certificate of the chain with its issuer; the anchor, or where the chain breaks, with None."""
    current = leaf
    for _ in range(_LONGEST_CHAIN):
        issuer = None if fingerprint(current) in anchors else find_issuer(current, pool)
        yield current, issuer
        if issuer is None:
            return
        current = issuer


def find_issuer(certificate: x509.Certificate, pool: Iterable[x509.Certificate]) -> x509.Certificate | None:
    """Who signed it, among those of that name; never itself."""
    for candidate in pool:
        if candidate.subject == certificate.issuer and candidate != certificate and _is_issued(certificate, candidate):
            return candidate
    return None


@lru_cache(maxsize=512)
def _is_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _newest_list(
    certificate: x509.Certificate, issuer: x509.Certificate, lists: Iterable[bytes], since: datetime | None
) -> bytes | None:
    found: tuple[datetime, bytes] | None = None
    for der in lists:
        crl = _load_list(der)
        if crl is None or crl.issuer != certificate.issuer or (since is not None and crl.last_update_utc < since):
            continue
        if (found is None or crl.last_update_utc > found[0]) and _is_list_of(der, issuer):
            found = (crl.last_update_utc, der)
    return found[1] if found else None


class Listed(NamedTuple):
    """A list's entry: revoked ``since`` (UTC), and the reason's name in :class:`x509.ReasonFlags`."""

    since: datetime
    reason: str


def listed_entry(der: bytes, serial: int) -> Listed | None:
    """What a list (DER) says of a certificate of its issuer; None: it does not name it, or it is no list."""
    crl = _load_list(der)
    entry = crl.get_revoked_certificate_by_serial_number(serial) if crl is not None else None
    if entry is None:
        return None
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except (x509.ExtensionNotFound, ValueError):  # an unreadable reason is none: the entry still revokes
        reason = x509.ReasonFlags.unspecified
    return Listed(entry.revocation_date_utc, reason.name)


@lru_cache(maxsize=256)
def _load_list(der: bytes) -> x509.CertificateRevocationList | None:
    try:
        return x509.load_der_x509_crl(der)
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _is_list_of(der: bytes, issuer: x509.Certificate) -> bool:
    key, crl = issuer.public_key(), _load_list(der)
    if crl is None or not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return False
    try:
        return crl.is_signature_valid(key)
    except (InvalidSignature, TypeError, ValueError):
        return False


def _newest_response(
    certificate: x509.Certificate, issuer: x509.Certificate, responses: Iterable[bytes], since: datetime | None
) -> bytes | None:
    found: tuple[datetime, bytes] | None = None
    for der in responses:
        moment = _answer_time(der, certificate, issuer)
        if moment is not None and (since is None or moment >= since) and (found is None or moment > found[0]):
            found = (moment, der)
    return found[1] if found else None


@lru_cache(maxsize=1024)
def _answer_time(der: bytes, certificate: x509.Certificate, issuer: x509.Certificate) -> datetime | None:
    """thisUpdate, if the response is about that certificate of that issuer; who signed it is for the validation."""
    try:
        response = ocsp.load_der_ocsp_response(der)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return None
        if response.serial_number != certificate.serial_number:
            return None
        digest = hashes.Hash(response.hash_algorithm)
        digest.update(issuer.subject.public_bytes())
        if response.issuer_name_hash != digest.finalize():
            return None
        moment: datetime = response.this_update_utc
    except (ValueError, TypeError):
        return None
    return moment
