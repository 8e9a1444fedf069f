"""Collective decrees by HTTP: a list from a sheet, excerpts and copies from the decree's page."""

from __future__ import annotations

import io
from collections.abc import Callable

import openpyxl
import pytest

from svc.services.parents import COPY, EXCERPT
from tests.support.collective import KIND, decree, issued, parent
from tests.support.world import World
from tests.web.conftest import Visitor
from tests.web.test_screens import example_form

LogIn = Callable[[str], Visitor]
HEADINGS = "No;Nama Lengkap;NIP;Pangkat, gol./ruang;Jabatan;Unit Kerja;Mata Pelajaran"


def sheet(count: int, *, faulty: int = 0) -> bytes:
    lines = [f"{n};Contoh Guru {n};{'12345' if n == faulty else f'190001012020211{n:03d}'};IX;Guru Ahli Pertama;"
             f"SMA Negeri {n};Matematika" for n in range(1, count + 1)]
    return "\n".join([HEADINGS, *lines]).encode()


def text_of(person: Visitor, path: str, status: int = 200) -> str:
    answer = person.get(path)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def drafted(clerk: Visitor, world: World) -> str:
    answer = clerk.post(f"/decrees/new/{KIND}", {**example_form(world, KIND), "then": "save"})
    assert answer.status_code == 302, answer.get_data(as_text=True)
    return answer.headers["Location"].rsplit("/", 1)[-1]


def fill(clerk: Visitor, world: World, decree_id: str, data: bytes) -> int:
    return clerk.post(f"/decrees/{decree_id}/table", {
        "file": (io.BytesIO(data), "guru.csv"), "seen_version": str(world.view(decree_id).lock_version)},
        content_type="multipart/form-data").status_code


def test_a_sheet_fills_the_list_with_a_column_of_its_own(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    decree_id = drafted(clerk, world)
    assert "Isi daftar dari lembar" in text_of(clerk, f"/decrees/{decree_id}/edit")
    assert "Kini 3 orang" in text_of(clerk, f"/decrees/{decree_id}/table")
    assert fill(clerk, world, decree_id, sheet(12)) == 302
    data = world.view(decree_id).data
    assert len(data["lampiran"]) == 12
    assert (data["judul_kolom_1"], "judul_kolom_2" in data) == ("Mata Pelajaran", False)
    assert data["lampiran"][11] == {
        "nama": "Contoh Guru 12", "nip": "190001012020211012", "golongan": "IX", "jabatan": "Guru Ahli Pertama",
        "unit_kerja": "SMA Negeri 12", "kolom_1": "Matematika"}
    assert world.view(decree_id).pdf_sha256  # complete: it was laid out


def test_faulty_rows_are_told_and_change_nothing(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    decree_id = drafted(clerk, world)
    before = world.view(decree_id).data
    assert fill(clerk, world, decree_id, sheet(4, faulty=3)) == 422
    assert clerk.last is not None
    page = clerk.last.get_data(as_text=True)
    assert "Baris 4" in page  # the line of the sheet
    assert "NIP" in page
    twice = sheet(2).replace(b"190001012020211002", b"190001012020211001")
    assert fill(clerk, world, decree_id, twice) == 422
    assert "Sudah ada pada baris 1." in clerk.last.get_data(as_text=True)
    assert fill(clerk, world, decree_id, b"bukan;lembar") == 422
    assert world.view(decree_id).data == before


def test_a_long_list_stays_out_of_the_form_and_survives_it(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    decree_id = drafted(clerk, world)
    assert fill(clerk, world, decree_id, sheet(120)) == 302
    page = text_of(clerk, f"/decrees/{decree_id}/edit")
    assert "Daftar memuat 120 orang" in page
    assert "data.lampiran[0].nama" not in page
    form = {name: text for name, text in example_form(world, KIND).items() if not name.startswith("data.lampiran[")}
    form |= {"data.tentang": "Pengangkatan Guru", "keep_table": decree_id, "then": "save",
             "seen_version": str(world.view(decree_id).lock_version)}
    assert clerk.post(f"/decrees/{decree_id}/edit", form).status_code == 302
    data = world.view(decree_id).data
    assert (data["tentang"], len(data["lampiran"])) == ("Pengangkatan Guru", 120)
    shown = clerk.post(f"/decrees/preview/{KIND}", form)
    assert shown.mimetype == "application/pdf"
    other = log_in("loket").post(f"/decrees/preview/{KIND}", form)
    assert other.status_code == 404  # a list that he may not see


def test_the_template_of_the_list_names_its_columns(log_in: LogIn) -> None:
    clerk = log_in("analis")
    book = openpyxl.load_workbook(io.BytesIO(clerk.get(f"/decrees/table-template/{KIND}.xlsx").data))
    assert {"Nama", "NIP", "Jabatan"} <= {cell.value for cell in book["Data"][1]}
    assert "NIP" in clerk.get(f"/decrees/table-template/{KIND}.csv").get_data().decode("utf-8-sig")
    for path in ("kgb.csv", "nothing.csv", f"{KIND}.exe"):
        assert clerk.get(f"/decrees/table-template/{path}").status_code == 404


def test_excerpts_and_a_copy_are_made_from_the_page(log_in: LogIn, world: World) -> None:
    parent_id = parent(world)
    clerk = log_in("analis")
    page = text_of(clerk, f"/decrees/{parent_id}")
    assert "Buat petikan" in page
    assert "Buat salinan" in page
    answer = clerk.post(f"/decrees/{parent_id}/excerpts")
    assert answer.status_code == 302
    batch = text_of(clerk, answer.headers["Location"])
    assert "3 petikan disusun" in batch
    assert "Contoh Pegawai 2" in batch
    assert clerk.post(f"/decrees/{parent_id}/excerpts").status_code == 409
    answer = clerk.post(f"/decrees/{parent_id}/copies")
    copy = text_of(clerk, answer.headers["Location"])
    assert f"/decrees/{parent_id}" in copy  # back to its parent
    page = text_of(clerk, f"/decrees/{parent_id}")
    assert answer.headers["Location"] in page
    assert "Buat salinan" not in page
    assert "Buat petikan" not in text_of(log_in("biro"), f"/decrees/{parent_id}")


def test_nobody_drafts_excerpts_or_copies_by_hand(log_in: LogIn) -> None:
    clerk = log_in("analis")
    for kind_id in (EXCERPT, COPY):
        for path in ("/decrees/new", "/decrees/upload", "/batches/new"):
            assert kind_id not in text_of(clerk, path)
        assert clerk.get(f"/decrees/new/{kind_id}").status_code == 404
        assert clerk.post(f"/decrees/new/{kind_id}", {"then": "save"}).status_code in {404, 422}
        assert clerk.post("/batches/new", {"kind": kind_id, "title": "x"}).status_code == 422


@pytest.mark.parametrize("path", ["excerpts", "copies"])
def test_what_is_not_signed_answers_with_a_reason(log_in: LogIn, world: World, path: str) -> None:
    clerk = log_in("analis")
    decree_id = drafted(clerk, world)
    answer = clerk.post(f"/decrees/{decree_id}/{path}")
    assert answer.status_code == 409
    assert "sudah ditandatangani" in answer.get_data(as_text=True)


def test_the_public_page_of_an_excerpt_names_its_parent_and_not_where_it_is(visitor: Visitor, world: World) -> None:
    parent_id = parent(world)
    one, above = issued(world, parent_id)[0], decree(world, parent_id)
    page = text_of(visitor, f"/v/{one.verify_code}")
    assert "Keputusan induk" in page
    assert (above.number or "-") in page
    assert above.verify_code not in page
    assert "Contoh Pegawai 2" not in page
    report = visitor.get(f"/v/{one.verify_code}/report.pdf")
    assert report.status_code == 200
