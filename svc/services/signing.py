"""The act of signing.

A stored key is opened before anything is claimed; the key is used outside any transaction, under an authorisation
that covers these very bytes once; what came back is validated and stored before it is recorded. Whatever fails
before that leaves the decree ready to be signed, and nothing signed, except where nobody can know
(``svc.services.reconciliation``).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from certs.pades import SignedDocument
from svc import failpoints
from svc.actors import Actor
from svc.deps import Deps
from svc.errors import AppError, CredentialLocked, IntegrityViolation, StepUpFailed, StorageUnavailable
from svc.models import Decree
from svc.ports import CAN_BE_UNKNOWN
from svc.services import signing_evidence
from svc.services import signing_production as production
from svc.services import signing_steps as steps
from svc.services.files import read_file
from svc.services.flow import ensure_alone, ensure_seen, load_flow, lock_by_task
from svc.services.key_use import try_succeeded, try_unmade
from svc.services.reconciliation import RecoveryReport, abandon, open_act, reconcile, recover
from svc.services.second_step import SecondStep
from svc.services.signing_errors import (
    NotProven,
    ProofPending,
    ResultNotOurs,
    SigningUnfinished,
    StampUnavailable,
    Unknown,
)
from svc.services.signing_keys import OpenedSigner, StepUp, open_signer
from svc.services.signing_sheet import CredentialState, FieldChange, ParafLine, SigningSheet, prepare

__all__ = [
    "CredentialState", "FieldChange", "ParafLine", "ProofPending", "RecoveryReport", "SecondStep", "SignOutcome",
    "SigningSheet", "SigningUnfinished", "StepUp", "Unknown", "abandon", "open_act", "prepare", "reconcile", "recover",
    "sign",
]

logger = logging.getLogger(__name__)
_SIGNED_FIRST = (ResultNotOurs, StampUnavailable)  # what was typed had been accepted


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


def sign(deps: Deps, actor: Actor, task_id: str, seen_version: int, frozen_sha256: str,
         step_up: StepUp) -> SignOutcome:
    """Sign the very document that the sheet showed.

    :raises StaleTask: :raises DocumentChanged: it is not the one shown any more
    :raises StepUpFailed: :raises TooManyAttempts: :raises CredentialLocked: passphrase or code (``key_use``)
    :raises CredentialUnusable: expired, revoked, unfit or untrusted certificate; nothing was claimed
    :raises SigningFailed: :raises StorageUnavailable: nothing was signed; the decree is ready again
    :raises SigningUnfinished: :raises ProofPending: signed and stored; ``recover`` goes on with it
    :raises Unknown: nobody knows; see :func:`svc.services.reconciliation.reconcile`
    """
    _ensure_can_begin(deps, actor, task_id, seen_version)
    opened = open_signer(deps, actor, step_up, frozen_sha256)
    claimed = steps.claim(deps, actor, task_id, seen_version, frozen_sha256, opened)
    failpoints.reach("signing.claimed")
    try:
        produced = _produce(deps, claimed, opened)
    except ProofPending as error:
        _note_pending(deps, claimed, error)
        raise
    failpoints.reach("signing.before_finalise")
    try:
        steps.finalise(deps, claimed, produced)
    except (AppError, SQLAlchemyError) as error:
        logger.error("signing unfinished: attempt=%s error=%s", claimed.attempt_id, type(error).__name__)  # noqa: TRY400
        raise SigningUnfinished from error
    return _outcome(deps, claimed, produced)


def _produce(deps: Deps, claimed: steps.Claim, opened: OpenedSigner) -> steps.Produced:
    """Sign, keep, prove. What may exist elsewhere, or is kept already, is never given back as if it were not."""
    try:
        signed = production.produce(deps, claimed, opened)
        failpoints.reach("signing.produced")
    except Unknown as error:
        steps.mark_unknown(deps, claimed.attempt_id, error.reference)
        _settle_try(deps, opened, error)
        raise
    except BaseException as error:
        if opened.backend in CAN_BE_UNKNOWN and not isinstance(error, AppError):
            # A fault of ours, perhaps behind the request: nobody knows whether there is a signature.
            steps.mark_unknown(deps, claimed.attempt_id)
            _settle_try(deps, opened, Unknown())
            if isinstance(error, Exception):
                logger.error("signing broke off: attempt=%s error=%s", claimed.attempt_id,  # noqa: TRY400
                             type(error).__name__)  # its text may carry what was typed or whose it is
                raise Unknown from error
            raise
        if isinstance(error, ResultNotOurs):
            signing_evidence.keep_refused(deps, claimed.attempt_id, error.received, error.code)
        _settle_try(deps, opened, error)
        _give_back(deps, claimed, error)
        raise
    _settle_try(deps, opened, None)
    if not opened.gives_pades:  # another's signature, and perhaps handed out only once: kept before it is judged
        _keep_from_elsewhere(deps, claimed, signed)
        return _prove_kept(deps, claimed, opened, signed.pdf)
    try:
        produced = _prove(deps, claimed, opened, signed.pdf)
        steps.keep(deps, claimed, signed.pdf)
    except ProofPending:  # it holds as far as can be said today: kept, so that nobody signs a second time
        _keep_pending(deps, claimed, signed.pdf)
        raise
    except BaseException as error:  # nothing is lost: the same key can sign again
        _give_back(deps, claimed, error)
        raise
    return produced


def _note_pending(deps: Deps, claimed: steps.Claim, error: ProofPending) -> None:
    try:
        steps.mark_pending(deps, claimed.attempt_id, error)
    except SQLAlchemyError as fault:  # the act is open and kept; looking at it again finds the reason anew
        logger.warning("reason not noted: attempt=%s error=%s", claimed.attempt_id, type(fault).__name__)


def _keep_pending(deps: Deps, claimed: steps.Claim, signed: bytes) -> None:
    try:
        steps.keep(deps, claimed, signed)
    except BaseException as error:
        _give_back(deps, claimed, error)
        raise


def _prove(deps: Deps, claimed: steps.Claim, opened: OpenedSigner, signed: bytes) -> steps.Produced:
    frozen = read_file(deps, claimed.frozen_key, claimed.frozen_sha256)
    return production.prove(deps, claimed, frozen, signed, production.expected_of(deps, opened))


def _keep_from_elsewhere(deps: Deps, claimed: steps.Claim, signed: SignedDocument) -> None:
    """Keep what another signed. It exists, so where it cannot be kept its act stays open and is never given back.

    :raises Unknown: not in the store yet: it waits in the spool, or whoever made it may have it still
    """
    try:
        is_kept = signing_evidence.keep_or_spool(deps, claimed, signed.pdf)
    except BaseException as error:
        logger.error("signed elsewhere, not kept: attempt=%s sha256=%s error=%s", claimed.attempt_id,  # noqa: TRY400
                     signed.sha256, type(error).__name__)
        steps.mark_unknown(deps, claimed.attempt_id, signed.reference)
        if isinstance(error, AppError | SQLAlchemyError | OSError):
            raise Unknown(signed.reference) from error
        raise
    if not is_kept:
        steps.mark_unknown(deps, claimed.attempt_id, signed.reference)
        raise Unknown(signed.reference)


def _prove_kept(deps: Deps, claimed: steps.Claim, opened: OpenedSigner, signed: bytes) -> steps.Produced:
    """Judge what is kept already; only what is found wrong is given back, the rest is for recovery to go on with."""
    try:
        return _prove(deps, claimed, opened, signed)
    except NotProven as error:
        _give_back(deps, claimed, error)
        sha256 = steps.sha256_of(signed)
        signing_evidence.record_refused(
            deps, claimed.attempt_id, sha256, len(signed), str(error.params["why"]),
            steps.signed_key(claimed.decree_id, sha256), str(error.params.get("found", "")))
        raise
    except IntegrityViolation as error:
        _give_back(deps, claimed, error)
        raise
    except (StorageUnavailable, SQLAlchemyError) as error:
        raise SigningUnfinished from error


def _give_back(deps: Deps, claimed: steps.Claim, error: BaseException) -> None:
    code = error.code if isinstance(error, AppError) else "interrupted"
    logger.warning("signing failed: attempt=%s decree=%s code=%s", claimed.attempt_id, claimed.decree_id, code)
    steps.release(deps, claimed.attempt_id, code)


def _settle_try(deps: Deps, opened: OpenedSigner, error: BaseException | None) -> None:
    """A try at a key elsewhere was counted beforehand: it succeeded, or was perhaps never judged, and then it forgives
    none of the wrong ones before it; a wrong one stays."""
    if opened.tried is None or isinstance(error, StepUpFailed | CredentialLocked):
        return
    if error is None or isinstance(error, _SIGNED_FIRST):
        try_succeeded(deps, opened.tried)
    else:
        try_unmade(deps, opened.tried)


def _ensure_can_begin(deps: Deps, actor: Actor, task_id: str, seen_version: int) -> None:
    """The cheap guards first, so that no try is counted for a page that is out of date anyway."""
    with deps.db.read_session() as session:
        decree = lock_by_task(session, task_id)
        ensure_alone(decree)
        ensure_seen(session, decree, seen_version)
        steps.ensure_may_sign(session, deps, actor, decree, load_flow(session, deps, decree))


def _outcome(deps: Deps, claimed: steps.Claim, produced: steps.Produced) -> SignOutcome:
    with deps.db.read_session() as session:
        decree = session.scalars(select(Decree).where(Decree.public_id == claimed.decree_id)).one()
        return SignOutcome(
            decree.public_id, decree.number or "", decree.status, decree.verify_code, produced.sha256,
            produced.signed_at or deps.clock.now(), produced.signature.level)
