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
from svc.services.audit_log import AuditActor, record_stream
from svc.services.outbox import notify
from svc.services.second_step import SecondStep, is_accepted

STREAM = "administration"
_LONGEST = 1024
_LONGEST_DELAY = 60
NO_KEY = "Anda belum memiliki sertifikat. Terbitkan atau impor di halaman Sertifikat saya."
UNREADABLE = "Kunci sertifikat Anda tidak dapat dibaca oleh server ini. Hubungi administrator."


class WrongTotp(StepUpFailed):
    code = "wrong_totp"
    message: ClassVar[str] = (
        "Kode verifikasi salah atau sudah dipakai, atau kunci sandi (passkey) tidak cocok. Sisa percobaan: %(left)s.")


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


@dataclass(frozen=True)
class Try:
    """A try at a key elsewhere that was counted before it is made."""

    credential_id: int


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


def open_key(deps: Deps, actor: Actor, passphrase: str, second: SecondStep, document_sha256: str) -> OpenedKey:
    """Open the actor's key with his passphrase, and his second factor where one is demanded.

    :raises StepUpFailed: wrong; the text tells how many tries are left and how long to wait
    :raises TooManyAttempts: tried again before the delay was over; not counted
    :raises CredentialLocked: wrong too often
    :raises CredentialUnusable: no credential, or its envelope does not open here
    :raises InvalidInput: passphrase or code is missing
    """
    if not passphrase or len(passphrase) > _LONGEST:
        raise InvalidInput(fields={"passphrase": "Ketik kata sandi TTE Anda."})
    with deps.db.unit_of_work() as session:
        credential = current_credential(session, actor.person_id, for_update=True)
        if credential is None:
            raise CredentialUnusable(NO_KEY)
        tried = _count(session, deps, credential)
    key = _unseal(deps, tried, passphrase)
    if not is_accepted(deps, actor, tried.credential, second, document_sha256):
        raise _failed(deps, tried.credential.id, WrongTotp)
    _succeeded(deps, tried.credential.id)
    return OpenedKey(tried.credential.id, certificate_of(tried.credential), chain_of(tried.credential), key)


def begin_try(deps: Deps, actor: Actor, passphrase: str) -> Try:
    """Count a try at the actor's key elsewhere, which only the backend can judge: the same delays and limit as
    for stored keys, so that nobody spends the tries that the token or service has.

    :raises InvalidInput: nothing typed. :raises TooManyAttempts: :raises CredentialLocked: as for open_key
    """
    if not passphrase or len(passphrase) > _LONGEST:
        raise InvalidInput(fields={"passphrase": "Ketik kata sandi TTE Anda."})
    with deps.db.unit_of_work() as session:
        credential = current_credential(session, actor.person_id, for_update=True)
        if credential is None:
            raise CredentialUnusable(NO_KEY)
        _ensure_may_try(deps, credential)
        credential.failures += 1
        return Try(credential.id)


def try_succeeded(deps: Deps, tried: Try) -> None:
    """The backend accepted what was typed."""
    _succeeded(deps, tried.credential_id)


def try_failed(deps: Deps, tried: Try) -> StepUpFailed | CredentialLocked:
    """The backend refused what was typed: the error to raise, with what is left."""
    return _failed(deps, tried.credential_id, StepUpFailed)


def try_unmade(deps: Deps, tried: Try) -> None:
    """The backend never judged what was typed: the try is given back."""
    with deps.db.unit_of_work() as session:
        row = _locked(session, tried.credential_id)
        row.failures = max(0, row.failures - 1)


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


def _count(session: Session, deps: Deps, credential: Credential) -> _Tried:
    """Take one try; the caller holds the row's lock and commits before the passphrase is looked at."""
    _ensure_may_try(deps, credential)
    if credential.status != "active" or credential.key_envelope is None:
        raise CredentialUnusable(UNREADABLE)
    credential.failures += 1
    owner = session.get_one(Person, credential.owner_id)
    return _Tried(credential, owner.public_id)


def _ensure_may_try(deps: Deps, credential: Credential) -> None:
    now = deps.clock.now()
    if credential.status == "locked" or credential.failures >= deps.settings.passphrase_attempts:
        raise CredentialLocked
    if credential.next_try_at is not None and credential.next_try_at > now:
        seconds = math.ceil((credential.next_try_at - now).total_seconds())
        raise TooManyAttempts("Tunggu %(seconds)s detik sebelum mencoba kata sandi TTE lagi.",
                              params={"seconds": seconds})


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
        raise CredentialUnusable(UNREADABLE) from error


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
