"""Fetching revocation lists and OCSP responses from the addresses in certificates.

Addresses come from files, so they may name anything: only http and https, no redirects, no login in the address,
and only hosts whose every address is public, unless the operator names the host. The connection goes to the
address that was looked at, so that a name that changes its mind in between gains nothing.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from svc.ports import FetchFailed

if TYPE_CHECKING:
    from urllib3._base_connection import BaseHTTPConnection

MAX_BYTES = 20 * 1024 * 1024
TIMEOUT_SECONDS = 5.0
WHOLE_SECONDS = 30.0
_CHUNK = 64 * 1024
_OK = 200
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class HttpRevocationClient:
    """A :class:`svc.ports.RevocationClient`; ``allowed_hosts`` may lie in private networks. An answer is given up
    after ``whole_seconds``, however slowly it trickles in."""

    def __init__(self, allowed_hosts: frozenset[str] = frozenset(), *, max_bytes: int = MAX_BYTES,
                 whole_seconds: float = WHOLE_SECONDS) -> None:
        self._allowed = frozenset(host.lower() for host in allowed_hosts)
        self._max_bytes = max_bytes
        self._whole_seconds = whole_seconds

    def fetch(self, url: str, body: bytes | None = None) -> bytes:
        """GET, or POST of an OCSP request. :raises FetchFailed: refused, no answer, too long, or not 200"""
        parts, port = _parse(url)
        host = (parts.hostname or "").lower()
        address = self._look_up(host, port)
        pool = _pool(parts.scheme, address, port, host)
        headers = {"Host": parts.netloc, "Accept-Encoding": "identity", "Connection": "close"}
        if body is not None:
            headers["Content-Type"] = "application/ocsp-request"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        watch = _Watch(pool, self._whole_seconds)
        try:
            response = pool.urlopen("GET" if body is None else "POST", target, body=body, headers=headers,
                                    redirect=False, retries=False, preload_content=False, decode_content=False)
            try:
                if response.status != _OK:
                    raise FetchFailed(f"HTTP {response.status}")
                return self._read(response, watch)
            finally:
                response.close()
        except (HTTPError, OSError, ValueError) as error:
            raise FetchFailed(f"no answer: {type(error).__name__}") from error
        finally:
            watch.end()
            pool.close()

    def _read(self, response: urllib3.BaseHTTPResponse, watch: _Watch) -> bytes:
        data = bytearray()
        while chunk := response.read1(_CHUNK, decode_content=False):
            data += chunk
            if len(data) > self._max_bytes:
                raise FetchFailed("the answer is too long")
        if watch.is_over:  # an answer without length ends where its connection was shut
            raise FetchFailed("slow")
        return bytes(data)

    def _look_up(self, host: str, port: int) -> str:
        """An address of the host that may be connected to."""
        try:
            found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except (OSError, UnicodeError) as error:
            raise FetchFailed("the host is not known") from error
        if not found:
            raise FetchFailed("the host is not known")
        if host not in self._allowed and not all(map(is_public, found)):
            raise FetchFailed("the host lies in a private network; revocation_hosts may name it")
        return found[0]


class _Watch:
    """Shuts the connections of a pool when its time is over, which wakes whoever waits for them."""

    def __init__(self, pool: urllib3.HTTPConnectionPool, seconds: float) -> None:
        self.is_over = False
        self._sockets: list[socket.socket] = []
        make = pool._new_conn

        def make_watched() -> BaseHTTPConnection:
            connection = make()
            connect = connection.connect

            def connect_watched() -> None:
                connect()
                self._sockets.append(getattr(connection, "sock"))  # noqa: B009 - its type does not say that it has one

            connection.connect = connect_watched  # type: ignore[method-assign]
            return connection

        pool._new_conn = make_watched  # type: ignore[method-assign]
        self._timer = threading.Timer(seconds, self._shut)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        self._timer.cancel()

    def _shut(self) -> None:
        self.is_over = True
        for connected in self._sockets:
            with contextlib.suppress(OSError):  # closed already
                socket.socket.shutdown(connected, socket.SHUT_RDWR)  # SSLSocket's own would say goodbye first


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public Internet's, and hides no other in it."""
    parsed = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return is_public(str(parsed.ipv4_mapped))
        if parsed.sixtofour is not None or parsed.teredo is not None or parsed in _NAT64:
            return False
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


def _parse(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise FetchFailed("not an address") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise FetchFailed("only plain http and https addresses are asked")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise FetchFailed("not an address")
    return parts, port


def _pool(scheme: str, address: str, port: int, host: str) -> urllib3.HTTPConnectionPool:
    timeout = urllib3.Timeout(connect=TIMEOUT_SECONDS, read=TIMEOUT_SECONDS)
    if scheme == "https":
        return urllib3.HTTPSConnectionPool(address, port, timeout=timeout, server_hostname=host, assert_hostname=host)
    return urllib3.HTTPConnectionPool(address, port, timeout=timeout)
