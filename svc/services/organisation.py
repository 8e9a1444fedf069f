"""Units (a tree under the province) and positions, as the administrator keeps them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import NotFound
from svc.models import Position, Unit
from svc.roles import Role
from svc.services.administration import collect, ensure_admin_remains, record, refuse_if, text_fault, today

_UNIT_CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{0,31}")
_POSITION_CODE = re.compile(r"[A-Z0-9][A-Z0-9.-]{0,63}")


@dataclass(frozen=True)
class UnitInput:
    """What the form of a unit says. ``parent``: public id; empty for the province alone."""

    code: str
    name: str
    parent: str = ""
    letter_code: str = ""
    address: str = ""
    phone: str = ""
    email: str = ""
    website: str = ""
    place: str = ""
    is_active: bool = True


@dataclass(frozen=True)
class PositionInput:
    """What the form of a position says. ``unit`` and ``superior``: public ids."""

    code: str
    title: str
    unit: str
    superior: str = ""
    roles: tuple[str, ...] = ()
    on_behalf_of: str = ""
    is_active: bool = True


def create_unit(deps: Deps, actor: Actor, given: UnitInput) -> str:
    """Add a unit; returns its public id. :raises InvalidInput: with a message per field"""
    with deps.db.unit_of_work() as session:
        unit = Unit()
        _fill_unit(session, unit, given)
        session.add(unit)
        session.flush()
        record(session, deps, actor, "unit_created", {"unit": unit.public_id, "code": unit.code})
        return unit.public_id


def update_unit(deps: Deps, actor: Actor, public_id: str, given: UnitInput) -> None:
    """Change a unit. :raises InvalidInput: with a message per field. :raises NotFound: no such unit"""
    with deps.db.unit_of_work() as session:
        unit = session.scalars(select(Unit).where(Unit.public_id == public_id).with_for_update()).one_or_none()
        if unit is None:
            raise NotFound
        _fill_unit(session, unit, given)
        record(session, deps, actor, "unit_changed",
               {"unit": public_id, "code": unit.code, "name": unit.name, "is_active": unit.is_active})


def create_position(deps: Deps, actor: Actor, given: PositionInput) -> str:
    """Add a position; returns its public id. :raises InvalidInput: with a message per field"""
    with deps.db.unit_of_work() as session:
        position = Position()
        _fill_position(session, position, given)
        session.add(position)
        session.flush()
        record(session, deps, actor, "position_created",
               {"position": position.public_id, "code": position.code, "roles": position.roles})
        return position.public_id


def update_position(deps: Deps, actor: Actor, public_id: str, given: PositionInput) -> None:
    """Change a position.

    :raises InvalidInput: with a message per field
    :raises LastAdministrator: nobody could administer any more
    :raises NotFound: no such position
    """
    with deps.db.unit_of_work() as session:
        position = session.scalars(
            select(Position).where(Position.public_id == public_id).with_for_update()).one_or_none()
        if position is None:
            raise NotFound
        _fill_position(session, position, given)
        ensure_admin_remains(session, today(deps))
        record(session, deps, actor, "position_changed",
               {"position": public_id, "code": position.code, "roles": position.roles,
                "is_active": position.is_active})


def _fill_unit(session: Session, unit: Unit, given: UnitInput) -> None:
    code, own_id = given.code.strip().upper(), unit.id or 0
    parents = {row.id: row for row in session.execute(select(Unit.id, Unit.public_id, Unit.parent_id, Unit.code))}
    by_public_id = {row.public_id: row.id for row in parents.values()}
    parent_id = by_public_id.get(given.parent)
    faults = collect(
        code="" if _UNIT_CODE.fullmatch(code) else "Huruf besar, angka, garis; paling banyak 32.",
        name=text_fault(given.name, 200),
        parent=_parent_fault(given, own_id, parent_id, {key: row.parent_id for key, row in parents.items()}),
        **{name: text_fault(value, longest, is_required=False) for name, value, longest in _letter_head(given)})
    if "code" not in faults and any(row.code == code and row.id != own_id for row in parents.values()):
        faults["code"] = "Kode ini sudah dipakai unit lain."
    if not given.is_active and own_id and _has_active_below(session, own_id):
        faults["is_active"] = "Masih ada unit atau jabatan aktif di bawahnya."
    refuse_if(faults)
    unit.code, unit.name, unit.parent_id, unit.is_active = code, given.name.strip(), parent_id, given.is_active
    for name, value, _longest in _letter_head(given):
        setattr(unit, name, value.strip() or None)


def _letter_head(given: UnitInput) -> tuple[tuple[str, str, int], ...]:
    return (("letter_code", given.letter_code, 32), ("address", given.address, 300), ("phone", given.phone, 60),
            ("email", given.email, 120), ("website", given.website, 120), ("place", given.place, 80))


def _parent_fault(given: UnitInput, own_id: int, parent_id: int | None, parents: dict[int, int | None]) -> str:
    if not given.parent:
        is_province = not parents or (own_id in parents and parents[own_id] is None)
        return "" if is_province else "Pilih unit di atasnya; hanya provinsi yang tidak memilikinya."
    if parent_id is None:
        return "Unit ini tidak ada."
    return "Unit tidak dapat berada di bawah dirinya sendiri." if _is_above(own_id, parent_id, parents) else ""


def _has_active_below(session: Session, unit_id: int) -> bool:
    position = session.scalar(select(Position.id).where(Position.unit_id == unit_id, Position.is_active).limit(1))
    unit = session.scalar(select(Unit.id).where(Unit.parent_id == unit_id, Unit.is_active).limit(1))
    return position is not None or unit is not None


def _fill_position(session: Session, position: Position, given: PositionInput) -> None:
    code, own_id = given.code.strip().upper(), position.id or 0
    unit_id = session.scalar(select(Unit.id).where(Unit.public_id == given.unit, Unit.is_active))
    rows = {row.id: row for row in session.execute(
        select(Position.id, Position.public_id, Position.superior_id, Position.code))}
    superior_id = {row.public_id: row.id for row in rows.values()}.get(given.superior)
    superior_fault = ""
    if given.superior and superior_id is None:
        superior_fault = "Jabatan ini tidak ada."
    elif superior_id and _is_above(own_id, superior_id, {key: row.superior_id for key, row in rows.items()}):
        superior_fault = "Jabatan tidak dapat menjadi atasan dirinya sendiri."
    faults = collect(
        code="" if _POSITION_CODE.fullmatch(code) else "Huruf besar, angka, titik, garis; paling banyak 64.",
        title=text_fault(given.title, 200),
        unit="" if unit_id is not None else "Pilih unit yang aktif.",
        superior=superior_fault,
        roles="" if set(given.roles) <= {role.value for role in Role} else "Pilih peran dari daftar.",
        on_behalf_of=text_fault(given.on_behalf_of, 200, is_required=False))
    if "code" not in faults and any(row.code == code and row.id != own_id for row in rows.values()):
        faults["code"] = "Kode ini sudah dipakai jabatan lain."
    refuse_if(faults)
    position.code, position.title, position.unit_id = code, given.title.strip(), unit_id or 0
    position.superior_id, position.roles = superior_id, ",".join(sorted(set(given.roles)))
    position.on_behalf_of, position.is_active = given.on_behalf_of.strip() or None, given.is_active


def _is_above(own_id: int, start: int, above: dict[int, int | None]) -> bool:
    """Whether climbing from ``start`` meets ``own_id``: the change would close a circle."""
    current: int | None = start
    while current is not None:
        if current == own_id:
            return True
        current = above[current]
    return False
