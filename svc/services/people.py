"""Persons and their accounts, as the administrator keeps them. Passwords are always set by the person himself."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict, NotFound
from svc.models import Holding, Person, Position, Unit
from svc.roles import Role
from svc.services import activation, second_factor
from svc.services.administration import (
    STREAM,
    collect,
    ensure_admin_remains,
    record,
    refuse_if,
    text_fault,
    today,
)
from svc.services.audit_log import AuditActor, record_stream
from svc.services.mail_address import TAKEN, address_fault, is_taken
from svc.services.passwords import ensure_good, hash_password, unknown_hash

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{2,79}")
_NIP = re.compile(r"\d{18}")


@dataclass(frozen=True)
class PersonInput:
    """What the form of a person says; empty texts mean nothing given."""

    name: str
    username: str
    email: str
    nip: str = ""
    rank: str = ""
    is_active: bool = True

    def cleaned(self) -> PersonInput:
        """Without blanks around, the user name in lower case, the NIP without spaces."""
        return replace(self, name=" ".join(self.name.split()), username=self.username.strip().casefold(),
                       email=self.email.strip(), nip="".join(self.nip.split()), rank=self.rank.strip())


@dataclass(frozen=True)
class NewPerson:
    """A created person and the one-time token by which he sets his password."""

    public_id: str
    activation_token: str


def create_person(deps: Deps, actor: Actor, given: PersonInput) -> NewPerson:
    """Add a person with an account. :raises InvalidInput: with a message per field"""
    wanted = given.cleaned()
    with deps.db.unit_of_work() as session:
        _ensure_fit(session, wanted, None)
        person = Person(
            name=wanted.name, username=wanted.username, email=wanted.email, nip=wanted.nip or None,
            rank=wanted.rank or None, password_hash=unknown_hash(), created_at=deps.clock.now())
        session.add(person)
        session.flush()
        record(session, deps, actor, "person_created", {"person": person.public_id, "username": person.username})
        return NewPerson(person.public_id, activation.issue(deps, person))


def update_person(deps: Deps, actor: Actor, public_id: str, given: PersonInput) -> None:
    """Change a person; making him inactive ends his sessions.

    :raises InvalidInput: with a message per field
    :raises LastAdministrator: he is the last who could administer
    :raises NotFound: no such person
    """
    wanted = given.cleaned()
    with deps.db.unit_of_work() as session:
        person = locked_person(session, public_id)
        _ensure_fit(session, wanted, person.id)
        before = (person.name, person.username, person.email, person.nip, person.rank, person.is_active)
        after = (wanted.name, wanted.username, wanted.email, wanted.nip or None, wanted.rank or None,
                 wanted.is_active)
        names = ("name", "username", "email", "nip", "rank", "is_active")
        changed = [name for name, old, new in zip(names, before, after, strict=True) if old != new]
        if not changed:
            return
        (person.name, person.username, person.email, person.nip, person.rank, person.is_active) = after
        if "is_active" in changed:
            person.session_epoch += 1
            ensure_admin_remains(session, today(deps))
        record(session, deps, actor, "person_changed",
               {"person": public_id, "fields": changed, "is_active": person.is_active})


def reset_password(deps: Deps, actor: Actor, public_id: str) -> str:
    """Make the present password useless, end all sessions and return a new one-time token.

    :raises NotFound: no such person
    """
    with deps.db.unit_of_work() as session:
        person = locked_person(session, public_id)
        person.password_hash = unknown_hash()
        person.failed_logins, person.locked_until = 0, None
        person.session_epoch += 1
        record(session, deps, actor, "password_reset", {"person": public_id})
        return activation.issue(deps, person)


def reset_second_factor(deps: Deps, actor: Actor, public_id: str) -> None:
    """Remove a lost second factor; the person sets up a new one after logging in.

    :raises NotFound: no such person
    """
    with deps.db.unit_of_work() as session:
        person = locked_person(session, public_id)
        second_factor.remove(person)
        record(session, deps, actor, "second_factor_reset", {"person": public_id})


def unlock_login(deps: Deps, actor: Actor, public_id: str) -> None:
    """End the pause after wrong passwords. :raises NotFound: no such person"""
    with deps.db.unit_of_work() as session:
        person = locked_person(session, public_id)
        person.failed_logins, person.locked_until = 0, None
        record(session, deps, actor, "login_unlocked", {"person": public_id})


def create_first_admin(deps: Deps, username: str, name: str, email: str, password: str) -> None:
    """Create the first administrator, with a unit and a position where there are none.

    :raises Conflict: there is an administrator already; he adds others
    :raises InvalidInput: a field or the password is unfit
    """
    wanted = PersonInput(name, username, email).cleaned()
    ensure_good(password, wanted.username)
    hashed, now, day = hash_password(password), deps.clock.now(), today(deps)
    with deps.db.unit_of_work() as session:
        if session.scalar(select(Position.id).where(Position.roles.contains(Role.ADMIN.value)).limit(1)):
            raise Conflict("Administrator sudah ada; ia dapat menambah yang lain pada halaman Administrasi.")
        _ensure_fit(session, wanted, None)
        root = session.scalars(select(Unit).where(Unit.parent_id.is_(None)).limit(1)).one_or_none()
        if root is None:
            root = Unit(code="PROV", name=f"Provinsi {deps.settings.province}")
            session.add(root)
            session.flush()
        position = Position(code="ADMIN", title="Administrator Layanan", unit_id=root.id, roles=Role.ADMIN.value)
        person = Person(name=wanted.name, username=wanted.username, email=wanted.email, password_hash=hashed,
                        created_at=now)
        session.add_all((position, person))
        session.flush()
        session.add(Holding(person_id=person.id, position_id=position.id, valid_from=day))
        record_stream(session, STREAM, "first_administrator_created", AuditActor.system(), now,
                      {"person": person.public_id})


def locked_person(session: Session, public_id: str) -> Person:
    """The row, locked. :raises NotFound: no such person"""
    person = session.scalars(
        select(Person).where(Person.public_id == public_id).with_for_update()).one_or_none()
    if person is None:
        raise NotFound
    return person


def _ensure_fit(session: Session, wanted: PersonInput, own_id: int | None) -> None:
    faults = collect(
        name=text_fault(wanted.name, 200),
        username="" if _USERNAME.fullmatch(wanted.username) and not _NIP.fullmatch(wanted.username)
        else "Huruf kecil, angka, titik, garis; paling sedikit 3 karakter, bukan 18 angka.",
        email=address_fault(wanted.email),
        nip="" if not wanted.nip or _NIP.fullmatch(wanted.nip) else "NIP terdiri atas 18 angka.",
        rank=text_fault(wanted.rank, 80, is_required=False))
    taken = {
        "username": (Person.username == wanted.username, "Nama pengguna ini sudah dipakai."),
        "nip": (Person.nip == wanted.nip, "NIP ini sudah terdaftar pada orang lain."),
    }
    for field, (condition, message) in taken.items():
        if field in faults or (field == "nip" and not wanted.nip):
            continue
        other = session.scalar(select(Person.id).where(condition, Person.id != (own_id or 0)).limit(1))
        if other is not None:
            faults[field] = message
    if "email" not in faults and is_taken(session, wanted.email, own_id):
        faults["email"] = TAKEN
    refuse_if(faults)
