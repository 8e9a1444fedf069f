"""Appending to the audit chains, in the transaction of the change itself.

Each decree has its own SHA-256 chain whose head stands on the decree's row, since one chain for all would
make every writer wait for every other. What belongs to no decree goes into a named stream. A signed
checkpoint over all heads (``svc.services.audit``) makes a cut tail or a vanished decree visible.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.actors import Actor
from svc.models import AuditEvent, AuditStream, Decree
from svc.services.gathering import add_row

SYSTEM_NAME = "Sistem"


@dataclass(frozen=True)
class AuditActor:
    """Who did it, as printed for ever; ``person_id`` is empty for the system and for the public.

    ``channel``, where there is one, is told in the event's payload, so that events before it keep their hashes.
    """

    person_id: int | None
    name: str
    capacity: str | None = None
    channel: str = ""

    @classmethod
    def system(cls) -> Self:
        return cls(None, SYSTEM_NAME)

    @classmethod
    def of(cls, actor: Actor) -> Self:
        title = actor.acting_as.display_title if actor.acting_as else None
        return cls(actor.person_id, actor.name, title, actor.channel)


def event_hash(event: AuditEvent) -> str:
    """SHA-256 over the previous hash and the canonical JSON of all that the event says."""
    return _hash_of({name: getattr(event, name) for name in (*_SAID, "at", "prev_hash")})


_SAID = ("stream", "seq", "type", "actor_id", "actor_name", "actor_capacity", "payload")


def _hash_of(values: Mapping[str, Any]) -> str:
    body = json.dumps(
        {**{name: values[name] for name in _SAID}, "at": values["at"].isoformat(timespec="microseconds"),
         "prev": values["prev_hash"]},
        sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(body.encode()).hexdigest()


def decree_stream(decree: Decree) -> str:
    return f"decree:{decree.public_id}"


def record_decree(session: Session, decree: Decree, event_type: str, actor: AuditActor, at: datetime,
                  payload: Mapping[str, Any] | None = None) -> None:
    """Append to a decree's chain. The caller holds the decree's row lock (see ``locked_decree``)."""
    decree.audit_seq, decree.audit_head = _append(
        session, decree_stream(decree), decree.audit_seq, decree.audit_head, (event_type, actor, at, payload),
        decree_id=decree.id)


def record_stream(session: Session, stream_name: str, event_type: str, actor: AuditActor, at: datetime,
                  payload: Mapping[str, Any] | None = None) -> None:
    """Append to a named stream (``administration``, ``accounts``), whose row is locked meanwhile."""
    stream = session.scalars(
        select(AuditStream).where(AuditStream.name == stream_name).with_for_update()).one_or_none()
    if stream is None:
        stream = AuditStream(name=stream_name, seq=0, head=None)
        session.add(stream)
        session.flush()
    stream.seq, stream.head = _append(session, stream_name, stream.seq, stream.head, (event_type, actor, at, payload))


def _append(session: Session, stream: str, seq: int, head: str | None,
            said: tuple[str, AuditActor, datetime, Mapping[str, Any] | None],
            decree_id: int | None = None) -> tuple[int, str]:
    event_type, actor, at, payload = said
    channel = {"channel": actor.channel} if actor.channel else {}
    values: dict[str, Any] = {
        "stream": stream, "seq": seq + 1, "decree_id": decree_id, "type": event_type, "at": at,
        "actor_id": actor.person_id, "actor_name": actor.name, "actor_capacity": actor.capacity,
        "payload": {**(payload or {}), **channel}, "prev_hash": head}
    values["hash"] = _hash_of(values)
    add_row(session, AuditEvent, values)
    return seq + 1, values["hash"]
