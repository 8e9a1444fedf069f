"""The running service, held against OpenSSL: status, time stamps, revocation lists, chains."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from sqlalchemy import select

from svc.deps import Deps, build_deps
from svc.migrate import upgrade
from svc.models import Credential
from svc.seed.walk import actor_of
from svc.services import credentials, pki_renewal
from svc.settings import Settings
from tests.support.s3 import free_port
from tests.support.world import people

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is missing")
PASSPHRASE = "kata-sandi-uji-2026"


@dataclass(frozen=True)
class Service:
    """A service that runs, a folder with its CA certificates, and one good and one revoked certificate."""

    url: str
    folder: Path
    deps: Deps

    def openssl(self, *arguments: str) -> str:
        """What it said on both outputs; its exit code is not trusted: ``openssl ocsp`` often has 0."""
        done = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, timeout=30,
                              check=False)
        return done.stdout + done.stderr

    def status(self, certificate: str, *more: str) -> str:
        """``openssl ocsp`` at the address that stands in the certificate."""
        own = self.openssl("x509", "-in", certificate, "-noout", "-ocsp_uri").strip()
        return self.openssl("ocsp", "-issuer", "issuing.pem", "-cert", certificate, "-url", own, "-CAfile", "root.pem",
                            "-verify_other", "issuing.pem", *more)

    def fetch(self, path: str, name: str) -> Path:
        """A file of the service in the folder."""
        with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
            (self.folder / name).write_bytes(answer.read())
        return self.folder / name

    def crl(self, name: str) -> None:
        """A revocation list as PEM, which is what ``openssl verify`` reads."""
        self.fetch(f"/pki/{name}.crl", f"{name}.der")
        self.openssl("crl", "-inform", "DER", "-in", f"{name}.der", "-out", f"{name}.crl")


def certify(deps: Deps, username: str) -> tuple[str, str]:
    """A new certificate of an official: its public id and its PEM."""
    actor = actor_of(deps, username)
    public_id = credentials.issue(deps, actor, actor.person_public_id, PASSPHRASE)
    with deps.db.read_session() as session:
        pem = session.scalars(select(Credential.certificate_pem).where(Credential.public_id == public_id)).one()
    return public_id, pem


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(900):
        assert process.poll() is None, "the server ended"
        try:
            urllib.request.urlopen(f"{url}/pki/root.cer", timeout=5).close()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
        else:
            return
    pytest.fail("the server does not answer")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("openssl")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    given = {"PARAF_VAR_DIR": str(folder / "var"), "PARAF_BASE_URL": url, "PARAF_BIND": f"127.0.0.1:{port}",
             "PARAF_WEB_WORKERS": "1"}
    settings = Settings.from_env(given, env_file=None)
    settings.var_dir.mkdir()
    upgrade(settings.effective_database_url)
    deps = people(build_deps(settings)).deps
    env = {key: value for key, value in os.environ.items() if not key.startswith("PARAF_")} | given
    process = subprocess.Popen([sys.executable, "-m", "svc.cli", "web"], env=env, cwd=Path(__file__).parents[2],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(url, process)
        running = Service(url, folder, deps)
        for name in ("root.pem", "issuing.pem"):
            running.fetch(f"/pki/{name}", name)
        (folder / "good.pem").write_text(certify(deps, "kepala")[1])
        revoked, pem = certify(deps, "kadis")
        credentials.revoke(deps, actor_of(deps, "kadis"), revoked, "key_compromise")
        (folder / "revoked.pem").write_text(pem)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        deps.db.dispose()


def test_ocsp_says_good_and_its_signature_and_nonce_are_right(service: Service) -> None:
    said = service.status("good.pem")
    assert "Response verify OK" in said
    assert "good.pem: good" in said
    assert "WARNING: no nonce" not in said
    assert "Nonce Verify error" not in said


def test_ocsp_says_revoked_with_the_reason(service: Service) -> None:
    said = service.status("revoked.pem")
    assert "Response verify OK" in said
    assert "revoked.pem: revoked" in said
    assert "Reason: keyCompromise" in said


def test_ocsp_with_the_responder_named_by_hand(service: Service) -> None:
    """``-VAfile``: the responder's certificate taken from an answer and trusted as it is."""
    text = service.status("good.pem", "-resp_text")
    found = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.DOTALL)
    assert found
    (service.folder / "responder.pem").write_text(found.group(0) + "\n")
    said = service.openssl("ocsp", "-issuer", "issuing.pem", "-sha256", "-cert", "good.pem", "-url",
                           f"{service.url}/pki/ocsp", "-VAfile", "responder.pem")
    assert "Response verify OK" in said
    assert "good.pem: good" in said


def test_ocsp_answers_for_several_at_once_and_knows_nothing_of_strangers(service: Service) -> None:
    said = service.openssl("ocsp", "-issuer", "issuing.pem", "-cert", "good.pem", "-cert", "revoked.pem",
                           "-serial", "0x1234", "-url", f"{service.url}/pki/ocsp", "-CAfile", "root.pem",
                           "-verify_other", "issuing.pem")
    assert "Response verify OK" in said
    assert [word for word in ("good.pem: good", "revoked.pem: revoked", "0x1234: unknown") if word not in said] == []
    said = service.openssl("ocsp", "-issuer", "root.pem", "-cert", "issuing.pem", "-url", f"{service.url}/pki/ocsp")
    assert "unauthorized" in said


def test_the_list_lets_pass_what_is_good_and_stops_what_is_revoked(service: Service) -> None:
    for name in ("root", "issuing"):
        service.crl(name)
    (service.folder / "both.crl").write_text("".join(
        (service.folder / f"{name}.crl").read_text() for name in ("root", "issuing")))
    options = ("verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", "issuing.pem", "-CRLfile", "both.crl")
    for check in ("-crl_check", "-crl_check_all"):
        assert "good.pem: OK" in service.openssl(*options, check, "good.pem")
        assert "certificate revoked" in service.openssl(*options, check, "revoked.pem")


def test_the_time_stamp_is_one(service: Service) -> None:
    (service.folder / "decree.txt").write_bytes(b"a decree")
    service.openssl("ts", "-query", "-data", "decree.txt", "-sha512", "-cert", "-out", "query.tsq")
    request = urllib.request.Request(f"{service.url}/pki/tsa", (service.folder / "query.tsq").read_bytes(),
                                     {"Content-Type": "application/timestamp-query"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Content-Type"] == "application/timestamp-reply"
        (service.folder / "reply.tsr").write_bytes(answer.read())
    verify = ("ts", "-verify", "-in", "reply.tsr", "-CAfile", "root.pem")
    assert "Verification: OK" in service.openssl(*verify, "-queryfile", "query.tsq")
    assert "Verification: OK" in service.openssl(*verify, "-data", "decree.txt")
    (service.folder / "other.txt").write_bytes(b"another decree")
    assert "Verification: FAILED" in service.openssl(*verify, "-data", "other.txt")


def test_the_chain_is_found_by_the_addresses_in_the_certificates(service: Service) -> None:
    certificate = x509.load_pem_x509_certificate((service.folder / "good.pem").read_bytes())
    while certificate.issuer != certificate.subject:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
        url = access[-1].access_location.value
        with urllib.request.urlopen(url, timeout=10) as answer:
            issuer = x509.load_der_x509_certificate(answer.read())
        certificate.verify_directly_issued_by(issuer)
        certificate = issuer
    assert certificate == x509.load_pem_x509_certificate((service.folder / "root.pem").read_bytes())


def test_a_renewed_responder_still_answers_for_certificates_of_before(service: Service) -> None:
    """Last, since it changes the service's keys (which the running server keeps as they were)."""
    units = pki_renewal.renew(service.deps, is_forced=True)
    assert [(one.role, one.is_renewed) for one in units] == [
        ("authority", False), ("tsa", True), ("ocsp", True), ("audit", True)]
    assert "good.pem: good" in service.status("good.pem")
