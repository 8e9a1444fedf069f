"""Who sends slowly, lies about a length or goes away in the middle keeps nobody waiting: a real web server."""

from __future__ import annotations

import http.client
import json
import select
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from svc.errors import TooManyAttempts
from svc.intake import THREADS_FOR_EACH, Intake, Lines, ensure_taken_in
from tests.support.world import World
from tests.web.test_shared_limits import web_process

PLACES = 2
_PATIENCE = 30


@pytest.fixture
def address(world: World, tmp_path: Path) -> Iterator[str]:
    with web_process(world.deps.settings, "memory://", tmp_path / "web.log", {"PARAF_WEB_THREADS": str(PLACES)}) as at:
        yield at


def connect(address: str) -> socket.socket:
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=_PATIENCE)


def answer(line: socket.socket) -> tuple[int, dict[str, str]]:
    response = http.client.HTTPResponse(line)
    response.begin()
    return response.status, json.loads(response.read())


def begun(address: str, length: str = "1000000", body: bytes = b"%PDF") -> socket.socket:
    line = connect(address)
    line.sendall(f"POST /verify HTTP/1.1\r\nHost: {urlsplit(address).netloc}\r\nAccept: application/json\r\n"
                 f"Content-Type: application/pdf\r\nContent-Length: {length}\r\n\r\n".encode() + body)
    return line


def test_more_slow_senders_than_places_do_not_stop_the_service(address: str) -> None:
    with ExitStack() as lines:
        for _ in range(PLACES * 2):
            lines.enter_context(begun(address))
            lines.enter_context(connect(address)).sendall(b"GET /login HTTP/1.1\r\nHost:")
        with urllib.request.urlopen(f"{address}/login", timeout=_PATIENCE) as page:
            assert page.status == 200


def test_one_sender_is_not_let_have_all_threads(address: str) -> None:
    with ExitStack() as lines:
        sent = [lines.enter_context(begun(address)) for _ in range(PLACES * THREADS_FOR_EACH // 4 + 1)]
        answered, _, _ = select.select(sent, [], [], _PATIENCE)
        assert [answer(one)[1]["code"] for one in answered] == ["too_many_attempts"]


def test_a_body_that_ends_before_its_length_changes_nothing_and_is_told_so(address: str) -> None:
    with begun(address) as line:
        line.shutdown(socket.SHUT_WR)
        status, said = answer(line)
        assert (status, said["code"]) == (408, "request_too_slow")


def test_a_body_in_chunks_reaches_its_page(address: str) -> None:
    with connect(address) as line:
        line.sendall(f"POST /pki/ocsp HTTP/1.1\r\nHost: {urlsplit(address).netloc}\r\nTransfer-Encoding: chunked\r\n"
                     "Content-Type: application/ocsp-request\r\n\r\n3\r\nabc\r\n0\r\n\r\n".encode())
        response = http.client.HTTPResponse(line)
        response.begin()
        assert response.status == 200
        assert response.read() == b"\x30\x03\x0a\x01\x01"  # OCSP: malformedRequest


def test_a_late_connection_is_shut_and_another_is_left() -> None:
    with ExitStack() as open_now:
        late, peer, other, friend = (open_now.enter_context(one) for _ in range(2) for one in socket.socketpair())
        lines = Lines()
        lines.allow(late, -1)
        lines.allow(other, 60)
        lines.cut()
        assert late.recv(1) == b""
        late.sendall(b"too late")
        assert peer.recv(8) == b"too late"
        friend.sendall(b"in time")
        assert other.recv(7) == b"in time"


def test_places_are_given_back_where_the_application_fails() -> None:
    def fails(environ: object, start_response: object) -> list[bytes]:
        raise LookupError

    intake = Intake(fails, places=1, most=10, proxies=0)
    for _ in range(3):
        with pytest.raises(LookupError):
            intake({"REQUEST_METHOD": "GET"}, lambda *_: lambda _data: None)


def test_what_was_not_taken_in_is_refused() -> None:
    with pytest.raises(TooManyAttempts):
        ensure_taken_in({"paraf.refused": TooManyAttempts()})
