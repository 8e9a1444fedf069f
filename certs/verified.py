"""Revocation lists and responses, and what the genuine ones say of a certificate.

pyHanko is content with the first answer that says good, and asks no list once a response has said so. An old answer
that has not ended yet would so hide a revocation that another one knows. Here every answer is heard: whoever revokes
wins. Genuine is what the certificate's issuer signed, or a responder to whom he gave the task (RFC 6960 4.2.2.2).
Lists that another authority signs for the issuer (indirect ones) are left to pyHanko.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from pyhanko_certvalidator.revinfo.constants import KNOWN_CRL_EXTENSIONS

from certs._remembered import is_signed
from certs._strict import is_signed_list, may_respond
from certs.revocation import listed_entry

_TOLERANCE = timedelta(minutes=5)
_HOLD, _RELEASED = "certificate_hold", "remove_from_crl"
_KNOWN_EXTENSIONS = frozenset({"nonce", "crl", "archive_cutoff", "extended_revoke"})
_KEY_HASHES = frozenset({"sha1", "sha224", "sha256", "sha384", "sha512"})
_NAME_HASHES = frozenset({"sha1", "sha256"})  # those that pyHanko knows; another is an error there


@dataclass(frozen=True)
class RevocationData:
    """A CRL or OCSP response with what decides whether its signature may be believed."""

    der: bytes
    crl: asn1_crl.CertificateList | None
    ocsp: asn1_ocsp.OCSPResponse | None
    issuer: bytes  # hash of the CRL issuer's name; empty for responses
    issued_at: datetime
    signed_until: datetime | None  # end of an embedded responder's certificate
    is_understood: bool = True  # False: what is critical in a response, or how it names certificates, is unknown here

    def may_be_of(self, authority: asn1_x509.Certificate) -> bool:
        """Whether its issuer or responder is named as this one."""
        if self.crl is not None:
            return self.issuer == authority.subject.sha256 or bool(self.crl.issuer == authority.subject)
        if self.ocsp is None:
            return False
        named = self.ocsp.basic_ocsp_response["tbs_response_data"]["responder_id"]
        if named.name == "by_key":
            return named.native in (authority.public_key.sha1, authority.key_identifier)
        return bool(named.chosen == authority.subject)

    def is_signed_by(self, authority: asn1_x509.Certificate) -> bool:
        """Whether the key of this certificate has signed it."""
        if self.crl is not None:
            return is_signed_list(self.crl, authority)
        basic = None if self.ocsp is None else self.ocsp.basic_ocsp_response
        return basic is not None and is_signed(authority, basic["signature"].native, basic["tbs_response_data"].dump(),
                                               basic["signature_algorithm"])

    @property
    def is_indirect(self) -> bool:
        """Whether it is a list that speaks of other authorities' certificates too."""
        point = None if self.crl is None else self.crl.issuing_distribution_point_value
        return point is not None and bool(point["indirect_crl"].native)

    @property
    def responders(self) -> list[asn1_x509.Certificate]:
        """The certificates that a response brings along."""
        return [] if self.ocsp is None else _embedded(self.ocsp.basic_ocsp_response)

    def is_from_future(self, now: datetime) -> bool:
        """Whether it says to have been issued later than clocks differ: nobody can know that yet."""
        return self.issued_at > now + _TOLERANCE


@dataclass(frozen=True)
class Answer:
    """What one list or response (``der``) says of one certificate: revoked since when (None: good), or only held."""

    der: bytes
    issued_at: datetime
    next_at: datetime | None
    revoked_at: datetime | None
    is_hold: bool = False


def read_crl(der: bytes, crl: asn1_crl.CertificateList) -> RevocationData:
    """A list of these bytes."""
    return RevocationData(der, crl, None, crl.issuer.sha256, crl["tbs_cert_list"]["this_update"].native, None)


def read_ocsp(der: bytes, response: asn1_ocsp.OCSPResponse) -> RevocationData:
    """A response of these bytes; issued when its latest part says so."""
    basic = response.basic_ocsp_response
    data = basic["tbs_response_data"]
    moments = [data["produced_at"].native, *(one["this_update"].native for one in data["responses"])]
    end = min((one.not_valid_after for one in _embedded(basic)), default=None)
    return RevocationData(der, None, response, b"", max(moments), end, _is_understood(data))


def _is_understood(data: asn1_ocsp.ResponseData) -> bool:
    """RFC 6960 4.4: a critical extension that is not known makes a response worth nothing."""
    extensions = [*(data["response_extensions"] or ()),
                  *(one for answer in data["responses"] for one in answer["single_extensions"] or ())]
    algorithms = {one["cert_id"]["hash_algorithm"]["algorithm"].native for one in data["responses"]}
    return algorithms <= _NAME_HASHES and not any(
        one["critical"].native and one["extn_id"].native not in _KNOWN_EXTENSIONS for one in extensions)


def answers(
    data: Iterable[RevocationData], certificate: asn1_x509.Certificate, issuer: asn1_x509.Certificate,
    known: Sequence[asn1_x509.Certificate] = (),
) -> tuple[Answer, ...]:
    """What the genuine lists and responses say of the certificate.

    :param known: certificates among which may be that of a responder who does not send it along
    """
    return tuple(answer for one in data for answer in _answers(one, certificate, issuer, known))


def revoked_since(given: Iterable[Answer]) -> datetime | None:
    """Since when the certificate is revoked, if any answer says so; a hold counts as long as no later answer has
    lifted it."""
    found = tuple(given)
    moments = [one.revoked_at for one in found if one.revoked_at is not None and not (
        one.is_hold and any(other.revoked_at is None and other.issued_at > one.issued_at for other in found))]
    return min(moments, default=None)


def claims_revocation(data: Iterable[RevocationData], serial: int) -> bool:
    """Whether any, genuine or not, revokes a certificate of this number: without it nothing need be verified."""
    return any(_claims(one, serial) for one in data)


def is_issued_by(certificate: asn1_x509.Certificate, issuer: asn1_x509.Certificate) -> bool:
    """Whether the issuer's name is the one in the certificate, and his key has signed it."""
    return certificate.issuer == issuer.subject and is_signed(
        issuer, certificate["signature_value"].native, certificate["tbs_certificate"].dump(),
        certificate["signature_algorithm"])


def _claims(one: RevocationData, serial: int) -> bool:
    if one.ocsp is None:
        return listed_entry(one.der, serial) is not None
    return any(answer["cert_id"]["serial_number"].native == serial and answer["cert_status"].name == "revoked"
               for answer in one.ocsp.response_data["responses"])


def _answers(
    one: RevocationData, certificate: asn1_x509.Certificate, issuer: asn1_x509.Certificate,
    known: Sequence[asn1_x509.Certificate],
) -> Iterator[Answer]:
    if one.crl is not None:
        if one.issuer == issuer.subject.sha256 and one.is_signed_by(issuer):
            yield from _of_list(one, one.crl, certificate)
        return
    if one.ocsp is None:
        return
    basic = one.ocsp.basic_ocsp_response
    told = [answer for answer in basic["tbs_response_data"]["responses"] if _is_about(answer, certificate, issuer)]
    if told and _is_response_of(basic, issuer, known):
        heard = {"good", "revoked"} if one.is_understood else {"revoked"}
        yield from (_of_response(one.der, answer) for answer in told if answer["cert_status"].name in heard)


def _of_list(
    one: RevocationData, crl: asn1_crl.CertificateList, certificate: asn1_x509.Certificate
) -> Iterator[Answer]:
    if one.is_indirect:  # the same number may be another authority's
        return
    entry = listed_entry(one.der, certificate.serial_number)
    next_at = crl["tbs_cert_list"]["next_update"].native
    if entry is not None and entry.reason != _RELEASED:
        yield Answer(one.der, one.issued_at, next_at, entry.since, entry.reason == _HOLD)
    elif entry is not None or _would_name(crl, certificate):
        yield Answer(one.der, one.issued_at, next_at, None)


def _would_name(crl: asn1_crl.CertificateList, certificate: asn1_x509.Certificate) -> bool:
    """Whether the list's silence says something: that the certificate is not revoked."""
    if crl.delta_crl_indicator_value is not None or crl.critical_extensions - KNOWN_CRL_EXTENSIONS:
        return False
    point = crl.issuing_distribution_point_value
    if point is None:
        return True
    if point["only_contains_attribute_certs"].native or point["only_some_reasons"].native is not None:
        return False
    if point["only_contains_user_certs" if certificate.ca else "only_contains_ca_certs"].native:
        return False
    places = _places_of(point)
    return not places or any(
        not places.isdisjoint(_places_of(one)) for one in certificate.crl_distribution_points_value or ())


def _places_of(point: asn1_crl.IssuingDistributionPoint | asn1_x509.DistributionPoint) -> frozenset[bytes]:
    """The names under which a list is found, as they are encoded."""
    place = point["distribution_point"]
    if place.native is None:
        return frozenset()
    return frozenset(one.dump() for one in place.chosen) if place.name == "full_name" else frozenset((place.dump(),))


def _of_response(der: bytes, answer: asn1_ocsp.SingleResponse) -> Answer:
    status, issued_at, next_at = answer["cert_status"], answer["this_update"].native, answer["next_update"].native
    reason = status.chosen["revocation_reason"].native if status.name == "revoked" else _RELEASED
    revoked_at = None if reason == _RELEASED else status.chosen["revocation_time"].native
    return Answer(der, issued_at, next_at, revoked_at, reason == _HOLD)


def _is_about(
    answer: asn1_ocsp.SingleResponse, certificate: asn1_x509.Certificate, issuer: asn1_x509.Certificate
) -> bool:
    named = answer["cert_id"]
    algorithm = named["hash_algorithm"]["algorithm"].native
    if named["serial_number"].native != certificate.serial_number or algorithm not in _KEY_HASHES:
        return False
    name = hashlib.new(algorithm, issuer.subject.dump()).digest()
    key = hashlib.new(algorithm, issuer.public_key["public_key"].contents[1:]).digest()  # without its unused bits
    return bool(named["issuer_name_hash"].native == name and named["issuer_key_hash"].native == key)


def _is_response_of(
    basic: asn1_ocsp.BasicOCSPResponse, issuer: asn1_x509.Certificate, known: Sequence[asn1_x509.Certificate]
) -> bool:
    at = basic["tbs_response_data"]["produced_at"].native
    signers = [issuer, *(one for one in (*_embedded(basic), *known) if _is_delegate(one, issuer, at))]
    return any(is_signed(one, basic["signature"].native, basic["tbs_response_data"].dump(),
                         basic["signature_algorithm"]) for one in signers)


def _is_delegate(certificate: asn1_x509.Certificate, issuer: asn1_x509.Certificate, at: datetime) -> bool:
    return (may_respond(certificate)
            and certificate.not_valid_before <= at <= certificate.not_valid_after
            and is_issued_by(certificate, issuer))


def _embedded(basic: asn1_ocsp.BasicOCSPResponse) -> list[asn1_x509.Certificate]:
    return list(basic["certs"]) if basic["certs"].native is not None else []
