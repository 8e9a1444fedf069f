"""A person with the positions held today, in one statement: it runs before every page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, literal, select

from svc.actors import Actor, HeldPosition
from svc.deps import Deps
from svc.errors import NotAuthenticated
from svc.models import Holding, Person, Position, Unit
from svc.roles import Role
from svc.services.orgchart import held_on

_CAPACITY_ORDER = {"definitive": 0, "pj": 1, "plt": 2, "plh": 3}


@dataclass(frozen=True)
class FoundPerson:
    """The actor, and what only the account service looks at."""

    actor: Actor
    username: str
    email: str
    is_active: bool
    session_epoch: int
    has_totp: bool


def load_person_with_positions(deps: Deps, acting_position_public_id: str | None, *, public_id: str = "",
                               username: str = "") -> FoundPerson:
    """Load by public id or by user name. Without a chosen position the first definitive one is acted in.

    :raises NotAuthenticated: no such person
    """
    whom = Person.username == username.strip().casefold() if username else Person.public_id == public_id
    today = deps.clock.now().astimezone(deps.settings.tzinfo).date()
    with deps.db.read_session() as session:
        rows = session.execute(_statement(whom, today)).all()
    if not rows:
        raise NotAuthenticated
    first = rows[0]
    held = _held(rows)
    acting = next((one for one in held if one.position_public_id == acting_position_public_id),
                  held[0] if held else None)
    actor = Actor(first.person_id, first.person_public_id, first.name, first.locale, held, acting)
    return FoundPerson(actor, first.username, first.email, first.is_active, first.session_epoch, first.has_totp)


def _statement(whom: ColumnElement[bool], today: date) -> Select[*tuple[Any, ...]]:
    """One row for each held position and each unit from its own up to the root, nearest first."""
    climb = (
        select(Unit.id.label("start_id"), Unit.id.label("unit_id"), Unit.code.label("code"),
               Unit.parent_id.label("parent_id"), literal(0).label("steps"))
        .join(Position, Position.unit_id == Unit.id).join(Holding, Holding.position_id == Position.id)
        .join(Person, Person.id == Holding.person_id).where(whom, held_on(today)).distinct()
        .cte("climb", recursive=True))
    climb = climb.union_all(
        select(climb.c.start_id, Unit.id, Unit.code, Unit.parent_id, climb.c.steps + 1)
        .join(climb, climb.c.parent_id == Unit.id))
    return (
        select(Person.id.label("person_id"), Person.public_id.label("person_public_id"), Person.name, Person.locale,
               Person.username, Person.email, Person.is_active, Person.session_epoch,
               Person.totp_secret.is_not(None).label("has_totp"),
               Holding.id.label("holding_id"), Holding.capacity, Position.id.label("position_id"),
               Position.public_id.label("position_public_id"), Position.code.label("position_code"),
               Position.title, Position.roles, Unit.id.label("unit_id"), Unit.code.label("unit_code"),
               Unit.name.label("unit_name"), climb.c.unit_id.label("above_id"), climb.c.code.label("above_code"))
        .select_from(Person)
        .outerjoin(Holding, and_(Holding.person_id == Person.id, held_on(today)))
        .outerjoin(Position, and_(Position.id == Holding.position_id, Position.is_active))
        .outerjoin(Unit, Unit.id == Position.unit_id)
        .outerjoin(climb, climb.c.start_id == Unit.id)
        .where(whom).order_by(Holding.id, climb.c.steps))


def _held(rows: Sequence[Row[Any]]) -> tuple[HeldPosition, ...]:
    chains: dict[int, list[Row[Any]]] = {}
    for row in rows:
        if row.holding_id is not None and row.position_id is not None:
            chains.setdefault(row.holding_id, []).append(row)
    held = [_one(chain) for chain in chains.values()]
    return tuple(sorted(held, key=lambda one: (_CAPACITY_ORDER[one.capacity], one.holding_id)))


def _one(chain: list[Row[Any]]) -> HeldPosition:
    """The last of the chain is the province; the agency is the unit below it (or the province itself)."""
    first, agency = chain[0], chain[-2] if len(chain) > 1 else chain[-1]
    return HeldPosition(
        first.holding_id, first.position_id, first.position_public_id, first.position_code, first.title,
        first.unit_id, first.unit_code, first.unit_name, agency.above_id, agency.above_code, first.capacity,
        frozenset(Role(name) for name in first.roles.split(",") if name))
