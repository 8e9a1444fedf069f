"""Errors as people and programs meet them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from certs.errors import TimestampUnavailable
from certs.signers.port import BackendUnavailable
from svc import logs
from svc.db import Database
from svc.errors import (
    AppError,
    IntegrityViolation,
    InvalidInput,
    ServiceUnavailable,
    StaleTask,
    StorageUnavailable,
)
from svc.rendering import RenderFailed
from svc.security import public
from svc.services.signing_errors import BackendDown, StampUnavailable
from tests.support.world import World
from tests.web.conftest import Visitor

LogIn = Callable[[str], Visitor]


def raising(app: Flask, path: str, error: Exception) -> None:
    """A route that fails in that way."""

    @public
    def fail() -> str:
        raise error

    app.add_url_rule(path, path, fail)


def test_an_unknown_address_is_a_page_in_the_frame_of_the_person(log_in: LogIn) -> None:
    answer = log_in("analis").get("/nowhere")
    assert answer.status_code == 404
    page = answer.get_data(as_text=True)
    assert "Tidak ditemukan" in page
    assert "Kotak masuk" in page


def test_a_fault_shows_its_code_and_no_trace(app: Flask, client: FlaskClient) -> None:
    raising(app, "/broken", ZeroDivisionError("kata sandi rahasia 198001012005011001"))
    answer = client.get("/broken")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] in page
    assert "Traceback" not in page
    assert "ZeroDivisionError" not in page
    assert "rahasia" not in page


def test_a_fault_is_logged_with_its_request_and_without_numbers_of_people(
        app: Flask, client: FlaskClient, capfd: pytest.CaptureFixture[str]) -> None:
    settings = app.extensions["paraf"].settings.model_copy(update={"log_format": "json"})
    logs.configure(settings)
    raising(app, "/broken", ZeroDivisionError("198001012005011001"))
    answer = client.get("/broken")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    fault = next(line for line in lines if line["event"] == "fault")
    assert fault["request_id"] == answer.headers["X-Request-ID"]
    assert "ZeroDivisionError" in fault["exception"]
    assert "198001012005011001" not in json.dumps(lines)


@pytest.mark.parametrize(("error", "cause", "is_traced"), [
    (BackendDown(), BackendUnavailable("no answer"), False),
    (StampUnavailable(), TimestampUnavailable("no token"), False),
    (StorageUnavailable(), OSError("disk"), False),
    (ServiceUnavailable(), TimestampUnavailable("no token"), False),
    (ServiceUnavailable(), RenderFailed("layout failed", detail="line 3"), True),
    (IntegrityViolation(), None, True)])
def test_what_was_foreseen_is_one_line_of_log_and_what_is_broken_has_its_trace(
        app: Flask, client: FlaskClient, capfd: pytest.CaptureFixture[str], error: AppError, cause: Exception | None,
        is_traced: bool) -> None:
    logs.configure(app.extensions["paraf"].settings.model_copy(update={"log_format": "json"}))
    error.__cause__ = cause
    raising(app, "/refused", error)
    client.get("/refused")
    told = capfd.readouterr().err
    (line,) = (one for one in map(json.loads, told.splitlines()) if one["event"] == "refused")
    assert line["error"] == error.code
    assert ("Traceback" in told, "exception" in line) == (is_traced, is_traced)
    if not is_traced:
        assert line["causes"] == getattr(cause, "code", type(cause).__name__)


def test_what_a_service_refuses_is_a_page_with_its_words(app: Flask, client: FlaskClient) -> None:
    raising(app, "/refused", StorageUnavailable())
    answer = client.get("/refused")
    assert answer.status_code == 503
    assert "Penyimpanan berkas sedang tidak menjawab" in answer.get_data(as_text=True)


def test_messages_of_fields_are_told(app: Flask, client: FlaskClient) -> None:
    raising(app, "/fields", InvalidInput(fields={"a": "Sampai %(day)s."}, params={"day": "Senin"}))
    page = client.get("/fields").get_data(as_text=True)
    assert "Sampai Senin." in page


def test_a_stale_page_tells_what_changed(app: Flask, client: FlaskClient) -> None:
    raising(app, "/stale", StaleTask((), "abc"))
    answer = client.get("/stale")
    assert answer.status_code == 409
    assert 'href="/decrees/abc"' in answer.get_data(as_text=True)


def test_a_fragment_gets_an_answer_that_replaces_the_page(app: Flask, client: FlaskClient) -> None:
    raising(app, "/stale", StaleTask((), "abc"))
    answer = client.get("/stale", headers={"HX-Request": "true"})
    assert answer.headers["HX-Retarget"] == "#main"


def test_a_fragment_without_a_session_sends_the_whole_browser_to_the_login(client: FlaskClient) -> None:
    answer = client.get("/search?q=a", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login"


@pytest.mark.parametrize(("path", "headers", "status", "code"), [
    ("/api/v1/metrics", {}, 401, "invalid_token"),
    ("/api/v1/metrics", {"Authorization": "Bearer paraf_unknown"}, 401, "invalid_token"),
    ("/api/v1/nothing", {}, 404, "not_found"),
    ("/inbox", {"Accept": "application/json"}, 401, "not_authenticated"),
])
def test_programs_get_one_shape_of_error(client: FlaskClient, path: str, headers: dict[str, str], status: int,
                                         code: str) -> None:
    answer = client.get(path, headers=headers)
    assert answer.status_code == status
    body = answer.get_json()
    assert set(body) == {"code", "message", "fields"}
    assert body["code"] == code


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/nothing"])
def test_programs_choose_the_language_where_nothing_is_too(client: FlaskClient, path: str) -> None:
    english, indonesian = (client.get(f"{path}?lang={lang}").get_json() for lang in ("en", "id"))
    assert english["code"] == indonesian["code"] == "not_found"
    assert english["message"].isascii()
    assert "tidak" in indonesian["message"]
    assert "tidak" not in english["message"]


def test_a_wrong_method_is_named(client: FlaskClient) -> None:
    answer = client.post("/health")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_an_upload_beyond_the_limit_is_refused_before_it_is_read(log_in: LogIn, app: Flask) -> None:
    person = log_in("analis")
    size = app.config["MAX_CONTENT_LENGTH"] + 1
    answer = person.client.post("/decrees/upload", data=b"--x", content_type="multipart/form-data; boundary=x",
                                environ_overrides={"CONTENT_LENGTH": str(size)})
    assert answer.status_code == 413
    assert "terlalu besar" in answer.get_data(as_text=True)


def test_a_decree_that_is_not_there_and_one_not_for_me_look_the_same(log_in: LogIn, world: World) -> None:
    mine = world.walk("draft")
    stranger = log_in("loket")
    hidden, missing = stranger.get(f"/decrees/{mine}"), stranger.get("/decrees/AAAAAAAAAAAAAAAAAAAAAA")
    assert hidden.status_code == missing.status_code == 404


def test_when_the_database_is_gone_a_page_still_comes(app: Flask, log_in: LogIn, tmp_path: Path) -> None:
    person = log_in("analis")
    gone = Database(f"sqlite:///{tmp_path}/no/such/folder/paraf.db")
    app.extensions["paraf"] = replace(app.extensions["paraf"], db=gone)
    answer = person.client.get("/inbox")
    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] in answer.get_data(as_text=True)
