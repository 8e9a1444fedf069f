"""Verification for programs: the same verdicts as on the pages, without a token, and no more than those tell."""

from __future__ import annotations

import html
import io

import pytest

from svc.services import legal
from tests.attacks.craft import flipped
from tests.support.acts import blank_pdf
from tests.support.signers import give_certificates
from tests.support.world import World
from tests.web.conftest import Visitor

_PDF = {"content_type": "application/pdf"}


@pytest.fixture
def issued(world: World) -> tuple[World, str]:
    give_certificates(world, "kepala")
    return world, world.walk("issued")


def test_a_code_answers_with_the_verdict_of_its_page(visitor: Visitor, issued: tuple[World, str]) -> None:
    world, decree_id = issued
    view = world.view(decree_id)
    answer = visitor.client.get(f"/api/v1/verify/{view.verify_code}")
    told = answer.get_json()
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert (told["sentence"]["tone"], told["indication"]) == ("green", "TOTAL-PASSED")
    assert (told["number"], told["subject"], told["sha256"]) == (view.number, view.subject, view.pdf_sha256)
    assert told["signatures"][0]["certificate_then"] == "valid"
    assert told["signers"][0]["signed_at"].endswith("+00:00")
    page = html.unescape(visitor.get(f"/v/{view.verify_code}").get_data(as_text=True))
    assert told["sentence"]["text"] in page
    assert told["sentence"]["more"] in page
    assert f"/api/v1/verify/{view.verify_code}" in page
    for name in ("report_url", "file_url"):
        assert visitor.get(told[name].removeprefix(world.deps.settings.base_url)).status_code == 200


def test_a_file_answers_with_the_verdict_of_the_upload(visitor: Visitor, issued: tuple[World, str]) -> None:
    world, decree_id = issued
    signed = _signed(visitor, world, decree_id)
    for body, registry, tone in ((signed, "identical", "green"), (signed + b"\n% more", "extends", "amber"),
                                 (flipped(signed), "unknown", "red")):
        told = visitor.client.post("/api/v1/verify", data=body, **_PDF).get_json()
        assert (told["registry"], told["sentence"]["tone"]) == (registry, tone)
        page = visitor.post("/verify", {"file": (io.BytesIO(body), "naskah.pdf")}, content_type="multipart/form-data")
        assert told["sentence"]["text"] in html.unescape(page.get_data(as_text=True))
    assert visitor.client.post("/api/v1/verify", data=signed, **_PDF).get_json()["registered"]["is_told"] is True


def test_a_form_is_taken_as_well(visitor: Visitor, world: World) -> None:
    told = visitor.client.post("/api/v1/verify?lang=en", data={"file": (io.BytesIO(blank_pdf()), "x.pdf")})
    assert told.get_json()["indication"] == "INDETERMINATE"
    assert told.get_json()["sentence"]["text"].isascii()
    assert "signature" in told.get_json()["sentence"]["text"]


def test_of_an_unsigned_decree_nothing_is_told(visitor: Visitor, world: World) -> None:
    view = world.view(world.walk("in_review"))
    told = visitor.client.get(f"/api/v1/verify/{view.verify_code}").get_json()
    assert told["is_told"] is False
    assert view.subject not in str(told)
    assert not {"number", "subject", "signatures", "sha256"} & set(told)


def test_a_revoked_decree_is_not_green(visitor: Visitor, issued: tuple[World, str]) -> None:
    world, decree_id = issued
    view = world.view(decree_id)
    legal.set_status(world.deps, world.actor("kepala"), decree_id, "revoked", "Keliru golongan")
    told = visitor.client.get(f"/api/v1/verify/{view.verify_code}").get_json()
    assert (told["sentence"]["tone"], told["legal_status"], told["indication"]) == ("blue", "revoked", "TOTAL-PASSED")


@pytest.mark.parametrize(("path", "body", "status", "code"), [
    ("/api/v1/verify", b"", 422, "invalid_input"),
    ("/api/v1/verify?lang=xx", b"%PDF-1.7", 422, "invalid_input")])
def test_what_cannot_be_answered_is_said_as_json(visitor: Visitor, world: World, path: str, body: bytes, status: int,
                                                 code: str) -> None:
    answer = visitor.client.post(path, data=body, **_PDF)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


def test_an_unknown_code_and_a_missing_file_are_said_as_json(visitor: Visitor, world: World) -> None:
    assert visitor.client.get("/api/v1/verify/tidak-ada").get_json()["code"] == "not_found"
    answer = visitor.client.post("/api/v1/verify", data={"lain": "x"})
    assert (answer.status_code, list(answer.get_json()["fields"])) == (422, ["file"])


def test_errors_speak_the_language_that_is_asked_for(visitor: Visitor, world: World) -> None:
    for path, answer in (("/api/v1/verify", visitor.client.post("/api/v1/verify?lang=en", data={"lain": "x"})),
                         ("/api/v1/verify/tidak-ada", visitor.client.get("/api/v1/verify/tidak-ada?lang=en"))):
        told = answer.get_json()
        spoken = visitor.client.open(path, method=answer.request.method, data={"lain": "x"}).get_json()
        assert told["code"] == spoken["code"]
        assert told["message"] != spoken["message"]
        assert all(told["fields"][name] != spoken["fields"][name] for name in spoken["fields"])


def _signed(visitor: Visitor, world: World, decree_id: str) -> bytes:
    return visitor.get(f"/v/{world.view(decree_id).verify_code}/file.pdf").data
