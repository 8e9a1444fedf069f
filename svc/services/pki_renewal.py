"""Renewing the keys of our own TSA, OCSP and audit signer, and the end of our CAs, by hand and on record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from svc.adapters.keystore import AUTHORITY, Pki, renew_pki
from svc.deps import Deps
from svc.services.audit_log import AuditActor, record_stream

ROLES = ("tsa", "ocsp", "audit")
_STREAM = "administration"


@dataclass(frozen=True)
class Unit:
    """A unit of the PKI: its role, its certificate's serial number (hexadecimal) and when that ends."""

    role: str
    serial: str
    valid_to: datetime
    is_renewed: bool


def renew(deps: Deps, *, is_forced: bool = False, extends_authority: bool = False) -> tuple[Unit, ...]:
    """Give new keys to the units whose certificates end soon, with ``is_forced`` to all; returns all units, the
    authority (its issuing CA) first. It keeps its keys and gets a later end when that is two years away, or now with
    ``extends_authority``.

    Old certificates stay known for verification. Running processes keep the old keys until they are started
    again.

    :raises svc.settings.SettingsError: the keys cannot be read
    """
    now = deps.clock.now()
    wanted = (*((AUTHORITY,) if extends_authority else ()), *(ROLES if is_forced else ()))
    after = renew_pki(deps.settings, deps.server_key, now, wanted)
    before = {role: _certificate(deps.pki, role) for role in (AUTHORITY, *ROLES)}
    units = tuple(_unit(role, _certificate(after, role), before[role]) for role in (AUTHORITY, *ROLES))
    renewed = [{"role": one.role, "serial": one.serial} for one in units if one.is_renewed]
    if renewed:
        with deps.db.unit_of_work() as session:
            record_stream(session, _STREAM, "pki_renewed", AuditActor.system(), now, {"units": renewed})
    return units


def _certificate(pki: Pki, role: str) -> x509.Certificate:
    return {AUTHORITY: pki.issuing, "tsa": pki.tsa, "ocsp": pki.ocsp, "audit": pki.audit}[role].certificate


def _unit(role: str, certificate: x509.Certificate, before: x509.Certificate) -> Unit:
    return Unit(role, f"{certificate.serial_number:x}", certificate.not_valid_after_utc, certificate != before)
