"""The request log of remote backends as rows: whoever makes the call writes it, with a service around it or without."""

from __future__ import annotations

import logging

from sqlalchemy.exc import SQLAlchemyError

from certs.signers.port import CallRecord
from svc import failpoints
from svc.db import Database
from svc.models import RemoteCall
from svc.ports import Clock

logger = logging.getLogger(__name__)


class CallRows:
    """A :class:`certs.signers.port.CallLog` that writes rows; of one signing attempt, once that is known."""

    def __init__(self, db: Database, clock: Clock, attempt_id: int | None = None) -> None:
        self._db = db
        self._clock = clock
        self.attempt_id = attempt_id

    def record(self, call: CallRecord) -> None:
        """Write the row; a database that does not answer costs the row, never the signature."""
        failpoints.reach("remote.after_call")
        try:
            with self._db.unit_of_work() as session:
                session.add(RemoteCall(
                    at=self._clock.now(), backend=call.backend, endpoint=call.endpoint[:200],
                    status=call.status, duration_ms=call.duration_ms, outcome=call.outcome, request=call.request,
                    answer=call.answer, attempt_id=self.attempt_id))
        except SQLAlchemyError as error:
            logger.error("request log lost: backend=%s endpoint=%s status=%s error=%s",  # noqa: TRY400
                         call.backend, call.endpoint, call.status, type(error).__name__)
