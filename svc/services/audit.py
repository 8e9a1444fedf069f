"""Proving the audit chains: every event, every head, every checkpoint. Reads as a stream, keeps little.

What it finds: an event edited, removed or moved (its hash, its predecessor's, its place); a tail cut off (the
head on the decree's row, or in an earlier checkpoint, says there was more); a history rewritten as a whole (a
checkpoint names another hash at that place); a decree that vanished with all its events (a checkpoint names
it); a checkpoint altered, unsigned, re-dated or removed; an event linked to another decree than its chain's; a
decree's row whose number, signature or status is not what its events say.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Select, exists, literal, select, tuple_
from sqlalchemy.orm import Session

from certs import statement
from svc.deps import Deps
from svc.errors import StorageUnavailable
from svc.models import AuditCheckpoint, AuditEvent, AuditStream, Decree
from svc.ports import ObjectMissing, StoreUnavailable
from svc.services.audit_log import event_hash
from svc.services.audit_rows import Story, differences
from svc.services.checkpoints import (
    CheckpointDocument,
    Head,
    parse_document,
    signatures_in_store,
    write_checkpoint,
)

__all__ = ["AuditReport", "Finding", "export", "verify", "write_checkpoint"]

MAX_FINDINGS = 500
_ROWS = 1000
_BATCH = 300
_DECREE = "decree:"


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was written. ``stream`` names the chain or the checkpoint."""

    kind: str
    stream: str
    detail: str


@dataclass(frozen=True)
class AuditReport:
    """What was looked at and what was found; at most ``MAX_FINDINGS`` are named, all are counted."""

    events: int
    streams: int
    checkpoints: int
    findings: tuple[Finding, ...]
    found: int

    @property
    def is_intact(self) -> bool:
        return self.found == 0


class _Findings:
    """Keeps the first ones and counts the rest."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.count = 0

    def add(self, kind: str, stream: str, detail: str) -> None:
        self.count += 1
        if len(self.kept) < MAX_FINDINGS:
            self.kept.append(Finding(kind, stream, detail))


def verify(deps: Deps) -> AuditReport:
    """Check everything. :raises StorageUnavailable: the checkpoints' store does not answer"""
    findings = _Findings()
    with deps.db.read_session() as session:
        _see_one_moment(session)
        events, streams = _check_chains(session, findings)
        _check_chains_gone(session, findings)
    with deps.db.read_session() as session:
        checkpoints = _check_checkpoints(session, deps, findings)
    return AuditReport(events, streams, checkpoints, tuple(findings.kept), findings.count)


def export(deps: Deps, stream: str | None = None) -> Iterator[str]:
    """All events (or one chain's) as JSON lines in chain order, for auditors to check by themselves."""
    statement_ = _in_order()
    if stream is not None:
        statement_ = statement_.where(AuditEvent.stream == stream)
    with deps.db.read_session() as session:
        for event in session.scalars(statement_):
            yield json.dumps(
                {"stream": event.stream, "seq": event.seq, "type": event.type,
                 "at": event.at.isoformat(timespec="microseconds"), "actor_id": event.actor_id,
                 "actor_name": event.actor_name, "actor_capacity": event.actor_capacity, "payload": event.payload,
                 "prev": event.prev_hash, "hash": event.hash},
                sort_keys=True, ensure_ascii=False)
            session.expunge(event)


# ---- chains


def _see_one_moment(session: Session) -> None:
    """Events and heads are read by many statements while others write; SQLite shows one moment by itself."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def _in_order() -> Select[AuditEvent]:
    return (select(AuditEvent).order_by(AuditEvent.stream, AuditEvent.seq)
            .execution_options(yield_per=_ROWS))


def _check_chains(session: Session, findings: _Findings) -> tuple[int, int]:
    """Each event against its own hash and its predecessor; each chain's end against the head on its row."""
    events = streams = 0
    ends: list[tuple[Head, Story]] = []
    for stream, chain in groupby(session.scalars(_in_order()), key=lambda event: event.stream):
        streams += 1
        seq, previous, story = 0, None, Story(stream)
        for event in chain:
            events += 1
            _check_event(event, seq, previous, findings)
            story.hear(event)
            seq, previous = event.seq, event.hash
            session.expunge(event)
        ends.append((Head(stream, seq, previous or ""), story))
        if len(ends) == _BATCH:
            _check_ends(session, ends, findings)
            ends = []
    _check_ends(session, ends, findings)
    return events, streams


def _check_event(event: AuditEvent, seq: int, previous: str | None, findings: _Findings) -> None:
    where = f"#{event.seq} {event.type}"
    if event.seq != seq + 1:
        findings.add("missing_event", event.stream, f"#{seq + 1} to #{event.seq - 1}")
    elif event.prev_hash != previous:
        findings.add("broken_link", event.stream, where)
    if event_hash(event) != event.hash:
        findings.add("altered_event", event.stream, where)


def _check_ends(session: Session, ends: Sequence[tuple[Head, Story]], findings: _Findings) -> None:
    heads = _heads_on_rows(session, [end.stream for end, _ in ends])
    for end, _ in ends:
        head = heads.get(end.stream)
        if head is None:
            findings.add("vanished", end.stream, "events without the row they belong to")
        elif head.seq > end.seq:
            findings.add("cut_tail", end.stream, f"#{end.seq + 1} to #{head.seq}")
        elif (head.seq, head.hash) != (end.seq, end.hash):
            findings.add("head_differs", end.stream, f"#{end.seq}")
    for found in differences(session, [story for _, story in ends]):
        findings.add(found.kind, found.stream, found.detail)


def _heads_on_rows(session: Session, streams: Sequence[str]) -> dict[str, Head]:
    ids = [stream.removeprefix(_DECREE) for stream in streams if stream.startswith(_DECREE)]
    decrees = session.execute(
        select(Decree.public_id, Decree.audit_seq, Decree.audit_head).where(Decree.public_id.in_(ids)))
    found = {f"{_DECREE}{row[0]}": Head(f"{_DECREE}{row[0]}", row[1], row[2] or "") for row in decrees}
    named = session.execute(
        select(AuditStream.name, AuditStream.seq, AuditStream.head).where(AuditStream.name.in_(streams)))
    return found | {row[0]: Head(row[0], row[1], row[2] or "") for row in named}


def _check_chains_gone(session: Session, findings: _Findings) -> None:
    """Rows whose whole chain was removed. A decree without any event never existed: each begins with one."""
    of_decree = exists().where(AuditEvent.stream == literal(_DECREE) + Decree.public_id)
    for public_id, seq in session.execute(select(Decree.public_id, Decree.audit_seq).where(~of_decree)):
        findings.add("cut_tail", f"{_DECREE}{public_id}", f"#1 to #{seq}")
    of_stream = exists().where(AuditEvent.stream == AuditStream.name)
    for name, seq in session.execute(
            select(AuditStream.name, AuditStream.seq).where(AuditStream.seq > 0, ~of_stream)):
        findings.add("cut_tail", name, f"#1 to #{seq}")


# ---- checkpoints


def _check_checkpoints(session: Session, deps: Deps, findings: _Findings) -> int:
    count, previous = 0, None
    known: set[str] = set()
    rows = session.scalars(
        select(AuditCheckpoint).order_by(AuditCheckpoint.id).execution_options(yield_per=_BATCH))
    for row in rows:
        count += 1
        known.add(row.sha256)
        if row.prev_sha256 != previous:
            findings.add("checkpoint_missing", _name(row), "the checkpoint before it is not the one it names")
        previous = row.sha256
        document = _check_document(deps, row, findings)
        if document is not None:
            _check_heads(session, document, _name(row), findings)
        session.expunge(row)
    try:
        for sha256 in signatures_in_store(deps):
            if sha256 not in known:
                findings.add("checkpoint_missing", sha256, "signed and stored, but its row is gone")
    except StoreUnavailable as error:
        raise StorageUnavailable from error
    return count


def _check_document(deps: Deps, row: AuditCheckpoint, findings: _Findings) -> CheckpointDocument | None:
    """The document, if it is genuine: stored under its hash, signed by the audit key, stamped in its time."""
    try:
        data = deps.store.get(row.object_key)
    except StoreUnavailable as error:
        raise StorageUnavailable from error
    except ObjectMissing:
        findings.add("checkpoint_missing", _name(row), "the document is not in the store")
        return None
    if hashlib.sha256(data).hexdigest() != row.sha256:
        findings.add("checkpoint_altered", _name(row), "the document is not the one recorded")
        return None
    try:
        statement.check_detached(data, row.signature, deps.pki.audit_certificates)
        stamped_at = statement.check_stamp(row.signature, row.token, deps.pki.tsa_certificates)
        document = parse_document(data)
    except (statement.StatementInvalid, ValueError) as error:
        findings.add("checkpoint_altered", _name(row), str(error))
        return None
    said = (row.kind, row.at.isoformat(timespec="microseconds"), row.prev_sha256, row.heads)
    if said != (document.kind, document.at, document.previous, len(document.heads)):
        findings.add("checkpoint_altered", _name(row), "row and document say different things")
    if abs((stamped_at - row.at).total_seconds()) > deps.pki.tsa_service().accuracy_seconds + 1:
        findings.add("checkpoint_altered", _name(row), "time-stamped at another time")
    return document


def _check_heads(session: Session, document: CheckpointDocument, name: str, findings: _Findings) -> None:
    """Every head that the checkpoint names must still stand at its place in its chain."""
    for start in range(0, len(document.heads), _BATCH):
        heads = document.heads[start:start + _BATCH]
        places: Any = [(head.stream, head.seq) for head in heads]
        found = {(row[0], row[1]): row[2] for row in session.execute(
            select(AuditEvent.stream, AuditEvent.seq, AuditEvent.hash)
            .where(tuple_(AuditEvent.stream, AuditEvent.seq).in_(places)))}
        lost = [head for head in heads if found.get((head.stream, head.seq)) != head.hash]
        on_rows = _heads_on_rows(session, [head.stream for head in lost]) if lost else {}
        for head in lost:
            _tell_lost(head, found.get((head.stream, head.seq)), on_rows.get(head.stream), name, findings)


def _tell_lost(head: Head, hash_now: str | None, on_row: Head | None, name: str, findings: _Findings) -> None:
    if on_row is None:
        findings.add("vanished", head.stream, f"named by checkpoint {name}")
    elif hash_now is None:
        findings.add("cut_tail", head.stream, f"#{head.seq} is named by checkpoint {name}")
    else:
        findings.add("rewritten", head.stream, f"#{head.seq} was another in checkpoint {name}")


def _name(row: AuditCheckpoint) -> str:
    return f"{row.kind} {row.at:%Y-%m-%d %H:%M}"
