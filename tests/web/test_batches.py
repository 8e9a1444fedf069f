"""Batches before they go out, by HTTP: from the empty list to the submitted one."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import openpyxl
import pytest
from sqlalchemy import update

from svc.models import BatchRow
from svc.services.batches import work
from tests.support import batches
from tests.support.statements import counted
from tests.support.world import World
from tests.web.conftest import Visitor
from tests.web.test_screens import form_of

LogIn = Callable[[str], Visitor]


def upload(person: Visitor, batch_id: str, data: bytes, name: str = "kgb.csv") -> str:
    """The address of the question of columns."""
    answer = person.post(f"/batches/{batch_id}/sheet", {"file": (io.BytesIO(data), name)},
                         content_type="multipart/form-data")
    assert answer.status_code == 302
    return answer.headers["Location"]


def chosen(page: str) -> dict[str, str]:
    """What the form of columns would send as it stands."""
    form = dict(re.findall(r'name="(seen_version)" value="(\d+)"', page))
    for name, options in re.findall(r'<select[^>]*name="(column\.\d+)"[^>]*>(.*?)</select>', page, re.S):
        found = re.search(r'<option value="([^"]*)" selected', options)
        form[name] = found[1] if found else ""
    return form


def made(person: Visitor, title: str = "KGB Desember") -> str:
    answer = person.post("/batches/new", {"kind": "kgb", "title": title})
    assert answer.status_code == 302
    return answer.headers["Location"].rsplit("/", 1)[-1]


def filled(person: Visitor, world: World, count: int, faulty: tuple[int, ...] = ()) -> str:
    batch_id = made(person)
    place = upload(person, batch_id, batches.sheet_of(world, count, faulty=faulty))
    answer = person.post(place, {**chosen(person.get(place).get_data(as_text=True)), "rows": "all"})
    assert answer.status_code == 302
    return batch_id


def version(world: World, batch_id: str) -> dict[str, str]:
    return {"seen_version": str(batches.batch_row(world, batch_id).lock_version)}


def text_of(person: Visitor, path: str, status: int = 200) -> str:
    answer = person.get(path)
    assert answer.status_code == status, path
    return answer.get_data(as_text=True)


def test_an_empty_list_says_how_a_batch_comes_to_be(log_in: LogIn) -> None:
    assert "Belum ada kelompok naskah" in text_of(log_in("analis"), "/batches")


def test_a_sheet_becomes_rows_that_are_checked_at_once(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    batch_id = filled(clerk, world, 4, faulty=(2,))
    page = text_of(clerk, f"/batches/{batch_id}")
    assert "4 baris dimasukkan dari kgb.csv." in page
    assert "1 baris bermasalah" in page
    assert "<strong>NIP:</strong>" in page  # the title of the field, not its path
    assert "pegawai.nip" not in page
    assert "Ajukan 4 naskah" not in page
    assert "KGB Desember" in text_of(clerk, "/batches")


def test_only_kinds_with_one_signer_are_offered(log_in: LogIn) -> None:
    clerk = log_in("analis")
    assert "perjanjian-kerja-sama" not in text_of(clerk, "/batches/new")
    assert clerk.post("/batches/new", {"kind": "perjanjian-kerja-sama", "title": "x"}).status_code == 422
    answer = clerk.post("/batches/new", {"kind": "", "title": ""})
    assert answer.status_code == 422


def test_templates_can_be_filled_in_and_come_back(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    workbook = clerk.get("/batches/template/kgb.xlsx")
    book = openpyxl.load_workbook(io.BytesIO(workbook.data))
    assert "NIP" in [cell.value for cell in book["Data"][1]]
    assert "NIP" in clerk.get("/batches/template/kgb.csv").get_data().decode("utf-8-sig")
    assert clerk.get("/batches/template/kgb.exe").status_code == 404
    assert clerk.get("/batches/template/nothing.csv").status_code == 404


def test_a_missing_column_is_named_and_the_choice_survives_a_reload(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    batch_id = made(clerk)
    place = upload(clerk, batch_id, batches.sheet_of(world, 2, without=("pegawai.nip",)))
    page = text_of(clerk, place)
    assert "Isian wajib yang belum mendapat kolom" in page
    form = chosen(page)
    taken = next(name for name, path in form.items() if path == "pegawai.nama")
    answer = clerk.post(place, {**form, taken: ""})
    said = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "NIP" in said
    assert chosen(said)[taken] == ""
    assert chosen(text_of(clerk, place))[taken] == ""
    assert batches.rows_of(world, batch_id) == []
    assert "Lanjutkan memilih kolom" in text_of(clerk, f"/batches/{batch_id}")


def test_one_field_for_two_columns_is_refused_in_words(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    place = upload(clerk, made(clerk), batches.sheet_of(world, 2))
    form = chosen(text_of(clerk, place))
    one, other = [name for name, path in form.items() if path.startswith("pegawai.")][:2]
    answer = clerk.post(place, {**form, other: form[one]})
    assert answer.status_code == 422
    assert "lebih dari satu kolom" in answer.get_data(as_text=True)


def test_the_page_says_which_sheet_of_a_workbook_was_read_and_which_were_not(log_in: LogIn) -> None:
    clerk = log_in("analis")
    batch_id = made(clerk)
    book = openpyxl.Workbook()
    for sheet, name in zip((book.worksheets[0], book.create_sheet(), book.create_sheet()),
                           ("Guru <SD>", "Guru SMP", "Tenaga"), strict=True):
        sheet.title = name
        sheet.append(("NIP", "Nama"))
        sheet.append(("190001011980031001", "Sari Contoh"))
    target = io.BytesIO()
    book.save(target)
    page = text_of(clerk, upload(clerk, batch_id, target.getvalue(), "guru.xlsx"))
    assert "Hanya lembar “Guru &lt;SD&gt;” yang dibaca" in page
    assert "Guru SMP, Tenaga" in page


@pytest.mark.parametrize(("data", "name", "said"), [
    (b"", "kosong.csv", "Lembar ini kosong"),
    (b"%PDF-1.7 not a sheet", "surat.pdf", "kolom"),
    (b"PK\x03\x04 broken", "rusak.xlsx", "rusak"),
    (b"NIP;Nama\n", "judul-saja.csv", "tidak memuat baris data"),
])
def test_what_is_no_sheet_is_refused_with_a_reason(
    log_in: LogIn, data: bytes, name: str, said: str
) -> None:
    clerk = log_in("analis")
    batch_id = made(clerk)
    answer = clerk.post(f"/batches/{batch_id}/sheet", {"file": (io.BytesIO(data), name)},
                        content_type="multipart/form-data")
    if answer.status_code == 302:  # text of any kind is a table of one column: then the columns say that it is none
        page = text_of(clerk, answer.headers["Location"])
        answer = clerk.post(answer.headers["Location"], chosen(page))
    assert answer.status_code == 422
    assert said in answer.get_data(as_text=True)
    assert clerk.post(f"/batches/{batch_id}/sheet", {}).status_code == 422


def test_a_row_without_a_name_is_listed_by_its_number(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    batch_id = made(clerk)
    sheet = batches.sheet_of(world, 3).decode().replace(str(batches.rise(world, 2)["pegawai"]["nama"]), "", 1)
    place = upload(clerk, batch_id, sheet.encode())
    clerk.post(place, {**chosen(clerk.get(place).get_data(as_text=True)), "rows": "all"})
    text = text_of(clerk, f"/batches/{batch_id}")
    assert f'href="/batches/{batch_id}/rows/2/edit">Baris 2</a>' in text
    assert "…" not in re.findall(r'class="row-link"[^>]*>([^<]*)<', text)
    assert "a.n. …" not in text


def test_a_row_is_mended_in_the_form_of_its_kind(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    batch_id = filled(clerk, world, 3, faulty=(1, 3))
    place = f"/batches/{batch_id}/rows/1/edit"
    page = text_of(clerk, place)
    assert 'value="12345"' in page
    assert 'aria-invalid="true"' in page
    right = dict(form_of(batches.rise(world, 1)))
    still = clerk.post(place, {**right, **mark(world, batch_id, 1), "data.pegawai.nip": "99", "then": "next"})
    assert still.status_code == 422
    assert 'value="99"' in still.get_data(as_text=True)
    answer = clerk.post(place, {**right, **mark(world, batch_id, 1), "email": "bukan alamat", "then": "next"})
    assert answer.status_code == 422
    answer = clerk.post(place, {**right, **mark(world, batch_id, 1), "email": "contoh@contoh.example", "then": "next"})
    assert answer.headers["Location"].endswith("/rows/3/edit")
    assert batches.rows_of(world, batch_id)[0].state == "ready"
    assert batches.rows_of(world, batch_id)[0].email == "contoh@contoh.example"


def mark(world: World, batch_id: str, row_no: int) -> dict[str, str]:
    """What the form of a row sends back when it is opened now."""
    return {"seen_mark": batches.mark(world, batch_id, row_no)}


def test_two_tabs_on_one_row_do_not_overwrite_each_other(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    batch_id = filled(clerk, world, 2)
    place = f"/batches/{batch_id}/rows/1"
    seen = mark(world, batch_id, 1)
    assert seen["seen_mark"] in text_of(clerk, f"{place}/edit")
    first = {**dict(form_of(batches.rise(world, 7))), **seen, "email": "satu@contoh.example"}
    second = {**dict(form_of(batches.rise(world, 8))), **seen, "email": "dua@contoh.example"}
    assert clerk.post(f"{place}/edit", first).status_code == 302
    answer = clerk.post(f"{place}/edit", second)
    said = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "Contoh Pegawai 7" in said  # what stands there now
    assert "satu@contoh.example" in said
    assert 'value="Contoh Pegawai 8"' in said  # what was typed is not lost
    assert clerk.post(f"{place}/drop", seen).status_code == 409
    row = batches.rows_of(world, batch_id)[0]
    assert (row.label, row.email) == ("Contoh Pegawai 7", "satu@contoh.example")
    again = {**second, **mark(world, batch_id, 1)}
    assert again["seen_mark"] in said
    assert clerk.post(f"{place}/edit", again).status_code == 302
    assert batches.rows_of(world, batch_id)[0].label == "Contoh Pegawai 8"


def test_somebody_named_twice_is_found_and_can_be_dropped(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    batch_id = filled(clerk, world, 2)
    twice = {**dict(form_of(batches.rise(world, 1))), **mark(world, batch_id, 2)}
    clerk.post(f"/batches/{batch_id}/rows/2/edit", twice)
    assert "NIP ini sudah ada pada baris 1." in text_of(clerk, f"/batches/{batch_id}?state=invalid")
    clerk.get("/locale/en")
    assert "This NIP already stands in row 1." in text_of(clerk, f"/batches/{batch_id}?state=invalid")
    clerk.get("/locale/id")
    shown = mark(world, batch_id, 2)
    assert shown["seen_mark"] in text_of(clerk, f"/batches/{batch_id}")
    assert clerk.post(f"/batches/{batch_id}/rows/2/drop", shown).status_code == 302
    assert [row.state for row in batches.rows_of(world, batch_id)] == ["ready"]
    assert clerk.post(f"/batches/{batch_id}/rows/2/drop").status_code == 404


def test_faulty_rows_go_out_as_a_sheet_and_come_back_mended_beside_the_right_ones(
    log_in: LogIn, world: World
) -> None:
    clerk = log_in("analis")
    batch_id = filled(clerk, world, 4, faulty=(2,))
    book = openpyxl.load_workbook(io.BytesIO(clerk.get(f"/batches/{batch_id}/faulty.xlsx").data))
    sheet = book["Data"]
    headings = [cell.value for cell in sheet[1]]
    assert headings[0] == "Masalah"
    assert "NIP" in str(sheet.cell(2, 1).value)
    sheet.cell(2, headings.index("NIP") + 1).value = batches.rise(world, 2)["pegawai"]["nip"]
    out = io.BytesIO()
    book.save(out)
    place = upload(clerk, batch_id, out.getvalue(), "perbaikan.xlsx")
    page = text_of(clerk, place)
    assert re.search(r'name="rows" value="faulty" checked', page)
    assert clerk.post(place, {**chosen(page), "rows": "faulty"}).status_code == 302
    rows = batches.rows_of(world, batch_id)
    assert [row.state for row in rows] == ["ready"] * 4
    assert {row.subject_key for row in rows} == {batches.rise(world, n)["pegawai"]["nip"] for n in range(1, 5)}
    assert clerk.get(f"/batches/{batch_id}/faulty.xlsx").status_code == 404


def test_a_nip_that_a_program_rounded_says_so(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    batch_id = filled(clerk, world, 1, faulty=(1,))
    book = openpyxl.load_workbook(io.BytesIO(clerk.get(f"/batches/{batch_id}/faulty.xlsx").data))
    headings = [cell.value for cell in book["Data"][1]]
    cell = book["Data"].cell(2, headings.index("NIP") + 1)
    cell.value, cell.number_format = 198507132010011000, "0"
    out = io.BytesIO()
    book.save(out)
    place = upload(clerk, batch_id, out.getvalue(), "angka.xlsx")
    clerk.post(place, {**chosen(text_of(clerk, place)), "rows": "all"})
    assert "Excel telah membulatkan" in text_of(clerk, f"/batches/{batch_id}")


def test_rows_are_filtered_searched_and_turned_over(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    batch_id = filled(clerk, world, 120, faulty=(7,))
    first = text_of(clerk, f"/batches/{batch_id}")
    assert "Baris 1–50" in first
    assert "Baris 51–100" in text_of(clerk, f"/batches/{batch_id}?after=50")
    last = text_of(clerk, f"/batches/{batch_id}?after=100")
    assert "Baris 101–120" in last
    assert "before=101" in last
    assert "Baris 51–100" in text_of(clerk, f"/batches/{batch_id}?before=101")
    assert "Contoh Pegawai 8<" not in text_of(clerk, f"/batches/{batch_id}?state=invalid")
    assert "Contoh Pegawai 99" in text_of(clerk, f"/batches/{batch_id}?q=pegawai+99")
    assert "Tidak ada baris yang cocok" in text_of(clerk, f"/batches/{batch_id}?q=tidak+ada")
    assert clerk.get(f"/batches/{batch_id}?after=x&before=-3&state=apa&q=%25").status_code == 200


def test_any_row_can_be_seen_as_pdf(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    batch_id = filled(clerk, world, 2, faulty=(2,))
    assert clerk.get(f"/batches/{batch_id}/rows/1/preview.pdf").data.startswith(b"%PDF")
    assert clerk.get(f"/batches/{batch_id}/rows/2/preview.pdf").status_code == 422
    assert "preview.pdf" in text_of(clerk, f"/batches/{batch_id}/rows/1")
    assert "Perbaiki dahulu" in text_of(clerk, f"/batches/{batch_id}/rows/2")
    for number in ("3", "0", "x", "99999999999999999999"):
        assert clerk.get(f"/batches/{batch_id}/rows/{number}").status_code == 404


def test_a_large_sheet_is_checked_by_workers_while_the_page_asks_on(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    batch_id = filled(clerk, world, 301)
    page = text_of(clerk, f"/batches/{batch_id}")
    asked = re.search(r'hx-get="([^"]+)" hx-trigger="every 1s"', page)
    assert asked
    path = asked[1].replace("&amp;", "&")
    assert "0 / 301" in text_of(clerk, path)
    assert clerk.post(f"/batches/{batch_id}/submit", version(world, batch_id)).status_code == 409
    work.drain(world.deps, batch_id)
    assert clerk.get(path).headers["HX-Refresh"] == "true"
    assert "Ajukan 301 naskah" in text_of(clerk, f"/batches/{batch_id}")


def test_faulty_rows_bar_the_way_until_they_are_dropped(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    batch_id = filled(clerk, world, 3, faulty=(3,))
    answer = clerk.post(f"/batches/{batch_id}/submit", version(world, batch_id))
    assert answer.status_code == 422
    assert "Masih ada baris yang bermasalah" in answer.get_data(as_text=True)
    assert clerk.post(f"/batches/{batch_id}/drop-faulty", {"seen_version": "1"}).status_code == 409
    assert clerk.post(f"/batches/{batch_id}/drop-faulty", version(world, batch_id)).status_code == 302
    answer = clerk.post(f"/batches/{batch_id}/submit", {**version(world, batch_id), "auto_issue": "true"})
    assert answer.status_code == 302
    work.drain(world.deps, batch_id)
    page = text_of(clerk, f"/batches/{batch_id}")
    assert "Dalam paraf" in page
    assert "Tarik kembali" in page
    assert batches.batch_row(world, batch_id).auto_issue


def test_a_batch_is_discarded_with_a_reason(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    batch_id = filled(clerk, world, 1)
    assert clerk.post(f"/batches/{batch_id}/discard", version(world, batch_id)).status_code == 422
    assert clerk.post(f"/batches/{batch_id}/discard",
                      {**version(world, batch_id), "reason": "Salah lembar"}).status_code == 302
    assert "Dibatalkan" in text_of(clerk, "/batches")
    assert "Salah lembar" in text_of(clerk, f"/batches/{batch_id}")


def test_a_draft_is_its_drafters_alone_to_change(log_in: LogIn, world: World) -> None:
    batch_id = filled(log_in("analis"), world, 2, faulty=(2,))
    place = batches.rows_of(world, batch_id)
    assert len(place) == 2
    seen = version(world, batch_id)
    colleague = log_in("pengelola")
    assert "Ubah" not in text_of(colleague, f"/batches/{batch_id}")
    assert colleague.get(f"/batches/{batch_id}/rows/1/edit").status_code == 404
    for path in ("submit", "drop-faulty", "rows/1/drop", "rows/1/edit"):
        assert colleague.post(f"/batches/{batch_id}/{path}", seen).status_code == 403, path
    assert colleague.post(f"/batches/{batch_id}/sheet", {"file": (io.BytesIO(b"NIP\n1\n"), "x.csv")},
                          content_type="multipart/form-data").status_code == 403
    other = log_in("kadis")
    for path in ("", "/rows/1", "/progress", "/now", "/rows/1/preview.pdf"):
        assert other.get(f"/batches/{batch_id}{path}").status_code == 404, path


def test_without_the_token_nothing_is_made(log_in: LogIn) -> None:
    clerk = log_in("analis")
    assert clerk.client.post("/batches/new", data={"kind": "kgb", "title": "x"}).status_code == 400
    assert "Belum ada kelompok naskah" in text_of(clerk, "/batches")


def test_a_sheet_of_another_batch_is_not_found(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    one, other = made(clerk), made(clerk)
    place = upload(clerk, one, batches.sheet_of(world, 1))
    assert clerk.get(place.replace(one, other)).status_code == 404
    assert clerk.get(f"/batches/{one}/sheets/{'0' * 64}").status_code == 404


def test_english_speaks_of_batches_too(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    batch_id = filled(clerk, world, 2, faulty=(2,))
    clerk.get("/locale/en")
    page = text_of(clerk, f"/batches/{batch_id}")
    assert "1 row with problems" in page
    assert "bermasalah" not in page


def test_what_is_wrong_with_a_row_is_said_in_the_readers_language_with_its_figures(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    batch_id = filled(clerk, world, 1)
    wrong = batches.rise(world, 1)
    wrong["kenaikan"] = {**wrong.get("kenaikan", {}), "masa_kerja_tahun": 1}
    clerk.post(f"/batches/{batch_id}/rows/1/edit", {**dict(form_of(wrong)), **mark(world, batch_id, 1)})
    clerk.get("/locale/en")
    said = re.compile(r"Service on the effective date should be \d+ years \d+ months\.")
    assert said.search(text_of(clerk, f"/batches/{batch_id}"))
    assert said.search(text_of(clerk, f"/batches/{batch_id}/rows/1/edit"))
    sheet = openpyxl.load_workbook(io.BytesIO(clerk.get(f"/batches/{batch_id}/faulty.xlsx").data))["Data"]
    assert said.search(str(sheet.cell(2, 1).value))


def test_rows_that_an_earlier_release_judged_are_still_shown(log_in: LogIn, world: World) -> None:
    clerk = log_in("analis")
    batch_id = filled(clerk, world, 1, faulty=(1,))
    with world.deps.db.unit_of_work() as session:
        session.execute(update(BatchRow).values(problems=[["pegawai.nip", "Paling banyak 18 huruf, 100%."]]))
    assert "Paling banyak 18 huruf, 100%." in text_of(clerk, f"/batches/{batch_id}")


@pytest.mark.parametrize("count", [2, 40])
def test_pages_cost_the_same_however_many_rows(log_in: LogIn, world: World, count: int) -> None:
    clerk = log_in("analis")
    batch_id = batches.drafted(world, count)
    with counted(world.deps.db) as seen:
        text_of(clerk, f"/batches/{batch_id}")
    assert len(seen) <= 8
    with counted(world.deps.db) as seen:
        text_of(clerk, f"/batches/{batch_id}/rows/2/edit")
    assert len(seen) <= 8
    with counted(world.deps.db) as seen:
        text_of(clerk, "/batches")
    assert len(seen) <= 4
