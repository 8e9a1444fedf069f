"""An administrator registers keys that lie elsewhere: in a token, from making it to its certificate, and with BSrE."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from playwright.sync_api import Page, expect

from certs.ca import SignerSubject, issue_signer_certificate
from svc.deps import build_deps, system_clock
from svc.settings import Settings
from tests.browser.conftest import Service, Watched
from tests.browser.test_story import Story
from tests.support.softhsm import PIN, soft_hsm

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
OWNER = "sekretaris"  # signs nothing in the other stories
NIK = "3173055501900001"


@pytest.fixture
def story(service: Service, watched: Watched, artefacts: Path) -> Story:
    begun = Story(service, watched, artefacts / "keys")
    begun.log_in("admin")
    return begun


def open_keys(story: Story) -> None:
    """By the way that an administrator takes."""
    page = story.page
    page.goto(f"{story.service.url}/admin/people")
    page.fill("#people-q", OWNER)
    page.keyboard.press("Enter")
    page.locator("tbody .row-link").first.click()
    page.get_by_role("link", name="Daftarkan kunci di tempat lain").click()
    expect(page.get_by_role("heading", name="Daftarkan kunci", level=1)).to_be_visible()


def choose(page: Page, host: str) -> None:
    page.get_by_role("region", name=host).get_by_role("link", name="Daftarkan di sini").click()
    expect(page.get_by_role("heading", name=host, level=1)).to_be_visible()


def certify(service: Service, csr: Path) -> Path:
    """What the certificate provider does with the request."""
    pki = build_deps(Settings.from_env({"PARAF_VAR_DIR": str(service.var)}, None)).pki
    request = x509.load_pem_x509_csr(csr.read_bytes())
    key = request.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    (name,) = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)  # a certificate in another is not taken
    issued = issue_signer_certificate(pki.issuing, SignerSubject(str(name.value), "Instansi Contoh"), key,
                                      system_clock().now())
    path = csr.with_suffix(".pem")
    path.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in (issued, *pki.chain)))
    return path


@pytest.mark.softhsm
@pytest.mark.skipif(shutil.which("softhsm2-util") is None, reason="SoftHSM2 is missing (Debian: softhsm2)")
def test_a_key_in_a_token_from_its_making_to_its_certificate(story: Story, tmp_path: Path) -> None:
    page, token = story.page, soft_hsm().make_token("peramban")
    open_keys(story)
    story.look("hosts")
    choose(page, "Modul keamanan (PKCS#11)")
    page.get_by_text("Belum ada sertifikat untuk kunci ini").click()
    story.look("token")
    page.fill("#request-token", token)
    page.fill("#request-label", "tte")
    page.fill("#request-pin", PIN)
    story.click("Buat permohonan")
    link = page.get_by_role("link", name="Unduh permohonan (CSR)")
    expect(link).to_be_visible(timeout=30_000)
    story.look("request")
    with page.expect_download() as download:
        link.click()
    assert download.value.suggested_filename == "tte.csr"
    download.value.save_as(tmp_path / "tte.csr")
    page.set_input_files("input[name=certificate]", certify(story.service, tmp_path / "tte.csr"))
    page.fill("#register-pin", PIN)
    page.get_by_role("button", name="Daftarkan", exact=True).click()
    expect(page.get_by_text("Kunci didaftarkan.")).to_be_visible(timeout=30_000)
    expect(page.get_by_text(f"{token} / tte")).to_be_visible()
    story.look("registered")


def test_a_nik_is_typed_unseen_and_not_shown_again(story: Story) -> None:
    page = story.page
    open_keys(story)
    choose(page, "BSrE")
    page.get_by_label("NIK atau alamat surel", exact=True).fill(NIK)
    page.get_by_role("button", name=re.compile("Tampilkan")).click()
    expect(page.get_by_label("NIK atau alamat surel", exact=True)).to_have_attribute("type", "text")
    story.look("nik")
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Daftarkan", exact=True).click()
    expect(page.get_by_text("Penandatangan didaftarkan.")).to_be_visible()
    story.look("registered-phone")
    assert NIK not in page.content()
