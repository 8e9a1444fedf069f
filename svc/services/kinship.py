"""What a decree's page shows of its parent, its excerpts and its copies, as far as the viewer may see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from svc.actors import Actor
from svc.deps import Deps
from svc.models import Batch, Decree
from svc.roles import is_allowed
from svc.services.access import visible_condition
from svc.services.parents import COPY, EXCERPT, GONE, taken_rows

_DONE = ("signed", "issued")


@dataclass(frozen=True)
class Relative:
    """The parent or a copy. ``decree_id`` is empty where the viewer may not see it."""

    decree_id: str
    number: str
    status: str
    legal_status: str
    issued_on: date | None


@dataclass(frozen=True)
class ExcerptBatch:
    batch_id: str
    title: str
    status: str


@dataclass(frozen=True)
class Kin:
    """``persons`` stand in the list; ``excerpts`` of them exist beyond a batch's draft, ``signed`` are signed."""

    parent: Relative | None = None
    is_parent: bool = False
    persons: int = 0
    excerpts: int = 0
    signed: int = 0
    batches: tuple[ExcerptBatch, ...] = ()
    copies: tuple[Relative, ...] = ()
    can_excerpt: bool = False
    can_copy: bool = False


def load_kin(session: Session, deps: Deps, actor: Actor, decree: Decree, persons: int) -> Kin:
    """In two statements at most for a decree with a parent, four for one with excerpts, none for all others."""
    if decree.parent_id is not None:
        return Kin(_parent(session, actor, decree.parent_id))
    if not deps.kinds.made_from(decree.kind) or decree.status not in _DONE:
        return Kin()
    counts = {str(row[0]): int(row[1]) for row in session.execute(
        select(Decree.status, func.count()).where(
            Decree.parent_id == decree.id, Decree.kind == EXCERPT, Decree.status.not_in(GONE)).group_by(Decree.status))}
    copies = tuple(_relative(one, is_seen=seen) for one, seen in session.execute(
        select(Decree, visible_condition(actor)).where(
            Decree.parent_id == decree.id, Decree.kind == COPY, Decree.status.not_in(GONE)).order_by(Decree.id)))
    batches = tuple(ExcerptBatch(*row) for row in session.execute(
        select(Batch.public_id, Batch.title, Batch.status).where(
            Batch.parent_id == decree.id, Batch.status != "cancelled").order_by(Batch.id)))
    may = (decree.source == "template" and decree.legal_status != "revoked" and any(
        held.agency_id == decree.agency_id and is_allowed("decree.draft", held.roles) for held in actor.held))
    return Kin(is_parent=True, persons=persons, excerpts=sum(counts.values()),
               signed=sum(counts.get(status, 0) for status in _DONE), batches=batches, copies=copies,
               can_excerpt=may and len(taken_rows(session, decree.id)) < persons, can_copy=may and not copies)


def _parent(session: Session, actor: Actor, parent_id: int) -> Relative:
    parent, seen = session.execute(select(Decree, visible_condition(actor)).where(Decree.id == parent_id)).one()
    return _relative(parent, is_seen=seen)


def _relative(decree: Decree, *, is_seen: bool) -> Relative:
    return Relative(decree.public_id if is_seen else "", decree.number or "", decree.status, decree.legal_status,
                    decree.issued_on)
