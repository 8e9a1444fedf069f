"""Many at once: nobody's paraf is taken twice, no number is lost or doubled, nobody fails for another's sake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import func, select

from svc.errors import AppError, StorageUnavailable
from svc.models import AuditEvent, Paraf, RegisterEntry, RouteVersion
from svc.services import drafting, routing
from svc.services.audit_log import event_hash
from tests.support.acts import row_of, task_of
from tests.support.world import World

THREADS = 50


def outcomes(acts: list[Callable[[], None]]) -> Counter[str]:
    """Run all at once; how many ended with which error (``done``: none)."""
    def run(act: Callable[[], None]) -> str:
        try:
            act()
        except AppError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return Counter(pool.map(run, acts))


def held_numbers(world: World) -> list[int]:
    with world.deps.db.read_session() as session:
        return list(session.scalars(select(RegisterEntry.seq).order_by(RegisterEntry.seq)))


@pytest.mark.timeout(300)
def test_failures_between_fifty_last_paraf_leave_no_gap(world: World) -> None:
    """Every fifth cannot store its document after it took its number; the others close ranks."""
    deps = world.deps
    last = world.actor("sekretaris")
    ids = []
    for _ in range(THREADS):
        decree_id = world.walk("in_review")
        world.approve(decree_id, "kasubbid")
        world.approve(decree_id, "kabid")
        ids.append(decree_id)
    tasks = {decree_id: task_of(world, decree_id) for decree_id in ids}
    obstacles = [deps.settings.var_dir / "store" / "decrees" / decree_id / "frozen" for decree_id in ids[::5]]
    for path in obstacles:
        path.write_bytes(b"")  # a file where the store needs a folder

    done = outcomes([partial(routing.approve, deps, last, *tasks[decree_id]) for decree_id in ids])
    assert done == {"done": THREADS - len(obstacles), StorageUnavailable.code: len(obstacles)}
    assert held_numbers(world) == list(range(1, THREADS - len(obstacles) + 1))

    for path in obstacles:
        path.unlink()
    again = outcomes([partial(routing.approve, deps, last, *tasks[decree_id]) for decree_id in ids[::5]])
    assert again == {"done": len(obstacles)}
    assert held_numbers(world) == list(range(1, THREADS + 1))
    numbers = {row_of(world, decree_id).number for decree_id in ids}
    assert numbers == {f"800.1.11.13/{seq}/BKD/2026" for seq in range(1, THREADS + 1)}


def test_a_double_click_gives_one_paraf(world: World) -> None:
    decree_id = world.walk("in_review")
    task_id, seen = task_of(world, decree_id)
    official = world.actor("kasubbid")
    done = outcomes([partial(routing.approve, world.deps, official, task_id, seen)] * 8)
    assert done == {"done": 1, "stale_task": 7}
    with world.deps.db.read_session() as session:
        assert session.scalar(select(func.count()).select_from(Paraf)) == 1


def test_paraf_and_withdrawal_at_once_end_in_one_of_both(world: World) -> None:
    deps, clerk, official = world.deps, world.actor("analis"), world.actor("kasubbid")
    for _ in range(6):
        decree_id = world.walk("in_review")
        task_id, seen = task_of(world, decree_id)
        done = outcomes([partial(routing.approve, deps, official, task_id, seen),
                         partial(routing.withdraw, deps, clerk, decree_id, seen, "Keliru")])
        assert done == {"done": 1, "stale_task": 1}
        assert world.view(decree_id).status in {"draft", "in_review"}


def test_the_first_submissions_of_all_pin_the_route_once(world: World) -> None:
    deps, clerk = world.deps, world.actor("analis")
    ids = [world.walk("draft") for _ in range(12)]
    done = outcomes([partial(routing.submit, deps, clerk, decree_id, 1) for decree_id in ids])
    assert done == {"done": 12}
    with deps.db.read_session() as session:
        assert list(session.scalars(select(RouteVersion.sha256))) == [deps.routes["kgb"].sha256]


def test_two_who_save_the_same_draft_do_not_overwrite_each_other(world: World) -> None:
    deps, clerk = world.deps, world.actor("analis")
    decree_id = world.walk("draft")
    texts = [f"Kota {index}" for index in range(6)]
    data = [world.example() | {"tujuan_di": text} for text in texts]
    done = outcomes([partial(drafting.save_draft, deps, clerk, decree_id, one, 1) for one in data])
    assert done == {"done": 1, "stale_task": 5}
    view = world.view(decree_id)
    assert view.data["tujuan_di"] in texts
    assert view.lock_version == 2


def test_the_chain_holds_after_a_crowd(world: World) -> None:
    deps, clerk = world.deps, world.actor("analis")
    ids = [world.walk("draft") for _ in range(8)]
    outcomes([partial(routing.submit, deps, clerk, decree_id, 1) for decree_id in ids * 2])
    for decree_id in ids:
        row = row_of(world, decree_id)
        with deps.db.read_session() as session:
            events = session.scalars(
                select(AuditEvent).where(AuditEvent.decree_id == row.id).order_by(AuditEvent.seq)).all()
        assert [event.seq for event in events] == list(range(1, row.audit_seq + 1))
        assert all(event.hash == event_hash(event) for event in events)
        assert events[-1].hash == row.audit_head
