"""The client that asks addresses found in certificates: only public ones, and never further than it was sent."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from svc.adapters.revocation_client import HttpRevocationClient, is_public
from svc.ports import FetchFailed
from tests.support.raw_server import raw_server
from tests.support.web_folder import WebFolder, web_folder


@pytest.fixture
def folder() -> Iterator[WebFolder]:
    with web_folder() as one:
        one.files["/a.crl?x=1"] = b"list"
        yield one


def test_a_host_that_is_named_is_asked(folder: WebFolder) -> None:
    folder.posts["/ocsp"] = lambda body: body[::-1]
    client = HttpRevocationClient(frozenset({"127.0.0.1"}))
    assert client.fetch(f"{folder.url}/a.crl?x=1") == b"list"
    assert client.fetch(f"{folder.url}/ocsp", b"abc") == b"cba"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "127.1", "[::1]", "[::ffff:127.0.0.1]",
                                  "0", "10.1.2.3", "169.254.169.254", "[fe80::1]"])
def test_private_networks_are_not_asked(folder: WebFolder, host: str) -> None:
    port = folder.url.rsplit(":", 1)[1]
    with pytest.raises(FetchFailed, match=r"private network|not known"):
        HttpRevocationClient(frozenset({"lists.example"})).fetch(f"http://{host}:{port}/a.crl?x=1")
    assert folder.asked == []


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/a", "file:///etc/passwd", "ldap://127.0.0.1/cn=a", "http:///a",
                                 "http://user@127.0.0.1/a", "http://127.0.0.1:99999/a", "http://127.0.0.1/a b",
                                 "http://127.0.0.1/a\r\nHost: b"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(FetchFailed):
        HttpRevocationClient(frozenset({"127.0.0.1"})).fetch(url)


def test_redirects_are_not_followed(folder: WebFolder) -> None:
    folder.moved["/here"] = f"{folder.url}/a.crl?x=1"
    with pytest.raises(FetchFailed, match="HTTP 302"):
        HttpRevocationClient(frozenset({"127.0.0.1"})).fetch(f"{folder.url}/here")
    assert folder.asked == ["/here"]


def test_an_endless_answer_is_cut_off(folder: WebFolder) -> None:
    folder.files["/big"] = b"x" * 200_000
    client = HttpRevocationClient(frozenset({"127.0.0.1"}), max_bytes=100_000)
    with pytest.raises(FetchFailed, match="too long"):
        client.fetch(f"{folder.url}/big")
    with pytest.raises(FetchFailed, match="HTTP 404"):
        client.fetch(f"{folder.url}/none")


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"])
def test_an_answer_that_trickles_in_is_given_up(begun: bytes) -> None:
    def trickle(client: socket.socket) -> None:
        client.sendall(begun)
        for _ in range(50):
            client.sendall(b"a")
            time.sleep(0.1)

    began = time.monotonic()
    with raw_server(trickle) as server, pytest.raises(FetchFailed):
        HttpRevocationClient(frozenset({"127.0.0.1"}), whole_seconds=0.4).fetch(f"{server.url}/a.crl")
    assert time.monotonic() - began < 4


@pytest.mark.parametrize(("address", "public"), [
    ("8.8.8.8", True), ("2001:4860:4860::8888", True), ("100.64.0.1", False), ("224.0.0.1", False),
    ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False), ("fc00::1", False), ("fe80::1%eth0", False)])
def test_what_counts_as_public(address: str, public: bool) -> None:
    assert is_public(address) is public
