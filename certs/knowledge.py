"""What a validation may rely on at a moment: anchors, revocation data, and since when each is known to exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import pairwise

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader
from pyhanko.sign.general import find_cms_attribute_iter
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError, ValidationInfoReadingError
from pyhanko.sign.validation.policy_decl import (
    CertificateFetchingRule,
    LocalKnowledge,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.policy_decl import NO_REVOCATION, REQUIRE_REVINFO, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer, OCSPContainer

from certs._asn1 import freeze_crl, freeze_ocsp, known_certificate, known_crl, known_ocsp, to_asn1
from certs._policies import USUAL, EndsPolicy, RevocationValidator
from certs.moments import EARLIEST
from certs.pool import carried, ensure_sound
from certs.revocation import listed_entry
from certs.trust import TrustStore
from certs.verified import (
    Answer,
    RevocationData,
    answers,
    claims_revocation,
    is_issued_by,
    read_crl,
    read_ocsp,
    revoked_since,
)

_MAX_STORE_ITEMS = 500
_ARCHIVED = "adobe_revocation_info_archival"
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)
_LONGEST_CHAIN = 10
_MOST_NAMESAKES = 50


@dataclass(frozen=True)
class Knowledge:
    """Trust, plus what the file brings (``embedded``); ``seen`` tells of a list (DER) since when it is proven to
    exist. ``carried`` are the certificates in signatures and time stamps."""

    trust: TrustStore
    lists: tuple[RevocationData, ...]
    certificates: tuple[asn1_x509.Certificate, ...]
    embedded: frozenset[bytes]
    seen: Mapping[bytes, datetime]
    carried: tuple[asn1_x509.Certificate, ...] = ()

    def specification(self, control: datetime, now: datetime, leaf: asn1_x509.Certificate | None = None,
                      *, is_lenient: bool = False) -> SignatureValidationSpec:
        """pyHanko's settings for a validation at ``control``.

        In the past, data issued later may speak of that moment; but only while whoever signed it was
        still entitled to when the data is first known to have existed, and for ``leaf`` only if issued before
        the certificate ended, since authorities strike expired certificates off.
        """
        is_past = control < now
        lists = [one for one in self.lists
                 if one.is_understood and (not is_past or self._is_believable(one, now, leaf))]
        policy = CertRevTrustPolicy(NO_REVOCATION if is_lenient else REQUIRE_REVINFO, retroactive_revinfo=is_past)
        return SignatureValidationSpec(
            cert_validation_policy=_policy(self.trust.anchors_der, policy),
            ts_cert_validation_policy=_policy(self.trust.timestamp_anchors_der, policy),
            revinfo_gathering_policy=RevocationInfoGatheringSpec(
                online_fetching_rule=RevinfoOnlineFetchingRule.LOCAL_ONLY,
                certificate_fetching_rule=CertificateFetchingRule.NEVER_FETCH,
            ),
            local_knowledge=LocalKnowledge(
                known_crls=[CRLContainer(one.crl) for one in lists if one.crl is not None],
                known_ocsps=[container for one in lists if one.ocsp is not None
                             for container in OCSPContainer.load_multi(one.ocsp)],
                known_certs=list(self.certificates),
            ),
            key_usage_settings=KeyUsageConstraints(key_usage={"non_repudiation", "digital_signature"}),
            # Of signatures and stamps; who confirms an authority answers for the algorithms of its own certificates.
            signature_algorithm_policy=EndsPolicy(self.trust.ends),
        )

    def _is_believable(self, one: RevocationData, now: datetime, leaf: asn1_x509.Certificate | None) -> bool:
        seen = self.seen.get(one.der, now)
        if leaf is not None and one.issued_at > leaf.not_valid_after and (
                one.crl is None or one.issuer == leaf.issuer.sha256):
            return False
        if one.signed_until is not None and seen > one.signed_until:
            return False
        return any(self._lasts(authority, seen) for authority in self._signers_of(one))

    def _signers_of(self, one: RevocationData) -> tuple[asn1_x509.Certificate, ...]:
        """The certificates of that name, whoever made them, whose key has signed a list or response; none where there
        are more than anybody honest has."""
        found = self._signers.get(one.der)
        if found is None:
            known = self._pool | {authority.dump(): authority for authority in one.responders}
            namesakes = [authority for authority in known.values() if one.may_be_of(authority)]
            found = self._signers[one.der] = tuple(
                authority for authority in namesakes
                if len(namesakes) <= _MOST_NAMESAKES and one.is_signed_by(authority))
        return found

    def _issuers_of(self, der: bytes, authority: asn1_x509.Certificate) -> tuple[asn1_x509.Certificate, ...]:
        found = self._issuers.get(der)
        if found is None:
            found = self._issuers[der] = tuple(one for above, one in self._pool.items()
                                               if is_issued_by(authority, one) and (one.ca or above in self._anchors))
        return found

    @cached_property
    def _brought(self) -> tuple[asn1_x509.Certificate, ...]:
        return (*self.certificates, *self.carried)

    @cached_property
    def _pool(self) -> dict[bytes, asn1_x509.Certificate]:
        return {one.dump(): one for one in (*self._authorities(), *self.carried)}

    @cached_property
    def _issuers(self) -> dict[bytes, tuple[asn1_x509.Certificate, ...]]:
        return {}

    @cached_property
    def _signers(self) -> dict[bytes, tuple[asn1_x509.Certificate, ...]]:
        return {}

    def _lasts(
        self, authority: asn1_x509.Certificate, until: datetime, below: frozenset[bytes] = frozenset()
    ) -> bool:
        """Whether its signatures count until then, and it is no certificate that anybody made, or that an authority
        whose time was over made for itself: an anchor, or issued by one that lasts as long.

        An anchor is trusted, and so is what it issues, whenever; only its own lists count no longer than it lasts.
        """
        der = authority.dump()
        if der in self._anchors:
            return bool(below) or until <= self._end_of(authority)
        if der in below or len(below) > _LONGEST_CHAIN or until > self._end_of(authority):
            return False
        return any(self._lasts(one, until, below | {der}) for one in self._issuers_of(der, authority))

    @cached_property
    def _anchors(self) -> frozenset[bytes]:
        return frozenset((*self.trust.anchors_der, *self.trust.timestamp_anchors_der))

    def _authorities(self) -> Iterable[asn1_x509.Certificate]:
        yield from self.certificates
        yield from map(known_certificate, (*self.trust.anchors_der, *self.trust.timestamp_anchors_der))

    def _end_of(self, authority: asn1_x509.Certificate) -> datetime:
        """Until when its signatures count: the end of its validity, or its revocation."""
        end: datetime = authority.not_valid_after
        for one in self.lists:
            if one.crl is not None and one.issuer == authority.issuer.sha256:
                entry = listed_entry(one.der, authority.serial_number)
                end = min(end, entry.since) if entry is not None else end
        return end

    def answers_about(
        self, certificate: asn1_x509.Certificate, carried: Iterable[asn1_x509.Certificate] = ()
    ) -> tuple[Answer, ...]:
        """What genuine revocation data says of a certificate, whatever its chain is worth; an issuer from whom no chain
        leads to an anchor can say nothing for what he issued.

        :param carried: further certificates among which its issuer may be
        """
        unknown = None
        for one in (*self._authorities(), *carried):
            if is_issued_by(certificate, one):
                if self._lasts(one, EARLIEST):
                    return answers(self.lists, certificate, one, (*self.certificates, *carried))
                unknown = unknown or one
        told = () if unknown is None else answers(self.lists, certificate, unknown, (*self.certificates, *carried))
        return tuple(one for one in told if one.revoked_at is not None)

    def tells_in_time(self, path: Sequence[asn1_x509.Certificate], control: datetime, now: datetime) -> bool:
        """Whether what speaks for each certificate of the path at ``control`` (its anchor comes first) was made before
        that certificate ended: authorities strike those off that have. What is left to indirect lists is not looked
        into."""
        ended = [(issuer, one) for issuer, one in pairwise(path) if control < now and one.not_valid_after < now]
        if not ended:
            return True
        lists = [one for one in self.lists if one.is_understood and self._is_believable(one, now, None)]
        return all(
            _names_other_lists(one) or any(
                said.issued_at <= one.not_valid_after and _reaches(said.issued_at, said.next_at, control)
                for said in self._said_of(one, issuer, lists, control))
            for issuer, one in ended)

    def _said_of(
        self, certificate: asn1_x509.Certificate, issuer: asn1_x509.Certificate, lists: Iterable[RevocationData],
        at: datetime,
    ) -> Iterable[Answer]:
        for data in lists:
            for authority in self._voices_of(issuer, data, at):
                yield from answers((data,), certificate, authority, self._brought)

    def _voices_of(
        self, issuer: asn1_x509.Certificate, one: RevocationData, at: datetime
    ) -> Iterable[asn1_x509.Certificate]:
        """The issuer, and its namesakes at that time: an authority may sign its lists with another key."""
        yield issuer
        yield from (other for other in self._signers_of(one)
                    if one.crl is not None and other.subject == issuer.subject and self._lasts(other, at))

    def find_revoked(self, path: Sequence[asn1_x509.Certificate], at: datetime) -> asn1_x509.Certificate | None:
        """The first certificate below the path's anchor (which comes first) that genuine data revokes at ``at`` or
        earlier. Data issued later counts, and data whose time is over too: a revocation is final."""
        for issuer, certificate in pairwise(path):
            if not claims_revocation(self.lists, certificate.serial_number):
                continue
            since = revoked_since(self._said_of(certificate, issuer, self.lists, at))
            if since is not None and since <= at:
                return certificate
        return None


def gather_knowledge(trust: TrustStore, reader: PdfFileReader, now: datetime) -> Knowledge:
    """What ``trust``, the file's security store and its signatures tell at ``now``; data of the future is left out.

    :raises ValueError: a list in ``trust`` is not DER; or the certificates in the file are not sound (certs.pool)
    """
    lists = {der: read_crl(der, known_crl(der)) for der in trust.crls}
    lists |= {der: read_ocsp(der, known_ocsp(der)) for der in trust.ocsps}
    certificates = {one.dump(): one for one in map(known_certificate, trust.intermediates_der)}
    store = read_store(reader)
    for der in store.crls:
        lists.setdefault(der, read_crl(der, freeze_crl(der)))
    for der in store.ocsps:
        lists.setdefault(der, read_ocsp(der, freeze_ocsp(der)))
    along = {one.der: one for one in _signed_along(reader)}
    lists = along | lists
    for der in store.certificates:
        certificates.setdefault(der, to_asn1(x509.load_der_x509_certificate(der)))
    anchors = map(known_certificate, (*trust.anchors_der, *trust.timestamp_anchors_der))
    responders = (responder for one in lists.values() for responder in one.responders)
    brought = tuple(carried(reader))
    ensure_sound(anchors, (*certificates.values(), *brought, *responders))
    embedded = frozenset((*store.crls, *store.ocsps, *along))
    current = tuple(one for one in lists.values() if not one.is_from_future(now))
    return Knowledge(trust, current, tuple(certificates.values()), embedded, {}, brought)


def _signed_along(reader: PdfFileReader) -> Iterable[RevocationData]:
    """Lists and responses in the signatures themselves (ISO 32000-2, 12.8.3.3.2, and RFC 5652 5.1); what nobody can
    read says nothing. :raises ValueError: unreasonably many"""
    found: list[RevocationData] = []
    for signature in reader.embedded_signatures:
        along = [one.chosen.dump() for one in signature.signed_data["crls"] or () if one.name != "other"]
        answers_along: list[bytes] = []
        for archived in find_cms_attribute_iter(signature.signer_info["signed_attrs"], _ARCHIVED):
            along += [one.dump() for one in archived["crl"] or ()]
            answers_along += [one.dump() for one in archived["ocsp"] or ()]
        if len(along) + len(answers_along) + len(found) > _MAX_STORE_ITEMS:
            raise ValueError("the signatures carry unreasonably many lists")
        for ders, read in ((along, _read_list), (answers_along, _read_response)):
            for der in ders:
                with suppress(*_UNREADABLE):
                    found.append(read(der))
    return found


def _read_list(der: bytes) -> RevocationData:
    return read_crl(der, freeze_crl(der))


def _read_response(der: bytes) -> RevocationData:
    return read_ocsp(der, freeze_ocsp(der))


def ensure_readable(trust: TrustStore) -> None:
    """:raises ValueError: a list or response in ``trust`` is not DER"""
    for der in trust.crls:
        known_crl(der)
    for der in trust.ocsps:
        known_ocsp(der)


def state_of(
    certificate: asn1_x509.Certificate, given: Iterable[Answer], at: datetime
) -> tuple[str, datetime | None]:
    """For display: valid, revoked, expired, not_yet_valid or unknown at a moment, and since when it is revoked.

    :param given: what genuine revocation data says of it (:meth:`Knowledge.answers_about`)
    """
    told = tuple(given)
    revoked_at = revoked_since(told)
    if at < certificate.not_valid_before:
        return "not_yet_valid", revoked_at
    if revoked_at is not None and revoked_at <= at:
        return "revoked", revoked_at
    if at > certificate.not_valid_after:
        return "expired", revoked_at
    is_known = any(_reaches(one.issued_at, one.next_at, at) for one in told)
    return ("valid" if is_known else "unknown"), revoked_at


def _names_other_lists(certificate: asn1_x509.Certificate) -> bool:
    """Whether another authority lists its revocation (RFC 5280 4.2.1.13)."""
    return any(one["crl_issuer"] for one in certificate.crl_distribution_points_value or ())


def _reaches(issued_at: datetime, next_at: datetime | None, at: datetime) -> bool:
    return issued_at >= at or (next_at is not None and at <= next_at)


@dataclass(frozen=True)
class StoreContents:
    """The document security store (ISO 32000-2, 12.8.4.3), DER."""

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()


def read_store(handler: PdfFileReader | HistoricalResolver) -> StoreContents:
    """The store as of a revision; empty if there is none. :raises ValueError: it is unreasonably large"""
    try:
        store = DocumentSecurityStore.read_dss(handler)
    except (NoDSSFoundError, ValidationInfoReadingError):
        return StoreContents()
    if len(store.certs) + len(store.crls) + len(store.ocsps) > _MAX_STORE_ITEMS:
        raise ValueError("the security store is unreasonably large")
    return StoreContents(
        tuple(bytes(one.get_object().data) for one in store.certs.values()),
        tuple(bytes(one.get_object().data) for one in store.crls),
        tuple(bytes(one.get_object().data) for one in store.ocsps))


def with_seen(knowledge: Knowledge, ders: Iterable[bytes], at: datetime) -> Knowledge:
    """The same, and these lists are proven to have existed at ``at``."""
    seen = dict(knowledge.seen)
    for der in ders:
        seen[der] = min(at, seen.get(der, at))
    return replace(knowledge, seen=seen)


def _policy(anchors: Iterable[bytes], revocation: CertRevTrustPolicy) -> CertValidationPolicySpec:
    """Revocation data is required for every certificate under the anchor: silence is no proof."""
    return CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build(trust_roots=[known_certificate(one) for one in anchors]),
        revinfo_policy=revocation,
        algorithm_usage_policy=USUAL,
        signature_validator=RevocationValidator(),
    )
