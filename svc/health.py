"""Whether the service can do its work: database, store, queue, broker, TSA, cage and signing host, really asked.

What lasts for years (preservation, trust, the own CAs) is told beside them: it needs a hand, and is no outage.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from certs.errors import TimestampUnavailable
from certs.statement import stamp
from svc.cage.port import CageUnavailable
from svc.deps import Deps
from svc.models import JobRun, OutboxMessage
from svc.ports import EngineDown, SigningHostDown, StoreUnavailable
from svc.services.preservation_state import figures
from svc.services.trust import FOLDERS, misplaced

_WORKER_SILENT = timedelta(seconds=90)
_OLDEST_WAITING = timedelta(minutes=15)


@runtime_checkable
class ReportsState(Protocol):
    """A time-stamp service that knows how it is without giving a token each time it is asked."""

    def report(self, now: datetime) -> str:
        """Who gives tokens, and who does not. :raises TimestampUnavailable: nobody does"""
        ...


@dataclass(frozen=True)
class Part:
    """One part: whether it answers, what it said, and how long that took in milliseconds."""

    name: str
    is_ok: bool
    detail: str
    milliseconds: float


@dataclass(frozen=True)
class Health:
    database: Part
    store: Part
    queue: Part
    tsa: Part
    cage: Part
    signing_host: Part
    broker: Part
    preservation: Part
    trust: Part
    pki: Part

    @property
    def is_healthy(self) -> bool:
        """Whether it can do its work now; ``preservation``, ``trust`` and ``pki`` need a hand, and do not count."""
        parts = (self.database, self.store, self.queue, self.tsa, self.cage, self.signing_host, self.broker)
        return all(part.is_ok for part in parts)


@dataclass(frozen=True)
class _Answer:
    deps: Deps
    at: datetime
    health: Health


_AHEAD = timedelta(days=2 * 365)  # a signer's certificate lasts two years, and ends with its CA at the latest
_FRESH = timedelta(seconds=2)
_STALE = timedelta(seconds=30)
_FIRST_WAIT = 5.0  # seconds
_asking = threading.Lock()
_last: _Answer | None = None


def check(deps: Deps) -> Health:
    """Ask every part; a part that fails says so and hides no other."""
    return Health(
        database=_timed("database", lambda: _database(deps)),
        store=_timed("store", lambda: _store(deps)),
        queue=_timed("queue", lambda: _queue(deps)),
        tsa=_timed("tsa", lambda: _tsa(deps)),
        cage=_timed("cage", lambda: _cage(deps)),
        signing_host=_timed("signing_host", lambda: _signing_host(deps)),
        broker=_timed("broker", lambda: _broker(deps)),
        preservation=_timed("preservation", lambda: _preservation(deps)),
        trust=_timed("trust", lambda: _trust(deps)),
        pki=_timed("pki", lambda: _pki(deps)))


def check_recent(deps: Deps) -> Health:
    """As :func:`check`, at most once in two seconds per process: anybody may ask, and a token costs a signature.

    While one asks, the others get the last answer for half a minute at most: a slow part holds up one thread alone.
    """
    global _last  # noqa: PLW0603 - one per process is the point
    if not _asking.acquire(blocking=False):
        known = _known(deps, _STALE)
        if known is not None:
            return known
        if not _asking.acquire(timeout=_FIRST_WAIT):
            return _not_known_yet()
    try:
        known = _known(deps, _FRESH)
        if known is None:
            at, known = deps.clock.now(), check(deps)
            _last = _Answer(deps, at, known)
        return known
    finally:
        _asking.release()


def _known(deps: Deps, age: timedelta) -> Health | None:
    last = _last
    if last is None or last.deps is not deps or not timedelta(0) <= deps.clock.now() - last.at < age:
        return None
    return last.health


def _not_known_yet() -> Health:
    return Health(*(Part(field.name, False, "still being asked", 0.0) for field in fields(Health)))


def _timed(name: str, ask: Callable[[], str]) -> Part:
    began = time.perf_counter()
    try:
        detail, is_ok = ask(), True
    except (SQLAlchemyError, StoreUnavailable, _NotWellError) as error:
        detail, is_ok = str(error) if isinstance(error, _NotWellError) else type(error).__name__, False
    return Part(name, is_ok, detail, round((time.perf_counter() - began) * 1000, 2))


class _NotWellError(Exception):
    """A part answered, but not well; the text says how."""


def _database(deps: Deps) -> str:
    deps.db.ping()
    return "sqlite" if deps.db.is_sqlite else "postgresql"


def _store(deps: Deps) -> str:
    deps.store.ping()
    return deps.settings.store


def _queue(deps: Deps) -> str:
    now = deps.clock.now()
    with deps.db.read_session() as session:
        beat = session.scalar(select(JobRun.last_done_at).where(JobRun.name == "worker"))
        # A retry or a lease moves the due time ahead: what is long overdue was looked at by nobody.
        oldest = session.scalar(select(func.min(OutboxMessage.due_at)).where(OutboxMessage.state == "waiting"))
    if beat is None or now - beat > _WORKER_SILENT:
        raise _NotWellError("the worker is silent")
    if oldest is not None and now - oldest > _OLDEST_WAITING:
        raise _NotWellError(f"messages wait for {(now - oldest) // timedelta(minutes=1)} minutes")
    return "worker alive"


def _cage(deps: Deps) -> str:
    """Which bars hold a worker; gaps are told and are no outage."""
    try:
        facts = deps.cage.facts()
    except CageUnavailable as error:
        raise _NotWellError("no worker starts") from error
    if not facts.is_apart:
        return "none: files are parsed within the service"
    return f"gaps: {', '.join(facts.missing)}" if facts.missing else f"closed (Landlock {facts.landlock})"


def _signing_host(deps: Deps) -> str:
    """Batches cannot be signed while nobody holds keys."""
    try:
        deps.signing_host.is_open("")
    except SigningHostDown as error:
        raise _NotWellError("it does not answer") from error
    return "answers"


def _broker(deps: Deps) -> str:
    """Batches stand still while workers that wait for messages get none."""
    if not deps.engine.is_swept:
        return "none: batch workers look into the database"
    try:
        return f"answers, {deps.engine.waiting()} messages wait"
    except EngineDown as error:
        raise _NotWellError("it does not answer: batches stand still") from error


def _preservation(deps: Deps) -> str:
    """Documents that are provable for less long than the settings want; not well are those that need a hand."""
    found = figures(deps)
    if found.stuck or found.long_waiting:
        raise _NotWellError(f"{found.stuck} documents are stuck, {found.long_waiting} wait for long, "
                            f"{found.waiting} in all; see docs/operations.md, and then paraf archive retry")
    if found.waiting:
        return f"0 documents are stuck, {found.waiting} wait for a time stamp or revocation data and are tried again"
    if found.low:
        level = deps.settings.signature_level
        how = "a start of the worker raises them" if level in {"B-LT", "B-LTA"} else "only B-LT and B-LTA raise them"
        return f"0 documents are stuck, 0 wait, {found.low} are below {level}: {how}"
    return "0 documents are stuck, 0 wait: each is as the settings want"


def _trust(deps: Deps) -> str:
    """Certificates that an operator put where they count for nothing."""
    found = misplaced(deps)
    if found:
        raise _NotWellError(f"trusted for nothing in var/trust: {', '.join(found)}; move each into its folder "
                            f"{' or '.join(FOLDERS)}, or confirm it with paraf trust add and confirm")
    return "each for its purpose"


def _pki(deps: Deps) -> str:
    """From two years before their end what the own CAs issue is shorter and shorter; the next start extends them."""
    authorities = (deps.pki.issuing, deps.pki.development.root)
    end = min(one.certificate.not_valid_after_utc for one in authorities)
    if end - deps.clock.now() <= _AHEAD:
        raise _NotWellError(f"the own certification authority ends on {end:%Y-%m-%d}: start the service again, which "
                            "gives it a later end; see docs/operations.md, The own certification authority")
    return f"until {end:%Y-%m-%d}"


def _tsa(deps: Deps) -> str:
    try:
        if isinstance(deps.tsa, ReportsState):
            return deps.tsa.report(deps.clock.now())
        stamp(b"health", deps.tsa, deps.clock.now())
    except TimestampUnavailable as error:
        raise _NotWellError(str(error) if isinstance(deps.tsa, ReportsState) else "no token came back") from error
    return "token given"
