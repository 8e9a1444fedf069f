"""A Celery worker whose processes cannot begin ends and says why; its messages wait for the next one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from svc.deps import build_celery
from svc.settings import Settings
from tests.support.redis import redis_server
from tests.support.s3 import ServerMissing

ROOT = Path(__file__).parents[2]
_SCRIPT = """
import sys
from svc.deps import build_celery
from svc.settings import Settings

def begin():
    if sys.argv[1] == "broken":
        raise LookupError("no key to be had")
    return lambda batch, work: print("worked on", batch, work, flush=True)

sys.exit(build_celery(Settings.from_env()).work(begin, 2))
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    try:
        with redis_server(tmp_path) as url:
            yield url
    except ServerMissing as error:
        pytest.skip(str(error))


def start(broker: str, tmp_path: Path, how: str) -> subprocess.Popen[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PARAF_")}
    return subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, how], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=clean | {"PARAF_VAR_DIR": str(tmp_path / "var"), "PARAF_ENGINE": "celery", "PARAF_BROKER_URL": broker})


def wait_until_acknowledged(broker: str) -> None:
    """A message is acknowledged after its work; a worker that is told to end in between rightly leaves it to others."""
    with redis.Redis.from_url(broker) as client:
        for _ in range(600):
            if not client.llen("paraf.batches") and not client.hlen("unacked"):
                return
            time.sleep(0.1)
    raise AssertionError("a message whose work was done is still there")


def test_a_worker_that_cannot_begin_ends_with_the_reason_and_loses_no_message(broker: str, tmp_path: Path) -> None:
    engine = build_celery(Settings.from_env(
        {"PARAF_VAR_DIR": str(tmp_path / "var"), "PARAF_ENGINE": "celery", "PARAF_BROKER_URL": broker,
         "PARAF_BATCH_PARALLELISM": "1"}, env_file=None))
    engine.nudge("kelompok", "sign")
    broken = start(broker, tmp_path, "broken")
    said, _ = broken.communicate(timeout=90)
    assert broken.returncode == 1, said
    assert "batch worker cannot begin" in said
    assert "no key to be had" in said
    assert "does not work through batches" not in said
    sound = start(broker, tmp_path, "sound")
    assert sound.stdout is not None
    assert any("worked on kelompok sign" in line for line in sound.stdout)
    wait_until_acknowledged(broker)
    sound.terminate()
    sound.communicate(timeout=60)
    assert engine.waiting() == 0
