"""``paraf run`` itself, with the supervisor and the children that it starts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from svc.settings import Settings

_START_SECONDS = 90


class WholeService:
    """A running service; the environment says what its settings say."""

    def __init__(self, settings: Settings, log: Path) -> None:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PARAF_")}
        env = {f"PARAF_{name.upper()}": str(value) for name, value in settings.model_dump(
            include={"var_dir", "bind", "base_url", "web_workers", "signature_level", "cage_workers"}).items()}
        self._url = settings.base_url
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "svc.cli", "run"], stdout=out, stderr=out, start_new_session=True,
                env={**clean, **env, "PARAF_BATCH_WORKERS": "2", "PARAF_RATE_LIMITS": "false"})

    def wait_until_healthy(self) -> bool:
        """Whether it came up in time."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                urllib.request.urlopen(f"{self._url}/health", timeout=5).close()
                return True
            time.sleep(0.2)
        return False

    def children(self) -> dict[str, int]:
        """Processes that the supervisor started just now, by their command."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, IndexError, ValueError):
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == self._process.pid:
                    found[f"{(folder / 'cmdline').read_text().split(chr(0))[-2]} {folder.name}"] = int(folder.name)
        return found

    def kill(self, pid: int) -> None:
        """SIGKILL one of them, with what it started itself."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)

    def end(self, *, gently: bool) -> None:
        """Stop the supervisor, which stops the others; or all of them at once."""
        if gently:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(40)
        children = self.children()
        self._process.kill()
        self._process.wait()
        for pid in children.values():
            self.kill(pid)
