"""The life of ``paraf signing-host``: harden, listen, hold keys, and forget them all at the end."""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import signal
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from svc.memory import tame_garbage_collector
from svc.signing_host.holder import KeyHolder
from svc.signing_host.server import SigningServer

log = structlog.get_logger("paraf.signing_host")

_PR_SET_DUMPABLE = 4
_LOCK_CURRENT, _LOCK_FUTURE, _LOCK_ON_FAULT = 1, 2, 4
_GRACE_SECONDS = 5.0


class AlreadyRunning(Exception):
    """Another process holds keys at this place."""


def harden() -> bool:
    """No core dumps, no debugger of the same user, no swap where that may be had; whether the latter is."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    most, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if most != resource.RLIM_INFINITY and os.geteuid() != 0:
        return False  # with a limit, locking would make later allocations fail
    return bool(libc.mlockall(_LOCK_CURRENT | _LOCK_FUTURE | _LOCK_ON_FAULT) == 0)


def run(holder: KeyHolder, path: Path, listen: str, context: ssl.SSLContext | None) -> None:
    """Serve until SIGTERM or SIGINT.

    :param listen: ``host:port`` for other hosts, or empty; needs ``context``
    :raises AlreadyRunning: :raises OSError: an address is not to be had
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    is_locked = harden()
    tame_garbage_collector()
    with _alone(path):
        server = SigningServer(holder)
        server.listen_unix(path)
        port = 0
        if listen and context is not None:
            host, _, number_text = listen.rpartition(":")
            port = server.listen_tls(host.strip("[]"), int(number_text), context)
        log.info("signing_host_ready", port=port, memory_locked=is_locked)
        try:
            stop.wait()
        finally:
            server.stop(_GRACE_SECONDS)
            path.unlink(missing_ok=True)
            log.info("signing_host_ended")


@contextmanager
def _alone(path: Path) -> Iterator[Any]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(f"a signing host is running at {path}") from error
        yield
