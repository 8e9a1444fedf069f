"""A running service and a real headless Chromium; both end with the session."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.support.softhsm import soft_hsm

CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
                  "--disable-background-networking", "--disable-component-update"]
AXE = next((Path(__file__).parent / "vendor").glob("axe-core-*/axe.min.js"))
_START_SECONDS = 90


@dataclass
class Service:
    """The running service: its address, and where it writes."""

    url: str
    var: Path


@dataclass
class Watched:
    """A page with everything its console complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("Chromium is missing (Debian: chromium)")
    return path


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    var = tmp_path_factory.mktemp("service") / "var"
    with run_service(var, PARAF_BSRE_URL="http://127.0.0.1:9", PARAF_BSRE_USERNAME="uji",
                     PARAF_BSRE_PASSWORD="uji") as running:
        yield running


@contextmanager
def run_service(var: Path, **settings: str) -> Iterator[Service]:
    """A service that keeps its things in ``var``, with these settings besides its own, until the block ends."""
    port = _free_port()
    url = f"http://localhost:{port}"  # a passkey belongs to a host name, never to an address
    env = {key: value for key, value in os.environ.items() if not key.startswith("PARAF_")}
    env |= {"PARAF_VAR_DIR": str(var), "PARAF_BIND": f"127.0.0.1:{port}", "PARAF_BASE_URL": url,
            "PARAF_WEB_WORKERS": "1", "PARAF_RATE_LIMITS": "false"} | settings
    if shutil.which("softhsm2-util"):
        hsm = soft_hsm()
        env |= {"PARAF_PKCS11_MODULE": hsm.module, "SOFTHSM2_CONF": str(hsm.configuration())}
    log = (var.parent / "service.log").open("wb")
    process = subprocess.Popen([sys.executable, "-m", "svc.cli", "run"], env=env, stdout=log, stderr=log)
    try:
        _wait_until_healthy(url, process, var.parent / "service.log")
        yield Service(url, var)
    finally:
        process.terminate()
        process.wait(30)
        log.close()


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_FLAGS)
        yield found
        found.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1440, "height": 900}, locale="id-ID")
    yield made
    made.close()


@pytest.fixture
def watched(context: BrowserContext) -> Watched:
    page = context.new_page()
    seen = Watched(page)

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            seen.complaints.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    page.on("console", note)
    page.on("pageerror", lambda error: seen.complaints.append(f"exception: {error}"))
    return seen


@pytest.fixture(scope="session")
def artefacts() -> Path:
    folder = Path(os.environ.get("PARAF_ARTEFACTS", "artefacts")).resolve() / "screens"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.3)
    pytest.fail(f"the service did not start:\n{log.read_text()[-4000:]}")
