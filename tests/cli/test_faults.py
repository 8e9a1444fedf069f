"""What an operator reads when something is not there: a line with what to do, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from certs import ca

pytestmark = pytest.mark.timeout(120)


def paraf(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("PARAF_")}
    return subprocess.run(
        [sys.executable, "-m", "svc.cli", *arguments], capture_output=True, text=True, timeout=100, check=False,
        env=env | {"PARAF_VAR_DIR": str(folder / "var")} | settings)


def test_a_database_that_is_away_is_told_in_a_line(tmp_path: Path) -> None:
    done = paraf(tmp_path, "metrics", "rebuild", PARAF_DATABASE_URL="postgresql+psycopg://paraf@127.0.0.1:1/paraf")
    assert done.returncode == 1
    assert "paraf: the database does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_without_tables_names_the_command(tmp_path: Path) -> None:
    (tmp_path / "sk.pdf").write_bytes(b"%PDF-1.7\n%%EOF\n")
    done = paraf(tmp_path, "verify", str(tmp_path / "sk.pdf"))
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert done.stderr.endswith("run: paraf migrate\n")


def test_help_and_version_end_well(tmp_path: Path) -> None:
    for asked in ("--help", "--version"):
        assert paraf(tmp_path, asked).returncode == 0

def test_only_an_authority_can_be_trusted_for_a_call(tmp_path: Path) -> None:
    pki = ca.create_development_pki("Instansi Contoh", datetime.now(UTC))
    root, leaf = tmp_path / "root.pem", tmp_path / "leaf.pem"
    root.write_bytes(pki.root.certificate.public_bytes(Encoding.PEM))
    leaf.write_bytes(pki.tsa.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "sk.pdf").write_bytes(b"%PDF-1.7\n%%EOF\n")
    refused = paraf(tmp_path, "verify", "--trust", str(leaf), str(tmp_path / "sk.pdf"))
    assert (refused.returncode, "is no authority's certificate" in refused.stderr) == (2, True), refused.stderr
    assert paraf(tmp_path, "verify", "--trust", str(root), str(tmp_path / "sk.pdf")).returncode == 1  # no tables


def test_what_a_command_logs_is_not_in_what_it_prints(tmp_path: Path) -> None:
    program = ("import click, structlog\nfrom svc.cli import cli\n"
               "@cli.command('contoh')\ndef show():\n"
               "    structlog.get_logger('x').warning('happened', nip='197001011990011001')\n    click.echo('[]')\n"
               "cli(['contoh'])\n")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
    assert "happened" in done.stderr
    assert "1970" not in done.stderr
