"""A sign of life of processes that serve no page: a file whose time whoever watches over them looks at."""

from __future__ import annotations

import contextlib
from pathlib import Path

from svc.settings import Settings


def mark_alive(settings: Settings) -> None:
    """Touch the file that the settings name, if they do; a disk that refuses it is no reason to stop working."""
    if settings.alive_file:
        with contextlib.suppress(OSError):
            Path(settings.alive_file).touch()
