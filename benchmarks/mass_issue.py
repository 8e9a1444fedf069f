"""How many decrees a second, against what others do and against what is possible at all, in one run.

    python -m benchmarks.mass_issue [--docs 400] [--rounds 4] [--rivals 24] [--only LINE …] [--json]

One-page letters (kgb) with QR code, PDF/A-2, RSA-2048, every one with data of its own. Each line has two processes; the
lines take turns, so that whatever else the machine does hits all alike. The data are made up before the clock starts.
Documents a second:

``service_docs_per_s`` ours at B-B as the service does it, with all that it keeps in its database (SQLite, or the empty
                       one that PARAF_DATABASE_URL names): from the last paraf to the issued decree, numbers, events,
                       leases and orders for mail included, what comes before that paraf not; the signing host is part
                       of the same process; the larger --docs, the less the signer's act counts
``docs_per_s``         ours at B-B without a database: layout, signature, check of every file, written and synchronised
``bt_docs_per_s``      the same at B-T with the built-in time-stamp authority; ``blt_docs_per_s`` at B-LT
``naive_docs_per_s``   WeasyPrint and stock pyHanko with a visible stamp, written and synchronised, but not checked
                       (needs ``benchmarks/requirements.txt``)
``pdfsig_docs_per_s``  ``pdfsig -add-signature`` alone, on finished pages, written but not synchronised (needs
                       poppler-utils, libnss3-tools)
``limit_docs_per_s``   Typst's layout and a raw RSA signature, and nothing else

``cpu_ms`` are the milliseconds of processor that a document of each line takes, and ``cpu_share_of_limit`` the limit's
in ours: what holds on a machine that is busy with other things too. ``sign_only_share_of_rsa`` is the time of the raw
signature in that of signing a finished page, in one process; ``rss_first_mb`` and ``rss_last_mb`` are our workers'
largest memory after the first and the last round.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks import mass_issue_lines as lines
from benchmarks import mass_issue_service as service
from benchmarks.mass_issue_data import make_office
from certs.pades import Level

PROCESSES = 2
_WARM_UP = 12
_KNOWN: dict[str, tuple[Callable[[Path], lines.Line], bool]] = {
    "limit": (lines.make_limit, True),
    "service": (service.make_service, True),
    "ours": (lines.make_ours, True),
    "bt": (partial(lines.make_ours, level=Level.B_T), True),
    "blt": (partial(lines.make_ours, level=Level.B_LT), True),
    "naive": (lines.make_naive, False),
    "pdfsig": (lines.make_pdfsig, False),
}


@dataclass
class Figures:
    """See the module's text; -1 where a line could not be run (``missing`` says why)."""

    service_docs_per_s: float = -1
    docs_per_s: float = -1
    naive_docs_per_s: float = -1
    pdfsig_docs_per_s: float = -1
    limit_docs_per_s: float = -1
    bt_docs_per_s: float = -1
    blt_docs_per_s: float = -1
    service_share_of_limit: float = -1
    service_times_naive: float = -1
    share_of_limit: float = -1
    blt_share_of_limit: float = -1
    times_naive: float = -1
    cpu_share_of_limit: float = -1
    cpu_blt_share_of_limit: float = -1
    cpu_times_naive: float = -1
    cpu_ms: dict[str, float] = field(default_factory=dict)
    sign_only_share_of_rsa: float = -1
    rsa_ms: float = -1
    sign_only_ms: float = -1
    rss_first_mb: float = -1
    rss_last_mb: float = -1
    docs: int = 0
    processes: int = PROCESSES
    machine: str = ""
    missing: dict[str, str] = field(default_factory=dict)


class Crew:
    """The processes of one line."""

    def __init__(self, name: str, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._workers = []
        for _ in range(PROCESSES):
            ours, theirs = context.Pipe()
            worker = context.Process(target=_work, args=(name, folder, theirs), daemon=True)
            worker.start()
            theirs.close()
            self._workers.append((worker, ours))
        answers = [pipe.recv() for _, pipe in self._workers]
        self.problem = next((answer for answer in answers if isinstance(answer, str)), "")

    def issue(self, numbers: Sequence[int]) -> tuple[lines.Took, float]:
        """What the slowest process took by the clock and all of processors, and the largest memory of one in MB."""
        for share, (_, pipe) in enumerate(self._workers):
            pipe.send(numbers[share::PROCESSES])
        for _, pipe in self._workers:
            pipe.recv()
        for _, pipe in self._workers:
            pipe.send("go")
        answers = [pipe.recv() for _, pipe in self._workers]
        took = lines.Took(max(took.clock for took, _ in answers), sum(took.processor for took, _ in answers))
        return took, max(memory for _, memory in answers)

    def close(self) -> None:
        for worker, pipe in self._workers:
            pipe.close()
            worker.join(10)


def _work(name: str, folder: Path, pipe: Connection) -> None:
    try:
        line = _KNOWN[name][0](folder)
        first = 2_000_000_000 + os.getpid() * 100
        line(range(first, first + _WARM_UP // PROCESSES))()
    except (ImportError, RuntimeError, OSError) as error:
        pipe.send(f"{type(error).__name__}: {error}")
        return
    pipe.send(0)
    while True:
        try:
            numbers = pipe.recv()
        except EOFError:
            return
        run = line(numbers)
        pipe.send("ready")
        pipe.recv()
        took = run()
        pipe.send((took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def measure(docs: int, rounds: int, rivals: int, only: Sequence[str]) -> Figures:
    """:param docs: documents of each fast line, over all rounds; ``rivals`` of each slow one"""
    figures = Figures(docs=docs, machine=_machine())
    fresh = count(1)
    clock: dict[str, float] = {}
    processor: dict[str, float] = {}
    done: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="paraf-mass-") as name:
        folder = Path(name)
        make_office(folder)
        crews = {line: Crew(line, folder) for line in only}
        figures.missing = {line: crew.problem for line, crew in crews.items() if crew.problem}
        for _ in range(rounds):
            for line, crew in crews.items():
                if crew.problem:
                    continue
                share = max((docs if _KNOWN[line][1] else rivals) // rounds, PROCESSES)
                took, memory = crew.issue([next(fresh) for _ in range(share)])
                clock[line] = clock.get(line, 0) + took.clock
                processor[line] = processor.get(line, 0) + took.processor
                done[line] = done.get(line, 0) + share
                if line == "ours":
                    figures.rss_first_mb = memory if figures.rss_first_mb < 0 else figures.rss_first_mb
                    figures.rss_last_mb = memory
        for crew in crews.values():
            crew.close()
        figures.rsa_ms, figures.sign_only_ms = lines.measure_signing(folder, max(min(docs, 200), 20))
    figures.cpu_ms = {line: round(1000 * processor[line] / done[line], 3) for line in processor}
    _fill(figures, {line: done[line] / clock[line] for line in clock})
    return figures


def _fill(figures: Figures, rates: dict[str, float]) -> None:
    figures.docs_per_s = rates.get("ours", -1)
    for line in ("service", "naive", "pdfsig", "limit", "bt", "blt"):
        setattr(figures, f"{line}_docs_per_s", rates.get(line, -1))
    figures.share_of_limit = _ratio(rates, "ours", "limit")
    figures.blt_share_of_limit = _ratio(rates, "blt", "limit")
    figures.service_share_of_limit = _ratio(rates, "service", "limit")
    figures.times_naive = _ratio(rates, "ours", "naive")
    figures.service_times_naive = _ratio(rates, "service", "naive")
    figures.cpu_share_of_limit = _ratio(figures.cpu_ms, "limit", "ours")
    figures.cpu_blt_share_of_limit = _ratio(figures.cpu_ms, "limit", "blt")
    figures.cpu_times_naive = _ratio(figures.cpu_ms, "naive", "ours")
    figures.sign_only_share_of_rsa = figures.rsa_ms / figures.sign_only_ms


def _ratio(of: dict[str, float], one: str, other: str) -> float:
    return of[one] / of[other] if one in of and other in of else -1


def _machine() -> str:
    names = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
             if line.startswith("model name")]
    return f"{os.cpu_count()} cores, {names[0] if names else 'unknown'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", type=int, default=400, help="of each of our lines and of the limit")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--rivals", type=int, default=24, help="documents of each slow line")
    parser.add_argument("--only", nargs="+", choices=list(_KNOWN), default=list(_KNOWN))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = asdict(measure(options.docs, options.rounds, options.rivals, options.only))
    shown = {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}
    if options.json:
        print(json.dumps(shown))
    else:
        for name, value in shown.items():
            print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
