"""What must be seen is in sight, on a desk and on a phone: refusals, whole numbers, the way to save."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from svc.seed.demo import DEMO_PASSWORD
from tests.browser.conftest import Service

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
SIZES = {"desk": (1280, 800), "phone": (390, 844)}
IN_SIGHT = """() => {
  const box = (selector) => document.querySelector(selector).getBoundingClientRect();
  return box(".topbar").bottom <= box(".act-refused").top
    && box(".act-refused").bottom <= box("[name=passphrase]").top
    && box("[name=passphrase]").bottom <= window.innerHeight;
}"""
NIP = "[name='data.pegawai.nip']"


@pytest.fixture(params=SIZES)
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, height = SIZES[request.param]
    context = browser.new_context(viewport={"width": width, "height": height}, locale="id-ID",
                                  has_touch=request.param == "phone")
    yield context.new_page()
    context.close()


def log_in(page: Page, service: Service, username: str) -> None:
    page.goto(f"{service.url}/login")
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", DEMO_PASSWORD)
    page.locator("form button[type=submit]").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def edges(page: Page, selector: str) -> tuple[float, float]:
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return box["y"], box["y"] + box["height"]


def test_a_refused_passphrase_is_told_in_sight_beside_its_field(page: Page, service: Service) -> None:
    log_in(page, service, "kepala")
    page.goto(f"{service.url}/inbox")
    page.locator("a.mail-row", has_text="Tanda tangan").first.click()
    page.get_by_role("link", name="Tanda tangani").click()
    page.fill("input[name=passphrase]", "bukan-kata-sandinya")
    page.get_by_role("button", name="Tanda tangani").click()
    expect(page.locator(".act-refused")).to_be_visible()
    expect(page.locator("input[name=passphrase]")).to_be_focused()
    page.wait_for_load_state("networkidle")
    page.wait_for_function(IN_SIGHT)  # the page comes to rest first


def test_a_nip_is_readable_whole_and_its_error_goes_once_it_is_mended(page: Page, service: Service) -> None:
    log_in(page, service, "analis")
    page.goto(f"{service.url}/decrees/new/kgb?example=1")
    good = page.input_value(NIP)
    page.fill(NIP, "19810210 200003 1 001")
    assert page.input_value(NIP) == "19810210 200003 1 001"
    assert page.locator(NIP).evaluate("field => field.scrollWidth <= field.clientWidth")
    bottom = page.evaluate("window.innerHeight") - edges(page, ".form-actions")[0]
    assert bottom < 80
    page.fill(NIP, "123")
    page.get_by_role("button", name="Ajukan").click()
    summary = page.locator("[data-error-summary]")
    expect(summary).to_contain_text("1 isian perlu diperbaiki")
    expect(page.locator(NIP)).to_have_attribute("aria-invalid", "true")
    page.fill(NIP, good)
    expect(summary).to_have_count(0, timeout=20000)
    expect(page.locator(NIP)).not_to_have_attribute("aria-invalid", "true")
    expect(page.locator(".field-error")).to_have_count(0)
