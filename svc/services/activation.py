"""One-time links by which a person sets his own password, so that nobody else ever knows it.

A token says for whom, until when, and at which session epoch; an HMAC under a key derived from the server key
seals it. Setting the password moves the epoch on, which makes the token worthless: used once, without a table.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.deps import Deps
from svc.errors import NotFound
from svc.models import Person

VALID_FOR = timedelta(hours=72)


class LinkUnusable(NotFound):
    code = "link_unusable"
    message = "Tautan ini sudah dipakai atau kedaluwarsa. Minta tautan baru kepada administrator."


def issue(deps: Deps, person: Person) -> str:
    """A token for this person, good for 72 hours and one use."""
    until = int((deps.clock.now() + VALID_FOR).timestamp())
    body = json.dumps([person.public_id, until, person.session_epoch], separators=(",", ":")).encode()
    return f"{_encode(body)}.{_encode(_seal(deps, body))}"


def person_of(deps: Deps, session: Session, token: str) -> Person:
    """The active person that a token belongs to. :raises LinkUnusable: unknown, used or too old"""
    public_id = _read(deps, token)[0]
    person = session.scalars(select(Person).where(Person.public_id == public_id)).one_or_none()
    if person is None:
        raise LinkUnusable
    ensure_fits(deps, token, person)
    return person


def ensure_fits(deps: Deps, token: str, person: Person) -> None:
    """:raises LinkUnusable: the token is not this person's, or was used"""
    public_id, epoch = _read(deps, token)
    if public_id != person.public_id or epoch != person.session_epoch or not person.is_active:
        raise LinkUnusable


def _read(deps: Deps, token: str) -> tuple[str, int]:
    try:
        body, seal = (_decode(part) for part in token.split("."))
        if not hmac.compare_digest(seal, _seal(deps, body)):
            raise LinkUnusable
        public_id, until, epoch = json.loads(body)
    except (ValueError, binascii.Error) as error:
        raise LinkUnusable from error
    if datetime.fromtimestamp(until, UTC) < deps.clock.now():
        raise LinkUnusable
    return str(public_id), int(epoch)


def _seal(deps: Deps, body: bytes) -> bytes:
    key = hmac.digest(deps.server_key, b"paraf activation link", hashlib.sha256)
    return hmac.digest(key, body, hashlib.sha256)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
