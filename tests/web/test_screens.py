"""The screens of drafting, inbox, list, register, metrics and the API, as a browser meets them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from svc.metrics import facts
from svc.services import tokens
from tests.services.test_routing import finished_pdf
from tests.support.statements import counted
from tests.support.world import World
from tests.web.conftest import Visitor

LogIn = Callable[[str], Visitor]


def form_of(data: Any, name: str = "data") -> Iterator[tuple[str, str]]:
    """The fields that a browser would send for this data."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from form_of(value, f"{name}.{key}")
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from form_of(value, f"{name}[{index}]")
    else:
        yield name, str(data).lower() if isinstance(data, bool) else str(data)


def example_form(world: World, kind_id: str = "kgb") -> dict[str, str]:
    return dict(form_of(world.example(kind_id)))


@pytest.mark.parametrize(
    "kind_id", ["kgb", "keputusan", "keputusan-kolektif", "surat-tugas", "surat-dinas", "perjanjian-kerja-sama"])
def test_the_example_of_each_kind_can_be_sent_by_its_form(log_in: LogIn, world: World, kind_id: str) -> None:
    clerk = log_in("analis")
    page = clerk.get(f"/decrees/new/{kind_id}?example=1").get_data(as_text=True)
    for name in example_form(world, kind_id):
        assert f'name="{name}"' in page
    answer = clerk.post(f"/decrees/new/{kind_id}", {**example_form(world, kind_id), "then": "save"})
    assert answer.status_code == 302, answer.get_data(as_text=True)
    assert "Konsep disimpan." in clerk.get(answer.headers["Location"]).get_data(as_text=True)


def test_a_faulty_form_keeps_what_was_typed_and_says_what_to_mend(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    answer = clerk.post("/decrees/new/kgb", {**example_form(world), "data.pegawai.nip": "123", "then": "submit"})
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert 'value="123"' in text
    assert 'aria-invalid="true"' in text
    assert world.example()["pegawai"]["nama"] in text
    assert "Tidak ada naskah yang cocok" in clerk.get("/decrees").get_data(as_text=True)


def test_an_unfinished_draft_is_kept_and_cannot_go_on(log_in: LogIn) -> None:
    clerk = log_in("analis")
    unfinished = {"data.pegawai.nama": "Belum Selesai", "data.dasar.masa_kerja_tahun": "banyak", "then": "save"}
    answer = clerk.post("/decrees/new/kgb", unfinished)
    assert answer.status_code == 302
    address = answer.headers["Location"]
    page = clerk.get(address).get_data(as_text=True)
    assert "Belum Selesai" in page
    assert "Belum ada berkas" in page
    assert 'value="Belum Selesai"' in clerk.get(f"{address}/edit").get_data(as_text=True)
    refused = clerk.post(f"{address}/submit", {"seen_version": "1"})
    assert refused.status_code == 422
    assert 'aria-invalid="true"' in refused.get_data(as_text=True)
    assert "Konsep" in clerk.get(address).get_data(as_text=True)


def test_the_preview_is_a_pdf_and_keeps_nothing(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    answer = clerk.post("/decrees/preview/kgb", example_form(world))
    assert answer.data.startswith(b"%PDF-1.7")
    assert answer.headers["Cache-Control"] == "no-store"
    assert clerk.post("/decrees/preview/kgb", {}).status_code == 422


def test_paraf_and_next_leads_to_the_next_task(log_in: LogIn, world: World) -> None:
    first, second = world.walk("in_review"), world.walk("in_review")
    official = log_in("kasubbid")
    view = world.view(first)
    assert view.open_task is not None
    answer = official.post(f"/tasks/{view.open_task.task_id}/approve",
                           {"seen_version": str(view.lock_version), "then": "next"})
    task = world.view(second).open_task
    assert task is not None
    assert answer.headers["Location"].endswith(f"/tasks/{task.task_id}")
    world.approve(second, "kasubbid")
    assert official.get("/inbox/next").headers["Location"].endswith("/inbox")


def test_a_stale_page_is_a_409_that_shows_what_changed(log_in: LogIn, world: World) -> None:
    decree_id = world.walk("in_review")
    view = world.view(decree_id)
    assert view.open_task is not None
    world.approve(decree_id, "kasubbid")
    answer = log_in("kasubbid").post(f"/tasks/{view.open_task.task_id}/approve",
                                     {"seen_version": str(view.lock_version), "then": "stay"})
    text = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "Diparaf" in text
    assert world.actor("kasubbid").name in text


def test_returning_needs_a_reason_also_in_the_browser(log_in: LogIn, world: World) -> None:
    decree_id = world.walk("in_review")
    view = world.view(decree_id)
    assert view.open_task is not None
    path, seen = f"/tasks/{view.open_task.task_id}/return", {"seen_version": str(view.lock_version)}
    official = log_in("kasubbid")
    assert official.post(path, {**seen, "reason": ""}).status_code == 422
    assert official.post(path, {**seen, "reason": "Gelar salah"}).status_code == 302
    page = log_in("analis").get(f"/decrees/{decree_id}").get_data(as_text=True)
    assert "Gelar salah" in page


def test_what_one_may_not_see_is_not_found(log_in: LogIn, world: World) -> None:
    decree_id = world.walk("in_review", "surat-izin")
    clerk = log_in("analis")
    page = f"/decrees/{decree_id}"
    for path in (page, f"{page}/pdf", f"{page}/edit", "/decrees/nothing"):
        assert clerk.get(path).status_code == 404
    assert clerk.post(f"/decrees/{decree_id}/duplicate").status_code == 404


def test_an_uploaded_pdf_becomes_a_draft_and_a_bad_one_is_refused(log_in: LogIn) -> None:
    clerk = log_in("analis")
    good = {"kind": "surat-dinas", "subject": "Undangan", "file": (io.BytesIO(finished_pdf()), "a.pdf")}
    assert clerk.post("/decrees/upload", good, content_type="multipart/form-data").status_code == 302
    bad = {"kind": "surat-dinas", "subject": "Undangan", "file": (io.BytesIO(b"MZ..."), "a.pdf")}
    answer = clerk.post("/decrees/upload", bad, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "bukan PDF" in answer.get_data(as_text=True)
    assert clerk.post("/decrees/upload", {"kind": "x"}, content_type="multipart/form-data").status_code == 422


def test_a_paper_decree_is_registered_by_the_form(log_in: LogIn) -> None:
    clerk = log_in("analis")
    form = {"kind": "kgb", "subject": "KGB kertas", "number": "800/7/BKD/2026", "signed_on": "2026-11-20",
            "signer_name": "Kepala Badan", "file": (io.BytesIO(finished_pdf()), "scan.pdf")}
    answer = clerk.post("/decrees/paper", form, content_type="multipart/form-data")
    assert answer.status_code == 302
    assert "Tanda tangan basah" in clerk.get("/decrees").get_data(as_text=True)
    broken = {**form, "signed_on": "yesterday", "file": (io.BytesIO(finished_pdf()), "scan.pdf")}
    assert clerk.post("/decrees/paper", broken, content_type="multipart/form-data").status_code == 422


def test_the_list_as_csv_runs_no_formula(log_in: LogIn, world: World) -> None:
    data = world.example("surat-dinas")
    clerk = log_in("analis")
    form = {"kind": "surat-dinas", "subject": "=HYPERLINK(1)", "file": (io.BytesIO(finished_pdf()), "a.pdf")}
    clerk.post("/decrees/upload", form, content_type="multipart/form-data")
    assert data
    rows = list(csv.DictReader(io.StringIO(clerk.get("/decrees.csv").get_data(as_text=True).lstrip("\ufeff"))))
    assert [row["perihal"] for row in rows] == ["'=HYPERLINK(1)"]


def test_the_search_box_answers_with_hits(log_in: LogIn, world: World) -> None:
    world.walk("in_review")
    clerk = log_in("analis")
    name = world.example()["pegawai"]["nama"].split()[0]
    assert name in clerk.get(f"/search?q={name}").get_data(as_text=True)
    assert "Tidak ada naskah" in clerk.get("/search?q=zzz").get_data(as_text=True)


def test_a_pdf_is_cached_by_its_content_and_private(log_in: LogIn, world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    clerk = log_in("analis")
    first = clerk.get(f"/decrees/{decree_id}/pdf")
    assert first.data.startswith(b"%PDF")
    assert first.headers["Cache-Control"].startswith("private")
    again = clerk.get(f"/decrees/{decree_id}/pdf", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


def test_the_register_shows_numbers_and_void_ones(log_in: LogIn, world: World) -> None:
    decree_id = world.walk("ready_to_sign")
    text = log_in("analis").get("/registers").get_data(as_text=True)
    assert world.view(decree_id).number in text
    assert "Dipegang" in text


def test_metrics_answer_first_and_lead_to_the_documents(log_in: LogIn, world: World) -> None:
    world.walk("issued")
    facts.recompute_touched(world.deps)
    bureau = log_in("biro")
    text = bureau.get("/metrics").get_data(as_text=True)
    assert "100 % naskah ditandatangani elektronik" in text.replace("\u00a0", " ")
    assert "/decrees?" in text
    assert "signed_from=" in text
    assert bureau.get("/metrics?from=2026-02-01&to=2026-01-01").status_code == 422
    assert bureau.get("/metrics?from=tomorrow").status_code == 422
    assert log_in("analis").get("/metrics").status_code == 403


def api(visitor: Visitor, path: str, secret: str | None) -> Any:
    return visitor.client.get(path, headers={"Authorization": f"Bearer {secret}"} if secret else {})


def test_the_api_gives_figures_to_a_token_alone(visitor: Visitor, world: World) -> None:
    world.walk("issued")
    facts.recompute_touched(world.deps)
    secret = tokens.create(world.deps, world.actor("biro"), "Dasbor", ("metrics:read",), 30)
    answer = api(visitor, "/api/v1/metrics?from=2026-01-01&to=2026-12-31&group_by=unit", secret)
    assert answer.status_code == 200
    assert answer.json["total"]["signed"] == 1
    assert answer.json["groups"][0]["key"] == "BKD"
    table = api(visitor, "/api/v1/metrics?from=2026-01-01&to=2026-12-31&format=csv", secret)
    assert table.mimetype == "text/csv"
    for bad in (None, "paraf_wrong", ""):
        refused = api(visitor, "/api/v1/metrics", bad)
        assert (refused.status_code, refused.json["code"]) == (401, "invalid_token")


@pytest.mark.parametrize("query", ["from=x", "group_by=planet", "format=xml", "unit=NONE", "kind=NONE"])
def test_the_api_refuses_what_it_cannot_read(visitor: Visitor, world: World, query: str) -> None:
    secret = tokens.create(world.deps, world.actor("biro"), "Dasbor", ("metrics:read",), 30)
    answer = api(visitor, f"/api/v1/metrics?{query}", secret)
    assert answer.status_code == 422
    assert answer.json["code"] == "invalid_input"
    assert answer.json["fields"]


def test_a_revoked_or_expired_token_is_worthless(visitor: Visitor, world: World, clock: Any) -> None:
    actor = world.actor("biro")
    revoked = tokens.create(world.deps, actor, "A", ("metrics:read",), 30)
    tokens.revoke(world.deps, actor, tokens.list_all(world.deps)[0].public_id)
    assert api(visitor, "/api/v1/metrics", revoked).status_code == 401
    short = tokens.create(world.deps, actor, "B", ("metrics:read",), 1)
    clock.advance(days=2)
    assert api(visitor, "/api/v1/metrics", short).status_code == 401
    assert all(short not in repr(view) for view in tokens.list_all(world.deps))


@pytest.mark.parametrize("path", ["/decrees?q=%00", "/decrees/%00", "/v/%00", "/search?q=a%00b", "/registers?book=%00"])
def test_a_null_character_is_a_bad_request(log_in: LogIn, path: str) -> None:
    assert log_in("analis").get(path).status_code in {400, 404}


PAGES = {"analis": ("/inbox", "/decrees", "/decrees/new", "/decrees/new/kgb", "/registers", "/decrees/{decree}"),
         "kasubbid": ("/inbox", "/tasks/{task}"), "biro": ("/metrics",), "admin": ("/admin/people",)}


@pytest.mark.parametrize("username", sorted(PAGES))
def test_pages_take_at_most_eight_statements_however_many_rows(log_in: LogIn, world: World, username: str) -> None:
    person = log_in(username)
    world.walk("ready_to_sign")
    decree_id = world.walk("in_review")
    task = world.view(decree_id).open_task
    assert task is not None
    few = statements(world, person, username, decree_id, task.task_id)
    for _ in range(6):
        world.walk("in_review")
    world.walk("ready_to_sign")
    assert statements(world, person, username, decree_id, task.task_id) == few
    assert max(few.values()) <= 8, few


def statements(world: World, person: Visitor, username: str, decree_id: str, task_id: str) -> dict[str, int]:
    counts = {}
    for path in PAGES[username]:
        with counted(world.deps.db) as seen:
            assert person.get(path.format(decree=decree_id, task=task_id)).status_code == 200
        counts[path] = len(seen)
    return counts
