"""The request log of remote backends, as BSrE demands of applications: who was asked what, when, with which answer.

Each call is one row in a transaction of its own, written whether or not the act it belongs to succeeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from svc.actors import Actor
from svc.call_log import CallRows
from svc.deps import Deps
from svc.errors import Forbidden
from svc.models import RemoteCall
from svc.roles import is_allowed

_MOST = 200


class CallRecorder(CallRows):
    """A :class:`certs.signers.port.CallLog` of this service; of one signing attempt, once that is known."""

    def __init__(self, deps: Deps, attempt_id: int | None = None) -> None:
        super().__init__(deps.db, deps.clock, attempt_id)


@dataclass(frozen=True)
class CallLine:
    """One line of the log as administrators see it."""

    at: datetime
    backend: str
    endpoint: str
    status: int
    duration_ms: int
    outcome: str


def recent(deps: Deps, actor: Actor) -> tuple[CallLine, ...]:
    """The latest 200 calls, newest first. :raises Forbidden: not an administrator"""
    if not is_allowed("admin.certificates", actor.roles):
        raise Forbidden
    with deps.db.read_session() as session:
        rows = session.scalars(select(RemoteCall).order_by(RemoteCall.at.desc(), RemoteCall.id.desc()).limit(_MOST))
        return tuple(CallLine(row.at, row.backend, row.endpoint, row.status, row.duration_ms, row.outcome)
                     for row in rows)
