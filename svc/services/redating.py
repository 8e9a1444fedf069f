"""What the frozen document says must be true when it is signed: today's date, and the names of who signs.

A document of another day, or one that bears another holder's name, is laid out and frozen anew under its number;
once it bears a signature nothing on it changes, and its date stays that of the first.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.actors import Actor
from svc.deps import Deps
from svc.models import Decree, Task
from svc.services import numbering, rendition, signature_blocks
from svc.services.flow import Doer, load_flow, lock_by_task, run_command, to_workflow
from svc.services.layout_ahead import lay_out_ahead
from svc.services.parents import ensure_in_force
from workflows.errors import NotYourTask
from workflows.model import Refreeze
from workflows.rules import capacity_for


def ensure_dated_today(deps: Deps, task_id: str, signer: Actor | None = None) -> bool:
    """Freeze the document of a sign task anew when its printed date is not today, or when it does not name
    ``signer``, who holds the position and is about to sign; whether it was.

    The number stays, unless the year has changed: then it becomes void and the next of this year is taken.
    :raises svc.errors.NotFound: no such task. :raises svc.services.rendition.NotRenderable: it cannot be laid out
    :raises svc.services.parents.ParentRevoked: what it is made from is in force no more
    """
    now = deps.clock.now()
    with deps.db.read_session() as session:
        found = session.scalars(
            select(Decree).join(Task, Task.decree_id == Decree.id).where(Task.public_id == task_id)).one_or_none()
        if found is not None and _is_true(session, deps, found, signer):
            return False
    return lay_out_ahead(deps, lambda ahead: _refreeze(ahead, task_id, signer, now))


def _refreeze(deps: Deps, task_id: str, signer: Actor | None, now: datetime) -> bool:
    with deps.db.unit_of_work() as session:
        decree = lock_by_task(session, task_id)
        if _is_true(session, deps, decree, signer):
            return False
        flow = load_flow(session, deps, decree)
        kind = rendition.kind_of(deps, decree.kind)
        ensure_in_force(session, deps, kind.id, decree.parent_id)
        before = decree.number
        decree.lock_version += 1  # a void number is news to everybody who saw the page
        entry = numbering.take_number(session, deps, decree, kind, now)
        frozen = rendition.freeze(session, deps, decree, flow.version, flow.definition, entry.formatted, now,
                                  signer_id=signer.person_id if signer else decree.signer_id)
        changed = entry.formatted if entry.formatted != before else None
        run_command(session, deps, flow, Refreeze(frozen, changed), Doer.system())
        return True


def _is_true(session: Session, deps: Deps, decree: Decree, signer: Actor | None) -> bool:
    """Whether nothing on the document needs to change for this signer; also when he may not sign it anyway."""
    if decree.status != "ready_to_sign" or signature_blocks.is_partly_signed(session, decree):
        return True
    today = numbering.local_day(deps, deps.clock.now())
    if decree.issued_on != today or not signature_blocks.others_are_true(session, decree, today):
        return False
    task = session.scalars(select(Task).where(Task.decree_id == decree.id, Task.status == "open")).one()
    if signer is None or signer.person_id == decree.drafter_id:
        return True
    try:
        capacity = capacity_for(to_workflow(signer), task.assignee_id).kind.value
    except NotYourTask:
        return True
    if capacity in rendition.kind_of(deps, decree.kind).forbidden_capacities:
        return True
    return (decree.signer_id, decree.signer_capacity) == (signer.person_id, capacity)
