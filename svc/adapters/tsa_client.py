"""External time-stamp authorities over HTTP (RFC 3161 3.4), tried in order.

A time stamp is safe to ask for again: a token that got lost on its way proves nothing to anybody. So the next
authority is asked as soon as one fails, and one that keeps failing is left alone for a while.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import SplitResult, urlsplit

import structlog

from certs.errors import TimestampUnavailable
from certs.statement import stamp
from certs.tsa_answers import check_answer
from svc import failpoints

log = structlog.get_logger("paraf.tsa")

MAX_ANSWER_BYTES = 256 * 1024
CLOCK_TOLERANCE = timedelta(minutes=5)
FAILURES_TO_OPEN = 3
OPEN_SECONDS = 60.0
REPORT_SECONDS = 60.0  # a token may cost money: health asks for none while the last one is younger
RETRY_REPORT_SECONDS = 10.0
_OK = 200


@dataclass(frozen=True)
class TsaConfig:
    """Which authorities, in which order, and how long each may take as a whole. One login for all, or none.

    ``ca_file``: CA certificates (PEM) for https; empty: the system's.
    """

    urls: tuple[str, ...]
    timeout_seconds: float
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""


class _Failed(Exception):
    """One authority gave no token; the text says why, in a few words."""


class _Authority:
    """One authority with its circuit breaker; used by many threads."""

    def __init__(self, url: str, monotonic: Callable[[], float]) -> None:
        self.address: SplitResult = urlsplit(url)
        self.name = self.address.netloc
        self.trouble = ""  # why the last call failed; empty after a success
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until = 0.0

    @property
    def is_resting(self) -> bool:
        with self._lock:
            return self._failures >= FAILURES_TO_OPEN and self._monotonic() < self._open_until

    def note_success(self) -> None:
        with self._lock:
            self._failures, self.trouble = 0, ""

    def note_failure(self, trouble: str) -> None:
        with self._lock:
            self._failures, self.trouble = self._failures + 1, trouble
            self._open_until = self._monotonic() + OPEN_SECONDS


class FailoverTsa:
    """A :class:`certs.tsa.TimeStampService` of several external authorities."""

    def __init__(self, config: TsaConfig, monotonic: Callable[[], float] = time.monotonic) -> None:
        """:raises ValueError: no authority is named"""
        if not config.urls:
            raise ValueError("no time-stamp authority is named")
        self._config = config
        self._monotonic = monotonic
        self._authorities = tuple(_Authority(url, monotonic) for url in config.urls)
        self._answered: tuple[float, str] | None = None
        self._silent_at: float | None = None

    def respond(self, request_der: bytes, now: datetime) -> bytes:
        """The answer of the first authority that grants a token for this request, checked against it.

        Each has ``timeout_seconds`` from connecting to the last byte; after three failures in a row it is passed
        over for a minute.

        :raises TimestampUnavailable: none did; the text says of each why. Asking again later is safe.
        """
        for authority in self._authorities:
            if authority.is_resting:
                continue
            try:
                failpoints.reach("tsa.before_call")
                answer = _ask(authority.address, self._config, request_der)
                failpoints.reach("tsa.after_call")
                check_answer(request_der, answer, now, CLOCK_TOLERANCE)
            except (_Failed, TimestampUnavailable) as error:
                authority.note_failure(str(error))
                log.warning("tsa_failed", tsa=authority.name, why=str(error))
                continue
            authority.note_success()
            self._answered, self._silent_at = (self._monotonic(), authority.name), None
            return answer
        self._silent_at = self._monotonic()
        raise TimestampUnavailable(self._silence())

    def report(self, now: datetime) -> str:
        """Who gives tokens, and who does not; asks for one only when none was given in the last minute.

        :raises TimestampUnavailable: nobody answers
        """
        at = self._monotonic()
        if self._silent_at is not None and at - self._silent_at < RETRY_REPORT_SECONDS:
            raise TimestampUnavailable(self._silence())
        if self._silent_at is not None or self._answered is None or at - self._answered[0] >= REPORT_SECONDS:
            stamp(b"health", self, now)
        name = self._answered[1] if self._answered is not None else ""
        failing = [f"{one.name} ({one.trouble})" for one in self._authorities if one.trouble]
        return f"token given by {name}" + (f"; failing: {', '.join(failing)}" if failing else "")

    def _silence(self) -> str:
        reasons = (f"{one.name}: {one.trouble or 'not asked'}" for one in self._authorities)
        return f"no time-stamp authority gave a token ({'; '.join(reasons)})"


def _ask(address: SplitResult, config: TsaConfig, request_der: bytes) -> bytes:
    deadline = time.monotonic() + config.timeout_seconds
    connection = _connection(address, config)
    is_late = threading.Event()
    try:
        connection.connect()
        # A timeout of sockets counts from byte to byte; this one ends the whole exchange.
        watch = threading.Timer(max(0.0, deadline - time.monotonic()), _cut, (connection.sock, is_late))
        watch.daemon = True
        watch.start()
        try:
            return _exchange(connection, address, config, request_der)
        finally:
            watch.cancel()
    except TimeoutError as error:
        raise _Failed("slow") from error
    except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
        # AttributeError: a TLS socket that was cut while it was read
        raise _Failed("slow" if is_late.is_set() else f"no answer: {type(error).__name__}") from error
    finally:
        connection.close()


def _connection(address: SplitResult, config: TsaConfig) -> http.client.HTTPConnection:
    host, timeout = address.hostname or "", config.timeout_seconds
    if address.scheme == "https":
        context = ssl.create_default_context(cafile=config.ca_file or None)
        return http.client.HTTPSConnection(host, address.port, timeout=timeout, context=context)
    return http.client.HTTPConnection(host, address.port, timeout=timeout)


def _cut(sock: socket.socket, is_late: threading.Event) -> None:
    is_late.set()
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        log.debug("tsa_was_gone")


def _exchange(connection: http.client.HTTPConnection, address: SplitResult, config: TsaConfig,
              request_der: bytes) -> bytes:
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply",
               "Connection": "close"}
    if config.user:
        login = f"{config.user}:{config.password}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
    target = (address.path or "/") + (f"?{address.query}" if address.query else "")
    connection.request("POST", target, body=request_der, headers=headers)
    response = connection.getresponse()
    if response.status != _OK:
        raise _Failed(f"HTTP {response.status}")
    length = response.length
    data = response.read(MAX_ANSWER_BYTES + 1)
    if len(data) > MAX_ANSWER_BYTES:
        raise _Failed("the answer is too long")
    if length is not None and len(data) < length:  # read(n) does not complain itself
        raise http.client.IncompleteRead(data, length - len(data))
    return data
