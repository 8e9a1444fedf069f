"""What the parts of a batch share: who may see it, who ordered its present work, and how it stands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, literal_column, select, true, update
from sqlalchemy.orm import Session

from svc.actors import Actor
from svc.db import tell_of_work
from svc.deps import Deps
from svc.errors import Conflict, Forbidden, NotFound, NotYourTask
from svc.kinds import Kind
from svc.models import Batch, BatchRow, Decree, Person, Position, RouteVersion
from svc.services.access import may_view
from svc.services.audit_log import AuditActor, record_stream
from svc.services.flow import Doer, doer_of
from svc.services.orgchart import CAPACITY_PREFIX
from svc.services.parents import security_of
from svc.services.pinned_routes import read_pinned
from svc.services.rendition import kind_of
from workflows import model as m

MOST_ROWS = 10_000
# Written as a literal, since the partial index is used only where its own condition stands in the query.
IS_PENDING: ColumnElement[bool] = literal_column("batch_row.pending")


class StaleBatch(Conflict):
    code = "stale_batch"
    message = "Halaman yang Anda lihat sudah usang: kelompok naskah ini telah berubah. Muat ulang halaman ini."


class StaleRow(Conflict):
    code = "stale_row"
    message = "Baris ini telah diubah sejak halaman ini dibuka. Tidak ada yang disimpan; periksa isinya sekarang."


class BatchBusy(Conflict):
    code = "batch_busy"
    message = "Kelompok naskah ini sedang dikerjakan. Tunggu sampai selesai, lalu coba lagi."


@dataclass(frozen=True)
class Progress:
    """How far the present work has come, in rows."""

    work: str
    total: int
    done: int
    failed: int


@dataclass(frozen=True)
class Order:
    """Who ordered the present work of a batch, for the engine and for the records of its decrees."""

    actor: m.Actor
    doer: Doer
    position_id: int | None


def lock_batch(session: Session, deps: Deps, actor: Actor, public_id: str, seen_version: int | None = None) -> Batch:
    """The batch's row, locked. :raises NotFound: none for this actor. :raises StaleBatch: another version was seen"""
    batch = session.scalars(select(Batch).where(Batch.public_id == public_id).with_for_update()).one_or_none()
    if batch is None:
        raise NotFound
    ensure_visible(session, deps, actor, batch)
    if seen_version is not None and batch.lock_version != seen_version:
        raise StaleBatch
    return batch


def find_batch(session: Session, deps: Deps, actor: Actor, public_id: str) -> Batch:
    """The batch to look at. :raises NotFound: none for this actor"""
    batch = session.scalars(select(Batch).where(Batch.public_id == public_id)).one_or_none()
    if batch is None:
        raise NotFound
    ensure_visible(session, deps, actor, batch)
    return batch


def ensure_visible(session: Session, deps: Deps, actor: Actor, batch: Batch) -> None:
    """:raises NotFound: the same rule as for each of its decrees hides it from the actor"""
    security = security_of(session, kind_of(deps, batch.kind), batch.parent_id)
    if not may_view(actor, batch.drafter_id, batch.assignments or (), batch.agency_id, security):
        raise NotFound


def ensure_drafter(actor: Actor, batch: Batch) -> None:
    """:raises Forbidden: only the one who drafts it may do this"""
    if batch.drafter_id != actor.person_id:
        raise Forbidden


def is_party(actor: Actor, batch: Batch) -> bool:
    return actor.person_id in {batch.drafter_id, batch.signer_id} or batch.assignee_id in actor.position_ids


def ensure_party(actor: Actor, batch: Batch) -> None:
    """:raises Forbidden: neither who drafts nor who signs it, nor one for whom it waits"""
    if not is_party(actor, batch):
        raise Forbidden


def ensure_idle(batch: Batch, *statuses: str) -> None:
    """:raises BatchBusy: workers are at it. :raises Conflict: it stands elsewhere"""
    if batch.work:
        raise BatchBusy
    if batch.status not in statuses:
        raise Conflict("Kelompok naskah ini sudah berada di tahap lain. Muat ulang halaman ini.")


def ensure_waits_for(actor: Actor, batch: Batch) -> int:
    """The position of the actor's on which the batch waits. :raises NotYourTask: it waits for another"""
    if batch.assignee_id is None or batch.assignee_id not in actor.position_ids:
        raise NotYourTask
    return batch.assignee_id


def begin_work(session: Session, batch: Batch, work: str, now: datetime, *, states: Sequence[str] = ("live",),
               only: ColumnElement[bool] | None = None, by: Actor | None = None, position_id: int | None = None,
               note: str = "", keep_leases: bool = False) -> int:
    """Put rows of those states on the work list, in the caller's transaction; returns how many.

    ``only`` narrows them. ``by`` None goes on in the name of whom the last work was ordered by. ``keep_leases``
    leaves rows to the process that is at them until it is done, or its lease is over.
    """
    session.flush()
    chosen = true() if only is None else only
    free: dict[str, None] = {} if keep_leases else {"lease": None, "leased_until": None}
    marked = session.execute(
        update(BatchRow).where(BatchRow.batch_id == batch.id, BatchRow.state.in_(states), chosen)
        .values(pending=True, **free).execution_options(synchronize_session=False))
    batch.work, batch.work_at, batch.idle_seconds = work, now, 0.0
    batch.stop_code, batch.stopped_at, batch.paused_at = "", None, None
    batch.work_total = int(getattr(marked, "rowcount", 0))
    if by is not None:
        held = next((one for one in by.held if one.position_id == position_id), by.acting_as)
        batch.work_by_id = by.person_id
        batch.work_position_id = held.position_id if held else None
        batch.work_capacity = held.capacity if held else None
        batch.work_note = note
    touch(batch, now)
    tell_of_work(session, batch.public_id, work)
    return batch.work_total


def stop_work(batch: Batch, code: str, now: datetime) -> None:
    """Take up nothing more until the signer acts again; what stopped it first stands in the code."""
    batch.stop_code, batch.stopped_at = batch.stop_code or code[:60], batch.stopped_at or now


def running_seconds(batch: Batch, now: datetime) -> float:
    """How long the present work has been running, pauses and the time since it stopped not counted."""
    if batch.work_at is None:
        return 0.0
    until = min(at for at in (now, batch.paused_at, batch.stopped_at) if at is not None)
    return max(0.0, (until - batch.work_at).total_seconds() - batch.idle_seconds)


def want_receipt(batch: Batch, now: datetime) -> None:
    """What became of its rows may be another than its receipt says: let a worker see to it."""
    batch.receipt_wanted_at = now


def touch(batch: Batch, now: datetime) -> None:
    """The batch changed: pages made before are out of date."""
    batch.lock_version += 1
    batch.updated_at = now


def order_of(session: Session, batch: Batch) -> Order:
    """Who ordered the present work. :raises NotFound: nobody did"""
    if batch.work_by_id is None:
        raise NotFound
    person = session.get_one(Person, batch.work_by_id)
    if batch.work_position_id is None:
        return Order(m.Actor(person.id, person.name, ()), Doer(AuditActor(person.id, person.name), person.id), None)
    position = session.get_one(Position, batch.work_position_id)
    capacity = batch.work_capacity or m.CapacityKind.DEFINITIVE.value
    held = m.Capacity(position.id, position.code, m.CapacityKind(capacity))
    title = f"{CAPACITY_PREFIX.get(capacity, '')}{position.title}"
    return Order(m.Actor(person.id, person.name, (held,)),
                 Doer(AuditActor(person.id, person.name, title), person.id, capacity), position.id)


def drafter_of(session: Session, batch: Batch) -> Order:
    """The drafter, for what happens in his name when he submitted the batch: drafting and sending out."""
    person = session.get_one(Person, batch.drafter_id)
    position = session.get_one(Position, batch.drafter_position_id)
    held = m.Capacity(position.id, position.code, m.CapacityKind.DEFINITIVE)
    return Order(m.Actor(person.id, person.name, (held,)),
                 Doer(AuditActor(person.id, person.name, position.title), person.id, held.kind.value), position.id)


def definition_of(session: Session, batch: Batch) -> m.Definition:
    """The route that the batch pinned. :raises svc.errors.IntegrityViolation: its source was changed"""
    source = session.scalars(select(RouteVersion.source).where(RouteVersion.sha256 == batch.route_sha256)).one()
    return read_pinned(source, batch.route_sha256 or "")


def kind_of_batch(deps: Deps, batch: Batch) -> Kind:
    return kind_of(deps, batch.kind)


def record(session: Session, batch: Batch, event_type: str, actor: Actor | None, now: datetime,
           payload: dict[str, object] | None = None, position_id: int | None = None) -> None:
    """Append to the batch's own audit chain."""
    by = doer_of(actor, position_id).audit if actor is not None else AuditActor.system()
    record_stream(session, f"batch:{batch.public_id}", event_type, by, now, payload)


def mark_of(row: BatchRow) -> str:
    """What a page that shows a draft's row sends back with it, so that nobody changes what he did not see."""
    seen = json.dumps([row.data, row.email], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(seen.encode()).hexdigest()


def decree_is(*statuses: str) -> ColumnElement[bool]:
    """Condition over rows: their decree stands there."""
    return exists(select(Decree.id).where(Decree.id == BatchRow.decree_id, Decree.status.in_(statuses)))


def counts_of(session: Session, batch_id: int) -> dict[str, int]:
    """Rows by state."""
    rows = session.execute(select(BatchRow.state, func.count()).where(BatchRow.batch_id == batch_id)
                           .group_by(BatchRow.state))
    return {str(row[0]): int(row[1]) for row in rows}
