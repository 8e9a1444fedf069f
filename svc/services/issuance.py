"""Sending a signed decree out: from here on it is in force."""

from __future__ import annotations

from svc.actors import Actor
from svc.deps import Deps
from svc.services.access import ensure_can_view
from svc.services.flow import doer_of, ensure_seen, load_flow, lock_by_task, run_command, to_workflow
from workflows.model import RecordDistributed


def distribute(deps: Deps, actor: Actor, task_id: str, seen_version: int) -> None:
    """Close the distribution task; the decree is issued and in force, the drafter is told.

    :raises StaleTask: :raises NotYourTask: :raises Conflict: refused
    """
    with deps.db.unit_of_work() as session:
        decree = lock_by_task(session, task_id)
        ensure_can_view(actor, decree)
        ensure_seen(session, decree, seen_version)
        flow = load_flow(session, deps, decree)
        position_id = flow.snapshot.open_task.position_id if flow.snapshot.open_task else None
        run_command(session, deps, flow, RecordDistributed(to_workflow(actor), seen_version),
                    doer_of(actor, position_id))
