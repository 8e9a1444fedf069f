"""The main job by clicks, as its users do it: draft, three paraf, sign, scan, verify, measure."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pypdfium2
import pytest
import zxingcpp
from playwright.sync_api import Page, expect

from svc.seed.demo import demo_accounts
from tests.browser.conftest import AXE, Service, Watched

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

ACCOUNTS = {account.username: account for account in demo_accounts()}
OFFICIALS = ("kasubbid", "kabid", "sekretaris")


class Story:
    """The steps, each leaving a screenshot and demanding a page without complaints or axe violations."""

    def __init__(self, service: Service, watched: Watched, artefacts: Path) -> None:
        self.service, self.watched, self.page, self.artefacts = service, watched, watched.page, artefacts
        self.count = 0

    def look(self, name: str) -> None:
        self.page.wait_for_load_state("networkidle")
        self.count += 1
        self.page.screenshot(path=self.artefacts / f"{self.count:02d}-{name}.png", full_page=False)
        assert axe_violations(self.page) == []
        assert self.watched.complaints == []

    def log_in(self, username: str) -> None:
        account = ACCOUNTS[username]
        self.page.context.clear_cookies()
        self.page.goto(f"{self.service.url}/login")
        self.page.fill("input[name=username]", account.username)
        self.page.fill("input[name=password]", account.password)
        self.page.click("main button[type=submit], form button[type=submit]")
        expect(self.page.locator("h1")).to_be_visible()

    def click(self, name: str) -> None:
        self.page.get_by_role("button", name=name).first.click()


def axe_violations(page: Page) -> list[str]:
    """What axe-core finds (WCAG 2 A and AA), one line each."""
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("async () => (await axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a',"
                          " 'wcag21aa']})).violations.map(v => v.id + ': ' + v.nodes.map(n => n.target).join(' | '))")
    return list(found)


def test_the_main_job_by_clicks(service: Service, watched: Watched, artefacts: Path, tmp_path: Path) -> None:
    story = Story(service, watched, artefacts)
    page = story.page
    page.goto(f"{service.url}/login")
    story.look("login")

    story.log_in("analis")
    page.goto(f"{service.url}/decrees/new")
    story.look("choose-kind")
    page.goto(f"{service.url}/decrees/new/kgb?example=1")
    name = "Uji Cerita Peramban, S.E."
    page.fill("[name='data.pegawai.nama']", name)
    expect(page.locator("#preview canvas").first).to_be_visible(timeout=20_000)
    story.look("draft-with-preview")
    story.click("Ajukan")
    expect(page.locator("h1")).to_contain_text(name)
    story.look("submitted")
    decree_url = page.url

    for username in OFFICIALS:
        story.log_in(username)
        page.goto(f"{service.url}/inbox")
        if username == OFFICIALS[0]:
            story.look("inbox")
        page.get_by_role("link", name=re.compile(re.escape(name))).first.click()
        expect(page.locator("canvas").first).to_be_visible(timeout=20_000)
        if username == OFFICIALS[0]:
            story.look("paraf")
        story.click("Paraf saja")
        expect(page.get_by_text("Paraf tercatat.")).to_be_visible()

    story.log_in("kepala")
    page.goto(f"{service.url}/inbox")
    page.get_by_role("link", name=re.compile(re.escape(name))).first.click()
    page.get_by_role("link", name="Tanda tangani").first.click()
    story.look("signing-sheet")
    page.fill("input[type=password]", "salah-sama-sekali")
    story.click("Tanda tangani")
    expect(page.get_by_text(re.compile("salah", re.IGNORECASE)).first).to_be_visible()
    assert [c for c in watched.complaints if "status of 4" not in c] == []
    watched.complaints.clear()
    page.wait_for_timeout(3000)
    page.fill("input[type=password]", ACCOUNTS["kepala"].passphrase or "")
    story.click("Tanda tangani")
    page.goto(decree_url)
    expect(page.get_by_text("Ditandatangani").first).to_be_visible(timeout=20_000)
    story.look("signed")

    story.log_in("analis")
    page.goto(decree_url)
    story.click("Kirim dan terbitkan")
    expect(page.get_by_text("Terbit").first).to_be_visible()
    story.look("issued")
    signed = page.request.get(f"{decree_url}/pdf").body()
    path = tmp_path / "naskah.pdf"
    path.write_bytes(signed)

    page.context.clear_cookies()
    address = scan_qr(path)
    assert urlsplit(address).netloc == urlsplit(service.url).netloc
    page.goto(address)
    expect(page.locator("h1")).to_contain_text("Asli dan berlaku")
    story.look("public-verification")

    page.goto(f"{service.url}/verify")
    page.set_input_files("input[type=file]", path)
    page.locator("main form button[type=submit]").first.click()
    expect(page.locator("h1")).to_contain_text("Asli dan berlaku")
    story.look("verified-upload")
    path.write_bytes(signed + b"\n% added")
    page.goto(f"{service.url}/verify")
    page.set_input_files("input[type=file]", path)
    page.locator("main form button[type=submit]").first.click()
    expect(page.locator("h1")).to_contain_text("Asli dengan tambahan")
    story.look("verified-with-additions")

    story.log_in("biro")
    page.goto(f"{service.url}/metrics")
    expect(page.locator("[data-chart] svg").first).to_be_visible(timeout=20_000)
    story.look("metrics")
    page.goto(f"{service.url}/decrees?q=Uji+Cerita")
    story.look("tracking")
    page.goto(f"{service.url}/registers")
    story.look("register")


def scan_qr(path: Path) -> str:
    """Read the QR code off the rendered page, as a phone would."""
    document = pypdfium2.PdfDocument(path)
    try:
        for index in range(len(document)):
            image = document[index].render(scale=3).to_pil()
            codes = zxingcpp.read_barcodes(image)
            if codes:
                return str(codes[0].text)
    finally:
        document.close()
    raise AssertionError("no QR code on any page")
