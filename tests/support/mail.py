"""A mailer that keeps what it was given, or fails as told."""

from __future__ import annotations

from svc.ports import Mail, MailFailed


class KeepingMailer:
    """Implements ``svc.ports.Mailer`` for tests that are not about mail servers."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []
        self.failure: MailFailed | None = None

    def send(self, mail: Mail) -> None:
        if self.failure is not None:
            raise self.failure
        self.sent.append(mail)
