"""``paraf archive`` and ``paraf trust`` as an operator types them, with a real decree of 2024."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.test_archive import SPECIMEN

pytestmark = pytest.mark.timeout(300)


def paraf(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("PARAF_")}
    return subprocess.run(
        [sys.executable, "-m", "svc.cli", *arguments], capture_output=True, text=True, timeout=120, check=False,
        env=env | {"PARAF_VAR_DIR": str(folder / "var"), "PARAF_ZONE": "Asia/Jayapura", "COLUMNS": "80"} | settings)


def test_what_is_no_pdf_and_what_nobody_knows_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "halaman.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    refused = paraf(tmp_path, "archive", "import", str(tmp_path / "halaman.png"))
    assert refused.returncode == 1
    assert "halaman.png: not taken in: this file is a picture, not a PDF [invalid_input]" in refused.stderr
    unknown = paraf(tmp_path, "trust", "confirm", "0000 1111")
    assert unknown.returncode == 1
    assert 'no certificate on the list has the fingerprint "0000 1111"' in unknown.stderr
    assert "paraf trust list" in unknown.stderr
    nothing = paraf(tmp_path, "trust", "fetch")
    assert (nothing.returncode, nothing.stdout) == (0, "0 new, 0 known, 0 failed\n")
    assert "nothing was there to fetch for the confirmed authorities" in nothing.stderr


def test_an_import_says_what_comes_next_and_the_list_is_cut_nowhere(tmp_path: Path) -> None:
    name = f"keputusan {'panjang ' * 12}.pdf"
    (tmp_path / name).write_bytes(SPECIMEN.read_bytes())
    taken = paraf(tmp_path, "archive", "import", str(tmp_path / name))
    assert taken.returncode == 0, taken.stderr
    assert taken.stdout.startswith("1 taken in, 0 refused, 1 in safe keeping\n1 cannot be judged yet")
    assert f"paraf trust candidates '{tmp_path / name}'" in taken.stdout
    assert 'paraf trust confirm "FINGERPRINT"' in taken.stdout
    head, line = (row.split("\t") for row in paraf(tmp_path, "archive", "list").stdout.splitlines())
    told = dict(zip(head, line, strict=True))
    (one,) = json.loads(paraf(tmp_path, "archive", "list", "--json").stdout)
    assert (told["id"], told["name"]) == (one["id"], " ".join(name.split()))
    assert told["recorded"].endswith(" WIT"), "the province's time, not UTC"
    assert told["sub_indication"] == one["sub_indication"] == "NO_CERTIFICATE_CHAIN_FOUND"
    kept = paraf(tmp_path, "archive", "renew", one["id"])
    assert "0 have a new archive time stamp, 0 are below that level, 1 wait, 0 stuck now" in kept.stdout
    tried = paraf(tmp_path, "archive", "retry", one["id"], "nothing")
    assert "1 of those named are not known, or wait for nothing" in tried.stderr
    assert tried.stdout.startswith("1 tried: 0 done, 1 wait still, 0 stuck; in all ")
    (one,) = json.loads(paraf(tmp_path, "archive", "list", "--json").stdout)
    assert one["waits_for"] == "authority_unknown"
    offered = paraf(tmp_path, "trust", "candidates", str(tmp_path / name))
    assert offered.stdout.count("candidate  ") == 3
    assert offered.stdout.splitlines()[-1].startswith("next: compare each")


def test_all_are_given_a_stamp_and_what_is_not_there_or_no_end_is_named(tmp_path: Path) -> None:
    renewed = paraf(tmp_path, "archive", "renew")  # of the demonstration's documents
    assert renewed.returncode == 0, renewed.stderr
    count, rest = renewed.stdout.split(" ", 1)
    assert int(count) > 0
    assert rest == "have a new archive time stamp, 0 are below that level, 0 wait, 0 stuck now\n"
    unknown = paraf(tmp_path, "archive", "renew", "QTLyfOjsF43LHXumVcBXWg")
    assert unknown.returncode == 1
    assert "1 of those named are not known, or stuck" in unknown.stderr
    refused = paraf(tmp_path, "archive", "list", PARAF_ALGORITHM_ENDS="sha257=2030-01-01")
    assert refused.returncode != 0
    assert "algorithm_ends" in refused.stderr.lower()
    assert "'sha257' is no digest" in refused.stderr
    assert "Traceback" not in refused.stderr
