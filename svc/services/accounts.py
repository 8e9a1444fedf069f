"""Accounts: logging in, the actor behind a session, passwords, one-time activation links.

Nothing here tells whether an account exists: every refusal of a login has the same words and does the same
work.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import AppError, InvalidInput, NotAuthenticated, NotFound
from svc.models import Person
from svc.roles import Role
from svc.services import activation, mail_address, second_factor
from svc.services.actor_query import load_person_with_positions
from svc.services.audit_log import AuditActor, record_stream
from svc.services.outbox import notify
from svc.services.passwords import (
    ensure_good,
    hash_password,
    is_right,
    needs_rehash,
    waste_time,
)

LOCALES = ("id", "en")
PAUSE = timedelta(minutes=15)
_STREAM = second_factor.ACCOUNTS_STREAM


class LoginRefused(AppError):
    """Wrong name or password, paused, or inactive: which of them is not told."""

    code, status = "login_refused", 401
    message: ClassVar[str] = (
        "Nama pengguna atau kata sandi salah. Setelah beberapa kali salah, akun dijeda 15 menit.")


class SecondFactorRequired(AppError):
    """The password was right; now the code. Carries who it is for the second step."""

    code, status = "second_factor_required", 401
    message: ClassVar[str] = "Ketik kode dari aplikasi autentikator Anda."

    def __init__(self, person_public_id: str) -> None:
        super().__init__()
        self.person_public_id = person_public_id


class CodeRefused(AppError):
    code, status = "code_refused", 401
    message: ClassVar[str] = "Kode tidak cocok atau sudah dipakai. Tunggu kode berikutnya, lalu coba lagi."


@dataclass(frozen=True)
class SignedIn:
    """A person at the screen and the state of his account."""

    actor: Actor
    username: str
    email: str
    has_totp: bool
    needs_totp_enrolment: bool


def authenticate(deps: Deps, username: str, password: str, totp: str = "") -> str:
    """Check a login and return the session id (``<public id>:<epoch>``).

    :raises LoginRefused: whatever the cause
    :raises SecondFactorRequired: the password is right, the account has a second factor, no code was given
    :raises CodeRefused: the code is wrong or was used before
    """
    now = deps.clock.now()
    with deps.db.read_session() as session:
        person = session.scalars(select(Person).where(_is_named(username))).one_or_none()
    if person is None or not _may_try(person, now):
        waste_time(password)
        _record_failure(deps)
        raise LoginRefused
    # Checked outside the transaction: 64 MiB and a tenth of a second are no reason to hold others up.
    if not is_right(person.password_hash, password):
        _count_failure(deps, person.public_id)
        raise LoginRefused
    if person.totp_secret is not None and not totp:
        raise SecondFactorRequired(person.public_id)
    rehashed = hash_password(password) if needs_rehash(person.password_hash) else ""
    return _admit(deps, person.public_id, totp, rehashed)


def authenticate_second(deps: Deps, person_public_id: str, totp: str) -> str:
    """The second step after :class:`SecondFactorRequired`; returns the session id.

    :raises CodeRefused: wrong or used before
    :raises LoginRefused: paused or inactive meanwhile
    """
    return _admit(deps, person_public_id, totp, "")


def resume(deps: Deps, session_id: str, acting_position_public_id: str | None) -> SignedIn:
    """The person behind a session id, in one statement.

    :raises NotAuthenticated: no such person, inactive, or the session was ended elsewhere
    """
    public_id, _, epoch = session_id.rpartition(":")
    found = load_person_with_positions(deps, acting_position_public_id, public_id=public_id)
    if not found.is_active or str(found.session_epoch) != epoch:
        raise NotAuthenticated
    must = deps.settings.require_totp and bool(found.actor.roles & {Role.OFFICIAL, Role.SIGNER})
    return SignedIn(found.actor, found.username, found.email, found.has_totp, must and not found.has_totp)


def load_actor(deps: Deps, person_public_id: str, acting_position_public_id: str | None = None) -> Actor:
    """The person with the positions held today in the province's zone.

    :raises NotAuthenticated: no such person, or inactive
    """
    found = load_person_with_positions(deps, acting_position_public_id, public_id=person_public_id)
    if not found.is_active:
        raise NotAuthenticated
    return found.actor


def load_actor_by_username(deps: Deps, username: str) -> Actor:
    """As :func:`load_actor`, for the command line and the demo."""
    found = load_person_with_positions(deps, None, username=username)
    if not found.is_active:
        raise NotAuthenticated
    return found.actor


def change_password(deps: Deps, actor: Actor, old: str, new: str, repeated: str) -> str:
    """Set a new password; all other sessions end. Returns the session id to go on with.

    :raises InvalidInput: the old one is wrong, the new one unfit, or the two do not agree
    """
    username = _prove_password(deps, actor, old, "old", "Kata sandi sekarang salah.")
    _ensure_new(new, repeated, username)
    return _set_password(deps, actor.person_public_id, new, AuditActor.of(actor), "password_changed")


def confirm_password(deps: Deps, actor: Actor, password: str) -> None:
    """Make sure that the person himself is at the screen, before what a borrowed session must not do.

    A wrong password counts as one does at logging in. :raises InvalidInput: it is wrong, or the account is paused
    """
    wrong = "Kata sandi akun salah, atau akun sedang dijeda."
    _prove_password(deps, actor, password, "password", wrong)


def enrol_second_factor(deps: Deps, actor: Actor, password: str, secret: str, code: str) -> str:
    """:func:`svc.services.second_factor.confirm_enrolment` for who types the account's password: a screen left open
    must not put somebody else's telephone between the person and the account.

    :raises InvalidInput: the password or the code is wrong. :raises Conflict: there is a second factor already
    """
    confirm_password(deps, actor, password)
    return second_factor.confirm_enrolment(deps, actor, secret, code)


def activate(deps: Deps, token: str, new: str, repeated: str) -> str:
    """Set the password by a one-time link; returns the session id.

    :raises NotFound: the link is unknown, used or too old
    :raises InvalidInput: the password is unfit
    """
    with deps.db.read_session() as session:
        person = activation.person_of(deps, session, token)
    _ensure_new(new, repeated, person.username)
    by = AuditActor(person.id, person.name)
    return _set_password(deps, person.public_id, new, by, "account_activated", token)


def activation_username(deps: Deps, token: str) -> str:
    """Whose link it is, for the page's heading. :raises NotFound: unknown, used or too old"""
    with deps.db.read_session() as session:
        return activation.person_of(deps, session, token).username


def set_locale(deps: Deps, actor: Actor, locale: str) -> None:
    """Remember the language. :raises InvalidInput: not one of ours"""
    if locale not in LOCALES:
        raise InvalidInput(fields={"locale": "Pilih bahasa dari daftar."})
    with deps.db.unit_of_work() as session:
        _person(session, actor.person_public_id).locale = locale


def change_email(deps: Deps, actor: Actor, email: str) -> None:
    """Change one's own address for notices. :raises InvalidInput: no address, or somebody else's"""
    cleaned = email.strip()
    if fault := mail_address.address_fault(cleaned):
        raise InvalidInput(fields={"email": fault})
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        if mail_address.is_taken(session, cleaned, actor.person_id):
            raise InvalidInput(fields={"email": mail_address.TAKEN})
        _person(session, actor.person_public_id).email = cleaned
        record_stream(session, _STREAM, "email_changed", AuditActor.of(actor), now,
                      {"person": actor.person_public_id})


def end_all_sessions(deps: Deps, actor: Actor) -> str:
    """Log out everywhere; returns the session id to go on with here."""
    return _next_epoch(deps, actor, "sessions_ended")


def log_out(deps: Deps, actor: Actor) -> None:
    """End the person's sessions, on all devices: a copied cookie must open nothing after a logout, and only
    the person's epoch tells the server which cookies still hold."""
    _next_epoch(deps, actor, "logged_out")


# ---- within


def _prove_password(deps: Deps, actor: Actor, password: str, field: str, wrong: str) -> str:
    """The user name of the person whose password it is."""
    with deps.db.read_session() as session:
        person = _person(session, actor.person_public_id)
    if not _may_try(person, deps.clock.now()) or not is_right(person.password_hash, password):
        _count_failure(deps, person.public_id)
        raise InvalidInput(wrong, fields={field: wrong})
    return person.username


def _next_epoch(deps: Deps, actor: Actor, event: str) -> str:
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        person = _locked(session, actor.person_public_id)
        person.session_epoch += 1
        record_stream(session, _STREAM, event, AuditActor.of(actor), now, {"person": person.public_id})
        return _session_id(person)


def _is_named(typed: str) -> ColumnElement[bool]:
    """By user name, or by NIP as it stands on one's papers (with spaces)."""
    digits = "".join(typed.split())
    if len(digits) == 18 and digits.isascii() and digits.isdigit():
        return Person.nip == digits
    return Person.username == typed.strip().casefold()


def _may_try(person: Person, now: datetime) -> bool:
    return person.is_active and (person.locked_until is None or person.locked_until <= now)


def _count_failure(deps: Deps, public_id: str) -> None:
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        person = _locked(session, public_id)
        record_stream(session, _STREAM, "login_failed", AuditActor.system(), now, {"person": public_id})
        person.failed_logins += 1
        if person.failed_logins < deps.settings.login_attempts:
            return
        person.failed_logins, person.locked_until = 0, now + PAUSE
        record_stream(session, _STREAM, "login_paused", AuditActor.system(), now, {"person": public_id})
        notify(session, person.id,
               "Akun Anda dijeda 15 menit karena kata sandi atau kode salah berulang kali.", now)


def _record_failure(deps: Deps) -> None:
    """A failure of nobody's account costs a transaction too, as one of somebody's does. What was typed is not
    kept, since people type passwords into the wrong field."""
    with deps.db.unit_of_work() as session:
        record_stream(session, _STREAM, "login_failed", AuditActor.system(), deps.clock.now(), {"person": None})


def _admit(deps: Deps, public_id: str, totp: str, rehashed: str) -> str:
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        person = _locked(session, public_id)
        if not _may_try(person, now):
            raise LoginRefused
        is_admitted = person.totp_secret is None or second_factor.accept_code(deps, person, totp)
        if is_admitted:
            person.failed_logins, person.locked_until = 0, None
            if rehashed:
                person.password_hash = rehashed
            record_stream(session, _STREAM, "logged_in", AuditActor(person.id, person.name), now,
                          {"person": public_id})
            return _session_id(person)
    _count_failure(deps, public_id)
    raise CodeRefused


def _ensure_new(new: str, repeated: str, username: str) -> None:
    ensure_good(new, username, "new")
    if new != repeated:
        raise InvalidInput(fields={"repeated": "Kedua kata sandi tidak sama."})


def _set_password(deps: Deps, public_id: str, new: str, by: AuditActor, event: str, token: str = "") -> str:
    hashed = hash_password(new)
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        person = _locked(session, public_id)
        if token:
            activation.ensure_fits(deps, token, person)  # somebody may have used the link meanwhile
        person.password_hash = hashed
        person.failed_logins, person.locked_until = 0, None
        person.session_epoch += 1
        record_stream(session, _STREAM, event, by, now, {"person": public_id})
        return _session_id(person)


def _session_id(person: Person) -> str:
    return f"{person.public_id}:{person.session_epoch}"


def _person(session: Session, public_id: str) -> Person:
    person = session.scalars(select(Person).where(Person.public_id == public_id)).one_or_none()
    if person is None:
        raise NotFound
    return person


def _locked(session: Session, public_id: str) -> Person:
    person = session.scalars(
        select(Person).where(Person.public_id == public_id).with_for_update()).one_or_none()
    if person is None:
        raise NotFound
    return person
