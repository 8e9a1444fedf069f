"""Working through batches: the next chunk of the batch that has waited longest, and what comes when one is done.

The rows are the work list, so this may run in any number of processes on any number of hosts: a chunk that was lost
is found again by the next look, one that was asked for twice finds nothing to do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from svc import failpoints
from svc.deps import Deps
from svc.models import Batch, BatchRow
from svc.services.batches import chunks, freezing, leaving, signing_chunk
from svc.services.batches.model import (
    IS_PENDING,
    begin_work,
    counts_of,
    decree_is,
    definition_of,
    record,
    touch,
    want_receipt,
)
from svc.services.batches.notices import tell_drafter, tell_holders
from svc.services.batches.settling import has_unsigned
from workflows.model import Definition, StepKind

logger = logging.getLogger(__name__)
Chunk = Callable[[Deps, int], int]
CHUNKS: Mapping[str, Chunk] = {
    "check": chunks.check, "prepare": chunks.prepare, "approve": chunks.approve, "freeze": freezing.freeze,
    "sign": signing_chunk.sign, "issue": chunks.issue, "exclude": leaving.exclude, "dissolve": leaving.dissolve,
}

_MEETS_SIGNING = chunks.WAIT_FOR_SIGNING | {"sign"}  # rows may be left by a process that ended while signing them


@dataclass(frozen=True)
class _Chosen:
    batch_id: int
    work: str


def run_chunk(deps: Deps, batch_id: str | None = None, work: str = "") -> bool:
    """Do one chunk of the batch that was served least recently; False: nothing to do now.

    ``batch_id`` leaves no other choice, ``work`` does nothing when the batch has another one by now.
    """
    for chosen in _with_work(deps, batch_id):
        if work and chosen.work != work:
            continue
        _serve(deps, chosen)
        if chosen.work in _MEETS_SIGNING:
            signing_chunk.settle_left(deps, chosen.batch_id)
        if CHUNKS[chosen.work](deps, chosen.batch_id) > 0:
            return True
        if complete(deps, chosen.batch_id, chosen.work):
            return True
    return False


def drain(deps: Deps, batch_id: str) -> None:
    """Work through everything that a batch has to do now, in this process."""
    while run_chunk(deps, batch_id):
        pass


def complete(deps: Deps, batch_id: int, work: str) -> bool:
    """Go on when no row of the present work is left; whether it went on."""
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        batch = session.scalars(select(Batch).where(Batch.id == batch_id).with_for_update()
                                .execution_options(populate_existing=True)).one()
        if batch.work != work:
            return False
        left = session.scalar(select(BatchRow.id).where(BatchRow.batch_id == batch_id, IS_PENDING).limit(1))
        if left is not None:
            return False
        failpoints.reach("batch.before_complete")
        _AFTER[work](session, deps, batch, now)
        touch(batch, now)
        logger.info("batch work done: batch=%s work=%s next=%s", batch.public_id, work, batch.work or batch.status)
    return True


def _with_work(deps: Deps, batch_id: str | None) -> list[_Chosen]:
    """Stopped batches too, once all that was left of them turned out to be signed: nobody else would end them."""
    unsigned = (select(BatchRow.id).where(BatchRow.batch_id == Batch.id, IS_PENDING, ~decree_is("signed", "issued"))
                .correlate(Batch).exists())
    statement = (select(Batch.id, Batch.work)
                 .where(Batch.work != "", Batch.paused_at.is_(None), or_(Batch.stop_code == "", ~unsigned))
                 .order_by(Batch.last_chunk_at, Batch.id))
    if batch_id is not None:
        statement = statement.where(Batch.public_id == batch_id)
    with deps.db.read_session() as session:
        return [_Chosen(row.id, row.work) for row in session.execute(statement)]


def _serve(deps: Deps, chosen: _Chosen) -> None:
    """Move the batch to the end of the line, so that a big one does not keep a small one waiting."""
    with deps.db.unit_of_work() as session:
        batch = session.get_one(Batch, chosen.batch_id)
        batch.last_chunk_at = deps.clock.now()


def _after_check(_session: Session, _deps: Deps, batch: Batch, _now: datetime) -> None:
    batch.work = ""


def _after_prepare(session: Session, deps: Deps, batch: Batch, now: datetime) -> None:
    _open_step(session, deps, batch, definition_of(session, batch), 0, now)


def _after_approve(session: Session, deps: Deps, batch: Batch, now: datetime) -> None:
    definition = definition_of(session, batch)
    record(session, batch, "batch_initialled", None, now, {"step": batch.step_index})
    _open_step(session, deps, batch, definition, (batch.step_index or 0) + 1, now)


def _open_step(session: Session, deps: Deps, batch: Batch, definition: Definition, index: int, now: datetime) -> None:
    """What opens at a step: the numbers and the layout, or a task for the holders of a position."""
    if not counts_of(session, batch.id).get("live"):
        _close(session, batch, now)  # nothing is left that could go on
        return
    step = definition.steps[index]
    batch.step_index, batch.work = index, ""
    if step.kind is StepKind.NUMBER:
        freezing.take_numbers(session, deps, batch, now)
        begin_work(session, batch, "freeze", now, only=~decree_is("ready_to_sign", "signed", "issued"))
        batch.status, batch.assignee_id, batch.due_at = "in_review", None, None
        return
    batch.status = "ready_to_sign" if step.kind is StepKind.SIGN else "in_review"
    batch.assignee_id = next(int(position) for at, position in batch.assignments if at == index)
    batch.due_at = deps.calendar.add_working_minutes(now, step.norm_minutes)
    tell_holders(session, deps, batch, now)


def _after_freeze(session: Session, deps: Deps, batch: Batch, now: datetime) -> None:
    hashes = freezing.frozen_hashes(session, batch)
    batch.list_sha256, batch.work = freezing.list_digest(hashes), ""
    record(session, batch, "batch_frozen", None, now, {"count": len(hashes), "list_sha256": batch.list_sha256})
    if hashes and batch.assignee_id is None:
        definition = definition_of(session, batch)
        _open_step(session, deps, batch, definition, definition.sign_steps[0], now)
    elif not hashes and counts_of(session, batch.id).get("live") and not has_unsigned(session, batch):
        _end(session, batch, now)


def _after_sign(session: Session, _deps: Deps, batch: Batch, now: datetime) -> None:
    record(session, batch, "batch_signed", None, now, dict(counts_of(session, batch.id)))
    _end(session, batch, now)
    tell_drafter(session, batch, "Kelompok selesai ditandatangani: %(subject)s", now)


def _after_issue(session: Session, _deps: Deps, batch: Batch, now: datetime) -> None:
    """All of it, or what was found signed later than the rest."""
    batch.work = ""
    if batch.status not in {"in_review", "ready_to_sign"} or not has_unsigned(session, batch):
        _close(session, batch, now)


def _after_exclude(session: Session, _deps: Deps, batch: Batch, now: datetime) -> None:
    """Single rows left, or all that were not signed when signing was ended."""
    batch.work = ""
    batch.list_sha256 = freezing.list_digest(freezing.frozen_hashes(session, batch)) if batch.list_sha256 else None
    if has_unsigned(session, batch):
        return
    counts = counts_of(session, batch.id)
    if counts.get("live"):
        _end(session, batch, now)
    elif counts.get("failed"):  # the drafter has them done again, or takes the batch back
        batch.status, batch.assignee_id, batch.due_at = "in_review", None, None
        tell_drafter(session, batch, "Kelompok hanya memuat baris gagal lagi: %(subject)s", now)
    else:
        _close(session, batch, now)
        batch.status = "cancelled"


def _after_dissolve(session: Session, _deps: Deps, batch: Batch, now: datetime) -> None:
    batch.work, batch.status, batch.step_index, batch.assignee_id, batch.due_at = "", "draft", None, None, None
    batch.list_sha256, batch.frozen_on, batch.signer_id, batch.signer_capacity = None, None, None, None
    tell_drafter(session, batch, "Kelompok dikembalikan untuk perbaikan: %(subject)s", now)


def _end(session: Session, batch: Batch, now: datetime) -> None:
    """Nothing is left to be signed: finished, unless the drafter kept the sending out for himself."""
    signed = session.scalar(select(BatchRow.id).where(
        BatchRow.batch_id == batch.id, BatchRow.state == "live", decree_is("signed")).limit(1))
    if batch.auto_issue or signed is None:
        _close(session, batch, now)
        return
    batch.work, batch.status, batch.assignee_id, batch.due_at = "", "signing", None, None
    batch.stop_code, batch.stopped_at, batch.paused_at = "", None, None
    want_receipt(batch, now)


def _close(session: Session, batch: Batch, now: datetime) -> None:
    batch.work, batch.status, batch.finished_at = "", "finished", now
    batch.stop_code, batch.stopped_at, batch.paused_at = "", None, None
    want_receipt(batch, now)
    batch.assignee_id = batch.due_at = None
    record(session, batch, "batch_finished", None, now, dict(counts_of(session, batch.id)))


_AFTER: Mapping[str, Callable[[Session, Deps, Batch, datetime], None]] = {
    "check": _after_check, "prepare": _after_prepare, "approve": _after_approve, "freeze": _after_freeze,
    "sign": _after_sign, "issue": _after_issue, "exclude": _after_exclude, "dissolve": _after_dissolve,
}
