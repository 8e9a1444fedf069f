"""Rows that failed since nobody knew what had become of their signature, brought to the end that is known by now."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from svc.deps import Deps
from svc.models import Batch, BatchRow, Decree
from svc.services.batches.model import IS_PENDING, begin_work, decree_is, record, touch

# Work that sends out what it finds signed; all other is waited for.
_TAKES_SIGNED = frozenset({"sign", "freeze", "exclude", "issue"})


def follow_up(deps: Deps) -> None:
    """Have rows follow their decrees: what turned out to be signed is in its batch again, and is sent out where the
    drafter asked for that; what turned out not to be may be tried again. Safe to run anywhere and at any time.
    """
    with deps.db.read_session() as session:
        found = session.scalars(select(BatchRow.batch_id).join(Decree, Decree.id == BatchRow.decree_id)
                                .where(_is_settled()).distinct()).all()
    for batch_id in found:
        with deps.db.unit_of_work() as session:
            _follow_up(session, deps, batch_id)


def _is_settled() -> ColumnElement[bool]:
    """Condition over failed rows and their decrees."""
    return and_(Decree.status.in_(("signed", "ready_to_sign")), BatchRow.state == "failed", ~IS_PENDING,
                BatchRow.failed_work == "sign",
                or_(Decree.status == "signed", BatchRow.error_code == "outcome_unknown"))


def _follow_up(session: Session, deps: Deps, batch_id: int) -> None:
    now = deps.clock.now()
    batch = session.scalars(select(Batch).where(Batch.id == batch_id).with_for_update()).one()
    if batch.work and batch.work not in _TAKES_SIGNED:
        return  # found again at the next look
    rows = session.execute(
        select(BatchRow, Decree.status).join(Decree, Decree.id == BatchRow.decree_id)
        .where(BatchRow.batch_id == batch_id, _is_settled()).with_for_update(of=BatchRow)).all()
    signed = [row for row, status in rows if status == "signed"]
    for row, status in rows:
        if status != "signed":
            row.error_code = "interrupted"
    for row in signed:
        row.state, row.error_code, row.failed_work, row.pending = "live", None, None, bool(batch.work)
    touch(batch, now)
    if not signed:
        return
    record(session, batch, "signatures_found", None, now, {"rows": [row.row_no for row in signed]})
    if batch.work:
        batch.work_total += len(signed)
    elif batch.auto_issue:
        begin_work(session, batch, "issue", now, only=BatchRow.id.in_([row.id for row in signed]))
    elif not has_unsigned(session, batch):  # the drafter sends it out
        batch.status, batch.finished_at, batch.assignee_id, batch.due_at = "signing", None, None, None


def has_unsigned(session: Session, batch: Batch) -> bool:
    """Whether a row is on its way and not signed."""
    session.flush()
    return session.scalar(select(BatchRow.id).where(
        BatchRow.batch_id == batch.id, BatchRow.state == "live", ~decree_is("signed", "issued")).limit(1)) is not None
