"""Indonesian first, English by a switch."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from tests.support.world import World
from tests.web.conftest import Visitor
from tests.web.test_screens import example_form

LogIn = Callable[[str], Visitor]


def test_pages_begin_in_indonesian_whatever_the_browser_says(visitor: Visitor) -> None:
    page = visitor.get("/login", headers={"Accept-Language": "en"}).get_data(as_text=True)
    assert '<html lang="id">' in page
    assert "Masuk" in page


def test_the_switch_comes_back_to_the_same_page_and_lasts(visitor: Visitor, world: World) -> None:
    page = visitor.get("/login?next=/decrees").get_data(as_text=True)
    assert 'href="/locale/en?next=/login?next%3D/decrees"' in page
    answer = visitor.get("/locale/en?next=/login")
    assert answer.headers["Location"] == "/login"
    assert '<html lang="en">' in visitor.get("/login").get_data(as_text=True)
    visitor.log_in("analis")
    assert '<html lang="en">' in visitor.get("/inbox").get_data(as_text=True), "a login keeps the language"


def test_the_switch_on_the_answer_to_a_form_leads_back_to_the_form(visitor: Visitor) -> None:
    answer = visitor.post("/verify", {"file": (io.BytesIO(b"bukan PDF"), "surat.pdf")})
    assert 'href="/locale/en?next=/verify"' in answer.get_data(as_text=True)


@pytest.mark.parametrize("path", ["/locale/xx", "/locale/../../en"])
def test_other_languages_do_not_exist(visitor: Visitor, path: str) -> None:
    assert visitor.get(path).status_code == 404


def test_the_language_of_the_account_counts_at_the_next_login(log_in: LogIn) -> None:
    person = log_in("analis")
    answer = person.post("/account/profile", {"email": "analis@nusamandala.example", "locale": "en"})
    assert answer.status_code == 302
    assert '<html lang="en">' in log_in("analis").get("/inbox").get_data(as_text=True)


def test_refusals_speak_the_chosen_language_too(visitor: Visitor, world: World) -> None:
    visitor.get("/locale/en")
    assert "Wrong user name or password" in visitor.log_in("analis", "salah sama sekali").get_data(as_text=True)
    assert "Log in" in visitor.get("/login").get_data(as_text=True)


def test_a_form_and_its_faults_are_said_in_english(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    clerk.get("/locale/en")
    wrong = {**example_form(world), "data.kenaikan.gaji_pokok": "2000000", "then": "submit"}
    page = clerk.post("/decrees/new/kgb", wrong).get_data(as_text=True)
    assert "1 field needs correction" in page
    assert "The basic salary for grade III/b under PP Nomor 5 Tahun 2024 should be Rp3.390.500,00." in page
    assert "Gaji pokok" not in page
