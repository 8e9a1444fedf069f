"""What a validation may rely on at a moment: anchors, revocation data, and since when each is known to exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader
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
from certs._remembered import RememberingValidator
from certs.revocation import listed_since
from certs.trust import TrustStore

_MAX_STORE_ITEMS = 500


@dataclass(frozen=True)
class _List:
    """A CRL or OCSP response with what decides whether its signature may be believed."""

    der: bytes
    crl: asn1_crl.CertificateList | None
    ocsp: asn1_ocsp.OCSPResponse | None
    issuer: bytes  # hash of the CRL issuer's name; empty for responses
    issued_at: datetime
    signed_until: datetime | None  # end of an embedded responder's certificate


@dataclass(frozen=True)
class Knowledge:
    """Trust, plus what the file brings (``embedded``); ``seen`` tells of a list (DER) since when it is proven to
    exist."""

    trust: TrustStore
    lists: tuple[_List, ...]
    certificates: tuple[asn1_x509.Certificate, ...]
    embedded: frozenset[bytes]
    seen: Mapping[bytes, datetime]

    def specification(self, control: datetime, now: datetime, leaf: asn1_x509.Certificate | None = None,
                      *, is_lenient: bool = False) -> SignatureValidationSpec:
        """pyHanko's settings for a validation at ``control``.

        In the past, data issued later may speak of that moment; but only while whoever signed it was
        still entitled to when the data is first known to have existed, and for ``leaf`` only if issued before
        the certificate ended, since authorities strike expired certificates off.
        """
        is_past = control < now
        lists = [one for one in self.lists if not is_past or self._is_believable(one, now, leaf)]
        policy = CertRevTrustPolicy(NO_REVOCATION if is_lenient else REQUIRE_REVINFO, retroactive_revinfo=is_past)
        return SignatureValidationSpec(
            cert_validation_policy=_policy(self.trust.anchors, policy),
            ts_cert_validation_policy=_policy(self.trust.timestamp_anchors, policy),
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
        )

    def _is_believable(self, one: _List, now: datetime, leaf: asn1_x509.Certificate | None) -> bool:
        seen = self.seen.get(one.der, now)
        if leaf is not None and one.issued_at > leaf.not_valid_after and (
                one.crl is None or one.issuer == leaf.issuer.sha256):
            return False
        if one.signed_until is not None and seen > one.signed_until:
            return False
        ends = [end for certificate in self._authorities() if certificate.subject.sha256 == one.issuer
                and (end := self._end_of(certificate)) is not None]
        return not ends or max(ends) >= seen

    def _authorities(self) -> Iterable[asn1_x509.Certificate]:
        yield from self.certificates
        yield from map(_known, (*self.trust.anchors, *self.trust.timestamp_anchors))

    def _end_of(self, authority: asn1_x509.Certificate) -> datetime | None:
        """Until when its signatures count: the end of its validity, or its revocation."""
        end: datetime = authority.not_valid_after
        for one in self.lists:
            if one.crl is not None and one.issuer == authority.issuer.sha256:
                revoked_at = listed_since(one.der, authority.serial_number)
                end = min(end, revoked_at) if revoked_at is not None else end
        return end


def gather_knowledge(trust: TrustStore, reader: PdfFileReader) -> Knowledge:
    """What ``trust`` and the file's security store tell. :raises ValueError: a list in ``trust`` is not DER"""
    lists = {der: _of_crl(der, known_crl(der)) for der in trust.crls}
    lists |= {der: _of_ocsp(der, known_ocsp(der)) for der in trust.ocsps}
    certificates = {one.dump(): one for one in map(_known, trust.intermediates)}
    store = read_store(reader)
    for der in store.crls:
        lists.setdefault(der, _of_crl(der, freeze_crl(der)))
    for der in store.ocsps:
        lists.setdefault(der, _of_ocsp(der, freeze_ocsp(der)))
    for der in store.certificates:
        certificates.setdefault(der, to_asn1(x509.load_der_x509_certificate(der)))
    embedded = frozenset((*store.crls, *store.ocsps))
    return Knowledge(trust, tuple(lists.values()), tuple(certificates.values()), embedded, {})


def ensure_readable(trust: TrustStore) -> None:
    """:raises ValueError: a list or response in ``trust`` is not DER"""
    for der in trust.crls:
        known_crl(der)
    for der in trust.ocsps:
        known_ocsp(der)


def state_of(
    certificate: asn1_x509.Certificate, knowledge: Knowledge, at: datetime
) -> tuple[str, datetime | None]:
    """For display, not for the verdict: valid, revoked, expired, not_yet_valid or unknown at a moment, and since
    when it is revoked. Only lists and responses that name its issuer count; their signatures are the verdict's."""
    revoked_at: datetime | None = None
    is_known = False
    for one in knowledge.lists:
        found, speaks = _look_up(one, certificate)
        is_known = is_known or (speaks and one.issued_at >= at) or (speaks and _is_fresh(one, at))
        if found is not None:
            revoked_at = found if revoked_at is None else min(found, revoked_at)
    if at < certificate.not_valid_before:
        return "not_yet_valid", revoked_at
    if revoked_at is not None and revoked_at <= at:
        return "revoked", revoked_at
    if at > certificate.not_valid_after:
        return "expired", revoked_at
    return ("valid" if is_known else "unknown"), revoked_at


def _is_fresh(one: _List, at: datetime) -> bool:
    if one.crl is not None:
        end = one.crl["tbs_cert_list"]["next_update"].native
        return end is not None and one.issued_at <= at <= end
    return False


def _look_up(one: _List, certificate: asn1_x509.Certificate) -> tuple[datetime | None, bool]:
    """Since when a list says it is revoked, and whether it speaks of it at all."""
    if one.crl is not None:
        if one.issuer != certificate.issuer.sha256:
            return None, False
        return listed_since(one.der, certificate.serial_number), True
    if one.ocsp is None:
        return None, False
    for answer in one.ocsp.response_data["responses"]:
        if answer["cert_id"]["serial_number"].native == certificate.serial_number:
            status = answer["cert_status"]
            if status.name == "revoked":
                return status.chosen["revocation_time"].native, True
            return None, status.name == "good"
    return None, False


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


def _known(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return known_certificate(certificate.public_bytes(Encoding.DER))


def _of_crl(der: bytes, crl: asn1_crl.CertificateList) -> _List:
    return _List(der, crl, None, crl.issuer.sha256, crl["tbs_cert_list"]["this_update"].native, None)


def _of_ocsp(der: bytes, response: asn1_ocsp.OCSPResponse) -> _List:
    basic = response.basic_ocsp_response
    embedded = list(basic["certs"]) if basic["certs"].native is not None else []
    end = min((one.not_valid_after for one in embedded), default=None)
    return _List(der, None, response, b"", basic["tbs_response_data"]["produced_at"].native, end)


def _policy(anchors: Iterable[x509.Certificate], revocation: CertRevTrustPolicy) -> CertValidationPolicySpec:
    """Revocation data is required for every certificate under the anchor: silence is no proof."""
    return CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build(trust_roots=[_known(one) for one in anchors]),
        revinfo_policy=revocation,
        signature_validator=RememberingValidator(),
    )
