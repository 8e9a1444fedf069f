"""Signing: the sheet, the act, and the recovery of acts that a crash interrupted.

The passphrase is checked before anything is claimed; the key is used outside any transaction; what came back
is validated and stored before it is recorded. Whatever fails before that leaves the decree ready to be
signed, and nothing signed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import AppError, Conflict, IntegrityViolation, SigningFailed, StorageUnavailable
from svc.models import Credential, Decree, SigningAttempt
from svc.ports import StoreUnavailable
from svc.services import signing_steps as steps
from svc.services.files import read_file
from svc.services.flow import ensure_seen, load_flow, lock_by_task
from svc.services.key_use import open_key
from svc.services.outbox import notify
from svc.services.signing_sheet import CredentialState, FieldChange, ParafLine, SigningSheet, prepare

__all__ = ["CredentialState", "FieldChange", "ParafLine", "RecoveryReport", "SignOutcome", "SigningSheet",
           "SigningUnfinished", "prepare", "recover", "sign"]

MINIMUM_AGE = timedelta(minutes=5)
logger = logging.getLogger(__name__)


class SigningUnfinished(SigningFailed):
    code, status = "signing_unfinished", 503
    message: ClassVar[str] = (
        "Tanda tangan sudah dibuat dan disimpan, tetapi pencatatannya belum selesai. Jangan ulangi: "
        "layanan menyelesaikannya sendiri dalam beberapa menit.")


@dataclass(frozen=True)
class SignOutcome:
    """A decree that is signed now."""

    decree_id: str
    number: str
    status: str
    verify_code: str
    signed_sha256: str
    signed_at: datetime
    level: str


@dataclass(frozen=True)
class RecoveryReport:
    """Decrees (public ids) whose signing was finished, given back, or left for the next run because storage did not
    answer or something unexpected happened."""

    finished: tuple[str, ...]
    released: tuple[str, ...]
    waiting: tuple[str, ...]


def sign(deps: Deps, actor: Actor, task_id: str, seen_version: int, frozen_sha256: str, passphrase: str,
         totp: str | None = None) -> SignOutcome:
    """Sign the very document that the sheet showed.

    :raises StaleTask: :raises DocumentChanged: it is not the one shown any more
    :raises StepUpFailed: :raises TooManyAttempts: :raises CredentialLocked: passphrase or code (``key_use``)
    :raises CredentialUnusable: expired, revoked, unfit or untrusted certificate; nothing was claimed
    :raises SigningFailed: :raises StorageUnavailable: nothing was signed; the decree is ready again
    :raises SigningUnfinished: signed and stored, recorded within minutes by ``recover``
    """
    _ensure_can_begin(deps, actor, task_id, seen_version)
    opened = open_key(deps, actor, passphrase, totp)
    steps.ensure_key_can_sign(deps, opened)
    claimed = steps.claim(deps, actor, task_id, seen_version, frozen_sha256, opened.credential_id)
    is_kept, code = False, "interrupted"
    try:
        produced = steps.produce(deps, claimed, opened)
        steps.keep(deps, claimed, produced)
        is_kept = True
    except AppError as error:
        code = error.code
        raise
    finally:
        if not is_kept:
            logger.warning("signing failed: attempt=%s decree=%s code=%s", claimed.attempt_id, claimed.decree_id, code)
            steps.release(deps, claimed.attempt_id, code)
    try:
        steps.finalise(deps, claimed, produced)
    except (AppError, SQLAlchemyError) as error:
        logger.error("signing unfinished: attempt=%s error=%s", claimed.attempt_id, type(error).__name__)  # noqa: TRY400
        raise SigningUnfinished from error
    return _outcome(deps, claimed, produced)


def recover(deps: Deps, minimum_age: timedelta = MINIMUM_AGE) -> RecoveryReport:
    """Finish or give back what a crash left between claim and record.

    Signed bytes that were stored and still verify are recorded; otherwise the decree is ready to be signed
    again. Younger acts than ``minimum_age`` are left to the process that is at them. Safe to run anywhere and
    at any time: each step asks for the attempt's state under its lock.
    """
    before = deps.clock.now() - minimum_age
    with deps.db.read_session() as session:
        rows = session.execute(
            select(SigningAttempt.public_id, Decree.public_id.label("decree_id"))
            .join(Decree, Decree.id == SigningAttempt.decree_id)
            .where(SigningAttempt.state.in_(("claimed", "produced", "unknown")), SigningAttempt.claimed_at <= before)
            .order_by(SigningAttempt.id)).all()
    results: dict[str, list[str]] = {"finished": [], "released": [], "waiting": []}
    for row in rows:
        results[_recover_apart(deps, row.public_id)].append(row.decree_id)
    return RecoveryReport(*(tuple(results[name]) for name in ("finished", "released", "waiting")))


def _ensure_can_begin(deps: Deps, actor: Actor, task_id: str, seen_version: int) -> None:
    """The cheap guards first, so that no try is counted for a page that is out of date anyway."""
    with deps.db.read_session() as session:
        decree = lock_by_task(session, task_id)
        ensure_seen(session, decree, seen_version)
        steps.ensure_may_sign(deps, actor, decree, load_flow(session, deps, decree))


def _outcome(deps: Deps, claimed: steps.Claim, produced: steps.Produced) -> SignOutcome:
    with deps.db.read_session() as session:
        decree = session.scalars(select(Decree).where(Decree.public_id == claimed.decree_id)).one()
        return SignOutcome(
            decree.public_id, decree.number or "", decree.status, decree.verify_code, produced.sha256,
            produced.signed_at or deps.clock.now(), produced.signature.level)


def _recover_apart(deps: Deps, attempt_id: str) -> str:
    try:
        return _recover_one(deps, attempt_id)
    except Exception as error:  # noqa: BLE001 - the wall between one attempt and all the others
        # Texts of unexpected errors may carry personal data.
        logger.error("recovery failed: attempt=%s error=%s", attempt_id, type(error).__name__)  # noqa: TRY400
        return "waiting"


def _recover_one(deps: Deps, attempt_id: str) -> str:
    try:
        claimed, produced = _find_produced(deps, attempt_id)
        if produced is not None:
            return _finish(deps, claimed, produced)
    except (StorageUnavailable, StoreUnavailable) as error:
        logger.warning("recovery waits for storage: attempt=%s error=%s", attempt_id, type(error).__name__)
        return "waiting"
    except Conflict as error:
        logger.warning("recovery: the decree is elsewhere: attempt=%s code=%s", attempt_id, error.code)
    except IntegrityViolation:
        logger.exception("recovery: stored bytes are not what was recorded: attempt=%s", attempt_id)
    if steps.release(deps, attempt_id, "interrupted"):
        _tell(deps, attempt_id)
    logger.warning("recovery released: attempt=%s", attempt_id)
    return "released"


def _find_produced(deps: Deps, attempt_id: str) -> tuple[steps.Claim, steps.Produced | None]:
    """The signed bytes of an attempt, if they reached the store and hold."""
    with deps.db.read_session() as session:
        attempt = session.scalars(select(SigningAttempt).where(SigningAttempt.public_id == attempt_id)).one()
        claimed = steps.load_claim(session, deps, attempt)
        serial = int(session.get_one(Credential, attempt.credential_id).serial, 16)
    frozen = read_file(deps, claimed.frozen_key, claimed.frozen_sha256)
    for found in deps.store.list(steps.signed_prefix(claimed.decree_id)):
        if attempt.signed_sha256 not in (None, found.sha256):
            continue
        try:
            return claimed, steps.prove(deps, frozen, read_file(deps, found.key, found.sha256), serial)
        except steps.NotProven as error:
            logger.warning("recovery: stored bytes do not hold: attempt=%s why=%s", attempt_id, error.params["why"])
    return claimed, None


def _finish(deps: Deps, claimed: steps.Claim, produced: steps.Produced) -> str:
    try:
        steps.mark_produced(deps, claimed, produced)
        steps.finalise(deps, claimed, produced)
    except SigningFailed:
        return "released"  # somebody else finished or released it meanwhile
    logger.info("recovery finished: attempt=%s decree=%s", claimed.attempt_id, claimed.decree_id)
    return "finished"


def _tell(deps: Deps, attempt_id: str) -> None:
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        attempt = session.scalars(select(SigningAttempt).where(SigningAttempt.public_id == attempt_id)).one()
        decree = session.get_one(Decree, attempt.decree_id)
        notify(session, attempt.person_id, "Penandatanganan terhenti dan perlu diulang: %(subject)s", now,
               decree_id=decree.id, params={"subject": decree.subject[:200]})
