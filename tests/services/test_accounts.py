"""Accounts below the pages: throttling, codes, hashes, the actor."""

from __future__ import annotations

from datetime import date

import pyotp
import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from certs import vault
from svc.deps import Deps
from svc.errors import Conflict, InvalidInput, NotAuthenticated
from svc.models import AuditEvent, Holding, Person, Position, Unit
from svc.roles import Role
from svc.services import accounts, second_factor
from svc.services.accounts import CodeRefused, LoginRefused, SecondFactorRequired
from tests.support.clock import FrozenClock
from tests.support.statements import counted
from tests.support.world import PASSWORD, World


def stored(deps: Deps, username: str) -> Person:
    with deps.db.read_session() as session:
        return session.scalars(select(Person).where(Person.username == username)).one()


def with_factor(world: World, username: str) -> pyotp.TOTP:
    secret = second_factor.begin_enrolment(world.deps, username).secret
    totp = pyotp.TOTP(secret)
    second_factor.confirm_enrolment(world.deps, world.actor(username), secret, now_code(totp, world.deps))
    return totp


def now_code(totp: pyotp.TOTP, deps: Deps, steps: int = 0) -> str:
    return totp.at(int(deps.clock.now().timestamp()) + 30 * steps)


def test_a_login_gives_a_session_that_can_be_resumed(world: World, deps: Deps) -> None:
    session_id = accounts.authenticate(deps, "  ANALIS ", PASSWORD)
    seen = accounts.resume(deps, session_id, None)
    assert (seen.username, seen.actor.name) == ("analis", "Joko Contoh Susanto")
    with pytest.raises(NotAuthenticated):
        accounts.resume(deps, session_id.replace(":0", ":1"), None)
    assert accounts.authenticate(deps, "19000101 198003 1 010", PASSWORD) == session_id, "by NIP as well"
    for broken in ("", ":", "x:0", session_id.partition(":")[0]):
        with pytest.raises(NotAuthenticated):
            accounts.resume(deps, broken, None)


def test_the_right_password_does_not_help_while_an_account_is_paused(
        world: World, deps: Deps, clock: FrozenClock) -> None:
    for _ in range(deps.settings.login_attempts):
        with pytest.raises(LoginRefused):
            accounts.authenticate(deps, "analis", "salah sama sekali")
    with pytest.raises(LoginRefused):
        accounts.authenticate(deps, "analis", PASSWORD)
    clock.advance(minutes=15, seconds=1)
    assert accounts.authenticate(deps, "analis", PASSWORD)
    assert stored(deps, "analis").failed_logins == 0


def test_an_unknown_name_costs_as_much_work_as_a_known_one(world: World, deps: Deps) -> None:
    import time

    def cost(username: str) -> float:
        began = time.process_time()
        with pytest.raises(LoginRefused):
            accounts.authenticate(deps, username, "salah sama sekali")
        return time.process_time() - began

    cost("tidak.ada")  # makes the hash of nobody
    known, unknown = (min(cost(name) for _ in range(3)) for name in ("analis", "tidak.ada"))
    assert unknown > known / 3


def test_a_weaker_hash_is_renewed_at_the_next_login(world: World, deps: Deps) -> None:
    with deps.db.unit_of_work() as session:
        person = session.scalars(select(Person).where(Person.username == "analis")).one()
        person.password_hash = PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD)
    accounts.authenticate(deps, "analis", PASSWORD)
    assert "$m=65536,t=3,p=4$" in stored(deps, "analis").password_hash


def test_a_code_is_asked_for_accepted_once_and_never_an_older_one(
        world: World, deps: Deps, clock: FrozenClock) -> None:
    totp = with_factor(world, "kepala")
    with pytest.raises(SecondFactorRequired):
        accounts.authenticate(deps, "kepala", PASSWORD)
    with pytest.raises(CodeRefused):  # the code of the enrolment itself
        accounts.authenticate(deps, "kepala", PASSWORD, now_code(totp, deps))
    clock.advance(minutes=2)
    code, older = now_code(totp, deps), now_code(totp, deps, -1)
    assert accounts.authenticate(deps, "kepala", PASSWORD, f"{code[:3]} {code[3:]}")
    for used in (code, older, now_code(totp, deps, 5), "", "12345", "１２３４５６"):
        with pytest.raises((CodeRefused, SecondFactorRequired)):
            accounts.authenticate(deps, "kepala", PASSWORD, used)


def test_guessing_codes_pauses_the_account(world: World, deps: Deps, clock: FrozenClock) -> None:
    totp = with_factor(world, "kepala")
    clock.advance(minutes=2)
    right = now_code(totp, deps)
    wrong = "000000" if right != "000000" else "111111"
    for _ in range(deps.settings.login_attempts):
        with pytest.raises(CodeRefused):
            accounts.authenticate_second(deps, world.actor("kepala").person_public_id, wrong)
    with pytest.raises(LoginRefused):
        accounts.authenticate_second(deps, world.actor("kepala").person_public_id, right)


def test_the_seed_is_sealed_for_its_person_alone(world: World, deps: Deps) -> None:
    totp = with_factor(world, "kepala")
    person = stored(deps, "kepala")
    assert person.totp_secret is not None
    assert totp.secret.encode() not in person.totp_secret
    purpose = second_factor.totp_purpose(person.public_id)
    assert vault.open_secret(person.totp_secret, deps.server_key, purpose).decode() == totp.secret
    with pytest.raises(vault.errors.EnvelopeMismatch):
        vault.open_secret(person.totp_secret, deps.server_key, second_factor.totp_purpose("other"))


def test_a_second_factor_is_not_replaced_by_whoever_sits_at_the_screen(world: World, deps: Deps) -> None:
    with_factor(world, "kepala")
    secret = second_factor.begin_enrolment(deps, "kepala").secret
    with pytest.raises(Conflict):
        second_factor.confirm_enrolment(deps, world.actor("kepala"), secret, now_code(pyotp.TOTP(secret), deps))


def test_the_actor_holds_what_is_valid_today_in_the_province(world: World, deps: Deps, clock: FrozenClock) -> None:
    """24 November 2026 16.00 UTC is already the 25th in Makassar."""
    ids = world.organisation
    with deps.db.unit_of_work() as session:
        session.add_all((
            Holding(person_id=ids.person_ids["BKD.ANALIS-1"], position_id=ids.position_ids["ORG.ANALIS"],
                    capacity="plt", valid_from=date(2026, 11, 25), valid_to=date(2026, 11, 25)),
        ))
    assert [held.code for held in world.actor("analis").held] == ["BKD.ANALIS-1"]
    clock.at = clock.at.replace(hour=16, minute=0)
    actor = world.actor("analis")
    assert [held.code for held in actor.held] == ["BKD.ANALIS-1", "ORG.ANALIS"]
    assert actor.roles == {Role.CLERK, Role.BUREAU}
    assert actor.acting_as is not None
    assert actor.acting_as.code == "BKD.ANALIS-1", "the definitive position comes first"
    assert [(held.unit_code, held.agency_code) for held in actor.held] == [("BKD-MUTASI", "BKD"), ("ORG", "SETDA")]
    chosen = accounts.load_actor(deps, actor.person_public_id, actor.held[1].position_public_id)
    assert chosen.acting_as == actor.held[1]
    clock.advance(days=1)
    assert [held.code for held in world.actor("analis").held] == ["BKD.ANALIS-1"]


def test_positions_of_the_province_itself_belong_to_the_province(world: World) -> None:
    assert world.actor("gubernur").held[0].agency_code == "PROV"


def test_a_position_out_of_use_gives_nothing(world: World, deps: Deps) -> None:
    with deps.db.unit_of_work() as session:
        session.scalars(select(Position).where(Position.code == "BKD.ANALIS-1")).one().is_active = False
    actor = world.actor("analis")
    assert (actor.held, actor.roles, actor.acting_as) == ((), frozenset(), None)


def test_the_person_of_a_page_costs_one_statement_however_deep_the_tree(world: World, deps: Deps) -> None:
    with deps.db.unit_of_work() as session:
        above = session.scalars(select(Unit).where(Unit.code == "BKD-MUTASI")).one().id
        for depth in range(4):
            unit = Unit(code=f"DEEP-{depth}", name="Subbagian", parent_id=above)
            session.add(unit)
            session.flush()
            above = unit.id
        session.scalars(select(Position).where(Position.code == "BKD.ANALIS-1")).one().unit_id = above
    with counted(deps.db) as statements:
        actor = world.actor("analis")
    assert len(statements) == 1
    assert (actor.held[0].unit_code, actor.held[0].agency_code) == ("DEEP-3", "BKD")


def test_logins_and_changes_are_on_record_without_secrets(world: World, deps: Deps) -> None:
    accounts.authenticate(deps, "analis", PASSWORD)
    new = "kuda lumping naik delman"
    accounts.change_password(deps, world.actor("analis"), PASSWORD, new, new)
    with deps.db.read_session() as session:
        events = session.scalars(
            select(AuditEvent).where(AuditEvent.stream == "accounts").order_by(AuditEvent.seq)).all()
    assert [event.type for event in events] == ["logged_in", "password_changed"]
    assert events[1].prev_hash == events[0].hash
    said = "".join(str(event.payload) for event in events)
    assert PASSWORD not in said
    assert new not in said


def test_an_address_of_somebody_else_is_refused(world: World, deps: Deps) -> None:
    with pytest.raises(InvalidInput):
        accounts.change_email(deps, world.actor("analis"), "kepala@nusamandala.example")
    accounts.change_email(deps, world.actor("analis"), "joko@nusamandala.example")
    assert stored(deps, "analis").email == "joko@nusamandala.example"


@pytest.mark.parametrize("address", [
    "KEPALA@NusaMandala.example", "a@b", "a\x00b@nusamandala.example", "a@nusa\u202emandala.example", "@x.example",
    "joko sari@nusamandala.example", f"{'j' * 65}@nusamandala.example",
])
def test_ones_own_address_is_checked_as_the_administrators_entry_is(world: World, deps: Deps, address: str) -> None:
    before = stored(deps, "analis").email
    with pytest.raises(InvalidInput) as caught:
        accounts.change_email(deps, world.actor("analis"), address)
    assert "email" in caught.value.fields
    assert stored(deps, "analis").email == before
