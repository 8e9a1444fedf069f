"""Coroutines that wait for nothing outside run to their end; those that do are refused and not hung."""

from __future__ import annotations

import asyncio

import pytest

from certs._aio import compute, run_sync


async def _sum_of_parts() -> int:
    async def part(number: int) -> int:
        await asyncio.sleep(0)
        return number

    return sum([await one for one in asyncio.as_completed([part(1), part(2), part(3)])])


def test_tasks_that_wait_for_each_other_come_to_their_end() -> None:
    assert compute(_sum_of_parts()) == run_sync(_sum_of_parts()) == 6


def test_it_works_within_a_running_loop_and_tells_errors() -> None:
    async def outer() -> int:
        return compute(_sum_of_parts())

    async def fails() -> None:
        raise LookupError("as it is")

    assert run_sync(outer()) == 6
    with pytest.raises(LookupError, match="as it is"):
        compute(fails())


def test_what_waits_for_something_outside_is_refused() -> None:
    with pytest.raises(RuntimeError, match="waits for something outside"):
        compute(asyncio.sleep(0.01))
