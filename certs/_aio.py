"""Drive pyHanko's coroutines from plain functions."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def run_sync(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; works whether or not the calling thread has a running event loop."""
    if not _has_running_loop():
        return _run(work)
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(_run, work).result()


def _has_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run(work: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run`` without its handling of SIGINT, which writes out the result's ``repr`` on the way."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
