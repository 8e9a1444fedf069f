"""The frozen list: numbers for the whole batch in one go, then every document laid out with its number and date.

Layout and storage happen outside any transaction, under a lease on the rows. A document that does not say today's
date, or names another holder, is laid out anew under its number. Nothing is laid out under a number that says another
year (or month, where the format says it) than the date printed beside it: all that is unsigned is numbered anew first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.orm import Session

from svc import failpoints
from svc.deps import Deps
from svc.errors import AppError, StorageUnavailable
from svc.ids import new_public_id
from svc.kinds import Kind
from svc.models import Batch, BatchRow, Decree, Register, RegisterEntry, StoredFile
from svc.rendering import RenderedPdf
from svc.services import numbering, rendition, signature_blocks
from svc.services.batches.chunks import fail_row, finish_rows, pending_rows
from svc.services.batches.model import IS_PENDING, definition_of, kind_of_batch
from svc.services.batches.signing_results import finish_signed
from svc.services.bulk_flow import lock_flows, run_commands
from svc.services.files import object_key, put_pdfs
from svc.services.flow import Doer, Flow
from svc.services.parents import ensure_in_force
from workflows import model as m

ROWS = 40
LEASE = timedelta(minutes=2)
_UNSIGNED = (m.DecreeStatus.IN_REVIEW.value, m.DecreeStatus.READY_TO_SIGN.value)


class _OtherDayError(Exception):
    """Numbers that say another year or month than today's: nothing was leased."""


@dataclass(frozen=True)
class _Leased:
    """Rows that are ours for a while, with what laying them out needs."""

    token: str
    flows: tuple[Flow, ...]
    numbers: dict[int, str]
    kind: Kind
    place: rendition.Place
    positions: tuple[int, ...]
    barred: AppError | None  # why none of them may go out


@dataclass(frozen=True)
class _Made:
    decree_id: int
    lock_version: int
    pdf: RenderedPdf
    key: str


def take_numbers(session: Session, deps: Deps, batch: Batch, now: datetime) -> int:
    """Numbers of today for all documents that nobody has signed or is signing, contiguous and in row order, in the
    caller's transaction. Failed rows keep their place if they held a number.

    Those whose number is another now are to be laid out under it, also when they were already, or somebody is at it
    this moment; returns how many rows that adds to the work.
    """
    chosen = (BatchRow.batch_id == batch.id, Decree.status.in_(_UNSIGNED),
              or_(BatchRow.state == "live", and_(BatchRow.state == "failed", _has_number())))
    rows = session.scalars(
        select(BatchRow).join(Decree, Decree.id == BatchRow.decree_id).where(*chosen).order_by(BatchRow.row_no)
        .with_for_update(of=BatchRow).execution_options(populate_existing=True)).all()
    decrees = {one.id: one for one in session.scalars(
        select(Decree).join(BatchRow, BatchRow.decree_id == Decree.id).where(*chosen).order_by(Decree.id)
        .with_for_update(of=Decree).execution_options(populate_existing=True))}
    ours = [decrees[row.decree_id] for row in rows if row.decree_id in decrees]
    changed = numbering.take_numbers(session, deps, ours, kind_of_batch(deps, batch), now)
    added = 0
    for row in rows:
        if row.decree_id in changed and row.state == "live":
            added += not row.pending
            row.pending, row.lease, row.leased_until = True, None, None
    return added


def freeze(deps: Deps, batch_id: int) -> int:
    """Lay out and freeze some documents; returns how many were tried.

    :raises StorageUnavailable: nothing changed; the rows are free again
    """
    now = deps.clock.now()
    try:
        leased = _lease(deps, batch_id, now)
    except _OtherDayError:
        return _renumber(deps, batch_id, now)
    if leased is None:
        return 0
    failpoints.reach("freeze.leased")
    made: list[_Made] = []
    failed: dict[int, AppError] = {}
    for flow in leased.flows:
        deps.courtesy.pause()
        try:
            made.append(_make(deps, flow, leased, now))
        except AppError as error:
            failed[flow.decree.id] = error
    try:
        put_pdfs(deps, [(one.key, one.pdf.pdf) for one in made])
    except StorageUnavailable:
        _give_back(deps, leased.token)
        raise
    _record(deps, batch_id, leased, made, failed, now)
    return len(leased.flows)


def frozen_hashes(session: Session, batch: Batch) -> list[str]:
    """Hashes of the documents that wait for their signature, in row order."""
    found = session.scalars(
        select(Decree.frozen_sha256).join(BatchRow, BatchRow.decree_id == Decree.id)
        .where(BatchRow.batch_id == batch.id, BatchRow.state == "live", Decree.status == "ready_to_sign")
        .order_by(BatchRow.row_no))
    return [one for one in found if one]


def list_digest(hashes: Sequence[str]) -> str:
    """What a signer compares: SHA-256 over the sorted hashes of the list, one a line."""
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()


def is_true_today(session: Session, deps: Deps, batch: Batch, today: date, signer_id: int | None = None) -> bool:
    """Whether what every frozen document says of date, number and signer holds today, for this signer if one is given:
    its number is the one that the register has for it, of the year and month that its date says."""
    holder = place_of_batch(session, deps, batch, today, signer_id or batch.signer_id).parties[0].signer
    if holder is None:
        return False
    is_untrue = or_(Decree.issued_on != today, Decree.signer_id.is_(None), Decree.signer_id != holder.person_id,
                    Decree.signer_capacity != holder.capacity, Decree.number.is_(None), RegisterEntry.id.is_(None),
                    RegisterEntry.formatted != Decree.number,
                    numbering.says_another_day(session, kind_of_batch(deps, batch), batch.agency_id, today))
    untrue = (select(Decree.id).join(BatchRow, BatchRow.decree_id == Decree.id)
              .outerjoin(RegisterEntry, and_(RegisterEntry.decree_id == Decree.id, RegisterEntry.state != "void"))
              .outerjoin(Register, Register.id == RegisterEntry.register_id)
              .where(BatchRow.batch_id == batch.id, BatchRow.state == "live", Decree.status == "ready_to_sign",
                     is_untrue).limit(1))
    return session.scalar(untrue) is None


def place_of_batch(session: Session, deps: Deps, batch: Batch, today: date,
                   signer_id: int | None = None) -> rendition.Place:
    """Letterhead and signature block of all its documents on a day."""
    positions = rendition.signer_positions(batch.assignments, definition_of(session, batch))
    return rendition.place_of(session, deps, batch.unit_id, positions, kind_of_batch(deps, batch), today, signer_id)


def _has_number() -> ColumnElement[bool]:
    return exists(select(RegisterEntry.id).where(
        RegisterEntry.decree_id == Decree.id, RegisterEntry.state != "void"))


def _renumber(deps: Deps, batch_id: int, now: datetime) -> int:
    """The year (or month) changed since the numbers were taken: all that is unsigned gets numbers of today.

    Returns 1, a chunk of work, or 0 when the batch is at another work by now.
    """
    with deps.db.unit_of_work() as session:
        batch = session.get_one(Batch, batch_id)
        locked = session.scalars(select(BatchRow.id).where(BatchRow.batch_id == batch_id, IS_PENDING)
                                 .order_by(BatchRow.row_no).with_for_update()).all()
        session.refresh(batch)
        if not locked or batch.work != "freeze":
            return 0
        batch.work_total += take_numbers(session, deps, batch, now)
        return 1


def _lease(deps: Deps, batch_id: int, now: datetime) -> _Leased | None:
    """:raises _OtherDayError: what they hold must not be printed with today's date"""
    token = new_public_id()
    with deps.db.unit_of_work() as session:
        batch = session.get_one(Batch, batch_id)
        rows = pending_rows(session, batch, now, ROWS, "freeze")
        if not rows:
            return None
        for row in rows:
            row.lease, row.leased_until = token, now + LEASE
        ids = [row.decree_id for row in rows if row.decree_id]
        flows = [flow for flow in lock_flows(session, deps, ids) if _can_be_laid_out(flow)]
        finish_signed(session, deps, batch, rows)
        today, kind = numbering.local_day(deps, now), kind_of_batch(deps, batch)
        barred, numbers = _bar(session, deps, batch), _numbers(session, kind, batch, ids, today)
        if barred is None and any(flow.decree.id not in numbers for flow in flows):
            raise _OtherDayError
        positions = rendition.signer_positions(batch.assignments, definition_of(session, batch))
        return _Leased(token, tuple(flows), numbers, kind, place_of_batch(session, deps, batch, today, batch.signer_id),
                       positions, barred)


def _numbers(session: Session, kind: Kind, batch: Batch, decree_ids: Sequence[int], today: date) -> dict[int, str]:
    """The numbers of those decrees whose number may stand beside today's date."""
    return {row[0]: row[1] for row in session.execute(
        select(RegisterEntry.decree_id, RegisterEntry.formatted)
        .join(Register, Register.id == RegisterEntry.register_id)
        .where(RegisterEntry.decree_id.in_(decree_ids), RegisterEntry.state != "void",
               ~numbering.says_another_day(session, kind, batch.agency_id, today)))}


def _bar(session: Session, deps: Deps, batch: Batch) -> AppError | None:
    """Why none of the batch's documents may go out any more: its parent was revoked."""
    try:
        ensure_in_force(session, deps, batch.kind, batch.parent_id)
    except AppError as error:  # each row fails with it, as with whatever else is wrong with the document
        return error
    return None


def _give_back(deps: Deps, token: str) -> None:
    with deps.db.unit_of_work() as session:
        session.execute(update(BatchRow).where(BatchRow.lease == token).values(lease=None, leased_until=None))


def _can_be_laid_out(flow: Flow) -> bool:
    """Not what recovery found signed, nor what a process that ended may have signed: that is looked at again later."""
    return flow.snapshot.status in {m.DecreeStatus.IN_REVIEW, m.DecreeStatus.READY_TO_SIGN}


def _make(deps: Deps, flow: Flow, leased: _Leased, now: datetime) -> _Made:
    if leased.barred is not None:
        raise leased.barred
    number = leased.numbers[flow.decree.id]
    rendered = rendition.render_final(deps, leased.kind, flow.decree, flow.version.data, leased.place, number, now)
    key = object_key(flow.decree, "frozen", rendered.sha256)
    failpoints.reach("freeze.stored")
    return _Made(flow.decree.id, flow.decree.lock_version, rendered, key)


def _record(deps: Deps, batch_id: int, leased: _Leased, made: Sequence[_Made], failed: dict[int, AppError],
            now: datetime) -> None:
    """Record what was made while the rows were ours; whatever changed meanwhile is left to whoever changed it."""
    today = numbering.local_day(deps, now)
    with deps.db.unit_of_work() as session:
        batch = session.get_one(Batch, batch_id)
        rows = {row.decree_id: row for row in session.scalars(
            select(BatchRow).where(BatchRow.batch_id == batch_id, IS_PENDING, BatchRow.lease == leased.token)
            .with_for_update())}
        ours = {one.decree_id: one for one in made if one.decree_id in rows}
        flows = [flow for flow in lock_flows(session, deps, list(ours))
                 if flow.decree.lock_version == ours[flow.decree.id].lock_version]
        refused = run_commands(
            session, deps, flows, lambda flow: _command(flow, ours[flow.decree.id], leased.numbers), Doer.system())
        failed |= {refusal.decree_id: refusal.error for refusal in refused}
        frozen = [flow for flow in flows if flow.decree.id not in failed]
        blocks = rendition.named_blocks(leased.positions, leased.place)
        signature_blocks.name_signers(session, [flow.decree for flow in frozen], blocks)
        known = set(session.scalars(select(StoredFile.sha256).where(
            StoredFile.purpose == "frozen", StoredFile.sha256.in_([one.pdf.sha256 for one in made]))))
        for flow in frozen:
            one = ours[flow.decree.id]
            flow.decree.issued_on, flow.decree.valid_until = today, leased.kind.last_day_of(flow.version.data)
            if one.pdf.sha256 not in known:
                session.add(_stored(flow.decree, one, now))
        finish_rows([rows[flow.decree.id] for flow in frozen])
        for decree_id, error in failed.items():
            if decree_id in rows:
                fail_row(rows[decree_id], "freeze", error)
        batch.frozen_on = today
        batch.signer_id = blocks[0][1].person_id if blocks[0][1] else None
        batch.signer_capacity = blocks[0][1].capacity if blocks[0][1] else None


def _command(flow: Flow, made: _Made, numbers: dict[int, str]) -> m.Command:
    number = numbers[flow.decree.id]
    if flow.snapshot.status is m.DecreeStatus.READY_TO_SIGN:
        return m.Refreeze(made.pdf.sha256, number if number != flow.decree.number else None)
    return m.RecordNumber(number, made.pdf.sha256)


def _stored(decree: Decree, made: _Made, now: datetime) -> StoredFile:
    return StoredFile(
        decree_id=decree.id, version_no=decree.version_no, purpose="frozen", sha256=made.pdf.sha256,
        size=len(made.pdf.pdf), object_key=made.key, pages=made.pdf.pages,
        signature_box=rendition.boxes_of(made.pdf), created_at=now)
