"""A batch by clicks: sheet, columns, a row mended, paraf, one act, progress; on a wide screen and on a phone."""

from __future__ import annotations

import io
import re
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Service, Watched
from tests.browser.test_story import ACCOUNTS, OFFICIALS, Story, axe_violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
ROWS = 12
TITLE = "KGB contoh Desember"


def sheet_from(template: bytes, folder: Path) -> Path:
    """The template as downloaded, filled in by the example of its own guide; one NIP is wrong."""
    book = openpyxl.load_workbook(io.BytesIO(template))
    data, guide = book["Data"], book["Petunjuk"]
    head = next(row[0].row for row in guide.iter_rows() if row[0].value == "Kolom")
    examples = {str(row[0].value): row[4].value for row in guide.iter_rows(min_row=head + 1) if row[0].value}
    headings = [str(cell.value) for cell in data[1]]
    for number in range(1, ROWS + 1):
        for place, heading in enumerate(headings, start=1):
            data.cell(number + 1, place).value = examples.get(heading)
        nip = "12345" if number == 3 else f"1900010119{80 + number:02d}01 1{number:03d}".replace(" ", "")
        data.cell(number + 1, headings.index("NIP") + 1).value = nip
        name = next(place for place, heading in enumerate(headings, start=1) if heading.startswith("Nama"))
        data.cell(number + 1, name).value = f"Contoh Peramban {number}"
        data.cell(number + 1, len(headings)).value = None
    path = folder / "kgb.xlsx"
    book.save(path)
    return path


def on_phone(page: Page, artefacts: Path, name: str) -> None:
    """The same page at 390 pixels: nothing sticks out, nothing to complain about."""
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_load_state("networkidle")
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.screenshot(path=artefacts / f"batch-phone-{name}.png", full_page=True)
    found = axe_violations(page)
    page.set_viewport_size({"width": 1440, "height": 900})
    assert wide <= 390, name
    assert found == [], name


def test_a_batch_by_clicks(service: Service, watched: Watched, artefacts: Path, tmp_path: Path) -> None:
    story = Story(service, watched, artefacts)
    story.count = 60
    page = story.page
    story.log_in("analis")
    page.goto(f"{service.url}/batches")
    story.look("batches-empty")
    page.keyboard.press("c")
    page.get_by_label("Kenaikan Gaji Berkala").check()
    page.fill("input[name=title]", TITLE)
    story.look("batch-new")
    story.click("Buat dan lanjut")
    expect(page.get_by_text("belum ada baris")).to_be_visible()
    story.look("batch-upload")
    on_phone(page, artefacts, "upload")
    template = page.request.get(f"{service.url}/batches/template/kgb.xlsx").body()
    page.set_input_files("input[type=file]", sheet_from(template, tmp_path))
    page.locator("main form button[type=submit]", has_text="Unggah").click()
    expect(page.locator("h1")).to_have_text("Kolom mana berisi apa?")
    story.look("batch-columns")
    on_phone(page, artefacts, "columns")
    story.click(f"Masukkan {ROWS} baris")
    expect(page.get_by_text("1 baris bermasalah", exact=True)).to_be_visible()
    batch_url = page.url
    story.look("batch-rows")
    on_phone(page, artefacts, "rows")
    page.get_by_role("link", name="Contoh Peramban 3").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    story.look("batch-mend-a-row")
    page.fill("[name='data.pegawai.nip']", "190001011983011003")
    expect(page.locator("#preview canvas").first).to_be_visible(timeout=20_000)
    page.locator("main button", has_text="Simpan").first.click()
    expect(page.get_by_text("Baris 3 sudah benar.")).to_be_visible()
    page.goto(f"{batch_url}/rows/4")
    expect(page.locator("canvas").first).to_be_visible(timeout=20_000)
    story.look("batch-row-as-pdf")
    page.goto(batch_url)
    page.keyboard.press("a")
    expect(page.get_by_role("dialog")).to_be_visible()
    story.look("batch-submit")
    page.get_by_role("dialog").get_by_role("button", name=f"Ajukan {ROWS} naskah").click()
    expect(page.get_by_text("Dalam paraf").first).to_be_visible(timeout=30_000)
    story.look("batch-in-review")

    for username in OFFICIALS:
        story.log_in(username)
        page.goto(f"{service.url}/inbox")
        if username == OFFICIALS[0]:
            story.look("inbox-with-a-batch")
            on_phone(page, artefacts, "inbox")
        page.get_by_role("link", name=re.compile(TITLE)).first.click()
        if username == OFFICIALS[0]:
            page.get_by_label("Pilih baris 5: Contoh Peramban 5").check()
            page.keyboard.press("x")
            page.fill("#exclude-reason", "Belum memenuhi masa kerja")
            expect(page.get_by_text("1 baris dicentang")).to_be_visible()
            story.look("batch-take-out")
            page.get_by_role("dialog").get_by_role("button", name="Keluarkan", exact=True).click()
            expect(page.get_by_text("Dikeluarkan").first).to_be_visible(timeout=30_000)
            expect(page.get_by_role("button", name="Paraf 11 naskah…")).to_be_visible(timeout=30_000)
            story.look("batch-paraf")
            on_phone(page, artefacts, "paraf")
        page.get_by_role("button", name="Paraf 11 naskah…").click()
        page.get_by_role("dialog").get_by_role("button", name="Paraf 11 naskah").click()
        expect(page.get_by_role("button", name="Paraf 11 naskah…")).to_have_count(0)
        expect(page.locator("#batch-now")).to_have_count(0, timeout=60_000)

    story.log_in("kepala")
    page.goto(f"{service.url}/inbox")
    page.get_by_role("link", name=re.compile(TITLE)).first.click()
    page.get_by_role("link", name="Tanda tangani kelompok").click()
    expect(page.locator("canvas").first).to_be_visible(timeout=30_000)
    story.look("batch-sign")
    on_phone(page, artefacts, "sign")
    page.fill("input[type=password]", "salah-sama-sekali")
    story.click("Tanda tangani 11 naskah")
    expect(page.get_by_text("Belum ditandatangani")).to_be_visible()
    assert [one for one in watched.complaints if "status of 4" not in one] == []
    watched.complaints.clear()
    page.wait_for_timeout(3000)
    page.fill("input[type=password]", ACCOUNTS["kepala"].passphrase or "")
    story.click("Tanda tangani 11 naskah")
    expect(page.get_by_text("Otorisasi diterima untuk 11 naskah.")).to_be_visible()
    page.screenshot(path=artefacts / "batch-progress.png")
    expect(page.locator("h1")).to_have_text("11 dari 11 naskah ditandatangani", timeout=60_000)
    story.look("batch-finished")
    on_phone(page, artefacts, "finished")
    page.goto(batch_url)
    story.look("batch-page-at-the-end")
    page.get_by_role("link", name=re.compile("^800")).first.click()
    expect(page.get_by_text("Bagian dari kelompok")).to_be_visible()
    story.look("batch-decree")
    page.goto(f"{service.url}/batches")
    story.look("batches")
