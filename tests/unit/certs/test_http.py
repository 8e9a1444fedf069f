"""The shared caller: what a failure says about whether the request left, and what the request log keeps."""

from __future__ import annotations

import base64
import html
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from certs.signers.bsre_errors import read_refusal
from certs.signers.call_records import describe_answer, describe_value
from certs.signers.csc_answers import loggable
from certs.signers.http import HttpCall, HttpCaller, HttpConfig
from certs.signers.port import BackendUnavailable, CallRecord, OutcomeUnknown
from tests.support.raw_server import answer, raw_server, read_request

SECRET = "kata-sandi-rahasia"


@dataclass
class Log:
    calls: list[CallRecord] = field(default_factory=list)

    def record(self, call: CallRecord) -> None:
        self.calls.append(call)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def make(log: Log) -> Callable[..., HttpCaller]:
    def make(config: HttpConfig | None = None) -> HttpCaller:
        return HttpCaller("uji", config or HttpConfig(connect_timeout=1.0, deadline=5.0), log)

    return make


@pytest.fixture
def caller(make: Callable[..., HttpCaller]) -> HttpCaller:
    return make()


def post(url: str, safe: bool = False, deadline: float | None = None, body: bytes = b'{"isi": 1}') -> HttpCall:
    return HttpCall("sign", "POST", f"{url}/sign", {"Authorization": f"Basic {SECRET}"}, body, deadline, safe,
                    {"files": 1}, (SECRET,), reference_header="id_dokumen")


def reset(client: socket.socket) -> None:
    """Close with RST."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()


def closed_door() -> str:
    """The URL of a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        return f"http://127.0.0.1:{door.getsockname()[1]}"


def sends(*parts: bytes, pause: float = 0.0) -> Callable[[socket.socket], None]:
    def behave(client: socket.socket) -> None:
        read_request(client)
        for part in parts:
            client.sendall(part)
            time.sleep(pause)

    return behave


def takes_one_byte(client: socket.socket) -> None:
    client.recv(1)
    reset(client)


HEAD = b"HTTP/1.1 200 OK\r\nid_dokumen: abc-123\r\nContent-Length: 1000\r\n\r\n"
LOST = {
    "while sending": (takes_one_byte, ""),
    "after sending": (sends(), ""),
    "within the head": (sends(b"HTTP/1.1 200 OK\r\nConte"), ""),
    "between two lines of the head": (sends(b"HTTP/1.1 200 OK\r\nServer: x\r\n"), ""),
    "within the body": (sends(HEAD + b"half"), "abc-123"),
    "no answer in time": (sends(b"", pause=1.5), ""),
    "head drips": (sends(*[b"X-Slow: y\r\n"] * 15, pause=0.1), ""),
    "body drips": (sends(HEAD, *[b"."] * 15, pause=0.1), "abc-123"),
    "not HTTP": (sends(b"hello\r\n\r\n"), ""),
}


@pytest.mark.parametrize("way", LOST)
def test_what_left_and_was_not_answered_whole_is_unknown(caller: HttpCaller, log: Log, way: str) -> None:
    behave, reference = LOST[way]
    with raw_server(behave) as server, pytest.raises(OutcomeUnknown) as raised:
        caller.call(post(server.url, deadline=0.7, body=b"x" * 3_000_000))
    assert server.connections == 1  # never tried twice
    assert raised.value.reference == reference
    assert [call.outcome for call in log.calls] == ["unknown"]
    assert log.calls[0].duration_ms < 1400
    assert SECRET not in repr((raised.value, raised.value.__cause__, log.calls))


@pytest.mark.parametrize("way", LOST)
def test_a_safe_call_is_never_unknown(caller: HttpCaller, way: str) -> None:
    behave, _ = LOST[way]
    with raw_server(behave) as server, pytest.raises(BackendUnavailable):
        caller.call(post(server.url, safe=True, deadline=0.7))
    assert server.connections == 1


def test_a_server_that_takes_the_body_too_slowly_is_cut_off(caller: HttpCaller) -> None:
    def sips(client: socket.socket) -> None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        time.sleep(1.5)

    begun = time.monotonic()
    with raw_server(sips) as server:
        with pytest.raises(OutcomeUnknown):
            caller.call(post(server.url, deadline=0.5, body=b"x" * 30_000_000))
        assert time.monotonic() - begun < 1.3


@pytest.mark.parametrize("url", ["closed", "http://nama.invalid:1"])
def test_what_was_not_reached_has_not_signed(caller: HttpCaller, log: Log, url: str) -> None:
    with pytest.raises(BackendUnavailable):
        caller.call(post(closed_door() if url == "closed" else url))
    assert [(call.outcome, call.status) for call in log.calls] == [("not_sent", 0)]


def test_a_server_that_lets_nobody_in_was_not_reached(make: Callable[..., HttpCaller]) -> None:
    caller = make(HttpConfig(connect_timeout=0.3, deadline=5))
    with socket.create_server(("127.0.0.1", 0), backlog=0) as door:
        address = door.getsockname()
        waiting = [socket.socket() for _ in range(3)]  # fill the queue
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        with pytest.raises(BackendUnavailable):
            caller.call(post(f"http://127.0.0.1:{address[1]}"))
        for one in waiting:
            one.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "contoh")])
    now = datetime.now(UTC)
    made = (x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(True, None), critical=True)
            .sign(key, hashes.SHA256()))
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_server_with_an_unknown_certificate_is_told_nothing(
        make: Callable[..., HttpCaller], tls: ssl.SSLContext, certificate: Path) -> None:
    with raw_server(sends(answer(b"{}")), tls) as server:
        with pytest.raises(BackendUnavailable):
            make().call(post(server.url))
        trusting = make(HttpConfig(ca_bundle=str(certificate)))
        assert trusting.call(post(server.url)).status == 200


def test_a_deadline_holds_within_tls_too(make: Callable[..., HttpCaller], tls: ssl.SSLContext,
                                         certificate: Path) -> None:
    begun = time.monotonic()
    with raw_server(sends(HEAD, *[b"."] * 15, pause=0.1), tls) as server:
        with pytest.raises(OutcomeUnknown):
            make(HttpConfig(ca_bundle=str(certificate))).call(post(server.url, deadline=0.5))
        assert time.monotonic() - begun < 1.2


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "400 Bad Request", "404 Not Found", "500 Oops", "503 Busy"])
def test_every_whole_answer_is_the_callers_to_judge(caller: HttpCaller, log: Log, status: str) -> None:
    whole = answer(b'{"pesan": "kata-sandi-rahasia salah"}', status, "Location: http://nama.invalid/\r\nX-A: b")
    with raw_server(sends(whole)) as server:
        got = caller.call(post(server.url))
        assert server.connections == 1
    assert (got.status, got.headers["x-a"]) == (int(status[:3]), "b")
    assert json.loads(got.body)["pesan"].startswith(SECRET)
    assert log.calls[0].answer == {"pesan": "[removed] salah"}
    assert (log.calls[0].outcome, log.calls[0].status) == ("answered", int(status[:3]))


def test_an_answer_beyond_the_limit_is_not_taken(make: Callable[..., HttpCaller]) -> None:
    with raw_server(sends(answer(b"x" * 200_000))) as server, pytest.raises(OutcomeUnknown):
        make(HttpConfig(max_answer=100_000)).call(post(server.url))


def test_an_early_refusal_is_heard_though_the_body_was_not_taken(caller: HttpCaller) -> None:
    def refuses(client: socket.socket) -> None:
        client.recv(1024)
        client.sendall(answer(b"{}", "401 Unauthorized"))
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass

    with raw_server(refuses) as server:
        assert caller.call(post(server.url, body=b"x" * 3_000_000)).status == 401


def test_safe_calls_share_a_connection_and_others_do_not(caller: HttpCaller) -> None:
    def keeps(client: socket.socket) -> None:
        while True:
            asked = read_request(client)
            client.sendall(answer(b"{}"))
            assert asked

    with raw_server(keeps) as server:
        for safe in (True, True, True, False, False):
            caller.call(post(server.url, safe=safe))
        assert server.connections == 3
        caller._shared.clear()


def test_a_server_that_keeps_failing_is_left_alone_and_tried_again(make: Callable[..., HttpCaller], log: Log) -> None:
    well = threading.Event()

    def moody(client: socket.socket) -> None:
        read_request(client)
        if well.is_set():
            client.sendall(answer(b"{}"))

    with raw_server(moody) as server:
        caller = make(HttpConfig(fail_max=2, reset_after=0.3, deadline=2))
        for _ in range(2):
            with pytest.raises(OutcomeUnknown):
                caller.call(post(server.url))
        with pytest.raises(BackendUnavailable):
            caller.call(post(server.url))
        assert caller.is_open(server.url)
        assert server.connections == 2
        assert log.calls[-1].outcome == "not_sent"
        time.sleep(0.35)
        with pytest.raises(OutcomeUnknown):  # the trial fails: open again
            caller.call(post(server.url))
        with pytest.raises(BackendUnavailable):
            caller.call(post(server.url))
        well.set()
        time.sleep(0.35)
        assert caller.call(post(server.url)).status == 200
        assert not caller.is_open(server.url)
        assert server.connections == 4


def test_a_slow_call_holds_up_no_other(caller: HttpCaller) -> None:
    let_go = threading.Event()
    first = threading.Event()

    def behave(client: socket.socket) -> None:
        read_request(client)
        if not first.is_set():
            first.set()
            let_go.wait(5)
        client.sendall(answer(b"{}"))

    with raw_server(behave) as server:
        slow = threading.Thread(target=caller.call, args=(post(server.url),))
        slow.start()
        first.wait(5)
        assert caller.call(post(server.url)).status == 200
        assert slow.is_alive()
        let_go.set()
        slow.join()


@pytest.mark.parametrize("typed", ['kata"sandi\\TTE', "rahasia-é&<TTE>", "dua  spasi+100%/2026"])
def test_no_echo_of_a_secret_is_kept_however_it_is_spelled(typed: str) -> None:
    sent = json.dumps({"passphrase": typed})
    for spelled in (typed, sent, json.dumps({"body": sent}), json.dumps(typed, ensure_ascii=False), html.escape(typed),
                    quote(typed), quote_plus(typed), quote_plus(typed).replace("%2B", "%2b").replace("%2F", "%2f")):
        echo = f"tidak dapat dibaca: {spelled}!"
        for kept in (describe_answer(json.dumps({"error": echo}).encode(), "application/json", (typed,)),
                     describe_answer(f"<p>{echo}</p>".encode(), "text/html", (typed,)),
                     loggable(json.dumps({"error_description": echo}).encode(), (typed,)),
                     read_refusal(400, json.dumps({"error": echo}).encode(), (typed,)).text):
            assert not any(part in str(kept) for part in ("sandi", "rahasia", "spasi")), kept


def test_an_answer_of_any_shape_can_be_kept() -> None:
    for body in (b'{"a":' * 800 + b"1" + b"}" * 800, b'{"signatures":' + b"[" * 800 + b"]" * 800 + b"}"):
        assert set(loggable(body)) == {"body"}
        json.dumps(describe_answer(body, "application/json"))
    for kept in (loggable(b'{"expiresIn": 1e999, "x": NaN}'), describe_answer(b'{"a": 1e999, "b": NaN}', "")):
        json.dumps(kept, allow_nan=False)


def test_the_log_keeps_no_file_and_no_secret() -> None:
    pdf = b"%PDF-1.7 " + b"rahasia" * 100
    told = describe_value({
        "file": [base64.b64encode(pdf).decode()], "raw": pdf, "totp": "123456", "nested": [{"Passphrase": SECRET}],
        "message": f"sandi {SECRET} ditolak", "data": None, "angka": 654321}, (SECRET, "654321"))
    assert told == {
        "file": [{"sha256": describe_answer(pdf, "application/pdf")["file"]["sha256"], "size": len(pdf)}],  # type: ignore[index]
        "raw": describe_answer(pdf, "application/pdf")["file"], "totp": "[removed]",
        "nested": [{"Passphrase": "[removed]"}], "message": "sandi [removed] ditolak", "data": None,
        "angka": "[removed]"}
    json.dumps(told)
