"""Backend by level: every document passes at the level it was to have, and docs/signing-matrix.md says just that."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from certs.pades import Level
from tests.support.signers_port import VARIANTS
from tests.support.signing_matrix import Line, all_lines, text

DOCUMENT = Path(__file__).parents[2] / "docs" / "signing-matrix.md"
MISSING = [name for name in ("softhsm2-util", "pdfsig") if shutil.which(name) is None]

pytestmark = [pytest.mark.softhsm, pytest.mark.poppler,
              pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")]


@pytest.fixture(scope="module")
def lines() -> list[Line]:
    return all_lines()


def test_every_backend_passes_at_every_level(lines: list[Line]) -> None:
    assert {line.variant for line in lines} == set(VARIANTS)
    pades = [level.value for level in Level if level.is_pades]
    legacy = ["PKCS7-T", "PKCS7-LT", "PKCS7-LTA"]
    for variant in VARIANTS:
        found = [line for line in lines if line.variant == variant]
        assert [line.level for line in found] == (legacy if variant.startswith("bsre") else pades)
        assert {(line.now, line.pdfsig) for line in found} == {("TOTAL-PASSED", "valid")}, found


def test_what_lasts_is_what_carries_its_validation_data(lines: list[Line]) -> None:
    for line in lines:
        assert (line.later == "TOTAL-PASSED") is line.level.endswith(("-LT", "-LTA")), line
        assert line.explained is not line.level.endswith("-LT"), line


def test_the_documentation_says_what_was_found(lines: list[Line]) -> None:
    committed = DOCUMENT.read_text("utf-8")
    assert text(lines) == committed, "run scripts/signing_matrix.py"
    assert not re.search(r"20\d\d-", committed)
