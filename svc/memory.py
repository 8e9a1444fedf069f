"""The garbage collector of processes that run for long."""

from __future__ import annotations

import gc


def tame_garbage_collector() -> None:
    """Call once everything is loaded. Long tails of requests came from full collections over the start-up objects, and
    a twentieth of a validation's time from looking at what lives for one of them only (both measured)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
