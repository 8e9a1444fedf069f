"""``paraf run``: web server, worker and signing host as child processes under one parent.

Ctrl-C (or SIGTERM) stops all cleanly: the web server finishes its requests, the worker its item, and the signing
host, which both may need for that, ends last. A worker or signing host that dies is started again, slower each time;
a web server that dies ends the service, so that whatever supervises it notices.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

from svc.intake import HEAD_SECONDS, LINES, THREADS_FOR_EACH, Intake
from svc.memory import give_back_large_blocks, tame_garbage_collector
from svc.settings import Settings

log = structlog.get_logger(__name__)

_GRACE_SECONDS = 25
_LONGEST_PAUSE = 60.0
_POLL_SECONDS = 0.2


class IntakeWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threads, which are watched while they wait for a connection."""

    def handle(self, conn: Any) -> Any:
        """One request, in a thread (called by gunicorn)."""
        line = conn.sock
        LINES.allow(line, HEAD_SECONDS)
        try:
            return super().handle(conn)
        finally:
            LINES.forget(line)

    def murder_pending(self) -> None:
        """End the waiting for connections that are late (called by gunicorn at least once a second)."""
        super().murder_pending()
        LINES.cut()


class WebServer(BaseApplication):  # type: ignore[misc]
    """gunicorn with threads, configured by our settings alone. ``web_threads`` of them are at work at once; the others
    wait for what is being sent."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Set what gunicorn shall do (called by gunicorn)."""
        options = {
            "bind": self._settings.bind, "workers": self._settings.web_workers,
            "worker_class": IntakeWorker, "threads": self._settings.web_threads * THREADS_FOR_EACH, "keepalive": 75,
            "timeout": 60, "graceful_timeout": 20, "max_requests": 0, "proc_name": "paraf-web",
            "limit_request_line": 4096, "post_worker_init": _settle_memory,
            "accesslog": None, "errorlog": "-", "loglevel": "warning", "control_socket_disable": True,
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        """Build the application in each worker, after the fork."""
        from svc.app import create_app

        app = create_app(self._settings)
        app.extensions["paraf"].cage.warm()
        return Intake(app, self._settings.web_threads, app.config["MAX_CONTENT_LENGTH"], self._settings.trusted_proxies)


def _settle_memory(_worker: object) -> None:
    give_back_large_blocks()
    tame_garbage_collector()


@dataclass
class _Child:
    name: str
    arguments: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 1.0
    restart_at: float = 0.0

    def start(self) -> None:
        # Its own process group: Ctrl-C reaches the parent alone, which then stops the children in order.
        self.process = subprocess.Popen([sys.executable, "-m", "svc.cli", *self.arguments],
                                        start_new_session=True)
        self.started = time.monotonic()


class Supervisor:
    """Runs its children until a signal comes; returns the exit code.

    :param holds_keys: whether the signing host is one of them
    :param batch_workers: how many processes work through batches
    """

    def __init__(self, *, holds_keys: bool = True, batch_workers: int = 0) -> None:
        self._web = _Child("web", ["web"])
        self._workers = [_Child("worker", ["worker"]),
                         *(_Child("batch_worker", ["batch-worker"]) for _ in range(batch_workers))]
        self._keys = [_Child("signing_host", ["signing-host"])] if holds_keys else []
        self._stopping = False

    def run(self) -> int:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        for child in (*self._keys, self._web, *self._workers):
            child.start()
        code = 0
        while not self._stopping:
            time.sleep(_POLL_SECONDS)
            if self._web.process and self._web.process.poll() is not None:
                log.error("web_server_ended", code=self._web.process.returncode)
                code = 1
                break
            for child in (*self._keys, *self._workers):
                _keep(child)
        _stop([self._web, *self._workers])
        _stop(self._keys)
        return code

    def _on_signal(self, _number: int, _frame: Any) -> None:
        self._stopping = True


def _keep(child: _Child) -> None:
    if child.process and child.process.poll() is not None:
        if time.monotonic() - child.started > _LONGEST_PAUSE:
            child.pause = 1.0
        log.error(f"{child.name}_ended", code=child.process.returncode, restart_in=child.pause)
        child.process, child.restart_at = None, time.monotonic() + child.pause
        child.pause = min(child.pause * 2, _LONGEST_PAUSE)
    if child.process is None and time.monotonic() >= child.restart_at:
        child.start()


def _stop(children: Sequence[_Child]) -> None:
    alive = [child.process for child in children if child.process and child.process.poll() is None]
    for process in alive:
        process.terminate()
    deadline = time.monotonic() + _GRACE_SECONDS
    for process in alive:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
