"""Who is told about a batch: one line for all its documents, never one for each."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from svc.deps import Deps
from svc.models import Batch
from svc.services.orgchart import holders_of
from svc.services.outbox import notify

BATCH = "batch"  # the parameter by which a notice leads to its batch
_NEW_TASK = "Kelompok naskah menunggu Anda: %(subject)s"


def tell_holders(session: Session, deps: Deps, batch: Batch, now: datetime) -> None:
    """Tell the holders of the position for which the batch waits."""
    if batch.assignee_id is None:
        return
    today = now.astimezone(deps.settings.tzinfo).date()
    for holder in holders_of(session, batch.assignee_id, today):
        notify(session, holder.person_id, _NEW_TASK, now, params=_params(batch))


def tell_drafter(session: Session, batch: Batch, message: str, now: datetime) -> None:
    """Tell the one who submitted it. ``message`` is a gettext msgid with ``%(subject)s``."""
    notify(session, batch.drafter_id, message, now, params=_params(batch))


def _params(batch: Batch) -> dict[str, object]:
    return {"subject": batch.title[:200], BATCH: batch.public_id}
