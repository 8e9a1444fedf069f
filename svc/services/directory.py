"""What the administration pages show: people by name, one person, the tree of units, the positions."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, or_, select, tuple_
from sqlalchemy.orm import aliased

from svc.deps import Deps
from svc.errors import NotFound
from svc.models import Holding, Person, Position, Unit
from svc.services.administration import today
from svc.services.orgchart import CAPACITY_PREFIX, held_on
from svc.services.paging import LAST_ROW_ID, Page

PAGE_SIZE = 50


@dataclass(frozen=True)
class PersonItem:
    """A line of the list of people, with the positions held today."""

    public_id: str
    name: str
    username: str
    is_active: bool
    positions: tuple[str, ...]


@dataclass(frozen=True)
class HoldingView:
    """A position of a person; ``state``: future, current or past."""

    public_id: str
    title: str
    unit_name: str
    capacity: str
    valid_from: date
    valid_to: date | None
    instrument: str | None
    state: str


@dataclass(frozen=True)
class PersonView:
    """The page of a person."""

    public_id: str
    name: str
    username: str
    email: str
    nip: str | None
    rank: str | None
    is_active: bool
    has_totp: bool
    locked_until: datetime | None
    created_at: datetime
    holdings: tuple[HoldingView, ...]


@dataclass(frozen=True)
class UnitNode:
    """A unit in the order of the tree; ``depth`` 0 is the province."""

    public_id: str
    code: str
    name: str
    depth: int
    is_active: bool
    parent_id: str
    letter_code: str
    address: str
    phone: str
    email: str
    website: str
    place: str


@dataclass(frozen=True)
class PositionItem:
    """A position with who holds it today."""

    public_id: str
    code: str
    title: str
    unit_id: str
    unit_name: str
    superior_id: str
    superior_title: str
    roles: tuple[str, ...]
    on_behalf_of: str
    is_active: bool
    holders: tuple[str, ...]


def list_people(deps: Deps, text: str = "", cursor: str = "") -> Page[PersonItem]:
    """People by name, whose name, user name, NIP or position fits the text; two statements."""
    found, is_backward = _decode(cursor)
    statement: Select[Person] = select(Person)
    if text.strip():
        statement = statement.where(_fits(deps, text.strip()[:100]))
    if found is not None:
        here, there = tuple_(Person.name, Person.id), found
        statement = statement.where(here < there if is_backward else here > there)
    order = (Person.name.desc(), Person.id.desc()) if is_backward else (Person.name, Person.id)
    with deps.db.read_session() as session:
        rows = list(session.scalars(statement.order_by(*order).limit(PAGE_SIZE + 1)))
        has_more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
        if is_backward:
            rows.reverse()
        held = session.execute(
            select(Holding.person_id, Holding.capacity, Position.title)
            .join(Position, Position.id == Holding.position_id)
            .where(Holding.person_id.in_([row.id for row in rows]), held_on(today(deps))).order_by(Holding.id)).all()
    titles: dict[int, list[str]] = {}
    for person_id, capacity, title in held:
        titles.setdefault(person_id, []).append(CAPACITY_PREFIX.get(capacity, "") + title)
    items = tuple(PersonItem(row.public_id, row.name, row.username, row.is_active, tuple(titles.get(row.id, ())))
                  for row in rows)
    has_next, has_prev = is_backward or has_more, found is not None and (not is_backward or has_more)
    return Page(items, _encode(rows[-1], False) if rows and has_next else "",
                _encode(rows[0], True) if rows and has_prev else "")


def load_person(deps: Deps, public_id: str) -> PersonView:
    """One person with all his positions, the latest first. :raises NotFound: no such person"""
    day = today(deps)
    with deps.db.read_session() as session:
        person = session.scalars(select(Person).where(Person.public_id == public_id)).one_or_none()
        if person is None:
            raise NotFound
        rows = session.execute(
            select(Holding, Position.title, Unit.name).join(Position, Position.id == Holding.position_id)
            .join(Unit, Unit.id == Position.unit_id).where(Holding.person_id == person.id)
            .order_by(Holding.valid_from.desc(), Holding.id.desc())).all()
    holdings = tuple(
        HoldingView(row.public_id, title, unit, row.capacity, row.valid_from, row.valid_to, row.instrument,
                    _state(row, day)) for row, title, unit in rows)
    locked = person.locked_until if person.locked_until and person.locked_until > deps.clock.now() else None
    return PersonView(person.public_id, person.name, person.username, person.email, person.nip, person.rank,
                      person.is_active, person.totp_secret is not None, locked, person.created_at, holdings)


def unit_tree(deps: Deps) -> tuple[UnitNode, ...]:
    """All units, each before what lies under it, siblings by name."""
    with deps.db.read_session() as session:
        units = session.scalars(select(Unit).order_by(Unit.name)).all()
    public_ids = {unit.id: unit.public_id for unit in units}
    below: dict[int | None, list[Unit]] = {}
    for unit in units:
        below.setdefault(unit.parent_id, []).append(unit)
    found: list[UnitNode] = []

    def walk(parent_id: int | None, depth: int) -> None:
        for unit in below.get(parent_id, ()):
            found.append(_unit_node(unit, depth, public_ids.get(unit.parent_id or 0, "")))
            walk(unit.id, depth + 1)

    walk(None, 0)
    return tuple(found)


def load_unit(deps: Deps, public_id: str) -> UnitNode:
    """One unit. :raises NotFound: no such unit"""
    for node in unit_tree(deps):
        if node.public_id == public_id:
            return node
    raise NotFound


def list_positions(deps: Deps) -> tuple[PositionItem, ...]:
    """All positions by unit and title, with today's holders; a province has hundreds, not millions."""
    return _positions(deps)


def load_position(deps: Deps, public_id: str) -> PositionItem:
    """One position. :raises NotFound: no such position"""
    found = _positions(deps, Position.public_id == public_id)
    if not found:
        raise NotFound
    return found[0]


def _positions(deps: Deps, *conditions: ColumnElement[bool]) -> tuple[PositionItem, ...]:
    above = aliased(Position)
    with deps.db.read_session() as session:
        rows = session.execute(
            select(Position, Unit.public_id, Unit.name, above.public_id, above.title, Person.name, Holding.capacity)
            .join(Unit, Unit.id == Position.unit_id)
            .outerjoin(above, above.id == Position.superior_id)
            .outerjoin(Holding, and_(Holding.position_id == Position.id, held_on(today(deps))))
            .outerjoin(Person, Person.id == Holding.person_id)
            .where(*conditions).order_by(Unit.name, Position.title, Position.id, Holding.id)).all()
    return _position_items(rows)


def _position_items(rows: Sequence[Row[*tuple[Any, ...]]]) -> tuple[PositionItem, ...]:
    firsts: dict[int, Row[*tuple[Any, ...]]] = {}
    holders: dict[int, list[str]] = {}
    for row in rows:
        firsts.setdefault(row[0].id, row)
        if row[5] is not None:
            prefix = CAPACITY_PREFIX.get(row[6], "").strip()
            holders.setdefault(row[0].id, []).append(f"{row[5]} ({prefix})" if prefix else row[5])
    return tuple(
        PositionItem(position.public_id, position.code, position.title, unit_id, unit_name, superior_id or "",
                     superior_title or "", tuple(role for role in position.roles.split(",") if role),
                     position.on_behalf_of or "", position.is_active, tuple(holders.get(position.id, ())))
        for position, unit_id, unit_name, superior_id, superior_title, *_ in firsts.values())


def _fits(deps: Deps, text: str) -> ColumnElement[bool]:
    holds = (select(Holding.person_id).join(Position, Position.id == Holding.position_id)
             .where(held_on(today(deps)), Position.title.icontains(text, autoescape=True)))
    return or_(Person.name.icontains(text, autoescape=True), Person.username.icontains(text, autoescape=True),
               Person.nip.startswith("".join(text.split()), autoescape=True), Person.id.in_(holds))


def _state(row: Holding, day: date) -> str:
    if row.valid_from > day:
        return "future"
    return "past" if row.valid_to is not None and row.valid_to < day else "current"


def _unit_node(unit: Unit, depth: int, parent_id: str) -> UnitNode:
    return UnitNode(unit.public_id, unit.code, unit.name, depth, unit.is_active, parent_id, unit.letter_code or "",
                    unit.address or "", unit.phone or "", unit.email or "", unit.website or "", unit.place or "")


def _encode(row: Person, is_backward: bool) -> str:
    raw = json.dumps([row.name, row.id, int(is_backward)])
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _decode(text: str) -> tuple[tuple[str, int] | None, bool]:
    """Name and id after which to go on; what is no cursor means the first page."""
    try:
        name, row_id, backward = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        number = int(row_id)
        return ((str(name), number), bool(backward)) if 0 <= number <= LAST_ROW_ID else (None, False)
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        return None, False
