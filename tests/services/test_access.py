"""Who sees what: the list, the page and the register tell the same story."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from svc.errors import NotFound
from svc.models import Position
from svc.seed.organisation import POSITIONS
from svc.services import decree_page, drafting, numbering, orgchart, routing, tracking
from svc.services.tracking import TrackingFilter
from tests.support.acts import appoint, set_row, task_of
from tests.support.world import World

EVERYBODY = tuple(row.username for row in POSITIONS)
BKD = {"kepala", "sekretaris", "kabid", "kasubbid", "analis", "pengelola"}
SEE_ALL = {"kabiro", "biro", "admin"}


def who_opens(world: World, decree_id: str) -> set[str]:
    found = set()
    for username in EVERYBODY:
        try:
            decree_page.load_decree(world.deps, world.actor(username), decree_id)
        except NotFound:
            continue
        found.add(username)
    return found


def who_lists(world: World, decree_id: str) -> set[str]:
    return {
        username for username in EVERYBODY
        if decree_id in {item.decree_id for item in
                         tracking.load_page(world.deps, world.actor(username), TrackingFilter()).items}}


def test_an_ordinary_decree_is_seen_by_its_agency_bureau_and_administrators(world: World) -> None:
    decree_id = world.walk("in_review")
    assert who_opens(world, decree_id) == who_lists(world, decree_id) == BKD | SEE_ALL


def test_a_secret_one_only_by_drafter_and_route(world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    set_row(world, decree_id, security="R")
    route = {"analis", "kasubbid", "kabid", "sekretaris", "kepala"}
    assert who_opens(world, decree_id) == who_lists(world, decree_id) == route


def test_the_route_sees_a_decree_of_another_agency_once_it_arrives(world: World) -> None:
    data = world.example("keputusan") | {"penetap": "gubernur"}
    decree_id = drafting.create_draft(world.deps, world.actor("analis"), "keputusan", data)
    routing.submit(world.deps, world.actor("analis"), decree_id, 1)
    assert "sekda" not in who_lists(world, decree_id)
    for username in ("kabid", "kepala"):
        world.approve(decree_id, username)
    assert "sekda" in who_lists(world, decree_id)
    assert who_lists(world, decree_id) <= who_opens(world, decree_id)
    assert "kadis" not in who_opens(world, decree_id)


def test_who_handed_a_secret_task_on_sees_it_no_longer(world: World) -> None:
    decree_id = world.walk("in_review")
    set_row(world, decree_id, security="SR")
    with world.deps.db.read_session() as session:
        target = session.scalar(select(Position.public_id).where(Position.code == "PTSP.SEKRETARIS")) or ""
    routing.reassign(world.deps, world.actor("kasubbid"), *task_of(world, decree_id), target, "Benturan kepentingan")
    assert "kasubbid" not in who_opens(world, decree_id) | who_lists(world, decree_id)
    assert "sekdin" in who_opens(world, decree_id) & who_lists(world, decree_id)


def test_the_register_shows_a_secret_number_without_its_subject(world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    set_row(world, decree_id, security="R")
    deps = world.deps
    key = numbering.list_books(deps, world.actor("pengelola"))[0].key
    hidden = numbering.register_book(deps, world.actor("pengelola"), key).items[0]
    shown = numbering.register_book(deps, world.actor("kepala"), key).items[0]
    assert hidden.formatted == shown.formatted
    assert hidden.subject == "(rahasia)" != shown.subject


def test_an_unknown_decree_and_a_hidden_one_look_the_same(world: World) -> None:
    decree_id = world.walk("draft")
    messages = set()
    for wanted in (decree_id, "tidak-ada"):
        with pytest.raises(NotFound) as caught:
            decree_page.load_decree(world.deps, world.actor("loket"), wanted)
        messages.add(str(caught.value))
    assert len(messages) == 1


def test_tasks_are_handed_within_the_agency_and_by_administrators_anywhere(world: World) -> None:
    mine = [choice.label for choice in orgchart.position_choices(world.deps, world.actor("kasubbid"))]
    assert any("Hanif Contoh Prakoso" in label for label in mine)
    assert not any("Analis Kepegawaian" in label or "Dinas" in label for label in mine)
    anywhere = [choice.label for choice in orgchart.position_choices(world.deps, world.actor("admin"))]
    assert any("Mahesa Contoh Putra" in label for label in anywhere)


def test_a_position_with_two_holders_is_one_choice(world: World) -> None:
    today = world.deps.clock.now().date()
    appoint(world, "BKD.SEKRETARIS", "BKD.KEPALA", "plh", today)
    labels = [choice.label for choice in orgchart.position_choices(world.deps, world.actor("kasubbid"))]
    assert [label for label in labels if label.startswith("Kepala Badan Kepegawaian Daerah")] == [
        "Kepala Badan Kepegawaian Daerah – Fajar Contoh Nugraha, Plh. Gita Contoh Maheswari"]
