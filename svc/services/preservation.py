"""Keeping signatures provable: validation data and archive time stamps, now and before the last one ends.

One row a document says how its best file stands. The rows are the work list: what a crash left undone is done
at the next look, and what cannot be done now (a time-stamp authority that is down, revocation data that is not
to be had) says so and is tried again. The file that was signed stays as it is; the augmented one begins with it.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from certs.augment import CERTIFICATE, Augmented, augment, provable_until
from certs.errors import AlgorithmEnded, CertsError, DocumentUnsignable, TimestampUnavailable
from certs.pades import Level
from certs.revocation import RevocationDataMissing
from certs.trust import TrustStore
from certs.validation import Indication, Proof, Report, validate_pdf
from certs.verdicts import NO_CERTIFICATE_CHAIN_FOUND, TIMESTAMP_ORDER_FAILURE
from svc.cage.port import CageCrashed
from svc.deps import Deps
from svc.errors import AppError
from svc.models import ArchivedDocument, Decree, Preservation, Signature, StoredFile
from svc.services.audit_log import AuditActor, record_decree, record_stream
from svc.services.examination import judge
from svc.services.files import put_pdf, read_file, retention_of
from svc.services.gathering import add_row
from svc.services.preservation_state import PATIENCE, STREAM, FileToKeep, about, tell_administrators
from svc.services.register_proofs import proofs_of
from svc.services.revocation_fetch import fetch_for
from svc.services.trust import trust_store

_MOST = 500
_SECONDS = 20.0
_LEASE = timedelta(minutes=10)
_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=6)
# Every try asks the authority for a stamp, and only somebody who changes the authority or its keys helps.
_PAUSE_OF_AUTHORITY = timedelta(days=1)
_LEAST_GAIN = timedelta(days=1)
AUTHORITY_UNKNOWN = "authority_unknown"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreservationReport:
    """How many files were raised or renewed, are held as they are, wait for something, or cannot be helped."""

    augmented: int = 0
    held: int = 0
    waiting: int = 0
    stuck: int = 0

    @property
    def looked_at(self) -> int:
        """How many files were due."""
        return self.augmented + self.held + self.waiting + self.stuck


@dataclass(frozen=True)
class _Work:
    row_id: int
    decree_id: int | None
    document_id: str
    file: FileToKeep
    signed_at: datetime | None
    folder: str


class _NotProven(Exception):
    """The augmented file is not at least as good as the one before, and never will be."""


class _NotProvenYet(Exception):
    """The same, but what is missing may come: an anchor that is not confirmed, a list that is not there, another
    time-stamp authority. The message is the sub-indication."""


def keep_provable(session: Session, file: FileToKeep, now: datetime, *, decree_id: int | None = None,
                  archived_document_id: int | None = None) -> None:
    """Put a signed file on the work list, in the caller's transaction; a newer file of a document replaces it."""
    row = session.scalars(select(Preservation).where(about(decree_id, archived_document_id))).one_or_none()
    if row is None:
        row = Preservation(decree_id=decree_id, archived_document_id=archived_document_id)
        session.add(row)
    row.sha256, row.size, row.object_key, row.level = file.sha256, file.size, file.object_key, file.level
    row.state, row.due_at, row.attempts, row.last_error, row.provable_until = "waiting", now, 0, None, None


def keep_new(session: Session, file: FileToKeep, now: datetime, decree_id: int) -> None:
    """The same for a decree of which no file was on the list before."""
    add_row(session, Preservation, {
        "decree_id": decree_id, "sha256": file.sha256, "size": file.size, "object_key": file.object_key,
        "level": file.level, "state": "waiting", "due_at": now})


def preserve_due(deps: Deps, most: int = _MOST, seconds: float = _SECONDS) -> PreservationReport:
    """Work through what is due, one document after the other, for some seconds at most; every process that has time
    does it, since taking a document gives it to one of them alone."""
    counts = dict.fromkeys(("augmented", "held", "waiting", "stuck"), 0)
    until = time.monotonic() + seconds
    for _ in range(most):
        if time.monotonic() >= until:
            break
        work = _take(deps)
        if work is None:
            break
        counts[_preserve(deps, work)] += 1
    return PreservationReport(**counts)


def renew_now(deps: Deps, row_id: int) -> str:
    """Give one document (a row of :func:`svc.services.preservation_state.rows_of`) what it lacks, and an archive time
    stamp although the last one lasts; returns augmented, held (the settings or its signatures allow none), waiting or
    stuck."""
    work = _take(deps, row_id)
    return "waiting" if work is None else _preserve(deps, work, is_asked=True)


def preserve_now(deps: Deps, row_id: int) -> str:
    """Work through one document, whether it is due or not; returns the same."""
    work = _take(deps, row_id)
    return "waiting" if work is None else _preserve(deps, work)


def target_level(deps: Deps, level: str) -> Level:
    """What the settings want for a file of this level's family: for one without a time stamp the archive time stamp
    too, since nothing less proves when it was there."""
    wanted = Level(deps.settings.signature_level)
    if Level(level).rank == 0 and wanted.rank >= Level.B_LT.rank:
        wanted = Level.B_LTA
    if Level(level).is_pades:
        return wanted
    return (Level.PKCS7_B, Level.PKCS7_T, Level.PKCS7_LT, Level.PKCS7_LTA)[wanted.rank]


def _take(deps: Deps, row_id: int | None = None) -> _Work | None:
    """The document due longest, or this one; its due time moves ahead, so that nobody else takes it meanwhile."""
    now = deps.clock.now()
    wanted = Preservation.due_at <= now if row_id is None else Preservation.id == row_id
    due = (select(Preservation).where(Preservation.state != "stuck", wanted)
           .order_by(Preservation.due_at, Preservation.id).limit(1))
    with deps.db.read_session() as session:
        if session.scalars(due).first() is None:
            return None
    with deps.db.unit_of_work() as session:
        row = session.scalars(due.with_for_update(skip_locked=True)).first()
        if row is None:
            return None
        row.due_at = now + _LEASE
        file = FileToKeep(row.sha256, row.size, row.object_key, row.level)
        if row.decree_id is not None:
            decree = session.get_one(Decree, row.decree_id)
            # Lists and time stamps know whole seconds.
            signed_at = decree.signed_at.replace(microsecond=0) if decree.signed_at else None
            return _Work(row.id, decree.id, decree.public_id, file, signed_at,
                         f"decrees/{decree.public_id}/signed/")
        document = session.get_one(ArchivedDocument, row.archived_document_id)
        return _Work(row.id, None, document.public_id, file, None, f"archive/{document.public_id}/")


def _preserve(deps: Deps, work: _Work, *, is_asked: bool = False) -> str:
    end = None
    try:
        pdf = read_file(deps, work.file.object_key, work.file.sha256)
        if not (_is_too_low(deps, work) or (is_asked and _is_renewable(deps, work))):
            end = _provable_until(deps, work, pdf)
            if not (_is_renewable(deps, work) and end is not None and end - _margin(deps) <= deps.clock.now()):
                return _hold(deps, work, end)
        raised = _augment(deps, work, pdf, end)
        key = f"{work.folder}{raised.sha256}.pdf"
        put_pdf(deps, key, raised.pdf, retain_until=retention_of(deps, "signed", deps.clock.now()))
        _record(deps, work, raised, key)
    except (TimestampUnavailable, RevocationDataMissing, AppError) as error:
        return _postpone(deps, work, error.code)
    except _NotProvenYet as error:
        return _postpone(deps, work, str(error))
    except AlgorithmEnded as error:
        return _wait_for_authority(deps, work, error.code, end)
    except (DocumentUnsignable, _NotProven) as error:
        return _give_up(deps, work, str(error))
    except CertsError as error:
        return _postpone(deps, work, error.code)
    except Exception:  # one document that nobody foresaw keeps no other from being preserved
        logger.exception("preservation failed: document=%s", work.document_id)
        return _postpone(deps, work, "fault")
    logger.info("augmented: document=%s level=%s", work.document_id, raised.level)
    return "augmented"


def _is_too_low(deps: Deps, work: _Work) -> bool:
    """Whether the level can be raised to the wanted one: not by settings below B-LT, and a document from elsewhere
    not without a time stamp, for its entry in the register proves when it was here."""
    rank = Level(work.file.level).rank
    return rank < _reachable(deps, work) and (rank > 0 or work.decree_id is not None)


def _is_renewable(deps: Deps, work: _Work) -> bool:
    """Whether it has an archive time stamp, and the settings want more of them."""
    return Level(work.file.level).rank == Level.B_LTA.rank and _reachable(deps, work) > 0


def _reachable(deps: Deps, work: _Work) -> int:
    rank = target_level(deps, work.file.level).rank
    return rank if rank >= Level.B_LT.rank else 0


def _provable_until(deps: Deps, work: _Work, pdf: bytes) -> datetime | None:
    """Below an archive time stamp only the signatures' own count, and nothing needs to be judged for that; None for
    signatures without any."""
    level, ends = Level(work.file.level), deps.settings.ends
    if level.rank == 0:
        return None
    if level.rank < Level.B_LTA.rank:
        if work.decree_id is None:
            _check(deps, work, pdf, trust_store(deps))
        return provable_until(pdf, (), ends)
    report = _check(deps, work, pdf, trust_store(deps, work.signed_at))
    return provable_until(pdf, report.timestamps, ends)


def _check(deps: Deps, work: _Work, pdf: bytes, trust: TrustStore) -> Report:
    """What others made is looked into in the cage, and what could not be read there is not read outside either.

    :raises CageCrashed: it could not; it could when it was taken in, so this may pass
    """
    if work.decree_id is not None:
        return validate_pdf(pdf, trust, deps.clock.now())
    report = judge(deps, pdf, trust, _proofs(deps, work))
    if not report.signatures:
        raise CageCrashed
    return report


def _margin(deps: Deps) -> timedelta:
    return timedelta(days=deps.settings.renewal_margin_days)


def _augment(deps: Deps, work: _Work, pdf: bytes, end: datetime | None) -> Augmented:
    """``end``: when what it renews would end anyway."""
    now, level = deps.clock.now(), target_level(deps, work.file.level)
    trust = trust_store(deps, work.signed_at)
    try:
        raised = augment(pdf, level, deps.tsa, trust, now, work.signed_at, _margin(deps))
    except RevocationDataMissing as error:
        if not fetch_for(deps, pdf, work.signed_at).new:
            if _check(deps, work, pdf, trust).sub_indication == NO_CERTIFICATE_CHAIN_FOUND:
                raise _NotProvenYet(AUTHORITY_UNKNOWN) from error  # nobody is asked for lists of who is not trusted
            raise
        trust = trust_store(deps, work.signed_at)
        raised = augment(pdf, level, deps.tsa, trust, now, work.signed_at, _margin(deps))
    _ensure_gain(raised, end, now)
    after = _check(deps, work, raised.pdf, trust)
    # One that passes with all its signatures is as good as any; only another is held against what it was.
    if not (after.passed and len(after.signatures) == raised.signatures):
        before = _check(deps, work, pdf, trust)
        if not _is_as_good(before, after):
            said = f"{after.indication} {after.sub_indication or ''}".strip()
            raise _NotProvenYet(said) if after.indication is Indication.INDETERMINATE else _NotProven(said)
    return raised


def _ensure_gain(raised: Augmented, end: datetime | None, now: datetime) -> None:
    """A stamp that counts no longer than the last one would be followed by another at once, and so on without end."""
    if raised.level.rank < Level.B_LTA.rank or raised.end.by == CERTIFICATE:
        return
    if raised.end.at <= max(now, now if end is None else end + _LEAST_GAIN):
        raise AlgorithmEnded(f"{raised.end.by} ends as soon")


def _proofs(deps: Deps, work: _Work) -> tuple[Proof, ...]:
    """What the register says of a document that came from elsewhere."""
    if work.decree_id is not None:
        return ()
    with deps.db.read_session() as session:
        rows = session.scalars(
            select(ArchivedDocument).where(ArchivedDocument.public_id == work.document_id)).all()
    return proofs_of(deps, rows)


def _is_as_good(before: Report, after: Report) -> bool:
    """A file that passed must pass; one that could not be proven before must not have become worse. Stamps of
    clocks that differ may come into their order with time, and would never if one were added out of it."""
    if len(after.signatures) != len(before.signatures) or after.sub_indication == TIMESTAMP_ORDER_FAILURE:
        return False
    return after.passed or (not before.passed and after.indication == before.indication)


def _record(deps: Deps, work: _Work, raised: Augmented, key: str) -> None:
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        row = _locked(session, work)
        if row is None:
            return  # a newer file has taken its place meanwhile; the object stays, nothing names it
        if work.decree_id is not None:
            _adopt(session, work, raised, key, now)
        else:
            record_stream(session, STREAM, "document_augmented", AuditActor.system(), now,
                          {"document": work.document_id, "sha256": raised.sha256, "level": raised.level.value})
        row.sha256, row.size, row.object_key = raised.sha256, len(raised.pdf), key
        row.level, row.provable_until = raised.level.value, raised.provable_until
        row.state, row.attempts, row.last_error, row.done_at = "held", 0, None, now
        row.due_at = _next_look(deps, raised.level, raised.provable_until, now)


def _adopt(session: Session, work: _Work, raised: Augmented, key: str, now: datetime) -> None:
    """The augmented file becomes the decree's; the one that was signed stays on record."""
    decree = session.get_one(Decree, work.decree_id)
    record_decree(session, decree, "signature_augmented", AuditActor.system(), now,
                  {"signed_sha256": raised.sha256, "before": work.file.sha256, "level": raised.level.value})
    signed = session.scalars(select(StoredFile).where(
        StoredFile.decree_id == decree.id, StoredFile.purpose == "signed",
        StoredFile.sha256 == work.file.sha256)).one()
    session.add(StoredFile(
        decree_id=decree.id, version_no=decree.version_no, purpose="signed", sha256=raised.sha256,
        size=len(raised.pdf), object_key=key, pages=signed.pages, created_at=now))
    decree.signed_sha256 = raised.sha256
    for signature in session.scalars(select(Signature).where(Signature.decree_id == decree.id)):
        signature.level = raised.level.value


def _hold(deps: Deps, work: _Work, end: datetime | None) -> str:
    level, now = Level(work.file.level), deps.clock.now()
    with deps.db.unit_of_work() as session:
        row = _locked(session, work)
        if row is not None:
            row.state, row.provable_until, row.attempts, row.last_error, row.done_at = "held", end, 0, None, now
            row.due_at = _next_look(deps, level, end, now)
    return "held"


def _next_look(deps: Deps, level: Level, end: datetime | None, now: datetime) -> datetime:
    """Before the archive time stamp ends, and twice in that time, in case the settings give an algorithm an earlier
    end; lower levels are looked at again in case the settings want more."""
    soonest, weekly = now + timedelta(hours=1), now + timedelta(days=7)
    if level.rank < Level.B_LTA.rank or end is None:
        return weekly
    if end - _margin(deps) <= now:  # its authority has no better certificate yet
        return max(soonest, min(weekly, now + (end - now) / 2))
    return max(soonest, min(end - _margin(deps), now + _margin(deps) / 2))


def _wait_for_authority(deps: Deps, work: _Work, why: str, end: datetime | None) -> str:
    """No time mends this: it is told at once."""
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        row = _locked(session, work)
        if row is not None:
            is_new, row.attempts = row.attempts < PATIENCE, max(row.attempts + 1, PATIENCE)
            row.provable_until = end or row.provable_until
            row.state, row.last_error, row.due_at = "waiting", why, now + _PAUSE_OF_AUTHORITY
            if is_new:
                tell_administrators(deps, session, row, now)
    logger.warning("preservation waits: document=%s why=%s", work.document_id, why)
    return "waiting"


def _postpone(deps: Deps, work: _Work, why: str) -> str:
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        row = _locked(session, work)
        if row is not None:
            pause = min(_FIRST_PAUSE * 2 ** min(row.attempts, 12), _LONGEST_PAUSE)
            row.attempts += 1
            row.state, row.last_error, row.due_at = "waiting", why[:300], now + pause
            if row.attempts == PATIENCE:
                tell_administrators(deps, session, row, now)
    logger.warning("preservation waits: document=%s why=%s", work.document_id, why)
    return "waiting"


def _give_up(deps: Deps, work: _Work, why: str) -> str:
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        row = _locked(session, work)
        if row is not None:
            row.state, row.last_error, row.done_at = "stuck", why[:300], now
            tell_administrators(deps, session, row, now)
    logger.error("preservation is stuck: document=%s why=%s", work.document_id, why)
    return "stuck"


def _locked(session: Session, work: _Work) -> Preservation | None:
    """The row, if it is still about this file; the decree's row is locked first, as everywhere."""
    if work.decree_id is not None:
        session.scalars(select(Decree).where(Decree.id == work.decree_id).with_for_update()).one()
    row = session.scalars(select(Preservation).where(Preservation.id == work.row_id).with_for_update()).one()
    return row if row.sha256 == work.file.sha256 else None
