"""Mail: by SMTP, or as .eml files in a folder for trying things out."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path

from svc.ports import Mail, MailFailed
from svc.settings import Settings

_TIMEOUT_SECONDS = 20
_PERMANENT = 500


class FolderMailer:
    """Writes each message to ``<message id>.eml``; the same message twice is one file."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder, self._sender = folder, sender

    def send(self, mail: Mail) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = "".join(char if char.isalnum() else "-" for char in mail.message_id.strip("<>"))
        try:
            (self._folder / f"{name}.eml").write_bytes(bytes(compose(mail, self._sender)))
        except OSError as error:
            raise MailFailed(str(error.strerror), is_permanent=False) from error


class SmtpMailer:
    """One connection a message; time-outs and 4xx answers may be tried again, 5xx may not."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def send(self, mail: Mail) -> None:
        message = compose(mail, self._settings.mail_from)
        try:
            with self._connect() as server:
                if self._settings.smtp_user:
                    server.login(self._settings.smtp_user, self._settings.smtp_password.get_secret_value())
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            code = next(iter(error.recipients.values()))[0]
            raise MailFailed(f"recipient refused ({code})", is_permanent=code >= _PERMANENT) from error
        except smtplib.SMTPAuthenticationError as error:  # a wrong setting is no fault of the message
            raise MailFailed(f"login refused ({error.smtp_code})", is_permanent=False) from error
        except smtplib.SMTPResponseException as error:
            raise MailFailed(f"server said {error.smtp_code}", is_permanent=error.smtp_code >= _PERMANENT) from error
        except (OSError, smtplib.SMTPException) as error:
            raise MailFailed(type(error).__name__, is_permanent=False) from error

    def _connect(self) -> smtplib.SMTP:
        host, port = self._settings.smtp_host, self._settings.smtp_port
        if self._settings.smtp_tls == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT_SECONDS, context=ssl.create_default_context())
        server = smtplib.SMTP(host, port, timeout=_TIMEOUT_SECONDS)
        if self._settings.smtp_tls == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except (OSError, smtplib.SMTPException):
                server.close()
                raise
        return server


def compose(mail: Mail, sender: str) -> EmailMessage:
    """The message as it goes out."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, mail.to, mail.subject
    message["Message-ID"] = mail.message_id
    message["Date"] = formatdate()
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    if mail.html:
        message.add_alternative(mail.html, subtype="html")
    return message
