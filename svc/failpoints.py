"""Named points in the code at which a rehearsal of disasters ends, delays or fails a process (``tests/chaos``).

``PARAF_FAILPOINT=name:count:action`` (several: comma-separated) arms them at start-up, never in production. The
``count``-th time that a process reaches the point, the action happens: ``kill`` (SIGKILL to itself), ``sleep=SECONDS``,
or ``full`` (from then on every time: ``OSError`` ENOSPC, as of a full disk). Unarmed, a point is one look at an empty
dict.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from dataclasses import dataclass, field

from svc.settings import Settings, SettingsError

POINTS = frozenset({
    "db.before_commit", "db.after_commit",
    "store.before_write", "store.half_written", "store.before_rename", "store.after_rename",
    "s3.before_put", "s3.after_put",
    "tsa.before_call", "tsa.after_call",
    "remote.before_call", "remote.after_call",
    "numbers.taken",
    "key.reserved",
    "freeze.leased", "freeze.stored",
    "signing.claimed", "signing.produced", "signing.kept", "signing.before_finalise",
    "chunk.claimed", "chunk.before_host", "chunk.after_host", "chunk.proven", "chunk.recorded",
    "batch.key_handed_over", "batch.before_complete",
    "host.opened", "host.before_sign", "host.after_sign",
    "settle.found",
    "outbox.delivered",
})
_LONGEST_SLEEP = 600.0


@dataclass
class _Point:
    """An armed point and how often it was reached."""

    count: int
    action: str
    seconds: float = 0.0
    reached: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reach(self) -> None:
        with self.lock:
            self.reached += 1
            reached = self.reached
        if self.action == "full" and reached >= self.count:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if reached != self.count:
            return
        if self.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.seconds)


_armed: dict[str, _Point] = {}


def reach(name: str) -> None:
    """Nothing, unless this point was armed. :raises OSError: it was, with ``full``"""
    if _armed and (point := _armed.get(name)) is not None:
        point.reach()


def arm(settings: Settings) -> None:
    """Arm what the settings name, and nothing else. :raises SettingsError: in production, or an unknown point"""
    if settings.failpoint and settings.is_production:
        raise SettingsError("PARAF_FAILPOINT is not for production")
    points = dict(_read(part.strip()) for part in settings.failpoint.split(",") if part.strip())
    _armed.clear()
    _armed.update(points)


def _read(text: str) -> tuple[str, _Point]:
    try:
        name, count_text, action_text = text.split(":")
        action, _, seconds_text = action_text.partition("=")
        point = _Point(int(count_text), action, float(seconds_text or 0))
    except ValueError as error:
        raise SettingsError(f"PARAF_FAILPOINT: {text!r} is not name:count:action") from error
    is_known = name in POINTS and action in {"kill", "sleep", "full"}
    if not is_known or point.count < 1 or not 0 <= point.seconds <= _LONGEST_SLEEP:
        raise SettingsError(f"PARAF_FAILPOINT: {text!r} names no point or no action")
    return name, point
