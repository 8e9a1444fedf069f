"""The SMTP mailer against a real server: transport security, login, and which refusals are for good."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from svc.adapters.mailers import SmtpMailer
from svc.ports import Mail, MailFailed
from svc.settings import Settings
from tests.support.s3 import free_port

MAIL = Mail("<notice-1@paraf.example>", "kepala@nusamandala.example", "Menunggu Anda: Keputusan é", "Isi", "<p>Isi</p>")
USER, PASSWORD = "paraf", "kata-sandi-surel"


class Box:
    """Keeps what comes with how it came, or refuses recipients and messages as told."""

    def __init__(self, *, recipient: str = "250 OK", data: str = "250 OK") -> None:
        self.recipient, self.data = recipient, data
        self.messages: list[tuple[Any, bool]] = []

    async def handle_RCPT(self, _server: object, _session: object, envelope: Any, address: str,  # noqa: N802
                          _options: object) -> str:
        if self.recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(self, _server: object, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.data.startswith("250"):
            parsed = message_from_bytes(envelope.content, policy=policy.default)
            self.messages.append((parsed, session.ssl is not None))
        return self.data


def check_login(_server: object, _session: object, _envelope: object, _mechanism: str, given: object) -> AuthResult:
    is_right = isinstance(given, LoginPassword) and (given.login, given.password) == (
        USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False)


@contextmanager
def serving(box: Box, **options: Any) -> Iterator[int]:
    port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@pytest.fixture
def serve() -> Iterator[Callable[..., int]]:
    with ExitStack() as stack:
        yield lambda box, **options: stack.enter_context(serving(box, **options))


def mailer(port: int, **more: str) -> SmtpMailer:
    return SmtpMailer(Settings.from_env({
        "PARAF_MAIL": "smtp", "PARAF_SMTP_HOST": "127.0.0.1", "PARAF_SMTP_PORT": str(port),
        "PARAF_MAIL_FROM": "paraf@nusamandala.example", **more}, env_file=None))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Certificate and key of a server at 127.0.0.1, its own issuer."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "surel.nusamandala.example")])
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(key, hashes.SHA256()))
    folder = tmp_path_factory.mktemp("smtp")
    chain, secret = folder / "server.crt", folder / "server.secret"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption()))
    return chain, secret


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def test_a_message_arrives_whole_in_both_forms(serve: Callable[..., int]) -> None:
    box = Box()
    mailer(serve(box)).send(MAIL)
    ((message, _),) = box.messages
    assert (message["Message-ID"], message["To"], message["Subject"]) == (MAIL.message_id, MAIL.to, MAIL.subject)
    assert message["From"] == "paraf@nusamandala.example"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_body(("plain",)).get_content().strip() == "Isi"
    assert message.get_body(("html",)).get_content().strip() == "<p>Isi</p>"


@pytest.mark.parametrize(("box", "is_permanent"), [
    (Box(recipient="550 no such mailbox"), True), (Box(recipient="450 mailbox busy"), False),
    (Box(data="554 refused"), True), (Box(data="452 disk full"), False),
], ids=["recipient-5xx", "recipient-4xx", "data-5xx", "data-4xx"])
def test_only_refusals_for_good_are_for_good(serve: Callable[..., int], box: Box, is_permanent: bool) -> None:
    with pytest.raises(MailFailed) as caught:
        mailer(serve(box)).send(MAIL)
    assert caught.value.is_permanent is is_permanent
    assert MAIL.to not in str(caught.value)


def test_starttls_encrypts_before_the_message_is_sent(
    serve: Callable[..., int], tls: ssl.SSLContext, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    box = Box()
    mailer(serve(box, tls_context=tls), PARAF_SMTP_TLS="starttls").send(MAIL)
    assert [is_encrypted for _, is_encrypted in box.messages] == [True]


def test_a_stranger_in_between_gets_nothing(serve: Callable[..., int], tls: ssl.SSLContext) -> None:
    box = Box()
    with pytest.raises(MailFailed) as caught:
        mailer(serve(box, tls_context=tls), PARAF_SMTP_TLS="starttls").send(MAIL)
    assert not caught.value.is_permanent
    assert box.messages == []


def test_a_server_that_hides_starttls_gets_nothing(serve: Callable[..., int]) -> None:
    box = Box()
    with pytest.raises(MailFailed):
        mailer(serve(box), PARAF_SMTP_TLS="starttls").send(MAIL)
    assert box.messages == []


def test_it_logs_in_and_a_wrong_login_is_no_fault_of_the_message(
    serve: Callable[..., int], tls: ssl.SSLContext, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    box = Box()
    port = serve(box, tls_context=tls, authenticator=check_login, auth_required=True)
    secure = {"PARAF_SMTP_TLS": "starttls", "PARAF_SMTP_USER": USER}
    with pytest.raises(MailFailed, match="login refused") as caught:
        mailer(port, **secure, PARAF_SMTP_PASSWORD="salah").send(MAIL)
    assert not caught.value.is_permanent
    mailer(port, **secure, PARAF_SMTP_PASSWORD=PASSWORD).send(MAIL)
    assert len(box.messages) == 1


def test_a_server_that_is_not_there_is_a_passing_fault() -> None:
    with pytest.raises(MailFailed) as caught:
        mailer(free_port()).send(MAIL)
    assert not caught.value.is_permanent
