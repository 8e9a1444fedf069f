"""The printed date is the day of signing: a frozen document of another day is dated and frozen anew."""

from __future__ import annotations

from svc.deps import Deps
from svc.services import numbering, rendition
from svc.services.flow import Doer, load_flow, lock_by_task, run_command
from workflows.model import Refreeze


def ensure_dated_today(deps: Deps, task_id: str) -> bool:
    """Freeze the document of a sign task anew when its printed date is not today; whether it was.

    The number stays, unless the year has changed: then it becomes void and the next of this year is taken.
    :raises svc.errors.NotFound: no such task
    """
    now = deps.clock.now()
    with deps.db.read_session() as session:
        decree = lock_by_task(session, task_id)
        if decree.status != "ready_to_sign" or decree.issued_on == numbering.local_day(deps, now):
            return False
    with deps.db.unit_of_work() as session:
        decree = lock_by_task(session, task_id)
        if decree.status != "ready_to_sign" or decree.issued_on == numbering.local_day(deps, now):
            return False
        flow = load_flow(session, deps, decree)
        kind = rendition.kind_of(deps, decree.kind)
        before = decree.number
        entry = numbering.take_number(session, deps, decree, kind, now)
        frozen = rendition.freeze(session, deps, decree, flow.version, flow.definition, entry.formatted, now)
        changed = entry.formatted if entry.formatted != before else None
        run_command(session, deps, flow, Refreeze(frozen, changed), Doer.system())
        return True
