"""The frame and every macro in a real browser under the strict policy: clean consoles, no axe violation, keys."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from tests.browser.conftest import AXE, Watched
from tests.browser.gallery_app import PAGES, create_gallery

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
SIZES = {"desk": (1440, 900), "phone": (390, 844), "zoomed": (720, 450)}


@pytest.fixture(scope="module")
def gallery() -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_gallery(), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def page(watched: Watched) -> Iterator[Page]:
    yield watched.page
    assert watched.complaints == []


@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_clean_at_every_size(gallery: str, browser: Browser, size: str) -> None:
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, has_touch=size == "phone")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    source = AXE.read_text("utf-8")
    for path in PAGES:
        page.goto(gallery + path)
        page.wait_for_load_state("networkidle")
        page.evaluate(source)
        found = page.evaluate(
            "async () => (await axe.run()).violations.map(v => v.id + ': ' + v.nodes.map(n => n.target))"
        )
        assert (path, found) == (path, [])
        too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert (path, too_wide) == (path, 0)
    context.close()
    assert complaints == []


def test_list_and_search_by_keyboard(gallery: str, page: Page) -> None:
    page.goto(f"{gallery}/inbox")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator(".mail-row.is-current")).to_contain_text("a.n. Contoh Ketiga")
    page.keyboard.press("Control+k")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("jk")  # typing is not a shortcut
    expect(page.locator("#search-panel")).to_contain_text("Kenaikan Gaji Berkala")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#search-panel a").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#search-panel")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.locator("#keyboard-help")).to_contain_text("Mulai dari yang terlama")
    page.keyboard.press("Escape")
    expect(page.locator("#keyboard-help")).to_be_hidden()


def test_reason_dialog_takes_the_cursor_and_gives_it_back(gallery: str, page: Page) -> None:
    page.goto(f"{gallery}/decree")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("r")
    expect(page.locator("#dialog-return-reason")).to_be_focused()
    page.get_by_role("button", name="Salah ketik").click()
    expect(page.locator("#dialog-return-reason")).to_have_value("Salah ketik")
    page.keyboard.press("Escape")
    expect(page.locator("#dialog-return")).to_be_hidden()


def test_pdf_is_drawn_with_text_to_select(gallery: str, page: Page) -> None:
    page.goto(f"{gallery}/decree")
    expect(page.locator("#pdf .pdf-page[data-drawn]")).to_have_count(1)
    expect(page.locator("#pdf .pdf-text")).to_contain_text("PROVINSI NUSA MANDALA")
    before = page.locator("#pdf .pdf-page").bounding_box()
    page.get_by_role("button", name="Perbesar").click()
    page.wait_for_function(
        "width => document.querySelector('#pdf .pdf-page').getBoundingClientRect().width > width",
        arg=before["width"] if before else 0,
    )


def test_rows_are_added_moved_and_removed(gallery: str, page: Page) -> None:
    page.goto(f"{gallery}/form/keputusan")
    page.wait_for_load_state("networkidle")
    rows = page.locator('[data-field="data.menimbang"] [data-array-item]')
    first = rows.nth(0).locator("textarea").input_value()
    count = rows.count()
    page.locator('[data-field="data.menimbang"] > [data-array-add]').click()
    expect(rows).to_have_count(count + 1)
    page.keyboard.type("bahwa baru")
    expect(rows.nth(count).locator("textarea")).to_have_value("bahwa baru")
    rows.nth(0).locator("[data-array-down]").click()
    expect(rows.nth(1).locator("textarea")).to_have_value(first)
    rows.nth(2).locator("[data-array-remove]").click()
    expect(rows).to_have_count(count)
    with page.expect_response(lambda answer: answer.request.method == "POST" and "/form/" in answer.url) as sent:
        page.get_by_role("button", name="Simpan konsep").click()
    data = sent.value.json()
    assert data["menimbang"][1] == first
    assert data["menimbang"][-1] == "bahwa baru"


def test_preview_follows_typing(gallery: str, page: Page) -> None:
    page.goto(f"{gallery}/form/kgb")
    expect(page.locator("#preview .pdf-page[data-drawn]")).to_have_count(1)
    with page.expect_response(lambda answer: "/preview/" in answer.url):
        page.locator("form[data-preview] input[type=text], form[data-preview] input:not([type])").first.fill("Contoh")
    expect(page.locator("#preview .pdf-page[data-drawn]")).to_have_count(1)
