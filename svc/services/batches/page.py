"""What pages and the command line show of a batch: its state, its rows, its progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import NotFound
from svc.kind_fields import FieldError
from svc.models import AuditEvent, Batch, BatchRow, Decree, Person, Position, RouteVersion, Unit
from svc.roles import is_allowed
from svc.services.batches.model import (
    Progress,
    find_batch,
    is_party,
    kind_of_batch,
    mark_of,
    running_seconds,
)
from svc.services.batches.problems import from_stored
from svc.services.batches.receipts import ReceiptItem, receipts_of
from svc.services.batches.retrying import find_again
from svc.services.pinned_routes import read_pinned

PAGE_SIZE = 50
_SIGNED = ("signed", "issued")


@dataclass(frozen=True)
class StepItem:
    """A step of the route. ``state``: done, current, next; of one that is done, who did it and when."""

    title: str
    kind: str
    position_title: str
    state: str
    who: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Event:
    type: str
    at: datetime
    actor_name: str
    actor_capacity: str | None
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class BatchActions:
    """What the viewer may do now; the services check again."""

    edit: bool  # rows, while it is a draft
    submit: bool
    discard: bool
    approve: bool
    exclude: bool
    give_back: bool
    withdraw: bool
    sign: bool  # also to go on after signing stopped
    control: bool  # pause, resume, cancel
    issue: bool
    retry: bool


@dataclass(frozen=True)
class Speed:
    """How signing gets on. ``per_second`` since the present work began, of the time in which it ran: neither
    pauses nor the wait for another authorisation count. ``seconds_left`` None while nothing is done."""

    signed: int
    total: int
    failed: int
    per_second: float
    seconds_left: float | None
    status: str
    work: str
    paused: bool
    stop_code: str
    progress: Progress


@dataclass(frozen=True)
class BatchView:
    """One batch. ``counts`` are rows by state; ``signed`` of them bear a signature, ``unsent`` of those did not go
    out yet."""

    batch_id: str
    title: str
    kind: str
    kind_title: str
    status: str
    lock_version: int
    unit_name: str
    drafter_name: str
    source_name: str
    counts: Mapping[str, int]
    signed: int
    unsent: int
    progress: Progress
    paused_at: datetime | None
    stop_code: str
    auto_issue: bool
    created_at: datetime
    submitted_at: datetime | None
    finished_at: datetime | None
    due_at: datetime | None
    list_sha256: str
    steps: tuple[StepItem, ...]
    events: tuple[Event, ...]
    actions: BatchActions
    speed: Speed
    receipts: tuple[ReceiptItem, ...]  # newest first
    receipt_wanted: bool  # it is being made, or made anew

    @property
    def rows(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class RowItem:
    """One row as lists show it."""

    row_no: int
    line_no: int
    label: str
    subject_key: str
    state: str
    problems: tuple[FieldError, ...]
    error_code: str
    excluded_reason: str
    decree_id: str | None
    decree_status: str
    number: str
    mark: str


@dataclass(frozen=True)
class RowPage:
    """One row of a batch with its data and address, and the numbers of the rows beside it (0: none)."""

    batch: BatchView
    row: RowItem
    data: Mapping[str, Any]
    email: str
    before: int
    after: int


@dataclass(frozen=True)
class RowFilter:
    """Which rows to show: in a state, with a text in name or NIP, behind or before a row."""

    state: str = ""
    text: str = ""
    after_row: int = 0
    before_row: int = 0


@dataclass(frozen=True)
class _Tally:
    """Rows of a batch: by state, how many bear a signature, of those how many did not go out, how many the present
    work has left."""

    counts: Mapping[str, int]
    signed: int
    unsent: int
    left: int


def load_batch(deps: Deps, actor: Actor, batch_id: str) -> BatchView:
    """One batch with what the viewer may do. :raises NotFound: none for this actor"""
    with deps.db.read_session() as session:
        return _view(session, deps, actor, find_batch(session, deps, actor, batch_id))


def load_with_rows(deps: Deps, actor: Actor, batch_id: str, wanted: RowFilter,
                   most: int = PAGE_SIZE) -> tuple[BatchView, tuple[RowItem, ...]]:
    """One batch and a page of its rows, in one look. :raises NotFound: none for this actor"""
    with deps.db.read_session() as session:
        batch = find_batch(session, deps, actor, batch_id)
        return _view(session, deps, actor, batch), _rows(session, batch, wanted, most)


def load_rows(deps: Deps, actor: Actor, batch_id: str, *, state: str = "", text: str = "",
              after_row: int = 0, before_row: int = 0, most: int = PAGE_SIZE) -> tuple[RowItem, ...]:
    """Rows in their order behind ``after_row``, or the last ones before ``before_row``; ``text`` is looked for in
    names and NIPs. :raises NotFound: no batch"""
    with deps.db.read_session() as session:
        batch = find_batch(session, deps, actor, batch_id)
        return _rows(session, batch, RowFilter(state, text, after_row, before_row), most)


def load_row(deps: Deps, actor: Actor, batch_id: str, row_no: int) -> RowPage:
    """One row with its data, to look at or to change in a form. :raises NotFound: none for this actor"""
    other = aliased(BatchRow)
    with deps.db.read_session() as session:
        batch = find_batch(session, deps, actor, batch_id)
        near = select(other.row_no).where(other.batch_id == batch.id)
        before = near.where(other.row_no < row_no).order_by(other.row_no.desc()).limit(1).scalar_subquery()
        after = near.where(other.row_no > row_no).order_by(other.row_no).limit(1).scalar_subquery()
        found = session.execute(
            select(BatchRow, Decree.public_id, Decree.status, Decree.number, before, after)
            .outerjoin(Decree, Decree.id == BatchRow.decree_id)
            .where(BatchRow.batch_id == batch.id, BatchRow.row_no == row_no)).one_or_none()
        if found is None:
            raise NotFound
        row: BatchRow = found[0]
        return RowPage(_view(session, deps, actor, batch), row_item(*found[:4]), row.data,
                       row.email, found[4] or 0, found[5] or 0)


def load_faulty_data(deps: Deps, actor: Actor, batch_id: str,
                     most: int) -> tuple[tuple[RowItem, Mapping[str, Any], str], ...]:
    """Rows with something wrong, each with its data and address. :raises NotFound: none for this actor"""
    with deps.db.read_session() as session:
        batch = find_batch(session, deps, actor, batch_id)
        rows = session.scalars(
            select(BatchRow).where(BatchRow.batch_id == batch.id, BatchRow.state == "invalid")
            .order_by(BatchRow.row_no).limit(most))
        return tuple((row_item(row), row.data, row.email) for row in rows)


def speed_of(deps: Deps, actor: Actor, batch_id: str) -> Speed:
    """Numbers for the progress page, from rows alone. :raises NotFound: no batch for this actor"""
    now = deps.clock.now()
    with deps.db.read_session() as session:
        batch = find_batch(session, deps, actor, batch_id)
        return _speed(batch, _tally(session, batch), now)


def _tally(session: Session, batch: Batch) -> _Tally:
    """All counts of a batch's rows in one statement."""
    counts: dict[str, int] = {}
    signed = unsent = left = 0
    for state, status, is_pending, count in session.execute(
            select(BatchRow.state, Decree.status, BatchRow.pending, func.count())
            .outerjoin(Decree, Decree.id == BatchRow.decree_id).where(BatchRow.batch_id == batch.id)
            .group_by(BatchRow.state, Decree.status, BatchRow.pending)):
        counts[state] = counts.get(state, 0) + count
        signed += count if status in _SIGNED and state != "excluded" else 0
        unsent += count if status == "signed" and state != "excluded" else 0
        left += count if is_pending else 0
    return _Tally(counts, signed, unsent, left)


def _view(session: Session, deps: Deps, actor: Actor, batch: Batch) -> BatchView:
    tally = _tally(session, batch)
    unit_name, drafter_name, route = session.execute(
        select(Unit.name, Person.name, RouteVersion.source).select_from(Unit)
        .join(Person, Person.id == batch.drafter_id)
        .outerjoin(RouteVersion, RouteVersion.sha256 == batch.route_sha256).where(Unit.id == batch.unit_id)).one()
    speed = _speed(batch, tally, deps.clock.now())
    events = _events(session, batch)
    return BatchView(
        batch_id=batch.public_id, title=batch.title, kind=batch.kind, kind_title=kind_of_batch(deps, batch).title,
        status=batch.status, lock_version=batch.lock_version, unit_name=unit_name, drafter_name=drafter_name,
        source_name=batch.source_name, counts=tally.counts, signed=tally.signed,
        unsent=tally.unsent, progress=speed.progress,
        paused_at=batch.paused_at, stop_code=batch.stop_code, auto_issue=batch.auto_issue,
        created_at=batch.created_at, submitted_at=batch.submitted_at, finished_at=batch.finished_at,
        due_at=batch.due_at, list_sha256=batch.list_sha256 or "", steps=_steps(session, batch, route, events),
        events=events, actions=_actions(session, batch, actor, tally), speed=speed,
        receipts=receipts_of(session, batch) if tally.signed else (),
        receipt_wanted=bool(tally.signed) and not batch.work and batch.receipt_wanted_at is not None)


def _speed(batch: Batch, tally: _Tally, now: datetime) -> Speed:
    done, failed = max(0, batch.work_total - tally.left), tally.counts.get("failed", 0)
    per_second = done / max(0.001, running_seconds(batch, now)) if batch.work and batch.work_at else 0.0
    return Speed(tally.signed, tally.signed + tally.left, failed, per_second,
                 tally.left / per_second if per_second else None, batch.status, batch.work,
                 batch.paused_at is not None, batch.stop_code, Progress(batch.work, batch.work_total, done, failed))


def _rows(session: Session, batch: Batch, wanted: RowFilter, most: int) -> tuple[RowItem, ...]:
    statement = (
        select(BatchRow, Decree.public_id, Decree.status, Decree.number)
        .outerjoin(Decree, Decree.id == BatchRow.decree_id)
        .where(BatchRow.batch_id == batch.id, BatchRow.row_no > wanted.after_row))
    if wanted.state:
        statement = statement.where(BatchRow.state == wanted.state)
    if text := wanted.text.strip().lower():
        statement = statement.where(or_(func.lower(BatchRow.label).contains(text, autoescape=True),
                                        BatchRow.subject_key.contains(text, autoescape=True)))
    if wanted.before_row:
        statement = statement.where(BatchRow.row_no < wanted.before_row).order_by(BatchRow.row_no.desc())
    else:
        statement = statement.order_by(BatchRow.row_no)
    rows = session.execute(statement.limit(most)).all()
    return tuple(row_item(*row) for row in (reversed(rows) if wanted.before_row else rows))


def _steps(session: Session, batch: Batch, route: str | None, events: Sequence[Event]) -> tuple[StepItem, ...]:
    if route is None:
        return ()
    at = len(batch.assignments) + 99 if batch.status in {"finished", "cancelled"} else batch.step_index or 0
    titles = {row[0]: row[1] for row in session.execute(
        select(Position.id, Position.title).where(Position.id.in_([position for _, position in batch.assignments])))}
    positions = {int(step): titles.get(position, "") for step, position in batch.assignments}
    done = _done_by(events)
    return tuple(
        StepItem(step.title, step.kind.value, positions.get(index, ""),
                 "done" if index < at else "current" if index == at else "next",
                 *(done.get(index, ("", None)) if index < at else ("", None)))
        for index, step in enumerate(read_pinned(route, batch.route_sha256 or "").steps))


def _done_by(events: Sequence[Event]) -> dict[int, tuple[str, datetime]]:
    """Who initialled each step since the batch was last submitted, and when; of events from the newest on."""
    found: dict[int, tuple[str, datetime]] = {}
    for event in events:
        if event.type == "batch_submitted":
            break
        if event.type == "batch_paraf_given":
            found.setdefault(int(event.payload.get("step", -1)), (event.actor_name, event.at))
    return found


def _events(session: Session, batch: Batch) -> tuple[Event, ...]:
    rows = session.execute(
        select(AuditEvent.type, AuditEvent.at, AuditEvent.actor_name, AuditEvent.actor_capacity, AuditEvent.payload)
        .where(AuditEvent.stream == f"batch:{batch.public_id}").order_by(AuditEvent.seq.desc()).limit(100))
    return tuple(Event(*row) for row in rows)


def _actions(session: Session, batch: Batch, actor: Actor, tally: _Tally) -> BatchActions:
    counts, signed = tally.counts, tally.signed
    is_drafter = batch.drafter_id == actor.person_id
    mine = batch.assignee_id is not None and batch.assignee_id in actor.position_ids
    held = next((one for one in actor.held if one.position_id == batch.assignee_id), None)
    idle, is_draft, is_open = not batch.work, batch.status == "draft", batch.status in {"in_review", "ready_to_sign"}
    stopped = batch.work == "sign" and bool(batch.stop_code)
    party = is_party(actor, batch)
    can_sign = held is not None and is_allowed("task.sign", held.roles)
    return BatchActions(
        edit=is_drafter and is_draft and idle,
        submit=is_drafter and is_draft and idle and bool(counts.get("ready")) and set(counts) == {"ready"},
        discard=is_drafter and is_draft and idle,
        approve=mine and idle and batch.status == "in_review",
        exclude=mine and idle and is_open, give_back=mine and idle and is_open and not signed,
        withdraw=is_drafter and idle and is_open and not signed,
        sign=mine and can_sign and (stopped or (idle and batch.status == "ready_to_sign")),
        issue=is_drafter and idle and batch.status in {"signing", "finished", "cancelled"} and tally.unsent > 0,
        control=party and batch.status == "signing" and batch.work == "sign",
        retry=idle and bool(counts.get("failed")) and find_again(session, batch, actor) is not None)


def row_item(row: BatchRow, decree_id: str | None = None, status: str | None = None,
             number: str | None = None) -> RowItem:
    """A row as lists show it, with what its decree came to be."""
    return RowItem(
        row.row_no, row.line_no, row.label, row.subject_key, row.state,
        tuple(map(from_stored, row.problems)), row.error_code or "",
        row.excluded_reason or "", decree_id, status or "", number or "", mark_of(row))
