"""One contract for every signing host: within the caller, behind its socket, behind mutual TLS."""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certs import ca
from certs.authorisation import Authorisation, Owner, authorise
from certs.pades import Level, SignatureBox, SignedDocument, SignRequest
from certs.tsa import TimeStampAuthority
from certs.validation import is_extension, validate_pdf
from certs.vault import PrivateKey
from svc.adapters.backends import Backends, NoLog
from svc.adapters.clock import SystemClock
from svc.adapters.keystore import load_or_create_pki, load_server_key
from svc.adapters.tsa_client import FailoverTsa, TsaConfig
from svc.ports import (
    SIGNING_HOST_DOWN,
    Activation,
    ElsewhereKey,
    GrantOver,
    KeyElsewhere,
    NotSigned,
    SigningHost,
    SigningHostDown,
    StoredKey,
    ToSign,
)
from svc.settings import Settings
from svc.signing_host.client import RemoteHost, to_tls
from svc.signing_host.holder import KeyHolder
from svc.signing_host.inline import InlineHost
from svc.signing_host.protocol import MAX_DOCUMENTS, IsOpen, write
from svc.signing_host.signers import Means
from svc.signing_host.tls import client_context
from svc.signing_host.transport import MAX_BODY, send
from tests.support.clock import FrozenClock
from tests.support.signers_port import page
from tests.support.signing_hosts import (
    HostProcess,
    PeerAuthority,
    answers,
    free_port,
    host_process,
    over_tls,
    stranger_over_tls,
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


@pytest.mark.parametrize("box", [None, BOX], ids=["invisible", "widget"])
def test_what_is_listed_is_signed_as_asked(
        host: SigningHost, signatory: Signatory, blank: bytes, box: SignatureBox | None) -> None:
    documents = sheets(blank, 3)
    authorisation = listing(documents)
    host.open(authorisation, signatory.stored)
    results = host.sign(authorisation.authorisation_id, to_sign(documents, level=Level.B_T, box=box))
    crl = ca.build_crl(signatory.pki.issuing, (), datetime.now(UTC), datetime.now(UTC) + timedelta(days=1))
    for frozen, result in zip(documents, results, strict=True):
        assert isinstance(result, SignedDocument)
        assert is_extension(frozen, result.pdf)
        assert hashlib.sha256(result.pdf).hexdigest() == result.sha256
        report = validate_pdf(result.pdf, signatory.pki.trust_store([crl]), datetime.now(UTC) + timedelta(seconds=1))
        assert int(report.signatures[0].serial, 16) == signatory.stored.certificate.serial_number
        assert report.signatures[0].level == "B-T"
        assert report.passed


def test_a_stranger_is_refused_and_who_asks_again_gets_the_same_signature(
        host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 3)
    authorisation = listing(documents)
    host.open(authorisation, signatory.stored)
    asked = to_sign([documents[0], blank, documents[0], documents[1]])
    first, stranger, doubled, second = host.sign(authorisation.authorisation_id, asked)
    assert codes((first, stranger, doubled, second)) == ["signed", "not_authorised", "signed", "signed"]
    host.open(authorisation, signatory.stored)  # a doubled message is no new authorisation
    later = to_sign(documents[:2], signed_at=datetime.now(UTC) + timedelta(seconds=1), reason="Lain")
    again = host.sign(authorisation.authorisation_id, later)
    assert (again, doubled) == ((first, second), first)  # to the byte, whatever is asked for


def test_what_is_on_record_is_neither_given_nor_signed_again(
        host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 3)
    authorisation = listing(documents)
    host.open(authorisation, signatory.stored)
    host.sign(authorisation.authorisation_id, to_sign(documents[:2]))
    host.forget(authorisation.authorisation_id, [hashlib.sha256(documents[0]).hexdigest(), "0" * 64])
    asked = host.sign(authorisation.authorisation_id, to_sign(documents[:2]))
    assert codes(asked) == ["authorisation_spent", "signed"]
    host.forget(uuid4().hex, ["0" * 64])  # of an authorisation that nobody knows: fine


def test_no_document_is_answered_once_it_is_closed(host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 2)
    authorisation = listing(documents)
    host.open(authorisation, signatory.stored)
    host.sign(authorisation.authorisation_id, to_sign(documents))
    host.close(authorisation.authorisation_id)
    with pytest.raises(GrantOver):
        host.sign(authorisation.authorisation_id, to_sign(documents))


def test_the_claimed_time_is_that_of_the_act(host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 1)
    authorisation = listing(documents)
    host.open(authorisation, signatory.stored)
    last_year = to_sign(documents, signed_at=datetime.now(UTC) - timedelta(days=365))
    assert codes(host.sign(authorisation.authorisation_id, last_year)) == ["not_authorised"]
    assert codes(host.sign(authorisation.authorisation_id, to_sign(documents))) == ["signed"]


def test_a_used_up_list_is_over_and_stays_so(host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 2)
    authorisation = listing(documents)
    host.open(authorisation, signatory.stored)
    made = host.sign(authorisation.authorisation_id, to_sign(documents))
    assert not host.is_open(authorisation.authorisation_id)
    with pytest.raises(GrantOver):
        host.open(authorisation, signatory.stored)
    assert host.sign(authorisation.authorisation_id, to_sign(documents)) == made  # for who took them may have died
    host.forget(authorisation.authorisation_id, authorisation.hashes)
    with pytest.raises(GrantOver):
        host.sign(authorisation.authorisation_id, to_sign(documents))
    with pytest.raises(GrantOver):
        host.open(authorisation, signatory.stored)


def test_what_is_closed_stays_closed(host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 1)
    authorisation = listing(documents)
    host.open(authorisation, signatory.stored)
    assert host.is_open(authorisation.authorisation_id)
    host.close(authorisation.authorisation_id)
    host.close(authorisation.authorisation_id)
    assert not host.is_open(authorisation.authorisation_id)
    with pytest.raises(GrantOver):
        host.sign(authorisation.authorisation_id, to_sign(documents))
    with pytest.raises(GrantOver):
        host.open(authorisation, signatory.stored)


def test_its_time_ends_it(host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 1)
    authorisation = listing(documents, seconds=0.6)
    host.open(authorisation, signatory.stored)
    time.sleep(0.7)
    assert not host.is_open(authorisation.authorisation_id)
    with pytest.raises(GrantOver):
        host.sign(authorisation.authorisation_id, to_sign(documents))
    with pytest.raises(GrantOver):
        host.open(authorisation, signatory.stored)


def test_another_list_under_a_known_name_is_refused(host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 2)
    authorisation = listing(documents[:1])
    longer = replace(listing(documents), authorisation_id=authorisation.authorisation_id)
    host.open(authorisation, signatory.stored)
    with pytest.raises(GrantOver):
        host.open(longer, signatory.stored)
    assert codes(host.sign(authorisation.authorisation_id, to_sign(documents[1:]))) == ["not_authorised"]


def test_eight_threads_sign_side_by_side_each_document_once(
        host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 40)
    authorisation = listing([*documents, b"never sent"])
    host.open(authorisation, signatory.stored)
    with ThreadPoolExecutor(8) as pool:
        chunks = [to_sign(documents[start:start + 10]) for start in (0, 10, 20, 30)] * 2  # every chunk is doubled
        said = list(pool.map(lambda chunk: host.sign(authorisation.authorisation_id, chunk), chunks))
    flat = [one for chunk in said for one in chunk]
    assert flat[:40] == flat[40:]
    assert len({one.sha256 for one in flat if isinstance(one, SignedDocument)}) == 40


def test_documents_beyond_the_limits_are_refused_alone(
        host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 100)
    huge = bytes(25 * 1024 * 1024 + 1)
    authorisation = listing([*documents, huge])
    host.open(authorisation, signatory.stored)
    results = host.sign(authorisation.authorisation_id, to_sign([*documents[:70], huge, *documents[70:]]))
    assert codes(results) == ["signed"] * 70 + ["document_unsignable"] + ["signed"] * 30
    assert isinstance(results[99], SignedDocument)
    assert results[99].pdf.startswith(documents[98])


def test_a_broken_document_harms_nobody(host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = [b"%PDF-1.7 broken", *sheets(blank, 1)]
    authorisation = listing(documents)
    host.open(authorisation, signatory.stored)
    assert codes(host.sign(authorisation.authorisation_id, to_sign(documents))) == ["document_unsignable", "signed"]


def test_a_list_is_stopped_when_no_time_stamp_is_to_be_had(signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 6)
    authorisation = listing(documents)
    nowhere = FailoverTsa(TsaConfig((f"http://127.0.0.1:{free_port()}/",), 1.0))
    host = InlineHost(Means(SystemClock(), nowhere, Backends({}), NoLog()))
    host.open(authorisation, signatory.stored)
    one, stop = NotSigned("timestamp_unavailable"), NotSigned("timestamp_unavailable", stops=True)
    results = host.sign(authorisation.authorisation_id, to_sign(documents[:5], level=Level.B_T))
    assert results == (one, one, stop, stop, stop)
    assert not host.is_open(authorisation.authorisation_id)


@pytest.mark.parametrize("other", [Owner("orang lain", "kunci"), Owner("orang", "kunci lain")])
def test_a_key_of_another_person_or_another_one_of_his_is_not_held(
        host: SigningHost, signatory: Signatory, blank: bytes, other: Owner) -> None:
    documents = sheets(blank, 1)
    authorisation = listing(documents)
    with pytest.raises(GrantOver):
        host.open(authorisation, replace(signatory.stored, owner=other))
    assert not host.is_open(authorisation.authorisation_id)


def test_a_backend_that_nobody_set_up_stops_it(host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 2)
    authorisation = listing(documents)
    where = KeyElsewhere("pkcs11", {"token": "t", "label": "l"}, signatory.stored.certificate, ())
    host.open(authorisation, ElsewhereKey(OWNER, where, Activation(PASSPHRASE)))
    stopped = NotSigned("backend_not_configured", stops=True)
    assert host.sign(authorisation.authorisation_id, to_sign(documents)) == (stopped, stopped)
    assert not host.is_open(authorisation.authorisation_id)


def test_a_key_of_another_certificate_stops_it(host: SigningHost, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 1)
    authorisation = listing(documents)
    host.open(authorisation, replace(signatory.stored, key=ca.generate_signer_key()))
    assert host.sign(authorisation.authorisation_id, to_sign(documents)) == (NotSigned("key_mismatch", stops=True),)


def test_killed_in_the_middle_it_is_down_and_knows_nothing_afterwards(
        tmp_path: Path, keys_folder: Path, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 4000)
    authorisation = listing(documents)
    with host_process(tmp_path / "var", keys_folder) as process:
        process.unix.open(authorisation, signatory.stored)
        answered: list[str] = []

        def sign() -> None:
            answered.extend(codes(process.unix.sign(authorisation.authorisation_id, to_sign(documents))))

        thread = threading.Thread(target=sign)
        thread.start()
        time.sleep(4)
        process.kill()
        thread.join()
        # What was answered before is kept; of some nobody knows; the others were never sent.
        assert len(answered) == len(documents)
        assert list(dict.fromkeys(answered)) == ["signed", SIGNING_HOST_DOWN, "authorisation_expired"]
        assert answered.count(SIGNING_HOST_DOWN) <= MAX_DOCUMENTS
        with pytest.raises(SigningHostDown):
            process.unix.is_open(authorisation.authorisation_id)
        process.start()  # over the stale socket
        with pytest.raises(GrantOver):
            process.unix.sign(authorisation.authorisation_id, to_sign(documents))


def test_told_to_end_it_forgets_and_leaves_no_socket(
        tmp_path: Path, keys_folder: Path, signatory: Signatory, blank: bytes) -> None:
    deep = tmp_path / ("dalam" * 15)  # longer than the path of a socket may be
    deep.mkdir()
    with host_process(deep / "var", keys_folder) as process:
        authorisation = listing(sheets(blank, 1))
        process.unix.open(authorisation, signatory.stored)
        mode = process.socket_path.stat().st_mode & 0o777, process.socket_path.parent.stat().st_mode & 0o777
        assert mode == (0o600, 0o700)
        assert process.stop() == 0
        assert '"why": "closed"' in process.log
        assert not process.socket_path.exists()


def test_a_second_one_leaves_the_first_alone(running: Running) -> None:
    assert HostProcess(running.process.var).launch().wait(60) != 0
    assert "is running" in running.process.log
    assert answers(running.process.unix)


@pytest.mark.parametrize("written", [
    b"GET / HTTP/1.1\r\n\r\n", b"PSH9" + bytes(8), b"PSH1" + struct.pack("!II", 2**31, 0),
    b"PSH1" + struct.pack("!II", 2, MAX_BODY + 1), b"PSH1" + struct.pack("!II", 5, 0) + b"[[[[[",
    b"PSH1" + struct.pack("!II", 27, 0) + b'{"content":{},"sizes":[-1]}', b"PSH1" + struct.pack("!II", 100, 0) + b"{",
])
def test_garbage_is_cut_off_and_harms_nobody(running: Running, written: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.settimeout(10)
        stranger.connect(str(running.process.socket_path))
        stranger.sendall(written)
        stranger.shutdown(socket.SHUT_WR)
        assert _rest(stranger) == b""
    assert answers(running.process.unix)
    assert "Traceback" not in running.process.log


@pytest.mark.parametrize("head", [
    [], {"kind": "is_open"}, {"kind": "done", "value": {}}, {"kind": "open_stored", "value": {}},
    {"kind": "is_open", "value": {"authorisation_id": 7}}, {"kind": "nothing", "value": {}},
    {"kind": "sign", "value": {"authorisation_id": "x", "requests": [{}]}},
])
def test_what_is_not_a_question_gets_no_answer(running: Running, head: object) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.settimeout(10)
        stranger.connect(str(running.process.socket_path))
        send(stranger, head, [b"x"])
        assert _rest(stranger) == b""
    assert answers(running.process.unix)
    assert "Traceback" not in running.process.log


def test_idlers_at_the_door_keep_nobody_out(running: Running) -> None:
    idle = [socket.create_connection(("127.0.0.1", running.port), 5) for _ in range(20)]
    try:
        assert answers(running.over_tls)
        assert answers(running.process.unix)
    finally:
        for one in idle:
            one.close()


def test_peers_of_another_authority_and_those_without_certificate_are_refused(
        running: Running, tmp_path: Path) -> None:
    theirs = PeerAuthority(tmp_path, "orang-lain")
    ours = running.authority.files("worker")
    mixed = replace(theirs.files("worker"), authority=ours.authority)  # trusts the host, is not trusted
    assert not answers(over_tls(running.port, mixed))
    assert not answers(over_tls(running.port, theirs.files("worker")))  # does not even trust the host
    assert not answers(over_tls(running.port, running.authority.files("host")))  # a host is no worker
    with closing(stranger_over_tls(running.port, ours.authority)) as stranger, suppress(OSError):
        send(stranger, write(IsOpen("x")))
        assert _rest(stranger) == b""  # or an alert, which is an OSError
    assert answers(running.over_tls)


def test_another_name_than_the_hosts_is_not_spoken_to(running: Running) -> None:
    worker = client_context(running.authority.files("worker"))
    assert answers(RemoteHost(to_tls("127.0.0.1", running.port, worker)))
    assert not answers(RemoteHost(to_tls("localhost", running.port, worker)))  # the certificate has not that name


def test_neither_key_nor_passphrase_is_written_anywhere(
        running: Running, signatory: Signatory, blank: bytes) -> None:
    documents = sheets(blank, 2)
    authorisation, other = listing(documents), listing(documents)
    running.process.unix.open(authorisation, signatory.stored)
    running.process.unix.sign(authorisation.authorisation_id, to_sign(documents))
    where = KeyElsewhere("bsre", {}, None, (), identity="1900010112345678")
    running.process.unix.open(other, ElsewhereKey(OWNER, where, Activation(PASSPHRASE, "482915")))
    running.process.unix.sign(other.authorisation_id, to_sign(documents))
    der = signatory.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    inner = der[300:348]
    proc = Path("/proc") / str(running.process.pid)
    written = [running.process.log.encode(), (proc / "cmdline").read_bytes()]
    if os.geteuid() == 0:  # others may not even look
        written.append((proc / "environ").read_bytes())
    written += [path.read_bytes() for path in running.process.var.rglob("*") if path.is_file()]
    assert authorisation.authorisation_id in running.process.log
    for text in written:
        for secret in (PASSPHRASE.encode(), b"482915", b"1900010112345678", der, inner, base64.b64encode(der)[40:100],
                       inner.hex().encode(), repr(inner)[2:-1].encode()):
            assert secret not in text


def test_the_process_can_be_neither_dumped_nor_looked_into(running: Running) -> None:
    limits = (Path("/proc") / str(running.process.pid) / "limits").read_text("ascii")
    assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)
    program = ("import ctypes; from svc.signing_host.process import harden; "
               "harden(); print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))")  # PR_GET_DUMPABLE
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip() == "0"


def test_memory_stays_flat(running: Running, signatory: Signatory, blank: bytes) -> None:
    sizes = [resident(running.process.pid)]
    for _ in range(3):
        sign_many(running.process.unix, signatory, blank, 3000)
        sizes.append(resident(running.process.pid))
    growths = [after - before for before, after in itertools.pairwise(sizes)]
    assert min(growths) < 6 * 1024, sizes  # what is kept grows each time, what a process needs to get going only once


def sign_many(host: SigningHost, signatory: Signatory, blank: bytes, count: int) -> None:
    documents = sheets(blank, count)
    authorisation = listing(documents)
    host.open(authorisation, signatory.stored)
    for start in range(0, count, 50):
        said = codes(host.sign(authorisation.authorisation_id, to_sign(documents[start:start + 50])))
        assert said == ["signed"] * 50
        host.forget(authorisation.authorisation_id,
                    [hashlib.sha256(one).hexdigest() for one in documents[start:start + 50]])


def resident(pid: int) -> int:
    """KiB of memory in use."""
    lines = (Path("/proc") / str(pid) / "status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def _rest(stranger: socket.socket) -> bytes:
    """What the other side still writes until it hangs up."""
    data = b""
    try:
        while chunk := stranger.recv(4096):
            data += chunk
    except ConnectionResetError:
        return data
    return data


def test_an_act_that_ended_is_not_opened_again_when_the_clock_is_set_back(signatory: Signatory, blank: bytes) -> None:
    tsa, clock, documents = signatory.pki.tsa, FrozenClock(datetime.now(UTC)), sheets(blank, 1)
    stamps = TimeStampAuthority(tsa.certificate, tsa.key, (signatory.pki.root.certificate,))
    host, authorisation = KeyHolder(Means(clock, stamps, Backends({}), NoLog())), listing(documents)
    host.open(authorisation, signatory.stored)
    clock.advance(minutes=6)
    for _ in range(3):
        assert not host.is_open(authorisation.authorisation_id)
    clock.advance(minutes=-6)
    with pytest.raises(GrantOver):
        host.open(authorisation, signatory.stored)
