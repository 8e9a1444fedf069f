"""One round's service: a folder, its processes, and what is done to them."""

from __future__ import annotations

import pickle
import random
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import func, select

from certs.trust import TrustStore
from svc.models import Decree
from svc.services import trust
from svc.settings import Settings
from tests.chaos.oracle import Finding, Folder, Objects, gather, judge, strict
from tests.chaos.persons import crowd, settle, work_day
from tests.chaos.processes import ROLES, Child, call, deps_of, fork, shift
from tests.chaos.stock import settings_of
from tests.chaos.whole import WholeService
from tests.support.stores import Bucket

_TICK = 0.01
_BATCH_WORKERS = 2
_DAY_SECONDS = 20.0
_SETTLE_SECONDS = 180.0  # rows of a worker that dies again wait again, three quarters of a minute each time
_AFTER = timedelta(minutes=6)  # recovery leaves younger acts to the process that may be at them


@dataclass
class Scene:
    """A service under attack. Names of processes are role or role#n; people's is ``people``."""

    folder: Path
    rng: random.Random
    more: Mapping[str, str]
    span: timedelta = timedelta()
    running: dict[str, Child] = field(default_factory=dict)
    died: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    whole: WholeService | None = None

    @property
    def var(self) -> Path:
        return self.folder / "var"

    @property
    def settings(self) -> Settings:
        return settings_of(self.var, self.more)

    def start(self, name: str, failpoint: str = "") -> None:
        """Start a process, perhaps one that is to end at a failpoint."""
        settings = settings_of(self.var, {**self.more, "PARAF_FAILPOINT": failpoint})
        role = _role(name)
        work: Callable[[], object] = partial(PERSONS[role] if role in PERSONS else ROLES[role], settings)
        self.running[name] = fork(name, work, self.folder / f"{name}.log", self.folder / f"{name}.answer")

    def start_all(self, failpoints: Mapping[str, str] | None = None, people: str = "people") -> None:
        """Everything: signing host, workers, and people at their desks; failpoints by name of the process."""
        chosen = failpoints or {}
        for name in ("host", *(f"batch#{number}" for number in range(_BATCH_WORKERS)), "worker", people):
            if name:
                self.start(name, chosen.get(name, ""))

    def kill(self, name: str) -> None:
        """SIGKILL."""
        if name in self.running:
            self.running.pop(name).kill()
            self.died.append(name)

    def pass_time(self, seconds: float, until: Callable[[], bool] = lambda: False, *, revive: bool = True) -> bool:
        """Let it run, starting anew what died; whether what was waited for came about."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._look(revive=revive)
            if until():
                return True
            time.sleep(_TICK)
        return until()

    def _look(self, *, revive: bool) -> None:
        for name, child in list(self.running.items()):
            if child.is_alive:
                continue
            del self.running[name]
            if child.code == 0 and _role(name) in PERSONS:
                continue
            self.died.append(name)
            if revive:
                self.start(name)

    def begin_whole(self) -> None:
        """Start ``paraf run`` itself."""
        self.whole = WholeService(self.settings, self.folder / "run.log")
        if not self.whole.wait_until_healthy():
            self.notes.append("paraf run did not come up")

    def kill_in_whole(self) -> None:
        """Kill one of the children that the supervisor has now."""
        assert self.whole is not None
        children = self.whole.children()
        name = self.rng.choice(sorted(children) or [""])
        if name:
            self.whole.kill(children[name])
            self.died.append(name.partition(" ")[0])

    @property
    def is_over(self) -> bool:
        """People have nothing more to do."""
        return not any(_role(name) in PERSONS for name in self.running)

    def shift(self, span: timedelta, role: str = "") -> None:
        """Set clocks, of all or of one role."""
        if not role:
            self.span = span
        shift(self.var, span, role)

    def end(self, *, gently: bool) -> None:
        """Stop all, gently or not."""
        (self.folder / "stop").touch()
        for child in self.running.values():
            child.stop() if gently else child.kill()
        self.running.clear()
        if self.whole is not None:
            self.whole.end(gently=gently)
        (self.folder / "stop").unlink()

    def settle(self, failpoints: Mapping[str, str]) -> bool:
        """Everything is started again, time has passed, and people follow up; whether it comes to rest.

        ``failpoints`` strike a second time, now that it is being cleared up.
        """
        self.shift(self.span + _AFTER)
        self.start_all(failpoints, people="")
        answer = self.folder / "settled"
        child = fork("settle", partial(_settle, self.settings, self.span), self.folder / "settle.log", answer)
        self.pass_time(_SETTLE_SECONDS + 10, lambda: not child.is_alive)
        child.kill()
        for name in list(self.running):
            self.running.pop(name).stop()
        return answer.exists() and bool(pickle.loads(answer.read_bytes()))  # noqa: S301 - our own child wrote it

    def judge(self) -> list[Finding]:
        """The oracle's findings, found in a process of its own."""
        found: list[Finding] = call(partial(_judge, self.settings), self.folder, 120)
        return found

    def forget(self) -> None:
        """Nothing of it was wrong."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _role(name: str) -> str:
    return name.partition("#")[0]


def _people(settings: Settings, *, by_browser: bool = False) -> list[str]:
    deps = deps_of(settings, "web")
    try:
        return work_day(deps, _stop_of(settings), _DAY_SECONDS, by_browser=by_browser)
    finally:
        deps.db.dispose()


def _crowd(settings: Settings) -> None:
    deps = deps_of(settings, "web")
    crowd(deps, _stop_of(settings), _DAY_SECONDS)
    deps.db.dispose()


def _stop_of(settings: Settings) -> Path:
    return settings.var_dir.parent / "stop"


PERSONS: dict[str, Callable[[Settings], object]] = {
    "people": _people, "browsers": partial(_people, by_browser=True), "crowd": _crowd}


def _settle(settings: Settings, span: timedelta) -> bool:
    deps = deps_of(settings, "web")
    came_to_rest, refusals = settle(deps, settings.var_dir, span, _SETTLE_SECONDS)
    print("refusals", refusals[-20:])
    return came_to_rest


def _judge(settings: Settings) -> list[Finding]:
    deps = deps_of(settings, "judge")
    known: TrustStore = trust.trust_store(deps)
    objects: Objects = Folder(settings.var_dir / "store")
    if settings.store == "s3":
        with deps.db.read_session() as session:  # other rounds keep theirs in the same bucket
            decrees = session.scalars(select(Decree.public_id)).all()
        objects = Bucket(deps.store, [f"decrees/{decree_id}/" for decree_id in decrees])
    evidence = gather(settings.effective_database_url, objects)
    with deps.db.read_session() as session:  # what a clock that was ahead has signed counts once its time has come
        last = session.scalar(select(func.max(Decree.signed_at)))
    moments = [deps.clock.now(), datetime.now(UTC), *([last] if last is not None else [])]
    return judge(evidence, strict(known, max(moments) + timedelta(seconds=1)))
