"""New keys and certificates for the PKI's own units (TSA, OCSP signer) before the present ones end.

The old certificates stay known (``DevelopmentPki.retired``): what they signed is still to be checked. Their
keys are thrown away. The CAs themselves are not renewed here: that makes another PKI, which people must trust.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs.ca import OCSP_DAYS, TSA_DAYS, DevelopmentPki, Issued, Retired, build_crl, create_unit
from certs.profiles import NOWHERE, Addresses

ROLES = ("tsa", "ocsp")
SHARE_LEFT = 0.1
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


def due_roles(pki: DevelopmentPki, now: datetime) -> tuple[str, ...]:
    """Which of ``tsa`` and ``ocsp`` are due."""
    issuers = {"tsa": pki.root, "ocsp": pki.issuing}
    present = {"tsa": pki.tsa, "ocsp": pki.ocsp}
    return tuple(role for role in ROLES
                 if is_due(present[role].certificate, issuers[role].certificate, now))


def renew(
    pki: DevelopmentPki,
    roles: Collection[str],
    now: datetime,
    root_addresses: Addresses = NOWHERE,
    issuing_addresses: Addresses = NOWHERE,
) -> DevelopmentPki:
    """The same PKI with new keys and certificates for these roles, and with a root list of today.

    :raises ValueError: not a role that can be renewed
    """
    plans = {
        "tsa": _Plan(pki.root, TSA_DAYS, ExtendedKeyUsageOID.TIME_STAMPING, root_addresses),
        "ocsp": _Plan(pki.issuing, OCSP_DAYS, ExtendedKeyUsageOID.OCSP_SIGNING, issuing_addresses),
    }
    if not set(roles) <= set(plans):
        raise ValueError(f"cannot renew {', '.join(sorted(set(roles) - set(plans)))}")
    old = {"tsa": pki.tsa, "ocsp": pki.ocsp}
    new = {role: _renewed(old[role], plans[role], now) if role in roles else old[role] for role in ROLES}
    retired = tuple(Retired(role, old[role].certificate) for role in ROLES if role in roles)
    root_crl = build_crl(pki.root, (), now, pki.root.certificate.not_valid_after_utc)
    return replace(pki, tsa=new["tsa"], ocsp=new["ocsp"], root_crl=root_crl, retired=(*pki.retired, *retired))


def _renewed(old: Issued, plan: _Plan, now: datetime) -> Issued:
    return create_unit(old.certificate.subject, plan.issuer, now, plan.days, plan.usage, old.key.key_size,
                       plan.addresses)
