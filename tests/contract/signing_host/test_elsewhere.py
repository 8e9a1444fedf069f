"""A signing host with keys that lie elsewhere: in a token, with a CSC service, with BSrE."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import select

from certs.authorisation import Authorisation, Owner, authorise
from certs.ca import SignerSubject, issue_signer_certificate
from certs.pades import SignedDocument, SignRequest
from certs.signers.pkcs11 import Pkcs11Config, build_csr, generate_key
from svc.adapters.clock import SystemClock
from svc.adapters.keystore import Pki, load_or_create_pki, load_server_key
from svc.call_log import CallRows
from svc.db import Database
from svc.deps import build_backends
from svc.migrate import upgrade
from svc.models import RemoteCall
from svc.ports import Activation, ElsewhereKey, GrantOver, KeyElsewhere, NotSigned, SigningHost, ToSign
from svc.settings import Settings
from svc.signing_host.inline import InlineHost
from svc.signing_host.signers import Means
from svc.simulators.csc_faults import Fault, FaultKind
from tests.support import bsre, csc, signers_port
from tests.support.clock import FrozenClock
from tests.support.signing_hosts import HostProcess, host_process
from tests.support.softhsm import PIN, soft_hsm

HOSTS = ("inline", "process")
OWNER = Owner("orang", "kunci")
WRONG = "000000"
needs_softhsm = pytest.mark.skipif(shutil.which("softhsm2-util") is None,
                                   reason="SoftHSM2 is not installed (Debian: softhsm2)")


@dataclass(frozen=True)
class Place:
    """A host that knows the backends of its settings; ``written`` is all it logged."""

    host: SigningHost
    calls: Database
    process: HostProcess | None = None

    @property
    def written(self) -> str:
        with self.calls.read_session() as session:
            rows = [f"{row.request}{row.answer}" for row in session.scalars(select(RemoteCall))]
        return "".join(rows) + (self.process.log if self.process is not None else "")

    @property
    def endpoints(self) -> list[str]:
        with self.calls.read_session() as session:
            return list(session.scalars(select(RemoteCall.endpoint).order_by(RemoteCall.id)))


@pytest.fixture(scope="module")
def now() -> FrozenClock:
    """The simulators' clock, at the present."""
    return FrozenClock(datetime.now(UTC))


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kunci")


@pytest.fixture(scope="module")
def pki(var: Path) -> Pki:
    settings = Settings.from_env({"PARAF_VAR_DIR": str(var)}, env_file=None)
    return load_or_create_pki(settings, load_server_key(settings), datetime.now(UTC) - timedelta(hours=1))


@pytest.fixture(scope="module")
def blank() -> bytes:
    return signers_port.page()


@pytest.fixture
def csc_service(now: FrozenClock) -> Iterator[csc.CscWorld]:
    with csc.csc_world(csc.make_keys(now), now) as running:
        yield running


@pytest.fixture
def bsre_service(now: FrozenClock) -> Iterator[bsre.BsreWorld]:
    with bsre.bsre_world(bsre.make_keys(now), now) as running:
        yield running


@contextmanager
def place(kind: str, folder: Path, pki: Pki, var: Path, **values: str) -> Iterator[Place]:
    """A host of that kind with these settings."""
    environment = {f"PARAF_{name.upper()}": value for name, value in values.items()}
    settings = Settings.from_env(environment | {"PARAF_VAR_DIR": str(folder / "var")}, env_file=None)
    if kind == "inline":
        settings.var_dir.mkdir()
        upgrade(settings.effective_database_url)
        clock, tsa, db = SystemClock(), pki.tsa_service(), Database(settings.effective_database_url)
        yield Place(InlineHost(Means(clock, tsa, build_backends(settings, tsa, clock), CallRows(db, clock))), db)
        db.dispose()
        return
    with host_process(folder / "var", var / "keys", **environment) as process:
        upgrade(settings.effective_database_url)
        db = Database(settings.effective_database_url)
        yield Place(process.unix, db, process)
        db.dispose()


def sheets(blank: bytes, count: int) -> list[bytes]:
    return [blank + b"%% %d\n" % number for number in range(count)]


def to_sign(documents: Sequence[bytes]) -> list[ToSign]:
    return [ToSign(one, SignRequest(datetime.now(UTC), "Contoh Pejabat", reason="Menandatangani")) for one in documents]


def listing(documents: Sequence[bytes]) -> Authorisation:
    hashes = [hashlib.sha256(one).hexdigest() for one in documents]
    return authorise(uuid4().hex, OWNER.user_id, OWNER.credential_id, hashes, datetime.now(UTC))


def opened(host: SigningHost, key: ElsewhereKey, documents: Sequence[bytes]) -> str:
    authorisation = listing(documents)
    host.open(authorisation, key)
    return authorisation.authorisation_id


def codes(results: Sequence[SignedDocument | NotSigned]) -> list[str]:
    return ["signed" if isinstance(one, SignedDocument) else one.code for one in results]


def csc_settings(service: csc.CscWorld) -> dict[str, str]:
    access = service.simulator.access
    return {"csc_url": service.simulator.base_url, "csc_client_id": access.client_id,
            "csc_client_secret": access.client_secret}


def csc_key(service: csc.CscWorld, typed: str) -> ElsewhereKey:
    credential = service.credential("pin")
    where = KeyElsewhere("csc", {"credential_id": "pin"}, credential.certificate, service.keys.authority.chain)
    return ElsewhereKey(OWNER, where, Activation(typed))


def bsre_settings(service: bsre.BsreWorld) -> dict[str, str]:
    return {"bsre_url": service.simulator.base_url, "bsre_username": "paraf", "bsre_password": bsre.PASSWORD}


def bsre_key(typed: str) -> ElsewhereKey:
    return ElsewhereKey(OWNER, KeyElsewhere("bsre", {}, None, (), bsre.NIK), Activation(typed))


@pytest.mark.softhsm
@needs_softhsm
@pytest.mark.parametrize("kind", HOSTS)
def test_a_token_is_used_by_one_thread_at_a_time_until_its_list_is_done(
        kind: str, tmp_path: Path, pki: Pki, var: Path, blank: bytes) -> None:
    hsm = soft_hsm()
    token = Pkcs11Config(hsm.module, hsm.make_token(f"kelompok-{uuid4().hex[:12]}"))
    generate_key(token, PIN, "tte")
    public = x509.load_der_x509_csr(build_csr(token, PIN, "tte", "Contoh", "Contoh")).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    certificate = issue_signer_certificate(pki.issuing, SignerSubject("Contoh", "Contoh"), public,
                                           datetime.now(UTC) - timedelta(minutes=5))
    where = KeyElsewhere("pkcs11", {"token": token.token, "label": "tte"}, certificate, pki.chain)
    with place(kind, tmp_path, pki, var, pkcs11_module=hsm.module) as running:
        documents = sheets(blank, 12)
        name = opened(running.host, ElsewhereKey(OWNER, where, Activation(PIN)), documents)
        with ThreadPoolExecutor(4) as pool:
            chunks = [to_sign(documents[start:start + 3]) for start in range(0, 12, 3)]
            said = [code for chunk in pool.map(lambda one: codes(running.host.sign(name, one)), chunks)
                    for code in chunk]
        assert said == ["signed"] * 12
        assert not running.host.is_open(name)
        assert codes(running.host.sign(name, chunks[0])) == ["signed"] * 3  # what was answered is answered again
        name = opened(running.host, ElsewhereKey(OWNER, where, Activation(WRONG)), documents)
        refused = running.host.sign(name, to_sign(documents[:3]))
        assert refused == (NotSigned("activation_refused", stops=True),) * 3
        with pytest.raises(GrantOver):
            running.host.sign(name, to_sign(documents[3:]))
        assert PIN not in running.written
        # One wrong PIN was one try: the token is not locked.
        again = opened(running.host, ElsewhereKey(OWNER, where, Activation(PIN)), documents)
        assert codes(running.host.sign(again, to_sign(documents[:1]))) == ["signed"]


@pytest.mark.parametrize("kind", HOSTS)
def test_a_remote_service_signs_the_list_and_its_calls_are_on_record(
        kind: str, tmp_path: Path, pki: Pki, var: Path, blank: bytes, csc_service: csc.CscWorld) -> None:
    with place(kind, tmp_path, pki, var, **csc_settings(csc_service)) as running:
        documents = sheets(blank, 6)
        name = opened(running.host, csc_key(csc_service, csc.PIN), documents)
        assert codes(running.host.sign(name, to_sign(documents[:4]))) == ["signed"] * 4
        assert codes(running.host.sign(name, to_sign(documents[:4]))) == ["authorisation_spent"] * 4
        assert codes(running.host.sign(name, to_sign(documents[4:]))) == ["signed"] * 2
        assert "signatures/signHash" in running.endpoints
        assert csc.PIN not in running.written


@pytest.mark.parametrize("kind", HOSTS)
def test_a_wrong_pin_ends_it_after_one_try(
        kind: str, tmp_path: Path, pki: Pki, var: Path, blank: bytes, csc_service: csc.CscWorld) -> None:
    with place(kind, tmp_path, pki, var, **csc_settings(csc_service)) as running:
        documents = sheets(blank, 3)
        name = opened(running.host, csc_key(csc_service, WRONG), documents)
        assert running.host.sign(name, to_sign(documents)) == (NotSigned("activation_refused", stops=True),) * 3
        assert running.endpoints.count("credentials/authorize") == 1
        with pytest.raises(GrantOver):
            running.host.sign(name, to_sign(documents))


@pytest.mark.parametrize("kind", HOSTS)
def test_an_answer_that_got_lost_is_unknown_and_ends_it(
        kind: str, tmp_path: Path, pki: Pki, var: Path, blank: bytes, csc_service: csc.CscWorld) -> None:
    with place(kind, tmp_path, pki, var, **csc_settings(csc_service)) as running:
        documents = sheets(blank, 3)
        name = opened(running.host, csc_key(csc_service, csc.PIN), documents)
        csc_service.simulator.faults.add(Fault(FaultKind.DROP_AFTER, "signatures/signHash"))
        results = running.host.sign(name, to_sign(documents))
        assert codes(results) == ["outcome_unknown"] * 3
        assert isinstance(results[0], NotSigned)
        assert (results[0].is_unknown, results[0].stops) == (True, True)
        assert running.endpoints.count("signatures/signHash") == 1
        assert not running.host.is_open(name)


@pytest.mark.parametrize("kind", HOSTS)
def test_a_service_that_is_away_ends_it_with_nothing_signed(
        kind: str, tmp_path: Path, pki: Pki, var: Path, blank: bytes, csc_service: csc.CscWorld) -> None:
    with place(kind, tmp_path, pki, var, **csc_settings(csc_service)) as running:
        documents = sheets(blank, 2)
        name = opened(running.host, csc_key(csc_service, csc.PIN), documents)
        csc_service.simulator.stop()
        assert running.host.sign(name, to_sign(documents)) == (NotSigned("backend_unavailable", stops=True),) * 2


@pytest.mark.parametrize("kind", HOSTS)
def test_bsre_signs_whole_documents_and_a_wrong_passphrase_costs_one_try(
        kind: str, tmp_path: Path, pki: Pki, var: Path, blank: bytes, bsre_service: bsre.BsreWorld) -> None:
    with place(kind, tmp_path, pki, var, **bsre_settings(bsre_service)) as running:
        documents = sheets(blank, 4)
        name = opened(running.host, bsre_key(bsre.PASSPHRASE), documents)
        results = running.host.sign(name, to_sign(documents))
        assert codes(results) == ["signed"] * 4
        assert all(isinstance(one, SignedDocument) and one.pdf.startswith(frozen)
                   for one, frozen in zip(results, documents, strict=True))
        before = running.endpoints.count(f"POST /{bsre.SIGN[bsre.V2]}")
        wrong = opened(running.host, bsre_key("kalimat-sandi-keliru"), documents)
        refused = running.host.sign(wrong, to_sign(documents))
        assert refused == (NotSigned("activation_refused", stops=True),) * 4
        assert running.endpoints.count(f"POST /{bsre.SIGN[bsre.V2]}") == before + 1
        assert bsre.PASSPHRASE not in running.written
        assert bsre.NIK not in running.written


def test_a_signer_without_certificate_is_told_so(
        tmp_path: Path, pki: Pki, var: Path, blank: bytes, bsre_service: bsre.BsreWorld) -> None:
    with place("inline", tmp_path, pki, var, **bsre_settings(bsre_service)) as running:
        documents = sheets(blank, 2)
        nobody = replace(bsre_key(bsre.PASSPHRASE), key=KeyElsewhere("bsre", {}, None, (), "9999999999999999"))
        name = opened(running.host, nobody, documents)
        assert running.host.sign(name, to_sign(documents)) == (NotSigned("signer_not_ready", stops=True),) * 2
