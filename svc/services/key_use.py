"""Opening a signer's key: a try is reserved before the passphrase is tried, delayed when wrong, locked at the limit.

Reserving first is what makes it safe against many requests at once: each writes its ``PassphraseTry`` while it holds
the credential's lock, so no more than ``passphrase_attempts`` can ever be in flight or have failed. The answer settles
it under the same lock: wrong, it becomes one of ``failures``; right, it goes and clears them.

A process that dies with a check in flight answers nobody, so nothing was guessed, and its signer must not pay for it:
a reservation that nobody settled within ``LONGEST_CHECK`` makes room for another try. That opens no way to guess more
often. Whoever takes its place deletes it, and a check that finds its reservation gone gives no answer at all: right or
wrong, the key is not handed out, nothing is counted, and the same error comes back. Slowness, on purpose or not, so
gains nothing; whether a reservation stands is decided by the row, not by comparing clocks of two machines.

A key elsewhere is judged by its token or service, which counts by itself what reached it. There a try whose process
died may have been made: it is counted at once and stays counted until the backend is known to have accepted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from cryptography import x509
from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from certs import vault
from certs.errors import VaultError, WeakPassphrase, WrongPassphrase
from svc import failpoints
from svc.actors import Actor
from svc.deps import Deps
from svc.errors import (
    CredentialLocked,
    CredentialUnusable,
    Forbidden,
    InvalidInput,
    NotFound,
    ServiceUnavailable,
    StepUpFailed,
    TooManyAttempts,
)
from svc.ids import new_public_id
from svc.models import Credential, PassphraseTry, Person
from svc.services.audit_log import AuditActor, record_stream
from svc.services.outbox import notify
from svc.services.second_step import SecondStep, is_accepted
from svc.services.secret_words import words_of

STREAM = "administration"
_LONGEST = 1024
_LONGEST_DELAY = 60
LONGEST_CHECK = timedelta(seconds=60)  # many times what a check takes on a busy machine
NO_KEY = "Anda belum memiliki sertifikat. Terbitkan atau impor di halaman Sertifikat saya."
UNREADABLE = "Kunci sertifikat Anda tidak dapat dibaca oleh server ini. Hubungi administrator."


class WrongTotp(StepUpFailed):
    code = "wrong_totp"
    message: ClassVar[str] = (
        "Kode verifikasi salah atau sudah dipakai, atau kunci sandi (passkey) tidak cocok. Sisa percobaan: %(left)s.")


class CheckTooSlow(ServiceUnavailable):
    """The check took so long that its try was given to another; its answer is thrown away unread."""

    code = "check_too_slow"
    message = "Pemeriksaan kata sandi TTE terlalu lama dan dihentikan. Tidak ada yang ditandatangani; coba lagi."


@dataclass(frozen=True)
class OpenedKey:
    """A key in memory, for one act of signing; never printed."""

    credential_id: int
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    key: vault.PrivateKey = field(repr=False)


@dataclass(frozen=True)
class _Tried:
    """A try that was reserved, with what is needed to make it."""

    try_id: str
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
    :raises TooManyAttempts: tried before the delay was over, or while all tries left are in flight; not counted
    :raises CredentialLocked: wrong too often
    :raises CheckTooSlow: no answer came in time; not counted
    :raises CredentialUnusable: no credential, or its envelope does not open here
    :raises InvalidInput: passphrase or code is missing
    """
    with deps.db.unit_of_work() as session:
        credential = current_credential(session, actor.person_id, for_update=True)
        if credential is None:
            raise CredentialUnusable(NO_KEY)
        _ensure_typed(credential, passphrase)
        tried = _reserve(session, deps, credential)
    failpoints.reach("key.reserved")
    key = _unseal(deps, tried, passphrase)
    if not is_accepted(deps, actor, tried.credential, second, document_sha256):
        raise _wrong(deps, tried, WrongTotp)
    with deps.db.unit_of_work() as session:
        _clear(_settled(session, tried))
    return OpenedKey(tried.credential.id, certificate_of(tried.credential), chain_of(tried.credential), key)


def begin_try(deps: Deps, actor: Actor, passphrase: str) -> Try:
    """Count a try at the actor's key elsewhere, which only the backend can judge: the same delays and limit as
    for stored keys, so that nobody spends the tries that the token or service has.

    :raises InvalidInput: nothing typed. :raises TooManyAttempts: :raises CredentialLocked: as for open_key
    """
    with deps.db.unit_of_work() as session:
        credential = current_credential(session, actor.person_id, for_update=True)
        if credential is None:
            raise CredentialUnusable(NO_KEY)
        _ensure_typed(credential, passphrase)
        _ensure_may_try(deps, credential)
        credential.failures += 1
        return Try(credential.id)


def try_succeeded(deps: Deps, tried: Try) -> None:
    """The backend accepted what was typed."""
    with deps.db.unit_of_work() as session:
        _clear(_locked(session, tried.credential_id))


def try_failed(deps: Deps, tried: Try, *, in_second_step: bool = False) -> StepUpFailed | CredentialLocked:
    """The backend, or the second step, refused what was typed: the error to raise, with what is left."""
    kind = WrongTotp if in_second_step else StepUpFailed
    with deps.db.unit_of_work() as session:
        return _failed(session, deps, _locked(session, tried.credential_id), kind)


def try_unmade(deps: Deps, tried: Try) -> None:
    """The backend never judged what was typed: the try is given back."""
    with deps.db.unit_of_work() as session:
        row = _locked(session, tried.credential_id)
        row.failures = max(0, row.failures - 1)


def change_passphrase(deps: Deps, actor: Actor, credential_id: str, old: str, new: str, repeated: str) -> None:
    """Seal the actor's own key under another passphrase; the old one is counted like any try.

    :raises InvalidInput: too short, or the two do not agree
    :raises StepUpFailed: :raises TooManyAttempts: :raises CredentialLocked: :raises CheckTooSlow: as for
        :func:`open_key`
    """
    ensure_new_passphrase(new, repeated)
    with deps.db.unit_of_work() as session:
        credential = session.scalars(
            select(Credential).where(Credential.public_id == credential_id).with_for_update()).one_or_none()
        if credential is None:
            raise NotFound
        if credential.owner_id != actor.person_id:
            raise Forbidden
        tried = _reserve(session, deps, credential)
    key = _unseal(deps, tried, old)
    envelope = vault.seal_key(key, new, deps.server_key, tried.owner_id, credential_id)
    with deps.db.unit_of_work() as session:
        row = _settled(session, tried)
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


def _reserve(session: Session, deps: Deps, credential: Credential) -> _Tried:
    """Reserve one try; the caller holds the row's lock and commits before the passphrase is looked at."""
    _ensure_may_try(deps, credential)
    if credential.status != "active" or credential.key_envelope is None:
        raise CredentialUnusable(UNREADABLE)
    now = deps.clock.now()
    session.execute(delete(PassphraseTry).where(  # also those of a clock that was set back since
        PassphraseTry.credential_id == credential.id,
        or_(PassphraseTry.tried_at <= now - LONGEST_CHECK, PassphraseTry.tried_at > now + LONGEST_CHECK)))
    in_flight = session.scalars(select(PassphraseTry.tried_at).where(
        PassphraseTry.credential_id == credential.id).order_by(PassphraseTry.tried_at)).all()
    if credential.failures + len(in_flight) >= deps.settings.passphrase_attempts:
        raise _too_early(credential, in_flight[0] + LONGEST_CHECK, now)
    reserved = PassphraseTry(public_id=new_public_id(), credential_id=credential.id, tried_at=now)
    session.add(reserved)
    owner = session.get_one(Person, credential.owner_id)
    return _Tried(reserved.public_id, credential, owner.public_id)


def _ensure_typed(credential: Credential, passphrase: str) -> None:
    if not passphrase or len(passphrase) > _LONGEST:
        raise InvalidInput(fields={"passphrase": words_of(credential.backend).missing})


def _ensure_may_try(deps: Deps, credential: Credential) -> None:
    now = deps.clock.now()
    if credential.status == "locked" or credential.failures >= deps.settings.passphrase_attempts:
        raise CredentialLocked(words_of(credential.backend).locked)
    if credential.next_try_at is not None and credential.next_try_at > now:
        raise _too_early(credential, credential.next_try_at, now)


def _too_early(credential: Credential, until: datetime, now: datetime) -> TooManyAttempts:
    return TooManyAttempts(words_of(credential.backend).wait,
                           params={"seconds": math.ceil((until - now).total_seconds())})


def _unseal(deps: Deps, tried: _Tried, passphrase: str) -> vault.PrivateKey:
    credential = tried.credential
    try:
        return vault.open_key(
            credential.key_envelope or b"", passphrase, deps.server_key, tried.owner_id, credential.public_id)
    except WrongPassphrase as error:
        raise _wrong(deps, tried, StepUpFailed) from error
    except VaultError as error:  # ours, not the signer's: his try is given back
        with deps.db.unit_of_work() as session:
            _settled(session, tried)
        raise CredentialUnusable(UNREADABLE) from error


def _settled(session: Session, tried: _Tried) -> Credential:
    """The credential's row, locked, once the reservation is gone. :raises CheckTooSlow: another took its place"""
    row = _locked(session, tried.credential.id)
    gone = session.execute(delete(PassphraseTry).where(PassphraseTry.public_id == tried.try_id))
    if getattr(gone, "rowcount", 0) != 1:
        raise CheckTooSlow
    return row


def _wrong(deps: Deps, tried: _Tried, kind: type[StepUpFailed]) -> StepUpFailed | CredentialLocked:
    """The reserved try was a wrong one. :raises CheckTooSlow: another took its place"""
    with deps.db.unit_of_work() as session:
        row = _settled(session, tried)
        row.failures += 1
        return _failed(session, deps, row, kind)


def _failed(session: Session, deps: Deps, row: Credential,
            kind: type[StepUpFailed]) -> StepUpFailed | CredentialLocked:
    """Set the delay after a counted failure, lock at the limit, and say what is left."""
    now = deps.clock.now()
    left = max(0, deps.settings.passphrase_attempts - row.failures)
    row.next_try_at = _later(row.next_try_at, now + delay_after(row.failures))
    if left == 0:
        _lock(session, row, now)
        return CredentialLocked(words_of(row.backend).locked)
    if kind is WrongTotp:
        return WrongTotp(params={"left": left})
    seconds = math.ceil((row.next_try_at - now).total_seconds())
    return kind(words_of(row.backend).wrong, params={"left": left, "seconds": seconds})


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
    notify(session, row.owner_id, words_of(row.backend).told_locked, now)


def _clear(row: Credential) -> None:
    """What was typed was right."""
    if row.status == "active":
        row.failures, row.next_try_at = 0, None


def _locked(session: Session, credential_id: int) -> Credential:
    return session.scalars(select(Credential).where(Credential.id == credential_id).with_for_update()).one()
