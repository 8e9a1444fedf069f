"""Limits that hold, and a service that stays open when their store is gone."""

from __future__ import annotations

from dataclasses import replace

from svc.app import create_app
from svc.deps import Deps
from tests.support.world import World
from tests.web.conftest import Visitor


def test_with_redis_gone_people_still_log_in_and_guessing_is_still_stopped(deps: Deps, world: World) -> None:
    settings = deps.settings.model_copy(update={"rate_limit_storage": "redis://127.0.0.1:1/0"})
    alone = replace(deps, settings=settings)
    visitor = Visitor(create_app(settings, alone).test_client())
    assert visitor.get("/login").status_code == 200
    assert visitor.log_in("kabid").status_code == 302

    guesser = Visitor(create_app(settings, alone).test_client())
    answers = [guesser.log_in("analis", "salah sama sekali").status_code for _ in range(settings.login_attempts + 1)]
    assert answers[0] == 401
    assert answers[-1] == 429


def test_a_refused_request_says_when_to_come_back(visitor: Visitor, world: World) -> None:
    for number in range(31):
        answer = visitor.log_in(f"orang{number}", "salah sama sekali")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert "detik" in answer.get_data(as_text=True)


def test_a_program_is_told_so_by_the_code_of_the_documentation(visitor: Visitor, world: World) -> None:
    for _ in range(21):
        answer = visitor.client.post("/api/v1/verify?lang=en", data={"none": "sent"})
    assert (answer.status_code, answer.get_json()["code"]) == (429, "too_many_attempts")
    assert answer.get_json()["message"].startswith("The request")
