"""How a person who signs single decrees fares while batches are at work, and whether two batches share fairly.

    python -m benchmarks.interactive [--docs 1000] [--singles 300] [--level B-B] [--database postgresql+psycopg://…] \\
        [--json]

A whole service runs (``paraf run``, all its processes). One person signs decree after decree by HTTP: first while
nothing else happens, then while two batches of ``--docs`` letters each are laid out, then while both are signed.

``sign``      from pressing the button of the sheet until the decree's page is there, milliseconds
``inbox``     the inbox page, milliseconds
``ratio``     p95 while batches work over p95 idle, in the same run; the goal is 2 at most
``shares``    how far each batch is (0 to 1) when the first of them is done; fair are two numbers near 1
``docs_per_s`` of both batches together meanwhile
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import structlog
from sqlalchemy import func, select

from svc.deps import build_deps
from svc.migrate import upgrade
from svc.models import Batch, Decree
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services.batches import drafting, review, signing, work
from svc.services.signing_keys import StepUp
from tests.support import batches as b
from tests.support.processes import Service, holds_keys, service, wait_until
from tests.support.s3 import free_port
from tests.support.web_person import WebPerson
from tests.support.world import PASSWORD, World, people

_WARM = 5
_IDLE_SHARE = 4  # so that part of the single decrees is signed before the batches begin
_POLL_SECONDS = 0.25
_START_SECONDS = 120.0
_WORK_SECONDS = 3600.0
STAGES = ("layout", "signing")


@dataclass(frozen=True)
class Latency:
    """Of one page, in milliseconds."""

    p50: float
    p95: float
    count: int


@dataclass
class Result:
    """See the module's text; the keys of ``shares`` and ``docs_per_s`` are stages."""

    docs: int
    level: str
    database: str
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    latency: dict[str, dict[str, Latency]] = field(default_factory=dict)
    ratio: dict[str, dict[str, float]] = field(default_factory=dict)
    shares: dict[str, tuple[float, ...]] = field(default_factory=dict)
    docs_per_s: dict[str, float] = field(default_factory=dict)


class Signer:
    """The person at the browser, and the tasks that wait for him."""

    def __init__(self, url: str, tasks: Sequence[str]) -> None:
        self._web = WebPerson(url)
        self._web.log_in(b.SIGNER, PASSWORD)
        self._tasks = list(tasks)

    @property
    def left(self) -> int:
        """Decrees that are not signed yet."""
        return len(self._tasks)

    def sign_on(self, most: int, until: threading.Event) -> dict[str, list[float]]:
        """Sign decrees, looking into the inbox between, until there were enough of them or it is over."""
        taken: dict[str, list[float]] = {"sign": [], "inbox": []}
        while len(taken["sign"]) < most and not until.is_set():
            action = f"/tasks/{self._tasks.pop()}/sign"
            form = self._web.get(action).form(action) | {"passphrase": DEMO_PASSPHRASE}
            began = time.perf_counter()
            answer = self._web.send(action, form)
            taken["sign"].append(time.perf_counter() - began)
            if not answer.path.startswith("/decrees/"):
                raise RuntimeError(f"not signed: {answer.path}")
            began = time.perf_counter()
            self._web.get("/inbox")
            taken["inbox"].append(time.perf_counter() - began)
        return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--docs", type=int, default=1000, help="letters of each of the two batches")
    parser.add_argument("--singles", type=int, default=300, help="decrees that are there to be signed one by one")
    parser.add_argument("--level", default="B-B", choices=("B-B", "B-T"))
    parser.add_argument("--database", default="", help="SQLAlchemy URL of an empty database; default: SQLite")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), chosen.docs, chosen.singles, chosen.level, chosen.database)
    if chosen.json:
        print(json.dumps(asdict(result), indent=2))
        return
    for stage, pages in result.latency.items():
        for name, one in pages.items():
            ratio = f"  p95 {result.ratio[stage][name]:.2f} times idle" if stage in result.ratio else ""
            print(f"{stage:8} {name:6} p50 {one.p50:6.0f} ms  p95 {one.p95:6.0f} ms  of {one.count}{ratio}")
    for stage in STAGES:
        print(f"{stage:8} shares {', '.join(f'{one:.2f}' for one in result.shares[stage])} when the first was done; "
              f"{result.docs_per_s[stage]:.0f} documents a second")


def measure(folder: Path, docs: int, singles: int, level: str, database: str = "") -> Result:
    """Run a service of its own in an empty folder."""
    address = f"127.0.0.1:{free_port()}"
    environment = {
        "PARAF_VAR_DIR": str(folder / "var"), "PARAF_BIND": address, "PARAF_BASE_URL": f"http://{address}",
        "PARAF_SIGNATURE_LEVEL": level, "PARAF_RATE_LIMITS": "false", "PARAF_LOG_LEVEL": "WARNING",
        **({"PARAF_DATABASE_URL": database} if database else {})}
    with service(folder, environment) as made:
        (folder / "var").mkdir(mode=0o700)
        upgrade(made.settings.effective_database_url)
        deps = build_deps(made.settings)
        result = Result(docs, level, made.settings.effective_database_url.split(":", 1)[0])
        try:
            world = people(deps)
            world.give_certificates(b.SIGNER)
            tasks = [_ready_task(world) for _ in range(singles)]
            batches = [_parafed(world, docs, title) for title in ("satu", "dua")]
            made.start("run", "run")
            wait_until(lambda: holds_keys(deps) and _answers(f"http://{address}"), _START_SECONDS, made.logs)
            _run(made, world, Signer(f"http://{address}", tasks), batches, result)
        finally:
            deps.db.dispose()
    return result


def _ready_task(world: World) -> str:
    view = world.view(world.walk("ready_to_sign"), b.SIGNER)
    if view.open_task is None:
        raise RuntimeError("a decree does not wait for its signer")
    return view.open_task.task_id


def _parafed(world: World, docs: int, title: str) -> str:
    """A batch that waits for its last paraf."""
    batch_id = b.drafted(world, docs, title)
    drafting.submit(world.deps, world.actor(b.CLERK), batch_id, b.batch_row(world, batch_id).lock_version)
    work.drain(world.deps, batch_id)
    for username in b.PARAFS[:-1]:
        b.approve(world, batch_id, username)
    return batch_id


def _answers(url: str) -> bool:
    try:
        WebPerson(url).get("/login")
    except OSError:
        return False
    return True


def _run(made: Service, world: World, signer: Signer, batches: Sequence[str], result: Result) -> None:
    never = threading.Event()
    signer.sign_on(_WARM, never)
    result.latency["idle"] = _summed(signer.sign_on(signer.left // _IDLE_SHARE, never))
    for stage in STAGES:
        for batch_id in batches:
            _begin(world, batch_id, stage)
        watch = _Watch(world, batches, result.docs, stage)
        watch.start()
        taken = signer.sign_on(signer.left if stage == STAGES[-1] else signer.left // 2, watch.over)
        watch.join(_WORK_SECONDS)
        if watch.fault or watch.is_alive():
            raise RuntimeError(f"{watch.fault or 'a batch does not end'}\n{made.logs()}")
        result.latency[stage] = _summed(taken)
        result.shares[stage], result.docs_per_s[stage] = watch.seen.shares, watch.seen.docs_per_s
        result.ratio[stage] = {name: round(one.p95 / result.latency["idle"][name].p95, 2)
                               for name, one in result.latency[stage].items()}


def _begin(world: World, batch_id: str, stage: str) -> None:
    deps = world.deps
    if stage == "layout":
        review.approve(deps, world.actor(b.PARAFS[-1]), batch_id, b.batch_row(world, batch_id).lock_version)
        return
    actor = world.actor(b.SIGNER)
    shown = signing.prepare(deps, actor, batch_id)
    signing.authorise(deps, actor, batch_id, shown.lock_version, shown.list_sha256, StepUp(DEMO_PASSPHRASE))


@dataclass(frozen=True)
class _Seen:
    """How far the batches were when the first of them was done."""

    shares: tuple[float, ...]
    docs_per_s: float


class _Watch(threading.Thread):
    """Follows batches to the end of a stage; ``over`` is set as soon as the first of them is done with it."""

    def __init__(self, world: World, batches: Sequence[str], docs: int, stage: str) -> None:
        super().__init__(daemon=True)
        self._world, self._batches, self._docs, self._stage = world, batches, docs, stage
        self.over = threading.Event()
        self.seen = _Seen((), 0)
        self.fault = ""

    def run(self) -> None:
        try:
            self._follow()
        except Exception as error:  # noqa: BLE001 - told by the thread that waits
            self.fault = repr(error)
        finally:
            self.over.set()

    def _follow(self) -> None:
        began = time.perf_counter()
        while True:
            done = [self._done(batch_id) for batch_id in self._batches]
            if not self.over.is_set() and max(done) >= self._docs:
                rate = sum(done) / (time.perf_counter() - began)
                self.seen = _Seen(tuple(round(one / self._docs, 2) for one in done), round(rate, 1))
                self.over.set()
            rows = [b.batch_row(self._world, batch_id) for batch_id in self._batches]
            if any(row.stop_code for row in rows):
                raise RuntimeError(f"a batch stopped: {[row.stop_code for row in rows]}")
            if min(done) >= self._docs and not any(row.work for row in rows):
                return
            time.sleep(_POLL_SECONDS)

    def _done(self, batch_id: str) -> int:
        statuses = ("ready_to_sign",) if self._stage == "layout" else ("signed", "issued")
        with self._world.deps.db.read_session() as session:
            return session.scalar(
                select(func.count()).select_from(Decree).join(Batch, Batch.id == Decree.batch_id)
                .where(Batch.public_id == batch_id, Decree.status.in_(statuses))) or 0


def _summed(taken: Mapping[str, Sequence[float]]) -> dict[str, Latency]:
    """:raises RuntimeError: the stage was over before there was anything to measure"""
    if min(map(len, taken.values())) < 2:
        raise RuntimeError("a stage was too short: more --docs")
    found = {}
    for name, seconds in taken.items():
        cuts = statistics.quantiles(seconds, n=20, method="inclusive")
        found[name] = Latency(round(cuts[9] * 1000, 1), round(cuts[18] * 1000, 1), len(seconds))
    return found


if __name__ == "__main__":
    main()
