"""A server on loopback that does with each connection whatever a test says, byte by byte."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Behaviour = Callable[[socket.socket], None]


class RawServer:
    """Gives every connection to ``behave``, each in a thread of its own, and closes it afterwards."""

    def __init__(self, behave: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self._behave, self._tls = behave, tls
        self._door = socket.create_server(("127.0.0.1", 0))
        self.connections = 0
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._door.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:  # closed
                return
            self.connections += 1
            self._threads.append(threading.Thread(target=self._handle, args=(client,), daemon=True))
            self._threads[-1].start()

    def _handle(self, client: socket.socket) -> None:
        client.settimeout(10)
        with contextlib.suppress(OSError):
            spoken = self._tls.wrap_socket(client, server_side=True) if self._tls else client
            with spoken:
                self._behave(spoken)
        client.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for thread in self._threads:
            thread.join(10)


@contextmanager
def raw_server(behave: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    server = RawServer(behave, tls)
    try:
        yield server
    finally:
        server.close()


def read_request(client: socket.socket) -> bytes:
    """Head and body (by Content-Length) of one request."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(client)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line.split(b":", 1)[1]) for line in head.split(b"\r\n")
                   if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += _more(client)
    return head + b"\r\n\r\n" + body


def _more(client: socket.socket) -> bytes:
    data = client.recv(65536)
    if not data:
        raise ConnectionError("the client went away")
    return data


def answer(body: bytes, status: str = "200 OK", headers: str = "Content-Type: application/json") -> bytes:
    """The bytes of a whole answer."""
    return f"HTTP/1.1 {status}\r\n{headers}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
