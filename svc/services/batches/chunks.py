"""The chunks of a batch's work that need nothing but the database: checking, making, initialling, sending out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.deps import Deps
from svc.errors import AppError
from svc.ids import new_public_id
from svc.kinds import Kind
from svc.leases import is_left
from svc.models import Batch, BatchRow, Decree, DecreeVersion
from svc.services.audit_log import record_decree
from svc.services.batches.drafting import check_rows
from svc.services.batches.model import IS_PENDING, Order, decree_is, drafter_of, kind_of_batch, order_of
from svc.services.bulk_flow import CommandFor, Refused, lock_flows, run_commands
from svc.services.draft_content import describe
from svc.services.flow import Doer
from svc.services.gathering import add_row, gathering
from svc.services.parents import security_of
from workflows import model as m

CHECK_ROWS, FLOW_ROWS = 500, 100
WAIT_FOR_SIGNING = frozenset({"freeze", "exclude", "dissolve"})


def pending_rows(session: Session, batch: Batch, now: datetime, most: int, work: str) -> list[BatchRow]:
    """Rows still to be worked on that nobody else is at, locked until the transaction ends.

    None when the batch has another work by now: a worker that was slow to begin must not take
    rows for what they no longer wait for. Looked at once they are locked, since from then on no other can begin.
    What is being signed waits until that is settled, whatever else is to be done with it.
    """
    free = BatchRow.leased_until.is_(None) | is_left(BatchRow.leased_until, now)
    if work in WAIT_FOR_SIGNING:
        free &= ~decree_is("signing")
    rows = list(session.scalars(
        select(BatchRow).where(BatchRow.batch_id == batch.id, IS_PENDING, free)
        .order_by(BatchRow.row_no).limit(most).with_for_update(skip_locked=True)))
    session.refresh(batch)
    return rows if batch.work == work else []


def finish_rows(rows: Sequence[BatchRow]) -> None:
    """These are done with the present work."""
    for row in rows:
        row.pending, row.lease, row.leased_until = False, None, None


def fail_row(row: BatchRow, work: str, error: AppError | str) -> None:
    """This one could not be done; it waits for a person, and the others go on."""
    finish_rows([row])
    row.state, row.failed_work = "failed", work
    row.error_code = (error if isinstance(error, str) else error.code)[:60]


def check(deps: Deps, batch_id: int) -> int:
    """Validate some rows of a draft; returns how many."""
    with deps.db.unit_of_work() as session:
        batch = session.get_one(Batch, batch_id)
        rows = pending_rows(session, batch, deps.clock.now(), CHECK_ROWS, "check")
        check_rows(session, deps, batch, rows)
        finish_rows(rows)
        return len(rows)


def prepare(deps: Deps, batch_id: int) -> int:
    """Make the decrees of some rows and submit them; returns how many."""
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        batch = session.get_one(Batch, batch_id)
        rows = pending_rows(session, batch, now, FLOW_ROWS, "prepare")
        if not rows:
            return 0
        kind, drafter = kind_of_batch(deps, batch), drafter_of(session, batch)
        made = _make_decrees(session, batch, kind, [row for row in rows if row.decree_id is None], drafter.doer, now)
        ids = [*(one.id for one in made), *(row.decree_id for row in rows if row.decree_id)]
        assignments = tuple(m.Assignment(step, position) for step, position in batch.assignments)
        refused = run_commands(session, deps, lock_flows(session, deps, sorted(set(ids))),
                               lambda _flow: m.Submit(drafter.actor, assignments), drafter.doer)
        settle(rows, refused, batch.work)
        return len(rows)


def approve(deps: Deps, batch_id: int) -> int:
    """Record the ordered paraf on some decrees; returns how many."""
    return _command_chunk(
        deps, batch_id, "approve", lambda order: lambda flow: m.Approve(order.actor, flow.decree.lock_version))


def issue(deps: Deps, batch_id: int) -> int:
    """Send some signed decrees out in the drafter's name; returns how many."""
    return _command_chunk(
        deps, batch_id, "issue", lambda order: lambda flow: m.RecordDistributed(order.actor, flow.decree.lock_version),
        by=drafter_of)


def settle(rows: Sequence[BatchRow], refused: Sequence[Refused], work: str) -> None:
    """Mark rows whose decree went through as done, the others as failed."""
    errors = {one.decree_id: one.error for one in refused}
    for row in rows:
        error = errors.get(row.decree_id or 0)
        if error is None:
            finish_rows([row])
            row.state, row.error_code, row.failed_work = "live", None, None
        else:
            fail_row(row, work, error)


def _command_chunk(deps: Deps, batch_id: int, work: str, command_for: Callable[[Order], CommandFor],
                   by: Callable[[Session, Batch], Order] = order_of) -> int:
    with deps.db.unit_of_work() as session:
        batch = session.get_one(Batch, batch_id)
        rows = pending_rows(session, batch, deps.clock.now(), FLOW_ROWS, work)
        if not rows:
            return 0
        order = by(session, batch)
        flows = lock_flows(session, deps, [row.decree_id for row in rows if row.decree_id])
        refused = run_commands(session, deps, flows, command_for(order), order.doer, batch.work_note)
        settle(rows, refused, batch.work)
        return len(rows)


def _make_decrees(session: Session, batch: Batch, kind: Kind, rows: Sequence[BatchRow], doer: Doer,
                  now: datetime) -> list[Decree]:
    """A decree with its first version for each row. No draft is laid out: a page does it when somebody looks."""
    contents = [describe(kind, row.data) for row in rows]
    security = security_of(session, kind, batch.parent_id)
    decrees = [Decree(
        public_id=new_public_id(), kind=kind.id, subject=content.subject, search_text=content.search_text,
        unit_id=batch.unit_id, agency_id=batch.agency_id, drafter_id=batch.drafter_id,
        drafter_position_id=batch.drafter_position_id, batch_id=batch.id, parent_id=batch.parent_id,
        route_id=batch.route_id, route_sha256=batch.route_sha256, verify_code=new_public_id(),
        security=security, assignments=[], created_at=now, updated_at=now, version_no=1, lock_version=1,
        audit_seq=0, status="draft") for content in contents]
    session.add_all(decrees)
    session.flush()
    with gathering(session):
        for row, decree, content in zip(rows, decrees, contents, strict=True):
            row.decree_id = decree.id
            add_row(session, DecreeVersion, {
                "decree_id": decree.id, "version_no": 1, "data": content.data,
                "content_sha256": content.content_sha256, "created_by_id": batch.drafter_id, "created_at": now,
                "updated_at": now})
            payload: dict[str, Any] = {
                "kind": kind.id, "version_no": 1, "content_sha256": content.content_sha256, "batch": batch.public_id,
                "row": row.row_no, "lock_version": decree.lock_version}
            record_decree(session, decree, "decree_drafted", doer.audit, now, payload)
    return decrees
