"""Doing failed rows again, at whichever work they failed in, once what was in the way is put right.

One work at a time, the earliest first. The drafter has decrees made, taken back and sent out again; an official gives
his own paraf again, as long as nobody behind him has acted without those rows; drafter and signer have documents laid
out again, those that failed in signing included, which then wait for the signer's next act.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict
from svc.models import Batch, BatchRow, Task
from svc.roles import is_allowed
from svc.services.batches.model import (
    BatchBusy,
    begin_work,
    decree_is,
    definition_of,
    ensure_party,
    is_party,
    lock_batch,
    record,
)
from workflows.model import StepKind

_NOTE = "Diulang setelah gagal."


class NothingToRetry(Conflict):
    code = "nothing_to_retry"
    message = ("Tidak ada baris gagal yang dapat Anda ulang pada tahap ini. Baris gagal dapat dikeluarkan oleh "
               "pejabat yang memeriksa kelompok ini.")


@dataclass(frozen=True)
class Again:
    """What an actor may have done again now: the work, in which capacity, and for which rows."""

    work: str
    position_id: int | None
    rows: tuple[BatchRow, ...]
    step_index: int | None = None  # of a paraf


def find_again(session: Session, batch: Batch, actor: Actor) -> Again | None:
    """What of an idle batch the actor may have done again; None: nothing. What may be signed waits for its outcome."""
    failed: dict[str, list[tuple[BatchRow, int | None]]] = {}
    for row, step_index in session.execute(
            select(BatchRow, Task.step_index)
            .outerjoin(Task, (Task.decree_id == BatchRow.decree_id) & (Task.status == "open"))
            .where(BatchRow.batch_id == batch.id, BatchRow.state == "failed", ~decree_is("signing"))
            .order_by(BatchRow.row_no)):
        failed.setdefault(_WORK_OF.get(row.failed_work or "", ""), []).append((row, step_index))
    is_drafter = batch.drafter_id == actor.person_id
    for work, found in sorted(failed.items(), key=lambda item: _ORDER.index(item[0])):
        rows = tuple(row for row, _ in found)
        if work == "approve":
            again = _paraf_again(session, batch, actor, found)
            if again is not None:
                return again
        elif work == "freeze" and is_party(actor, batch):
            return Again(work, None, rows)
        elif work != "freeze" and is_drafter and _MAY[work](batch):
            return Again(work, batch.drafter_position_id, rows)
    return None


def retry(deps: Deps, actor: Actor, batch_id: str, seen_version: int) -> int:
    """Put failed rows on their work again; returns how many.

    :raises StaleBatch: :raises Forbidden: neither signer nor drafter nor who initialled. :raises BatchBusy:
    :raises NothingToRetry: none failed, or others have acted since
    """
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        batch = lock_batch(session, deps, actor, batch_id, seen_version)
        again = None if batch.work else find_again(session, batch, actor)
        if again is None or again.work != "approve":
            ensure_party(actor, batch)
        if batch.work:
            raise BatchBusy
        if again is None:
            raise NothingToRetry
        state = "ready" if again.work == "prepare" else "live"
        for row in again.rows:
            row.state, row.error_code, row.failed_work = state, None, None
        _begin(session, batch, actor, again, state, now)
        record(session, batch, "rows_retried", actor, now, {"rows": len(again.rows), "work": again.work},
               again.position_id)
        return len(again.rows)


def _begin(session: Session, batch: Batch, actor: Actor, again: Again, state: str, now: datetime) -> None:
    if again.work in {"prepare", "approve", "freeze"}:  # what follows opens the next step again, for all that is ready
        batch.finished_at, batch.status = None, "in_review"
        batch.assignee_id = batch.due_at = None
    if again.work in {"prepare", "approve"}:
        batch.step_index = again.step_index
    note = (batch.work_note or _NOTE) if again.work in {"exclude", "dissolve"} else ""
    begin_work(session, batch, again.work, now, states=(state,), only=BatchRow.id.in_([row.id for row in again.rows]),
               by=actor if again.position_id is not None else None, position_id=again.position_id, note=note)


def _paraf_again(session: Session, batch: Batch, actor: Actor,
                 failed: list[tuple[BatchRow, int | None]]) -> Again | None:
    """The actor's own paraf on rows for which it failed, if it was the last that was given."""
    at = batch.step_index
    if at is None or batch.status == "draft":
        return None
    steps = definition_of(session, batch).steps
    if batch.status != "finished" or steps[at].kind is not StepKind.PARAF:  # else it ended there, with nothing left
        at = max((index for index in range(at) if steps[index].kind is StepKind.PARAF), default=-1)
    position_id = next((int(position) for index, position in batch.assignments if index == at), None)
    held = next((one for one in actor.held if one.position_id == position_id), None)
    rows = tuple(row for row, step_index in failed if step_index == at)
    if held is None or not rows or not is_allowed("task.approve", held.roles):
        return None
    return Again("approve", position_id, rows, at)


def _is_before_any_paraf(batch: Batch) -> bool:
    return batch.step_index is None or (batch.step_index == 0 and batch.status == "in_review")


_MAY: dict[str, Callable[[Batch], bool]] = {
    "dissolve": lambda batch: batch.status == "draft",
    "exclude": lambda batch: batch.status != "signing",
    "prepare": _is_before_any_paraf,
    "issue": lambda batch: batch.status in {"signing", "finished"},
    "": lambda _batch: False,
}
_ORDER = ("dissolve", "exclude", "prepare", "approve", "freeze", "issue", "")
_WORK_OF = {**{work: work for work in _ORDER}, "sign": "freeze"}
