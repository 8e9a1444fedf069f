"""A round: a copy of a prepared service, a disaster, all started again, and then the oracle."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.chaos.faults import Fault, Surroundings, faults, second_strike
from tests.chaos.oracle import Finding
from tests.chaos.persons import REMOTE_PIN
from tests.chaos.processes import call, know_keys, load_everything
from tests.chaos.scene import Scene
from tests.chaos.servers import (
    BadLine,
    Broker,
    RemoteSigner,
    bad_line,
    fill,
    give_room,
    remote_signer,
    small_disk,
)
from tests.chaos.stock import SIZES, Stock, build_stock, move_key, name_of
from tests.support.postgres import PostgresServer
from tests.support.s3 import ACCESS_KEY, SECRET_KEY, free_port, seaweedfs

_DISK_MEGABYTES = 24
_CREDENTIAL = "chaos"
_LEVELS = ("B-B",) * 6 + ("B-T",) * 3 + ("B-LTA",)


@dataclass(frozen=True)
class Outcome:
    """How a round ended. ``struck``: processes that died; ``notes`` say what was done."""

    seed: int
    fault: str
    stage: str
    notes: tuple[str, ...]
    struck: tuple[str, ...]
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def is_clean(self) -> bool:
        return not self.findings


class Lane:
    """Rounds one after the other, with what they lean on started when it is first needed."""

    def __init__(self, folder: Path, stock: Stock) -> None:
        folder.mkdir(parents=True)
        self._folder, self._stock = folder, stock
        self._open = ExitStack()
        self._postgres: tuple[PostgresServer, Stock] | None = None
        self._line: BadLine | None = None
        self._disk: Path | None = None
        self._service: RemoteSigner | None = None
        self._broker: Broker | None = None
        self.faults = faults(Surroundings(
            self._restart_database, lambda fault, share: self._behind_line().fail(fault, share),
            lambda left: fill(self._on_disk(), left), lambda: give_room(self._on_disk()),
            self._spoil_broker))

    def close(self) -> None:
        """End what was started."""
        self._open.close()

    def run(self, seed: int, only: Sequence[str] = ()) -> Outcome:
        """One round; the fault follows from the seed, out of all or of those named."""
        began, rng = time.monotonic(), random.Random(f"round {seed}")
        chosen = [one for one in self.faults if not only or one.name in only]
        fault = chosen[seed % len(chosen)]
        rows = SIZES[0] if fault.needs == "disk" else rng.choice(SIZES)  # the small disk is full by the fault alone
        stage = name_of(rng.choice(fault.stages), rows)
        scene = self._prepare(seed, fault, stage, rng)
        fault.strike(scene)
        scene.end(gently=rng.random() < 0.3)
        struck = tuple(scene.died)
        came_to_rest = scene.settle(second_strike(rng))
        findings = scene.judge()
        if not came_to_rest:
            findings.insert(0, Finding("no_rest", "something is still under way"))
        self._clear(scene, fault, keep=bool(findings))
        return Outcome(seed, fault.name, stage, tuple(scene.notes), struck, tuple(findings), time.monotonic() - began)

    def _prepare(self, seed: int, fault: Fault, stage: str, rng: random.Random) -> Scene:
        folder = self._folder / f"round-{seed}"
        if fault.needs == "disk":
            folder = self._on_disk() / f"round-{seed}"
        folder.mkdir()
        port = free_port()
        more = {"PARAF_BIND": f"127.0.0.1:{port}", "PARAF_BASE_URL": f"http://127.0.0.1:{port}",
                "PARAF_WEB_WORKERS": "1",
                "PARAF_SIGNATURE_LEVEL": fault.level or rng.choice(_LEVELS)}
        stock = self._stock
        if fault.needs == "postgres":
            server, stock = self._on_postgres()
            more["PARAF_DATABASE_URL"] = server.create(f"round_{seed}", stage)
        elif fault.needs == "s3":
            more |= {"PARAF_STORE": "s3", "PARAF_S3_ENDPOINT": f"127.0.0.1:{self._behind_line().port}",
                     "PARAF_S3_ACCESS_KEY": ACCESS_KEY, "PARAF_S3_SECRET_KEY": SECRET_KEY, "PARAF_S3_SECURE": "false",
                     "PARAF_S3_RETENTION_DAYS": "0"}
        elif fault.needs == "redis":
            more |= {"PARAF_ENGINE": "celery", "PARAF_BROKER_URL": self._with_broker()}
            self._spoil_broker("flushed")
        stock.copy(stage, folder / "var")
        if fault.needs == "csc":
            service = self._at_a_service()
            more |= {"PARAF_CSC_URL": service.url, "PARAF_CSC_TOKEN": service.token}
            shutil.copytree(service.trust, folder / "var" / "trust")
            call(partial(move_key, folder / "var", more, _CREDENTIAL), folder)
        return Scene(folder, rng, more)

    def _clear(self, scene: Scene, fault: Fault, *, keep: bool) -> None:
        if fault.needs == "postgres":
            self._on_postgres()[0].drop(scene.more["PARAF_DATABASE_URL"])
        if keep and fault.needs == "disk":
            shutil.copytree(scene.folder, self._folder / scene.folder.name)
        if not keep or fault.needs == "disk":
            scene.forget()

    def _on_postgres(self) -> tuple[PostgresServer, Stock]:
        if self._postgres is None:
            server = PostgresServer()
            self._open.callback(server.stop)
            stock = build_stock(self._folder / "stock", self._stock.folder / "founded", server.create)
            self._postgres = (server, stock)
        return self._postgres

    def _restart_database(self) -> None:
        self._on_postgres()[0].restart_at_once()

    def _with_broker(self) -> str:
        if self._broker is None:
            folder = self._folder / "redis"
            folder.mkdir()
            self._broker = Broker(folder)
            self._open.callback(self._broker.stop)
        return self._broker.url

    def _spoil_broker(self, fault: str) -> None:
        self._with_broker()
        assert self._broker is not None
        self._broker.flush() if fault == "flushed" else self._broker.restart()

    def _at_a_service(self) -> RemoteSigner:
        if self._service is None:
            folder = self._folder / "csc"
            folder.mkdir()
            self._service = self._open.enter_context(remote_signer(folder, _CREDENTIAL, REMOTE_PIN))
        return self._service

    def _behind_line(self) -> BadLine:
        if self._line is None:
            folder = self._folder / "s3"
            folder.mkdir()
            server = self._open.enter_context(seaweedfs(folder))
            self._line = self._open.enter_context(bad_line(server.endpoint, folder, 1))
        return self._line

    def _on_disk(self) -> Path:
        if self._disk is None:
            self._disk = self._open.enter_context(small_disk(self._folder / "disk", _DISK_MEGABYTES))
        return self._disk


@contextmanager
def lane(folder: Path, stock: Stock) -> Iterator[Lane]:
    """A lane whose servers end with the block."""
    opened = Lane(folder, stock)
    try:
        yield opened
    finally:
        opened.close()


def prepare(folder: Path) -> Stock:
    """Load everything and make the prepared services."""
    load_everything()
    stock = build_stock(folder)
    know_keys(folder / "founded")
    return stock
