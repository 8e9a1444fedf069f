"""What works in bulk pauses while a person waits, whoever's process the person's act runs in, and never for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from svc.courtesy import Courtesy
from svc.db import Database

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the sign is a lock of the kernel's on a file")
_PATIENT = {"pause_for_work": 1e6, "longest_seconds": 60.0}  # so that a slow machine changes no outcome
_HOLD = """
import sys
from pathlib import Path
from svc.courtesy import Courtesy
with Courtesy(Path(sys.argv[1])).for_person():
    print("waits", flush=True)
    sys.stdin.read()
"""


def test_bulk_work_goes_on_when_nobody_waits_any_more(tmp_path: Path) -> None:
    person, bulk = Courtesy(tmp_path / "people"), _earned(tmp_path / "people")
    order: list[str] = []
    with person.for_person():
        working = _started(lambda: (bulk.pause(), order.append("bulk")))
        working.join(0.1)  # it would be done by far if it did not wait
        order.append("person")
    working.join(30)
    assert order == ["person", "bulk"]


def test_a_second_person_is_waited_for_as_well(tmp_path: Path) -> None:
    first, second, bulk = Courtesy(tmp_path / "people"), Courtesy(tmp_path / "people"), _earned(tmp_path / "people")
    order: list[str] = []
    with first.for_person():
        with second.for_person():
            working = _started(lambda: (bulk.pause(), order.append("bulk")))
        working.join(0.1)
        order.append("first")
    working.join(30)
    assert order == ["first", "bulk"]


def test_people_who_never_stop_do_not_stop_batches(tmp_path: Path) -> None:
    person, bulk = Courtesy(tmp_path / "people"), Courtesy(tmp_path / "people")
    bulk.work_in_bulk()
    with person.for_person():
        working = _started(lambda: [bulk.pause() for _ in range(20)])
        working.join(30)
        assert not working.is_alive()


def test_nobody_waits_for_a_process_that_was_killed(tmp_path: Path) -> None:
    held = subprocess.Popen([sys.executable, "-c", _HOLD, str(tmp_path / "people")], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(Path.cwd())})
    assert held.stdin is not None
    assert held.stdout is not None
    with held.stdin, held.stdout:
        assert held.stdout.readline() == b"waits\n"
        bulk, order = _earned(tmp_path / "people"), []
        working = _started(lambda: (bulk.pause(), order.append("bulk")))
        working.join(0.1)
        order.append("kill")
        held.kill()
        held.wait(30)
    working.join(30)
    assert order == ["kill", "bulk"]


def test_who_does_not_work_in_bulk_never_pauses(tmp_path: Path) -> None:
    place = tmp_path / "people"
    with Courtesy(place).for_person():
        working = _started(Courtesy(place).pause)
        working.join(30)
        assert not working.is_alive()


def test_without_a_place_for_the_sign_nobody_is_kept(tmp_path: Path) -> None:
    lost = Courtesy(tmp_path / "no" / "folder")
    lost.work_in_bulk()
    with lost.for_person():
        lost.pause()


def test_bulk_transactions_begin_after_the_person_is_served(tmp_path: Path) -> None:
    person, bulk = Courtesy(tmp_path / "people"), _earned(tmp_path / "people")
    database = Database(f"sqlite:///{tmp_path / 'paraf.db'}")
    database.give_way(bulk.pause)
    order: list[str] = []

    def write() -> None:
        with database.unit_of_work():
            order.append("bulk")

    with person.for_person():
        working = _started(write)
        working.join(0.1)
        order.append("person")
    working.join(30)
    database.dispose()
    assert order == ["person", "bulk"]


def _earned(place: Path) -> Courtesy:
    """Bulk work that has gone on for so long that it may be asked to wait for a minute."""
    bulk = Courtesy(place, **_PATIENT)
    bulk.work_in_bulk()
    time.sleep(0.001)
    return bulk


def _started(act: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread
