"""Logging in and out as people meet it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pyotp
import pytest
from flask import Flask

from svc.app import create_app
from svc.deps import Deps
from svc.services import holdings
from tests.support.clock import FrozenClock
from tests.support.world import PASSWORD, World
from tests.web.conftest import Visitor

LogIn = Callable[[str], Visitor]


def enrol(person: Visitor) -> pyotp.TOTP:
    """Set up a second factor by the pages."""
    return pyotp.TOTP(shown_secret(person))


def shown_secret(person: Visitor) -> str:
    """The secret in letters, for an app that cannot read the QR code."""
    found = re.search(r'data-copy="([A-Z2-7]{32})"', person.get("/account/second-factor").get_data(as_text=True))
    assert found
    return found.group(1)


def code(totp: pyotp.TOTP, clock: FrozenClock) -> str:
    return totp.at(int(clock.now().timestamp()))


def test_a_login_leads_to_the_inbox_and_logging_out_ends_it(log_in: LogIn) -> None:
    person = log_in("kasubbid")
    assert person.get("/", follow_redirects=True).request.path == "/inbox"

    assert person.post("/logout").status_code == 302
    assert person.get("/inbox").headers["Location"].startswith("/login?next=")


def test_a_copied_cookie_opens_nothing_after_the_logout(log_in: LogIn, app: Flask) -> None:
    person, thief = log_in("kasubbid"), Visitor(app.test_client())
    cookie = person.client.get_cookie("paraf")
    assert cookie is not None
    thief.client.set_cookie(cookie.key, cookie.value, path=cookie.path, secure=cookie.secure)
    assert thief.get("/inbox").status_code == 200

    answer = person.post("/logout", follow_redirects=True)
    assert "Anda sudah keluar, di semua perangkat." in answer.get_data(as_text=True)
    thief.client.set_cookie(cookie.key, cookie.value, path=cookie.path, secure=cookie.secure)
    assert thief.get("/inbox").status_code == 302
    assert person.log_in("kasubbid").status_code == 302
    assert person.get("/inbox").status_code == 200


def test_the_page_one_wanted_comes_after_the_login(visitor: Visitor, world: World) -> None:
    asked = visitor.get("/decrees?status=draft")
    assert asked.headers["Location"] == "/login?next=/decrees?status%3Ddraft"
    assert 'name="next" value="/decrees?status=draft"' in visitor.get(asked.headers["Location"]).get_data(as_text=True)
    assert visitor.log_in("analis", next="/decrees?status=draft").headers["Location"] == "/decrees?status=draft"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1",
                                    "/\nhttps://evil.example"])
def test_a_login_leads_to_no_other_site(visitor: Visitor, world: World, target: str) -> None:
    assert visitor.log_in("analis", next=target).headers["Location"] == "/"


def test_unknown_and_known_names_get_the_same_answer(visitor: Visitor, world: World) -> None:
    known = visitor.log_in("analis", "salah sama sekali")
    unknown = visitor.log_in("tidak.ada", "salah sama sekali")

    assert known.status_code == unknown.status_code == 401
    pages = [answer.get_data(as_text=True).replace(name, "X")
             for answer, name in ((known, "analis"), (unknown, "tidak.ada"))]
    assert "Nama pengguna atau kata sandi salah" in pages[0]
    assert without_tokens(pages[0].replace("analis", "X")) == without_tokens(pages[1].replace("analis", "X"))


def without_tokens(page: str) -> str:
    return re.sub(r'(content|value)="[A-Za-z0-9._-]{60,}"', "", page)


@pytest.mark.parametrize("name", ["analis", "tidak.ada"])
def test_many_wrong_passwords_pause_a_name_whether_it_exists_or_not(
        visitor: Visitor, world: World, deps: Deps, name: str) -> None:
    for _ in range(deps.settings.login_attempts):
        assert visitor.log_in(name, "salah sama sekali").status_code == 401
    paused = visitor.log_in(name)  # even with the right password
    assert paused.status_code == 429
    assert "Tunggu 15 menit" in paused.get_data(as_text=True)


def test_the_pause_is_kept_by_the_account_in_another_process_too(
        visitor: Visitor, world: World, deps: Deps, clock: FrozenClock) -> None:
    for _ in range(deps.settings.login_attempts):
        visitor.log_in("analis", "salah sama sekali")
    elsewhere = Visitor(create_app(deps.settings, deps).test_client())
    assert elsewhere.log_in("analis").status_code == 401

    clock.advance(minutes=16)
    elsewhere = Visitor(create_app(deps.settings, deps).test_client())
    assert elsewhere.log_in("analis").status_code == 302


def test_a_planted_session_does_not_survive_the_login(visitor: Visitor, world: World) -> None:
    visitor.get("/login")
    with visitor.client.session_transaction() as session:
        session["planted"] = "by somebody else"
        before = session.get("csrf_token")
    visitor.log_in("analis")
    with visitor.client.session_transaction() as session:
        assert "planted" not in session
        assert session.get("csrf_token") != before


def test_a_session_ends_after_its_hours(log_in: LogIn, deps: Deps, clock: FrozenClock) -> None:
    person = log_in("analis")
    clock.advance(hours=deps.settings.session_hours, seconds=1)
    assert person.get("/inbox").status_code == 302


def test_a_new_password_ends_all_other_sessions(log_in: LogIn, world: World) -> None:
    here, there = log_in("analis"), log_in("analis")
    new = "kuda lumping naik delman"
    answer = here.post("/account/password", {"old": PASSWORD, "new": new, "repeated": new})
    assert answer.status_code == 302
    assert here.get("/inbox").status_code == 200
    assert there.get("/inbox").status_code == 302
    assert there.log_in("analis").status_code == 401
    assert there.log_in("analis", new).status_code == 302


@pytest.mark.parametrize(("new", "repeated", "words"), [
    ("pendek", "pendek", "paling sedikit 10"),
    ("analis analis", "analis analis", "tidak boleh memuat nama pengguna"),
    ("password123", "password123", "pertama ditebak"),
    ("kuda lumping naik delman", "kuda lumping naik becak", "tidak sama"),
])
def test_a_poor_password_is_refused_with_its_reason(log_in: LogIn, new: str, repeated: str, words: str) -> None:
    answer = log_in("analis").post("/account/password", {"old": PASSWORD, "new": new, "repeated": repeated})
    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True)


def test_the_old_password_is_asked_for(log_in: LogIn) -> None:
    new = "kuda lumping naik delman"
    answer = log_in("analis").post("/account/password", {"old": "bukan ini", "new": new, "repeated": new})
    assert answer.status_code == 422
    assert "Kata sandi sekarang salah" in answer.get_data(as_text=True)


def test_a_second_factor_is_set_up_asked_for_and_taken_once(
        log_in: LogIn, app: Flask, clock: FrozenClock) -> None:
    person = log_in("kepala")
    totp = enrol(person)
    assert "data:image/svg+xml;base64," in person.get("/account/second-factor").get_data(as_text=True)
    assert person.post("/account/second-factor", {"code": "000000", "password": PASSWORD}).status_code == 422
    assert person.post("/account/second-factor", {"code": code(totp, clock), "password": PASSWORD}).status_code == 302
    assert person.get("/inbox").status_code == 200

    clock.advance(seconds=60)
    other = Visitor(app.test_client())
    asked = other.log_in("kepala")
    assert asked.status_code == 200
    assert 'name="totp"' in asked.get_data(as_text=True)
    assert other.get("/inbox").status_code == 302, "the password alone must not do"
    typed = code(totp, clock)
    assert other.post("/login", {"totp": "123456" if typed != "123456" else "654321"}).status_code == 401
    assert other.post("/login", {"totp": typed}).status_code == 302
    assert other.get("/inbox").status_code == 200

    thief = Visitor(app.test_client())
    thief.log_in("kepala")
    assert thief.post("/login", {"totp": typed}).status_code == 401, "a code is accepted once"


def test_the_secret_being_set_up_cannot_be_read_from_the_cookie(log_in: LogIn) -> None:
    person = log_in("kepala")
    secret = shown_secret(person)
    assert shown_secret(person) == secret, "a reloaded page shows the same"
    with person.client.session_transaction() as session:
        assert secret not in repr(dict(session))
        sealed = session["totp_enrolment"]

    other = log_in("kabid")  # what was sealed for one opens for nobody else
    with other.client.session_transaction() as session:
        session["totp_enrolment"] = sealed
    assert shown_secret(other) != secret


def test_the_second_step_without_the_first_is_refused(visitor: Visitor, world: World) -> None:
    assert visitor.post("/login", {"totp": "123456"}).status_code == 401


def test_a_session_alone_sets_up_no_second_factor(log_in: LogIn, clock: FrozenClock) -> None:
    person = log_in("kepala")
    typed = code(enrol(person), clock)
    for given in ({}, {"password": "bukan ini"}):
        refused = person.post("/account/second-factor", {"code": typed, **given})
        assert refused.status_code == 422
        assert "Kata sandi akun salah" in refused.get_data(as_text=True)
    assert "data:image/svg+xml;base64," in person.get("/account/second-factor").get_data(as_text=True)


def test_where_a_second_factor_is_demanded_nothing_else_opens_before_it(
        deps: Deps, world: World, clock: FrozenClock) -> None:
    strict = replace(deps, settings=deps.settings.model_copy(update={"require_totp": True}))
    person = Visitor(create_app(strict.settings, strict).test_client())
    person.log_in("kepala")
    assert person.get("/inbox").headers["Location"] == "/account/second-factor"
    totp = enrol(person)
    person.post("/account/second-factor", {"code": code(totp, clock), "password": PASSWORD})
    assert person.get("/inbox").status_code == 200

    clerk = Visitor(create_app(strict.settings, strict).test_client())
    clerk.log_in("analis")
    assert clerk.get("/inbox").status_code == 200, "it is demanded of officials and signers only"


def test_the_position_one_acts_in_can_be_chosen_among_those_held(log_in: LogIn, world: World) -> None:
    person = log_in("kadis")
    page = person.get("/inbox").get_data(as_text=True)
    assert "Plt. Kepala Dinas Penanaman Modal dan PTSP" in page
    assert "acting-temporary" in page
    other = world.actor("kepala").held[0].position_public_id
    assert person.post(f"/acting-as/{other}").status_code == 403


def test_who_holds_two_positions_switches_between_them(log_in: LogIn, world: World, deps: Deps) -> None:
    clerk = world.actor("analis")
    holdings.create_holding(deps, world.actor("admin"), clerk.person_public_id, holdings.HoldingInput(
        world.actor("sekretaris").held[0].position_public_id, "plh", date(2026, 11, 24), None, "Surat Perintah contoh"))
    person = log_in("analis")
    page = person.get("/inbox").get_data(as_text=True)
    assert "acting-temporary" not in page
    switch = re.findall(r'action="(/acting-as/[\w-]+)"', page)
    assert len(switch) == 2
    person.post(switch[1])
    page = person.get("/inbox").get_data(as_text=True)
    assert "acting-temporary" in page
    assert "<strong>Plh. Sekretaris Badan</strong>" in page
    person.post(switch[0])
    assert "acting-temporary" not in person.get("/inbox").get_data(as_text=True)


def test_login_attempts_of_one_address_are_limited(visitor: Visitor, world: World) -> None:
    answers = [visitor.log_in(f"orang{number}", "salah sama sekali").status_code for number in range(33)]
    assert answers[0] == 401
    assert answers[-1] == 429
