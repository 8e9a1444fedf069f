"""How many may be inside, and how many may stand before the door."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from svc.cage.port import CageBusy


class Gate:
    """At most ``running`` inside and ``waiting`` before it; nobody else is let near."""

    def __init__(self, running: int, waiting: int) -> None:
        self._slots = threading.BoundedSemaphore(running)
        self._room = threading.BoundedSemaphore(running + waiting)

    @contextmanager
    def entered(self, patience: float, first: Callable[[], object]) -> Iterator[None]:
        """Inside, after a wait of at most ``patience`` seconds. ``first`` is done before the door, with a place there,
        and takes none of that time.

        :raises CageBusy: full, or patience ran out
        """
        if not self._room.acquire(blocking=False):
            raise CageBusy
        try:
            first()
            if not self._slots.acquire(timeout=patience):
                raise CageBusy
            try:
                yield
            finally:
                self._slots.release()
        finally:
            self._room.release()
