"""What others made and handed out, perhaps only once: kept until it is in the store, and kept as evidence when it
does not hold.

Where the object store does not take it, it waits in a folder of this machine (``var_dir/spool``), from where recovery
brings it in.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from svc.deps import Deps
from svc.errors import StorageUnavailable
from svc.models import AuditEvent, Decree, SigningAttempt
from svc.services import signing_steps as steps
from svc.services.audit_log import AuditActor, record_decree
from svc.services.files import put_pdf, retention_of
from svc.services.orgchart import administrator_ids
from svc.services.outbox import notify
from svc.services.result_words import refusal_notice

# How long to wait before trying again to keep what may not be handed out twice.
PAUSES = (0.2, 0.6, 1.2)
EVENT = "signing_result_refused"
_TOO_LATE = "TOO_LATE"
_NAME = re.compile(r"([A-Za-z0-9_-]+)\.([0-9a-f]{64})(?:\.([A-Za-z][A-Za-z0-9_]*))?\.pdf")
logger = logging.getLogger(__name__)


def keep_or_spool(deps: Deps, claimed: steps.Claim, signed: bytes) -> bool:
    """Keep what another signed, trying again for a moment; whether it is in the store. Else it waits in the spool.

    :raises SigningFailed: the claim was released meanwhile; the bytes are in the store
    :raises OSError: neither store nor spool took it
    """
    for pause in (*PAUSES, 0):
        try:
            steps.keep(deps, claimed, signed)
        except (StorageUnavailable, SQLAlchemyError) as error:
            logger.warning("signed elsewhere, not kept yet: attempt=%s error=%s", claimed.attempt_id,
                           type(error).__name__)
            time.sleep(pause)
        else:
            return True
    spool(deps, claimed.attempt_id, signed)
    return False


def spool(deps: Deps, attempt_id: str, signed: bytes, why: str = "") -> None:
    """Write to the spool, whole or not at all; ``why`` says that it does not hold. :raises OSError: not written"""
    folder = _folder(deps)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    reason = f".{why}" if why else ""
    path = folder / f"{attempt_id}.{hashlib.sha256(signed).hexdigest()}{reason}.pdf"
    partial = path.with_suffix(".part")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(signed)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    logger.error("signed elsewhere, waits in the spool: attempt=%s file=%s", attempt_id, path.name)


def bring_in(deps: Deps, attempt_id: str) -> None:
    """Bring what waits in the spool for an open attempt into the store.

    :raises StorageUnavailable: it still waits. :raises SigningFailed: the claim was released meanwhile
    """
    for path, spooled_id, signed, why in _spooled(deps):
        if spooled_id == attempt_id and not why:
            with deps.db.read_session() as session:
                attempt = session.scalars(select(SigningAttempt).where(SigningAttempt.public_id == attempt_id)).one()
                claimed = steps.load_claim(session, deps, attempt)
            steps.keep(deps, claimed, signed)
            path.unlink(missing_ok=True)


def empty_spool(deps: Deps) -> None:
    """Bring in what waits for attempts that ended meanwhile: nothing counts on it any more, but nothing is lost.

    What the store does not take goes on waiting: a file goes only after its bytes are stored and recorded.
    """
    for path, attempt_id, signed, why in _spooled(deps):
        with deps.db.read_session() as session:
            state = session.scalar(select(SigningAttempt.state).where(SigningAttempt.public_id == attempt_id))
        if state not in {"failed", "done"}:
            continue
        try:
            _store_refused(deps, attempt_id, signed, why or _TOO_LATE)
        except StorageUnavailable:
            logger.warning("still waits in the spool: attempt=%s file=%s", attempt_id, path.name)
            return  # the others would wait for the same store
        path.unlink(missing_ok=True)


def keep_refused(deps: Deps, attempt_id: str, received: bytes, why: str) -> bool:
    """Keep bytes that came back and do not hold, under the attempt's id, and record it; whether they are in the store
    and on record. Else they wait in the spool, with why.

    :raises OSError: neither store nor spool took it
    """
    for pause in (*PAUSES, 0):
        try:
            _store_refused(deps, attempt_id, received, why)
        except (StorageUnavailable, SQLAlchemyError) as error:
            logger.warning("refused, not kept yet: attempt=%s error=%s", attempt_id, type(error).__name__)
            time.sleep(pause)
        else:
            return True
    spool(deps, attempt_id, received, why)
    return False


def _store_refused(deps: Deps, attempt_id: str, received: bytes, why: str) -> None:
    """Into the store first, then on record: a crash between leaves bytes that the next look records."""
    sha256 = hashlib.sha256(received).hexdigest()
    with deps.db.read_session() as session:
        decree_id = session.scalars(
            select(Decree.public_id).join(SigningAttempt, SigningAttempt.decree_id == Decree.id)
            .where(SigningAttempt.public_id == attempt_id)).one()
    key = f"decrees/{decree_id}/refused/{attempt_id}/{sha256}.bin"
    put_pdf(deps, key, received, retain_until=retention_of(deps, "signed", deps.clock.now()))
    record_refused(deps, attempt_id, sha256, len(received), why, key)


def record_refused(deps: Deps, attempt_id: str, sha256: str, size: int, why: str, key: str, found: str = "") -> None:
    """Record once that stored bytes of an attempt do not hold, and tell the signer and the administrators.

    ``found`` is whom the certificate names, where that is what is wrong.
    """
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        attempt = session.scalars(select(SigningAttempt).where(SigningAttempt.public_id == attempt_id)).one()
        decree = session.scalars(select(Decree).where(Decree.id == attempt.decree_id).with_for_update()).one()
        said = {"attempt": attempt_id, "sha256": sha256, "size": size, "why": why, "key": key} | (
            {"certificate_name": found} if found else {})
        told = session.scalars(
            select(AuditEvent.payload).where(AuditEvent.decree_id == decree.id, AuditEvent.type == EVENT))
        if any((one.get("attempt"), one.get("sha256")) == (attempt_id, sha256) for one in told):
            return
        record_decree(session, decree, EVENT, AuditActor.system(), now, said)
        admins = administrator_ids(session, now.astimezone(deps.settings.tzinfo).date())
        for person_id in {attempt.person_id, *admins}:
            notify(session, person_id, refusal_notice(why), now, decree_id=decree.id,
                   params={"found": found, "subject": decree.subject[:200]})
    logger.error("result refused: attempt=%s sha256=%s why=%s", attempt_id, sha256, why)


def _folder(deps: Deps) -> Path:
    return deps.settings.var_dir / "spool"


def _spooled(deps: Deps) -> Iterator[tuple[Path, str, bytes, str]]:
    """Each file, whose attempt it is of, what is in it, and why it was refused (empty: it was not looked at)."""
    folder = _folder(deps)
    for path in sorted(folder.glob("*.pdf")) if folder.is_dir() else ():
        named = _NAME.fullmatch(path.name)
        if named is None:
            continue
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue  # another process brought it in this moment
        if hashlib.sha256(data).hexdigest() != named[2]:
            logger.error("spooled bytes are not what was written: file=%s", path.name)
            continue
        yield path, named[1], data, named[3] or ""
