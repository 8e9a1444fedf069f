"""Structured logs with a request id; what must not be in them is taken out before they are written."""

from __future__ import annotations

import logging
import re
import secrets
import sys
import time
from collections.abc import Callable
from typing import Any

import structlog
from flask import Flask, Response, g, request
from structlog.typing import EventDict, WrappedLogger

from svc.settings import Settings

log = structlog.get_logger("paraf.web")

_NEVER = frozenset({
    "nip", "nik", "password", "passphrase", "totp", "secret", "token", "authorization", "cookie",
    "csrf_token", "session", "pin", "data", "form", "server_key", "new_key", "email",
})
# NIK has 16 digits, NIP 18: whatever text they slipped into, they do not belong in a log.
_LONG_NUMBER = re.compile(r"\b\d{16,18}\b")


def drop_personal(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Processor: remove known keys and mask numbers that look like NIK or NIP."""
    for key in [key for key in event if key.lower() in _NEVER]:
        event[key] = "[dropped]"
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _LONG_NUMBER.sub("[number]", value)
    return event


def keep_out_of_output() -> None:
    """For commands that log before settings are read, or without: to standard error, never into what they print."""
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True),
                    structlog.processors.format_exc_info, drop_personal,
                    structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr), cache_logger_on_first_use=False)


def configure(settings: Settings) -> None:
    """Set up structlog and the standard library's root logger, to standard error."""
    renderer: Any = (structlog.processors.JSONRenderer() if settings.log_format == "json"
                     else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()))
    shared: list[Callable[..., Any]] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Text only: a traceback with local variables would carry form data.
        structlog.processors.format_exc_info,
        drop_personal,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared,
                    structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(), cache_logger_on_first_use=False)
    handler = logging.StreamHandler()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]))
    handler.set_name("paraf")
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if one.get_name() != "paraf"] + [handler]
    root.setLevel(settings.log_level)


def install(app: Flask) -> None:
    """Give each request an id and write one line about it. Addresses are not logged: some carry secrets."""

    @app.before_request
    def _begin() -> None:
        g.request_id, g.began_at = secrets.token_hex(8), time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def _end(response: Response) -> Response:
        response.headers["X-Request-ID"] = request_id()
        if request.endpoint not in {"home.static", "home.health"}:
            took = time.perf_counter() - g.get("began_at", time.perf_counter())
            log.info("request", method=request.method, endpoint=request.endpoint or "-",
                     status=response.status_code, ms=round(took * 1000, 1))
        return response


def request_id() -> str:
    """The id of the request under way."""
    return str(g.get("request_id", ""))
