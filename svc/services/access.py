"""Who may look at which decree. The same rule twice: for one decree, and as a condition for lists."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, or_, select, true

from svc.actors import Actor
from svc.errors import NotFound
from svc.models import Decree, Task
from svc.roles import Role

_SEES_ALL = frozenset({Role.BUREAU, Role.ADMIN})
_CONFIDENTIAL = ("R", "SR")


def ensure_can_view(actor: Actor, decree: Decree) -> None:
    """Pass the drafter, everybody on the route, the same agency, bureau and administrators.

    Secret ones (*rahasia*) are for the drafter and the route alone.
    :raises NotFound: not for this actor; as if it did not exist, since its existence tells too
    """
    if not may_view(actor, decree.drafter_id, decree.assignments or (), decree.agency_id, decree.security):
        raise NotFound


def may_view(actor: Actor, drafter_id: int, assignments: Iterable[Any], agency_id: int, security: str) -> bool:
    """The rule itself; ``assignments`` are pairs of a step and its position."""
    on_route = {position_id for _, position_id in assignments}
    if drafter_id == actor.person_id or on_route & set(actor.position_ids):
        return True
    if security in _CONFIDENTIAL:
        return False
    return bool(actor.roles & _SEES_ALL) or agency_id in actor.agency_ids


def visible_condition(actor: Actor) -> ColumnElement[bool]:
    """The same rule over ``Decree`` for a list (routes by the tasks that were opened and not handed on)."""
    was_asked = exists(select(Task.id).where(
        Task.decree_id == Decree.id, Task.assignee_id.in_(actor.position_ids),
        or_(Task.outcome.is_(None), Task.outcome != "reassigned")))
    own = or_(Decree.drafter_id == actor.person_id, was_asked)
    if actor.roles & _SEES_ALL:
        wide: ColumnElement[bool] = true()
    elif actor.agency_ids:
        wide = Decree.agency_id.in_(actor.agency_ids)
    else:
        wide = false()
    return or_(and_(wide, Decree.security.not_in(_CONFIDENTIAL)), own)
