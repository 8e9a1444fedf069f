"""A person with the positions held today, in one statement: it runs before every page."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Row, Select, and_, select
from sqlalchemy.orm import aliased

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
    climb = _climb()
    statement = (
        _columns(climb).select_from(Person)
        .outerjoin(Holding, and_(Holding.person_id == Person.id, held_on(today)))
        .outerjoin(Position, and_(Position.id == Holding.position_id, Position.is_active))
        .outerjoin(Unit, Unit.id == Position.unit_id)
        .outerjoin(climb, climb.c.start_id == Unit.id)
        .where(whom))
    with deps.db.read_session() as session:
        rows = session.execute(statement).all()
    if not rows:
        raise NotAuthenticated
    first = rows[0]
    held = _held(rows)
    acting = next((one for one in held if one.position_public_id == acting_position_public_id),
                  held[0] if held else None)
    actor = Actor(first.person_id, first.person_public_id, first.name, first.locale, held, acting)
    return FoundPerson(actor, first.username, first.email, first.is_active, first.session_epoch,
                       first.totp_last_step is not None)


def _climb():  # type: ignore[no-untyped-def]
    """From every unit up to the root: (start, the unit there, its code, its parent, steps up)."""
    base = select(Unit.id.label("start_id"), Unit.id.label("unit_id"), Unit.code, Unit.parent_id,
                  Unit.id.label("steps") * 0).cte("climb", recursive=True)
    return base
