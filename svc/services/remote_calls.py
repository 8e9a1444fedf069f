"""The request log of remote backends, as BSrE demands of applications: who was asked what, when, with which answer.

Each call is one row in a transaction of its own, written whether or not the act it belongs to succeeds.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from certs.signers.port import CallRecord
from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Forbidden
from svc.models import RemoteCall
from svc.roles import is_allowed

logger = logging.getLogger(__name__)
_MOST = 200


class CallRecorder:
    """A :class:`certs.signers.port.CallLog` that writes rows; of one signing attempt, once that is known."""

    def __init__(self, deps: Deps, attempt_id: int | None = None) -> None:
        self._deps = deps
        self.attempt_id = attempt_id

    def record(self, call: CallRecord) -> None:
        """Write the row; a database that does not answer costs the row, never the signature."""
        try:
            with self._deps.db.unit_of_work() as session:
                session.add(RemoteCall(
                    at=self._deps.clock.now(), backend=call.backend, endpoint=call.endpoint[:200],
                    status=call.status, duration_ms=call.duration_ms, outcome=call.outcome, request=call.request,
                    answer=call.answer, attempt_id=self.attempt_id))
        except SQLAlchemyError as error:
            logger.error("request log lost: backend=%s endpoint=%s status=%s error=%s",  # noqa: TRY400
                         call.backend, call.endpoint, call.status, type(error).__name__)


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
