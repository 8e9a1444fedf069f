"""Passkeys (W3C WebAuthn level 3): set up on the account page, touched at signing.

Who adds or removes one types the account's password first, so that a screen left open gives nobody a key. Without
the password there is no challenge for a registration, and without that challenge no registration.

The challenge is random and travels sealed through the browser, bound to person and purpose (for signing: to the
hash of the document shown). It lives five minutes. For signing it is good for once, whichever passkey answers: an
answer counts only if its challenge was made after the last use of any of the person's passkeys. User verification (PIN
or biometrics) is required.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

import webauthn
from sqlalchemy import select
from sqlalchemy.orm import Session
from webauthn.helpers import bytes_to_base64url, options_to_json, parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from certs.errors import VaultError
from certs.vault import open_secret, seal_secret
from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict, InvalidInput, NotFound
from svc.models import Passkey, Person
from svc.services.accounts import confirm_password
from svc.services.audit_log import AuditActor, record_stream

STREAM = "accounts"
LIFE = timedelta(minutes=5)
MOST = 10
_LONGEST_NAME = 80
_LONGEST_ANSWER = 16 * 1024
# What the library raises for answers of any shape; one that is nested too deep ends in the last.
_UNREAD = (WebAuthnException, ValueError, TypeError, LookupError, AttributeError, RecursionError)
_NOT_READ = "Kunci sandi (passkey) tidak dapat dibaca. Ulangi pendaftarannya."


@dataclass(frozen=True)
class Ceremony:
    """What the browser needs: ``options`` (JSON for the WebAuthn call), and the sealed challenge to send back."""

    options: str
    challenge: str = field(repr=False)


@dataclass(frozen=True)
class PasskeyView:
    public_id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None


def can_be_made(deps: Deps) -> bool:
    """Whether browsers make any for this service: not for a bare IP address (Web Authentication asks for a domain)."""
    try:
        ip_address(_host(deps))
    except ValueError:
        return True
    return False


def list_own(deps: Deps, actor: Actor) -> tuple[PasskeyView, ...]:
    """The actor's passkeys, oldest first."""
    with deps.db.read_session() as session:
        return tuple(PasskeyView(row.public_id, row.name, row.created_at, row.last_used_at)
                     for row in _of(session, actor.person_id))


def begin_registration(deps: Deps, actor: Actor, password: str) -> Ceremony:
    """Options for making a passkey.

    :raises InvalidInput: the account's password is wrong. :raises Conflict: there are as many as one may have
    """
    confirm_password(deps, actor, password)
    with deps.db.read_session() as session:
        known = _of(session, actor.person_id)
        username = session.get_one(Person, actor.person_id).username
    if len(known) >= MOST:
        raise Conflict("Jumlah kunci sandi (passkey) Anda sudah mencapai batas. Hapus salah satunya dahulu.")
    challenge = secrets.token_bytes(32)
    options = webauthn.generate_registration_options(
        rp_id=_host(deps), rp_name=f"Paraf {deps.settings.province}", user_name=username,
        user_id=actor.person_public_id.encode(), user_display_name=actor.name, challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.REQUIRED),
        exclude_credentials=_descriptors(known))
    return Ceremony(options_to_json(options), _seal(deps, challenge, _registration(actor)))


def finish_registration(deps: Deps, actor: Actor, challenge: str, answer: str, name: str) -> str:
    """Keep a passkey that the browser made; returns its public id.

    :raises InvalidInput: no name, too late, or the answer does not fit the challenge
    :raises Conflict: this passkey is known already
    """
    label = " ".join(name.split())[:_LONGEST_NAME]
    if not label:
        raise InvalidInput(fields={"name": "Beri nama kunci sandi ini, misalnya nama perangkatnya."})
    opened = _open(deps, challenge, _registration(actor))
    if opened is None or len(answer) > _LONGEST_ANSWER:
        raise InvalidInput(_NOT_READ)
    try:
        verified = webauthn.verify_registration_response(
            credential=answer, expected_challenge=opened[0], expected_rp_id=_host(deps),
            expected_origin=_origin(deps), require_user_verification=True)
        given = json.loads(answer)
    except _UNREAD as error:
        raise InvalidInput(_NOT_READ) from error
    told = given.get("response", {}).get("transports") if isinstance(given, dict) else None
    transports = told if isinstance(told, list) else []  # nobody signs them
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        identifier = bytes_to_base64url(verified.credential_id)
        if session.scalar(select(Passkey.id).where(Passkey.credential_id == identifier)) is not None:
            raise Conflict("Kunci sandi (passkey) ini sudah terdaftar.")
        row = Passkey(
            person_id=actor.person_id, name=label, credential_id=identifier,
            public_key=verified.credential_public_key, sign_count=verified.sign_count,
            transports=[str(one)[:20] for one in transports][:8], created_at=now)
        session.add(row)
        session.flush()
        record_stream(session, STREAM, "passkey_added", AuditActor.of(actor), now, {"passkey": row.public_id})
        return row.public_id


def remove(deps: Deps, actor: Actor, passkey_id: str, password: str) -> None:
    """Forget one of the actor's passkeys.

    :raises InvalidInput: the account's password is wrong. :raises NotFound: not his
    """
    confirm_password(deps, actor, password)
    with deps.db.unit_of_work() as session:
        row = session.scalars(select(Passkey).where(
            Passkey.public_id == passkey_id, Passkey.person_id == actor.person_id)).one_or_none()
        if row is None:
            raise NotFound
        session.delete(row)
        record_stream(session, STREAM, "passkey_removed", AuditActor.of(actor), deps.clock.now(),
                      {"passkey": passkey_id})


def begin_signing(deps: Deps, actor: Actor, document_sha256: str) -> Ceremony:
    """Options for touching a passkey for one document. :raises Conflict: the actor has none"""
    with deps.db.read_session() as session:
        known = _of(session, actor.person_id)
    if not known:
        raise Conflict("Anda belum mendaftarkan kunci sandi (passkey).")
    challenge = secrets.token_bytes(32)
    options = webauthn.generate_authentication_options(
        rp_id=_host(deps), challenge=challenge, allow_credentials=_descriptors(known),
        user_verification=UserVerificationRequirement.REQUIRED)
    return Ceremony(options_to_json(options), _seal(deps, challenge, _signing(actor, document_sha256)))


def accept(session: Session, deps: Deps, actor: Actor, challenge: str, answer: str, document_sha256: str) -> bool:
    """Whether this is a fresh touch of one of the actor's passkeys for this document; uses the challenge up."""
    opened = _open(deps, challenge, _signing(actor, document_sha256))
    if opened is None or len(answer) > _LONGEST_ANSWER:
        return False
    try:
        parsed = parse_authentication_credential_json(answer)
    except _UNREAD:
        return False
    own = session.scalars(  # all of them locked: two that answer one challenge at once are one after the other
        select(Passkey).where(Passkey.person_id == actor.person_id).order_by(Passkey.id).with_for_update()).all()
    row = next((one for one in own if one.credential_id == bytes_to_base64url(parsed.raw_id)), None)
    if row is None or any(one.last_used_at is not None and opened[1] <= one.last_used_at for one in own):
        return False
    try:
        verified = webauthn.verify_authentication_response(
            credential=parsed, expected_challenge=opened[0], expected_rp_id=_host(deps),
            expected_origin=_origin(deps), credential_public_key=row.public_key,
            credential_current_sign_count=row.sign_count, require_user_verification=True)
    except _UNREAD:
        return False
    row.sign_count, row.last_used_at = verified.new_sign_count, deps.clock.now()
    return True


def _of(session: Session, person_id: int) -> list[Passkey]:
    return list(session.scalars(select(Passkey).where(Passkey.person_id == person_id).order_by(Passkey.id)))


def _descriptors(rows: list[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=webauthn.base64url_to_bytes(row.credential_id)) for row in rows]


def _host(deps: Deps) -> str:
    return urlsplit(deps.settings.base_url).hostname or "localhost"


def _origin(deps: Deps) -> str:
    parts = urlsplit(deps.settings.base_url)
    return f"{parts.scheme}://{parts.netloc}"


def _registration(actor: Actor) -> str:
    return f"passkey-registration:{actor.person_public_id}"


def _signing(actor: Actor, document_sha256: str) -> str:
    return f"passkey-signing:{actor.person_public_id}:{document_sha256}"


def _seal(deps: Deps, challenge: bytes, purpose: str) -> str:
    moment = int(deps.clock.now().timestamp() * 1_000_000)
    return base64.urlsafe_b64encode(
        seal_secret(moment.to_bytes(8, "big") + challenge, deps.server_key, purpose)).decode()


def _open(deps: Deps, sealed: str, purpose: str) -> tuple[bytes, datetime] | None:
    """The challenge and when it was made; None if it is another's, for something else, or too old."""
    try:
        plain = open_secret(base64.urlsafe_b64decode(sealed), deps.server_key, purpose)
    except (VaultError, binascii.Error, ValueError):
        return None
    made_at = datetime.fromtimestamp(int.from_bytes(plain[:8], "big") / 1_000_000, UTC)
    return (plain[8:], made_at) if made_at <= deps.clock.now() < made_at + LIFE else None
