"""The signing host as a process: killed, told to end, spoken to by strangers, looked into."""

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
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from svc.ports import (
    SIGNING_HOST_DOWN,
    Activation,
    ElsewhereKey,
    GrantOver,
    KeyElsewhere,
    SigningHost,
    SigningHostDown,
)
from svc.signing_host.client import RemoteHost, to_tls
from svc.signing_host.protocol import MAX_DOCUMENTS, IsOpen, write
from svc.signing_host.tls import client_context
from svc.signing_host.transport import MAX_BODY, send
from tests.contract.signing_host.conftest import (
    OWNER,
    PASSPHRASE,
    Running,
    Signatory,
    codes,
    listing,
    sheets,
    to_sign,
)
from tests.support.signing_hosts import (
    HostProcess,
    PeerAuthority,
    answers,
    host_process,
    over_tls,
    stranger_over_tls,
)


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
