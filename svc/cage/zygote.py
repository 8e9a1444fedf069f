"""The parent's hold on one zygote: start it, hand it tasks, see how its children end."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svc.cage.codec import from_json, to_json
from svc.cage.frames import Frame, FrameBroken, TimeIsUp, pack, receive
from svc.cage.port import CageCrashed, CageFacts, CageLimits, CageTimeout, CageUnavailable
from svc.cage.trust_blob import TrustBlob

_START_SECONDS = 30.0
_FORK_SECONDS = 5.0
_BURIAL_SECONDS = 2.0
_SEALS = 0x0001 | 0x0002 | 0x0004 | 0x0008  # seal, shrink, grow, write
_ADD_SEALS = 1033
_SEND_SECONDS = 5.0
_MAX_MESSAGE = 4096
_UNFIT_TRUST = json.dumps({"failed": "trust"}).encode()
_ENVIRONMENT = {"LC_ALL": "C.UTF-8"}
PROGRAM = Path(__file__).parent / "__main__.py"


class ZygoteGone(Exception):
    """It ended; another must be started."""


@dataclass(frozen=True)
class Fate:
    """How a child ended: its exit code, or minus the signal's number; None: not known."""

    code: int | None

    @property
    def ran_out_of_time(self) -> bool:
        return self.code == -signal.SIGXCPU


class Zygote:
    """One warm process.

    :param program: what it runs
    :raises CageUnavailable: it does not start
    """

    def __init__(self, limits: CageLimits, program: Path = PROGRAM) -> None:
        self._limits = limits
        self._sending = threading.Lock()
        self._trust: tuple[str, int] | None = None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = ours
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", str(program), str(theirs.fileno())],
                env=_ENVIRONMENT, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), start_new_session=True)
        try:
            self.facts = self._greet()
        except (OSError, ValueError) as error:
            self.end()
            raise CageUnavailable from error

    def _greet(self) -> CageFacts:
        self._control.settimeout(_START_SECONDS)
        self._control.send(json.dumps(to_json(self._limits)).encode())
        told = self._control.recv(_MAX_MESSAGE)
        self._control.settimeout(_SEND_SECONDS)
        return from_json(CageFacts, json.loads(told))

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        """Kill it, and with it every child."""
        with self._sending:
            self._control.close()
            self._process.kill()
            self._process.wait()
            if self._trust is not None:
                os.close(self._trust[1])
                self._trust = None

    def run(self, task: Any, pdf: bytes, trust: TrustBlob | None) -> Frame:
        """One task in a child of its own; the child is dead when this returns.

        :raises CageTimeout: it took too long. :raises CageCrashed: it died or wrote nonsense
        :raises ZygoteGone: the task was not begun. :raises ValueError: the trust store cannot be read
        """
        deadline = time.monotonic() + self._limits.seconds
        with ExitStack() as opened:
            answer, child, fate = self._begin(opened, pack(task, pdf), trust)
            try:
                frame = receive(answer, deadline)
            except TimeIsUp as error:
                raise CageTimeout from error
            except FrameBroken as error:
                if _bury(fate).ran_out_of_time:
                    raise CageTimeout from error
                raise CageCrashed from error
            finally:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(child, signal.SIGKILL)
                _await_end(child)
            return frame

    def _begin(self, opened: ExitStack, request: bytes, trust: TrustBlob | None) -> tuple[int, int, socket.socket]:
        """Hand over the task; our end of the answer, the child (pidfd), and the socket that tells its fate."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        opened.enter_context(ours)
        reader, writer = os.pipe()
        opened.callback(os.close, reader)
        try:
            with theirs, _memory_file(request) as file:
                self._send(trust, [file, writer, theirs.fileno()])
        finally:
            os.close(writer)
        ours.settimeout(_FORK_SECONDS)
        try:
            message, descriptors, _flags, _address = socket.recv_fds(ours, _MAX_MESSAGE, 1)
        except OSError as error:
            raise ZygoteGone from error
        if not descriptors:
            raise _not_begun(message)
        opened.callback(os.close, descriptors[0])
        return reader, descriptors[0], ours

    def _send(self, trust: TrustBlob | None, descriptors: list[int]) -> None:
        with self._sending:
            if trust is not None:
                descriptors.append(self._trust_file(trust))
            message = json.dumps({"trust": trust.name if trust else ""}).encode()
            try:
                socket.send_fds(self._control, [message], descriptors)
            except OSError as error:
                raise ZygoteGone from error

    def _trust_file(self, trust: TrustBlob) -> int:
        if self._trust is None or self._trust[0] != trust.name:
            if self._trust is not None:
                os.close(self._trust[1])
            self._trust = (trust.name, _sealed(trust.data))
        return self._trust[1]


def _not_begun(message: bytes) -> Exception:
    if message == _UNFIT_TRUST:
        return ValueError("a certificate or list in the trust store is not DER")
    return ZygoteGone()


@contextlib.contextmanager
def _memory_file(data: bytes) -> Iterator[int]:
    file = _sealed(data)
    try:
        yield file
    finally:
        os.close(file)


def _sealed(data: bytes) -> int:
    """A file in memory that nobody can change any more."""
    file = os.memfd_create("paraf", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest):]
    fcntl.fcntl(file, _ADD_SEALS, _SEALS)
    return file


def _bury(fate: socket.socket) -> Fate:
    fate.settimeout(_BURIAL_SECONDS)
    try:
        told = json.loads(fate.recv(_MAX_MESSAGE) or b"{}")
        return Fate(int(told["ended"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Fate(None)


def _await_end(child: int) -> None:
    waiting = select.poll()
    waiting.register(child, select.POLLIN)
    waiting.poll(_BURIAL_SECONDS * 1000)
