"""The report of a verification is accepted by EU DSS and pdfsig, and veraPDF finds it to be PDF/A-2a."""

from __future__ import annotations

from pathlib import Path

import pytest

from svc.services import verdict_report
from svc.services.trust import trust_store
from tests.oracles.conftest import needs_pdfsig
from tests.oracles.judges import JavaJudge, ask_pdfsig, write_trust
from tests.support.clock import FrozenClock
from tests.support.world import World

pytestmark = [pytest.mark.oracle, pytest.mark.poppler, needs_pdfsig, pytest.mark.timeout(1000)]


def test_others_accept_the_report(world: World, clock: FrozenClock, java_judge: JavaJudge, work: Path) -> None:
    decree_id = world.walk("issued")
    path = work / "laporan.pdf"
    path.write_bytes(verdict_report.for_code(world.deps, world.view(decree_id).verify_code).pdf)
    clock.advance(seconds=1)
    (judged,) = java_judge.dss(path, write_trust(work / "trust", trust_store(world.deps)), clock.now())
    assert (judged.indication, judged.level, judged.intact, judged.changed, judged.errors) == (
        "TOTAL-PASSED", "PAdES-BASELINE-T", True, False, ())
    assert [(one.is_valid, one.covers_file) for one in ask_pdfsig(path)] == [(True, True)]
    conformance = java_judge.conformance(path, "2a")
    assert conformance.conformant, conformance.broken
