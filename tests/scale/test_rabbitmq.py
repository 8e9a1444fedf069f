"""The engine of many hosts on RabbitMQ: a real server and real Celery workers."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from svc.ports import EngineDown
from tests.scale.test_engine import carry, draft, environment, wait_for_work
from tests.support import batches as b
from tests.support.processes import Service, holds_keys, service, wait_until
from tests.support.rabbitmq import rabbitmq_server
from tests.support.s3 import ServerMissing
from tests.support.world import World, people

pytestmark = pytest.mark.rabbitmq


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "rabbitmq"
    made.mkdir()
    return made


@pytest.fixture
def server() -> Iterator[contextlib.ExitStack]:
    """What stops the broker when it is closed."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def broker(server: contextlib.ExitStack, folder: Path) -> str:
    try:
        return server.enter_context(rabbitmq_server(folder))
    except ServerMissing as error:
        pytest.skip(str(error))


@pytest.fixture
def cluster(tmp_path: Path, keys_template: Path, database_url: str, broker: str) -> Iterator[Service]:
    with service(tmp_path, environment(tmp_path, keys_template, database_url, broker)) as made:
        yield made


@pytest.fixture
def office(cluster: Service) -> Iterator[World]:
    deps = cluster.build()
    yield people(deps)
    deps.db.dispose()


def test_a_batch_is_issued_though_a_host_of_workers_is_killed(office: World, cluster: Service) -> None:
    cluster.start("host", "signing-host")
    doomed = cluster.start("doomed", "batch-worker")
    cluster.start("other", "batch-worker")
    cluster.start("worker", "worker")
    wait_until(lambda: holds_keys(office.deps), 60, cluster.logs)
    batch_id = draft(office, 200)
    wait_until(lambda: b.batch_row(office, batch_id).work == "", 60, cluster.logs)
    further = draft(office, 400, "disela")
    doomed.kill()  # with messages that it has not acknowledged
    wait_for_work(office, further, cluster)
    carry(office, batch_id, cluster)
    assert {one.status for one in b.decrees_of(office, batch_id)} == {"issued"}
    assert office.deps.engine.waiting() == 0


def test_what_was_asked_while_the_broker_was_away_is_done_when_it_is_back(
        office: World, cluster: Service, server: contextlib.ExitStack, broker: str, folder: Path) -> None:
    """Nobody who submits waits for it, and it may come back without its memory."""
    cluster.start("batch", "batch-worker")
    first = draft(office, 5)
    wait_for_work(office, first, cluster)  # the workers are there

    server.close()
    shutil.rmtree(folder / "mnesia")
    began = time.monotonic()
    second = draft(office, 5)
    assert time.monotonic() - began < 5
    assert b.batch_row(office, second).work == "check"
    with pytest.raises(EngineDown):
        office.deps.engine.waiting()
    with rabbitmq_server(folder, urlsplit(broker).port or 0):
        cluster.start("worker", "worker")  # sweeps
        wait_for_work(office, second, cluster)
