"""Opening a signer's key: the passphrase is counted before it is tried, delayed when wrong, locked at the limit.

Counting first is what makes it safe against many requests at once: each takes its try from the row while it
holds the row's lock, so no more than ``passphrase_attempts`` can ever be in flight or have failed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from cryptography import x509
from sqlalchemy import select
from sqlalchemy.orm import Session

from certs import vault
from certs.errors import VaultError, WeakPassphrase, WrongPassphrase
from svc.actors import Actor
from svc.deps import Deps
from svc.errors import (
    CredentialLocked,
    CredentialUnusable,
    Forbidden,
    InvalidInput,
    NotFound,
    StepUpFailed,
    TooManyAttempts,
)
from svc.models import Credential, Person
from svc.services import second_factor
from svc.services.audit_log import AuditActor, record_stream
from svc.services.outbox import notify

STREAM = "administration"
_LONGEST = 1024
_LONGEST_DELAY = 60
_NO_KEY = "Anda belum memiliki sertifikat. Terbitkan atau impor di halaman Sertifikat saya."
_UNREADABLE = "Kunci sertifikat Anda tidak dapat dibaca oleh server ini. Hubungi administrator."


class WrongTotp(StepUpFailed):
    code = "wrong_totp"
    message: ClassVar[str] = "Kode verifikasi salah atau sudah dipakai. Sisa percobaan: %(left)s."


@dataclass(frozen=True)
class OpenedKey:
    """A key in memory, for one act of signing; never printed."""

    credential_id: int
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    key: vault.PrivateKey = field(repr=False)


@dataclass(frozen=True)
class _Tried:
    """A try that was counted, with what is needed to make it."""

    credential: Credential
    owner_id: str
    has_totp: bool


def current_credential(session: Session, person_id: int, *, for_update: bool = False) -> Credential | None:
    """The credential with which a person signs: the newest that is neither revoked nor replaced."""
    statement = (
        select(Credential).where(Credential.owner_id == person_id, Credential.status.in_(("active", "locked")))
        .order_by(Credential.id.desc()).limit(1))
    return session.scalars(statement.with_for_update() if for_update else statement).one_or_none()


def certificate_of(credential: Credential) -> x509.Certificate:
    return x509.load_pem_x509_certificate(credential.certificate_pem.encode())


def chain_of(credential: Credential) -> tuple[x509.Certificate, ...]:
    """The CA certificates kept with it, possibly none."""
    pem = credential.chain_pem.encode()
    return tuple(x509.load_pem_x509_certificates(pem)) if pem.strip() else ()


def open_key(deps: Deps, actor: Actor, passphrase: str, totp: str | None) -> OpenedKey:
    """Open the actor's key with his passphrase, and his second factor where he has one or must have one.

    :raises StepUpFailed: wrong; the text tells how many tries are left and how long to wait
    :raises TooManyAttempts: tried again before the delay was over; not counted
    :raises CredentialLocked: wrong too often
    :raises CredentialUnusable: no credential, or its envelope does not open here
    :raises InvalidInput: passphrase or code is missing
    """
    _ensure_typed(deps, actor, passphrase, totp)
    with deps.db.unit_of_work() as session:
        credential = current_credential(session, actor.person_id, for_update=True)
        if credential is None:
            raise CredentialUnusable(_NO_KEY)
        tried = _count(session, deps, credential)
    key = _unseal(deps, tried, passphrase)
    if tried.has_totp and not _accepts_totp(deps, actor, totp or ""):
        raise _failed(deps, tried.credential.id, WrongTotp)
    _succeeded(deps, tried.credential.id)
    return OpenedKey(tried.credential.id, certificate_of(tried.credential), chain_of(tried.credential), key)


def change_passphrase(deps: Deps, actor: Actor, credential_id: str, old: str, new: str, repeated: str) -> None:
    """Seal the actor's own key under another passphrase; the old one is counted like any try.

    :raises InvalidInput: too short, or the two do not agree
    :raises StepUpFailed: :raises TooManyAttempts: :raises CredentialLocked: as for :func:`open_key`
    """
    ensure_new_passphrase(new, repeated)
    with deps.db.unit_of_work() as session:
        credential = session.scalars(
            select(Credential).where(Credential.public_id == credential_id).with_for_update()).one_or_none()
        if credential is None:
            raise NotFound
        if credential.owner_id != actor.person_id:
            raise Forbidden
        tried = _count(session, deps, credential)
    key = _unseal(deps, tried, old)
    envelope = vault.seal_key(key, new, deps.server_key, tried.owner_id, credential_id)
    with deps.db.unit_of_work() as session:
        row = _locked(session, tried.credential.id)
        row.key_envelope = envelope
        row.failures, row.next_try_at, row.status = 0, None, "active" if row.status == "locked" else row.status
        record_stream(session, STREAM, "passphrase_changed", AuditActor.of(actor), deps.clock.now(),
                      {"credential": credential_id})


def ensure_new_passphrase(passphrase: str, repeated: str) -> None:
    """:raises InvalidInput: too short, too long, or the two do not agree"""
    try:
        vault.ensure_passphrase(passphrase)
    except WeakPassphrase as error:
        raise InvalidInput(fields={"passphrase": "Kata sandi TTE paling sedikit 8 karakter."}) from error
    if len(passphrase) > _LONGEST:
        raise InvalidInput(fields={"passphrase": "Kata sandi TTE terlalu panjang."})
    if passphrase != repeated:
        raise InvalidInput(fields={"repeated": "Kedua kata sandi TTE tidak sama."})


def needs_totp(deps: Deps, session: Session, person_id: int) -> bool:
    """Whether signing asks for a code: the person has a second factor, or the service demands one."""
    has = session.scalar(select(Person.totp_secret.is_not(None)).where(Person.id == person_id))
    return bool(has) or deps.settings.require_totp


def _ensure_typed(deps: Deps, actor: Actor, passphrase: str, totp: str | None) -> None:
    with deps.db.read_session() as session:
        has_totp = session.scalar(select(Person.totp_secret.is_not(None)).where(Person.id == actor.person_id))
    if deps.settings.require_totp and not has_totp:
        raise CredentialUnusable("Aktifkan verifikasi dua langkah di halaman akun sebelum menandatangani.")
    faults = {}
    if not passphrase or len(passphrase) > _LONGEST:
        faults["passphrase"] = "Ketik kata sandi TTE Anda."  # noqa: S105 - words, not a secret
    if has_totp and not totp:
        faults["totp"] = "Ketik kode dari aplikasi autentikator Anda."
    if faults:
        raise InvalidInput(fields=faults)


def _count(session: Session, deps: Deps, credential: Credential) -> _Tried:
    """Take one try; the caller holds the row's lock and commits before the passphrase is looked at."""
    now = deps.clock.now()
    if credential.status == "locked" or credential.failures >= deps.settings.passphrase_attempts:
        raise CredentialLocked
    if credential.next_try_at is not None and credential.next_try_at > now:
        seconds = math.ceil((credential.next_try_at - now).total_seconds())
        raise TooManyAttempts("Tunggu %(seconds)s detik sebelum mencoba kata sandi TTE lagi.",
                              params={"seconds": seconds})
    if credential.status != "active" or credential.key_envelope is None:
        raise CredentialUnusable(_UNREADABLE)
    credential.failures += 1
    owner = session.get_one(Person, credential.owner_id)
    return _Tried(credential, owner.public_id, owner.totp_secret is not None)


def _unseal(deps: Deps, tried: _Tried, passphrase: str) -> vault.PrivateKey:
    credential = tried.credential
    try:
        return vault.open_key(
            credential.key_envelope or b"", passphrase, deps.server_key, tried.owner_id, credential.public_id)
    except WrongPassphrase as error:
        raise _failed(deps, credential.id, StepUpFailed) from error
    except VaultError as error:  # ours, not the signer's: his try is given back
        with deps.db.unit_of_work() as session:
            row = _locked(session, credential.id)
            row.failures = max(0, row.failures - 1)
        raise CredentialUnusable(_UNREADABLE) from error


def _accepts_totp(deps: Deps, actor: Actor, code: str) -> bool:
    with deps.db.unit_of_work() as session:
        person = session.scalars(
            select(Person).where(Person.id == actor.person_id).with_for_update()).one()
        return second_factor.accept_code(deps, person, code)


def _failed(deps: Deps, credential_id: int, kind: type[StepUpFailed]) -> StepUpFailed | CredentialLocked:
    """Set the delay, lock at the limit, and say what is left."""
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        row = _locked(session, credential_id)
        left = max(0, deps.settings.passphrase_attempts - row.failures)
        row.next_try_at = _later(row.next_try_at, now + delay_after(row.failures))
        if left == 0:
            _lock(session, row, now)
            return CredentialLocked()
        seconds = math.ceil((row.next_try_at - now).total_seconds())
    if kind is WrongTotp:
        return WrongTotp(params={"left": left})
    return kind("Kata sandi TTE salah. Sisa percobaan: %(left)s. Tunggu %(seconds)s detik sebelum mencoba lagi.",
                params={"left": left, "seconds": seconds})


def delay_after(failures: int) -> timedelta:
    """How long to wait after so many wrong tries in a row: 1, 2, 4, 8 … seconds, a minute at most."""
    return timedelta(seconds=min(_LONGEST_DELAY, 2 ** max(0, failures - 1)))


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None or one < other else one


def _lock(session: Session, row: Credential, now: datetime) -> None:
    if row.status == "locked":
        return
    row.status = "locked"
    record_stream(session, STREAM, "credential_locked", AuditActor.system(), now, {"credential": row.public_id})
    notify(session, row.owner_id,
           "Sertifikat Anda terkunci karena kata sandi TTE salah berulang kali. Bila bukan Anda yang mencoba, "
           "segera hubungi administrator.", now)


def _succeeded(deps: Deps, credential_id: int) -> None:
    with deps.db.unit_of_work() as session:
        row = _locked(session, credential_id)
        if row.status == "active":
            row.failures, row.next_try_at = 0, None


def _locked(session: Session, credential_id: int) -> Credential:
    return session.scalars(select(Credential).where(Credential.id == credential_id).with_for_update()).one()
