"""A passkey in a real browser: registered on the account page, touched for a signature, removed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.browser.conftest import Service, Watched
from tests.browser.test_story import ACCOUNTS, Story

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
SIGNER = "kepala"
NAME = "Ponsel uji peramban"


@pytest.fixture
def authenticator(watched: Watched) -> Iterator[CDPSession]:
    """An authenticator without a body that always finds its person present and verified."""
    session = watched.page.context.new_cdp_session(watched.page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True}})
    yield session
    session.detach()


def test_a_passkey_signs_a_decree(service: Service, watched: Watched, authenticator: CDPSession,
                                  artefacts: Path) -> None:
    story = Story(service, watched, artefacts / "passkeys")
    page = story.page
    story.log_in(SIGNER)
    page.goto(f"{service.url}/account")
    page.fill("#f-passkey-name", NAME)
    page.fill("#f-passkey-password", "bukan kata sandinya")
    story.click("Daftarkan kunci sandi")
    expect(page.locator("[data-passkey-status]")).to_have_text("Kata sandi akun salah, atau akun sedang dijeda.")
    (refused,) = watched.complaints  # browsers complain of every refused request by themselves
    assert "422" in refused
    watched.complaints.clear()
    page.fill("#f-passkey-password", ACCOUNTS[SIGNER].password)
    story.click("Daftarkan kunci sandi")
    expect(page.get_by_text("Kunci sandi (passkey) terdaftar.")).to_be_visible(timeout=20_000)
    expect(page.locator("#passkeys li")).to_contain_text(NAME)
    story.look("registered")
    try:
        sign_with_passkey(story, page)
    finally:
        remove_passkey(service, page)


def sign_with_passkey(story: Story, page: Page) -> None:
    page.goto(f"{story.service.url}/inbox")
    sheet = page.locator("a[href*='/tasks/']").first
    sheet.click()
    page.get_by_role("link", name="Tanda tangani").first.click()
    expect(page.get_by_role("button", name="Pakai kunci sandi (passkey)")).to_be_visible()
    story.look("sheet")
    page.fill("input[type=password]", ACCOUNTS[SIGNER].passphrase or "")
    story.click("Pakai kunci sandi (passkey)")
    expect(page.get_by_text(re.compile("sudah ditandatangani"))).to_be_visible(timeout=30_000)
    story.look("signed")


def remove_passkey(service: Service, page: Page) -> None:
    """Others sign in this service after us without one."""
    page.goto(f"{service.url}/account")
    page.get_by_role("button", name="Hapus…").click()
    page.get_by_label("Kata sandi akun").last.fill(ACCOUNTS[SIGNER].password)
    page.get_by_role("button", name="Hapus kunci sandi").click()
    expect(page.get_by_text("Kunci sandi (passkey) dihapus.")).to_be_visible()
    expect(page.get_by_text(NAME)).to_have_count(0)
