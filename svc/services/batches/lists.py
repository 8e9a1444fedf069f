"""Lists of batches: all that somebody may see, those that wait for him, and others that name the same people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists, func, or_, select, true

from svc.actors import Actor
from svc.deps import Deps
from svc.models import Batch, BatchRow, Decree, Person, Unit
from svc.roles import Role
from svc.services.batches.page import PAGE_SIZE, BatchView, RowItem
from svc.services.paging import Cursor, Page, decode_cursor


@dataclass(frozen=True)
class BatchItem:
    """A line of a list of batches."""

    batch_id: str
    title: str
    kind: str
    status: str
    work: str
    stop_code: str
    paused_at: datetime | None
    rows: int
    unit_name: str
    drafter_name: str
    due_at: datetime | None
    created_at: datetime


def list_batches(deps: Deps, actor: Actor, cursor: str = "") -> Page[BatchItem]:
    """Batches that the actor may see, newest first."""
    at = decode_cursor(cursor)
    statement = _items().where(_visible(deps, actor)).order_by(Batch.created_at.desc(), Batch.id.desc())
    if at is not None:
        statement = statement.where(
            or_(Batch.created_at < at.at, and_(Batch.created_at == at.at, Batch.id < at.row_id)))
    with deps.db.read_session() as session:
        rows = list(session.execute(statement.limit(PAGE_SIZE + 1)))
    shown = rows[:PAGE_SIZE]
    following = Cursor(shown[-1].created_at, shown[-1].id).encode() if len(rows) > PAGE_SIZE else ""
    return Page(tuple(BatchItem(*row[1:]) for row in shown), following, "")


def waiting_batches(deps: Deps, actor: Actor) -> tuple[BatchItem, ...]:
    """Batches that wait for a position of the actor's, those due first."""
    with deps.db.read_session() as session:
        rows = session.execute(
            _items().where(Batch.assignee_id.in_(actor.position_ids), Batch.work.in_(("", "sign")))
            .order_by(Batch.due_at, Batch.id).limit(PAGE_SIZE))
        return tuple(BatchItem(*row[1:]) for row in rows)


def also_in(deps: Deps, actor: Actor, view: BatchView,
            rows: Sequence[RowItem]) -> Mapping[str, tuple[tuple[str, str], ...]]:
    """Other batches of the same kind under way, of those that the actor may see, in which people of these rows stand
    too: (id, title) by NIP. No refusal: somebody may be due two letters."""
    keys = {row.subject_key for row in rows if row.subject_key and row.state != "excluded"}
    if not keys or view.status != "draft":  # later nobody could change it any more
        return {}
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    with deps.db.read_session() as session:
        for key, batch_id, title in session.execute(
                select(BatchRow.subject_key, Batch.public_id, Batch.title).distinct()
                .join(Batch, Batch.id == BatchRow.batch_id)
                .where(Batch.kind == view.kind, Batch.public_id != view.batch_id,
                       Batch.status.in_(("draft", "in_review", "ready_to_sign", "signing")), _visible(deps, actor),
                       BatchRow.subject_key.in_(keys), BatchRow.state != "excluded")
                .order_by(Batch.title, Batch.public_id)):
            found[key] = (*found.get(key, ()), (batch_id, title))
    return found


def _items() -> Any:
    rows = (select(func.count()).select_from(BatchRow).where(BatchRow.batch_id == Batch.id)
            .correlate(Batch).scalar_subquery())
    return (select(Batch.id, Batch.public_id, Batch.title, Batch.kind, Batch.status, Batch.work, Batch.stop_code,
                   Batch.paused_at, rows, Unit.name, Person.name, Batch.due_at, Batch.created_at)
            .join(Unit, Unit.id == Batch.unit_id).join(Person, Person.id == Batch.drafter_id))


def _visible(deps: Deps, actor: Actor) -> Any:
    """Own batches and those that wait for a position held; and unless their kind or parent is secret, those of
    the own agencies, for bureau and administrators all."""
    secret = [kind.id for kind in deps.kinds.all() if kind.security in {"R", "SR"}]
    of_secret = exists(select(Decree.id).where(Decree.id == Batch.parent_id, Decree.security.in_(("R", "SR"))))
    wide = true() if actor.roles & {Role.BUREAU, Role.ADMIN} else Batch.agency_id.in_(actor.agency_ids)
    return or_(Batch.drafter_id == actor.person_id, Batch.assignee_id.in_(actor.position_ids),
               and_(wide, Batch.kind.not_in(secret), ~of_secret))
