"""``paraf demo`` as a user runs it, judged by programs that are not ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certs import ca
from certs.pades import Level, LocalSigner, SignRequest, sign_pdf
from tests.support.acts import blank_pdf

COUNT = 3


def paraf(var: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command with these settings alone, whatever the tests' own environment says."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PARAF_")}
    return subprocess.run([sys.executable, "-m", "svc.cli", *arguments], capture_output=True, text=True, timeout=110,
                          env=env | {"PARAF_VAR_DIR": str(var), "COLUMNS": "200"} | settings, check=False)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("demo")
    done = paraf(folder / "var", "demo", "--count", str(COUNT), "--out", str(folder / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{COUNT} of {COUNT} decrees verified" in done.stdout
    return folder / "var", folder / "out"


def test_every_decree_is_written_and_verifies(demo: tuple[Path, Path]) -> None:
    var, out = demo
    files = sorted(str(path) for path in out.glob("*.pdf"))
    assert len(files) == COUNT
    done = paraf(var, "verify", *files, "--json")
    verdicts = json.loads(done.stdout)
    assert done.returncode == 0
    assert {(v["registry"], v["indication"], v["legal_status"]) for v in verdicts} == {
        ("identical", "TOTAL-PASSED", "in_force")}


def test_one_changed_byte_fails_the_whole_command(demo: tuple[Path, Path], tmp_path: Path) -> None:
    var, out = demo
    good = next(out.glob("*.pdf"))
    data = bytearray(good.read_bytes())
    data[len(data) // 3] ^= 1
    bad = tmp_path / "bad.pdf"
    bad.write_bytes(data)
    done = paraf(var, "verify", str(good), str(bad), "--json")
    verdicts = json.loads(done.stdout)
    assert done.returncode == 1
    assert verdicts[0]["indication"] == "TOTAL-PASSED"
    assert (verdicts[1]["registry"], verdicts[1]["indication"] == "TOTAL-PASSED") == ("unknown", False)
    told = paraf(var, "verify", str(bad)).stdout
    assert "signed by:" not in told
    assert "B-T" not in told


def test_nobody_is_said_to_have_signed_for_whom_no_authority_answers(demo: tuple[Path, Path], tmp_path: Path) -> None:
    now = datetime.now(UTC)
    pki, key = ca.create_development_pki("Instansi Lain", now - timedelta(days=1)), ca.generate_signer_key()
    certificate = ca.issue_signer_certificate(
        pki.issuing, ca.SignerSubject("Gubernur Contoh", "Lain"), key.public_key(), now - timedelta(hours=1))
    signed = sign_pdf(blank_pdf(), SignRequest(now, "Gubernur Contoh", level=Level.B_B),
                      LocalSigner(certificate, key, pki.chain), None)
    (tmp_path / "lain.pdf").write_bytes(signed.pdf)
    told = paraf(demo[0], "verify", str(tmp_path / "lain.pdf")).stdout
    assert "INDETERMINATE / NO_CERTIFICATE_CHAIN_FOUND" in told
    assert "  not proven, though it names: Gubernur Contoh" in told
    assert "signed by" not in told


def test_each_file_is_told_in_words_that_are_not_cut(demo: tuple[Path, Path], tmp_path: Path) -> None:
    var, out = demo
    good = next(out.glob("*.pdf"))
    done = paraf(var, "verify", str(good), str(tmp_path / "nowhere.pdf"))
    assert done.returncode == 1
    first, second = done.stdout.index(f"{good.name}: TOTAL-PASSED\n"), done.stdout.index("nowhere.pdf: INDETERMINATE")
    assert first < second
    assert "  registry: identical, number: " in done.stdout
    assert done.stdout.split("signed by: ")[1].splitlines()[0].endswith((" (B-T)", " (B-LTA)"))
    assert "No such file" in done.stdout[second:]


def test_the_report_speaks_english_where_that_is_asked_for(demo: tuple[Path, Path], tmp_path: Path) -> None:
    var, out = demo
    report = tmp_path / "report.pdf"
    done = paraf(var, "verify", "--report", str(report), "--lang", "en", str(min(out.glob("*.pdf"))))
    assert done.returncode == 0, done.stdout + done.stderr
    assert b"Report on the verification of electronic signatures" in report.read_bytes()


def test_the_outcome_is_written_as_a_signed_report(demo: tuple[Path, Path], tmp_path: Path) -> None:
    var, out = demo
    first, second, *_ = sorted(str(path) for path in out.glob("*.pdf"))
    report = tmp_path / "laporan.pdf"
    done = paraf(var, "verify", "--report", str(report), first)
    assert done.returncode == 0, done.stdout + done.stderr
    (verdict,) = json.loads(paraf(var, "verify", str(report), "--json").stdout)
    assert (verdict["registry"], verdict["indication"], verdict["signatures"][0]["level"]) == (
        "unknown", "TOTAL-PASSED", "B-T")
    assert b"Laporan pemeriksaan tanda tangan" in report.read_bytes()
    for wrong in (("--report", str(report), first, second), ("--report", first, first)):
        done = paraf(var, "verify", *wrong)
        assert (done.returncode, "--report takes one file" in done.stderr) == (2, True)


def test_the_audit_chain_is_intact_afterwards(demo: tuple[Path, Path]) -> None:
    done = paraf(demo[0], "audit", "verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "intact" in done.stdout


@pytest.mark.poppler
def test_pdfsig_calls_every_signature_valid(demo: tuple[Path, Path]) -> None:
    if shutil.which("pdfsig") is None:
        pytest.skip("pdfsig is missing (Debian: poppler-utils)")
    for path in demo[1].glob("*.pdf"):
        said = subprocess.run(["pdfsig", str(path)], capture_output=True, text=True, check=False).stdout
        assert "Signature is Valid." in said
        assert "ETSI.CAdES.detached" in said
        assert "Total document signed" in said


@pytest.mark.qpdf
def test_qpdf_finds_nothing_wrong(demo: tuple[Path, Path]) -> None:
    if shutil.which("qpdf") is None:
        pytest.skip("qpdf is missing (Debian: qpdf)")
    for path in demo[1].glob("*.pdf"):
        checked = subprocess.run(["qpdf", "--check", str(path)], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_wrong_setting_is_one_line_and_exit_code_two(tmp_path: Path) -> None:
    done = paraf(tmp_path, "health", PARAF_WEB_WORKERS="many")
    assert done.returncode == 2
    assert "PARAF_WEB_WORKERS" in done.stderr
    assert "Traceback" not in done.stderr
