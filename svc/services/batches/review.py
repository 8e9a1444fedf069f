"""What officials do with a batch: initial it as one, take single rows out, give it back; and the drafter's recall."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict, Forbidden, InvalidInput
from svc.models import Batch, BatchRow, Decree
from svc.roles import is_allowed
from svc.services.batches.model import (
    BatchBusy,
    begin_work,
    decree_is,
    ensure_drafter,
    ensure_idle,
    ensure_waits_for,
    lock_batch,
    record,
)
from svc.services.flow import load_flow, refusals_of, to_workflow
from svc.services.plain_text import clean_text
from workflows import model as m
from workflows.engine import decide

_MAX_REASON = 2000
_OPEN = ("in_review", "ready_to_sign")


class OutcomeUnknown(Conflict):
    code = "outcome_unknown"
    message = ("Hasil tanda tangan pada salah satu naskah itu belum diketahui. Tunggu sampai layanan mengetahuinya, "
               "atau sampai penanda tangan menyatakannya tanpa hasil.")


def approve(deps: Deps, actor: Actor, batch_id: str, seen_version: int) -> int:
    """Initial every decree of the batch; returns how many. After the last paraf come numbers and layout.

    :raises StaleBatch: :raises NotYourTask: :raises SelfApproval: :raises BatchBusy: :raises Conflict: refused
    """
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        batch = lock_batch(session, deps, actor, batch_id, seen_version)
        ensure_idle(batch, "in_review")
        position_id = ensure_waits_for(actor, batch)
        held = next(one for one in actor.held if one.position_id == position_id)
        if not is_allowed("task.approve", held.roles):
            raise Forbidden
        _ensure_engine_allows(session, deps, batch, actor)
        count = begin_work(session, batch, "approve", now, by=actor, position_id=position_id)
        record(session, batch, "batch_paraf_given", actor, now, {"rows": count, "step": batch.step_index}, position_id)
        return count


def exclude_rows(deps: Deps, actor: Actor, batch_id: str, seen_version: int, row_nos: Sequence[int],
                 reason: str) -> int:
    """Take single rows out, back to their drafter; the rest goes on. Returns how many.

    :raises InvalidInput: no reason or no such rows. :raises StaleBatch: :raises NotYourTask: :raises Conflict: refused
    """
    reason = _reason(reason)
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        batch = lock_batch(session, deps, actor, batch_id, seen_version)
        ensure_idle(batch, *_OPEN)
        position_id = ensure_waits_for(actor, batch)
        chosen = BatchRow.row_no.in_(list(row_nos))
        _ensure_settled(session, batch, chosen)
        count = begin_work(session, batch, "exclude", now, states=("live", "failed"), only=chosen, by=actor,
                           position_id=position_id, note=reason)
        if count == 0:
            raise InvalidInput("Pilih paling sedikit satu baris yang akan dikeluarkan.")
        record(session, batch, "rows_excluded", actor, now, {"rows": list(row_nos)[:1000], "reason": reason},
               position_id)
        return count


def give_back(deps: Deps, actor: Actor, batch_id: str, seen_version: int, reason: str) -> None:
    """Give the whole batch back to its drafter, who can change its rows and submit it again.

    :raises InvalidInput: no reason. :raises StaleBatch: :raises NotYourTask: :raises Conflict: refused
    """
    reason = _reason(reason)
    with deps.db.unit_of_work() as session:
        batch = lock_batch(session, deps, actor, batch_id, seen_version)
        ensure_idle(batch, *_OPEN)
        _dissolve(session, deps, batch, actor, ensure_waits_for(actor, batch), reason, "batch_given_back")


def withdraw(deps: Deps, actor: Actor, batch_id: str, seen_version: int, reason: str) -> None:
    """The drafter pulls the batch back to a draft, until something of it was signed.

    :raises InvalidInput: no reason. :raises StaleBatch: :raises Forbidden: :raises Conflict: too late
    """
    reason = _reason(reason)
    with deps.db.unit_of_work() as session:
        batch = lock_batch(session, deps, actor, batch_id, seen_version)
        ensure_drafter(actor, batch)
        ensure_idle(batch, *_OPEN)
        _dissolve(session, deps, batch, actor, batch.drafter_position_id, reason, "batch_withdrawn")


def _dissolve(session: Session, deps: Deps, batch: Batch, actor: Actor, position_id: int, reason: str,
              event_type: str) -> None:
    now = deps.clock.now()
    signed = session.scalar(
        select(BatchRow.id).where(BatchRow.batch_id == batch.id, decree_is("signed", "issued")).limit(1))
    if signed is not None:
        raise Conflict("Sebagian naskah kelompok ini sudah ditandatangani. Keluarkan yang belum, satu per satu.")
    _ensure_settled(session, batch, true())
    begin_work(session, batch, "dissolve", now, states=("live", "failed"), by=actor, position_id=position_id,
               note=reason)
    record(session, batch, event_type, actor, now, {"reason": reason}, position_id)


def _ensure_settled(session: Session, batch: Batch, chosen: ColumnElement[bool]) -> None:
    """:raises OutcomeUnknown: one of those rows may be signed"""
    if session.scalar(select(BatchRow.id).where(
            BatchRow.batch_id == batch.id, chosen, decree_is("signing")).limit(1)) is not None:
        raise OutcomeUnknown


def _ensure_engine_allows(session: Session, deps: Deps, batch: Batch, actor: Actor) -> None:
    """Ask for one of its decrees before thousands are begun: all refuse for the same reason.

    :raises svc.errors.AppError: as for a paraf on a single decree
    """
    decree = session.scalars(
        select(Decree).join(BatchRow, BatchRow.decree_id == Decree.id)
        .where(BatchRow.batch_id == batch.id, BatchRow.state == "live").order_by(BatchRow.row_no).limit(1)).first()
    if decree is None:
        raise BatchBusy
    flow = load_flow(session, deps, decree)
    command = m.Approve(to_workflow(actor), decree.lock_version)
    with refusals_of(session, decree, command):
        decide(flow.definition, flow.snapshot, command, deps.clock.now())


def _reason(text: str) -> str:
    reason = clean_text(text, _MAX_REASON)
    if not reason:
        raise InvalidInput(fields={"reason": "Alasan wajib diisi."})
    return reason
