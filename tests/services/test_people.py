"""Who holds what from when to when, and who may be an account."""

from __future__ import annotations

import threading
from datetime import date
from itertools import product

import pytest
from sqlalchemy import select

from svc.deps import Deps
from svc.errors import Conflict, InvalidInput, NotFound
from svc.models import AuditEvent, Holding
from svc.services import accounts, directory, holdings, people
from svc.services.administration import LastAdministrator
from svc.services.holdings import HoldingInput
from tests.support.world import World


def position_id(deps: Deps, code: str) -> str:
    return next(one.public_id for one in directory.list_positions(deps) if one.code == code)


def given(deps: Deps, code: str, capacity: str, start: date, end: date | None = None) -> HoldingInput:
    return HoldingInput(position_id(deps, code), capacity, start, end, "Surat Perintah contoh")


def newcomer(world: World, number: int = 1) -> str:
    wanted = people.PersonInput(f"Tirta Contoh {number}", f"tirta{number}", f"tirta{number}@nusamandala.example")
    return people.create_person(world.deps, world.actor("admin"), wanted).public_id


def end(world: World, username: str, day: date) -> None:
    person = directory.load_person(world.deps, world.actor(username).person_public_id)
    holdings.end_holding(world.deps, world.actor("admin"), person.holdings[0].public_id, day)


def test_a_successor_may_begin_the_day_after_and_no_day_sooner(world: World, deps: Deps) -> None:
    admin, person = world.actor("admin"), newcomer(world)
    end(world, "analis", date(2026, 12, 31))
    with pytest.raises(InvalidInput) as refused:
        holdings.create_holding(deps, admin, person, given(deps, "BKD.ANALIS-1", "definitive", date(2026, 12, 31)))
    assert refused.value.params["name"] == "Joko Contoh Susanto"
    assert refused.value.params["to"] == "31 Desember 2026"
    holdings.create_holding(deps, admin, person, given(deps, "BKD.ANALIS-1", "definitive", date(2027, 1, 1)))


@pytest.mark.parametrize(("start", "finish", "is_free"), [
    (date(2027, 1, 1), date(2027, 1, 9), True),
    (date(2027, 1, 1), date(2027, 1, 10), False),
    (date(2027, 1, 12), date(2027, 1, 13), False),
    (date(2027, 1, 20), None, False),
    (date(2027, 1, 21), None, True),
    (date(2027, 1, 1), None, False),
    (date(2027, 1, 1), date(2027, 2, 1), False),
])
def test_windows_of_acting_holders_do_not_overlap(
        world: World, deps: Deps, start: date, finish: date | None, is_free: bool) -> None:
    admin = world.actor("admin")
    first, second = newcomer(world, 1), newcomer(world, 2)
    holdings.create_holding(
        deps, admin, first, given(deps, "BKD.KEPALA", "plh", date(2027, 1, 10), date(2027, 1, 20)))
    wanted = given(deps, "BKD.KEPALA", "plt", start, finish)
    if is_free:
        holdings.create_holding(deps, admin, second, wanted)
    else:
        with pytest.raises(InvalidInput):
            holdings.create_holding(deps, admin, second, wanted)


def test_of_two_administrators_at_once_one_is_told(world: World, deps: Deps) -> None:
    admin = world.actor("admin")
    end(world, "analis", date(2026, 11, 24))
    persons = [newcomer(world, number) for number in range(6)]
    wanted = given(deps, "BKD.ANALIS-1", "definitive", date(2026, 11, 25))
    outcomes: list[str] = []
    gate = threading.Barrier(len(persons))

    def try_it(person: str) -> None:
        gate.wait()
        try:
            holdings.create_holding(deps, admin, person, wanted)
            outcomes.append("held")
        except InvalidInput:
            outcomes.append("refused")

    threads = [threading.Thread(target=try_it, args=(person,)) for person in persons]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["held"] + ["refused"] * 5


@pytest.mark.parametrize(("change", "field"), [
    ({"capacity": "raja"}, "capacity"), ({"position": "none"}, "position"), ({"valid_from": None}, "valid_from"),
    ({"valid_to": date(2026, 12, 30)}, "valid_to"), ({"instrument": " "}, "instrument"),
    ({"instrument": "x" * 201}, "instrument"),
])
def test_what_is_wrong_with_a_holding_is_told_at_its_field(
        world: World, deps: Deps, change: dict[str, object], field: str) -> None:
    from dataclasses import replace

    wanted = replace(given(deps, "BKD.KEPALA", "plh", date(2026, 12, 31)), **change)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput) as refused:
        holdings.create_holding(deps, world.actor("admin"), newcomer(world), wanted)
    assert list(refused.value.fields) == [field]


def test_what_has_begun_is_ended_and_what_has_not_is_cancelled(world: World, deps: Deps) -> None:
    admin, person = world.actor("admin"), newcomer(world)
    future = holdings.create_holding(
        deps, admin, person, given(deps, "BKD.KEPALA", "plh", date(2026, 11, 25), date(2026, 11, 27)))
    present = directory.load_person(deps, world.actor("analis").person_public_id).holdings[0].public_id
    with pytest.raises(Conflict):
        holdings.cancel_holding(deps, admin, present)
    with pytest.raises(InvalidInput):
        holdings.end_holding(deps, admin, present, date(2020, 1, 1))
    assert holdings.cancel_holding(deps, admin, future) == person
    with pytest.raises(NotFound):
        holdings.cancel_holding(deps, admin, future)
    assert directory.load_person(deps, person).holdings == ()


def test_the_last_administrator_stays_even_at_a_later_day(world: World, deps: Deps) -> None:
    admin = world.actor("admin")
    with pytest.raises(LastAdministrator):
        end(world, "admin", date(2030, 1, 1))
    with deps.db.read_session() as session:
        row = session.scalars(select(Holding).where(Holding.id == admin.held[0].holding_id)).one()
    assert row.valid_to is None, "nothing was changed"
    second = newcomer(world)
    holdings.create_holding(deps, admin, second, given(deps, "ADMIN", "plt", date(2026, 11, 24)))
    end(world, "admin", date(2030, 1, 1))


def test_every_act_is_on_record_without_personal_numbers(world: World, deps: Deps) -> None:
    admin = world.actor("admin")
    wanted = people.PersonInput("Tirta Contoh", "tirta", "tirta@nusamandala.example", "190001011980031099")
    person = people.create_person(deps, admin, wanted).public_id
    people.update_person(deps, admin, person, people.PersonInput("Tirta", "tirta", "tirta@nusamandala.example"))
    people.reset_password(deps, admin, person)
    holdings.create_holding(deps, admin, person, given(deps, "BKD.KEPALA", "plh", date(2026, 11, 25)))
    with deps.db.read_session() as session:
        events = session.scalars(
            select(AuditEvent).where(AuditEvent.stream == "administration").order_by(AuditEvent.seq)).all()
    assert [event.type for event in events] == [
        "person_created", "person_changed", "password_reset", "holding_created"]
    assert events[1].payload["fields"] == ["name", "nip"]
    assert {event.actor_name for event in events} == {"Eka Contoh Pradana"}
    assert "190001011980031099" not in "".join(str(event.payload) for event in events)


def test_the_first_administrator_comes_from_the_shell_and_only_once(deps: Deps) -> None:
    password = "kuda lumping naik delman"
    people.create_first_admin(deps, "Pertama", "Administrator Pertama", "admin@paraf.example", password)
    session_id = accounts.authenticate(deps, "pertama", password)
    actor = accounts.resume(deps, session_id, None).actor
    assert {role.value for role in actor.roles} == {"admin"}
    assert [node.name for node in directory.unit_tree(deps)] == ["Provinsi Nusa Mandala"]
    with pytest.raises(Conflict):
        people.create_first_admin(deps, "kedua", "Kedua", "kedua@paraf.example", password)


def test_pages_of_people_miss_nobody_who_shares_a_name(world: World, deps: Deps) -> None:
    admin = world.actor("admin")
    for number in range(2 * directory.PAGE_SIZE + 3):
        people.create_person(deps, admin, people.PersonInput(
            "Nama Sama", f"sama{number}", f"sama{number}@nusamandala.example"))
    seen: list[str] = []
    cursor = ""
    for _ in range(4):
        page = directory.list_people(deps, "Nama Sama", cursor)
        seen += [item.public_id for item in page.items]
        cursor = page.next_cursor
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == 2 * directory.PAGE_SIZE + 3


@pytest.mark.parametrize(("left", "right"), list(product(("", "x", "WyJhIl0", "====="), ("", "é"))))
def test_a_broken_cursor_means_the_first_page(world: World, deps: Deps, left: str, right: str) -> None:
    assert directory.list_people(deps, "", left + right).prev_cursor == ""
