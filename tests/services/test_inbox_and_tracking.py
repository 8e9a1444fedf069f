"""What waits for whom, and the list of all decrees: order, pages, search, filters, statements."""

from __future__ import annotations

import pytest

from svc.actors import Actor
from svc.deps import Deps
from svc.services import decree_page, drafting, inbox, routing, tracking
from svc.services.tracking import TrackingFilter
from tests.support.clock import FrozenClock
from tests.support.statements import counted
from tests.support.world import World


def submit_many(world: World, count: int) -> list[str]:
    """Decrees that wait for the first official."""
    return [world.walk("in_review") for _ in range(count)]


def test_a_task_waits_for_the_holder_of_its_position_alone(world: World) -> None:
    world.walk("in_review")
    found = inbox.load_inbox(world.deps, world.actor("kasubbid"))
    assert [item.task_kind for item in found.page.items] == ["paraf"]
    assert found.counts.open == 1
    assert inbox.load_inbox(world.deps, world.actor("kabid")).page.items == ()


def test_the_oldest_comes_first_and_late_ones_are_counted(world: World, clock: FrozenClock) -> None:
    first = world.walk("in_review")
    clock.advance(days=2)
    second = world.walk("in_review")
    found = inbox.load_inbox(world.deps, world.actor("kasubbid"))
    assert [item.decree_id for item in found.page.items] == [first, second]
    assert (found.counts.open, found.counts.overdue) == (2, 1)


def test_the_next_task_is_the_one_behind_the_done_one(world: World, clock: FrozenClock) -> None:
    submit_many(world, 2)
    clock.advance(minutes=5)
    submit_many(world, 1)
    tasks = [item.task_id for item in inbox.load_inbox(world.deps, world.actor("kasubbid")).page.items]
    assert inbox.next_task(world.deps, world.actor("kasubbid"), tasks[0]) == tasks[1]
    assert inbox.next_task(world.deps, world.actor("kasubbid"), tasks[2]) == tasks[0]
    assert inbox.next_task(world.deps, world.actor("kadis")) is None


def test_a_returned_decree_stands_in_the_drafters_inbox(world: World) -> None:
    decree_id = world.walk("in_review")
    view = world.view(decree_id)
    assert view.open_task is not None
    routing.return_for_revision(world.deps, world.actor("kasubbid"), view.open_task.task_id, view.lock_version, "Salah")
    found = inbox.load_inbox(world.deps, world.actor("analis"))
    assert [item.decree_id for item in found.returned] == [decree_id]


def test_inbox_pages_go_forward_and_back_without_loss(world: World, monkeypatch: pytest.MonkeyPatch,
                                                      clock: FrozenClock) -> None:
    monkeypatch.setattr(inbox, "PAGE_SIZE", 2)
    expected = []
    for _ in range(5):
        expected.append(world.walk("in_review"))
        clock.advance(minutes=1)
    seen, cursor, pages = [], "", []
    for _ in range(3):
        page = inbox.load_inbox(world.deps, world.actor("kasubbid"), cursor).page
        pages.append(page)
        seen += [item.decree_id for item in page.items]
        cursor = page.next_cursor
    assert seen == expected
    assert cursor == ""
    back = inbox.load_inbox(world.deps, world.actor("kasubbid"), pages[2].prev_cursor).page
    assert back.items == pages[1].items


@pytest.mark.parametrize("cursor", ["", "nonsense", "eyJ9", "W10", "%%%"])
def test_a_damaged_cursor_means_the_first_page(world: World, cursor: str) -> None:
    world.walk("in_review")
    assert len(inbox.load_inbox(world.deps, world.actor("kasubbid"), cursor).page.items) == 1


def find(world: World, username: str, **wanted: object) -> list[str]:
    page = tracking.load_page(world.deps, world.actor(username), TrackingFilter(**wanted))  # type: ignore[arg-type]
    return [item.decree_id for item in page.items]


def test_search_finds_by_name_nip_and_number(world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    other = world.walk("in_review", "surat-izin")
    number = world.view(decree_id).number or ""
    data = world.example()
    assert find(world, "analis", text=data["pegawai"]["nip"]) == [decree_id]
    assert find(world, "analis", text=data["pegawai"]["nama"].upper()) == [decree_id]
    assert find(world, "analis", text=number) == [decree_id]
    assert find(world, "analis", text="100%_") == []
    assert find(world, "loket") == [other]


def test_filters_and_orders(world: World, clock: FrozenClock) -> None:
    draft = world.walk("draft")
    clock.advance(days=3)
    waiting = world.walk("in_review")
    assert find(world, "analis", status="draft") == [draft]
    assert find(world, "analis", order="oldest") == [draft, waiting]
    assert find(world, "analis", order="newest") == [waiting, draft]
    today = clock.now().date()
    assert find(world, "analis", created_from=today) == [waiting]
    assert find(world, "analis", unit_code="BKD") == [waiting, draft]
    assert find(world, "analis", unit_code="PTSP") == []
    clock.advance(days=10)
    assert find(world, "analis", overdue=True) == [waiting]


def test_by_deadline_and_by_signature(world: World, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "PAGE_SIZE", 1)
    world.walk("draft")
    later = world.walk("ready_to_sign")  # a signer has longer than an official
    sooner = world.walk("in_review")
    first = world.walk("issued")
    clock.advance(hours=1)
    second = world.walk("issued")
    assert walk_pages(world, "due") == [sooner, later]
    assert walk_pages(world, "signed") == [second, first]


def walk_pages(world: World, order: tracking.Order) -> list[str]:
    """Every page forwards; going back from the last one must show the one before it again."""
    actor, wanted = world.actor("analis"), TrackingFilter(order=order)
    pages = [tracking.load_page(world.deps, actor, wanted)]
    while pages[-1].next_cursor:
        pages.append(tracking.load_page(world.deps, actor, wanted, pages[-1].next_cursor))
    assert tracking.load_page(world.deps, actor, wanted, pages[-1].prev_cursor).items == pages[-2].items
    return [item.decree_id for page in pages for item in page.items]


def test_agencies_do_not_see_each_other_but_the_bureau_sees_all(world: World) -> None:
    ours, theirs = world.walk("draft"), world.walk("draft", "surat-izin")
    assert find(world, "kasubbid") == [ours]
    assert find(world, "kasi.izin") == [theirs]
    assert set(find(world, "biro")) == {ours, theirs}


@pytest.mark.parametrize("rows", [1, 12])
def test_pages_cost_the_same_however_long_they_are(deps: Deps, world: World, rows: int) -> None:
    submit_many(world, rows)
    decree_id = world.walk("in_review")
    clerk, official = world.actor("analis"), world.actor("kasubbid")
    assert statements(deps, lambda: inbox.load_inbox(deps, official)) == 3
    assert statements(deps, lambda: tracking.load_page(deps, clerk, TrackingFilter())) == 1
    assert statements(deps, lambda: decree_page.load_decree(deps, clerk, decree_id)) == 6


def statements(deps: Deps, call: object) -> int:
    with counted(deps.db) as seen:
        call()  # type: ignore[operator]
    return len(seen)


def test_a_draft_is_duplicated_with_its_data(world: World) -> None:
    first = world.walk("draft")
    copy = drafting.duplicate(world.deps, world.actor("pengelola"), first)
    assert world.view(copy).data == world.view(first).data
    assert world.view(copy).drafter_name == world.actor("pengelola").name


def test_an_actor_without_positions_sees_nothing(world: World) -> None:
    world.walk("draft")
    nobody = Actor(0, "x", "Tanpa Jabatan", "id", (), None)
    assert tracking.load_page(world.deps, nobody, TrackingFilter()).items == ()
