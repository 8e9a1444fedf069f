"""Writers of one SQLite file stand in line, and those that work in bulk let people go first."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from svc.db import Database

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the line is a lock of the kernel's on a file")
ROUNDS = 8


def test_who_works_in_bulk_lets_a_person_go_first(tmp_path: Path) -> None:
    """Two workers at work; a person who comes last is served second. Who is woken first is the kernel's choice, so not
    in every round; without the line of their own in none."""
    url = f"sqlite:///{tmp_path / 'paraf.db'}"
    workers = [Database(url), Database(url)]
    for one in workers:
        one.give_way()
    person = Database(url)
    orders = [_order(workers, person) for _ in range(ROUNDS)]
    assert all(sorted(order) == ["first", "person", "second"] and order[0] == "first" for order in orders)
    assert ["first", "person", "second"] in orders
    for one in (*workers, person):
        one.dispose()


def _order(workers: list[Database], person: Database) -> list[str]:
    served: list[str] = []
    is_in, may_go = threading.Event(), threading.Event()

    def write(database: Database, name: str) -> None:
        with database.unit_of_work():
            served.append(name)
            if name == "first":
                is_in.set()
                may_go.wait(30)

    threads = [threading.Thread(target=write, args=pair) for pair in (
        (workers[0], "first"), (workers[1], "second"), (person, "person"))]
    threads[0].start()
    assert is_in.wait(30)
    for thread in threads[1:]:
        thread.start()
        time.sleep(0.1)  # until it waits
    may_go.set()
    for thread in threads:
        thread.join(30)
    return served
