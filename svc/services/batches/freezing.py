"""The frozen list: numbers for the whole batch in one go, then every document laid out with its number and date.

Layout and storage happen outside any transaction, under a lease on the rows. A document that does not say today's
date, or names another holder, is laid out anew under its number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from svc import failpoints
from svc.deps import Deps
from svc.errors import AppError, StorageUnavailable
from svc.ids import new_public_id
from svc.kinds import Kind
from svc.models import Batch, BatchRow, Decree, RegisterEntry, StoredFile
from svc.rendering import RenderedPdf
from svc.services import numbering, rendition, signature_blocks
from svc.services.batches.chunks import fail_row, finish_rows, pending_rows
from svc.services.batches.model import IS_PENDING, definition_of, kind_of_batch
from svc.services.batches.signing_results import finish_signed
from svc.services.bulk_flow import lock_flows, run_commands
from svc.services.files import object_key, put_pdfs
from svc.services.flow import Doer, Flow
from workflows import model as m

ROWS = 40
LEASE = timedelta(minutes=2)


@dataclass(frozen=True)
class _Leased:
    """Rows that are ours for a while, with what laying them out needs."""

    token: str
    flows: tuple[Flow, ...]
    numbers: dict[int, str]
    kind: Kind
    place: rendition.Place
    positions: tuple[int, ...]


@dataclass(frozen=True)
class _Made:
    decree_id: int
    lock_version: int
    pdf: RenderedPdf
    key: str


def take_numbers(session: Session, deps: Deps, batch: Batch, now: datetime) -> None:
    """Numbers for all live rows, contiguous and in row order, in the caller's transaction."""
    decrees = list(session.scalars(
        select(Decree).join(BatchRow, BatchRow.decree_id == Decree.id)
        .where(BatchRow.batch_id == batch.id, BatchRow.state == "live").order_by(BatchRow.row_no)))
    numbering.take_numbers(session, deps, decrees, kind_of_batch(deps, batch), now)


def freeze(deps: Deps, batch_id: int) -> int:
    """Lay out and freeze some documents; returns how many were tried.

    :raises StorageUnavailable: nothing changed; the rows are free again
    """
    now = deps.clock.now()
    leased = _lease(deps, batch_id, now)
    if leased is None:
        return 0
    failpoints.reach("freeze.leased")
    made: list[_Made] = []
    failed: dict[int, AppError] = {}
    for flow in leased.flows:
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
    """Whether what every frozen document says of date and signer holds today, for this signer if one is given."""
    holder = place_of_batch(session, deps, batch, today, signer_id or batch.signer_id).parties[0].signer
    if holder is None:
        return False
    is_untrue = or_(Decree.issued_on != today, Decree.signer_id.is_(None), Decree.signer_id != holder.person_id,
                    Decree.signer_capacity != holder.capacity)
    untrue = (select(Decree.id).join(BatchRow, BatchRow.decree_id == Decree.id)
              .where(BatchRow.batch_id == batch.id, BatchRow.state == "live", Decree.status == "ready_to_sign",
                     is_untrue).limit(1))
    return session.scalar(untrue) is None


def place_of_batch(session: Session, deps: Deps, batch: Batch, today: date,
                   signer_id: int | None = None) -> rendition.Place:
    """Letterhead and signature block of all its documents on a day."""
    positions = rendition.signer_positions(batch.assignments, definition_of(session, batch))
    return rendition.place_of(session, deps, batch.unit_id, positions, kind_of_batch(deps, batch), today, signer_id)


def _lease(deps: Deps, batch_id: int, now: datetime) -> _Leased | None:
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
        numbers = {row[0]: row[1] for row in session.execute(
            select(RegisterEntry.decree_id, RegisterEntry.formatted)
            .where(RegisterEntry.decree_id.in_(ids), RegisterEntry.state != "void"))}
        today = numbering.local_day(deps, now)
        positions = rendition.signer_positions(batch.assignments, definition_of(session, batch))
        return _Leased(token, tuple(flows), numbers, kind_of_batch(deps, batch),
                       place_of_batch(session, deps, batch, today, batch.signer_id), positions)


def _give_back(deps: Deps, token: str) -> None:
    with deps.db.unit_of_work() as session:
        session.execute(update(BatchRow).where(BatchRow.lease == token).values(lease=None, leased_until=None))


def _can_be_laid_out(flow: Flow) -> bool:
    """Not what recovery found signed, nor what a process that ended may have signed: that is looked at again later."""
    return flow.snapshot.status in {m.DecreeStatus.IN_REVIEW, m.DecreeStatus.READY_TO_SIGN}


def _make(deps: Deps, flow: Flow, leased: _Leased, now: datetime) -> _Made:
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
