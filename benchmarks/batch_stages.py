"""What a document of a batch costs in each stage of the real service: database, files and fsync included.

    python -m benchmarks.batch_stages [--docs 1000] [--batches 1] [--level B-B] [--database URL] [--json]

A sheet of pay rises, every row about somebody else, goes through the services as an office would have it: checked,
made into decrees, initialled three times, numbered, laid out and frozen, signed under one authorisation, issued. One
process does all of it, the signing host included, so that the figures are those of one core:

``cpu_ms``   milliseconds of processor a document takes in a stage; ``wall_ms`` the same by the clock
``per_core`` documents a second that a core with nothing else to do issues: 1000 / (freeze + sign)
``rss_mb``   this process's largest memory after each stage

With ``--batches 10 --docs 10000`` one process carries 100,000 documents, batch after batch, and ``growth`` says for
each how much was in the database before it, what a document cost to freeze and sign, the same as a multiple of one raw
RSA signature made beside it (which a busy or slow machine changes as much), and the memory then. The figures of the
stages are those of the last batch.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from svc.actors import Actor
from svc.deps import Deps, build_deps, with_own_signing_host
from svc.migrate import upgrade
from svc.seed.organisation import build_demo_organisation
from svc.seed.walk import DEMO_PASSPHRASE, actor_of
from svc.services import credentials
from svc.services.batches import drafting, page, review, signing, work
from svc.services.batches.drafting import NewRow
from svc.services.passwords import hash_password
from svc.services.signing_keys import StepUp
from svc.settings import Settings

CLERK, SIGNER = "analis", "kepala"
OFFICIALS = ("kasubbid", "kabid", "sekretaris")
_PEOPLE_A_MONTH = 999
_RAW_SIGNATURES = 400


@dataclass(frozen=True)
class Batch:
    """One of several batches of the same process; see the module's text."""

    before: int
    cpu_ms: float
    in_raw_signatures: float
    rss_mb: float


@dataclass
class Stages:
    """See the module's text."""

    docs: int
    level: str
    database: str
    cpu_ms: dict[str, float] = field(default_factory=dict)
    wall_ms: dict[str, float] = field(default_factory=dict)
    rss_mb: dict[str, float] = field(default_factory=dict)
    growth: list[Batch] = field(default_factory=list)
    per_core: float = 0.0
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--docs", type=int, default=1000)
    parser.add_argument("--batches", type=int, default=1, help="so many of --docs each, in one process")
    parser.add_argument("--level", default="B-B", choices=("B-B", "B-T"))
    parser.add_argument("--database", default="", help="SQLAlchemy URL of an empty database; default: SQLite")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), chosen.docs, chosen.level, chosen.database, chosen.batches)
    if chosen.json:
        print(json.dumps(asdict(result), indent=2))
        return
    for stage, cpu in result.cpu_ms.items():
        print(f"{stage:10} {cpu:7.2f} ms cpu {result.wall_ms[stage]:7.2f} ms {result.rss_mb[stage]:6.0f} MB")
    for one in result.growth:
        print(f"{one.before:7} before: {one.cpu_ms:6.2f} ms a document, {one.in_raw_signatures:5.1f} raw signatures, "
              f"{one.rss_mb:.0f} MB")
    print(f"{result.per_core:.0f} documents a second and core, {result.database}, {result.level}")


def measure(folder: Path, docs: int, level: str, database: str, batches: int = 1) -> Stages:
    """Carry batches from the sheet to the last issued decree."""
    env = {"PARAF_VAR_DIR": str(folder), "PARAF_SIGNATURE_LEVEL": level, "PARAF_DATABASE_URL": database}
    settings = Settings.from_env({name: value for name, value in env.items() if value}, env_file=None)
    upgrade(settings.effective_database_url)
    deps = with_own_signing_host(build_deps(settings))
    result = Stages(docs, level, settings.effective_database_url.split(":", 1)[0])
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    try:
        found_office(deps)
        for number in range(batches):
            slow = _raw_ms(key)
            _carry(deps, number * docs, docs, result)
            cpu = result.cpu_ms["freeze"] + result.cpu_ms["sign"]
            raw = (slow + _raw_ms(key)) / 2
            result.growth.append(Batch(number * docs, round(cpu, 2), round(cpu / raw, 2), result.rss_mb["sign"]))
            print(json.dumps(asdict(result.growth[-1])), file=sys.stderr, flush=True)
    finally:
        deps.db.dispose()
    result.per_core = 1000 / (result.cpu_ms["freeze"] + result.cpu_ms["sign"])
    return result


def _raw_ms(key: rsa.RSAPrivateKey) -> float:
    """Milliseconds of processor for one raw signature, now."""
    cpu = time.process_time()
    for number in range(_RAW_SIGNATURES):
        key.sign(number.to_bytes(32, "big"), PKCS1v15(), SHA256())
    return (time.process_time() - cpu) * 1000 / _RAW_SIGNATURES


def found_office(deps: Deps) -> None:
    """An office with a key for its head."""
    with deps.db.unit_of_work() as session:
        build_demo_organisation(session, deps.clock.now(), lambda _name: hash_password("tolok-ukur-2026"))
    signer = actor_of(deps, SIGNER)
    credentials.issue(deps, signer, signer.person_public_id, DEMO_PASSPHRASE)


def _carry(deps: Deps, before: int, docs: int, result: Stages) -> None:
    clerk, signer = actor_of(deps, CLERK), actor_of(deps, SIGNER)
    batch_id = drafting.create(deps, clerk, "kgb", "Tolok ukur")
    rows = [NewRow(number + 1, make_rise(deps, before + number)) for number in range(1, docs + 1)]

    def stage(name: str, act: Callable[[], object]) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        act()
        work.drain(deps, batch_id)
        result.cpu_ms[name] = round((time.process_time() - cpu) * 1000 / docs, 3)
        result.wall_ms[name] = round((time.perf_counter() - wall) * 1000 / docs, 3)
        result.rss_mb[name] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)

    stage("check", lambda: drafting.put_rows(deps, clerk, batch_id, version_of(deps, clerk, batch_id), rows))
    stage("prepare", lambda: drafting.submit(deps, clerk, batch_id, version_of(deps, clerk, batch_id)))
    for name, username in zip(("paraf 1", "paraf 2", "freeze"), OFFICIALS, strict=True):
        official = actor_of(deps, username)
        stage(name, lambda who=official: review.approve(deps, who, batch_id, version_of(deps, who, batch_id)))  # type: ignore[misc]
    stage("sign", lambda: sign_all(deps, signer, batch_id))
    done = page.load_batch(deps, clerk, batch_id)
    if (done.status, done.signed) != ("finished", docs):
        raise RuntimeError(f"the batch did not end: {done.status}, {done.signed} signed, {done.stop_code}")


def sign_all(deps: Deps, signer: Actor, batch_id: str) -> None:
    """As the signer does: what is left when his authorisation is over has another one."""
    while True:
        shown = signing.prepare(deps, signer, batch_id)
        signing.authorise(deps, signer, batch_id, shown.lock_version, shown.list_sha256, StepUp(DEMO_PASSPHRASE))
        work.drain(deps, batch_id)
        if page.load_batch(deps, signer, batch_id).stop_code != "authorisation_over":
            return


def version_of(deps: Deps, actor: Actor, batch_id: str) -> int:
    return page.load_batch(deps, actor, batch_id).lock_version


def make_rise(deps: Deps, number: int) -> dict[str, Any]:
    """Data of a pay rise of somebody who does not exist."""
    data: dict[str, Any] = deepcopy(dict(deps.kinds.get("kgb").example))
    months, person = divmod(number, _PEOPLE_A_MONTH)
    data["pegawai"]["nama"] = f"Contoh Pegawai {number}"
    data["pegawai"]["nip"] = f"19000101{1980 + months // 12}{1 + months % 12:02d}1{1 + person:03d}"
    return data


if __name__ == "__main__":
    main()
