"""How long verification takes, against pdfsig and stock pyHanko on the same files in one run.

    python -m benchmarks.verify [--docs 40] [--rounds 3] [--level B-B] [--json] [--profile]

Signs fictional decrees in a service of its own, then takes each file in turn through every way, so that whatever else
the machine does hits all alike. Milliseconds a document, by the clock and (``cpu``) of the processor; the latter
leaves out the enclosed worker, which is another's child:

``paraf``           full validation (``certs.validation.validate_pdf``) in a running process
``paraf_caged``     the same as the service does it, in an enclosed worker
``registry``        look-up by SHA-256 in the register, and comparison with the stored bytes; goal 2 ms
``pyhanko``         ``validate_pdf_signature`` of every signature with the same anchors and lists
``pdfsig``          poppler's tool, one process a file as it is used (without asking OCSP); paraf's goal is its median
``pdfsig_nocert``   the same, which leaves the certificate unjudged: mathematics and coverage alone
``pdfsig_start``    its start-up alone (``pdfsig -v``)
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from sqlalchemy import select

from certs._asn1 import to_asn1
from certs._swift import as_shipped
from certs.trust import TrustStore
from certs.validation import validate_pdf
from svc.bootstrap import prepare
from svc.deps import Deps
from svc.memory import tame_garbage_collector
from svc.models import Decree, StoredFile
from svc.seed.walk import KGB_CAST, walk_decree
from svc.services import preservation
from svc.services.files import read_file
from svc.services.register_lookup import look_up
from svc.services.revisions import revision_digests
from svc.services.trust import trust_store
from svc.settings import Settings

REGISTRY_GOAL_MS = 2.0
_WARM_UP = 3
_LEVELS = ("B-B", "B-T", "B-LT", "B-LTA")


@dataclass(frozen=True)
class Sample:
    """One signed file, in memory and on disk."""

    pdf: bytes
    path: Path


@dataclass(frozen=True)
class Figures:
    """Milliseconds a document, and how many a second one after the other."""

    p50: float
    p95: float
    mean: float
    per_second: float
    cpu_p50: float


Way = Callable[[Sample], object]


@contextmanager
def service(level: str) -> Iterator[Deps]:
    """A fresh service with the demo's people, in a folder that goes with the block."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.from_env({"PARAF_VAR_DIR": f"{folder}/var", "PARAF_SIGNATURE_LEVEL": level}, env_file=None)
        deps = prepare(settings).deps
        try:
            yield deps
        finally:
            deps.db.dispose()


def signed_files(deps: Deps, count: int, folder: Path) -> list[Sample]:
    """Decrees as the service signs and keeps them, at the level of its settings."""
    example = dict(deps.kinds.get("kgb").example)
    ids = [walk_decree(deps, "kgb", example, KGB_CAST, "signed") for _ in range(count)]
    time.sleep(1)  # revocation lists and responses count whole seconds, and must be younger than the signatures
    while preservation.preserve_due(deps).augmented:
        pass
    samples = []
    for number, decree_id in enumerate(ids):
        with deps.db.read_session() as session:
            row = session.scalars(
                select(StoredFile).join(Decree, Decree.id == StoredFile.decree_id)
                .where(Decree.public_id == decree_id, StoredFile.purpose == "signed")
                .order_by(StoredFile.id.desc())).first()
            assert row is not None
            key, sha256 = row.object_key, row.sha256
        path = folder / f"{number}.pdf"
        path.write_bytes(read_file(deps, key, sha256))
        samples.append(Sample(path.read_bytes(), path))
    return samples


def ways(deps: Deps, trust: TrustStore) -> dict[str, Way]:
    """Everything that is measured; what is missing on this machine is left out."""
    now = deps.clock.now()
    found: dict[str, Way] = {
        "paraf": lambda one: validate_pdf(one.pdf, trust, now),
        "paraf_caged": lambda one: deps.cage.validate(one.pdf, trust, now, ()),
        "registry": lambda one: in_register(deps, one.pdf),
        "pyhanko": lambda one: by_pyhanko(one.pdf, trust, now),
    }
    if shutil.which("pdfsig"):
        found["pdfsig"] = lambda one: _run("pdfsig", "-no-ocsp", str(one.path))
        found["pdfsig_nocert"] = lambda one: _run("pdfsig", "-nocert", str(one.path))
        found["pdfsig_start"] = lambda _one: _run("pdfsig", "-v")
    return found


def in_register(deps: Deps, pdf: bytes) -> bool:
    """Whether the register's own copy has exactly these bytes."""
    registry, found, _ = look_up(deps, tuple(revision_digests(pdf)))
    if registry != "identical" or found is None or found.file is None:
        return False
    return read_file(deps, found.file.object_key, found.file.sha256) == pdf


def by_pyhanko(pdf: bytes, trust: TrustStore, now: datetime) -> bool:
    """All signatures, as pyHanko's documentation shows it."""
    with as_shipped():
        reader = PdfFileReader(BytesIO(pdf))
        return all(validate_pdf_signature(one, _context(trust, now), _context(trust, now)).bottom_line
                   for one in reader.embedded_regular_signatures)


def _context(trust: TrustStore, now: datetime) -> ValidationContext:
    return ValidationContext(
        trust_roots=[to_asn1(one) for one in trust.anchors], other_certs=[to_asn1(one) for one in trust.intermediates],
        crls=trust.crls, ocsps=trust.ocsps, moment=now, allow_fetching=False, revocation_mode="require")


def _run(*command: str) -> None:
    subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)


def ensure_all_agree(samples: list[Sample], deps: Deps, trust: TrustStore) -> None:
    """A figure for a file that is refused would be worth nothing."""
    now = deps.clock.now()
    for one in samples:
        assert validate_pdf(one.pdf, trust, now).passed
        assert deps.cage.validate(one.pdf, trust, now, ()).passed
        assert by_pyhanko(one.pdf, trust, now)
        assert in_register(deps, one.pdf)
        if shutil.which("pdfsig"):
            said = subprocess.run(["pdfsig", "-nocert", str(one.path)], capture_output=True, check=True).stdout
            assert b"Signature is Valid." in said


def measure(samples: list[Sample], found: Mapping[str, Way], rounds: int) -> dict[str, Figures]:
    """Each file through each way, one after the other, as often as told."""
    taken: dict[str, list[float]] = {name: [] for name in found}
    used: dict[str, list[float]] = {name: [] for name in found}
    for way in found.values():
        for one in samples[:_WARM_UP]:
            way(one)
    for _ in range(rounds):
        for one in samples:
            for name, way in found.items():
                worked, start = _processor_seconds(), time.perf_counter()
                way(one)
                taken[name].append((time.perf_counter() - start) * 1000)
                used[name].append((_processor_seconds() - worked) * 1000)
    return {name: _figures(values, used[name]) for name, values in taken.items()}


def _processor_seconds() -> float:
    """What this process and the children that it waited for have used."""
    return sum(one.ru_utime + one.ru_stime for one in map(
        resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def _figures(values: list[float], used: list[float]) -> Figures:
    ordered = sorted(values)
    mean = statistics.fmean(ordered)
    return Figures(round(statistics.median(ordered), 3), round(ordered[int(0.95 * (len(ordered) - 1))], 3),
                   round(mean, 3), round(1000 / mean, 1), round(statistics.median(used), 3))


def profile(samples: list[Sample], trust: TrustStore, now: datetime) -> None:
    """Where full validation spends its time, to standard error."""
    with cProfile.Profile() as profiler:
        for one in samples:
            validate_pdf(one.pdf, trust, now)
    pstats.Stats(profiler, stream=sys.stderr).sort_stats("cumulative").print_stats(70)


def main() -> None:
    """Print a table, or JSON. The exit code is 0 whether the goals are met or not: it is a measurement."""
    parser = argparse.ArgumentParser(description="Time verification against pdfsig and stock pyHanko.")
    parser.add_argument("--docs", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--level", choices=_LEVELS, default="B-B")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--profile", action="store_true", help="print where full validation spends its time")
    options = parser.parse_args()
    with service(options.level) as deps, tempfile.TemporaryDirectory() as folder:
        samples = signed_files(deps, options.docs, Path(folder))
        trust = trust_store(deps, since=deps.clock.now())
        ensure_all_agree(samples, deps, trust)
        tame_garbage_collector()  # as every process of the service does
        figures = measure(samples, ways(deps, trust), options.rounds)
        if options.profile:
            profile(samples, trust, deps.clock.now())
    goals = {"registry": figures["registry"].p50 <= REGISTRY_GOAL_MS}
    if "pdfsig" in figures:
        goals["paraf_at_most_pdfsig"] = figures["paraf"].p50 <= figures["pdfsig"].p50
    size = statistics.fmean(len(one.pdf) for one in samples)
    if options.json:
        print(json.dumps({"level": options.level, "docs": options.docs, "rounds": options.rounds, "bytes": round(size),
                          "milliseconds": {name: asdict(one) for name, one in figures.items()}, "goals": goals}))
        return
    print(f"{options.docs} decrees at {options.level} of {size / 1024:.0f} KiB, {options.rounds} rounds; milliseconds")
    for name, one in figures.items():
        print(f"{name:14} p50 {one.p50:8.2f}  p95 {one.p95:8.2f}  cpu {one.cpu_p50:8.2f}"
              f"  {one.per_second:8.1f} a second")
    print("goals:", ", ".join(f"{name} {'met' if met else 'MISSED'}" for name, met in goals.items()))


if __name__ == "__main__":
    main()
