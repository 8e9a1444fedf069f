"""Calls to remote signing backends and time-stamp authorities: nothing is ever tried twice, and a failure says
whether the request may have left.

One :class:`HttpCaller` serves one backend for the life of the process and all its threads::

    caller = HttpCaller("bsre", HttpConfig(ca_bundle="/etc/paraf/bsre.pem"), log)
    answer = caller.call(HttpCall("sign/pdf", "POST", url, headers, body, deadline=120))
    answer.status, answer.headers["id_dokumen"], answer.body

Every whole answer comes back, whatever its status. Every call is recorded in the :class:`CallLog`.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse, IncompleteRead
from io import BufferedReader
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from certs.signers.call_records import describe_answer
from certs.signers.circuit import Circuit
from certs.signers.port import BackendUnavailable, CallLog, CallRecord, OutcomeUnknown

if TYPE_CHECKING:
    from urllib3._base_connection import BaseHTTPConnection

# urllib3 writes paths at level DEBUG, and one of BSrE's holds the signer's NIK.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)

_CHUNK = 64 * 1024
_BUSY = frozenset({502, 503, 504})


@dataclass(frozen=True)
class HttpConfig:
    """Seconds and bytes. ``ca_bundle`` is a PEM file that replaces the system's anchors; empty: the system's.

    After ``fail_max`` failures in a row a server is left alone for ``reset_after`` seconds.
    """

    connect_timeout: float = 5.0
    deadline: float = 60.0
    max_answer: int = 64 * 1024 * 1024
    ca_bundle: str = ""
    pool_size: int = 4
    fail_max: int = 5
    reset_after: float = 30.0


@dataclass(frozen=True)
class HttpCall:
    """One request.

    ``endpoint`` is its name in the request log, without anything personal. ``deadline`` is for the whole call, in
    seconds; None: the configuration's. ``safe`` is for calls that change and sign nothing: however they fail, it
    is :class:`BackendUnavailable`. ``told`` is what the log may know of the request; ``secrets`` are blotted out
    of the logged answer; ``describe`` makes the logged answer of the body instead, if given. The answer's header
    ``reference_header`` becomes the ``reference`` of :class:`OutcomeUnknown` when the head came and the body did
    not.
    """

    endpoint: str
    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    deadline: float | None = None
    safe: bool = False
    told: Mapping[str, object] = field(default_factory=dict)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    describe: Callable[[bytes], dict[str, object]] | None = field(default=None, repr=False)
    reference_header: str = ""


@dataclass(frozen=True)
class HttpAnswer:
    """A whole answer; header names are in lower case.

    Only a body with a length or in chunks is known to be whole; one without ends where the connection did, so
    callers that get files make sure of them.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def content_type(self) -> str:
        """Without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class HttpCaller:
    """Connection pool, deadlines, circuit breakers (one a server) and request log of one backend.

    TLS certificates and host names are always checked. There are no retries, no redirects and no cookies.
    """

    def __init__(self, backend: str, config: HttpConfig, log: CallLog) -> None:
        self._backend = backend
        self._config = config
        self._log = log
        # An idle connection may be closed by the other side just as a request leaves on it, which looks like a lost
        # answer. So only safe calls share connections; the others each have a new one.
        self._shared = _pools(config, keeps=True)
        self._fresh = _pools(config, keeps=False)
        self._circuits: dict[str, Circuit] = {}
        self._lock = threading.Lock()

    def call(self, call: HttpCall) -> HttpAnswer:
        """Send it once and wait for the whole answer.

        :raises BackendUnavailable: nothing was sent (name, connection, TLS, circuit open), or the call is ``safe``
            and no whole answer came
        :raises OutcomeUnknown: the request left, or began to, and no whole answer came in time
        """
        lasts = call.deadline if call.deadline is not None else self._config.deadline
        attempt = _Attempt()
        begun = time.monotonic()
        circuit = self._circuit(call.url)
        if not circuit.enter(lasts):
            self._record(call, attempt, begun, None)
            raise BackendUnavailable(f"{self._backend}: left alone for a while after several failures")
        answer: HttpAnswer | None = None
        try:
            answer = self._exchange(call, attempt, lasts)
        except (HTTPError, HTTPException, OSError, ValueError, _Abandoned) as error:
            raise self._failure(call, attempt, error) from error
        finally:
            circuit.report(failed=answer is None or answer.status in _BUSY)
            self._record(call, attempt, begun, answer)
        return answer

    def logging_to(self, log: CallLog) -> HttpCaller:
        """The same caller (pools, circuits) whose calls go to another log: one act's, for instance."""
        twin = copy.copy(self)
        twin._log = log
        return twin

    def is_open(self, url: str) -> bool:
        """Whether the circuit to this URL's server is open: a call would be refused without being sent."""
        return self._circuit(url).is_open()

    def _circuit(self, url: str) -> Circuit:
        parts = urlsplit(url)
        server = f"{parts.scheme}://{parts.netloc}".lower()
        with self._lock:
            if server not in self._circuits:
                self._circuits[server] = Circuit(self._config.fail_max, self._config.reset_after)
            return self._circuits[server]

    def _exchange(self, call: HttpCall, attempt: _Attempt, lasts: float) -> HttpAnswer:
        headers = {"Accept-Encoding": "identity", **call.headers}
        if not call.safe:
            headers["Connection"] = "close"
        timeout = urllib3.Timeout(connect=min(self._config.connect_timeout, lasts), read=lasts)
        watch = threading.Timer(lasts, attempt.expire)
        watch.daemon = True
        watch.start()
        current = _CURRENT.set(attempt)
        try:
            response = (self._shared if call.safe else self._fresh).urlopen(
                call.method, call.url, body=call.body or None, headers=headers, retries=False, redirect=False,
                timeout=timeout, preload_content=False, decode_content=False)
            attempt.status = response.status
            attempt.reference = response.headers.get(call.reference_header, "") if call.reference_header else ""
            body = self._read(response)
        finally:
            _CURRENT.reset(current)
            watch.cancel()
        if attempt.expired:  # a body without length ends where the connection was shut
            raise _Abandoned("the deadline is over")
        named = {name.lower(): value for name, value in response.headers.items()}
        return HttpAnswer(response.status, named, body)

    def _read(self, response: BaseHTTPResponse) -> bytes:
        chunks, size, is_whole = [], 0, False
        try:
            for chunk in response.stream(_CHUNK, decode_content=False):
                chunks.append(chunk)
                size += len(chunk)
                if size > self._config.max_answer:
                    raise _Abandoned("the answer is too large")
            is_whole = True
        finally:
            if is_whole:
                response.release_conn()
            else:
                response.close()
        return b"".join(chunks)

    def _failure(self, call: HttpCall, attempt: _Attempt, error: Exception) -> BackendUnavailable | OutcomeUnknown:
        """Texts name the kind of error alone: addresses and headers may hold what is nobody's business."""
        why = "time is over" if attempt.expired else type(error).__name__
        if not attempt.begun:
            return BackendUnavailable(f"{self._backend}: not reached ({why})")
        if call.safe:
            return BackendUnavailable(f"{self._backend}: no answer to {call.endpoint} ({why})")
        return OutcomeUnknown(f"{self._backend}: {call.endpoint} was sent, and no whole answer came ({why})",
                              attempt.reference)

    def _record(self, call: HttpCall, attempt: _Attempt, begun: float, answer: HttpAnswer | None) -> None:
        outcome = "answered" if answer else ("unknown" if attempt.begun else "not_sent")
        described: dict[str, object] = {}
        if answer is not None:
            described = (call.describe(answer.body) if call.describe
                         else describe_answer(answer.body, answer.content_type, call.secrets))
        if attempt.reference:
            described["reference"] = attempt.reference
        duration = int((time.monotonic() - begun) * 1000)
        self._log.record(CallRecord(self._backend, call.endpoint, attempt.status, duration, outcome,
                                    dict(call.told), described))


# --- below: knowing whether the first byte left ----------------------------------------------------------
class _Abandoned(Exception):
    """Given up on our side."""


class _Attempt:
    """One request on its way; ``begun`` from just before the first byte goes to the socket."""

    def __init__(self) -> None:
        self.begun = False
        self.expired = False
        self.status = 0
        self.reference = ""
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def begin(self, connected: socket.socket) -> None:
        with self._lock:
            if self.expired:
                raise _Abandoned("the deadline is over")
            self.begun = True
            self._socket = connected

    def expire(self) -> None:
        """The deadline is over: shutting the socket wakes whoever reads or writes, however slow the other side."""
        with self._lock:
            self.expired = True
            if self._socket is not None:
                with contextlib.suppress(OSError):  # closed already
                    # not SSLSocket's own method, which would say goodbye first
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


_CURRENT: ContextVar[_Attempt] = ContextVar("_CURRENT")


def _note(connection: HTTPConnection) -> None:
    if connection.sock is None:
        connection.connect()
    _CURRENT.get().begin(connection.sock)


class _Lines:
    """Reads lines and remembers the last."""

    def __init__(self, inner: BinaryIO) -> None:
        self._inner = inner
        self.last = b""

    def readline(self, limit: int = -1) -> bytes:
        self.last = self._inner.readline(limit)
        return self.last

    def close(self) -> None:
        self._inner.close()

    def flush(self) -> None:
        self._inner.flush()


class _StrictResponse(HTTPResponse):
    """http.client takes a head that was cut for a short one, and then an empty body for a whole answer."""

    def begin(self) -> None:
        inner = self.fp
        lines = _Lines(inner)
        self.fp = cast("BufferedReader", lines)
        try:
            super().begin()
        finally:
            if self.fp is not None:  # closed already, for a bad first line
                self.fp = inner
        if lines.last not in {b"\r\n", b"\n"} or self.headers.defects:
            self.close()
            raise IncompleteRead(b"")


class _PlainConnection(HTTPConnection):
    response_class = _StrictResponse

    def send(self, data: object) -> None:
        _note(self)
        super().send(data)  # type: ignore[arg-type]  # http.client takes what urllib3 gives


class _TlsConnection(HTTPSConnection):
    response_class = _StrictResponse

    def send(self, data: object) -> None:
        _note(self)
        super().send(data)  # type: ignore[arg-type]


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _FreshPlainPool(_PlainPool):
    def _put_conn(self, conn: BaseHTTPConnection | None) -> None:
        _hang_up(conn)
        super()._put_conn(conn)


class _FreshTlsPool(_TlsPool):
    def _put_conn(self, conn: BaseHTTPConnection | None) -> None:
        _hang_up(conn)
        super()._put_conn(conn)


def _hang_up(conn: BaseHTTPConnection | None) -> None:
    if conn is not None:
        conn.close()  # it connects anew when it is used again


def _pools(config: HttpConfig, keeps: bool) -> urllib3.PoolManager:
    manager = urllib3.PoolManager(maxsize=config.pool_size, ca_certs=config.ca_bundle or None,
                                  cert_reqs="CERT_REQUIRED")
    plain, tls = (_PlainPool, _TlsPool) if keeps else (_FreshPlainPool, _FreshTlsPool)
    manager.pool_classes_by_scheme = {"http": plain, "https": tls}
    return manager
