"""A proxy on loopback that passes HTTP calls on, and cuts the connection of one sort of call at a chosen point."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from urllib.parse import urlsplit

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of nothing: closing sends RST


class Cut(StrEnum):
    """Where the connection breaks; from ``AFTER_SENDING`` on the backend has the whole request."""

    BEFORE_SENDING = "before_sending"
    WHILE_SENDING = "while_sending"
    AFTER_SENDING = "after_sending"
    WHILE_RECEIVING_HEAD = "while_receiving_head"
    WHILE_RECEIVING_BODY = "while_receiving_body"


class CuttingProxy:
    """Passes everything to ``upstream``, but cuts calls whose request line contains ``marker``.

    ``BEFORE_SENDING`` closes the door: it stops listening once a call has been passed whose line contains
    ``last_before``, so that the next one cannot connect.
    """

    def __init__(self, upstream: str, cut: Cut, marker: str, last_before: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (str(parts.hostname), int(parts.port or 80))
        self._cut, self._marker, self._last_before = cut, marker.encode(), last_before.encode()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self.seen = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:  # closed
                return
            with client:
                client.settimeout(10)
                head = _read_head(client)
                line = head.split(b"\r\n", 1)[0]
                if not head:
                    continue
                if self._marker in line:
                    self.seen += 1
                    self._cut_call(client, head)
                    continue
                if self._cut is Cut.BEFORE_SENDING and self._last_before in line:
                    self._door.close()
                client.sendall(self._pass_on(head + _read_body(client, head)))

    def _cut_call(self, client: socket.socket, head: bytes) -> None:
        if self._cut is Cut.WHILE_SENDING:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return
        answer = self._pass_on(head + _read_body(client, head))
        start = answer.index(b"\r\n\r\n") + 4
        if self._cut is Cut.WHILE_RECEIVING_HEAD:
            client.sendall(answer[: start // 2])
        elif self._cut is Cut.WHILE_RECEIVING_BODY:
            client.sendall(answer[: (start + len(answer)) // 2])

    def _pass_on(self, request: bytes) -> bytes:
        answer = b""
        with socket.create_connection(self._upstream, timeout=10) as upstream:
            upstream.sendall(request)
            while more := upstream.recv(65536):
                answer += more
        return answer


@contextmanager
def cutting_proxy(upstream: str, cut: Cut, marker: str, last_before: str) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(upstream, cut, marker, last_before)
    try:
        yield proxy
    finally:
        proxy.close()


def _read_head(client: socket.socket) -> bytes:
    """Request line and headers, byte by byte: nothing of the body is taken yet."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        one = client.recv(1)
        if not one:
            return b""
        head += one
    return head


def _read_body(client: socket.socket, head: bytes) -> bytes:
    length = next((int(line.split(b":", 1)[1]) for line in head.split(b"\r\n")
                   if line.lower().startswith(b"content-length:")), 0)
    body = b""
    while len(body) < length:
        body += client.recv(65536)
    return body
