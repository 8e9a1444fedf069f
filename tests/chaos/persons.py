"""What people do, whatever has just happened: look at what waits for them, and do it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from svc.deps import Deps
from svc.errors import AppError
from svc.models import Batch, BatchRow, Decree, OutboxMessage, SigningAttempt
from svc.seed.walk import DEMO_PASSPHRASE, KGB_CAST
from svc.services import issuance, redating, routing, signing
from svc.services.batches import drafting, review
from svc.services.batches import retrying as batch_retrying
from svc.services.batches import signing as batch_signing
from svc.services.batches.retrying import find_again
from svc.services.signing_keys import StepUp
from tests.chaos.browser import Browser
from tests.chaos.processes import shift
from tests.chaos.stock import batches_of, singles_of, world_of
from tests.support import batches as b
from tests.support.world import World

_MOST_RETRIES, _CROWD = 6, 50
_PAUSE = 0.06
_WHIM, _MOST_WHIMS, _SHARE_OF_PAUSES = 0.1, 3, 0.6
_JUMP = timedelta(minutes=6)  # longer than leases, authorisations and the age at which recovery begins
_PATIENCE = 3.0
REMOTE_PIN = "314159"
_SLOW_SECONDS = 12.0  # longer than a remote service takes, or the sweep that sends lost messages again


@dataclass
class People:
    """All persons of the service at their desks; what they were refused is remembered, and tried again."""

    deps: Deps
    sign_alone: Callable[[World, str], None] | None = None
    retries: dict[str, int] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    rng: random.Random | None = None  # whims: lists are paused, ended, thinned out; None: nobody changes his mind
    whims: int = 0

    @property
    def world(self) -> World:
        return world_of(self.deps)

    def act(self) -> bool:
        """Do what waits now; whether anything was tried."""
        return self._try(self._act)

    def _act(self) -> bool:
        tried = False
        for attempt_id in self._unknown():
            tried |= self._try(partial(self._abandon, attempt_id))
        for batch_id in batches_of(self.deps):
            tried |= self._try(partial(self._batch, batch_id))
        for decree_id in singles_of(self.deps):
            tried |= self._try(partial(self._single, decree_id))
        return tried

    def _try(self, act: Callable[[], bool]) -> bool:
        try:
            return act()
        except AppError as error:
            self.refusals.append(error.code)
        except (SQLAlchemyError, OSError) as error:  # the page says that it failed
            self.refusals.append(type(error).__name__)
        return True

    def _unknown(self) -> list[str]:
        """Acts of which nobody knows whether there is a signature, and that no worker is at: only their signer can end
        them."""
        now = self.deps.clock.now()
        with self.deps.db.read_session() as session:
            leased = select(BatchRow.decree_id).where(BatchRow.leased_until > now)
            return list(session.scalars(select(SigningAttempt.public_id).where(
                SigningAttempt.state == "unknown", SigningAttempt.decree_id.not_in(leased))))

    def _abandon(self, attempt_id: str) -> bool:
        signing.abandon(self.deps, self.world.actor(b.SIGNER), attempt_id)
        return True

    def _batch(self, batch_id: str) -> bool:
        batch = b.batch_row(self.world, batch_id)
        if self._is_whim() and self._change_mind(batch):
            return True
        if batch.work == "sign" and batch.paused_at is not None:
            batch_signing.resume(self.deps, self.world.actor(b.SIGNER), batch_id)
            return True
        if batch.work and not (batch.work == "sign" and batch.stop_code):
            return False
        world, version = self.world, batch.lock_version
        match batch.status:
            case "draft":
                drafting.submit(self.deps, world.actor(b.CLERK), batch_id, version)
            case "in_review" if batch.assignee_id is None:  # not one of its documents could be laid out
                return self._retry(batch)
            case "in_review":
                review.approve(self.deps, world.actor(self._holder(batch)), batch_id, version)
            case "ready_to_sign" | "signing":
                self._authorise(batch_id)
            case _:
                return self._retry(batch)
        return True

    def _is_whim(self) -> bool:
        return self.rng is not None and self.whims < _MOST_WHIMS and self.rng.random() < _WHIM

    def _change_mind(self, batch: Batch) -> bool:
        """Pause, end, or take rows out, wherever the list stands just now; whether there was something to do."""
        assert self.rng is not None
        self.whims += 1
        batch_id = batch.public_id
        if batch.status == "signing" and batch.work == "sign":
            if self.rng.random() < _SHARE_OF_PAUSES:
                batch_signing.pause(self.deps, self.world.actor(b.SIGNER), batch_id)
            else:
                who = self.world.actor(self.rng.choice((b.SIGNER, b.CLERK)))
                batch_signing.cancel(self.deps, who, batch_id, "Cukup")
            return True
        if batch.work or batch.assignee_id is None or batch.status not in {"in_review", "ready_to_sign"}:
            return False
        who = self.world.actor(self._holder(batch) if batch.status == "in_review" else b.SIGNER)
        rows = [row.row_no for row in b.rows_of(self.world, batch_id) if row.state in {"live", "failed"}]
        review.exclude_rows(self.deps, who, batch_id, batch.lock_version, [self.rng.choice(rows or [1])], "Keliru")
        return True

    def _holder(self, batch: Batch) -> str:
        return next(name for name in b.PARAFS if batch.assignee_id in self.world.actor(name).position_ids)

    def _authorise(self, batch_id: str) -> None:
        actor = self.world.actor(b.SIGNER)
        if batch_signing.refresh(self.deps, actor, batch_id):
            return
        shown = batch_signing.prepare(self.deps, actor, batch_id)
        batch_signing.authorise(self.deps, actor, batch_id, shown.lock_version, shown.list_sha256,
                                StepUp(secret_of(self.deps)))

    def _retry(self, batch: Batch) -> bool:
        """Failed rows are tried again some times, by whoever can."""
        with self.deps.db.read_session() as session:
            again = [name for name in (b.SIGNER, b.CLERK, *b.PARAFS)
                     if find_again(session, batch, self.world.actor(name)) is not None]
        if not again or self.retries.get(batch.public_id, 0) >= _MOST_RETRIES:
            return False
        self.retries[batch.public_id] = self.retries.get(batch.public_id, 0) + 1
        batch_retrying.retry(self.deps, self.world.actor(again[0]), batch.public_id, batch.lock_version)
        return True

    def _single(self, decree_id: str) -> bool:
        world = self.world
        view = world.view(decree_id)
        if view.status == "signing" or view.open_task is None:
            return False
        actor = world.actor(KGB_CAST.by_position[view.open_task.position_code])
        if view.open_task.kind == "paraf":
            routing.approve(self.deps, actor, view.open_task.task_id, view.lock_version)
        elif view.open_task.kind == "sign":
            (self.sign_alone or sign_alone)(world, decree_id)
        else:
            issuance.distribute(self.deps, actor, view.open_task.task_id, view.lock_version)
        return True


def sign_alone(world: World, decree_id: str) -> None:
    """Sign one decree by the services, as a thread of the web server would."""
    view, actor = world.view(decree_id), world.actor(b.SIGNER)
    assert view.open_task is not None
    task_id = view.open_task.task_id
    redating.ensure_dated_today(world.deps, task_id, actor)
    sheet = signing.prepare(world.deps, actor, task_id)
    signing.sign(world.deps, actor, task_id, sheet.lock_version, sheet.frozen_sha256,
                 StepUp(secret_of(world.deps)))


def secret_of(deps: Deps) -> str:
    """What the signer types: for his key here, or at the service that has it."""
    return REMOTE_PIN if deps.settings.csc_url else DEMO_PASSPHRASE


def work_day(deps: Deps, stop: Path, seconds: float, *, by_browser: bool = False) -> list[str]:
    """People act until somebody writes ``stop``, or all is done, or the time is over; what they were refused."""
    persons = People(deps, Browser(f"http://{deps.settings.bind}").sign if by_browser else None,
                     rng=random.Random(deps.settings.var_dir.parent.name))  # of the round
    deadline = time.monotonic() + seconds
    while not stop.exists() and time.monotonic() < deadline:
        if not persons.act() and is_quiet(deps):
            break
        time.sleep(_PAUSE)
    return persons.refusals


def crowd(deps: Deps, stop: Path, seconds: float) -> None:
    """Fifty click at the same moment on whatever waits, again and again."""
    deadline = time.monotonic() + seconds
    with ThreadPoolExecutor(_CROWD) as pool:
        while not stop.exists() and time.monotonic() < deadline and not is_quiet(deps):
            begin = threading.Barrier(_CROWD)
            list(pool.map(lambda _number, begin=begin: _click(deps, begin), range(_CROWD)))


def _click(deps: Deps, begin: threading.Barrier) -> None:
    begin.wait(60)
    People(deps).act()


def settle(deps: Deps, var: Path, begun: timedelta, seconds: float) -> tuple[bool, list[str]]:
    """People follow up until nothing is left to do; where only time helps, time goes by. Whether it came to rest."""
    persons, span = People(deps), begun
    is_slow = deps.settings.engine != "embedded" or deps.settings.csc_url
    patience = _SLOW_SECONDS if is_slow else _PATIENCE
    deadline, last, changed_at = time.monotonic() + seconds, "", time.monotonic()
    while time.monotonic() < deadline:
        acted, state = persons.act(), _state(deps)
        if not acted and is_quiet(deps):
            return True, persons.refusals
        if state != last:
            last, changed_at = state, time.monotonic()
            print(round(changed_at, 2), state, len(persons.refusals), flush=True)
        elif time.monotonic() - changed_at > patience:
            span += _JUMP
            shift(var, span)
            print("time goes by", span, flush=True)
            changed_at = time.monotonic()
        time.sleep(_PAUSE)
    return False, persons.refusals


def is_quiet(deps: Deps) -> bool:
    """Nothing is under way any more. Messages of a process whose clock was ahead go out when their time has come."""
    soon = deps.clock.now() + timedelta(hours=1)
    with deps.db.read_session() as session:
        left = (
            session.scalar(select(func.count()).select_from(Batch).where(
                Batch.status.not_in(("finished", "cancelled")) | (Batch.work != ""))),
            session.scalar(select(func.count()).select_from(Decree).where(
                Decree.status.not_in(("draft", "issued")), Decree.batch_id.is_(None))),
            session.scalar(select(func.count()).select_from(SigningAttempt).where(
                SigningAttempt.state.in_(("claimed", "produced", "unknown")))),
            session.scalar(select(func.count()).select_from(OutboxMessage).where(
                OutboxMessage.state == "waiting", OutboxMessage.due_at < soon)))
    return not any(left)


def _state(deps: Deps) -> str:
    with deps.db.read_session() as session:
        rows = session.execute(select(Batch.status, Batch.work, Batch.stop_code, Batch.lock_version))
        decrees = session.execute(select(Decree.status, func.count()).group_by(Decree.status).order_by(Decree.status))
        pending = session.scalar(select(func.count()).select_from(BatchRow).where(BatchRow.pending))
        return repr((list(rows), list(decrees), pending))
