"""The second factor: time-based one-time passwords (RFC 6238), sealed at rest and accepted once."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime

import pyotp
from sqlalchemy import select
from sqlalchemy.orm import Session

from certs.errors import VaultError
from certs.vault import open_secret, seal_secret
from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict, InvalidInput, NotFound
from svc.models import Person
from svc.services.audit_log import AuditActor, record_stream

ACCOUNTS_STREAM = "accounts"
_STEP_SECONDS = 30
_WINDOW = 1  # steps before and after: clocks of phones differ, people type slowly


@dataclass(frozen=True)
class Enrolment:
    """What an authenticator app needs: the secret in base32 and the ``otpauth://`` address for the QR code.

    ``sealed`` is the secret as a browser may keep it until the first code is typed: only this service reads it.
    """

    secret: str
    uri: str
    sealed: str


def totp_purpose(person_public_id: str) -> str:
    """To what a sealed seed is bound (``certs.vault``); also needed to rotate the server key."""
    return f"totp:{person_public_id}"


def begin_enrolment(deps: Deps, username: str) -> Enrolment:
    """A fresh secret to show; nothing is stored until :func:`confirm_enrolment`."""
    secret = pyotp.random_base32()
    sealed = seal_secret(secret.encode(), deps.server_key, _enrolment_purpose(username))
    return _enrolment(deps, username, secret, base64.urlsafe_b64encode(sealed).decode())


def resume_enrolment(deps: Deps, username: str, sealed: str) -> Enrolment:
    """The enrolment that was begun before, from its sealed secret.

    :raises NotFound: not this person's, altered, or of an earlier server key; begin anew
    """
    try:
        secret = open_secret(base64.urlsafe_b64decode(sealed), deps.server_key, _enrolment_purpose(username))
    except (ValueError, VaultError) as error:
        raise NotFound from error
    return _enrolment(deps, username, secret.decode(), sealed)


def _enrolment_purpose(username: str) -> str:
    return f"totp-enrolment:{username}"


def _enrolment(deps: Deps, username: str, secret: str, sealed: str) -> Enrolment:
    issuer = f"Paraf {deps.settings.province}"
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=issuer), sealed)


def confirm_enrolment(deps: Deps, actor: Actor, secret: str, code: str) -> str:
    """Store the secret once its first code was typed right; returns the session id to go on with.

    :raises InvalidInput: the code does not fit
    :raises Conflict: there is a second factor already; an administrator resets it
    """
    now = deps.clock.now()
    step = _matching_step(secret, code, now, last_step=None)
    if step is None:
        raise InvalidInput(fields={"code": "Kode tidak cocok. Periksa jam ponsel Anda, lalu ketik kode yang baru."})
    with deps.db.unit_of_work() as session:
        person = _locked(session, actor.person_public_id)
        if person.totp_secret is not None:
            raise Conflict("Verifikasi dua langkah sudah aktif. Administrator dapat menyetel ulangnya.")
        sealed = seal_secret(secret.encode(), deps.server_key, totp_purpose(person.public_id))
        person.totp_secret, person.totp_last_step = sealed, step
        person.session_epoch += 1
        record_stream(session, ACCOUNTS_STREAM, "second_factor_enabled", AuditActor.of(actor), now,
                      {"person": person.public_id})
        return f"{person.public_id}:{person.session_epoch}"


def accept_code(deps: Deps, person: Person, code: str) -> bool:
    """Whether the code is right now and was not used before; remembers it on the row.

    Call it in a unit of work that holds the person's row; ``person.totp_secret`` must be set.
    """
    if person.totp_secret is None:
        return False
    secret = open_secret(person.totp_secret, deps.server_key, totp_purpose(person.public_id)).decode()
    step = _matching_step(secret, code, deps.clock.now(), person.totp_last_step)
    if step is None:
        return False
    person.totp_last_step = step
    return True


def is_spent(deps: Deps, person: Person, code: str) -> bool:
    """Whether the code would be right, had it not been used already; nothing is remembered."""
    if person.totp_secret is None or person.totp_last_step is None:
        return False
    secret = open_secret(person.totp_secret, deps.server_key, totp_purpose(person.public_id)).decode()
    step = _matching_step(secret, code, deps.clock.now(), last_step=None)
    return step is not None and step <= person.totp_last_step


def remove(person: Person) -> None:
    """Forget the second factor and end the person's sessions (after a lost phone)."""
    person.totp_secret, person.totp_last_step = None, None
    person.session_epoch += 1


def _matching_step(secret: str, code: str, now: datetime, last_step: int | None) -> int | None:
    """The time step that the code belongs to, if it is near and later than the last one accepted."""
    digits = "".join(code.split())
    if len(digits) != 6 or not digits.isascii() or not digits.isdigit():
        return None
    totp = pyotp.TOTP(secret)
    current = int(now.timestamp()) // _STEP_SECONDS
    for step in range(current - _WINDOW, current + _WINDOW + 1):
        if (last_step is None or step > last_step) and pyotp.utils.strings_equal(
                totp.generate_otp(step), digits):
            return step
    return None


def _locked(session: Session, public_id: str) -> Person:
    person = session.scalars(
        select(Person).where(Person.public_id == public_id).with_for_update()).one_or_none()
    if person is None:
        raise NotFound
    return person
