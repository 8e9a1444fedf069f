"""``paraf signer make-key`` as an operator runs it: a key that stays in its token, and a request for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509

from tests.support.softhsm import PIN, SoftHsm, soft_hsm

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(shutil.which("softhsm2-util") is None, reason="SoftHSM2 is not installed (Debian: softhsm2)"),
]


@pytest.fixture
def hsm() -> SoftHsm:
    return soft_hsm()


def make_key(hsm: SoftHsm, folder: Path, token: str, pin: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("PARAF_")}
    settings = {"PARAF_VAR_DIR": str(folder / "var"), "PARAF_PKCS11_MODULE": hsm.module}
    return subprocess.run(
        [sys.executable, "-m", "svc.cli", "signer", "make-key", token, "tte", "--kind", "p384", "--pin-file", "-",
         "--name", "Contoh Kepala", "--organisation", "Provinsi Nusa Mandala", "--csr", str(folder / "tte.csr")],
        input=f"{pin}\n", capture_output=True, text=True, timeout=110, env=env | settings, check=False)


def test_a_key_and_its_request_are_made(hsm: SoftHsm, tmp_path: Path) -> None:
    token = hsm.make_token("baris-perintah")
    done = make_key(hsm, tmp_path, token, PIN)
    assert done.returncode == 0, done.stderr
    request = x509.load_pem_x509_csr((tmp_path / "tte.csr").read_bytes())
    assert request.is_signature_valid
    assert request.subject.rfc4514_string() == "CN=Contoh Kepala,O=Provinsi Nusa Mandala,C=ID"
    again = make_key(hsm, tmp_path, token, PIN)
    assert (again.returncode, again.stderr) == (1, f"Error: token {token}: there is a key of that label\n")


def test_what_fails_is_told_in_a_line(hsm: SoftHsm, tmp_path: Path) -> None:
    token = hsm.make_token("baris-keliru")
    for label, pin, reason in ((token, "999999", "the PIN is wrong"), ("tidak ada", PIN, "the token is not there")):
        done = make_key(hsm, tmp_path, label, pin)
        assert done.returncode == 1
        assert done.stderr.startswith(f"Error: token {label}: {reason}")
        assert len(done.stderr.splitlines()) == 1
        assert pin not in done.stderr
        assert not (tmp_path / "tte.csr").exists()
