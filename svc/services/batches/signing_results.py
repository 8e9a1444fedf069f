"""What came of a chunk of signing: proven, stored, and recorded in one transaction; or given back."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from certs.pades import SignedDocument
from svc.deps import Deps
from svc.errors import AppError, StorageUnavailable
from svc.models import Batch, BatchRow, Decree, SigningAttempt, StoredFile
from svc.ports import ToSign
from svc.services import key_use, signing_evidence
from svc.services import signing_production as production
from svc.services import signing_steps as steps
from svc.services.batches.chunks import fail_row, finish_rows
from svc.services.batches.judging import Judge
from svc.services.batches.model import drafter_of, stop_work
from svc.services.bulk_flow import Refused, lock_flows, run_commands
from svc.services.files import put_pdfs, retention_of
from svc.services.flow import Doer, Flow, follow_up
from svc.services.gathering import gathering
from svc.services.preservation import keep_new
from svc.services.signing_errors import NotProven, ProofPending, ResultNotOurs
from svc.services.signing_keys import STORED, WHOLE_DOCUMENTS
from workflows import model as m

logger = logging.getLogger(__name__)
REFUSED = frozenset({"activation_refused"})


@dataclass(frozen=True)
class Claimed:
    """Documents that are ours to sign now."""

    batch_id: int
    grant_id: int
    authorisation_id: str
    credential_id: int
    backend: str
    expected: production.Expected
    acts: tuple[steps.Claim, ...]


@dataclass
class Harvest:
    """What became of the claimed documents, by attempt."""

    proven: dict[str, steps.Produced] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    refused: dict[str, tuple[bytes, NotProven]] = field(default_factory=dict)  # stored, and does not hold
    foreign: dict[str, bytes] = field(default_factory=dict)  # came back in place of the document: evidence
    untried: list[str] = field(default_factory=list)  # given back: they wait for the signer's next act
    stop_code: str = ""


@dataclass(frozen=True)
class Result:
    """What was asked for, and what came of it."""

    asked: ToSign
    signed: SignedDocument


def keep_foreign(deps: Deps, harvest: Harvest) -> None:
    """Keep and record what a service gave back in place of a document, before anything else: it is nowhere else.

    :raises OSError: neither store nor spool took it
    """
    for attempt_id, received in harvest.foreign.items():
        signing_evidence.keep_refused(deps, attempt_id, received, ResultNotOurs.code)


def judge_all(deps: Deps, claimed: Claimed, made: Sequence[tuple[steps.Claim, Result]], harvest: Harvest) -> None:
    """Validate signed documents and store those that hold; what others made is stored before it is judged."""
    is_kept_first = claimed.backend in WHOLE_DOCUMENTS
    if is_kept_first and not _store_from_elsewhere(deps, [(act, result.signed.pdf) for act, result in made]):
        for act, result in made:
            signing_evidence.spool(deps, act.attempt_id, result.signed.pdf)
        harvest.unknown |= {act.attempt_id: result.signed.reference for act, result in made}
        return
    judge = Judge(deps, claimed.credential_id, claimed.expected)
    proven: list[tuple[steps.Claim, steps.Produced]] = []
    pending: list[tuple[steps.Claim, bytes]] = []
    for act, result in made:
        deps.courtesy.pause()
        try:
            proven.append((act, judge.prove(act, result.asked.frozen, result.signed, result.asked.request)))
        except ProofPending:
            pending.append((act, result.signed.pdf))
        except AppError as error:
            harvest.failed[act.attempt_id] = error.code
            if is_kept_first and isinstance(error, NotProven):
                harvest.refused[act.attempt_id] = (result.signed.pdf, error)
    if not is_kept_first:
        ours = _still_ours(deps, [act for act, _ in (*proven, *pending)])
        proven = [one for one in proven if one[0].attempt_id in ours]
        pending = [one for one in pending if one[0].attempt_id in ours]
    if is_kept_first or not pending or _store(deps, pending):
        # In the store, and recovery goes on with them when they can be proven: nobody signs them a second time.
        harvest.unknown |= {act.attempt_id: "" for act, _ in pending}
    else:
        harvest.failed |= {act.attempt_id: StorageUnavailable.code for act, _ in pending}
    if is_kept_first or _store(deps, [(act, produced.pdf) for act, produced in proven]):
        harvest.proven |= {act.attempt_id: produced for act, produced in proven}
    else:  # nothing is lost: the same key can sign them again
        harvest.failed |= {act.attempt_id: StorageUnavailable.code for act, _ in proven}


def _still_ours(deps: Deps, acts: Sequence[steps.Claim]) -> set[str]:
    """The attempts of these, without those that somebody took for left behind, whose clock is ahead or who waited
    longer than our lease lasts: they may be under a new act by now, and a file of this one would lie in the store
    beside its own."""
    with deps.db.read_session() as session:
        return set(session.scalars(select(SigningAttempt.public_id).where(
            SigningAttempt.public_id.in_([act.attempt_id for act in acts]),
            SigningAttempt.state.in_(("claimed", "unknown")))))


def record(deps: Deps, claimed: Claimed, harvest: Harvest) -> list[str]:
    """Record everything that became of a chunk, in one transaction; returns the hashes of which something is on record
    now: not those that others took from a process that was slow."""
    _settle_try(deps, claimed, harvest)
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        found = select(Batch).where(Batch.id == claimed.batch_id)
        batch = session.scalars(found.with_for_update() if harvest.stop_code else found).one()
        attempts = {one.public_id: one for one in session.scalars(
            select(SigningAttempt).where(SigningAttempt.public_id.in_([act.attempt_id for act in claimed.acts]))
            .with_for_update()) if one.state in {"claimed", "unknown"}}
        rows = {row.decree_id: row for row in session.scalars(
            select(BatchRow).where(BatchRow.decree_id.in_([one.decree_id for one in attempts.values()]))
            .with_for_update())}
        session.refresh(batch)  # with its rows locked: whoever ends the signing now waits, and finds what is left here
        _record_signed(session, deps, claimed, harvest, attempts, rows, now)
        _record_unsigned(session, deps, harvest, attempts, rows, now, has_ended=batch.work == "exclude")
        if harvest.stop_code and batch.work == "sign":
            stop_work(batch, harvest.stop_code, now)
        if harvest.proven:
            logger.info("batch signed: batch=%s count=%s", batch.public_id, len(harvest.proven))
        recorded = [one.sha256 for one in attempts.values()]
    _record_refused(deps, claimed, harvest)
    return recorded


def _record_refused(deps: Deps, claimed: Claimed, harvest: Harvest) -> None:
    for act in claimed.acts:
        if act.attempt_id in harvest.refused:
            pdf, error = harvest.refused[act.attempt_id]
            sha256 = steps.sha256_of(pdf)
            signing_evidence.record_refused(
                deps, act.attempt_id, sha256, len(pdf), str(error.params["why"]),
                steps.signed_key(act.decree_id, sha256), str(error.params.get("found", "")))


def issue_signed(session: Session, deps: Deps, batch: Batch, flows: Sequence[Flow]) -> None:
    """Send out at once those that are signed, in the drafter's name, where he asked for it."""
    signed = [flow for flow in flows if flow.snapshot.status is m.DecreeStatus.SIGNED]
    if not batch.auto_issue or not signed:
        return
    drafter = drafter_of(session, batch)
    run_commands(session, deps, signed,
                 lambda flow: m.RecordDistributed(drafter.actor, flow.decree.lock_version), drafter.doer)


def finish_signed(session: Session, deps: Deps, batch: Batch, rows: Sequence[BatchRow]) -> int:
    """Send out those that recovery found signed, whatever the batch is at now; returns how many they are."""
    signed = set(session.scalars(select(Decree.id).where(
        Decree.id.in_([row.decree_id for row in rows]), Decree.status.in_(("signed", "issued")))))
    done = [row for row in rows if row.decree_id in signed]
    finish_rows(done)
    for row in done:
        row.state, row.error_code, row.failed_work = "live", None, None
    issue_signed(session, deps, batch, lock_flows(session, deps, sorted(signed)))
    return len(signed)


def _record_signed(session: Session, deps: Deps, claimed: Claimed, harvest: Harvest,
                   attempts: dict[str, SigningAttempt], rows: dict[int | None, BatchRow], now: datetime) -> None:
    acts = {act.attempt_id: act for act in claimed.acts}
    ours = {attempts[key].decree_id: key for key in harvest.proven if key in attempts}
    if not ours:
        return
    flows = lock_flows(session, deps, list(ours))
    batch = session.get_one(Batch, claimed.batch_id)
    signer = steps.doer_of_attempt(session, next(iter(attempts.values())))
    refused = run_commands(session, deps, flows,
                           lambda flow: m.RecordSigned(harvest.proven[ours[flow.decree.id]].sha256), signer)
    lost = {one.decree_id: one.error for one in refused}
    frozen = {(file.decree_id, file.sha256): file for file in session.scalars(
        select(StoredFile).where(StoredFile.decree_id.in_(ours), StoredFile.purpose == "frozen"))}
    with gathering(session):
        for flow in flows:
            key = ours[flow.decree.id]
            if flow.decree.id in lost:
                harvest.failed[key] = lost[flow.decree.id].code
                continue
            attempt, produced = attempts[key], harvest.proven[key]
            attempt.state, attempt.signed_sha256, attempt.finished_at = "done", produced.sha256, now
            steps.write_signature(session, attempt, acts[key], produced, frozen[flow.decree.id, attempt.sha256], now)
            keep_new(session, steps.file_to_keep(flow.decree, produced), now, flow.decree.id)
            row = rows[flow.decree.id]
            finish_rows([row])
            row.state, row.error_code = "live", None
    steps.learn_certificate(session, claimed.credential_id, next(iter(harvest.proven.values())))
    session.flush()
    issue_signed(session, deps, batch, follow_up(session, deps, [flow for flow in flows if flow.decree.id not in lost]))


def _record_unsigned(session: Session, deps: Deps, harvest: Harvest, attempts: dict[str, SigningAttempt],
                     rows: dict[int | None, BatchRow], now: datetime, *, has_ended: bool) -> None:
    """Give back what was not signed; what may exist elsewhere stays claimed until it is known.

    When the signing was ended meanwhile, all of it stays on the list of what is to be taken out.
    """
    back: dict[int, str] = {}
    for key, code in {**harvest.failed, **dict.fromkeys(harvest.untried, "not_tried")}.items():
        if key in attempts:
            attempts[key].state, attempts[key].error_code, attempts[key].finished_at = "failed", code[:60], now
            back[attempts[key].decree_id] = code
    refused: Sequence[Refused] = run_commands(
        session, deps, lock_flows(session, deps, list(back)), lambda flow: m.ReleaseSigning(back[flow.decree.id]),
        Doer.system()) if back else ()
    for one in refused:
        logger.error("batch signing cannot give back: decree=%s code=%s", one.decree_id, one.error.code)
    for key, reference in harvest.unknown.items():
        if key in attempts:
            attempts[key].state, attempts[key].error_code = "unknown", "outcome_unknown"
            attempts[key].reference = reference[:200] or None
    for key, code in {**harvest.failed, **dict.fromkeys(harvest.unknown, "outcome_unknown")}.items():
        if key in attempts:
            row = rows[attempts[key].decree_id]
            was_pending = row.pending
            fail_row(row, "sign", code)
            row.pending = has_ended and was_pending
    for key in harvest.untried:  # still pending: the signer's next act covers them
        if key in attempts:
            row = rows[attempts[key].decree_id]
            row.lease, row.leased_until = None, None


def _settle_try(deps: Deps, claimed: Claimed, harvest: Harvest) -> None:
    """A try at a key elsewhere was counted when it was authorised: it succeeded, or was wrong."""
    if claimed.backend in STORED:
        return
    tried = key_use.Try(claimed.credential_id)
    if harvest.stop_code in REFUSED:
        harvest.stop_code = key_use.try_failed(deps, tried).code
    elif harvest.proven:
        key_use.try_succeeded(deps, tried)


def _store(deps: Deps, signed: Sequence[tuple[steps.Claim, bytes]]) -> bool:
    """Whether all of it is safe."""
    files = [(steps.signed_key(act.decree_id, steps.sha256_of(pdf)), pdf) for act, pdf in signed]
    try:
        put_pdfs(deps, files, retain_until=retention_of(deps, "signed", deps.clock.now()))
    except AppError as error:
        logger.warning("batch signing cannot store: count=%s code=%s", len(signed), error.code)
        return False
    return True


def _store_from_elsewhere(deps: Deps, signed: Sequence[tuple[steps.Claim, bytes]]) -> bool:
    """The same, trying again for a moment: what others made may be handed out only once."""
    for pause in signing_evidence.PAUSES:
        if _store(deps, signed):
            return True
        time.sleep(pause)
    return _store(deps, signed)
