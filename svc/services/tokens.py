"""Bearer tokens for the API: shown once, kept as SHA-256, with scopes, expiry and revocation."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import AppError, InvalidInput, NotFound
from svc.models import ApiToken
from svc.services.audit_log import AuditActor, record_stream

SCOPES = ("metrics:read",)
_PREFIX = "paraf_"
_STREAM = "administration"
_MAX_DAYS = 366
# Writing the time of last use at every call would make each read a write.
_TOUCH_EVERY = timedelta(minutes=10)


class InvalidToken(AppError):
    code, status = "invalid_token", 401
    message = "Token API tidak dikenal, kedaluwarsa, atau telah dicabut."


class ScopeMissing(AppError):
    code, status = "scope_missing", 403
    message = "Token API ini tidak memiliki lingkup %(scope)s."


@dataclass(frozen=True)
class TokenView:
    """A token as lists show it; never the secret."""

    public_id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


def create(deps: Deps, actor: Actor, name: str, scopes: tuple[str, ...], valid_days: int) -> str:
    """Make a token and return its secret, which is never shown again.

    :raises InvalidInput: no name, unknown scope, or a life outside 1…366 days.
    """
    faults = {}
    if not name.strip():
        faults["name"] = "Nama wajib diisi."
    if not scopes or set(scopes) - set(SCOPES):
        faults["scopes"] = "Pilih lingkup yang tersedia."
    if not 1 <= valid_days <= _MAX_DAYS:
        faults["valid_days"] = "Masa berlaku 1 sampai 366 hari."
    if faults:
        raise InvalidInput(fields=faults)
    secret = _PREFIX + secrets.token_urlsafe(32)
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        token = ApiToken(name=name.strip(), token_sha256=_digest(secret), scopes=",".join(sorted(scopes)),
                         created_by_id=actor.person_id, created_at=now,
                         expires_at=now + timedelta(days=valid_days))
        session.add(token)
        session.flush()
        record_stream(session, _STREAM, "token_created", AuditActor.of(actor), now,
                      {"token": token.public_id, "name": token.name, "scopes": token.scopes})
    return secret


def revoke(deps: Deps, actor: Actor, public_id: str) -> None:
    """End a token now. :raises NotFound: no such token."""
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        token = session.scalars(
            select(ApiToken).where(ApiToken.public_id == public_id).with_for_update()).one_or_none()
        if token is None:
            raise NotFound
        if token.revoked_at is None:
            token.revoked_at = now
            record_stream(session, _STREAM, "token_revoked", AuditActor.of(actor), now,
                          {"token": public_id})


def list_all(deps: Deps) -> tuple[TokenView, ...]:
    """All tokens, newest first."""
    with deps.db.read_session() as session:
        rows = session.scalars(select(ApiToken).order_by(ApiToken.id.desc()).limit(200))
        return tuple(
            TokenView(row.public_id, row.name, tuple(row.scopes.split(",")), row.created_at,
                      row.expires_at, row.last_used_at, row.revoked_at) for row in rows)


def authenticate(deps: Deps, secret: str, scope: str) -> str:
    """Return the token's public id. :raises InvalidToken: not good now. :raises ScopeMissing: not for this."""
    now = deps.clock.now()
    with deps.db.read_session() as session:
        token = session.scalars(select(ApiToken).where(ApiToken.token_sha256 == _digest(secret))).one_or_none()
    if token is None or token.revoked_at is not None or (token.expires_at and token.expires_at <= now):
        raise InvalidToken
    if scope not in token.scopes.split(","):
        raise ScopeMissing(params={"scope": scope})
    if token.last_used_at is None or now - token.last_used_at > _TOUCH_EVERY:
        with deps.db.unit_of_work() as session:
            session.execute(update(ApiToken).where(ApiToken.id == token.id).values(last_used_at=now))
    return token.public_id


def _digest(secret: str) -> str:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()
