"""Time-stamp authorities as real HTTP servers, with the faults that real ones have."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from certs.tsa import TimeStampService


@dataclass
class TsaServer:
    """A running authority. ``fault`` may be changed while it runs; ``seen`` counts requests."""

    url: str
    fault: str = ""
    seen: int = 0
    logins: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)


@contextmanager
def run_tsa(service: TimeStampService, fault: str = "") -> Iterator[TsaServer]:
    """Serve until the block ends. Faults: ``slow``, ``drip``, ``503``, ``garbage``, ``empty``, ``cut``, ``long``,
    ``rejects``, ``repeats`` (its first answer to everybody), ``late_clock``; empty: none."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.daemon_threads, server.block_on_close = True, False
    state = TsaServer(f"http://127.0.0.1:{server.server_address[1]}/tsa", fault)
    server.RequestHandlerClass = _handler(state, service)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.stop.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(state: TsaServer, service: TimeStampService) -> type[BaseHTTPRequestHandler]:
    first: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.seen += 1
            state.logins.append(self.headers.get("Authorization", ""))
            request = self.rfile.read(int(self.headers["Content-Length"]))
            now = datetime.now(UTC) + timedelta(hours=state.fault == "late_clock")
            answer = service.respond(b"x" if state.fault == "rejects" else request, now)
            first.append(answer)
            if state.fault == "slow":
                state.stop.wait(20)
            elif state.fault == "503":
                self.send_error(503)
            else:
                self._send({"garbage": b"<html>", "empty": b"", "repeats": first[0]}.get(state.fault, answer))

        def _send(self, answer: bytes) -> None:
            length = {"cut": len(answer) + 10, "long": 10_000_000}.get(state.fault, len(answer))
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(length))
            self.end_headers()
            try:
                self._send_body(answer)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def _send_body(self, answer: bytes) -> None:
            if state.fault == "drip":
                for byte in answer:
                    self.wfile.write(bytes((byte,)))
                    time.sleep(0.05)
            elif state.fault == "long":
                for _ in range(100):
                    self.wfile.write(b"x" * 100_000)
            else:
                self.wfile.write(answer)
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    return Handler
