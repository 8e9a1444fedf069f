"""What the logs say, and what they must not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
import structlog
from flask import Flask

from svc import logs
from svc.services import people
from tests.support.world import PASSWORD, World
from tests.web.conftest import Visitor

LogIn = Callable[[str], Visitor]


Lines = list[dict[str, object]]


@pytest.fixture
def listen(app: Flask, capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[], Lines]]:
    """Begins writing JSON when called first; each call gives the lines since the last one."""
    settings = app.extensions["paraf"].settings

    def since() -> Lines:
        logs.configure(settings.model_copy(update={"log_format": "json"}))
        return [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]

    yield since
    logs.configure(settings)


def test_each_request_is_one_line_with_its_id(app: Flask, listen: Callable[[], Lines]) -> None:
    listen()
    answer = app.test_client().get("/login")
    found = [line for line in listen() if line["event"] == "request"]
    assert [(line["endpoint"], line["status"]) for line in found] == [("auth.login", 200)]
    assert found[0]["request_id"] == answer.headers["X-Request-ID"]


def test_no_password_code_name_or_link_is_logged(
        app: Flask, world: World, listen: Callable[[], Lines]) -> None:
    listen()
    token = people.reset_password(world.deps, world.actor("admin"), world.actor("kabid").person_public_id)
    person = Visitor(app.test_client())
    person.log_in("analis")
    person.log_in("analis", "salah sama sekali")
    Visitor(app.test_client()).get(f"/activate/{token}")
    person.get("/decrees?q=190001011980031006")
    said = json.dumps(listen())
    for secret in (PASSWORD, "salah sama sekali", token, "190001011980031006"):
        assert secret not in said
    assert '"endpoint": "account.activate"' in said


def test_known_keys_and_long_numbers_are_dropped_wherever_they_come_from(
        app: Flask, listen: Callable[[], Lines]) -> None:
    listen()
    structlog.get_logger("other").info("sealed", passphrase="terbuka", NIP="190001011980031006",
                                       note="atas 190001011980031006 dan 7371010101900001", job="facts")
    line = listen()[-1]
    assert (line["passphrase"], line["NIP"], line["job"]) == ("[dropped]", "[dropped]", "facts")
    assert line["note"] == "atas [number] dan [number]"
