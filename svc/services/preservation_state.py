"""How preservation stands: of one document for pages, in figures for operators, and trying anew what was given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, false, func, or_, select, update
from sqlalchemy.orm import Session

from certs.pades import Level
from svc.catalogues import N_
from svc.deps import Deps
from svc.models import ArchivedDocument, Decree, Notice, Preservation
from svc.services.audit_log import AuditActor, record_stream
from svc.services.orgchart import administrator_ids
from svc.services.outbox import notify

STREAM = "archive"
# Tries after which a document counts as waiting for long: some hours, for the pauses double.
PATIENCE = 10
_ONCE_IN = timedelta(days=1)


_STUCK = N_("Pelestarian bukti tanda tangan terhenti (%(why)s), antara lain untuk: %(subject)s")
_WAITS_LONG = N_("Pelestarian bukti tanda tangan sudah lama tertunda (%(why)s), antara lain untuk: %(subject)s")
_ALGORITHM_ENDED = N_("Stempel waktu arsip tidak dapat diperbarui: algoritma atau ukuran kunci layanan stempel waktu "
                      "tidak lagi dipercaya atau segera berakhir. Ganti kunci atau layanannya, antara lain untuk: "
                      "%(subject)s")


@dataclass(frozen=True)
class FileToKeep:
    """A signed file as it is stored."""

    sha256: str
    size: int
    object_key: str
    level: str


@dataclass(frozen=True)
class Standing:
    """How a document's preservation stands, for pages. ``why`` is the code of what it waits for."""

    level: str
    state: str
    provable_until: datetime | None
    why: str


@dataclass(frozen=True)
class Figures:
    """How many documents need a hand (``stuck``), and how many are still on their way (``waiting``), those that have
    been tried for hours among them (``long_waiting``). ``low`` rest below the level that the settings want."""

    stuck: int
    waiting: int
    long_waiting: int
    low: int


def about(decree_id: int | None, archived_document_id: int | None) -> ColumnElement[bool]:
    """Condition: the row of this decree or of this archived document."""
    if decree_id is not None:
        return Preservation.decree_id == decree_id
    return Preservation.archived_document_id == archived_document_id


def standing_of(row: Preservation | None) -> Standing | None:
    """None for a document that has no signed file yet."""
    return None if row is None else Standing(row.level, row.state, row.provable_until, row.last_error or "")


def standing(session: Session, *, archived_document_id: int) -> Standing | None:
    """The same for a document from elsewhere; None where nothing can be added to it."""
    return standing_of(session.scalars(select(Preservation).where(about(None, archived_document_id))).one_or_none())


def best_file(session: Session, *, archived_document_id: int) -> FileToKeep | None:
    """The file with the most proof of a document from elsewhere; None where nothing can be added to it."""
    row = session.scalars(select(Preservation).where(about(None, archived_document_id))).one_or_none()
    return None if row is None else FileToKeep(row.sha256, row.size, row.object_key, row.level)


def figures(deps: Deps) -> Figures:
    """How many documents are not preserved as they should be."""
    is_waiting, is_low = Preservation.state == "waiting", and_(Preservation.state == "held", _below(deps))
    columns = [func.coalesce(func.sum(case((one, 1), else_=0)), 0) for one in (
        Preservation.state == "stuck", is_waiting, and_(is_waiting, Preservation.attempts >= PATIENCE), is_low)]
    with deps.db.read_session() as session:
        found = session.execute(select(*columns).where(or_(Preservation.state != "held", is_low))).one()
    return Figures(*(int(one) for one in found))


def make_low_due(deps: Deps) -> int:
    """Have what rests below the wanted level taken at once, for the settings may want more than when it was looked at;
    returns how many. It is on record."""
    now, is_low = deps.clock.now(), and_(Preservation.state == "held", _raisable(deps))
    with deps.db.read_session() as session:
        if session.scalar(select(Preservation.id).where(is_low).limit(1)) is None:
            return 0
    with deps.db.unit_of_work() as session:
        done = session.connection().execute(
            update(Preservation).where(is_low).values(state="waiting", attempts=0, due_at=now))
        record_stream(session, STREAM, "preservation_retried", AuditActor.system(), now,
                      {"documents": done.rowcount, "level": deps.settings.signature_level})
    return done.rowcount


def retry(deps: Deps, document_ids: Sequence[str] = ()) -> tuple[int, ...]:
    """Have documents that are stuck, were postponed or are below the wanted level taken at once, all or those named
    (decrees' and archived documents' identifiers); returns their rows. It is on record."""
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        wanted = select(Preservation).where(
            or_(Preservation.state == "stuck", Preservation.attempts > 0, _raisable(deps))).order_by(Preservation.id)
        if document_ids:
            wanted = wanted.where(_named(document_ids))
        rows = session.scalars(wanted.with_for_update()).all()
        for row in rows:
            row.state, row.attempts, row.due_at = "waiting", 0, now
        if rows:
            record_stream(session, STREAM, "preservation_retried", AuditActor.system(), now, {"documents": len(rows)})
        return tuple(row.id for row in rows)


def rows_of(deps: Deps, document_ids: Sequence[str] = ()) -> Sequence[int]:
    """Rows of all documents that are on the list and not stuck, or of those named, in the order in which they came."""
    wanted = select(Preservation.id).where(Preservation.state != "stuck").order_by(Preservation.id)
    with deps.db.read_session() as session:
        return session.scalars(wanted.where(_named(document_ids)) if document_ids else wanted).all()


def _below(deps: Deps) -> ColumnElement[bool]:
    """Condition: below the wanted level. Documents from elsewhere that have no time stamp are left as they are."""
    wanted = Level(deps.settings.signature_level).rank
    low = [one for one in Level if one.rank < wanted]
    return or_(and_(Preservation.level.in_(low), Preservation.decree_id.is_not(None)),
               Preservation.level.in_([one for one in low if one.rank > 0]))


def _raisable(deps: Deps) -> ColumnElement[bool]:
    """The same, where the settings raise anything at all."""
    return _below(deps) if Level(deps.settings.signature_level).rank >= Level.B_LT.rank else false()


def _named(document_ids: Sequence[str]) -> ColumnElement[bool]:
    return or_(
        Preservation.decree_id.in_(select(Decree.id).where(Decree.public_id.in_(document_ids))),
        Preservation.archived_document_id.in_(
            select(ArchivedDocument.id).where(ArchivedDocument.public_id.in_(document_ids))))


def tell_administrators(deps: Deps, session: Session, row: Preservation, now: datetime) -> None:
    """That a document is stuck or waits for long; not more than once a day, however many documents it is."""
    message = _STUCK if row.state == "stuck" else (
        _ALGORITHM_ENDED if row.last_error == "algorithm_ended" else _WAITS_LONG)
    if session.scalar(select(Notice.id).where(Notice.message == message, Notice.created_at > now - _ONCE_IN).limit(1)):
        return
    subject = (session.get_one(Decree, row.decree_id).subject if row.decree_id is not None
               else session.get_one(ArchivedDocument, row.archived_document_id).name)
    for person_id in administrator_ids(session, now.astimezone(deps.settings.tzinfo).date()):
        notify(session, person_id, message, now, decree_id=row.decree_id,
               params={"why": row.last_error or "", "subject": subject[:200]})
