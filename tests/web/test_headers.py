"""Headers and cookies that browsers are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from svc.app import create_app
from svc.deps import Deps
from tests.support.world import World
from tests.web.conftest import Visitor

LogIn = Callable[[str], Visitor]


@pytest.mark.parametrize("path", ["/login", "/health", "/nowhere", "/inbox", "/static/favicon.svg", "/api/v1/metrics"])
def test_every_answer_carries_the_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path, buffered=True).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers
    assert len(headers["X-Request-ID"]) == 16


def test_pages_are_not_kept_by_browsers_but_hashed_files_are(client: FlaskClient) -> None:
    page = client.get("/login")
    assert page.headers["Cache-Control"] == "no-store"
    sheet = page.get_data(as_text=True).split('rel="stylesheet" href="')[1].split('"')[0]
    kept = client.get(sheet, buffered=True)
    assert kept.status_code == 200
    assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    unhashed = client.get(sheet.split("?")[0], buffered=True)
    assert unhashed.headers["Cache-Control"] == "public, max-age=0, must-revalidate"


@pytest.mark.parametrize("path", ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "css/../../app.py", "nothing.css"])
def test_static_files_are_those_of_the_front_end_alone(client: FlaskClient, path: str) -> None:
    assert client.get(f"/static/{path}").status_code == 404


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(log_in: LogIn) -> None:
    person = log_in("analis")
    person.get("/notices")
    cookie = person.client.get_cookie("paraf")
    assert cookie is not None
    assert cookie.http_only
    assert cookie.same_site == "Lax"


def test_in_production_cookies_need_https_and_browsers_are_told_to_use_it(deps: Deps, world: World) -> None:
    settings = type(deps.settings)(
        env="production", base_url="https://paraf.example", secret_key=SecretStr("x" * 40), web_workers=1,
        server_key=SecretStr("A" * 43 + "="), var_dir=deps.settings.var_dir,
        database_url=deps.settings.effective_database_url)
    client = create_app(settings, replace(deps, settings=settings)).test_client()
    answer = client.get("/login", base_url="https://paraf.example")
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-paraf=")
    for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in cookie
    assert "Akun peragaan" not in answer.get_data(as_text=True)
