"""People first: while somebody waits for an answer, what works in bulk on the same machine pauses.

Niceness gives a person the processor, but not the one place for writing in the database, nor the caches, nor the memory
of the other core: beside batches a signature by hand took more than twice as long as alone (measured). So the web
holds a file as shared for as long as somebody's act lasts, and bulk processes look at it between two documents and
before each transaction. The kernel lets go of the file when a process ends in any way, so nobody is waited for who is
gone; and however many people are at work, a third of the time is left to batches.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PAUSE_FOR_WORK = 2.0  # seconds of pause for each second of work
_LONGEST_SECONDS = 1.0  # in one go: two signatures by hand with room to spare
_LOOK_SECONDS = 0.004
_MODE = 0o600


class Courtesy:
    """What the processes of one machine know of each other, by a file that all of them find.

    Without file locks (Windows), or without the file's folder, nobody waits for anybody.
    """

    def __init__(self, place: Path, *, pause_for_work: float = _PAUSE_FOR_WORK,
                 longest_seconds: float = _LONGEST_SECONDS) -> None:
        self._place = place
        self._pause_for_work, self._longest = pause_for_work, longest_seconds
        self._file: int | None = None
        self._is_bulk = False
        self._owed = 0.0
        self._since = 0.0

    @contextmanager
    def for_person(self) -> Iterator[None]:
        """Somebody waits for as long as this lasts."""
        file = self._opened()
        if file is None:
            yield
            return
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_SH)  # who looks holds it for a moment only
            yield
        finally:
            os.close(file)

    def work_in_bulk(self) -> None:
        """From now on :meth:`pause` lets people go first; before, it returns at once."""
        self._is_bulk, self._since = True, time.monotonic()

    def pause(self) -> None:
        """Wait until nobody waits, but not longer than past work has earned. For the one thread that does the work."""
        if not self._is_bulk:
            return
        began = time.monotonic()
        self._owed = min(self._owed + (began - self._since) * self._pause_for_work, self._longest)
        while time.monotonic() - began < self._owed and self._somebody_waits():
            time.sleep(_LOOK_SECONDS)
        self._since = time.monotonic()
        self._owed = max(0.0, self._owed - (self._since - began))

    def _somebody_waits(self) -> bool:
        if self._file is None:
            self._file = self._opened()
        if self._file is None:
            return False
        import fcntl

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._file, fcntl.LOCK_UN)
        return False

    def _opened(self) -> int | None:
        if sys.platform == "win32":
            return None
        with suppress(OSError):  # no such folder, or no file handle left: courtesy is no reason to fail
            return os.open(self._place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        return None
