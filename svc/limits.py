"""Rate limits: one for everything, stricter ones where guessing or heavy work is possible.

A view states its own limit by :func:`limited`; :func:`install` applies them to the finished application, so
that blueprints need no limiter and every application (in tests there are many) has its own.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Flask, current_app
from flask_limiter import Limiter
from limits import parse

from svc.settings import Settings

View = TypeVar("View", bound=Callable[..., Any])

EVERYTHING = "900 per minute"
_RATE = "__paraf_rate__"
_EXTENSION = "paraf_limiter"
_FREE = ("home.static", "home.health")


def limited(rate: str) -> Callable[[View], View]:
    """State a limit per caller, such as ``"10 per minute"``, on top of the general one."""
    parse(rate)

    def mark(view: View) -> View:
        setattr(view, _RATE, rate)
        return view

    return mark


def install(app: Flask, settings: Settings, who: Callable[[], str]) -> None:
    """Apply the limits to all views registered so far. ``who`` names the caller (person or address)."""
    limiter = Limiter(who, app=app, default_limits=[EVERYTHING], storage_uri=settings.rate_limit_storage,
                      strategy="moving-window", headers_enabled=True, enabled=settings.rate_limits,
                      # A dead Redis must not close the service; each process then counts alone.
                      in_memory_fallback_enabled=True, in_memory_fallback=[EVERYTHING])
    app.extensions[_EXTENSION] = limiter
    if not settings.rate_limits:
        return
    for endpoint, view in list(app.view_functions.items()):
        rate = getattr(view, _RATE, None)
        if endpoint in _FREE:
            limiter.exempt(view)
        elif rate is not None:
            app.view_functions[endpoint] = cast("Any", limiter.limit(rate, override_defaults=False)(cast("Any", view)))


def is_name_paused(username: str, attempts: int) -> bool:
    """Whether too many logins with this name failed of late, whether or not such an account exists."""
    return _strategy() is not None and not _strategy().test(parse(f"{attempts} per 15 minutes"), _name_key(username))


def count_failed_name(username: str, attempts: int) -> None:
    """Remember a failed login with this name."""
    if _strategy() is not None:
        _strategy().hit(parse(f"{attempts} per 15 minutes"), _name_key(username))


def forget_failed_name(username: str, attempts: int) -> None:
    """A login with this name succeeded."""
    if _strategy() is not None:
        _strategy().clear(parse(f"{attempts} per 15 minutes"), _name_key(username))


def seconds_to_wait() -> int:
    """Until when the limit that refused this request is over; 0 where none did."""
    breached = cast("Limiter", current_app.extensions[_EXTENSION]).current_limit
    return max(1, round(breached.reset_at - time.time())) if breached is not None else 0


def _strategy() -> Any:
    limiter = cast("Limiter", current_app.extensions[_EXTENSION])
    return limiter.limiter if limiter.enabled else None


def _name_key(username: str) -> str:
    return "login:" + hashlib.sha256(username.strip().casefold().encode()).hexdigest()
