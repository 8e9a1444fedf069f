"""``paraf run`` keeps its children: what an operator sees when one of them dies."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.signing_hosts import free_port

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")


@dataclass(frozen=True)
class Service:
    """A running service; ``log`` is where it writes."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def health(self) -> tuple[int, dict[str, str]]:
        """Status, and what each part says; 0 while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=10) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
            error.close()
        except OSError:
            return 0, {}
        return status, {name: part["detail"] for name, part in json.loads(text).items()}

    def children(self) -> dict[str, int]:
        """Process ids by subcommand."""
        parent = self.process.pid
        listed = Path(f"/proc/{parent}/task/{parent}/children").read_text("ascii")
        commands = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in listed.split()}
        return {words[3].decode(): pid for pid, words in commands.items() if len(words) > 3 and words[2] == b"svc.cli"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    port = free_port()
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PARAF_")}
    env = clean | {
        "PARAF_VAR_DIR": str(tmp_path / "var"), "PARAF_ENV": "production", "PARAF_BASE_URL": "https://paraf.example",
        "PARAF_SECRET_KEY": "k" * 32, "PARAF_SERVER_KEY": base64.b64encode(bytes(32)).decode(),
        "PARAF_WEB_WORKERS": "1", "PARAF_BIND": f"127.0.0.1:{port}"}
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-m", "svc.cli", "run"], env=env, stdout=file, stderr=file)
    yield Service(process, port, log)
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def wait_until(what: Callable[[], bool], service: Service, seconds: float = 80) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert service.process.poll() is None, service.log.read_text("utf-8")
        assert time.monotonic() < deadline, service.log.read_text("utf-8")
        time.sleep(0.1)


def test_a_signing_host_that_dies_shows_and_comes_back(service: Service) -> None:
    wait_until(lambda: service.health()[0] == 200, service)
    children = service.children()
    assert set(children) == {"web", "worker", "batch-worker", "signing-host"}
    os.kill(children["signing-host"], signal.SIGKILL)
    wait_until(lambda: service.health()[1].get("signing_host") == "it does not answer", service)
    wait_until(lambda: service.health()[1].get("signing_host") == "answers", service)
    assert service.children()["signing-host"] != children["signing-host"]
    now = service.children()
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(60) == 0
    assert [name for name, pid in now.items() if Path(f"/proc/{pid}").exists()] == []
