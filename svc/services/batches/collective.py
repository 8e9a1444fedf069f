"""From a signed collective decree: an excerpt for everybody in its list, and a copy of the whole."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.actors import Actor, HeldPosition
from svc.deps import Deps
from svc.errors import Conflict, Forbidden, NotFound
from svc.kinds import Kind
from svc.models import Decree
from svc.roles import is_allowed
from svc.services.access import ensure_can_view
from svc.services.batches import drafting as batch_drafting
from svc.services.batches.drafting import NewRow
from svc.services.drafting import create_from_parent, find_kind
from svc.services.parents import COPY, EXCERPT, GONE, Parent, copy_of, excerpt_of, load_parent, taken_rows

_FIRST_VERSION = 1


class ExcerptsExist(Conflict):
    code = "excerpts_exist"
    message = "Petikan bagi semua orang dalam lampiran keputusan ini sudah ada."


class CopyExists(Conflict):
    code = "copy_exists"
    message = "Salinan keputusan ini sudah ada, atau sedang disusun."


@dataclass(frozen=True)
class MadeExcerpts:
    """The batch, how many excerpts are drafted in it, and how many persons were left out as they have one."""

    batch_id: str
    count: int
    left_out: int


def make_excerpts(deps: Deps, actor: Actor, parent_decree_id: str) -> MadeExcerpts:
    """Draft a petikan for everybody in the list who has none, in the order of the list, as one batch.

    :raises NotFound: no such decree for this actor. :raises Forbidden: he drafts nothing in its agency
    :raises ExcerptsExist: everybody has one. :raises svc.services.parents.NotExcerptable: it is no such decree
    :raises svc.services.parents.ParentRevoked: it is in force no more
    """
    kind = find_kind(deps, EXCERPT)
    with deps.db.read_session() as session:
        parent = _parent(session, deps, actor, parent_decree_id, kind)
        taken = taken_rows(session, parent.id)
    drafter = _drafter(actor, parent)
    wanted = [number for number in range(1, parent.rows + 1) if number not in taken]
    if not wanted:
        raise ExcerptsExist
    batch_id = batch_drafting.create(deps, drafter, kind.id, f"Petikan {parent.number}"[:200], parent_id=parent.id)
    rows = [NewRow(number, excerpt_of(parent, number)) for number in wanted]
    batch_drafting.put_rows(deps, drafter, batch_id, _FIRST_VERSION, rows, source_name=parent.number)
    return MadeExcerpts(batch_id, len(wanted), parent.rows - len(wanted))


def make_copy(deps: Deps, actor: Actor, parent_decree_id: str) -> str:
    """Draft a salinan of the whole decree; returns its public id.

    :raises CopyExists: there is one, or a draft of one. Else as for :func:`make_excerpts`
    """
    kind = find_kind(deps, COPY)
    with deps.db.read_session() as session:
        parent = _parent(session, deps, actor, parent_decree_id, kind)
        if has_copy(session, parent.id):
            raise CopyExists
    drafter = _drafter(actor, parent)
    return create_from_parent(deps, drafter, kind, copy_of(parent), parent.id)


def has_copy(session: Session, parent_id: int) -> bool:
    """Whether the decree has a copy, or a draft of one."""
    return session.scalar(select(Decree.id).where(
        Decree.parent_id == parent_id, Decree.kind == COPY, Decree.status.not_in(GONE)).limit(1)) is not None


def drafting_here(actor: Actor, agency_id: int) -> HeldPosition | None:
    """The position in which the actor drafts for that agency; ``None``: in none."""
    candidates = [actor.acting_as, *actor.held] if actor.acting_as else list(actor.held)
    return next((held for held in candidates if held is not None and held.agency_id == agency_id
                 and is_allowed("decree.draft", held.roles)), None)


def _drafter(actor: Actor, parent: Parent) -> Actor:
    held = drafting_here(actor, parent.agency_id)
    if held is None:
        raise Forbidden
    return replace(actor, acting_as=held)


def _parent(session: Session, deps: Deps, actor: Actor, decree_id: str, kind: Kind) -> Parent:
    decree = session.scalars(select(Decree).where(Decree.public_id == decree_id)).one_or_none()
    if decree is None:
        raise NotFound
    ensure_can_view(actor, decree)
    return load_parent(session, deps, decree, kind)
