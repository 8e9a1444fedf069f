"""The bell."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.support.world import World
from tests.web.conftest import Visitor

LogIn = Callable[[str], Visitor]


def test_a_task_rings_leads_to_its_decree_and_is_then_read(log_in: LogIn, world: World) -> None:
    decree_id = world.walk("in_review")
    person = log_in("kasubbid")
    frame = person.get("/inbox").get_data(as_text=True)
    assert "1 baru" in frame

    page = person.get("/notices").get_data(as_text=True)
    line = re.search(r'action="(/notices/[\w-]{22})"', page)
    assert line
    opened = person.post(line.group(1))
    assert opened.headers["Location"] == f"/decrees/{decree_id}"
    assert "1 baru" not in person.get("/inbox").get_data(as_text=True)


def test_notices_of_others_do_not_exist_for_me(log_in: LogIn, world: World) -> None:
    world.walk("in_review")
    page = log_in("kasubbid").get("/notices").get_data(as_text=True)
    line = re.search(r'action="(/notices/[\w-]{22})"', page)
    assert line
    assert log_in("analis").post(line.group(1)).status_code == 404


def test_all_can_be_marked_as_read(log_in: LogIn, world: World) -> None:
    for _ in range(3):
        world.walk("in_review")
    person = log_in("kasubbid")
    assert "3 baru" in person.get("/notices").get_data(as_text=True)
    person.post("/notices/read")
    assert "3 baru" not in person.get("/notices").get_data(as_text=True)


def test_an_empty_bell_says_what_will_stand_there(log_in: LogIn) -> None:
    assert "Belum ada pemberitahuan" in log_in("gubernur").get("/notices").get_data(as_text=True)
