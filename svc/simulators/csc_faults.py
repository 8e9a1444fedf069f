"""Failures on demand for the simulators: each planned fault strikes one call of one method."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from flask import Response, request


class FaultKind(StrEnum):
    """When and how a call fails; *after* means that the work was done."""

    DELAY = "delay"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    STATUS_BEFORE = "status_before"
    STATUS_AFTER = "status_after"
    TRUNCATE = "truncate"


@dataclass(frozen=True)
class Fault:
    """``endpoint`` is a method's name (``signatures/signHash``, ``api/sign/pdf``).
    ``seconds`` is for delays, ``status`` and ``text`` for answers."""

    kind: FaultKind
    endpoint: str
    seconds: float = 1.0
    status: int = 503
    text: str = "<html>fault</html>"


class FaultPlan:
    """Faults waiting for their call; each strikes once."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault, times: int = 1) -> None:
        with self._lock:
            self._waiting += [fault] * times

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def _take(self, endpoint: str) -> Fault | None:
        with self._lock:
            for fault in self._waiting:
                if fault.endpoint == endpoint:
                    self._waiting.remove(fault)
                    return fault
        return None

    def strike(self, endpoint: str, work: Callable[[], Response]) -> Response:
        """Do the work of one call under the next fault planned for it, if there is one."""
        fault = self._take(endpoint)
        if fault is None:
            return work()
        if fault.kind is FaultKind.DELAY:
            time.sleep(fault.seconds)
            return work()
        if fault.kind is FaultKind.DROP_BEFORE:
            return _hang_up()
        if fault.kind is FaultKind.STATUS_BEFORE:
            request.get_data()  # a connection closed on unread data is reset, and the answer with it
            return Response(fault.text, fault.status)
        done = work()
        if fault.kind is FaultKind.DROP_AFTER:
            return _hang_up()
        if fault.kind is FaultKind.STATUS_AFTER:
            return Response(fault.text, fault.status)
        return _truncated(done)


def _connection() -> socket.socket:
    connection = request.environ["werkzeug.socket"]
    if not isinstance(connection, socket.socket):
        raise TypeError("faults need werkzeug's own server")
    return connection


def _hang_up() -> Response:
    _connection().shutdown(socket.SHUT_RDWR)
    return Response(status=204)  # written to nobody


def _truncated(done: Response) -> Response:
    """The whole head, which tells the whole length, and half the body."""
    connection = _connection()
    whole = done.get_data()

    def half() -> Iterator[bytes]:
        yield whole[: len(whole) // 2]
        connection.shutdown(socket.SHUT_RDWR)

    headers = dict(done.headers) | {"Content-Length": str(len(whole))}
    return Response(half(), done.status_code, headers)
