"""Who is told about which event: holders of a position about a new task, the drafter about an end,
and who has signed already about a later signer's refusal."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from svc.deps import Deps
from svc.models import Decree
from svc.services.orgchart import holders_of
from svc.services.outbox import notify
from svc.services.signature_blocks import list_blocks
from workflows import model as m

_TO_DRAFTER: dict[type, str] = {
    m.Returned: "Dikembalikan untuk perbaikan: %(subject)s",
    m.Rejected: "Ditolak: %(subject)s",
    m.Signed: "Sudah ditandatangani: %(subject)s",
    m.Distributed: "Sudah terbit: %(subject)s",
}
_NEW_TASK = "Menunggu Anda: %(subject)s"
_PARTLY_SIGNED = "Tanda tangan %(given)s dari %(needed)s sudah diberikan: %(subject)s"
_REFUSED = "Ditolak penanda tangan berikutnya, jadi tidak terbit: %(subject)s"


def notify_about(session: Session, deps: Deps, decree: Decree, event: m.Event, now: datetime) -> None:
    """Write notices (and their mails) in the caller's transaction."""
    params = {"subject": decree.subject[:200]}
    if isinstance(event, m.TaskOpened):
        today = now.astimezone(deps.settings.tzinfo).date()
        for holder in holders_of(session, event.position_id, today):
            notify(session, holder.person_id, _NEW_TASK, now, decree_id=decree.id, params=params)
    if isinstance(event, m.PartlySigned):
        needed = len(list_blocks(session, decree))
        notify(session, decree.drafter_id, _PARTLY_SIGNED, now, decree_id=decree.id,
               params={**params, "given": event.ordinal, "needed": needed})
    if isinstance(event, m.Rejected):
        for signer in list_blocks(session, decree):
            if signer.signed_at is not None and signer.person_id is not None:
                notify(session, signer.person_id, _REFUSED, now, decree_id=decree.id, params=params)
    message = _TO_DRAFTER.get(type(event))
    if message is not None:
        notify(session, decree.drafter_id, message, now, decree_id=decree.id, params=params)
