"""Requests are taken in whole before they are worked on, so that slow senders keep nobody waiting but themselves.

gunicorn gives a request its thread from the first byte on: as many slow senders as there are threads would stop the
service, however little they send. So there are many threads that only wait (:data:`THREADS_FOR_EACH`), a body is read
before one of the few places at work is taken, and who is slower than the slowest honest line is cut off.
"""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from typing import IO, TYPE_CHECKING, Any

from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wsgi import ClosingIterator

from svc.errors import AppError, TooManyAttempts

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

THREADS_FOR_EACH = 8  # place at work
HEAD_SECONDS = 10.0
_BODY_SECONDS = 20.0  # besides what the rate allows
_ANSWER_SECONDS = 60.0  # likewise
_STREAM_SECONDS = 900.0  # an answer of unknown length
_SLOWEST = 8 * 1024  # bytes a second
_CHUNK = 64 * 1024
_IN_MEMORY = 1024 * 1024
_REFUSED = "paraf.refused"


class RequestTooSlow(AppError):
    code, status = "request_too_slow", 408
    message = "Kiriman Anda terlalu lambat atau terputus. Tidak ada yang berubah; coba lagi dengan sambungan lain."


class Lines:
    """Until when each connection must have brought, or taken, what a thread waits for."""

    def __init__(self) -> None:
        self._until: dict[Any, tuple[float, int]] = {}

    def allow(self, line: Any, seconds: float, how: int = socket.SHUT_RD) -> None:
        """From now; then it is shut down, which ends the waiting. One shut for reading can still be answered."""
        if line is not None:  # as where no server is
            self._until[line] = (time.monotonic() + seconds, how)

    def forget(self, line: Any) -> None:
        self._until.pop(line, None)

    def cut(self) -> None:
        now = time.monotonic()
        for line, (until, how) in list(self._until.items()):
            if until < now:
                self.forget(line)
                with suppress(OSError):  # it is gone already
                    line.shutdown(how)


LINES = Lines()


class Intake:
    """Around an application: at most ``places`` requests are in it at once, each with its whole body.

    :param most: a body that says to be longer is left to the application, which refuses it unread
    :param proxies: how many stand in front; senders are counted by the address that they tell
    """

    def __init__(self, app: WSGIApplication, places: int, most: int, proxies: int) -> None:
        self._app, self._most = app, most
        self._places = threading.BoundedSemaphore(places)
        self._from_one = max(1, places * THREADS_FOR_EACH // 4)
        self._senders: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._proxies = proxies

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        line = environ.get("gunicorn.socket")
        with ExitStack() as to_close:
            if environ.get("CONTENT_LENGTH", "0") != "0" or environ.get("HTTP_TRANSFER_ENCODING"):
                body = to_close.enter_context(tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY))
                self._take_in(environ, line, body)
            LINES.forget(line)
            return ClosingIterator(self._work(environ, start_response, line), to_close.pop_all().close)

    def _work(self, environ: WSGIEnvironment, start_response: StartResponse, line: Any) -> Iterable[bytes]:
        leave = _once(self._places.release)
        self._places.acquire()

        def begin(status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], object]:
            length = next((value for name, value in headers if name.lower() == "content-length"), "")
            seconds = _ANSWER_SECONDS + int(length) / _SLOWEST if length.isdecimal() else _STREAM_SECONDS
            LINES.allow(line, seconds, socket.SHUT_RDWR)
            if length:  # it is made, and only has to be sent
                leave()
            return start_response(status, headers, *more)

        try:
            return ClosingIterator(self._app(environ, begin), leave)
        except BaseException:
            leave()
            raise

    def _take_in(self, environ: WSGIEnvironment, line: Any, body: IO[bytes]) -> None:
        told = environ.get("CONTENT_LENGTH", "")
        if told.isdecimal() and int(told) > self._most:
            return
        sender = self._sender(environ)
        with self._counting:
            is_one_too_many = self._senders[sender] >= self._from_one
            self._senders[sender] += not is_one_too_many
        if is_one_too_many:
            _refuse(environ, TooManyAttempts())
            return
        try:
            size = self._receive(environ["wsgi.input"], line, body)
        except OSError:  # also what gunicorn says of a body that ends too early or is no proper one
            size = -1
        finally:
            with self._counting:
                self._senders[sender] -= 1
                self._senders += Counter()  # forgets who sends nothing any more
        environ["wsgi.input"] = body
        if size < 0 or (told.isdecimal() and size != int(told)):
            _refuse(environ, RequestTooSlow())
        elif not told.isdecimal():
            environ["CONTENT_LENGTH"] = str(size)
            environ.pop("HTTP_TRANSFER_ENCODING", None)

    def _receive(self, sent: IO[bytes], line: Any, body: IO[bytes]) -> int:
        size, began = 0, time.monotonic()
        while size <= self._most:
            LINES.allow(line, _BODY_SECONDS + size / _SLOWEST - (time.monotonic() - began))
            chunk = sent.read(_CHUNK)
            if not chunk:
                break
            body.write(chunk)
            size += len(chunk)
        body.seek(0)
        return size

    def _sender(self, environ: WSGIEnvironment) -> str:
        if not self._proxies:
            return str(environ.get("REMOTE_ADDR", ""))
        told = dict(environ)
        ProxyFix(lambda _environ, _start: (), x_for=self._proxies)(told, lambda *_: lambda _data: None)
        return str(told.get("REMOTE_ADDR", ""))


def ensure_taken_in(environ: WSGIEnvironment) -> None:
    """Before a request is worked on. :raises RequestTooSlow: :raises TooManyAttempts: its body was not taken in"""
    refusal = environ.get(_REFUSED)
    if refusal is not None:
        raise refusal


def _refuse(environ: WSGIEnvironment, why: AppError) -> None:
    environ[_REFUSED] = why
    environ["CONTENT_LENGTH"] = "0"


def _once(act: Callable[[], None]) -> Callable[[], None]:
    left = [act]
    return lambda: left.pop()() if left else None
