"""The judges as fixtures. On a machine that lacks one, its tests are skipped and say what is missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REQUIRE_ALL
from tests.oracles.judges import JavaJudge, Unavailable, build_java

needs_pdfsig = pytest.mark.skipif(
    shutil.which("pdfsig") is None, reason="pdfsig is not installed (Debian: poppler-utils)")


@pytest.fixture(scope="session")
def java_judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JavaJudge]:
    """EU DSS and veraPDF."""
    try:
        folder = build_java()
    except Unavailable as error:
        if REQUIRE_ALL:
            raise
        pytest.skip(f"EU DSS and veraPDF cannot run here: {error}")
    judge = JavaJudge(folder, tmp_path_factory.mktemp("java") / "log")
    yield judge
    judge.close()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "oracles"
    folder.mkdir()
    return folder
