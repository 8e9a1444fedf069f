"""What all acts of administration share: the audit stream, and the guard that keeps an administrator."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict, InvalidInput
from svc.services.audit_log import AuditActor, record_stream
from svc.services.orgchart import administrator_ids

STREAM = "administration"


class LastAdministrator(Conflict):
    code = "last_administrator"
    message = "Setelah perubahan ini tidak ada lagi administrator. Tetapkan administrator lain lebih dahulu."


def record(session: Session, deps: Deps, actor: Actor, event: str, payload: Mapping[str, Any]) -> None:
    """Append to the stream of administration. Payloads carry ids and names of fields, not personal data."""
    record_stream(session, STREAM, event, AuditActor.of(actor), deps.clock.now(), payload)


def today(deps: Deps) -> date:
    """The day in the province."""
    return local_day(deps, deps.clock.now())


def local_day(deps: Deps, at: datetime) -> date:
    """The day in the province at that instant."""
    return at.astimezone(deps.settings.tzinfo).date()


def ensure_admin_remains(session: Session, day: date) -> None:
    """:raises LastAdministrator: with the changes made so far nobody could administer on that day"""
    session.flush()
    if not administrator_ids(session, day):
        raise LastAdministrator


def refuse_if(faults: Mapping[str, str]) -> None:
    """:raises InvalidInput: there is a fault, each under its field"""
    if faults:
        raise InvalidInput(fields=dict(faults))


def text_fault(value: str, longest: int, *, is_required: bool = True) -> str:
    """What is wrong with a line of text, or nothing."""
    if is_required and not value.strip():
        return "Wajib diisi."
    if len(value) > longest:
        return "Terlalu panjang."
    return "" if value.isprintable() else "Ada karakter yang tidak dapat dipakai."


def collect(**found: str) -> dict[str, str]:
    """The faults that are faults."""
    return {name: fault for name, fault in found.items() if fault}
