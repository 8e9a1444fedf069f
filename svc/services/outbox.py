"""Effects that happen after a commit: written with the change, delivered at least once by the worker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from svc.models import Notice, OutboxMessage
from svc.services.gathering import add_row


def enqueue(session: Session, kind: str, payload: Mapping[str, Any], now: datetime,
            due_at: datetime | None = None) -> None:
    """Write an outbox row in the caller's transaction. Payloads carry ids, never secrets."""
    add_row(session, OutboxMessage, {
        "kind": kind, "payload": dict(payload), "created_at": now, "due_at": due_at or now})


def notify(session: Session, person_id: int, message: str, now: datetime, *, decree_id: int | None = None,
           params: Mapping[str, Any] | None = None, by_mail: bool = True) -> None:
    """A line in somebody's bell, and a mail about it. ``message`` is an Indonesian gettext msgid with
    ``%(name)s`` placeholders that ``params`` fill."""
    notice = Notice(person_id=person_id, decree_id=decree_id, message=message, params=dict(params or {}),
                    created_at=now)
    session.add(notice)
    session.flush()
    if by_mail:
        enqueue(session, "notice_mail", {"notice_id": notice.id}, now)
