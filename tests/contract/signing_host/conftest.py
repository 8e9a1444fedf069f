"""Signing hosts of all three makes, with a key and documents for them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from certs import ca
from certs.authorisation import Authorisation, Owner, authorise
from certs.pades import Level, SignatureBox, SignedDocument, SignRequest
from certs.tsa import TimeStampAuthority
from certs.vault import PrivateKey
from svc.adapters.backends import Backends, NoLog
from svc.adapters.clock import SystemClock
from svc.adapters.keystore import load_or_create_pki, load_server_key
from svc.ports import (
    NotSigned,
    SigningHost,
    StoredKey,
    ToSign,
)
from svc.settings import Settings
from svc.signing_host.inline import InlineHost
from svc.signing_host.signers import Means
from tests.support.signers_port import page
from tests.support.signing_hosts import (
    HostProcess,
    PeerAuthority,
    free_port,
    host_process,
    over_tls,
)

PASSPHRASE = "kalimat-sandi-yang-tidak-boleh-tampak"
HOSTS = ("inline", "unix", "tls")
OWNER = Owner("orang", "kunci")
BOX = SignatureBox(0, 300, 100, 500, 180)
_IDENTIFIER = re.compile(rb"\([A-Za-z0-9+/=]{24}\)")


@dataclass(frozen=True)
class Signatory:
    """A key with its certificate, and the authority that gave it."""

    pki: ca.DevelopmentPki
    key: PrivateKey
    stored: StoredKey


@dataclass(frozen=True)
class Running:
    """The real process with both its doors."""

    process: HostProcess
    over_tls: SigningHost
    port: int
    authority: PeerAuthority


@pytest.fixture(scope="module")
def keys_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    var = tmp_path_factory.mktemp("kunci")
    settings = Settings.from_env({"PARAF_VAR_DIR": str(var)}, env_file=None)
    load_or_create_pki(settings, load_server_key(settings), datetime.now(UTC) - timedelta(hours=1))
    return var / "keys"


@pytest.fixture(scope="module")
def signatory(keys_folder: Path) -> Signatory:
    settings = Settings.from_env({"PARAF_VAR_DIR": str(keys_folder.parent)}, env_file=None)
    pki = load_or_create_pki(settings, load_server_key(settings), datetime.now(UTC)).development
    key = ca.generate_signer_key()
    certificate = ca.issue_signer_certificate(pki.issuing, ca.SignerSubject("Contoh Pejabat", "Nusa Mandala"),
                                              key.public_key(), datetime.now(UTC) - timedelta(minutes=5))
    return Signatory(pki, key, StoredKey(OWNER, certificate, pki.chain, key))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, keys_folder: Path) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("proses")
    authority, port = PeerAuthority(folder), free_port()
    files = authority.files("host")
    with host_process(folder / "var", keys_folder, PARAF_SIGNING_HOST_LISTEN=f"127.0.0.1:{port}",
                      PARAF_SIGNING_HOST_CERT=files.certificate, PARAF_SIGNING_HOST_KEY=files.key,
                      PARAF_SIGNING_HOST_CA=files.authority) as process:
        yield Running(process, over_tls(port, authority.files("worker")), port, authority)


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest, signatory: Signatory) -> SigningHost:
    if request.param == "inline":
        tsa = signatory.pki.tsa
        stamps = TimeStampAuthority(tsa.certificate, tsa.key, (signatory.pki.root.certificate,))
        return InlineHost(Means(SystemClock(), stamps, Backends({}), NoLog()))
    running: Running = request.getfixturevalue("running")
    return running.process.unix if request.param == "unix" else running.over_tls


@pytest.fixture(scope="module")
def blank() -> bytes:
    return page()


def sheets(blank: bytes, count: int) -> list[bytes]:
    """So many different documents, as the renderer makes them: each with an /ID of its own."""
    return [_IDENTIFIER.sub(b"(%024d)" % number, blank) for number in range(count)]


def request(**changes: object) -> SignRequest:
    made = SignRequest(datetime.now(UTC), "Contoh Pejabat", reason="Menandatangani", box=BOX, level=Level.B_B)
    return replace(made, **changes)  # type: ignore[arg-type]


def to_sign(documents: list[bytes], **changes: object) -> list[ToSign]:
    return [ToSign(one, request(**changes)) for one in documents]


def listing(documents: list[bytes], seconds: float = 300) -> Authorisation:
    hashes = [hashlib.sha256(one).hexdigest() for one in documents]
    return authorise(uuid4().hex, OWNER.user_id, OWNER.credential_id, hashes, datetime.now(UTC),
                     timedelta(seconds=seconds))


def codes(results: tuple[SignedDocument | NotSigned, ...]) -> list[str]:
    return ["signed" if isinstance(one, SignedDocument) else one.code for one in results]
