"""A service of several processes, started as an operator starts them, with one environment and a log for each."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from svc.deps import Deps, build_deps
from svc.ports import SigningHostDown
from svc.settings import Settings


@dataclass(frozen=True)
class Running:
    """One process, leader of its own group."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """As a machine that loses its power: the process and its children end in the middle of whatever they do."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds: float = 30) -> int:
        """As a supervisor does; the exit code. Killed when it does not end in time."""
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.returncode


@dataclass
class Service:
    """Processes that share settings; ``deps`` is what the test itself works with."""

    folder: Path
    environment: Mapping[str, str]
    running: list[Running] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        return Settings.from_env(dict(self.environment), env_file=None)

    def build(self) -> Deps:
        return build_deps(self.settings)

    def start(self, name: str, *command: str, **settings: str) -> Running:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PARAF_")}
        log = self.folder / f"{name}.log"
        with log.open("ab") as out:
            process = subprocess.Popen([sys.executable, "-m", "svc.cli", *command], stdout=out, stderr=out,
                                       env=clean | dict(self.environment) | settings, start_new_session=True)
        started = Running(name, process, log)
        self.running.append(started)
        return started

    def stop_all(self) -> None:
        for one in self.running:
            if one.is_alive:
                one.process.terminate()
        for one in self.running:
            try:
                one.process.wait(30)
            except subprocess.TimeoutExpired:
                one.kill()

    def logs(self) -> str:
        return "\n".join(f"== {one.name}\n{one.log.read_text('utf-8', 'replace')[-2000:]}" for one in self.running)


@contextlib.contextmanager
def service(folder: Path, environment: Mapping[str, str]) -> Iterator[Service]:
    made = Service(folder, environment)
    try:
        yield made
    finally:
        made.stop_all()


def wait_until(true: Callable[[], bool], seconds: float, says: Callable[[], str] = str) -> None:
    """:raises AssertionError: it did not become true in time; ``says`` tells more"""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, says()
        time.sleep(0.1)


def holds_keys(deps: Deps) -> bool:
    """Whether a signing host answers."""
    try:
        deps.signing_host.is_open("")
    except SigningHostDown:
        return False
    return True
