"""Drive pyHanko's coroutines from plain functions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def run_sync(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; works whether or not the calling thread has a running event loop."""
    return _run_apart(work, asyncio.new_event_loop)


def compute(work: Coroutine[Any, Any, T]) -> T:
    """As :func:`run_sync`, for a coroutine that waits for nothing outside; its loop opens no file and costs a fifth.

    :raises RuntimeError: it waits for something
    """
    return _run_apart(work, _InnerLoop)


def _run_apart(work: Coroutine[Any, Any, T], make_loop: Callable[[], asyncio.AbstractEventLoop]) -> T:
    if not _has_running_loop():
        return _run(work, make_loop())
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(_run, work, make_loop()).result()


def _has_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run(work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
    """``asyncio.run`` without its handling of SIGINT, which writes out the result's ``repr`` on the way."""
    try:
        return loop.run_until_complete(_with_generators_closed(work))
    except RuntimeError:  # of a loop that cannot go on; what waits in it is not left behind
        for task in (left := asyncio.all_tasks(loop)):
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        raise
    finally:
        loop.close()


async def _with_generators_closed(work: Coroutine[Any, Any, T]) -> T:
    try:
        return await work
    finally:
        await asyncio.get_running_loop().shutdown_asyncgens()


class _NothingOutside:
    """Stands where a loop asks the system what has happened."""

    def select(self, timeout: float | None) -> list[object]:
        if timeout != 0:
            raise RuntimeError("a computation waits for something outside of it")
        return []


class _InnerLoop(asyncio.BaseEventLoop):
    """A loop whose tasks can wait for each other alone."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _NothingOutside()

    def _process_events(self, event_list: list[object]) -> None:
        """There are none."""
