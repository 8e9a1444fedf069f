"""The legal status of an issued decree: in force, amended or revoked; shown to the public at once.

A status set by mistake is put right by setting ``in_force`` again; the chain keeps both.
"""

from __future__ import annotations

from sqlalchemy import select

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict, Forbidden, InvalidInput
from svc.models import Decree
from svc.roles import is_allowed
from svc.services.access import ensure_can_view
from svc.services.audit_log import record_decree
from svc.services.flow import doer_of, lock_decree
from svc.services.plain_text import clean_line, clean_text

STATUSES = ("amended", "revoked", "in_force")
_MAX_NOTE = 500
_MAX_NUMBER = 120


def set_status(deps: Deps, actor: Actor, decree_id: str, status: str, note: str,
               superseded_by: str | None = None) -> None:
    """Mark an issued decree as amended or revoked, optionally by the decree with a given number.

    :raises InvalidInput: status, note or number are not usable. :raises Conflict: it is not issued
    :raises Forbidden: none of the actor's positions may do this
    """
    if not is_allowed("decree.legal_status", actor.roles):
        raise Forbidden
    note = clean_text(note, _MAX_NOTE)
    faults = {}
    if status not in STATUSES:
        faults["status"] = "Pilih diubah atau dicabut."
    if not note:
        faults["reason"] = "Keterangan wajib diisi."
    if faults:
        raise InvalidInput(fields=faults)
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        decree = lock_decree(session, decree_id)
        ensure_can_view(actor, decree)
        if decree.status != "issued":
            raise Conflict("Hanya naskah yang sudah terbit yang status hukumnya dapat diubah.")
        later = None
        if superseded_by:
            wanted = clean_line(superseded_by, _MAX_NUMBER)
            later = session.scalars(
                select(Decree).where(Decree.number == wanted, Decree.status == "issued", Decree.id != decree.id)
                .order_by(Decree.agency_id != decree.agency_id, Decree.id.desc()).limit(1)).first()
            if later is None:
                raise InvalidInput(fields={"superseded_by": "Tidak ada naskah terbit dengan nomor itu."})
        is_in_force = status == "in_force"
        decree.legal_status, decree.legal_note = status, None if is_in_force else note
        decree.superseded_by_id = later.id if later and not is_in_force else None
        decree.updated_at = now
        decree.lock_version += 1
        record_decree(session, decree, "legal_status_changed", doer_of(actor).audit, now,
                      {"status": status, "reason": note, "lock_version": decree.lock_version,
                       "superseded_by": later.public_id if later and not is_in_force else None})
