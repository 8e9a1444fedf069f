"""A process that works through batches, chunk by chunk; as many as there are cores, on as many hosts as one likes.

It is polite: people who sign single documents come first, so it runs at a lower priority, and its transactions are
short. What goes wrong in one chunk is logged and tried again by the next look; nothing is remembered in the process.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from svc.alive import mark_alive
from svc.deps import Deps
from svc.errors import AppError
from svc.memory import tame_garbage_collector
from svc.outage import log_database_fault
from svc.services import preservation
from svc.services.batches import work as batch_work

log = structlog.get_logger(__name__)

_NICENESS = 10
_IDLE_SECONDS = 0.3
_FAULT_SECONDS = 2.0
_MOMENT_SECONDS = 1.0


def run_batch_worker(deps: Deps, stop: threading.Event) -> None:
    """Work until ``stop`` is set; the present chunk is finished first."""
    step_aside(deps)
    log.info("batch_worker_started")
    while not stop.is_set():
        mark_alive(deps.settings)
        if not run_one(deps, stop) and not _preserve(deps, stop):
            stop.wait(_IDLE_SECONDS)
    log.info("batch_worker_stopped")


def serve_for_a_moment(deps: Deps, batch_id: str, work: str, stop: threading.Event | None = None) -> bool:
    """Work on one batch as long as it has this work, one second and a chunk at most; whether there is more to do."""
    until, stop = time.monotonic() + _MOMENT_SECONDS, stop or threading.Event()
    while run_one(deps, stop, batch_id, work):
        if time.monotonic() >= until or stop.is_set():
            return True
    return False


def run_one(deps: Deps, stop: threading.Event, batch_id: str | None = None, work: str = "") -> bool:
    """One chunk, of the batch served least recently or of a given one; whether there was one to do."""
    return _attempt(lambda: batch_work.run_chunk(deps, batch_id, work), stop)


def _preserve(deps: Deps, stop: threading.Event) -> bool:
    """Where no batch waits: raise some signed documents to the wanted level; whether there was one to raise."""
    return _attempt(lambda: preservation.preserve_due(deps, seconds=_MOMENT_SECONDS).looked_at > 0, stop)


def _attempt(act: Callable[[], bool], stop: threading.Event) -> bool:
    try:
        return act()
    except SQLAlchemyError as error:
        log_database_fault(error)
    except AppError as error:
        log.warning("chunk_postponed", code=error.code)
    except Exception:  # the wall between one chunk and all the others
        log.exception("chunk_fault")
    stop.wait(_FAULT_SECONDS)
    return False


def step_aside(deps: Deps) -> None:
    """Yield to web and signing host where the machine or the database is busy, and keep the start-up objects out of
    collections."""
    deps.courtesy.work_in_bulk()
    deps.db.give_way(deps.courtesy.pause)
    with contextlib.suppress(OSError, AttributeError):  # Windows knows no niceness
        os.nice(_NICENESS)
    tame_garbage_collector()
