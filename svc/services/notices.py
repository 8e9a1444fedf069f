"""The bell: notices of a person, and the two numbers that stand in the frame of every page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal_column, select, update

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import NotFound
from svc.models import Batch, Decree, Notice, Task
from svc.services.batches.notices import BATCH
from svc.services.paging import COUNT_CAP, Cursor, Page, decode_cursor

PAGE_SIZE = 50
# Literals, since a partial index is used only where its own condition stands in the query.
_TASK_IS_OPEN: ColumnElement[bool] = literal_column("task.status = 'open' AND task.batch_id IS NULL")
_IS_UNREAD: ColumnElement[bool] = literal_column("notice.read_at IS NULL")


@dataclass(frozen=True)
class NoticeItem:
    """A line of the bell. ``message`` is a gettext msgid that ``params`` fill."""

    public_id: str
    message: str
    params: Mapping[str, Any]
    decree_id: str | None
    subject: str | None
    created_at: datetime
    is_read: bool


@dataclass(frozen=True)
class About:
    """What a notice is about: a decree, a batch, or neither (both empty)."""

    decree_id: str = ""
    batch_id: str = ""


@dataclass(frozen=True)
class Waiting:
    """What waits for a person: open tasks and batches together, and unread notices; each capped."""

    tasks: int
    notices: int


def count_waiting(deps: Deps, actor: Actor) -> Waiting:
    """Both numbers in one statement; it runs with every page."""
    tasks = (select(Task.id).where(_TASK_IS_OPEN, Task.assignee_id.in_(actor.position_ids))
             .limit(COUNT_CAP + 1).subquery())
    batches = (select(Batch.id).where(Batch.assignee_id.in_(actor.position_ids), Batch.work.in_(("", "sign")))
               .limit(COUNT_CAP + 1).subquery())
    unread = (select(Notice.id).where(_IS_UNREAD, Notice.person_id == actor.person_id)
              .limit(COUNT_CAP + 1).subquery())
    with deps.db.read_session() as session:
        row = session.execute(select(
            (select(func.count()).select_from(tasks).scalar_subquery()
             + select(func.count()).select_from(batches).scalar_subquery()).label("tasks"),
            select(func.count()).select_from(unread).scalar_subquery().label("notices"))).one()
    return Waiting(row.tasks, row.notices)


def load_page(deps: Deps, actor: Actor, cursor: str = "") -> Page[NoticeItem]:
    """The person's notices, newest first, by keyset."""
    at = decode_cursor(cursor)
    statement = (
        select(Notice, Decree.public_id, Decree.subject).outerjoin(Decree, Decree.id == Notice.decree_id)
        .where(Notice.person_id == actor.person_id))
    if at is not None:
        beyond = Notice.id > at.row_id if at.is_backward else Notice.id < at.row_id
        statement = statement.where(beyond)
    backward = at is not None and at.is_backward
    order = Notice.id.asc() if backward else Notice.id.desc()
    with deps.db.read_session() as session:
        rows = list(session.execute(statement.order_by(order).limit(PAGE_SIZE + 1)))
    has_more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    if backward:
        rows.reverse()
    items = tuple(
        NoticeItem(notice.public_id, notice.message, notice.params, decree_id, subject, notice.created_at,
                   notice.read_at is not None) for notice, decree_id, subject in rows)
    notices = [row[0] for row in rows]
    has_next, has_prev = backward or has_more, at is not None and (not backward or has_more)
    return Page(items,
                Cursor(notices[-1].created_at, notices[-1].id).encode() if notices and has_next else "",
                Cursor(notices[0].created_at, notices[0].id, True).encode() if notices and has_prev else "")


def open_notice(deps: Deps, actor: Actor, public_id: str) -> About:
    """Mark one as read; returns what it is about.

    :raises NotFound: not this person's
    """
    with deps.db.unit_of_work() as session:
        row = session.execute(
            select(Notice, Decree.public_id).outerjoin(Decree, Decree.id == Notice.decree_id)
            .where(Notice.public_id == public_id, Notice.person_id == actor.person_id)).one_or_none()
        if row is None:
            raise NotFound
        notice, decree_id = row
        if notice.read_at is None:
            notice.read_at = deps.clock.now()
        return About(decree_id or "", str(notice.params.get(BATCH, "")))


def mark_all_read(deps: Deps, actor: Actor) -> None:
    """Mark all of the person's notices as read."""
    with deps.db.unit_of_work() as session:
        session.execute(update(Notice).where(and_(_IS_UNREAD, Notice.person_id == actor.person_id))
                        .values(read_at=deps.clock.now()))
