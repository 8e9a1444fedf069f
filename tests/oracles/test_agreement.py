"""Whatever we call TOTAL-PASSED, EU DSS, pdfsig and veraPDF find good too; what was spoilt, nobody does.

pdfsig is asked about the bytes only (it judges certificates by the machine's clock and its user's own store), and it
leaves document time stamps unjudged: those are EU DSS's, as are chains and revocation.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from certs.ca import Revocation, build_crl, create_development_pki
from certs.trust import TrustStore
from certs.validation import validate_pdf
from svc.kinds import KindCatalogue
from tests.oracles.conftest import needs_pdfsig
from tests.oracles.decrees import SPOILERS, Spoiler, present_trust, signed_by_service, signer_serial
from tests.oracles.judges import JavaJudge, JudgeFailed, ask_pdfsig, write_trust
from tests.support.clock import FrozenClock
from tests.support.world import World

# the time-out: a first build loads 30 MB
pytestmark = [pytest.mark.oracle, pytest.mark.poppler, needs_pdfsig, pytest.mark.timeout(1000)]

KINDS = sorted(one.id for one in KindCatalogue.load().all())
LEVELS = {"B-B": ("B-B",), "B-T": ("B-T",), "B-LT": ("B-T", "B-LT"), "B-LTA": ("B-T", "B-LTA")}
DSS_WORDS = {"B-B": "PAdES-BASELINE-B", "B-T": "PAdES-BASELINE-T", "B-LT": "PAdES-BASELINE-LT",
             "B-LTA": "PAdES-BASELINE-LTA"}
CASES = [(kind, level) for kind in KINDS for level in ("B-B", "B-LTA")] + [("kgb", "B-T"), ("kgb", "B-LT")]


@pytest.mark.parametrize(("kind", "level"), CASES)
def test_what_passes_here_passes_everywhere(
    world: World, clock: FrozenClock, java_judge: JavaJudge, work: Path, kind: str, level: str
) -> None:
    files = signed_by_service(world, clock, kind, level)
    trust = present_trust(world)
    folder = write_trust(work / "trust", trust)
    assert len(files) == len(LEVELS[level])
    for number, (pdf, reached) in enumerate(zip(files, LEVELS[level], strict=True)):
        report = validate_pdf(pdf, trust, clock.now())
        assert (report.passed, {one.level for one in report.signatures}) == (True, {reached}), report
        path = work / f"{number}.pdf"
        path.write_bytes(pdf)
        judged = java_judge.dss(path, folder, clock.now())
        assert [(one.indication, one.level, one.intact, one.changed, one.errors) for one in judged] == [
            ("TOTAL-PASSED", DSS_WORDS[reached], True, False, ())] * len(report.signatures)
        said = ask_pdfsig(path)
        assert [one.is_valid for one in said if one.kind != "unknown"] == [True] * len(report.signatures)
        assert said[-1].covers_file is (reached != "B-LT")  # B-LT's data stand behind the last signature
        conformance = java_judge.conformance(path, "2a")
        assert conformance.conformant, conformance.broken


@pytest.mark.parametrize("spoiler", SPOILERS.values(), ids=SPOILERS)
@pytest.mark.parametrize("level", ["B-B", "B-LTA"])
def test_what_was_spoilt_passes_nowhere(
    world: World, clock: FrozenClock, java_judge: JavaJudge, work: Path, level: str, spoiler: Spoiler
) -> None:
    for number, honest in enumerate(signed_by_service(world, clock, "kgb", level)):
        spoilt = spoiler(honest)
        trust = present_trust(world)
        assert not validate_pdf(spoilt, trust, clock.now()).passed
        path = work / f"{number}.pdf"
        path.write_bytes(spoilt)
        assert not _passes_at_dss(java_judge, path, write_trust(work / "trust", trust), clock)
        assert not _passes_at_pdfsig(path)


def test_a_revoked_signer_passes_neither_here_nor_at_dss(
    world: World, clock: FrozenClock, java_judge: JavaJudge, work: Path
) -> None:
    (pdf,) = signed_by_service(world, clock, "kgb", "B-B")
    now = clock.now()
    pki = world.deps.pki.development
    crl = build_crl(pki.issuing, [Revocation(signer_serial(pdf), now)], now, now.replace(year=now.year + 1))
    clock.advance(hours=1)
    _nowhere(java_judge, work, pdf, pki.trust_store([crl]), clock)


def test_a_strangers_anchor_passes_neither_here_nor_at_dss(
    world: World, clock: FrozenClock, java_judge: JavaJudge, work: Path
) -> None:
    (pdf,) = signed_by_service(world, clock, "kgb", "B-B")
    _nowhere(java_judge, work, pdf, create_development_pki("Lain", clock.now()).trust_store(), clock)


def _nowhere(judge: JavaJudge, work: Path, pdf: bytes, trust: TrustStore, clock: FrozenClock) -> None:
    assert not validate_pdf(pdf, trust, clock.now()).passed
    path = work / "signed.pdf"
    path.write_bytes(pdf)
    assert not _passes_at_dss(judge, path, write_trust(work / "trust", trust), clock)


def _passes_at_dss(judge: JavaJudge, path: Path, trust: Path, clock: FrozenClock) -> bool:
    """A page painted over by an update is TOTAL-PASSED under EU DSS's default policy, but it tells that it found
    modifications behind the signature; that counts as a refusal here, since we refuse for the same."""
    try:
        judged = judge.dss(path, trust, clock.now())
    except JudgeFailed:
        return False  # a file that it cannot read is refused
    return bool(judged) and all(one.indication == "TOTAL-PASSED" and not one.changed for one in judged)


def _passes_at_pdfsig(path: Path) -> bool:
    said = ask_pdfsig(path)
    return bool(said) and all(one.is_valid for one in said if one.kind != "unknown") and said[-1].covers_file
