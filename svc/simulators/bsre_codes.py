"""One-time codes of the simulated service: by mail for signers, activation and sealing codes for seals."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

CODE_LIFE = timedelta(minutes=5)  # assumed: the manual does not say
ACTIVATION_LIFE = timedelta(hours=24)


class CodeWrong(Exception):
    """Not the code, or for fewer files."""


class CodeOver(Exception):
    """It was good until a while ago."""


@dataclass
class _Code:
    code: str
    expires_at: datetime
    left: int


class Codes:
    """The newest code of each holder; for all threads."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._codes: dict[str, _Code] = {}
        self._lock = threading.Lock()

    def issue(self, holder: str, life: timedelta, uses: int) -> tuple[str, datetime]:
        """A new code of six digits, which replaces the holder's former one."""
        made = _Code(f"{secrets.randbelow(1_000_000):06d}", self._clock() + life, uses)
        with self._lock:
            self._codes[holder] = made
        return made.code, made.expires_at

    def use(self, holder: str, code: str, uses: int = 0) -> datetime:
        """Take so many uses of it; until when it is good. :raises CodeWrong: :raises CodeOver:"""
        with self._lock:
            known = self._codes.get(holder)
            if known is None or not hmac.compare_digest(known.code.encode(), code.encode()):
                raise CodeWrong
            if self._clock() >= known.expires_at:
                raise CodeOver
            if uses > known.left:
                raise CodeWrong
            known.left -= uses
            return known.expires_at

    def revoke(self, holder: str) -> None:
        with self._lock:
            self._codes.pop(holder, None)
