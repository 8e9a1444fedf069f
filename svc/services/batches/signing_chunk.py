"""Signing some documents of an authorised list.

As for a single document: claimed in a transaction before the key is touched, signed and proven outside any
transaction, stored before it is recorded. A crash leaves claims; whoever comes to the rows next settles them
(``svc.services.reconciliation``) before anything is signed again: what reached the store is recorded. What did not is
claimed once more under the same authorisation where the key is here, for the signing host answers a second time what it
answered the first, and signs no document twice; with a service beyond a network its signer is asked.
"""

from __future__ import annotations

import contextlib
import logging
from collections import defaultdict
from collections.abc import Sequence, Set
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from certs.pades import SignedDocument
from svc import failpoints, leases
from svc.deps import Deps
from svc.errors import AppError, IntegrityViolation, StorageUnavailable
from svc.ids import new_public_id
from svc.models import (
    AuthorisedDocument,
    Batch,
    BatchRow,
    Credential,
    Person,
    Position,
    SigningAttempt,
    SigningAuthorisation,
    StoredFile,
    Task,
)
from svc.ports import CAN_BE_UNKNOWN, SIGNING_HOST_DOWN, GrantOver, NotSigned, SigningHostDown, ToSign
from svc.services import numbering
from svc.services import signing_production as production
from svc.services import signing_steps as steps
from svc.services.authorisations import covered_hashes
from svc.services.batches import signing_results as results
from svc.services.batches.chunks import fail_row, finish_rows, pending_rows
from svc.services.batches.grants import close_outlived, why_over
from svc.services.batches.model import IS_PENDING, Order, kind_of_batch, order_of, stop_work
from svc.services.batches.signing_results import Claimed, Harvest
from svc.services.bulk_flow import lock_flows, run_commands
from svc.services.files import read_file, signature_boxes
from svc.services.flow import Flow
from svc.services.parents import ensure_in_force
from svc.services.reconciliation import INTERRUPTED, settle
from svc.services.rendition import verify_url
from svc.services.signing_errors import ResultNotOurs
from workflows import model as m

ROWS, LEASE = 32, timedelta(minutes=1)
# A service beyond a network may take a minute for each, and no second process may settle what it is still making.
REMOTE_ROWS, REMOTE_LEASE = 8, leases.LONGEST
_OPEN = ("claimed", "produced", "unknown")
logger = logging.getLogger(__name__)


def sign(deps: Deps, batch_id: int) -> int:
    """Sign some documents; returns how many rows were looked at. Nothing is signed twice under one authorisation."""
    looked_at, claimed = _claim(deps, batch_id)
    if claimed is None:
        return looked_at
    failpoints.reach("chunk.claimed")
    harvest = _sign(deps, claimed)
    failpoints.reach("chunk.proven")
    _forget(deps, claimed, results.record(deps, claimed, harvest))
    close_outlived(deps, claimed.grant_id)
    failpoints.reach("chunk.recorded")
    return looked_at


def settle_left(deps: Deps, batch_id: int) -> None:
    """Settle once what a process that ended was signing, when its lease is over, whatever the batch is at by now.

    What nobody can know yet is left to recovery and to its signer.
    """
    now = deps.clock.now()
    is_left = (BatchRow.batch_id == batch_id, IS_PENDING, leases.is_left(BatchRow.leased_until, now))
    with deps.db.read_session() as session:
        left = session.execute(
            select(SigningAttempt.public_id, BatchRow.id)
            .join(BatchRow, BatchRow.decree_id == SigningAttempt.decree_id)
            .where(*is_left, SigningAttempt.state.in_(_OPEN)).limit(2 * ROWS)).all()
    if not left:
        return
    for attempt_id, _row_id in left:
        logger.info("batch signing settles: attempt=%s outcome=%s", attempt_id, settle(deps, attempt_id))
    with deps.db.unit_of_work() as session:
        session.execute(update(BatchRow).where(*is_left, BatchRow.id.in_([row_id for _, row_id in left]))
                        .values(lease=None, leased_until=None).execution_options(synchronize_session=False))


def _claim(deps: Deps, batch_id: int) -> tuple[int, Claimed | None]:
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        batch = session.get_one(Batch, batch_id)
        authorisation = session.get(SigningAuthorisation, batch.authorisation_id or 0)
        is_remote = authorisation is not None and session.get_one(
            Credential, authorisation.credential_id).backend in CAN_BE_UNKNOWN
        rows = pending_rows(session, batch, now, REMOTE_ROWS if is_remote else ROWS, "sign")
        if not rows or (authorisation is not None and authorisation.id != batch.authorisation_id):
            return 0, None  # nothing to do, or authorised anew this moment
        over = "authorisation_over"
        if authorisation is not None and now < authorisation.expires_at:
            over = why_over(session, batch, authorisation, numbering.local_day(deps, now))
        if authorisation is None or over:
            if results.finish_signed(session, deps, batch, rows) < len(rows):
                stop_work(batch, over, now)
            return len(rows), None
        flows = _claimable(session, deps, batch, rows, authorisation, is_remote=is_remote)
        if not flows:
            return len(rows), None
        stop_code = _stop_code(session, deps, batch, flows, now)
        if stop_code:
            stop_work(batch, stop_code, now)
            return len(rows), None
        order = order_of(session, batch)
        refused = {one.decree_id: one.error for one in run_commands(
            session, deps, flows,
            lambda flow: m.ClaimSigning(order.actor, flow.decree.lock_version, flow.snapshot.frozen_sha256 or ""),
            order.doer)}
        by_decree = {row.decree_id: row for row in rows}
        for decree_id, error in refused.items():
            fail_row(by_decree[decree_id], "sign", error)
        taken = [flow for flow in flows if flow.decree.id not in refused]
        for flow in taken:
            row = by_decree[flow.decree.id]
            row.lease, row.leased_until = new_public_id(), now + (REMOTE_LEASE if is_remote else LEASE)
        return len(rows), _write_claims(session, deps, batch, authorisation, order, taken, now)


def _stop_code(session: Session, deps: Deps, batch: Batch, flows: Sequence[Flow], now: datetime) -> str:
    """Why none of these may be signed, though they were authorised; empty: they may."""
    today = numbering.local_day(deps, now)
    if any(flow.decree.issued_on != today for flow in flows):
        return "date_changed"  # what they print would not be the day of their signature
    try:
        ensure_in_force(session, deps, batch.kind, batch.parent_id)
    except AppError as error:  # the signer is told on his page, as for any other stop
        return error.code
    return ""


def _claimable(session: Session, deps: Deps, batch: Batch, rows: Sequence[BatchRow],
               authorisation: SigningAuthorisation, *, is_remote: bool) -> list[Flow]:
    """Those that can be signed under this authorisation; the others are done, or fail with what stands in the way."""
    by_decree = {row.decree_id: row for row in rows}
    flows = lock_flows(session, deps, [row.decree_id for row in rows if row.decree_id])
    hashes = [flow.snapshot.frozen_sha256 or "" for flow in flows]
    spent = _claimed_before(session, authorisation, hashes)
    if not is_remote:
        spent -= _interrupted(session, authorisation, spent)
    covered = covered_hashes(session, authorisation)
    claimable, done = [], []
    for flow in flows:
        row, status = by_decree[flow.decree.id], flow.snapshot.status
        if status in {m.DecreeStatus.SIGNED, m.DecreeStatus.ISSUED}:
            done.append(flow)
        elif status is m.DecreeStatus.SIGNING:
            fail_row(row, "sign", "outcome_unknown")
        elif status is not m.DecreeStatus.READY_TO_SIGN or flow.snapshot.frozen_sha256 not in covered:
            fail_row(row, "sign", "document_changed")
        elif flow.snapshot.frozen_sha256 in spent:
            fail_row(row, "sign", "interrupted")
        else:
            claimable.append(flow)
    finish_rows([by_decree[flow.decree.id] for flow in done])
    results.issue_signed(session, deps, batch, done)
    return claimable


def _claimed_before(session: Session, authorisation: SigningAuthorisation, hashes: Sequence[str]) -> set[str]:
    return set(session.scalars(select(AuthorisedDocument.sha256).where(
        AuthorisedDocument.authorisation_id == authorisation.id, AuthorisedDocument.sha256.in_(hashes))))


def _interrupted(session: Session, authorisation: SigningAuthorisation, hashes: Set[str]) -> set[str]:
    """Those whose worker ended before anything became of them."""
    of_these = (SigningAttempt.authorisation_id == authorisation.id, SigningAttempt.sha256.in_(hashes))
    ends = defaultdict[str, set[str | None]](set)
    for sha256, code in session.execute(select(SigningAttempt.sha256, SigningAttempt.error_code).where(*of_these)):
        ends[sha256].add(code)
    return {sha256 for sha256, codes in ends.items() if codes == {INTERRUPTED}}


def _write_claims(session: Session, deps: Deps, batch: Batch, authorisation: SigningAuthorisation, order: Order,
                  flows: Sequence[Flow], now: datetime) -> Claimed | None:
    if not flows:
        return None
    credential = session.get_one(Credential, authorisation.credential_id)
    tasks = {task.decree_id: task.id for task in session.scalars(
        select(Task).where(Task.decree_id.in_([flow.decree.id for flow in flows]), Task.status == "open"))}
    attempts = [SigningAttempt(
        public_id=new_public_id(), decree_id=flow.decree.id, task_id=tasks[flow.decree.id],
        sha256=flow.decree.frozen_sha256 or "", credential_id=credential.id, authorisation_id=authorisation.id,
        person_id=order.actor.person_id, position_id=order.position_id or 0, capacity=order.doer.capacity or "",
        state="claimed", claimed_at=now) for flow in flows]
    session.add_all(attempts)
    known = _claimed_before(session, authorisation, [one.sha256 for one in attempts])
    fresh = [{"authorisation_id": authorisation.id, "sha256": one.sha256, "claimed_at": now} for one in attempts
             if one.sha256 not in known]
    if fresh:
        session.execute(insert(AuthorisedDocument), fresh)
    acts = _acts(session, deps, batch, order, flows, attempts)
    return Claimed(batch.id, authorisation.id, authorisation.public_id, credential.id, credential.backend,
                   production.expected_of_credential(deps, credential), acts)


def _acts(session: Session, deps: Deps, batch: Batch, order: Order, flows: Sequence[Flow],
          attempts: Sequence[SigningAttempt]) -> tuple[steps.Claim, ...]:
    files = {(file.decree_id, file.sha256): file for file in session.scalars(select(StoredFile).where(
        StoredFile.decree_id.in_([flow.decree.id for flow in flows]), StoredFile.purpose == "frozen"))}
    line = steps.capacity_line(session.get_one(Position, order.position_id), order.doer.capacity or "")
    name, title = session.get_one(Person, order.actor.person_id).name, kind_of_batch(deps, batch).title
    place = steps.place_of_signing(session, batch.agency_id)
    acts = []
    for flow, attempt in zip(flows, attempts, strict=True):
        file = files.get((flow.decree.id, attempt.sha256))
        boxes = signature_boxes(file) if file is not None else ()
        if file is None or len(boxes) != 1:
            raise IntegrityViolation
        acts.append(steps.Claim(
            attempt_id=attempt.public_id, decree_id=flow.decree.public_id, frozen_sha256=attempt.sha256,
            frozen_key=file.object_key, box=boxes[0], signer_name=name, capacity_line=line, title=title,
            number=flow.decree.number or "", place=place, ordinal=1, total=1, verify_url=verify_url(deps, flow.decree)))
    return tuple(acts)


def _sign(deps: Deps, claimed: Claimed) -> Harvest:
    harvest = Harvest()
    frozen: dict[str, bytes] = {}
    for act in claimed.acts:
        try:
            frozen[act.attempt_id] = read_file(deps, act.frozen_key, act.frozen_sha256)
        except StorageUnavailable:
            harvest.untried.append(act.attempt_id)
        except AppError as error:
            harvest.failed[act.attempt_id] = error.code
    acts = [act for act in claimed.acts if act.attempt_id in frozen]
    asked = [ToSign(frozen[act.attempt_id], production.request_of(deps, act)) for act in acts]
    failpoints.reach("chunk.before_host")
    deps.courtesy.pause()
    try:
        answers = deps.signing_host.sign(claimed.authorisation_id, asked) if asked else ()
    except GrantOver:
        harvest.untried += [act.attempt_id for act in acts]
        harvest.stop_code = "authorisation_over"
        return harvest
    except SigningHostDown:
        return _host_went_down(claimed, acts, harvest)
    failpoints.reach("chunk.after_host")
    made = []
    for act, document, answer in zip(acts, asked, answers, strict=True):
        if isinstance(answer, SignedDocument):
            made.append((act, results.Result(document, answer)))
        else:
            _note_refusal(claimed, act, answer, harvest)
    results.keep_foreign(deps, harvest)
    results.judge_all(deps, claimed, made, harvest)
    return harvest


def _forget(deps: Deps, claimed: Claimed, recorded: Sequence[str]) -> None:
    """Let the signing host forget what it answered for these documents, once that is on record."""
    if claimed.backend in CAN_BE_UNKNOWN or not recorded:
        return
    with contextlib.suppress(SigningHostDown):  # with the process its answers are gone
        deps.signing_host.forget(claimed.authorisation_id, recorded)


def _host_went_down(claimed: Claimed, acts: Sequence[steps.Claim], harvest: Harvest) -> Harvest:
    harvest.stop_code = SIGNING_HOST_DOWN
    if claimed.backend in CAN_BE_UNKNOWN:
        harvest.unknown |= {act.attempt_id: "" for act in acts}
    else:
        harvest.untried += [act.attempt_id for act in acts]
    return harvest


def _note_refusal(claimed: Claimed, act: steps.Claim, answer: NotSigned, harvest: Harvest) -> None:
    if answer.is_unknown or (answer.code == SIGNING_HOST_DOWN and claimed.backend in CAN_BE_UNKNOWN):
        harvest.unknown[act.attempt_id] = answer.reference
    elif answer.stops:
        harvest.untried.append(act.attempt_id)
    elif answer.received:
        harvest.failed[act.attempt_id] = ResultNotOurs.code
        harvest.foreign[act.attempt_id] = answer.received
    else:
        harvest.failed[act.attempt_id] = answer.code
    if answer.stops:
        harvest.stop_code = harvest.stop_code or answer.code
