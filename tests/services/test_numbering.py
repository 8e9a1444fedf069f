"""Register numbers: gap-free under concurrency and failure, kept with their reason when void."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from svc.deps import Deps
from svc.models import Decree, Register, RegisterEntry
from svc.services import drafting, numbering, redating, routing
from svc.services.flow import lock_decree
from tests.support.clock import FrozenClock
from tests.support.world import World

THREADS = 50


def numbers(deps: Deps) -> list[tuple[int, str]]:
    with deps.db.read_session() as session:
        rows = session.execute(select(RegisterEntry.seq, RegisterEntry.state).order_by(RegisterEntry.seq))
        return [(row.seq, row.state) for row in rows]


def drafts_at_the_last_paraf(world: World, count: int) -> list[str]:
    ids = []
    for _ in range(count):
        decree_id = world.walk("in_review")
        world.approve(decree_id, "kasubbid")
        world.approve(decree_id, "kabid")
        ids.append(decree_id)
    return ids


@pytest.mark.timeout(240)
def test_fifty_last_paraf_at_once_take_fifty_numbers_without_gap(world: World) -> None:
    ids = drafts_at_the_last_paraf(world, THREADS)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda decree_id: world.approve(decree_id, "sekretaris"), ids))
    assert numbers(world.deps) == [(seq, "held") for seq in range(1, THREADS + 1)]
    assert len({world.view(decree_id).number for decree_id in ids}) == THREADS


class _Broken(Exception):
    """Stands for whatever may go wrong after a number was taken."""


def test_a_transaction_that_fails_gives_its_number_back(world: World) -> None:
    deps = world.deps
    ids = [world.walk("draft") for _ in range(20)]
    kind = deps.kinds.get("kgb")

    def fail_some(index: int) -> None:
        if index % 3 == 0:
            raise _Broken

    def take(index: int) -> None:
        with suppress(_Broken), deps.db.unit_of_work() as session:
            decree = lock_decree(session, ids[index])
            numbering.take_number(session, deps, decree, kind, deps.clock.now())
            fail_some(index)

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(take, range(20)))
    kept = sum(index % 3 != 0 for index in range(20))
    assert numbers(deps) == [(seq, "held") for seq in range(1, kept + 1)]


def test_the_format_says_code_agency_and_year(world: World) -> None:
    assert world.view(world.walk("ready_to_sign")).number == "800.1.11.13/1/BKD/2026"


def test_books_count_per_kind_and_agency(world: World) -> None:
    world.walk("ready_to_sign")
    world.walk("ready_to_sign", "surat-izin")
    assert numbers(world.deps) == [(1, "held"), (1, "held")]
    books = numbering.list_books(world.deps, world.actor("biro"))
    assert len(books) == 2
    assert len(numbering.list_books(world.deps, world.actor("analis"))) == 1


def test_a_returned_decree_keeps_its_number(world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    view = world.view(decree_id)
    assert view.open_task is not None
    routing.return_for_revision(world.deps, world.actor("kepala"), view.open_task.task_id, view.lock_version, "Salah")
    routing.submit(world.deps, world.actor("analis"), decree_id, world.view(decree_id).lock_version)
    for username in ("kasubbid", "kabid", "sekretaris"):
        world.approve(decree_id, username)
    assert world.view(decree_id).number == view.number
    assert numbers(world.deps) == [(1, "held")]


def test_a_rejected_decrees_number_is_void_with_its_reason(world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    view = world.view(decree_id)
    assert view.open_task is not None
    routing.reject(world.deps, world.actor("kepala"), view.open_task.task_id, view.lock_version, "Tidak berhak")
    book = numbering.list_books(world.deps, world.actor("analis"))[0]
    entry = numbering.register_book(world.deps, world.actor("analis"), book.key).items[0]
    assert (entry.seq, entry.state, entry.void_reason) == (1, "void", "Tidak berhak")
    assert world.view(world.walk("ready_to_sign")).number == "800.1.11.13/2/BKD/2026"


def test_a_discarded_decrees_number_is_void(world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    routing.withdraw(world.deps, world.actor("analis"), decree_id, world.view(decree_id).lock_version, "Keliru")
    drafting.discard(world.deps, world.actor("analis"), decree_id, world.view(decree_id).lock_version, "Tidak jadi")
    assert numbers(world.deps) == [(1, "void")]


def test_the_year_begins_again_at_one(world: World, clock: FrozenClock) -> None:
    world.walk("ready_to_sign")
    clock.at = datetime(2026, 12, 31, 16, 30, tzinfo=UTC)  # 1 January 2027, 00.30 in Makassar
    assert world.view(world.walk("ready_to_sign")).number == "800.1.11.13/1/BKD/2027"


def test_a_document_of_yesterday_is_dated_anew_under_its_number(world: World, clock: FrozenClock) -> None:
    decree_id = world.walk("ready_to_sign")
    before = world.view(decree_id)
    assert before.open_task is not None
    assert not redating.ensure_dated_today(world.deps, before.open_task.task_id)
    clock.advance(days=1)
    assert redating.ensure_dated_today(world.deps, before.open_task.task_id)
    after = world.view(decree_id)
    assert after.number == before.number
    assert after.pdf_sha256 != before.pdf_sha256
    assert (after.issued_on.isoformat() if after.issued_on else "") == "2026-11-25"
    assert numbers(world.deps) == [(1, "held")]


def test_a_document_of_last_year_gets_a_number_of_this_year(world: World, clock: FrozenClock) -> None:
    decree_id = world.walk("ready_to_sign")
    task = world.view(decree_id).open_task
    assert task is not None
    clock.at = datetime(2027, 1, 4, 1, 0, tzinfo=UTC)
    assert redating.ensure_dated_today(world.deps, task.task_id)
    assert world.view(decree_id).number == "800.1.11.13/1/BKD/2027"
    with world.deps.db.read_session() as session:
        found = session.execute(
            select(Register.year, RegisterEntry.state).join(Register, Register.id == RegisterEntry.register_id)
            .order_by(RegisterEntry.id)).all()
    assert [tuple(row) for row in found] == [(2026, "void"), (2027, "held")]


def test_the_book_pages_downwards(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbering, "PAGE_SIZE", 2)
    for _ in range(3):
        world.walk("ready_to_sign")
    actor = world.actor("analis")
    key = numbering.list_books(world.deps, actor)[0].key
    first = numbering.register_book(world.deps, actor, key)
    second = numbering.register_book(world.deps, actor, key, first.next_cursor)
    assert [item.seq for item in (*first.items, *second.items)] == [3, 2, 1]
    assert numbering.register_book(world.deps, actor, key, second.prev_cursor).items == first.items


def test_a_book_of_another_agency_is_empty_for_me(world: World) -> None:
    world.walk("ready_to_sign", "surat-izin")
    key = numbering.list_books(world.deps, world.actor("biro"))[0].key
    assert numbering.register_book(world.deps, world.actor("analis"), key).items == ()
    assert len(numbering.register_book(world.deps, world.actor("biro"), key).items) == 1


def test_no_decree_holds_two_numbers(world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    with world.deps.db.read_session() as session:
        decree = session.scalars(select(Decree).where(Decree.public_id == decree_id)).one()
        entries = session.scalars(select(RegisterEntry).where(RegisterEntry.decree_id == decree.id)).all()
    assert len(entries) == 1
