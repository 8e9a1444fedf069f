"""The service of ``compose.yaml`` on this machine: its processes with the commands and settings that stand there, and
real servers behind them; the test is the proxy and the people."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from svc.migrate import upgrade
from tests.support.batches import SIGNER
from tests.support.postgres import PostgresServer
from tests.support.processes import Running, Service, holds_keys, service, wait_until
from tests.support.redis import redis_server
from tests.support.s3 import ACCESS_KEY, SECRET_KEY, free_port, seaweedfs
from tests.support.web_person import WebPerson
from tests.support.world import PASSWORD, World, people

ROOT = Path(__file__).parents[2]
DOMAIN = "paraf.nusamandala.example"
BATCH_HOSTS = ("batch-worker-1", "batch-worker-2", "batch-worker-3")
_VARIABLE = re.compile(r"\$\{(\w+):\?\}")
_START_SECONDS = 120


@cache
def _services() -> Any:
    return yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]


@dataclass(frozen=True)
class Topology:
    """What runs. ``world`` are its people, who reach it by :meth:`visitor`."""

    service: Service
    world: World
    database_url: str
    address: str

    def visitor(self, username: str) -> WebPerson:
        """A person who has logged in, by way of the proxy."""
        person = WebPerson(self.address, f"https://{DOMAIN}")
        person.log_in(username, PASSWORD)
        return person

    def start(self, name: str, **settings: str) -> Running:
        """Start one of the services of compose.yaml; hosts beyond those named there are like the first of them."""
        described = _services().get(name) or _services()[BATCH_HOSTS[0]]
        program, *command = described["command"]
        assert program == "paraf"
        alive = str(self.service.folder / f"{name}.alive")
        return self.service.start(name, *command, PARAF_ALIVE_FILE=alive, **settings)


@contextmanager
def topology(folder: Path) -> Iterator[Topology]:
    """PostgreSQL, Redis, an S3 server, one web server, one worker, a signing host and three hosts for batches.

    :raises tests.support.s3.ServerMissing: one of the servers is not on this machine
    """
    with ExitStack() as servers:
        for name in ("redis", "s3"):
            (folder / name).mkdir()
        postgres = PostgresServer()
        servers.callback(postgres.stop)
        password = secrets.token_urlsafe(12)
        broker = servers.enter_context(redis_server(folder / "redis", password=password))
        store = servers.enter_context(seaweedfs(folder / "s3"))
        database_url = postgres.create_for("paraf")
        environment = _environment(folder, {
            "@postgres/": f"@{database_url.rpartition('@')[2].partition('/')[0]}/",
            "@redis:6379": f"@{broker.rpartition('@')[2].partition('/')[0]}", "minio:9000": store.endpoint,
        }, REDIS_PASSWORD=password)
        upgrade(database_url)  # the service named migrate
        with service(folder, environment) as made:
            yield from _with_people(made, database_url)


def _environment(folder: Path, places: dict[str, str], **secrets_given: str) -> dict[str, str]:
    """What compose.yaml sets for the web server, with this machine's places of the servers; and what differs here."""
    values = {
        "PARAF_DOMAIN": DOMAIN, "PARAF_SECRET_KEY": secrets.token_urlsafe(48), "PARAF_SMTP_HOST": "-",
        "PARAF_SERVER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(), "PARAF_MAIL_FROM": f"paraf@{DOMAIN}",
        "POSTGRES_PASSWORD": secrets.token_urlsafe(12), "MINIO_ROOT_USER": ACCESS_KEY,
        "MINIO_ROOT_PASSWORD": SECRET_KEY, **secrets_given}
    found = {}
    for name, text in _services()["web"]["environment"].items():
        value = _VARIABLE.sub(lambda match: values[match[1]], text)
        for there, here in places.items():
            value = value.replace(there, here)
        found[name] = value
    return found | {
        "PARAF_VAR_DIR": str(folder / "var"), "PARAF_BIND": f"127.0.0.1:{free_port()}", "PARAF_LOG_FORMAT": "json",
        "PARAF_WEB_WORKERS": "1", "PARAF_MAIL": "folder", "PARAF_SIGNATURE_LEVEL": "B-T"}


def _with_people(made: Service, database_url: str) -> Iterator[Topology]:
    deps = made.build()
    try:
        world = people(deps)
        world.give_certificates(SIGNER)
        whole = Topology(made, world, database_url, f"http://{made.settings.bind}")
        for name in ("signing-host", "web", "worker"):
            whole.start(name)
        for name in BATCH_HOSTS:
            whole.start(name, PARAF_BATCH_WORKERS="1")
        wait_until(lambda: holds_keys(deps) and _answers(whole), _START_SECONDS, made.logs)
        yield whole
    finally:
        deps.db.dispose()


def _answers(whole: Topology) -> bool:
    try:
        WebPerson(whole.address, f"https://{DOMAIN}").get("/login")
    except OSError:
        return False
    return True
