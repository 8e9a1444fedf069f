"""Who holds which position from when to when, in which capacity, by which instrument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict, InvalidInput, NotFound
from svc.models import Holding, Person, Position
from svc.services.administration import collect, ensure_admin_remains, record, refuse_if, text_fault, today
from svc.services.batches.grants import HOLDING_ENDED, close_grants, end_grants
from svc.wording import write_date

CAPACITIES = ("definitive", "plt", "plh", "pj")
_ACTING = ("plt", "plh", "pj")


@dataclass(frozen=True)
class HoldingInput:
    """What the form says. ``position``: public id; ``valid_to`` inclusive, ``None`` until further notice."""

    position: str
    capacity: str
    valid_from: date | None
    valid_to: date | None = None
    instrument: str = ""


def create_holding(deps: Deps, actor: Actor, person_public_id: str, given: HoldingInput) -> str:
    """Give a person a position; returns the public id of the holding.

    A position has one definitive holder and one acting holder at a time; both together are possible (Plh.).

    :raises InvalidInput: with a message per field, overlapping windows under ``valid_from``
    :raises NotFound: no such person
    """
    with deps.db.unit_of_work() as session:
        person = session.scalars(select(Person).where(Person.public_id == person_public_id)).one_or_none()
        if person is None:
            raise NotFound
        # Two administrators at once: the second waits here and then sees the first one's holding.
        position = session.scalars(
            select(Position).where(Position.public_id == given.position, Position.is_active)
            .with_for_update()).one_or_none()
        start = _ensure_fit(given, position)
        if position is None:
            raise NotFound
        _ensure_free(session, person.id, position.id, given, start)
        holding = Holding(person_id=person.id, position_id=position.id, capacity=given.capacity, valid_from=start,
                          valid_to=given.valid_to, instrument=given.instrument.strip() or None)
        session.add(holding)
        session.flush()
        record(session, deps, actor, "holding_created", {
            "holding": holding.public_id, "person": person_public_id, "position": position.code,
            "capacity": given.capacity, "valid_from": start.isoformat(),
            "valid_to": given.valid_to.isoformat() if given.valid_to else None})
        return holding.public_id


def end_holding(deps: Deps, actor: Actor, holding_public_id: str, last_day: date | None) -> str:
    """Set the last day (inclusive); returns the public id of the person. A day that is past stops what he is signing.

    :raises InvalidInput: no day, or before the first one
    :raises LastAdministrator: nobody could administer from the day after
    :raises NotFound: no such holding
    """
    with deps.db.unit_of_work() as session:
        holding, person_id = _locked(session, holding_public_id)
        if last_day is None or last_day < holding.valid_from:
            raise InvalidInput(fields={"valid_to": "Hari terakhir tidak boleh sebelum hari pertama."})
        if holding.valid_to is not None and last_day > holding.valid_to:
            raise InvalidInput(fields={"valid_to": "Untuk memperpanjang, tetapkan jabatan ini sekali lagi."})
        holding.valid_to = last_day
        ensure_admin_remains(session, max(last_day + timedelta(days=1), today(deps)))
        record(session, deps, actor, "holding_ended",
               {"holding": holding_public_id, "person": person_id, "valid_to": last_day.isoformat()})
        is_over = last_day < today(deps)
        open_grants = (end_grants(session, HOLDING_ENDED, deps.clock.now(), person_id=holding.person_id)
                       if is_over else [])
    close_grants(deps, open_grants)
    return person_id


def cancel_holding(deps: Deps, actor: Actor, holding_public_id: str) -> str:
    """Take back a holding that has not begun; returns the public id of the person.

    :raises Conflict: it has begun: what was done under it must stay explicable, so end it instead
    :raises NotFound: no such holding
    """
    with deps.db.unit_of_work() as session:
        holding, person_id = _locked(session, holding_public_id)
        if holding.valid_from <= today(deps):
            raise Conflict("Jabatan ini sudah mulai dipegang. Akhiri dengan menetapkan hari terakhirnya.")
        session.delete(holding)
        record(session, deps, actor, "holding_cancelled", {"holding": holding_public_id, "person": person_id})
        return person_id


def _locked(session: Session, public_id: str) -> tuple[Holding, str]:
    row = session.execute(
        select(Holding, Person.public_id).join(Person, Person.id == Holding.person_id)
        .where(Holding.public_id == public_id).with_for_update(of=Holding)).one_or_none()
    if row is None:
        raise NotFound
    return row[0], row[1]


def _ensure_fit(given: HoldingInput, position: Position | None) -> date:
    needs_instrument = given.capacity in _ACTING
    faults = collect(
        position="" if position is not None else "Pilih jabatan dari daftar.",
        capacity="" if given.capacity in CAPACITIES else "Pilih kedudukan dari daftar.",
        instrument=text_fault(given.instrument, 200, is_required=needs_instrument),
        valid_from="" if given.valid_from else "Tanggal tidak dapat dibaca.",
        valid_to="Hari terakhir tidak boleh sebelum hari pertama."
        if given.valid_from and given.valid_to and given.valid_to < given.valid_from else "")
    refuse_if(faults)
    if given.valid_from is None:
        raise InvalidInput(fields={"valid_from": "Tanggal tidak dapat dibaca."})
    return given.valid_from


def _ensure_free(session: Session, person_id: int, position_id: int, given: HoldingInput, start: date) -> None:
    """Refuse a second holder of the same sort, and the same person twice, in overlapping windows."""
    overlaps = [Holding.position_id == position_id, or_(Holding.valid_to.is_(None), Holding.valid_to >= start)]
    if given.valid_to is not None:
        overlaps.append(Holding.valid_from <= given.valid_to)
    rows = session.execute(
        select(Holding, Person.name).join(Person, Person.id == Holding.person_id).where(*overlaps)).all()
    sort = ("definitive",) if given.capacity == "definitive" else _ACTING
    for holding, name in rows:
        if holding.person_id == person_id or holding.capacity in sort:
            last_day = write_date(holding.valid_to) if holding.valid_to else ""
            raise InvalidInput(fields={"valid_from": _taken(holding.person_id == person_id, bool(last_day))}, params={
                "name": name, "from": write_date(holding.valid_from), "to": last_day})


def _taken(is_same_person: bool, has_end: bool) -> str:
    if is_same_person:
        return ("Orang ini sudah memegang jabatan itu dari %(from)s sampai %(to)s." if has_end
                else "Orang ini sudah memegang jabatan itu sejak %(from)s.")
    if has_end:
        return ("Jabatan ini dipegang %(name)s dari %(from)s sampai %(to)s. "
                "Akhiri itu lebih dahulu, atau pilih tanggal lain.")
    return ("Jabatan ini dipegang %(name)s sejak %(from)s. "
            "Akhiri itu lebih dahulu, atau pilih kedudukan lain.")
