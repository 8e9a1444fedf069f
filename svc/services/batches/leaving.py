"""Rows that leave a batch: single ones back to their drafter, or all of them when the batch is given back."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from svc.deps import Deps
from svc.models import Batch, BatchRow
from svc.services.batches.chunks import FLOW_ROWS, fail_row, finish_rows, pending_rows
from svc.services.batches.model import Order, drafter_of, order_of
from svc.services.batches.signing_results import finish_signed
from svc.services.bulk_flow import lock_flows, run_commands
from svc.services.flow import Flow
from workflows import model as m

_SIGNED = {m.DecreeStatus.SIGNED, m.DecreeStatus.ISSUED}


def exclude(deps: Deps, batch_id: int) -> int:
    """Take some rows out: their decrees become drafts of their own again; returns how many.

    What was signed meanwhile stays signed and stays in; what is being signed waits until that is settled.
    """
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        batch = session.get_one(Batch, batch_id)
        rows = pending_rows(session, batch, now, FLOW_ROWS, "exclude")
        if not rows:
            return 0
        order = order_of(session, batch)
        finish_signed(session, deps, batch, rows)
        gone = _give_back(session, deps, batch, rows, order)
        for row, flow in gone:
            flow.decree.batch_id = None
            row.state, row.excluded_at, row.excluded_by_id = "excluded", now, order.doer.person_id
            row.excluded_reason, row.error_code, row.failed_work = batch.work_note, None, None
        return len(rows)


def dissolve(deps: Deps, batch_id: int) -> int:
    """Give some rows of a batch that is given back their data and nothing else; returns how many.

    Their decrees are discarded, with the reason; submitting the batch again makes new ones.
    """
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        batch = session.get_one(Batch, batch_id)
        rows = pending_rows(session, batch, now, FLOW_ROWS, "dissolve")
        if not rows:
            return 0
        gone = _give_back(session, deps, batch, rows, order_of(session, batch))
        drafter = drafter_of(session, batch)
        kept = {one.decree_id: one.error for one in run_commands(
            session, deps, lock_flows(session, deps, [flow.decree.id for _, flow in gone]),
            lambda _flow: m.Discard(drafter.actor, batch.work_note), drafter.doer, batch.work_note)}
        for row, flow in gone:
            if flow.decree.id in kept:
                fail_row(row, batch.work, kept[flow.decree.id])
                continue
            flow.decree.batch_id, row.decree_id = None, None
            row.state, row.error_code, row.failed_work = "ready", None, None
        return len(rows)


def _give_back(session: Session, deps: Deps, batch: Batch, rows: Sequence[BatchRow],
               order: Order) -> list[tuple[BatchRow, Flow]]:
    """Return or withdraw the decrees of rows; those that could not be are failed, those signed are done."""
    by_decree = {row.decree_id: row for row in rows}
    flows = lock_flows(session, deps, [row.decree_id for row in rows if row.decree_id])
    open_flows = [flow for flow in flows if flow.snapshot.status not in _SIGNED]
    is_drafter = order.actor.person_id == batch.drafter_id
    refused = {one.decree_id: one.error for one in run_commands(
        session, deps, [flow for flow in open_flows if flow.snapshot.status is not m.DecreeStatus.DRAFT],
        lambda flow: m.Withdraw(order.actor, batch.work_note) if is_drafter
        else m.ReturnForRevision(order.actor, flow.decree.lock_version, batch.work_note),
        order.doer, batch.work_note)}
    finish_rows(rows)
    for decree_id, error in refused.items():
        fail_row(by_decree[decree_id], batch.work, error)
    return [(by_decree[flow.decree.id], flow) for flow in open_flows if flow.decree.id not in refused]
