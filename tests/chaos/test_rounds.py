"""A few rounds of the crash harness, one of each sort; ``make chaos`` runs hundreds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SORTS = ("kill at chunk.proven", "kill at numbers.taken", "kill at store.half_written", "kill at signing.kept",
         "worker dies at chunk.after_host", "kill signing host", "power lost", "clock", "crowd", "year end",
         "month end")


@pytest.mark.timeout(400)
def test_nothing_is_lost_or_doubled_in_a_disaster_of_each_sort() -> None:
    only = [argument for name in SORTS for argument in ("--only", name)]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PARAF_")}
    done = subprocess.run([sys.executable, "-m", "tests.chaos", "--rounds", str(len(SORTS)), "--seed", "0", *only],
                          cwd=ROOT, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(SORTS)} rounds" in done.stdout
