"""``python -m tests.chaos --rounds 500 --seed 1``: rounds in several lanes, a line a round, figures in the end.

The exit code is 1 when anything was lost. ``--rounds 1 --seed N`` repeats round N, as far as the same moments come
again; ``--only FAULT`` chooses the disaster.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.chaos.processes import fork
from tests.chaos.rounds import lane, prepare
from tests.chaos.stock import Stock


def main(arguments: Sequence[str]) -> int:
    """Run; 0 when nothing was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=max(1, os.cpu_count() or 1))
    parser.add_argument("--only", action="append", default=[], help="name of a fault; no others are run")
    parser.add_argument("--keep", type=Path, help="folder in which rounds with findings stay")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="paraf-chaos-") as temporary:
        folder = chosen.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        stock = prepare(folder / "stock")
        seeds = range(chosen.seed, chosen.seed + chosen.rounds)
        lanes = [fork(f"lane {number}", lambda number=number: _run(  # type: ignore[misc]
            folder / f"lane-{number}", stock, seeds[number::chosen.lanes], chosen.only), folder / f"lane-{number}.log")
            for number in range(chosen.lanes)]
        for one in lanes:
            while not one.wait(3600):
                pass
        return _tell(folder, chosen.lanes, sum(one.code != 0 for one in lanes))


def _run(folder: Path, stock: Stock, seeds: Sequence[int], only: Sequence[str]) -> None:
    results = folder.with_suffix(".jsonl")
    with lane(folder, stock) as opened:
        for seed in seeds:
            outcome = opened.run(seed, only)
            with results.open("a") as file:
                file.write(json.dumps(asdict(outcome)) + "\n")


def _tell(folder: Path, lanes: int, broken: int) -> int:
    outcomes = [json.loads(line) for number in range(lanes) if (folder / f"lane-{number}.jsonl").exists()
                for line in (folder / f"lane-{number}.jsonl").read_text().splitlines()]
    figures: dict[str, Counter[str]] = defaultdict(Counter)
    for one in sorted(outcomes, key=lambda outcome: int(outcome["seed"])):
        figures[one["fault"]].update(rounds=1, struck=bool(one["struck"]), lost=bool(one["findings"]))
        for finding in one["findings"]:
            print(f"seed {one['seed']} {one['fault']} from {one['stage']} {one['notes']}: "
                  f"{finding['kind']}: {finding['detail']}")
    for name, count in sorted(figures.items()):
        print(f"{name:42} rounds {count['rounds']:4}  with a death {count['struck']:4}  lost {count['lost']}")
    lost = sum(count["lost"] for count in figures.values())
    seconds = sum(one["seconds"] for one in outcomes) / max(1, len(outcomes))
    print(f"{len(outcomes)} rounds, {seconds:.1f} s each, {lost} with a loss, {broken} lanes broken")
    return 1 if lost or broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
