"""Memory of processes that run for long: when garbage is looked for, and that what is freed is given back."""

from __future__ import annotations

import ctypes
import gc

_M_MMAP_THRESHOLD = -3  # malloc.h
_LARGE = 1024 * 1024


def tame_garbage_collector() -> None:
    """Call once everything is loaded. Long tails of requests came from full collections over the start-up objects, and
    a twentieth of a validation's time from looking at what lives for one of them only (both measured)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


def give_back_large_blocks() -> None:
    """Let what takes 1 MiB or more go back to the system once freed. Else glibc raises that bound to 32 MiB by itself,
    and each thread that ever held an upload keeps as much (measured: 500 MB and more for each web process)."""
    try:
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)
    except AttributeError:
        return  # another C library, which has no such habit
