"""What ``paraf signer`` refuses is one English line, and exit code 1."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding


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
    (("add-identity", "kepala"),
     "there is no terminal to ask at (NIK, or e-mail address (version 2)); give --nik or --email"),
])
def test_what_is_refused_is_told_in_a_line(var: Path, arguments: tuple[str, ...], said: str) -> None:
    done = paraf(var, "signer", *arguments)
    assert (done.returncode, done.stderr) == (1, f"Error: {said}\n")


def test_an_own_certificate_for_the_key_of_a_request_is_of_no_other_name(var: Path, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    request = tmp_path / "tte.csr"
    request.write_bytes(_request(key, "Orang Lain"))
    made = paraf(var, "pki", "certify", "kepala", str(request), "--out", str(tmp_path / "tte.pem"))
    assert made.returncode == 0, made.stderr
    own, *above = x509.load_pem_x509_certificates((tmp_path / "tte.pem").read_bytes())
    own.verify_directly_issued_by(above[0])
    assert own.public_key() == key.public_key()
    assert "Orang Lain" not in own.subject.rfc4514_string()
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - it is to be refused
    for bad, said in ((b"bukan permintaan", "not a whole certification request"),
                      (_request(weak, "Kepala"), "must be RSA of at least 2048 bits"),
                      (_request(key, "Kepala")[:-60], "not a whole certification request")):
        request.write_bytes(bad)
        refused = paraf(var, "pki", "certify", "kepala", str(request), "--out", str(tmp_path / "lain.pem"))
        assert (refused.returncode, said in refused.stderr, "[invalid_input]" in refused.stderr) == (1, True, True)
    assert not (tmp_path / "lain.pem").exists()


def _request(key: CertificateIssuerPrivateKeyTypes, name: str) -> bytes:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    return x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256()).public_bytes(
        Encoding.PEM)
