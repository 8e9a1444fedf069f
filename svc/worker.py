"""The worker: delivers the outbox and runs periodic jobs, each under a lease in the database.

Rows are the truth: a worker that dies loses nothing, two workers do nothing twice but for a mail that was sent
just before a crash (its Message-ID stays the same). Nothing is written while there is nothing to do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from svc import failpoints
from svc.alive import mark_alive
from svc.deps import Deps
from svc.errors import AppError
from svc.jobs import OUTBOX, PERIODIC, Periodic
from svc.leases import is_over
from svc.models import JobRun, OutboxMessage
from svc.outage import log_database_fault
from svc.ports import MailFailed
from svc.services.orgchart import administrator_ids
from svc.services.outbox import notify
from svc.services.preservation_state import make_low_due
from svc.services.upsert import insert_missing

log = structlog.get_logger(__name__)

HEARTBEAT = "worker"
_BEAT_EVERY = timedelta(seconds=15)
_IDLE_SECONDS = 2.0
_LEASE = timedelta(minutes=5)
_BATCH = 20
_MOST_ATTEMPTS = 8
_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=2)
_JOB_RETRY = timedelta(minutes=1)


@dataclass(frozen=True)
class Round:
    """What one look at the database found to do."""

    delivered: int
    failed: int
    periodic: int


@dataclass(frozen=True)
class _Fault:
    """Why a handler did not do its work; ``is_permanent``: trying again is useless."""

    text: str
    is_permanent: bool = False


def run_worker(deps: Deps, stop: threading.Event) -> None:
    """Work until ``stop`` is set. A fault in one job is logged and never ends the loop."""
    log.info("worker_started")
    is_levelled = False
    while not stop.is_set():
        mark_alive(deps.settings)
        try:
            if not is_levelled:  # a setting changes with a start; the hourly job mends what old processes held
                make_low_due(deps)
                is_levelled = True
            done = run_once(deps, stop)
        except SQLAlchemyError as error:
            log_database_fault(error)
            done = Round(0, 0, 0)
        if done.delivered + done.failed < _BATCH:
            stop.wait(_IDLE_SECONDS)
    log.info("worker_stopped")


def run_once(deps: Deps, stop: threading.Event | None = None) -> Round:
    """One round: what is due in the outbox (at most 20 messages), then the periodic jobs that are due.

    Once ``stop`` is set, the present message or job is finished and no further one begun.
    """
    stop = stop or threading.Event()
    _beat(deps)
    delivered = failed = periodic = 0
    while delivered + failed < _BATCH and not stop.is_set() and (message_id := _lease_message(deps)) is not None:
        if _deliver(deps, message_id):
            delivered += 1
        else:
            failed += 1
    for job in _due_jobs(deps):
        if not stop.is_set():
            periodic += _run_periodic(deps, job)
    return Round(delivered, failed, periodic)


def _beat(deps: Deps) -> None:
    now = deps.clock.now()
    with deps.db.read_session() as session:
        last = session.scalar(select(JobRun.last_done_at).where(JobRun.name == HEARTBEAT))
    if last is None or now - last >= _BEAT_EVERY:
        with deps.db.unit_of_work() as session:
            _job_row(session, HEARTBEAT).last_done_at = now


def _job_row(session: Session, name: str) -> JobRun:
    row = session.scalars(select(JobRun).where(JobRun.name == name).with_for_update()).one_or_none()
    if row is not None:
        return row
    insert_missing(session, JobRun, ("name",), {"name": name})
    return session.scalars(select(JobRun).where(JobRun.name == name).with_for_update()).one()


def _lease_message(deps: Deps) -> int | None:
    """Take the message that is due longest by moving its due time ahead: nobody else takes it until then."""
    now = deps.clock.now()
    due = (select(OutboxMessage).where(OutboxMessage.state == "waiting", OutboxMessage.due_at <= now)
           .order_by(OutboxMessage.due_at, OutboxMessage.id).limit(1))
    with deps.db.read_session() as session:
        if session.scalars(due).first() is None:
            return None
    with deps.db.unit_of_work() as session:
        message = session.scalars(due.with_for_update(skip_locked=True)).first()
        if message is None:
            return None
        message.due_at = now + _LEASE
        return message.id


def _deliver(deps: Deps, message_id: int) -> bool:
    with deps.db.read_session() as session:
        message = session.get_one(OutboxMessage, message_id)
    handler = OUTBOX.get(message.kind)
    if handler is None:
        fault: _Fault | None = _Fault(f"no handler for {message.kind}", is_permanent=True)
    else:
        fault = _attempt(lambda: handler(deps, message.payload))
    failpoints.reach("outbox.delivered")
    if fault is None:
        _finish(deps, message_id)
        return True
    log.warning("outbox_failed", message=message_id, kind=message.kind, error=fault.text)
    _postpone(deps, message_id, fault)
    return False


def _attempt(work: Callable[[], object]) -> _Fault | None:
    """Do one piece of work; what goes wrong in it stays in it."""
    try:
        work()
    except MailFailed as failure:
        return _Fault(str(failure), failure.is_permanent)
    except AppError as refusal:  # foreseen: a store or a signing service that is down
        if refusal.is_fault:
            log.exception("job_fault")
        else:
            log.warning("job_refused", error=refusal.code, causes=refusal.causes)
        return _Fault(type(refusal).__name__)
    except Exception as failure:  # the wall between one job and all the others
        # Texts of foreign errors may hold personal data: the row keeps the name, the log the trace.
        log.exception("job_fault")
        return _Fault(type(failure).__name__)
    return None


def _finish(deps: Deps, message_id: int) -> None:
    with deps.db.unit_of_work() as session:
        message = session.get_one(OutboxMessage, message_id)
        message.state, message.done_at, message.last_error = "done", deps.clock.now(), None
        message.attempts += 1


def _postpone(deps: Deps, message_id: int, fault: _Fault) -> None:
    """Try again later, ever more rarely; give up after eight attempts or a permanent refusal, and say so."""
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        message = session.get_one(OutboxMessage, message_id)
        message.attempts += 1
        message.last_error = fault.text[:300]
        if fault.is_permanent or message.attempts >= _MOST_ATTEMPTS:
            message.state, message.done_at = "dead", now
            _tell_administrators(session, deps, message, now)
        else:
            message.due_at = now + min(_FIRST_PAUSE * 2 ** (message.attempts - 1), _LONGEST_PAUSE)


def _tell_administrators(session: Session, deps: Deps, message: OutboxMessage, now: datetime) -> None:
    today = now.astimezone(deps.settings.tzinfo).date()
    for person_id in administrator_ids(session, today):  # by bell alone: mail is what failed
        notify(session, person_id, "Pengiriman gagal untuk seterusnya (%(kind)s): %(error)s", now,
               params={"kind": message.kind, "error": message.last_error or ""}, by_mail=False)


def _due_jobs(deps: Deps) -> tuple[Periodic, ...]:
    now = deps.clock.now()
    with deps.db.read_session() as session:
        rows = {row.name: row for row in session.scalars(select(JobRun))}
    return tuple(job for job in PERIODIC if _is_free_and_due(deps, job, rows.get(_lease_name(job)), now))


def _is_free_and_due(deps: Deps, job: Periodic, row: JobRun | None, now: datetime) -> bool:
    if row is None:
        return job.is_due(deps, None, now)
    # What was done on a day to come was done under a clock that was ahead.
    done_at = row.last_done_at if row.last_done_at is None or row.last_done_at <= now else None
    return is_over(row.leased_until, now) and job.is_due(deps, done_at, now)


def _run_periodic(deps: Deps, job: Periodic) -> int:
    if not _take_lease(deps, job):
        return 0
    fault = _attempt(lambda: job.run(deps))
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        row = _job_row(session, _lease_name(job))
        if fault is None:
            row.leased_until, row.last_error, row.last_done_at = None, None, now
        else:  # stays due: tried again after a short pause
            row.leased_until, row.last_error = now + _JOB_RETRY, fault.text
            log.error("job_failed", job=job.name, error=fault.text)
    return 1


def _take_lease(deps: Deps, job: Periodic) -> bool:
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        row = _job_row(session, _lease_name(job))
        if not _is_free_and_due(deps, job, row, now):
            return False
        row.leased_until, row.last_started_at = None if job.is_shared else now + _LEASE, now
        return True


def _lease_name(job: Periodic) -> str:
    return f"job:{job.name}"
