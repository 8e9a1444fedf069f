"""The service's processes, forked from one that has everything loaded, so that a start costs milliseconds.

Each is a process like any other: its own connections, its own memory, killed by SIGKILL. The forking process itself
keeps to one thread and opens nothing.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import svc.batch_worker
import svc.deps
import svc.services.batches.freezing
import svc.services.batches.signing_chunk
import svc.worker
from svc import logs
from svc.adapters.keystore import Pki, load_or_create_pki, load_server_key
from svc.adapters.renderer import TypstRenderer
from svc.batch_worker import run_batch_worker, serve_for_a_moment
from svc.deps import Deps, build_celery, build_deps, build_key_holder
from svc.kinds import KindCatalogue
from svc.ports import Clock
from svc.server import WebServer
from svc.settings import Settings
from svc.signing_host.process import run as run_host
from svc.worker import run_worker
from workflows.loader import load_all

CLOCK = "clock"


class ShiftedClock:
    """The machine's clock, ahead or behind by the seconds that stand in a file, as long as there is one."""

    def __init__(self, *files: Path) -> None:
        self._files = files

    def now(self) -> datetime:
        return datetime.now(UTC) + sum(map(_shift_in, self._files), timedelta())


def _shift_in(file: Path) -> timedelta:
    try:
        return timedelta(seconds=float(file.read_text() or 0))
    except (OSError, ValueError):  # none, or being written
        return timedelta()


def shift(folder: Path, span: timedelta, role: str = "") -> None:
    """Set the clocks of all processes of a service, or of one role besides."""
    file = folder / (f"{CLOCK}.{role}" if role else CLOCK)
    temporary = file.with_suffix(".new")
    temporary.write_text(str(span.total_seconds()))
    temporary.replace(file)


def clock_of(var: Path, role: str) -> Clock:
    return ShiftedClock(var / CLOCK, var / f"{CLOCK}.{role}")


def load_everything(chunk_rows: int = 3) -> None:
    """What each process would read at its start, read once here. Chunks are small, so that a few documents make many
    borders between chunks, and pauses short."""
    kinds, routes = _with_months(KindCatalogue.load()), load_all()
    renderer = TypstRenderer(kinds)

    @cache
    def known_pki(folder: Path) -> Pki:
        settings = Settings.from_env({"PARAF_VAR_DIR": str(folder)}, env_file=None)
        return load_or_create_pki(settings, load_server_key(settings), datetime.now(UTC))

    _set(svc.deps, load_all=lambda: routes, TypstRenderer=lambda _kinds: renderer,
         load_or_create_pki=lambda settings, _key, now: known_pki(_keys["known"]) if _keys else (
             load_or_create_pki(settings, _key, now)))
    _set(KindCatalogue, load=lambda: kinds)
    _set(svc.batch_worker, _NICENESS=0, _IDLE_SECONDS=0.06, _FAULT_SECONDS=0.1)
    _set(svc.worker, _IDLE_SECONDS=0.15)
    _set(svc.services.batches.signing_chunk, ROWS=chunk_rows)
    _set(svc.services.batches.freezing, ROWS=chunk_rows)


def _with_months(kinds: KindCatalogue) -> KindCatalogue:
    """Numbers that say the month too, so that the end of a month changes them as that of a year does."""
    rise = kinds.get("kgb")
    dated = replace(rise, number_format=rise.number_format.replace("{year}", "{month_roman}/{year}"))
    return replace(kinds, kinds={**kinds.kinds, rise.id: dated})


def know_keys(var: Path) -> None:
    """All services from here on have copies of these keys: read them once for all."""
    _keys["known"] = var
    build_key_holder(Settings.from_env({"PARAF_VAR_DIR": str(var)}, env_file=None))


_keys: dict[str, Path] = {}


def _set(owner: object, **values: Any) -> None:
    for name, value in values.items():
        setattr(owner, name, value)


@dataclass
class Child:
    """A forked process. ``code`` is known once it ended."""

    role: str
    pid: int
    code: int | None = None
    cpu_seconds: float = 0.0
    answer: Path | None = field(default=None, repr=False)

    @property
    def is_alive(self) -> bool:
        if self.code is None:
            pid, status, used = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
                self.cpu_seconds = used.ru_utime + used.ru_stime
        return self.code is None

    def kill(self) -> None:
        """Without warning, with the children it may have."""
        self._signal(signal.SIGKILL)
        self.wait(30)

    def stop(self) -> None:
        """As a supervisor does; killed when it does not end."""
        self._signal(signal.SIGTERM)
        if not self.wait(10):
            self.kill()

    def wait(self, seconds: float) -> bool:
        """Whether it ended in that time."""
        deadline = time.monotonic() + seconds
        while self.is_alive:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def _signal(self, number: int) -> None:
        if self.is_alive:
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:  # has no group yet
                os.kill(self.pid, number)


def fork(role: str, work: Callable[[], Any], log: Path, answer: Path | None = None) -> Child:
    """Start a process that does this, with its output in a log; what it returns is pickled into ``answer``."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return Child(role, pid, answer=answer)
    code = 1
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        with log.open("ab", buffering=0) as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        gc.freeze()
        result = work()
        if answer is not None:
            answer.with_suffix(".new").write_bytes(pickle.dumps(result))
            answer.with_suffix(".new").replace(answer)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - nothing may run on in the copy of the harness
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    raise AssertionError("unreachable")


def call(work: Callable[[], Any], folder: Path, seconds: float = 60) -> Any:
    """The result of something done in a process of its own. :raises RuntimeError: it failed"""
    answer = folder / "answer"
    answer.unlink(missing_ok=True)
    child = fork("call", work, folder / "call.log", answer)
    if not child.wait(seconds):
        child.kill()
    if child.code != 0 or not answer.exists():
        raise RuntimeError(f"a call failed:\n{(folder / 'call.log').read_text()[-3000:]}")
    return pickle.loads(answer.read_bytes())  # noqa: S301 - our own child wrote it


def deps_of(settings: Settings, role: str) -> Deps:
    """What ``role`` works with, under the clock of its role."""
    _set(svc.deps, SystemClock=lambda: clock_of(settings.var_dir, role))
    return build_deps(settings)


def _until_terminated() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def worker(settings: Settings) -> None:
    """``paraf worker``: outbox and periodic jobs."""
    logs.configure(settings)
    run_worker(deps_of(settings, "worker"), _until_terminated())


def batch_worker(settings: Settings) -> None:
    """``paraf batch-worker``, of either engine."""
    logs.configure(settings)
    if settings.engine == "celery":
        build_celery(settings).work(partial(_handler, settings), 1)
        return
    run_batch_worker(deps_of(settings, "batch"), _until_terminated())


def _handler(settings: Settings) -> Callable[[str, str], bool]:
    return partial(serve_for_a_moment, deps_of(settings, "batch"))


def signing_host(settings: Settings) -> None:
    """``paraf signing-host``."""
    logs.configure(settings)
    _set(svc.deps, SystemClock=lambda: clock_of(settings.var_dir, "host"))
    run_host(build_key_holder(settings), settings.signing_host_socket, "", None)


def web(settings: Settings) -> None:
    """``paraf web``: gunicorn with its worker."""
    _set(svc.deps, SystemClock=lambda: clock_of(settings.var_dir, "web"))
    WebServer(settings).run()


ROLES: dict[str, Callable[[Settings], None]] = {
    "worker": worker, "batch": batch_worker, "host": signing_host, "web": web}
