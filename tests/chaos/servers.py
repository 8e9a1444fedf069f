"""What a service leans on, and how it fails: a broker that forgets, an object store behind a bad line, a disk that is
full."""

from __future__ import annotations

import errno
import os
import random
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import redis
from cryptography.hazmat.primitives.serialization import Encoding

from certs.ca import build_crl
from scripts.on_postgres import free_port, wait_for
from svc.simulators.csc import CscAccess, CscSimulator, make_credential, simulated_authority
from svc.simulators.csc_vault import CscVault
from svc.simulators.serving import Door
from tests.chaos.processes import Child, fork
from tests.support.redis import redis_server
from tests.support.s3 import free_port as free_low_port


class Broker:
    """A Redis server that forgets its messages."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_low_port()
        self._open = ExitStack()
        self.url = self._open.enter_context(redis_server(folder, self._port))

    def flush(self) -> None:
        with redis.Redis(host="127.0.0.1", port=self._port, socket_timeout=5) as client:
            client.flushall()

    def restart(self) -> None:
        self.stop()
        self._open.enter_context(redis_server(self._folder, self._port))

    def stop(self) -> None:
        self._open.close()


@dataclass(frozen=True)
class RemoteSigner:
    """A signing service after CSC with one credential, in a process of its own; ``trust`` is a folder of anchors."""

    url: str
    token: str
    trust: Path
    child: Child


@contextmanager
def remote_signer(folder: Path, credential_id: str, pin: str) -> Iterator[RemoteSigner]:
    """Runs until the block ends."""
    port, access, since = free_port(), CscAccess(), datetime.now(UTC) - timedelta(days=3)
    trust = folder / "trust"
    (trust / "signer").mkdir(parents=True)
    authority = simulated_authority(since)
    (trust / "signer" / "root.pem").write_bytes(authority.root.certificate.public_bytes(Encoding.PEM))
    (trust / "root.crl").write_bytes(authority.root_crl)
    (trust / "issuing.crl").write_bytes(build_crl(authority.issuing, (), since, since + timedelta(days=30)))
    made = make_credential(authority, credential_id, since, pin=pin)

    def serve() -> None:
        vault = CscVault({credential_id: made}, lambda: datetime.now(UTC))
        with CscSimulator(vault, authority, access, Door("127.0.0.1", port)):
            threading.Event().wait()

    child = fork("csc", serve, folder / "csc.log")
    wait_for(port)
    try:
        yield RemoteSigner(f"http://127.0.0.1:{port}", access.bearer_token, trust, child)
    finally:
        child.kill()


@dataclass(frozen=True)
class BadLine:
    """Between a service and its S3 server, in a process of its own."""

    port: int
    control: Path
    child: Child

    def fail(self, fault: str, share: float = 0.5) -> None:
        """Faults: 503, cut (answers end early), late (no answer to what was done), gone (nobody there); empty: none.
        Each call suffers with ``share``."""
        new = self.control.with_suffix(".new")
        new.write_text(f"{fault} {share}" if fault else "")
        new.replace(self.control)

    @property
    def suffered(self) -> int:
        """Calls that went wrong so far."""
        count = self.control.with_suffix(".count")
        return len(count.read_bytes()) if count.exists() else 0


@contextmanager
def bad_line(endpoint: str, folder: Path, seed: int) -> Iterator[BadLine]:
    """Pass everything on to ``endpoint`` (host:port), but for what the fault says."""
    port, control = free_port(), folder / "line"
    control.write_text("")

    def serve() -> None:
        server = ThreadingHTTPServer(("127.0.0.1", port), _handler(control, endpoint, random.Random(seed)))
        server.daemon_threads = True
        server.serve_forever()

    child = fork("line", serve, folder / "line.log")
    wait_for(port)
    try:
        yield BadLine(port, control, child)
    finally:
        child.kill()


def _handler(control: Path, endpoint: str, rng: random.Random) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            with suppress(OSError, HTTPException):
                super().handle_one_request()

        def _pass_on(self) -> None:
            fault, _, share = control.read_text().partition(" ")
            if fault and rng.random() < float(share):
                with control.with_suffix(".count").open("ab") as count:
                    count.write(b"x")
            else:
                fault = ""
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if fault in {"503", "gone"}:
                self._refuse(fault)
                return
            upstream = HTTPConnection(endpoint, timeout=30)
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            data = answer.read()
            upstream.close()
            if fault == "late":  # it was done, and nobody hears of it
                self._hang_up()
                return
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if fault == "cut" else data)
            if fault == "cut":
                self._hang_up()

        def _refuse(self, fault: str) -> None:
            if fault == "503":
                self.send_response_only(503, "Slow Down")
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self._hang_up()

        def _hang_up(self) -> None:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass_on  # noqa: N815 - names that the class looks for

        def log_message(self, format: str, *args: object) -> None:
            """Keep the output clean."""

    return Handler


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of this size. :raises PermissionError: this user may not mount one"""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)], check=False,
                          capture_output=True)
    if done.returncode:
        raise PermissionError(done.stderr.decode())
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, left: int) -> None:
    """Write until only ``left`` bytes are free there, or less, where others write at the same time."""
    with (folder / "ballast").open("wb") as file:
        while True:
            found = os.statvfs(folder)
            free = found.f_bavail * found.f_frsize
            try:
                os.posix_fallocate(file.fileno(), 0, max(1, free - left))
            except OSError as error:  # somebody took some of it since it was measured
                if error.errno != errno.ENOSPC or free <= left:
                    raise
                continue
            return


def give_room(folder: Path) -> None:
    (folder / "ballast").unlink(missing_ok=True)
