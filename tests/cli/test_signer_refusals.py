"""What ``paraf signer`` refuses is one English line, and exit code 1."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def paraf(var: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PARAF_")}
    return subprocess.run([sys.executable, "-m", "svc.cli", *arguments], capture_output=True, text=True, timeout=110,
                          env=environment | {"PARAF_VAR_DIR": str(var)}, check=False)


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service with the demo's people."""
    folder = tmp_path_factory.mktemp("signer")
    assert paraf(folder / "var", "demo", "--count", "1", "--out", str(folder / "out")).returncode == 0
    return folder / "var"


@pytest.mark.parametrize(("arguments", "said"), [
    (("add-identity", "tidak.ada", "--nik", "1234567890123456"), "no active account is called tidak.ada"),
    (("add-remote", "tidak.ada", "KUNCI"), "no active account is called tidak.ada"),
    (("add-identity", "admin", "--nik", "1234567890123456"),
     "Your position does not entitle you to this. [forbidden]"),
    (("add-identity", "kepala", "--nik", "1234567890123456"),
     "This place for keys is not set up on this server. [backend_not_set_up]"),
])
def test_what_is_refused_is_told_in_a_line(var: Path, arguments: tuple[str, ...], said: str) -> None:
    done = paraf(var, "signer", *arguments)
    assert (done.returncode, done.stderr) == (1, f"Error: {said}\n")
