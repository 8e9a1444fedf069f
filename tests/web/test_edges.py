"""What addresses and forms may carry that no page of ours writes: it is refused or left out, never a fault."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable

import pytest
from werkzeug.http import parse_options_header

from svc.services import directory, numbering
from tests.support.acts import blank_pdf, set_row
from tests.support.odd_pdfs import form_pdf, odd_pdf, script_pdf
from tests.support.world import World
from tests.web.conftest import Visitor

LogIn = Callable[[str], Visitor]


def cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def test_an_unknown_kind_in_an_address_is_not_found(log_in: LogIn) -> None:
    clerk = log_in("analis")
    assert clerk.get("/decrees/new/nosuch").status_code == 404
    assert clerk.post("/decrees/new/nosuch").status_code == 404
    assert clerk.post("/decrees/preview/nosuch").status_code == 404


@pytest.mark.parametrize("text", [
    cursor("2026-11-24T00:00:00+00:00", 10**30, 0), cursor("2026-11-24T00:00:00+00:00", float("inf"), 0),
    cursor("2026-11-24T00:00:00+00:00", -1, 0), cursor("2026-11-24T00:00:00+00:00", 2**63, 1),
    cursor("0001-01-01T00:00:00+08:00", 1, 0), cursor("9999-12-31T23:59:59-08:00", 1, 1), "W1tb" * 800])
def test_a_cursor_that_is_no_place_is_the_first_page(log_in: LogIn, text: str) -> None:
    head, clerk = log_in("admin"), log_in("analis")
    for path in ("/decrees", "/inbox", "/notices"):
        assert clerk.get(path, query_string={"cursor": text}).status_code == 200, path
    assert head.get("/admin/people", query_string={"cursor": text}).status_code == 200


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2026-W01-1"])
def test_days_at_the_ends_of_the_calendar_are_no_filter(log_in: LogIn, world: World, day: str) -> None:
    decree_id = world.walk("issued")
    clerk = log_in("analis")
    for name in ("created_from", "created_to", "signed_from", "signed_to"):
        for path in ("/decrees", "/decrees.csv"):
            answer = clerk.get(path, query_string={name: day})
            assert answer.status_code == 200, (path, name)
            assert world.view(decree_id).subject in answer.get_data(as_text=True)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2026-W01-1"])
def test_days_at_the_ends_of_the_calendar_are_refused(log_in: LogIn, world: World, day: str) -> None:
    head = log_in("kepala")
    for name in ("from", "to"):
        assert head.get("/metrics", query_string={name: day}).status_code == 422, name
    form = {"kind": "kgb", "subject": "KGB", "number": "800/7/BKD/2026", "signed_on": day,
            "signer_name": "Kepala", "file": (io.BytesIO(blank_pdf()), "scan.pdf")}
    answer = log_in("analis").post("/decrees/paper", form, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "Tanggal tidak dapat dibaca." in answer.get_data(as_text=True)


def test_the_last_day_of_the_calendar_ends_no_holding(log_in: LogIn, world: World) -> None:
    admin = log_in("admin")
    me = directory.load_person(world.deps, world.actor("admin").person_public_id)
    for day in ("9999-12-31", "2026-W50-1"):
        answer = admin.post(f"/admin/holdings/{me.holdings[0].public_id}/end", {"valid_to": day})
        assert answer.status_code == 422


def test_a_number_of_thousands_of_digits_is_a_fault_of_its_field(log_in: LogIn) -> None:
    clerk = log_in("analis")
    for digits in ("9" * 5000, "9" * 30, "1" * 500 + ",5"):
        form = {"data.dasar.masa_kerja_tahun": digits, "data.dasar.tmt": "2025-01-01",
                "data.pegawai.golongan": "III/b", "then": "submit"}
        answer = clerk.post("/decrees/new/kgb", form)
        assert answer.status_code == 422
        assert digits in answer.get_data(as_text=True)


@pytest.mark.parametrize("number", ['800/"7"; x=y', "800/é/漢", "800\\7", "800/7/BKD"])
def test_any_number_names_its_file(log_in: LogIn, world: World, number: str) -> None:
    decree_id = world.walk("issued")
    set_row(world, decree_id, number=number)
    answer = log_in("analis").get(f"/decrees/{decree_id}/pdf")
    assert answer.status_code == 200
    name = answer.headers["Content-Disposition"]
    assert name.startswith("inline; filename")
    assert name.isascii()
    said = parse_options_header(name)[1]["filename"]
    assert said == number.replace("/", "-") + ".pdf"


def test_a_null_character_is_refused_wherever_it_stands(log_in: LogIn) -> None:
    clerk = log_in("analis")
    for query in ("q=a&q=%00", "%00=a", "q=%00"):
        assert clerk.get(f"/decrees?{query}").status_code == 400, query
    for form in ({"q": ["a", "\0"]}, {"\0": "a"}, {"q": "\0"}):
        assert clerk.post("/decrees/new/kgb", form).status_code == 400, form


def test_a_page_of_the_register_beyond_its_numbers_is_its_first(log_in: LogIn, world: World) -> None:
    world.walk("ready_to_sign")
    key = numbering.list_books(world.deps, world.actor("analis"))[0].key
    for text in ("9" * 9, "9" * 10, "9" * 15):
        assert log_in("analis").get(f"/registers?book={key}&cursor={text}").status_code == 200


def test_a_bad_replacement_of_an_uploaded_pdf_shows_its_form_again(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    form = {"kind": "surat-dinas", "subject": "Undangan", "file": (io.BytesIO(blank_pdf()), "a.pdf")}
    page = clerk.post("/decrees/upload", form, content_type="multipart/form-data").headers["Location"]
    version = str(world.view(page.rsplit("/", 1)[1]).lock_version)
    for sent in ({"file": (io.BytesIO(b"MZ..."), "a.pdf")}, {}):
        answer = clerk.post(f"{page}/edit", {"seen_version": version, **sent}, content_type="multipart/form-data")
        text = answer.get_data(as_text=True)
        assert answer.status_code == 422
        assert 'name="file"' in text
        assert f'action="{page}/edit"' in text
        assert ("bukan PDF" if sent else "Pilih berkas PDF") in text
    good = {"seen_version": version, "file": (io.BytesIO(blank_pdf(2)), "b.pdf")}
    assert clerk.post(f"{page}/edit", good, content_type="multipart/form-data").status_code == 302


def test_a_form_becomes_pictures_by_one_tick(log_in: LogIn, world: World) -> None:
    """The reason first, with the way out ticked already; then the file once more, and the page says what it has."""
    clerk, ticked = log_in("analis"), 'name="as_pictures" value="true" checked'
    assert 'name="as_pictures" value="true"' in (blank := clerk.get("/decrees/upload").get_data(as_text=True))
    assert ticked not in blank

    def sent(pdf: bytes, **more: str) -> dict[str, object]:
        return {"kind": "surat-dinas", "subject": "Undangan", "file": (io.BytesIO(pdf), "a.pdf"), **more}

    answer = clerk.post("/decrees/upload", sent(form_pdf()), content_type="multipart/form-data")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "memuat isian formulir" in text
    assert "Dengan begitu berkas ini dapat diterima" in text
    assert ticked in text
    for hopeless in (b"teks", b"%PDF-1.7 rusak"):
        answer = clerk.post("/decrees/upload", sent(hopeless), content_type="multipart/form-data")
        assert ticked not in answer.get_data(as_text=True)

    answer = clerk.post("/decrees/upload", sent(form_pdf(), as_pictures="true"), content_type="multipart/form-data")
    assert answer.status_code == 302
    page = answer.headers["Location"]
    assert "Halaman berupa gambar" in clerk.get(page).get_data(as_text=True)
    version = str(world.view(page.rsplit("/", 1)[1]).lock_version)
    again = {"seen_version": version, "file": (io.BytesIO(form_pdf("Lain")), "b.pdf")}
    answer = clerk.post(f"{page}/edit", again, content_type="multipart/form-data")
    assert (answer.status_code, ticked in answer.get_data(as_text=True)) == (422, True)
    again = {**again, "file": (io.BytesIO(form_pdf("Lain")), "b.pdf"), "as_pictures": "true"}
    assert clerk.post(f"{page}/edit", again, content_type="multipart/form-data").status_code == 302


def test_a_page_that_no_picture_holds_is_named(log_in: LogIn) -> None:
    form = {"kind": "surat-dinas", "subject": "Peta", "as_pictures": "true",
            "file": (io.BytesIO(odd_pdf(script_pdf, size=(14_400, 14_400))), "a.pdf")}
    answer = log_in("analis").post("/decrees/upload", form, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "Halaman 1 terlalu besar untuk diubah menjadi gambar" in answer.get_data(as_text=True)
    assert 'name="as_pictures" value="true" checked' in answer.get_data(as_text=True)
