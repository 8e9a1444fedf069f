"""Circuit breakers, one for each server: a server that failed several times in a row is left alone for a while."""

from __future__ import annotations

import contextlib
import threading
import time

import pybreaker


class _Failure(Exception):
    """What the breaker is told of a call that failed."""


class Circuit:
    """One server's breaker; for all threads, and no thread waits while another one's call is under way.

    (``pybreaker.CircuitBreaker.call`` would hold its lock for as long as the call takes, so calls are only
    reported to it.) After ``reset_after`` seconds one trial call is let through; the others wait for its result.
    """

    def __init__(self, fail_max: int, reset_after: float) -> None:
        self._breaker = pybreaker.CircuitBreaker(fail_max, reset_after)
        self._reset_after = reset_after
        self._opened_at = 0.0  # on the monotonic clock, like the next
        self._trial_until: float | None = None
        self._lock = threading.Lock()

    def is_open(self) -> bool:
        """Whether calls are refused just now; looking does not use up the trial."""
        return self._breaker.current_state == pybreaker.STATE_OPEN and not self._may_try()

    def enter(self, lasts: float) -> bool:
        """Whether a call of at most ``lasts`` seconds may be made now."""
        with self._lock:
            state = self._breaker.current_state
            if state == pybreaker.STATE_CLOSED:
                return True
            now = time.monotonic()
            if state == pybreaker.STATE_OPEN and self._may_try():
                self._breaker.half_open()
            elif state == pybreaker.STATE_OPEN or (self._trial_until is not None and now < self._trial_until):
                return False
            self._trial_until = now + lasts  # a trial that never reports does not block for ever
            return True

    def report(self, failed: bool) -> None:
        """How a call that :meth:`enter` let through came out."""
        def outcome() -> None:
            if failed:
                raise _Failure
        with self._lock:
            if self._breaker.current_state == pybreaker.STATE_OPEN:
                return  # of a call from before it opened: old news
            self._trial_until = None
            with contextlib.suppress(_Failure, pybreaker.CircuitBreakerError):
                self._breaker.call(outcome)
            if self._breaker.current_state == pybreaker.STATE_OPEN:
                self._opened_at = time.monotonic()

    def _may_try(self) -> bool:
        return time.monotonic() >= self._opened_at + self._reset_after
