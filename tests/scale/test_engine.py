"""The engine of many hosts: a real Redis and real Celery workers, as ``paraf batch-worker`` starts them."""

from __future__ import annotations

import base64
import contextlib
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from svc.adapters.embedded_engine import EmbeddedEngine
from svc.deps import Deps
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services.batches import drafting, review, signing, work
from svc.services.batches.forgotten import nudge_forgotten
from svc.services.signing_keys import StepUp
from svc.settings import Settings, SettingsError
from tests.support import batches as b
from tests.support.clock import FrozenClock
from tests.support.processes import Service, holds_keys, service, wait_until
from tests.support.redis import redis_server
from tests.support.s3 import ServerMissing
from tests.support.world import World, people

pytestmark = pytest.mark.redis


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "redis"
    folder.mkdir()
    try:
        with redis_server(folder) as url:
            yield url
    except ServerMissing as error:
        pytest.skip(str(error))


def environment(tmp_path: Path, keys: Path, database_url: str, broker: str, **settings: str) -> dict[str, str]:
    var = tmp_path / "var"
    if not var.exists():
        shutil.copytree(keys, var / "keys", copy_function=shutil.copy2)
    return {"PARAF_VAR_DIR": str(var), "PARAF_DATABASE_URL": database_url, "PARAF_ENGINE": "celery",
            "PARAF_BROKER_URL": broker, "PARAF_BATCH_WORKERS": "2", "PARAF_BATCH_PARALLELISM": "2",
            "PARAF_SIGNATURE_LEVEL": "B-B", "PARAF_LOG_FORMAT": "json"} | settings


@pytest.fixture
def cluster(tmp_path: Path, keys_template: Path, database_url: str, broker: str) -> Iterator[Service]:
    """A service whose processes are to be started; its keys are a year old in no test."""
    with service(tmp_path, environment(tmp_path, keys_template, database_url, broker)) as made:
        yield made


@pytest.fixture
def office(cluster: Service) -> Iterator[World]:
    deps = cluster.build()
    yield people(deps)
    deps.db.dispose()


def wait_for_work(world: World, batch_id: str, cluster: Service, seconds: float = 60) -> None:
    wait_until(lambda: b.batch_row(world, batch_id).work == "", seconds,
               lambda: f"{b.batch_row(world, batch_id).work} is not done\n{cluster.logs()}")


def draft(world: World, count: int, title: str = "KGB contoh") -> str:
    batch_id = drafting.create(world.deps, world.actor(b.CLERK), "kgb", title)
    drafting.put_rows(world.deps, world.actor(b.CLERK), batch_id, 1, b.rises(world, count))
    return batch_id


def carry(world: World, batch_id: str, cluster: Service) -> None:
    """From the checked sheet to the issued decrees, as people do it; workers do the rest."""
    deps = world.deps
    wait_for_work(world, batch_id, cluster)
    drafting.submit(deps, world.actor(b.CLERK), batch_id, b.batch_row(world, batch_id).lock_version)
    for username in b.PARAFS:
        wait_for_work(world, batch_id, cluster)
        review.approve(deps, world.actor(username), batch_id, b.batch_row(world, batch_id).lock_version)
    wait_for_work(world, batch_id, cluster)
    assert {(row.failed_work, row.error_code) for row in b.rows_of(world, batch_id)} == {(None, None)}
    world.give_certificates(b.SIGNER)
    signer = world.actor(b.SIGNER)
    shown = signing.prepare(deps, signer, batch_id)
    signing.authorise(deps, signer, batch_id, shown.lock_version, shown.list_sha256, StepUp(DEMO_PASSPHRASE))
    wait_for_work(world, batch_id, cluster)


class Listener:
    """All that any process says to the broker, and all that it is answered from there."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._heard = bytearray()
        self._line = socket.create_connection((place.hostname or "", place.port or 0))
        self._line.sendall(b"MONITOR\r\n")
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError), self._line:  # until the server is stopped
            while data := self._line.recv(65536):
                self._heard += data

    def stop(self) -> str:
        """All that was heard."""
        self._line.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        return self._heard.decode("utf-8", "replace")


def test_a_batch_is_issued_and_no_secret_passes_through_the_broker(
        office: World, cluster: Service, broker: str, tmp_path: Path) -> None:
    listener = Listener(broker)
    cluster.start("host", "signing-host")
    workers = cluster.start("batch", "batch-worker", PARAF_ALIVE_FILE=str(tmp_path / "alive"))
    wait_until(lambda: holds_keys(office.deps), 60, cluster.logs)
    batch_id = draft(office, 60)
    carry(office, batch_id, cluster)

    assert {one.status for one in b.decrees_of(office, batch_id)} == {"issued"}
    wait_until((tmp_path / "alive").exists, 20, cluster.logs)
    assert workers.stop() == 0
    said = listener.stop()
    assert batch_id in said
    for secret in secrets_of(office.deps):
        assert secret not in said


def secrets_of(deps: Deps) -> list[str]:
    """What opens keys, and the keys themselves, as text and in the forms in which bytes become text."""
    kept = [path.read_bytes() for path in (deps.settings.var_dir / "keys").rglob("*") if path.is_file()]
    parts = [data[at:at + 24] for data in kept for at in range(0, max(1, len(data) - 24), 600)]
    forms = [form for part in parts for form in (part.hex(), base64.b64encode(part).decode().rstrip("="))]
    return [DEMO_PASSPHRASE, "PRIVATE KEY", *(form for form in forms if len(form) >= 16)]


def test_a_small_batch_does_not_wait_for_a_big_one(office: World, cluster: Service) -> None:
    big, small = draft(office, 8000, "besar"), draft(office, 40, "kecil")
    for batch_id in (big, small):  # both wait before anybody works, the big one first
        work.drain(office.deps, batch_id)
        drafting.submit(office.deps, office.actor(b.CLERK), batch_id, b.batch_row(office, batch_id).lock_version)
    cluster.start("batch", "batch-worker", PARAF_BATCH_WORKERS="1")
    for batch_id in (small, big):
        wait_for_work(office, batch_id, cluster)
    last_made = {batch_id: max(one.created_at for one in b.decrees_of(office, batch_id)) for batch_id in (big, small)}
    assert last_made[small] < last_made[big]


def test_a_broker_that_is_away_costs_time_and_no_batch(office: World, cluster: Service, broker: str) -> None:
    """Nobody who submits waits for it, and when it is back what was missed is found."""
    client = redis.Redis.from_url(broker)
    cluster.start("batch", "batch-worker")
    first = draft(office, 5)
    wait_for_work(office, first, cluster)  # the workers are there

    client.flushall()  # as if started anew, without its memory: also of which queues there are
    second = draft(office, 5)
    wait_for_work(office, second, cluster)

    port = urlsplit(broker).port or 0
    client.shutdown(nosave=True)
    began = time.monotonic()
    third = draft(office, 5)
    assert time.monotonic() - began < 5
    assert b.batch_row(office, third).work == "check"
    with redis_server(cluster.folder / "redis", port):
        cluster.start("worker", "worker")  # sweeps
        wait_for_work(office, third, cluster)


def test_batches_that_workers_are_at_are_not_swept(deps: Deps, world: World, clock: FrozenClock) -> None:
    told: list[str] = []

    class Told(EmbeddedEngine):
        def nudge(self, batch_id: str, work: str) -> None:
            told.append(batch_id)

    batch_id = draft(world, 3)
    swept = replace(deps, engine=Told())
    assert nudge_forgotten(swept) == 0
    clock.advance(seconds=11)
    assert nudge_forgotten(swept) == 1
    assert told == [batch_id]
    work.drain(deps, batch_id)
    clock.advance(seconds=11)
    assert nudge_forgotten(swept) == 0


@pytest.mark.parametrize(("environment", "said"), [
    ({"PARAF_ENGINE": "celery"}, "broker_url"),
    ({"PARAF_ENGINE": "celery", "PARAF_BROKER_URL": "file:///tmp/broker"}, "BROKER_URL"),
    ({"PARAF_ENGINE": "crewed"}, "ENGINE"),
])
def test_an_engine_that_cannot_be_is_refused_at_the_start(environment: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings.from_env(environment, env_file=None)


def test_missing_packages_are_named(tmp_path: Path) -> None:
    """As on a machine where ``paraf`` was installed without them."""
    settings = ("Settings.from_env({'PARAF_ENGINE': 'celery', 'PARAF_BROKER_URL': 'redis://127.0.0.1/0'}, "
                "env_file=None)")
    said = subprocess.run(
        [sys.executable, "-c", "import sys; sys.modules['celery'] = None\n"
         "from svc.deps import build_engine\nfrom svc.settings import Settings\n"
         f"build_engine({settings})"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "SettingsError" in said.stderr
    assert "paraf[scale]" in said.stderr
