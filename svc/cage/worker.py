"""The zygote: warm, enclosed, and never touched by a hostile byte. It forks one child for each task.

Spoken to over one Unix socket (SOCK_SEQPACKET, number given as the only argument):

1. the parent sends the limits; the zygote answers with the bars that are in force, or with ``failed``;
2. for each task the parent sends a JSON line and file descriptors: the request (a sealed memory file, which only the
   child reads), the pipe for the answer, a socket for the child's fate, and, where the task needs one, the trust store;
3. on that socket the zygote sends a pidfd of the child, and how it ended.

When the socket closes, the parent is gone, and so is the zygote; with it its children. (Not by PR_SET_PDEATHSIG: that
means the *thread* that started the zygote, and web servers end threads at will.)
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from certs.trust import TrustStore
from certs.warm import warm
from svc.cage.bars import enclose_child, enclose_process
from svc.cage.codec import CodecError, from_json, to_json
from svc.cage.frames import FrameBroken, pack, unpack, write_all
from svc.cage.port import CageFacts, CageLimits
from svc.cage.protocol import Fault, read_task, write_answer
from svc.cage.rehearsal import rehearse
from svc.cage.tasks import perform
from svc.cage.trust_blob import read_trust
from svc.memory import tame_garbage_collector

_MAX_MESSAGE = 4096
_MAX_DESCRIPTORS = 4
_REQUEST, _ANSWER = 3, 4  # where a child finds them


@dataclass
class _Child:
    pid: int
    fate: socket.socket


def main(number: int) -> int:
    """Serve until the parent closes its end; the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=number)
    limits = from_json(CageLimits, json.loads(control.recv(_MAX_MESSAGE)))
    rehearse()
    tame_garbage_collector()  # else it writes into every page that children share
    facts = _try_bars(enclose_process(), limits)
    control.send(json.dumps(to_json(facts)).encode())
    _Zygote(control, limits).serve()
    return 0


def _try_bars(facts: CageFacts, limits: CageLimits) -> CageFacts:
    """What a child can be held by, told by one that does nothing else."""
    reader, writer = os.pipe()
    zygote, pid = os.getpid(), os.fork()
    if pid == 0:
        held = enclose_child(zygote, limits.memory_mb, _cpu_seconds(limits))
        os.write(writer, bytes(held))
        os._exit(0)
    os.close(writer)
    told = os.read(reader, 2)
    os.close(reader)
    os.waitpid(pid, 0)
    return replace(facts, limits=bool(told[:1] == b"\1"), seccomp=bool(told[1:] == b"\1"))


def _cpu_seconds(limits: CageLimits) -> int:
    return max(1, round(limits.seconds))


class _Zygote:
    def __init__(self, control: socket.socket, limits: CageLimits) -> None:
        self._control = control
        self._limits = limits
        self._children: dict[int, _Child] = {}
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)

    def serve(self) -> None:
        while True:
            for descriptor, _event in self._poll.poll():
                if descriptor != self._control.fileno():
                    self._bury(descriptor)
                elif not self._take():
                    return

    def _take(self) -> bool:
        message, descriptors, _flags, _address = socket.recv_fds(self._control, _MAX_MESSAGE, _MAX_DESCRIPTORS)
        if not message:
            return False
        request, answer, fate, *trust = descriptors
        try:
            self._start(json.loads(message), request, answer, socket.socket(fileno=fate), trust)
        finally:
            for one in (request, answer, *trust):
                os.close(one)
        return True

    def _start(self, head: Any, request: int, answer: int, fate: socket.socket, trust: list[int]) -> None:
        try:
            known = _trust(str(head["trust"]), trust[0]) if trust else None
            zygote, pid = os.getpid(), os.fork()
        except (ValueError, OSError) as error:
            _tell(fate, {"failed": "trust" if isinstance(error, ValueError) else "fork"})
            return
        if pid == 0:
            _be_a_child(zygote, self._limits, request, answer, known)
        child = os.pidfd_open(pid)
        with contextlib.suppress(OSError):  # the parent no longer wants to know
            socket.send_fds(fate, [b"{}"], [child])
        self._children[child] = _Child(pid, fate)
        self._poll.register(child, select.POLLIN)

    def _bury(self, descriptor: int) -> None:
        child = self._children.pop(descriptor)
        self._poll.unregister(descriptor)
        os.close(descriptor)
        _pid, status = os.waitpid(child.pid, 0)
        _tell(child.fate, {"ended": os.waitstatus_to_exitcode(status)})


def _tell(fate: socket.socket, message: Any) -> None:
    with contextlib.suppress(OSError), fate:
        fate.send(json.dumps(message).encode())


_known_trust: dict[str, TrustStore] = {}
_MAX_TRUSTS = 4


def _trust(name: str, descriptor: int) -> TrustStore:
    """The store of that name, read once and warm for the children; the parent's word, not a visitor's.

    :raises ValueError: it is none
    """
    found = _known_trust.get(name)
    if found is None:
        found = read_trust(_read_all(descriptor))
        warm(found)
        gc.freeze()
        if len(_known_trust) >= _MAX_TRUSTS:
            _known_trust.pop(next(iter(_known_trust)))
        _known_trust[name] = found
    return found


def _read_all(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    parts, at = [], 0
    while at < size:
        part = os.pread(descriptor, size - at, at)
        if not part:
            break
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def _be_a_child(zygote: int, limits: CageLimits, request: int, answer: int, trust: TrustStore | None) -> NoReturn:
    """Do one task behind bars, answer, and end."""
    try:
        _keep_only(request, answer)
        enclose_child(zygote, limits.memory_mb, _cpu_seconds(limits))
        write_all(_ANSWER, _work(trust))
    finally:
        os._exit(0)


def _keep_only(request: int, answer: int) -> None:
    first, second = os.dup(request), os.dup(answer)
    high = max(first, second, _ANSWER) + 1
    first, second = os.dup2(first, high), os.dup2(second, high + 1)
    os.dup2(first, _REQUEST)
    os.dup2(second, _ANSWER)
    os.closerange(_ANSWER + 1, os.sysconf("SC_OPEN_MAX"))


def _work(trust: TrustStore | None) -> bytes:
    try:
        frame = unpack(_read_all(_REQUEST))
        answer, body = perform(read_task(frame.head), frame.body, trust)
        return pack(write_answer(answer), body)
    except (FrameBroken, CodecError, MemoryError, RecursionError) as error:
        return pack(write_answer(Fault(type(error).__name__)))
