"""Failpoints: each has its place in the code, does what it is told when armed, and cannot be armed in production."""

from __future__ import annotations

import ast
import base64
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from svc import failpoints
from svc.settings import Settings, SettingsError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _unarmed() -> Iterator[None]:
    yield
    failpoints.arm(Settings.from_env({}, env_file=None))


def armed(failpoint: str) -> Settings:
    return Settings.from_env({"PARAF_FAILPOINT": failpoint}, env_file=None)


def reached_in_code() -> list[str]:
    """Names given to ``reach`` anywhere in the service."""
    found = []
    for path in (ROOT / "svc").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "failpoints.reach":
                assert isinstance(node.args[0], ast.Constant), path
                found.append(str(node.args[0].value))
    return found


def test_every_point_lies_in_the_code_and_every_place_is_a_known_point() -> None:
    assert set(reached_in_code()) == failpoints.POINTS


def test_unarmed_points_do_nothing() -> None:
    for name in failpoints.POINTS:
        failpoints.reach(name)


def test_a_full_disk_is_met_from_the_counted_time_on() -> None:
    failpoints.arm(armed("store.before_write:2:full"))
    failpoints.reach("store.before_write")
    for _ in range(2):
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            failpoints.reach("store.before_write")
    failpoints.reach("store.half_written")


def test_a_process_ends_without_a_word() -> None:
    script = ("from svc import failpoints; from svc.settings import Settings; failpoints.arm(Settings.from_env())\n"
              "for number in range(4): failpoints.reach('db.after_commit'); print(number, flush=True)")
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False,
                          env={"PARAF_FAILPOINT": "db.after_commit:3:kill", "PATH": os.environ["PATH"]})
    assert (done.returncode, done.stdout.split()) == (-signal.SIGKILL, ["0", "1"]), done.stderr


@pytest.mark.parametrize("text", ["nowhere:1:kill", "db.after_commit:1", "db.after_commit:0:kill",
                                  "db.after_commit:1:dance", "db.after_commit:x:kill", "db.after_commit:1:sleep=-1"])
def test_what_names_no_point_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        failpoints.arm(armed(text))


def test_production_refuses_them() -> None:
    values = {"PARAF_ENV": "production", "PARAF_SECRET_KEY": "x" * 40, "PARAF_BASE_URL": "https://paraf.example",
              "PARAF_SERVER_KEY": base64.b64encode(b"k" * 32).decode(), "PARAF_WEB_WORKERS": "1"}
    Settings.from_env(values, env_file=None)
    with pytest.raises(SettingsError, match="failpoint"):
        Settings.from_env({**values, "PARAF_FAILPOINT": "db.after_commit:1:kill"}, env_file=None)
