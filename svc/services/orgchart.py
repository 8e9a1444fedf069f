"""The organisation as of a day: chart for routing, holders, letterheads, choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from svc.actors import Actor
from svc.deps import Deps
from svc.models import Holding, Person, Position, Unit
from svc.roles import Role
from workflows.model import ChartPosition, OrgChart

_CAPACITY_ORDER = {"definitive": 0, "pj": 1, "plt": 2, "plh": 3}
CAPACITY_PREFIX = {"plt": "Plt. ", "plh": "Plh. ", "pj": "Pj. "}


@dataclass(frozen=True)
class Holder:
    """Somebody who holds a position on a day."""

    person_id: int
    name: str
    rank: str | None
    nip: str | None
    capacity: str


@dataclass(frozen=True)
class PositionChoice:
    public_id: str
    label: str


def load_units(session: Session) -> dict[int, Unit]:
    return {unit.id: unit for unit in session.scalars(select(Unit))}


def agency_of(units: Mapping[int, Unit], unit_id: int) -> Unit:
    """The top-level unit (child of the province) above a unit; the province itself stays itself."""
    unit = units[unit_id]
    while unit.parent_id is not None and units[unit.parent_id].parent_id is not None:
        unit = units[unit.parent_id]
    return unit


def load_chart(session: Session) -> OrgChart:
    """All active positions; ``unit_code`` is that of the agency, as ``{unit}`` in routes means it."""
    units = load_units(session)
    rows = session.execute(
        select(Position.id, Position.code, Position.unit_id, Position.superior_id).where(Position.is_active))
    return OrgChart({row.id: ChartPosition(row.id, row.code, agency_of(units, row.unit_id).code, row.superior_id)
                     for row in rows})


def held_on(day: date) -> ColumnElement[bool]:
    """Condition over ``Holding``: valid on that day."""
    return and_(Holding.valid_from <= day, or_(Holding.valid_to.is_(None), Holding.valid_to >= day))


def administrator_ids(session: Session, day: date) -> tuple[int, ...]:
    """The active people who may administer on a day."""
    return tuple(session.scalars(
        select(Person.id).distinct().join(Holding, Holding.person_id == Person.id)
        .join(Position, Position.id == Holding.position_id)
        .where(Person.is_active, Position.is_active, held_on(day), Position.roles.contains(Role.ADMIN.value))))


def holders_of(session: Session, position_id: int, day: date) -> tuple[Holder, ...]:
    """Who holds a position on a day, the definitive holder first."""
    rows = session.execute(
        select(Person.id, Person.name, Person.rank, Person.nip, Holding.capacity)
        .join(Holding, Holding.person_id == Person.id)
        .where(Holding.position_id == position_id, Person.is_active, held_on(day)))
    holders = [Holder(*row) for row in rows]
    return tuple(sorted(holders, key=lambda holder: (_CAPACITY_ORDER[holder.capacity], holder.person_id)))


def position_choices(deps: Deps, actor: Actor) -> tuple[PositionChoice, ...]:
    """Positions that may take over a task, each with its present holders: those of the actor's agencies, for
    administrators all."""
    today = deps.clock.now().astimezone(deps.settings.tzinfo).date()
    with deps.db.read_session() as session:
        units = load_units(session)
        agencies = set(units) if Role.ADMIN in actor.roles else set(actor.agency_ids)
        positions = [
            one for one in session.scalars(
                select(Position).where(Position.is_active).order_by(Position.title, Position.id))
            if may_judge(one) and agency_of(units, one.unit_id).id in agencies]
        names = held_by(session, [one.id for one in positions], today)
    return tuple(PositionChoice(one.public_id, f"{one.title} – {', '.join(names.get(one.id, ())) or '(kosong)'}")
                 for one in positions)


def held_by(session: Session, position_ids: Sequence[int], day: date) -> dict[int, tuple[str, ...]]:
    """The names of those who hold the positions on a day, with their capacity in front; none of a vacant one."""
    rows = session.execute(
        select(Holding.position_id, Holding.capacity, Person.name).join(Person, Person.id == Holding.person_id)
        .where(Holding.position_id.in_(position_ids), Person.is_active, held_on(day)).order_by(Holding.id))
    names: dict[int, tuple[str, ...]] = {}
    for position_id, capacity, name in rows:
        names[position_id] = (*names.get(position_id, ()), f"{CAPACITY_PREFIX.get(capacity, '')}{name}")
    return names


def may_judge(position: Position) -> bool:
    """Whether the position's holders may give a paraf."""
    return bool({Role.OFFICIAL.value, Role.SIGNER.value} & set(position.roles.split(",")))


def may_sign(position: Position) -> bool:
    """Whether the position's holders may sign."""
    return Role.SIGNER.value in position.roles.split(",")
