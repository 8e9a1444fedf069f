"""What waits for me: open tasks of the positions I hold today, oldest and overdue first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, literal_column, or_, select, true
from sqlalchemy.orm import Session

from svc.actors import Actor
from svc.deps import Deps
from svc.models import Decree, Person, Position, SigningAttempt, Task, Unit
from svc.services.paging import COUNT_CAP, Cursor, Page, decode_cursor
from svc.services.signature_blocks import count_blocks
from svc.services.unknown_outcomes import STATE_UNKNOWN

PAGE_SIZE = 50
# Written as literals, since a partial index is used only where its own condition stands in the query.
_IS_OPEN: ColumnElement[bool] = literal_column("task.status = 'open' AND task.batch_id IS NULL")


@dataclass(frozen=True)
class InboxItem:
    """One line of the inbox."""

    task_id: str
    decree_id: str
    kind: str
    task_kind: str
    subject: str
    number: str | None
    unit_name: str
    drafter_name: str
    step_title: str
    position_title: str
    version_no: int
    security: str
    opened_at: datetime
    due_at: datetime
    signatures_given: int
    signatures_needed: int  # 0 before the document is frozen
    is_being_signed: bool  # an act of signing has not ended
    is_unknown: bool  # and nobody knows whether it made a signature


@dataclass(frozen=True)
class ReturnedItem:
    """A draft of mine that came back, or that I pulled back."""

    decree_id: str
    kind: str
    subject: str
    version_no: int
    updated_at: datetime


@dataclass(frozen=True)
class InboxCounts:
    """Capped counts for the headings and the menu."""

    open: int
    overdue: int


@dataclass(frozen=True)
class Inbox:
    """``unknown`` are the tasks on which an act of the person's own ended with an outcome that nobody knows: they stand
    apart from the page, since only he can end them, and on the first page alone."""

    unknown: tuple[InboxItem, ...]
    page: Page[InboxItem]
    returned: tuple[ReturnedItem, ...]
    counts: InboxCounts


def load_inbox(deps: Deps, actor: Actor, cursor: str = "") -> Inbox:
    """One page of the inbox in three statements, however long it is; a fourth while an outcome is unknown."""
    now = deps.clock.now()
    with deps.db.read_session() as session:
        page = _load_page(session, actor, decode_cursor(cursor))
        counts, has_unknown = _count(session, actor, now)
        unknown = _load_unknown(session, actor) if has_unknown and not cursor else ()
        return Inbox(unknown, page, _load_returned(session, actor), counts)


def next_task(deps: Deps, actor: Actor, after_task_id: str | None = None) -> str | None:
    """The public id of the task to do next ("paraf dan berikutnya"); ``None``: the inbox is empty.

    After a given task the search goes on behind it and, at the end, begins again at the front.
    """
    with deps.db.read_session() as session:
        order = select(Task.public_id).where(_IS_OPEN, Task.assignee_id.in_(actor.position_ids))
        order = order.order_by(Task.due_at, Task.id).limit(1)
        if after_task_id is not None:
            done = session.execute(
                select(Task.due_at, Task.id).where(Task.public_id == after_task_id)).one_or_none()
            if done is not None:
                behind = or_(Task.due_at > done.due_at, and_(Task.due_at == done.due_at, Task.id > done.id))
                found = session.scalar(order.where(behind))
                if found is not None:
                    return found
        return session.scalar(order)


def _load_page(session: Session, actor: Actor, cursor: Cursor | None) -> Page[InboxItem]:
    statement = _items(actor).where(~_is_unknown(actor))
    backward = cursor is not None and cursor.is_backward
    if cursor is not None:
        statement = statement.where(_beyond(cursor))
    order = (Task.due_at.desc(), Task.id.desc()) if backward else (Task.due_at, Task.id)
    rows = list(session.execute(statement.order_by(*order).limit(PAGE_SIZE + 1)))
    has_more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    if backward:
        rows.reverse()
    has_next = backward or has_more
    has_prev = cursor is not None and (not backward or has_more)
    return Page(
        items=tuple(InboxItem(*row[1:]) for row in rows),
        next_cursor=Cursor(rows[-1].due_at, rows[-1].id).encode() if rows and has_next else "",
        prev_cursor=Cursor(rows[0].due_at, rows[0].id, True).encode() if rows and has_prev else "")


def _load_unknown(session: Session, actor: Actor) -> tuple[InboxItem, ...]:
    rows = session.execute(
        _items(actor).where(_is_unknown(actor)).order_by(Task.due_at, Task.id).limit(PAGE_SIZE))
    return tuple(InboxItem(*row[1:]) for row in rows)


def _is_unknown(by: Actor | None = None) -> ColumnElement[bool]:
    """Condition over tasks: an act on its decree, of that person's own if one is given, ended nobody knows how."""
    mine = true() if by is None else SigningAttempt.person_id == by.person_id
    return exists(select(SigningAttempt.id).where(
        SigningAttempt.decree_id == Task.decree_id, STATE_UNKNOWN, mine).correlate(Task))


def _items(actor: Actor) -> Select[*tuple[Any, ...]]:
    return (
        select(Task.id, Task.public_id, Decree.public_id, Decree.kind, Task.kind, Decree.subject, Decree.number,
               Unit.name, Person.name, Task.step_title, Position.title, Task.version_no, Decree.security,
               Task.opened_at, Task.due_at, count_blocks(Decree.id, signed=True), count_blocks(Decree.id, signed=False),
               Decree.status == "signing", _is_unknown())
        .join(Decree, Decree.id == Task.decree_id)
        .join(Unit, Unit.id == Decree.unit_id)
        .join(Person, Person.id == Decree.drafter_id)
        .join(Position, Position.id == Task.assignee_id)
        .where(_IS_OPEN, Task.assignee_id.in_(actor.position_ids)))


def _beyond(cursor: Cursor) -> Any:
    if cursor.is_backward:
        return or_(Task.due_at < cursor.at, and_(Task.due_at == cursor.at, Task.id < cursor.row_id))
    return or_(Task.due_at > cursor.at, and_(Task.due_at == cursor.at, Task.id > cursor.row_id))


def _load_returned(session: Session, actor: Actor) -> tuple[ReturnedItem, ...]:
    rows = session.execute(
        select(Decree.public_id, Decree.kind, Decree.subject, Decree.version_no, Decree.updated_at)
        .where(Decree.drafter_id == actor.person_id, Decree.status == "draft",
               Decree.submitted_at.is_not(None))
        .order_by(Decree.created_at.desc(), Decree.id.desc()).limit(PAGE_SIZE))
    return tuple(ReturnedItem(*row) for row in rows)


def _count(session: Session, actor: Actor, now: datetime) -> tuple[InboxCounts, bool]:
    """The counts, and whether the outcome of an act of the person's own is unknown."""
    few = (select(Task.due_at).where(_IS_OPEN, Task.assignee_id.in_(actor.position_ids))
           .limit(COUNT_CAP + 1).subquery())
    overdue = func.coalesce(func.sum(case((few.c.due_at < now, 1), else_=0)), 0)
    unknown = exists(select(SigningAttempt.id).where(
        STATE_UNKNOWN, SigningAttempt.person_id == actor.person_id))
    row = session.execute(select(func.count(), overdue, unknown).select_from(few)).one()
    return InboxCounts(int(row[0]), int(row[1])), bool(row[2])

