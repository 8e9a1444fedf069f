"""Audit events → facts. A day is always recomputed whole, so doing it twice changes nothing.

One row per signed decree (``cycle_fact``), since the median of a month cannot be made of daily medians, and
counts per day, unit and kind (``day_fact``). Days are days of the province's zone.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select
from sqlalchemy.orm import Session

from svc.deps import Deps
from svc.models import AuditEvent, CycleFact, DayFact, Decree, JobRun, RouteVersion
from svc.services.pinned_routes import read_pinned

CREATED = ("decree_drafted", "decree_uploaded", "decree_duplicated")
SUBMITTED = "submitted"
SIGNED = "signed"
RETURNED = "returned"
REJECTED = "rejected"
PAPER_REGISTERED = "paper_registered"
_COUNTED = (*CREATED, SUBMITTED, SIGNED, RETURNED, REJECTED, PAPER_REGISTERED)
_JOB = "facts_watermark"
# Transactions that began before the last run may have committed after it.
_OVERLAP = timedelta(hours=1)

Cell = tuple[int, str]


@dataclass(frozen=True)
class _Signed:
    decree_id: int
    unit_id: int
    kind: str
    medium: str
    working_minutes: int | None
    norm_minutes: int | None


def recompute_touched(deps: Deps) -> int:
    """Recompute every day that events touched since the last run; returns how many days."""
    started = deps.clock.now()
    with deps.db.read_session() as session:
        watermark = session.scalar(select(JobRun.last_done_at).where(JobRun.name == _JOB))
        days = _touched_days(session, deps, watermark)
    for day in days:
        recompute_day(deps, day)
    with deps.db.unit_of_work() as session:
        run = session.scalars(select(JobRun).where(JobRun.name == _JOB)).one_or_none()
        if run is None:
            run = JobRun(name=_JOB)
            session.add(run)
        run.last_started_at, run.last_done_at = started, started
    return len(days)


def rebuild(deps: Deps) -> int:
    """Throw all facts away and compute them anew from the events; returns how many days."""
    with deps.db.unit_of_work() as session:
        session.execute(delete(CycleFact))
        session.execute(delete(DayFact))
        session.execute(delete(JobRun).where(JobRun.name == _JOB))
    return recompute_touched(deps)


def recompute_day(deps: Deps, day: date) -> None:
    """Replace all facts of one day by what the events say."""
    with deps.db.unit_of_work() as session:
        counts, signed = _count_day(session, deps, day)
        session.execute(delete(CycleFact).where(CycleFact.day == day))
        session.execute(delete(CycleFact).where(CycleFact.decree_id.in_([item.decree_id for item in signed])))
        session.execute(delete(DayFact).where(DayFact.day == day))
        session.add_all(
            CycleFact(decree_id=item.decree_id, unit_id=item.unit_id, kind=item.kind, day=day,
                      medium=item.medium, working_minutes=item.working_minutes,
                      norm_minutes=item.norm_minutes)
            for item in signed)
        session.add_all(DayFact(day=day, unit_id=unit_id, kind=kind, **values)
                        for (unit_id, kind), values in sorted(counts.items()))


def day_bounds(deps: Deps, day: date) -> tuple[datetime, datetime]:
    """The first instant of a day in the province's zone and that of the next, in UTC."""
    zone = deps.settings.tzinfo
    start = datetime.combine(day, time.min, zone).astimezone(UTC)
    return start, datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC)


def _touched_days(session: Session, deps: Deps, watermark: datetime | None) -> list[date]:
    query = (select(AuditEvent.at, AuditEvent.type, Decree.issued_on)
             .join(Decree, Decree.id == AuditEvent.decree_id).where(AuditEvent.type.in_(_COUNTED)))
    if watermark is not None:
        query = query.where(AuditEvent.at >= watermark - _OVERLAP)
    zone = deps.settings.tzinfo
    days = set()
    for at, event_type, issued_on in session.execute(query.execution_options(yield_per=5000)):
        days.add(at.astimezone(zone).date())
        if event_type == PAPER_REGISTERED and issued_on is not None:
            days.add(issued_on)
    return sorted(days)


def _count_day(session: Session, deps: Deps, day: date) -> tuple[dict[Cell, dict[str, int]], list[_Signed]]:
    start, end = day_bounds(deps, day)
    counts: dict[Cell, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    rows = session.execute(_cells_of_day(AuditEvent.type.in_((*CREATED, RETURNED, REJECTED)), start, end))
    names = {RETURNED: "returned", REJECTED: "rejected"}
    for event_type, unit_id, kind, count in rows:
        counts[unit_id, kind][names.get(event_type, "created")] += count
    for unit_id, kind in session.execute(_first_submissions(start, end)):
        counts[unit_id, kind]["submitted"] += 1
    signed = _signed_on(session, deps, day, start, end)
    for item in signed:
        _count_signed(counts[item.unit_id, item.kind], item)
    return counts, signed


def _count_signed(cell: dict[str, int], item: _Signed) -> None:
    cell["signed"] += 1
    cell["signed_electronic" if item.medium == "electronic" else "signed_paper"] += 1
    if item.working_minutes is not None and item.norm_minutes:
        cell["with_norm"] += 1
        cell["within_norm"] += int(item.working_minutes <= item.norm_minutes)


def _cells_of_day(which: ColumnElement[bool], start: datetime, end: datetime) -> Select[*tuple[Any, ...]]:
    return (
        select(AuditEvent.type, Decree.unit_id, Decree.kind, func.count())
        .join(Decree, Decree.id == AuditEvent.decree_id)
        .where(which, AuditEvent.at >= start, AuditEvent.at < end)
        .group_by(AuditEvent.type, Decree.unit_id, Decree.kind))


def _first_submissions(start: datetime, end: datetime) -> Select[*tuple[Any, ...]]:
    today = (select(AuditEvent.decree_id)
             .where(AuditEvent.type == SUBMITTED, AuditEvent.at >= start, AuditEvent.at < end))
    first = func.min(AuditEvent.at)
    return (
        select(Decree.unit_id, Decree.kind)
        .join(AuditEvent, AuditEvent.decree_id == Decree.id)
        .where(AuditEvent.type == SUBMITTED, Decree.id.in_(today))
        .group_by(Decree.id, Decree.unit_id, Decree.kind)
        .having(first >= start, first < end))


def _is_signed_on(day: date, start: datetime, end: datetime) -> ColumnElement[bool]:
    """Signed electronically within the day; on paper, the day that stands on it, whenever it was registered."""
    electronic = and_(AuditEvent.type == SIGNED, AuditEvent.at >= start, AuditEvent.at < end)
    return or_(electronic, and_(AuditEvent.type == PAPER_REGISTERED, Decree.issued_on == day))


def _signed_on(session: Session, deps: Deps, day: date, start: datetime, end: datetime) -> list[_Signed]:
    rows = session.execute(
        select(AuditEvent.decree_id, AuditEvent.at, Decree.unit_id, Decree.kind, Decree.medium,
               Decree.route_sha256)
        .join(Decree, Decree.id == AuditEvent.decree_id)
        .where(_is_signed_on(day, start, end))).all()
    ids = [row.decree_id for row in rows]
    submitted = _first_submission_of(session, ids)
    norms = _norms(session, {row.route_sha256 for row in rows if row.route_sha256})
    result = {}
    for row in rows:
        began = submitted.get(row.decree_id) if row.medium == "electronic" else None
        minutes = deps.calendar.working_minutes_between(began, row.at) if began else None
        norm = norms.get(row.route_sha256) if began else None
        result[row.decree_id] = _Signed(row.decree_id, row.unit_id, row.kind, row.medium, minutes, norm)
    return list(result.values())


def _first_submission_of(session: Session, decree_ids: list[int]) -> dict[int, datetime]:
    query = (select(AuditEvent.decree_id, func.min(AuditEvent.at))
             .where(AuditEvent.type == SUBMITTED, AuditEvent.decree_id.in_(decree_ids))
             .group_by(AuditEvent.decree_id))
    return {decree_id: at for decree_id, at in session.execute(query) if decree_id is not None}


def _norms(session: Session, hashes: set[str]) -> dict[str, int]:
    """Norm time from submission to signature of each pinned route, by the hash of its source."""
    query = select(RouteVersion.sha256, RouteVersion.source).where(RouteVersion.sha256.in_(hashes))
    return {sha256: read_pinned(source, sha256).minutes_to_signature for sha256, source in session.execute(query)}
