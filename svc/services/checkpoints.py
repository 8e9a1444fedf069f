"""Signed, time-stamped statements of the heads of all audit chains.

A document holds the heads that changed since the last one of its kind (the first: all of them), as canonical
JSON lines sorted by stream, after one line that names the document before it. So the documents of either
kind, hour or day, name together every head there ever was, and each fixes all that came before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from certs import statement
from certs.signer import LocalSigner
from svc.deps import Deps
from svc.errors import IntegrityViolation, InvalidInput, StorageUnavailable
from svc.models import AuditCheckpoint, AuditEvent, AuditStream, Decree
from svc.ports import ObjectConflict, StoreUnavailable
from svc.services.upsert import insert_missing

FORMAT = "paraf-audit-checkpoint/1"
KINDS = ("hour", "day")
PREFIX = "audit/checkpoints/"
_QUEUE = "checkpoints"  # a row to lock; no chain
_DOCUMENT, _SIGNATURE, _TOKEN = ".jsonl", ".p7s", ".tsr"
# A transaction that was open when the last one was written must be in the next: none lasts this long.
_OVERLAP = timedelta(hours=1)


@dataclass(frozen=True)
class Head:
    """The end of a chain: how many events, and the hash of the last."""

    stream: str
    seq: int
    hash: str


@dataclass(frozen=True)
class CheckpointDocument:
    """A document as it reads."""

    kind: str
    at: str
    previous: str | None
    heads: tuple[Head, ...]


def write_checkpoint(deps: Deps, kind: str) -> int:
    """Write, sign and time-stamp a checkpoint; returns its row's id.

    The document is stored before its row, its signature after, so that a signature without a row can only
    mean that a row was removed.

    :raises InvalidInput: kind is neither hour nor day
    :raises StorageUnavailable: nothing was written
    """
    if kind not in KINDS:
        raise InvalidInput(fields={"kind": "hour | day"})
    now = deps.clock.now()
    with deps.db.read_session() as session:
        since = session.scalar(
            select(AuditCheckpoint.at).where(AuditCheckpoint.kind == kind).order_by(AuditCheckpoint.id.desc()).limit(1))
        heads = sorted(_heads(session, since), key=lambda head: head.stream)
    with deps.db.unit_of_work() as session:
        _queue_up(session)
        previous = session.scalar(select(AuditCheckpoint.sha256).order_by(AuditCheckpoint.id.desc()).limit(1))
        document = _document(kind, now, previous, heads)
        sha256 = hashlib.sha256(document).hexdigest()
        signature = statement.sign_detached(document, _signer(deps))
        row = AuditCheckpoint(
            at=now, kind=kind, heads=len(heads), sha256=sha256, prev_sha256=previous,
            object_key=f"{_stem(now, sha256)}{_DOCUMENT}", signature=signature,
            # Our own unit: the register must not wait for others, and is checked without asking them.
            token=statement.stamp(signature, deps.pki.tsa_service(), now))
        _put(deps, row.object_key, document, "application/jsonl")
        session.add(row)
        session.flush()
    _put(deps, f"{_stem(now, sha256)}{_SIGNATURE}", row.signature, "application/pkcs7-signature")
    _put(deps, f"{_stem(now, sha256)}{_TOKEN}", row.token, "application/timestamp-reply")
    return row.id


def parse_document(data: bytes) -> CheckpointDocument:
    """Read a document. :raises ValueError: it is not one"""
    first, *lines = data.decode().splitlines()
    header = json.loads(first)
    if not isinstance(header, dict) or header.get("format") != FORMAT or header.get("heads") != len(lines):
        raise ValueError("not a checkpoint document")
    heads = tuple(Head(str(stream), int(seq), str(digest)) for stream, seq, digest in map(json.loads, lines))
    return CheckpointDocument(str(header["kind"]), str(header["at"]), header["previous"], heads)


def signatures_in_store(deps: Deps) -> Iterator[str]:
    """The SHA-256 of every document whose signature lies in the object store.

    :raises StoreUnavailable: no answer
    """
    for found in deps.store.list(PREFIX):
        if found.key.endswith(_SIGNATURE):
            yield found.key.removesuffix(_SIGNATURE).rsplit("-", 1)[1]


def _queue_up(session: Session) -> None:
    """One writer at a time: locking the newest checkpoint does not show the one that another is just adding."""
    insert_missing(session, AuditStream, ("name",), {"name": _QUEUE, "seq": 0})
    session.execute(select(AuditStream.id).where(AuditStream.name == _QUEUE).with_for_update())


def _heads(session: Session, since: datetime | None) -> Iterator[Head]:
    decrees, streams = _changed(since)
    rows = session.execute(
        select(Decree.public_id, Decree.audit_seq, Decree.audit_head).where(Decree.audit_seq > 0, decrees)
        .execution_options(yield_per=1000))
    yield from (Head(f"decree:{public_id}", seq, head or "") for public_id, seq, head in rows)
    named = session.execute(
        select(AuditStream.name, AuditStream.seq, AuditStream.head).where(AuditStream.seq > 0, streams))
    yield from (Head(name, seq, head or "") for name, seq, head in named)


def _changed(since: datetime | None) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    if since is None:
        return true(), true()
    recent = AuditEvent.at >= since - _OVERLAP
    return (Decree.id.in_(select(AuditEvent.decree_id).where(recent, AuditEvent.decree_id.is_not(None))),
            AuditStream.name.in_(select(AuditEvent.stream).where(recent)))


def _document(kind: str, now: datetime, previous: str | None, heads: Sequence[Head]) -> bytes:
    header = {"format": FORMAT, "kind": kind, "at": now.isoformat(timespec="microseconds"), "previous": previous,
              "heads": len(heads)}
    lines: Iterable[object] = (header, *([head.stream, head.seq, head.hash] for head in heads))
    return "".join(json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
                   for line in lines).encode()


def _signer(deps: Deps) -> LocalSigner:
    return LocalSigner(deps.pki.audit.certificate, deps.pki.audit.key, deps.pki.chain)


def _stem(now: datetime, sha256: str) -> str:
    return f"{PREFIX}{now:%Y/%m/%d/%H%M%S}-{sha256}"


def _put(deps: Deps, key: str, data: bytes, media_type: str) -> None:
    days = deps.settings.s3_retention_days
    retain_until = deps.clock.now() + timedelta(days=days) if days else None
    try:
        deps.store.put(key, data, media_type=media_type, retain_until=retain_until)
    except StoreUnavailable as error:
        raise StorageUnavailable from error
    except ObjectConflict as error:
        raise IntegrityViolation from error
