"""Signing hosts as they run: within the caller, and as the real process behind its socket or mutual TLS."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from svc.ports import SigningHost, SigningHostDown
from svc.signing_host.client import RemoteHost, to_tls, to_unix
from svc.signing_host.tls import TlsFiles, client_context

_START_SECONDS = 60.0


@dataclass
class HostProcess:
    """``paraf signing-host`` with a folder of its own."""

    var: Path
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket_path(self) -> Path:
        return self.var / "run" / "signing-host.sock"

    @property
    def unix(self) -> RemoteHost:
        return RemoteHost(to_unix(self.socket_path))

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> str:
        return (self.var / "log").read_text("utf-8")

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = self.launch()
        deadline = time.monotonic() + _START_SECONDS
        while not answers(self.unix):
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def launch(self) -> subprocess.Popen[bytes]:
        """Just start one in this folder."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PARAF_")}
        env = clean | {"PARAF_VAR_DIR": str(self.var), "PARAF_LOG_FORMAT": "json", "PARAF_LOG_LEVEL": "DEBUG"}
        with (self.var / "log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", "svc.cli", "signing-host"], stdout=log, stderr=log,
                                    env=env | self.settings)

    def kill(self) -> None:
        """As a machine would: without warning."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """As the supervisor does; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def answers(host: SigningHost) -> bool:
    try:
        host.is_open("")
    except SigningHostDown:
        return False
    return True


@contextmanager
def host_process(folder: Path, keys: Path, **settings: str) -> Iterator[HostProcess]:
    """A running one; ``keys`` is a folder of keys to copy."""
    folder.mkdir()
    shutil.copytree(keys, folder / "keys", copy_function=shutil.copy2)
    started = HostProcess(folder, settings)
    started.start()
    try:
        yield started
    finally:
        if started.process is not None and started.process.poll() is None:
            started.kill()


@dataclass(frozen=True)
class PeerAuthority:
    """The private authority of hosts and workers, and what it gives them."""

    folder: Path
    name: str = "mesin"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def files(self, role: str) -> TlsFiles:
        """Certificate and key of ``host`` or ``worker``."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if role == "host" else ExtendedKeyUsageOID.CLIENT_AUTH
        certificate = self._issue(role, key.public_key(), [usage])
        where = [self.folder / f"{self.name}-{role}.{kind}" for kind in ("crt", "key", "ca")]
        where[0].write_bytes(certificate.public_bytes(Encoding.PEM))
        where[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        where[2].write_bytes(self._issue(self.name, self.key.public_key(), []).public_bytes(Encoding.PEM))
        return TlsFiles(*map(str, where))

    def _issue(self, name: str, key: ec.EllipticCurvePublicKey, usages: list[x509.ObjectIdentifier]
               ) -> x509.Certificate:
        now = datetime.now(UTC)
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        is_authority = not usages
        builder = (
            x509.CertificateBuilder()
            .subject_name(issuer if is_authority else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(issuer).public_key(key).serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .add_extension(_usage(is_authority), critical=True))
        if usages:
            address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            builder = builder.add_extension(address, critical=False)
        return builder.sign(self.key, hashes.SHA256())


def over_tls(port: int, files: TlsFiles) -> RemoteHost:
    return RemoteHost(to_tls("127.0.0.1", port, client_context(files)))


def stranger_over_tls(port: int, authority: str) -> ssl.SSLSocket:
    """Somebody who trusts the host and shows no certificate of his own."""
    context = ssl.create_default_context(cafile=authority)
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 5), server_hostname="127.0.0.1")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _usage(is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(digital_signature=not is_authority, content_commitment=False, key_encipherment=False,
                         data_encipherment=False, key_agreement=False, key_cert_sign=is_authority,
                         crl_sign=is_authority, encipher_only=False, decipher_only=False)
