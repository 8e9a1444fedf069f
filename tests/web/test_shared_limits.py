"""Limits hold over all web server processes: two real ones and a real Redis."""

from __future__ import annotations

import contextlib
import http.cookiejar
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from svc.settings import Settings
from tests.support.redis import redis_server
from tests.support.s3 import ServerMissing, free_port
from tests.support.world import World

ATTEMPTS = 4
SERVE = """
from svc.server import WebServer
from svc.settings import Settings
WebServer(Settings.from_env(env_file=None)).run()
"""
_START_SECONDS = 60


@contextlib.contextmanager
def web_process(settings: Settings, limits_in: str, log: Path, more: Mapping[str, str] | None = None) -> Iterator[str]:
    """A web server of its own on a free port; yields its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PARAF_")} | {
        "PARAF_VAR_DIR": str(settings.var_dir), "PARAF_DATABASE_URL": settings.effective_database_url,
        "PARAF_BIND": f"127.0.0.1:{port}", "PARAF_WEB_WORKERS": "1", "PARAF_RATE_LIMIT_STORAGE": limits_in,
        "PARAF_LOGIN_ATTEMPTS": str(ATTEMPTS), **(more or {})}
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-c", SERVE], env=environment, stdout=out, stderr=out)
        try:
            deadline = time.monotonic() + _START_SECONDS
            while True:
                try:
                    urllib.request.urlopen(f"{address}/login", timeout=5).close()
                    break
                except OSError as error:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError(f"the web server did not start:\n{log.read_text()[-2000:]}") from error
                    time.sleep(0.2)
            yield address
        finally:
            process.terminate()
            process.wait(30)


def guess(address: str, username: str) -> int:
    """Try a wrong password as a browser would; returns the status of the answer."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    with browser.open(f"{address}/login", timeout=10) as page:
        found = re.search(r'name="csrf-token" content="([^"]+)"', page.read().decode())
    assert found
    form = urllib.parse.urlencode({"csrf_token": found.group(1), "username": username, "password": "tebakan-salah"})
    try:
        with browser.open(f"{address}/login", form.encode(), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


@pytest.mark.redis
def test_guessing_at_one_process_after_the_other_is_counted_together(world: World, tmp_path: Path) -> None:
    try:
        with (redis_server(tmp_path) as url,
              web_process(world.deps.settings, url, tmp_path / "one.log") as one,
              web_process(world.deps.settings, url, tmp_path / "two.log") as two):
            answers = [guess(address, "analis") for address in (one, two) * (ATTEMPTS // 2)]
            assert answers == [401] * ATTEMPTS
            assert [guess(address, "analis") for address in (one, two)] == [429, 429]
            assert guess(two, "kabid") == 401  # nobody else is shut out
    except ServerMissing as missing:
        pytest.skip(f"missing: {missing}")
