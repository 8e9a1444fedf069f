"""Batches that nobody works on although there is work: their nudges were lost with a broker, a message or a host."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from svc.deps import Deps
from svc.models import Batch
from svc.ports import EngineDown

_SILENCE = timedelta(seconds=10)  # longer than a chunk takes
_MOST = 200


def nudge_forgotten(deps: Deps) -> int:
    """Nudge workers to batches at which nobody looked for a while; returns to how many.

    While nudges still wait for all of them, workers are only busy, and nothing is sent.
    """
    since = deps.clock.now() - _SILENCE
    with deps.db.read_session() as session:
        open_ones = select(Batch.public_id, Batch.work).where(
            Batch.work != "", Batch.paused_at.is_(None), Batch.stop_code == "")
        forgotten = session.execute(open_ones.where(Batch.last_chunk_at <= since, Batch.work_at <= since)
                                    .order_by(Batch.last_chunk_at, Batch.id).limit(_MOST)).all()
    if not forgotten:
        return 0
    try:
        if deps.engine.waiting() >= len(forgotten):
            return 0
    except EngineDown:
        return 0  # found again at the next look
    for batch_id, work in forgotten:
        deps.engine.nudge(batch_id, work)
    return len(forgotten)
