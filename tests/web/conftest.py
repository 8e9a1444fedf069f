"""A browser without a screen: keeps cookies, sends the CSRF token as the pages do."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from svc.app import create_app
from svc.deps import Deps
from tests.support.world import PASSWORD, World

_TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')


@dataclass
class Visitor:
    """Somebody at a browser, logged in or not."""

    client: FlaskClient
    last: TestResponse | None = field(default=None, repr=False)

    def get(self, path: str, **options: Any) -> TestResponse:
        self.last = self.client.get(path, **options)
        return self.last

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> TestResponse:
        """Post a form with the token that a page of this session carries."""
        self.last = self.client.post(path, data={"csrf_token": self.token(), **(data or {})}, **options)
        return self.last

    def token(self) -> str:
        page = self.client.get("/login", follow_redirects=True).get_data(as_text=True)
        found = _TOKEN.search(page)
        assert found, "the page carries no CSRF token"
        return found.group(1)

    def log_in(self, username: str, password: str = PASSWORD, **more: str) -> TestResponse:
        return self.post("/login", {"username": username, "password": password, **more})


@pytest.fixture
def app(deps: Deps) -> Flask:
    return create_app(deps.settings, deps)


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    """Nobody in particular."""
    return Visitor(app.test_client())


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def log_in(app: Flask, world: World) -> Callable[[str], Visitor]:
    """``log_in("analis")``: a browser of its own in which that person is logged in."""

    def enter(username: str) -> Visitor:
        person = Visitor(app.test_client())
        answer = person.log_in(username)
        assert answer.status_code == 302, answer.get_data(as_text=True)
        return person

    return enter
