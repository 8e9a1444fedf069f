"""Renewing the keys of our own TSA, OCSP and audit signer by hand, on record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from svc.adapters.keystore import Pki, renew_pki
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


def renew(deps: Deps, *, is_forced: bool) -> tuple[Unit, ...]:
    """Give new keys to the units whose certificates end soon, with ``is_forced`` to all; returns all units.

    Old certificates stay known for verification. Running processes keep the old keys until they are started
    again.

    :raises svc.settings.SettingsError: the keys cannot be read
    """
    now = deps.clock.now()
    after = renew_pki(deps.settings, deps.server_key, now, ROLES if is_forced else ())
    before = {role: _certificate(deps.pki, role) for role in ROLES}
    units = tuple(_unit(role, _certificate(after, role), before[role]) for role in ROLES)
    renewed = [{"role": one.role, "serial": one.serial} for one in units if one.is_renewed]
    if renewed:
        with deps.db.unit_of_work() as session:
            record_stream(session, _STREAM, "pki_renewed", AuditActor.system(), now, {"units": renewed})
    return units


def _certificate(pki: Pki, role: str) -> x509.Certificate:
    return {"tsa": pki.tsa, "ocsp": pki.ocsp, "audit": pki.audit}[role].certificate


def _unit(role: str, certificate: x509.Certificate, before: x509.Certificate) -> Unit:
    return Unit(role, f"{certificate.serial_number:x}", certificate.not_valid_after_utc, certificate != before)
