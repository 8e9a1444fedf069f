"""The worker: delivers the outbox and runs periodic jobs, each under a lease in the database.

Rows are the truth: a worker that dies loses nothing, two workers do nothing twice but for a mail that was sent
just before a crash (its Message-ID stays the same).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from svc.deps import Deps
from svc.errors import AppError
from svc.jobs import OUTBOX, PERIODIC, Periodic
from svc.models import Holding, JobRun, OutboxMessage, Position
from svc.ports import MailFailed, StoreUnavailable
from svc.services.orgchart import held_on
from svc.services.outbox import notify

log = structlog.get_logger(__name__)

HEARTBEAT = "worker"
_IDLE_SECONDS = 2.0
_LEASE = timedelta(minutes=5)
_BATCH = 20
_MOST_ATTEMPTS = 8
_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=2)


@dataclass(frozen=True)
class Round:
    """What one look at the database found to do."""

    delivered: int
    failed: int
    periodic: int


def run_worker(deps: Deps, stop: threading.Event) -> None:
    """Work until ``stop`` is set. A fault in one job is logged and never ends the loop."""
    log.info("worker_started")
    while not stop.is_set():
        try:
            done = run_once(deps)
        except SQLAlchemyError:
            log.exception("database_unavailable")
            done = Round(0, 0, 0)
        if done.delivered + done.failed < _BATCH:
            stop.wait(_IDLE_SECONDS)
    log.info("worker_stopped")


def run_once(deps: Deps) -> Round:
    """One round: what is due in the outbox (at most 20 messages), then the periodic jobs that are due."""
    _beat(deps)
    delivered = failed = 0
    for message_id in _lease_messages(deps):
        if _deliver(deps, message_id):
            delivered += 1
        else:
            failed += 1
    return Round(delivered, failed, sum(_run_periodic(deps, job) for job in PERIODIC))


def _beat(deps: Deps) -> None:
    with deps.db.unit_of_work() as session:
        _job_row(session, HEARTBEAT).last_done_at = deps.clock.now()


def _job_row(session: Session, name: str) -> JobRun:
    row = session.scalars(select(JobRun).where(JobRun.name == name).with_for_update()).one_or_none()
    if row is None:
        row = JobRun(name=name)
        session.add(row)
        session.flush()
    return row


def _lease_messages(deps: Deps) -> list[int]:
    """Take messages by moving their due time ahead: nobody else takes them until then."""
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        rows = session.scalars(
            select(OutboxMessage).where(OutboxMessage.state == "waiting", OutboxMessage.due_at <= now)
            .order_by(OutboxMessage.due_at, OutboxMessage.id).limit(_BATCH)
            .with_for_update(skip_locked=True)).all()
        for row in rows:
            row.due_at = now + _LEASE
        return [row.id for row in rows]


def _deliver(deps: Deps, message_id: int) -> bool:
    with deps.db.read_session() as session:
        message = session.get_one(OutboxMessage, message_id)
    handler = OUTBOX.get(message.kind)
    error, is_permanent = f"no handler for {message.kind}", handler is None
    if handler is not None:
        try:
            handler(deps, message.payload)
            _finish(deps, message_id)
            return True
        except MailFailed as failure:
            error, is_permanent = str(failure), failure.is_permanent
        except (AppError, StoreUnavailable, LookupError, ValueError) as failure:
            error = type(failure).__name__
    log.warning("outbox_failed", message=message_id, kind=message.kind, error=error)
    _postpone(deps, message_id, error, is_permanent=is_permanent)
    return False


def _finish(deps: Deps, message_id: int) -> None:
    with deps.db.unit_of_work() as session:
        message = session.get_one(OutboxMessage, message_id)
        message.state, message.done_at, message.last_error = "done", deps.clock.now(), None
        message.attempts += 1


def _postpone(deps: Deps, message_id: int, error: str, *, is_permanent: bool) -> None:
    """Try again later, ever more rarely; give up after eight attempts or a permanent refusal, and say so."""
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        message = session.get_one(OutboxMessage, message_id)
        message.attempts += 1
        message.last_error = error[:300]
        if is_permanent or message.attempts >= _MOST_ATTEMPTS:
            message.state, message.done_at = "dead", now
            _tell_administrators(session, deps, message, now)
        else:
            message.due_at = now + min(_FIRST_PAUSE * 2 ** (message.attempts - 1), _LONGEST_PAUSE)


def _tell_administrators(session: Session, deps: Deps, message: OutboxMessage, now: datetime) -> None:
    today = now.astimezone(deps.settings.tzinfo).date()
    admins = session.scalars(
        select(Holding.person_id).join(Position, Position.id == Holding.position_id)
        .where(held_on(today), Position.roles.contains("admin")).distinct())
    for person_id in admins:
        notify(session, person_id, "Pengiriman gagal untuk seterusnya (%(kind)s): %(error)s", now,
               params={"kind": message.kind, "error": message.last_error or ""}, by_mail=False)


def _run_periodic(deps: Deps, job: Periodic) -> int:
    if not _take_lease(deps, job):
        return 0
    error: str | None = None
    try:
        job.run(deps)
    except (AppError, SQLAlchemyError, StoreUnavailable, LookupError, ValueError) as failure:
        error = f"{type(failure).__name__}: {failure}"[:300]
        log.exception("job_failed", job=job.name)
    with deps.db.unit_of_work() as session:
        row = _job_row(session, _lease_name(job))
        row.leased_until, row.last_error = None, error
        row.last_done_at = deps.clock.now()
    return 1


def _take_lease(deps: Deps, job: Periodic) -> bool:
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        row = _job_row(session, _lease_name(job))
        is_free = row.leased_until is None or row.leased_until <= now
        if not is_free or not job.is_due(deps, row.last_done_at, now):
            return False
        row.leased_until, row.last_started_at = now + _LEASE, now
        return True


def _lease_name(job: Periodic) -> str:
    return f"job:{job.name}"
