"""New keys and certificates for the PKI's own units (TSA, OCSP signer), longer ones for its CAs, before they end.

The old certificates stay known (``DevelopmentPki.retired``): what they signed is still to be checked. The keys of
units are thrown away. The CAs keep theirs and get certificates that end later: all that they issued, before and
after, chains to either certificate, and who trusts the root's name and key goes on trusting it (ADR 0013).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs.algorithms import NO_ENDS, AlgorithmEnds
from certs.ca import (
    ISSUING_DAYS,
    OCSP_DAYS,
    ROOT_DAYS,
    SIGNER_VALID_DAYS,
    TSA_DAYS,
    DevelopmentPki,
    Issued,
    Retired,
    Revocation,
    build_crl,
    certify_ca,
    create_unit,
)
from certs.profiles import NOWHERE, Addresses

ROLES = ("tsa", "ocsp")
SHARE_LEFT = 0.1
_KEY_SIZES = (3072, 4096)
# A unit never outlives its CA: near the CA's end a new certificate would gain nothing, and so at every start.
_LEAST_GAIN = timedelta(days=30)


@dataclass(frozen=True)
class _Plan:
    issuer: Issued
    days: int
    usage: x509.ObjectIdentifier
    addresses: Addresses


def is_due(certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    """Whether less than a tenth of the certificate's life is left and a new one would live longer."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return end - now < (end - start) * SHARE_LEFT and issuer.not_valid_after_utc - end >= _LEAST_GAIN


def due_roles(pki: DevelopmentPki, now: datetime, ends: AlgorithmEnds = NO_ENDS) -> tuple[str, ...]:
    """Which of ``tsa`` and ``ocsp`` are due, also because keys of their size end that soon."""
    issuers = {"tsa": pki.root, "ocsp": pki.issuing}
    present = {"tsa": pki.tsa, "ocsp": pki.ocsp}
    return tuple(role for role in ROLES
                 if is_due(present[role].certificate, issuers[role].certificate, now)
                 or _is_size_due(present[role], now, ends))


def _is_size_due(unit: Issued, now: datetime, ends: AlgorithmEnds) -> bool:
    life = unit.certificate.not_valid_after_utc - unit.certificate.not_valid_before_utc
    soon = now + life * SHARE_LEFT
    return ends.of_key("rsa", unit.key.key_size).at <= soon and _size_for(unit, soon, ends) > unit.key.key_size


def _size_for(old: Issued, until: datetime, ends: AlgorithmEnds) -> int:
    """The old key's size, or the next one that lasts until then; if none does, the first of those that last longest."""
    sizes = (old.key.key_size, *(one for one in _KEY_SIZES if one > old.key.key_size))
    return next((one for one in sizes if ends.of_key("rsa", one).at > until),
                max(sizes, key=lambda one: ends.of_key("rsa", one).at))


def is_authority_due(pki: DevelopmentPki, now: datetime) -> bool:
    """Whether a signer's certificate issued now would end early because its CA does."""
    return pki.issuing.certificate.not_valid_after_utc - now <= timedelta(days=SIGNER_VALID_DAYS)


def extend_authority(pki: DevelopmentPki, now: datetime, root_addresses: Addresses = NOWHERE) -> DevelopmentPki:
    """The same PKI, with certificates of root and issuing CA that begin as the old ones and last their full time from
    now, and with a root list as long."""
    at = now.replace(microsecond=0)
    old_root, old_issuing = pki.root.certificate, pki.issuing.certificate
    root = certify_ca(old_root.subject, pki.root.key, None, old_root.not_valid_before_utc,
                      at + timedelta(days=ROOT_DAYS))
    issuing = certify_ca(old_issuing.subject, pki.issuing.key, root, old_issuing.not_valid_before_utc,
                         at + timedelta(days=ISSUING_DAYS), root_addresses)
    return replace(pki, root=root, issuing=issuing,
                   root_crl=_next_list(pki, root, now),
                   retired=(*pki.retired, Retired("root", old_root), Retired("issuing", old_issuing)))


def renew(
    pki: DevelopmentPki,
    roles: Collection[str],
    now: datetime,
    root_addresses: Addresses = NOWHERE,
    issuing_addresses: Addresses = NOWHERE,
    ends: AlgorithmEnds = NO_ENDS,
) -> DevelopmentPki:
    """The same PKI with new keys and certificates for these roles, and with a root list of today. Keys are longer
    than before where those of the old size end before the new certificate would.

    :raises ValueError: not a role that can be renewed
    """
    plans = {
        "tsa": _Plan(pki.root, TSA_DAYS, ExtendedKeyUsageOID.TIME_STAMPING, root_addresses),
        "ocsp": _Plan(pki.issuing, OCSP_DAYS, ExtendedKeyUsageOID.OCSP_SIGNING, issuing_addresses),
    }
    if not set(roles) <= set(plans):
        raise ValueError(f"cannot renew {', '.join(sorted(set(roles) - set(plans)))}")
    old = {"tsa": pki.tsa, "ocsp": pki.ocsp}
    new = {role: _renewed(old[role], plans[role], now, ends) if role in roles else old[role] for role in ROLES}
    retired = tuple(Retired(role, old[role].certificate) for role in ROLES if role in roles)
    return replace(pki, tsa=new["tsa"], ocsp=new["ocsp"], root_crl=_next_list(pki, pki.root, now),
                   retired=(*pki.retired, *retired))


def _next_list(pki: DevelopmentPki, root: Issued, now: datetime) -> bytes:
    """The root's list of today: with all that was on the last one, for a revocation is final."""
    entries = []
    for line in x509.load_der_x509_crl(pki.root_crl):
        reasons = [one.value.reason for one in line.extensions if isinstance(one.value, x509.CRLReason)]
        entries.append(Revocation(line.serial_number, line.revocation_date_utc,
                                  *(reasons or [x509.ReasonFlags.unspecified])))
    return build_crl(root, entries, now, root.certificate.not_valid_after_utc)


def _renewed(old: Issued, plan: _Plan, now: datetime, ends: AlgorithmEnds) -> Issued:
    return create_unit(old.certificate.subject, plan.issuer, now, plan.days, plan.usage,
                       _size_for(old, now + timedelta(days=plan.days), ends), plan.addresses)
