"""Sending out what was signed and did not go out by itself: the drafter kept that for himself, or it was found late."""

from __future__ import annotations

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict
from svc.services.batches.model import begin_work, decree_is, ensure_drafter, ensure_idle, lock_batch, record


def issue(deps: Deps, actor: Actor, batch_id: str, seen_version: int) -> int:
    """Have every signed decree of the batch sent out, also when signing was ended before all were; returns how many.

    :raises StaleBatch: :raises Forbidden: not his draft. :raises BatchBusy: :raises Conflict: nothing is to be sent
    """
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        batch = lock_batch(session, deps, actor, batch_id, seen_version)
        ensure_drafter(actor, batch)
        ensure_idle(batch, "signing", "finished", "cancelled")
        count = begin_work(session, batch, "issue", now, states=("live", "failed"), only=decree_is("signed"), by=actor,
                           position_id=batch.drafter_position_id)
        if count == 0:
            raise Conflict("Tidak ada naskah kelompok ini yang menunggu diterbitkan.")
        record(session, batch, "batch_issue_ordered", actor, now, {"rows": count}, batch.drafter_position_id)
        return count
