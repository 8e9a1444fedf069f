"""The legal status of an issued decree: in force, amended or revoked; shown to the public at once."""

from __future__ import annotations

from sqlalchemy import select

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict, InvalidInput
from svc.models import Decree
from svc.services.access import ensure_can_view
from svc.services.audit_log import record_decree
from svc.services.flow import doer_of, lock_decree

STATUSES = ("amended", "revoked")


def set_status(deps: Deps, actor: Actor, decree_id: str, status: str, note: str,
               superseded_by: str | None = None) -> None:
    """Mark an issued decree as amended or revoked, optionally by the decree with a given number.

    :raises InvalidInput: status, note or number are not usable. :raises Conflict: it is not issued
    """
    faults = {}
    if status not in STATUSES:
        faults["status"] = "Pilih diubah atau dicabut."
    if not note.strip():
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
            later = session.scalars(select(Decree).where(
                Decree.number == superseded_by, Decree.status == "issued", Decree.id != decree.id)).first()
            if later is None:
                raise InvalidInput(fields={"superseded_by": "Tidak ada naskah terbit dengan nomor itu."})
        decree.legal_status, decree.legal_note = status, note.strip()[:500]
        decree.superseded_by_id = later.id if later else None
        decree.lock_version += 1
        record_decree(session, decree, "legal_status_changed", doer_of(actor).audit, now,
                      {"status": status, "reason": decree.legal_note, "superseded_by": superseded_by,
                       "lock_version": decree.lock_version})
