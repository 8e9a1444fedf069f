"""Acts of signing that did not end: finished, given back, or clearly reported.

A crash may leave an act between claim and record; a lost answer leaves it *unknown*. Signed bytes that reached
the store and verify are recorded. An act that may have reached a service beyond a network is never given back by
itself: the service is asked where it can be, and otherwise the signer decides.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from certs.signers.port import BackendUnavailable
from svc import failpoints
from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict, Forbidden, IntegrityViolation, NotFound, SigningFailed, StorageUnavailable
from svc.leases import is_leased
from svc.models import AuthorisedDocument, BatchRow, Credential, Decree, SigningAttempt, StoredFile, Task
from svc.ports import CAN_BE_UNKNOWN, BackendNotConfigured, StoreUnavailable
from svc.services import signing_evidence
from svc.services import signing_production as production
from svc.services import signing_steps as steps
from svc.services.audit_log import AuditActor, record_decree
from svc.services.batches.settling import follow_up
from svc.services.files import read_file
from svc.services.outbox import notify
from svc.services.remote_calls import CallRecorder
from svc.services.signing_errors import NotProven, ProofPending
from svc.services.signing_keys import WHOLE_DOCUMENTS, key_elsewhere

MINIMUM_AGE = timedelta(minutes=5)
_CLOCKS_APART = timedelta(minutes=1)
INTERRUPTED = "interrupted"  # the code of an act whose process ended, and of which nothing was found
_OPEN = ("claimed", "produced", "unknown")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecoveryReport:
    """Decrees (public ids) whose signing was finished, given back, or is still open: storage did not answer, the
    proof is pending, or nobody knows whether there is a signature."""

    finished: tuple[str, ...]
    released: tuple[str, ...]
    waiting: tuple[str, ...]


@dataclass(frozen=True)
class OpenAct:
    """An act of the actor's that has not ended. ``state`` is claimed, produced or unknown; ``can_abandon``: he may
    declare it without result and sign anew; ``is_lost``: nothing of it is here, and nobody can be asked for it;
    ``pending``: why the signature that was made could not be proven when it was last tried."""

    attempt_id: str
    decree_id: str
    subject: str
    state: str
    error_code: str
    claimed_at: datetime
    can_abandon: bool
    is_lost: bool
    pending: ProofPending | None = None


def recover(deps: Deps, minimum_age: timedelta = MINIMUM_AGE) -> RecoveryReport:
    """Finish or give back what a crash left between claim and record.

    Younger acts than ``minimum_age`` are left to the process that is at them, and so are those of a batch's rows
    under a living lease, however old. Safe to run anywhere and at any time: each step asks for the attempt's state
    under its lock.
    """
    now = deps.clock.now()
    before = now - minimum_age
    with deps.db.read_session() as session:
        rows = session.execute(
            select(SigningAttempt.public_id, Decree.public_id.label("decree_id"))
            .join(Decree, Decree.id == SigningAttempt.decree_id)
            .where(SigningAttempt.state.in_(_OPEN), ~_is_leased(now),
                   or_(SigningAttempt.claimed_at <= before,
                       SigningAttempt.claimed_at > now + MINIMUM_AGE))  # by a clock that was ahead
            .order_by(SigningAttempt.id)).all()
    results: dict[str, list[str]] = {"finished": [], "released": [], "waiting": []}
    for row in rows:
        outcome = settle(deps, row.public_id)
        results[outcome if outcome in results else "waiting"].append(row.decree_id)
    follow_up(deps)
    signing_evidence.empty_spool(deps)
    return RecoveryReport(*(tuple(results[name]) for name in ("finished", "released", "waiting")))


def open_act(deps: Deps, actor: Actor, task_id: str) -> OpenAct | None:
    """The actor's own act on a task that has not ended, for the page that waits for it; None if there is none."""
    with deps.db.read_session() as session:
        row = session.execute(
            select(SigningAttempt, Decree.public_id, Decree.subject)
            .join(Decree, Decree.id == SigningAttempt.decree_id)
            .join(Task, Task.id == SigningAttempt.task_id)
            .where(Task.public_id == task_id, SigningAttempt.state.in_(_OPEN),
                   SigningAttempt.person_id == actor.person_id)
            .order_by(SigningAttempt.id.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    attempt, decree_id, subject = row
    return OpenAct(attempt.public_id, decree_id, subject, attempt.state, attempt.error_code or "", attempt.claimed_at,
                   attempt.state == "unknown", attempt.state == "unknown" and attempt.error_code == steps.LOST,
                   steps.pending_reason(attempt))


def reconcile(deps: Deps, actor: Actor, attempt_id: str) -> str:
    """Look in the store and ask the backend what became of an act: finished, released, waiting; pending: it is
    here, and still cannot be proven (:func:`open_act` says why); or lost: nothing of it is here, nobody can be asked
    for it any more, and only the signer can end it (:func:`abandon`).

    :raises NotFound: no such act. :raises Forbidden: not the actor's own
    """
    attempt = _own(deps, actor, attempt_id)
    if _is_under_way(deps, attempt):
        return "waiting"
    outcome = settle(deps, attempt_id)
    follow_up(deps)
    return outcome


def abandon(deps: Deps, actor: Actor, attempt_id: str) -> None:
    """The signer declares that no signature of this act is to count, so that he can sign anew. Both acts stay on
    record, and should the lost result turn up it is not registered.

    :raises NotFound: :raises Forbidden: as for reconcile. :raises Conflict: its outcome is known by now
    """
    attempt = _own(deps, actor, attempt_id)
    if attempt.state != "unknown":
        raise Conflict("Tindakan ini sudah selesai atau masih berjalan; muat ulang halaman ini.")
    if settle(deps, attempt_id) == "finished":
        follow_up(deps)
        raise Conflict("Tanda tangan ini ternyata sudah ada dan sudah dicatat.")
    with deps.db.unit_of_work() as session:
        decree = session.scalars(select(Decree).where(Decree.id == attempt.decree_id).with_for_update()).one()
        record_decree(session, decree, "signing_abandoned", AuditActor.of(actor), deps.clock.now(),
                      {"attempt": attempt_id})
    steps.release(deps, attempt_id, "abandoned")
    follow_up(deps)


def _is_leased(now: datetime) -> ColumnElement[bool]:
    """Condition over attempts: a worker has their row of a batch."""
    return exists(select(BatchRow.id).where(
        BatchRow.decree_id == SigningAttempt.decree_id,
        is_leased(BatchRow.leased_until, now)).correlate(SigningAttempt))


def _is_under_way(deps: Deps, attempt: SigningAttempt) -> bool:
    """Whether another process may be at it just now: what it makes must not be taken from under it."""
    now = deps.clock.now()
    with deps.db.read_session() as session:
        if session.scalar(select(SigningAttempt.id).where(SigningAttempt.id == attempt.id, _is_leased(now))):
            return True
    return attempt.state == "claimed" and abs(now - attempt.claimed_at) < MINIMUM_AGE


def _own(deps: Deps, actor: Actor, attempt_id: str) -> SigningAttempt:
    with deps.db.read_session() as session:
        attempt = session.scalars(
            select(SigningAttempt).where(SigningAttempt.public_id == attempt_id)).one_or_none()
    if attempt is None:
        raise NotFound
    if attempt.person_id != actor.person_id:
        raise Forbidden
    return attempt


def settle(deps: Deps, attempt_id: str) -> str:
    """What became of one act that nobody is at any more: finished, released, waiting, pending or lost
    (see reconcile)."""
    try:
        return _settle(deps, attempt_id)
    except Exception as error:  # noqa: BLE001 - the wall between one attempt and all the others
        # Texts of unexpected errors may carry personal data.
        logger.error("recovery failed: attempt=%s error=%s", attempt_id, type(error).__name__)  # noqa: TRY400
        return "waiting"


def _settle(deps: Deps, attempt_id: str) -> str:
    is_searched = False
    try:
        claimed, found = _find_signed(deps, attempt_id)
        if found is not None:
            failpoints.reach("settle.found")
            return _finish(deps, claimed, found)
        is_searched = True
    except ProofPending as error:
        logger.warning("recovery waits for a proof: attempt=%s why=%s", attempt_id, error.params["why"])
        steps.mark_pending(deps, attempt_id, error)
        return "pending"
    except (StorageUnavailable, StoreUnavailable, BackendUnavailable) as error:
        logger.warning("recovery waits: attempt=%s error=%s", attempt_id, type(error).__name__)
        return "waiting"
    except Conflict as error:
        logger.warning("recovery: the decree is elsewhere: attempt=%s code=%s", attempt_id, error.code)
    except IntegrityViolation:
        logger.exception("recovery: stored bytes are not what was recorded: attempt=%s", attempt_id)
    if _may_exist_elsewhere(deps, attempt_id):
        steps.mark_unknown(deps, attempt_id)
        if is_searched:
            steps.mark_lost(deps, attempt_id)
        return "lost" if is_searched else "waiting"
    if steps.release(deps, attempt_id, INTERRUPTED):
        _tell(deps, attempt_id)
    logger.warning("recovery released: attempt=%s", attempt_id)
    return "released"


def _may_exist_elsewhere(deps: Deps, attempt_id: str) -> bool:
    with deps.db.read_session() as session:
        attempt = session.scalars(select(SigningAttempt).where(SigningAttempt.public_id == attempt_id)).one()
        backend = session.get_one(Credential, attempt.credential_id).backend
    return attempt.state in {"claimed", "unknown"} and backend in CAN_BE_UNKNOWN


def _find_signed(deps: Deps, attempt_id: str) -> tuple[steps.Claim, steps.Produced | None]:
    """The signed bytes of an attempt, if they reached the store or the spool, or the backend still has them, and hold.
    """
    signing_evidence.bring_in(deps, attempt_id)
    with deps.db.read_session() as session:
        attempt = session.scalars(select(SigningAttempt).where(SigningAttempt.public_id == attempt_id)).one()
        claimed = steps.load_claim(session, deps, attempt)
        credential = session.get_one(Credential, attempt.credential_id)
        recorded = set(session.scalars(
            select(StoredFile.sha256).where(StoredFile.decree_id == attempt.decree_id,
                                            StoredFile.purpose.in_(("frozen", "signed")))))
        begun = _begun(session, attempt, credential)
    frozen = read_file(deps, claimed.frozen_key, claimed.frozen_sha256)
    expected = production.expected_of_credential(deps, credential)
    pending: ProofPending | None = None
    for found in deps.store.list(steps.signed_prefix(claimed.decree_id)):
        if attempt.signed_sha256 not in (None, found.sha256) or found.sha256 in recorded:
            continue
        try:
            signed = read_file(deps, found.key, found.sha256)
            produced = production.prove(deps, claimed, frozen, signed, expected)
            if begun is None or (produced.signature.claimed_at or begun) >= begun - _CLOCKS_APART:
                return claimed, produced
            logger.warning("recovery: of an earlier act: attempt=%s sha256=%s", attempt_id, found.sha256)
        except NotProven as error:
            logger.warning("recovery: stored bytes do not hold: attempt=%s why=%s", attempt_id, error.params["why"])
            if attempt.signed_sha256 == found.sha256:  # else it may be what came of another attempt
                _refuse(deps, attempt_id, found.key, found.sha256, found.size, error)
        except ProofPending as error:
            pending = error
    if pending is not None:
        raise pending
    if attempt.state != "unknown" or not attempt.reference:
        return claimed, None
    return claimed, _retrieve(deps, attempt, credential, claimed, frozen)


def _begun(session: Session, attempt: SigningAttempt, credential: Credential) -> datetime | None:
    """When the document was first claimed under this act, where the time in its signature is ours: one of an earlier
    act, which its signer gave up, is none of this one."""
    if credential.backend in WHOLE_DOCUMENTS:
        return None
    first = session.scalar(select(AuthorisedDocument.claimed_at).where(
        AuthorisedDocument.authorisation_id == attempt.authorisation_id,
        AuthorisedDocument.sha256 == attempt.sha256))
    return first or attempt.claimed_at


def _retrieve(deps: Deps, attempt: SigningAttempt, credential: Credential, claimed: steps.Claim,
              frozen: bytes) -> steps.Produced | None:
    """Ask the backend; what it gives is kept before anything else, since it may give it only once.

    :raises StorageUnavailable: it waits in the spool until the store takes it
    :raises BackendUnavailable: it cannot be asked now
    """
    try:
        signed = deps.backends.retrieve(
            key_elsewhere(deps, credential), attempt.reference or "", CallRecorder(deps, attempt.id))
    except BackendNotConfigured as error:
        raise BackendUnavailable("it is not set up here") from error
    if signed is None:
        return None
    if not signing_evidence.keep_or_spool(deps, claimed, signed):
        raise StorageUnavailable
    try:
        return production.prove(deps, claimed, frozen, signed, production.expected_of_credential(deps, credential))
    except NotProven as error:
        logger.warning("recovery: retrieved bytes do not hold: attempt=%s why=%s", attempt.public_id,
                       error.params["why"])
        sha256 = steps.sha256_of(signed)
        _refuse(deps, attempt.public_id, steps.signed_key(claimed.decree_id, sha256), sha256, len(signed), error)
        return None


def _refuse(deps: Deps, attempt_id: str, key: str, sha256: str, size: int, error: NotProven) -> None:
    signing_evidence.record_refused(deps, attempt_id, sha256, size, str(error.params["why"]), key,
                                    str(error.params.get("found", "")))


def _finish(deps: Deps, claimed: steps.Claim, produced: steps.Produced) -> str:
    try:
        steps.mark_produced(deps, claimed, produced.sha256)
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
        if decree.batch_id is not None:
            return  # its batch says so, once for all
        notify(session, attempt.person_id, "Penandatanganan terhenti dan perlu diulang: %(subject)s", now,
               decree_id=decree.id, params={"subject": decree.subject[:200]})
