"""Facts → figures: what the metrics page and the API show. Every figure is computed, none is stored."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from svc.deps import Deps
from svc.errors import InvalidInput
from svc.models import CycleFact, DayFact, JobRun, Unit

GroupBy = Literal["total", "month", "unit", "kind"]
_COUNTS = ("created", "submitted", "signed", "signed_electronic", "signed_paper", "within_norm", "with_norm",
           "returned", "rejected")
_LONGEST_DAYS = 366 * 10


@dataclass(frozen=True)
class MetricsQuery:
    """Which facts: both days inclusive; ``unit_code`` means that unit with all below it."""

    start: date
    end: date
    unit_code: str | None = None
    kind: str | None = None

    def ensure_sensible(self) -> None:
        """:raises InvalidInput: the days are turned round or span more than ten years."""
        if self.end < self.start:
            raise InvalidInput(fields={"to": "Tanggal akhir mendahului tanggal awal."})
        if (self.end - self.start).days > _LONGEST_DAYS:
            raise InvalidInput(fields={"from": "Rentang paling panjang sepuluh tahun."})


@dataclass(frozen=True)
class FigureSet:
    """All figures of one group. Shares are 0…1, times are working minutes; ``None``: nothing to divide by."""

    key: str
    label: str
    created: int
    submitted: int
    signed: int
    signed_electronic: int
    signed_paper: int
    returned: int
    rejected: int
    share_electronic: float | None
    share_within_norm: float | None
    median_minutes: float | None
    p90_minutes: float | None


@dataclass(frozen=True)
class MetricsReport:
    """Figures in total and by group, and up to when the facts reach."""

    query: MetricsQuery
    total: FigureSet
    groups: tuple[FigureSet, ...]
    facts_until: str | None


def build_report(deps: Deps, query: MetricsQuery, group_by: GroupBy = "month") -> MetricsReport:
    """Compute all figures in four statements. :raises InvalidInput: bad days, unknown unit or kind."""
    return build_reports(deps, query, (group_by,))[0]


def build_reports(deps: Deps, query: MetricsQuery, groupings: Sequence[GroupBy]) -> tuple[MetricsReport, ...]:
    """The same facts grouped in several ways, in four statements. :raises InvalidInput: as above."""
    query.ensure_sensible()
    if query.kind is not None and query.kind not in {kind.id for kind in deps.kinds.all()}:
        raise InvalidInput(fields={"kind": "Jenis naskah tidak dikenal."})
    with deps.db.read_session() as session:
        units = {unit.id: unit for unit in session.scalars(select(Unit))}
        unit_ids = _unit_and_below(units, query.unit_code)
        counts = _load_counts(session, query, unit_ids)
        minutes = _load_minutes(session, query, unit_ids)
        until = session.scalar(select(JobRun.last_done_at).where(JobRun.name == "facts_watermark"))
    labels = _Labels(units, {kind.id: kind.title for kind in deps.kinds.all()})
    total = _figures("total", "", counts, [value for _, _, _, value in minutes])
    return tuple(
        MetricsReport(
            query=query, total=total, facts_until=until.isoformat() if until else None,
            groups=_grouped(counts, minutes, group_by, labels) if group_by != "total" else ())
        for group_by in groupings)


@dataclass(frozen=True)
class _Count:
    month: str
    unit_id: int
    kind: str
    values: tuple[int, ...]


@dataclass(frozen=True)
class _Labels:
    units: dict[int, Unit]
    kinds: dict[str, str]

    def key_and_label(self, group_by: GroupBy, month: str, unit_id: int, kind: str) -> tuple[str, str]:
        if group_by == "month":
            return month, month
        if group_by == "kind":
            return kind, self.kinds.get(kind, kind)
        top = self.units[unit_id]
        while top.parent_id is not None and self.units[top.parent_id].parent_id is not None:
            top = self.units[top.parent_id]
        return top.code, top.name


def _unit_and_below(units: dict[int, Unit], code: str | None) -> set[int] | None:
    if code is None:
        return None
    wanted = {unit.id for unit in units.values() if unit.code == code}
    if not wanted:
        raise InvalidInput(fields={"unit": "Unit tidak dikenal."})
    while True:
        more = {unit.id for unit in units.values() if unit.parent_id in wanted} - wanted
        if not more:
            return wanted
        wanted |= more


def _load_counts(session: Session, query: MetricsQuery, unit_ids: set[int] | None) -> list[_Count]:
    sums = [func.sum(getattr(DayFact, name)) for name in _COUNTS]
    statement: Select[*tuple[Any, ...]] = (
        select(DayFact.day, DayFact.unit_id, DayFact.kind, *sums)
        .where(DayFact.day.between(query.start, query.end))
        .group_by(DayFact.day, DayFact.unit_id, DayFact.kind))
    if unit_ids is not None:
        statement = statement.where(DayFact.unit_id.in_(unit_ids))
    if query.kind is not None:
        statement = statement.where(DayFact.kind == query.kind)
    return [_Count(row[0].isoformat()[:7], row[1], row[2], tuple(int(value) for value in row[3:]))
            for row in session.execute(statement)]


def _load_minutes(session: Session, query: MetricsQuery,
                  unit_ids: set[int] | None) -> list[tuple[str, int, str, int]]:
    statement = (select(CycleFact.day, CycleFact.unit_id, CycleFact.kind, CycleFact.working_minutes)
                 .where(CycleFact.day.between(query.start, query.end),
                        CycleFact.working_minutes.is_not(None)))
    if unit_ids is not None:
        statement = statement.where(CycleFact.unit_id.in_(unit_ids))
    if query.kind is not None:
        statement = statement.where(CycleFact.kind == query.kind)
    return [(day.isoformat()[:7], unit_id, kind, minutes)
            for day, unit_id, kind, minutes in session.execute(statement) if minutes is not None]


def _grouped(counts: Iterable[_Count], minutes: Iterable[tuple[str, int, str, int]], group_by: GroupBy,
             labels: _Labels) -> tuple[FigureSet, ...]:
    by_key: dict[tuple[str, str], tuple[list[_Count], list[int]]] = defaultdict(lambda: ([], []))
    for count in counts:
        by_key[labels.key_and_label(group_by, count.month, count.unit_id, count.kind)][0].append(count)
    for month, unit_id, kind, value in minutes:
        by_key[labels.key_and_label(group_by, month, unit_id, kind)][1].append(value)
    return tuple(_figures(key, label, *parts) for (key, label), parts in sorted(by_key.items()))


def _figures(key: str, label: str, counts: Sequence[_Count], minutes: Sequence[int]) -> FigureSet:
    totals = dict(zip(_COUNTS, (sum(column) for column in zip(*(c.values for c in counts), strict=True)),
                      strict=True)) if counts else dict.fromkeys(_COUNTS, 0)
    return FigureSet(
        key=key, label=label, created=totals["created"], submitted=totals["submitted"],
        signed=totals["signed"], signed_electronic=totals["signed_electronic"],
        signed_paper=totals["signed_paper"], returned=totals["returned"], rejected=totals["rejected"],
        share_electronic=_share(totals["signed_electronic"], totals["signed"]),
        share_within_norm=_share(totals["within_norm"], totals["with_norm"]),
        median_minutes=statistics.median(minutes) if minutes else None,
        p90_minutes=nearest_rank(minutes, 90) if minutes else None)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def nearest_rank(values: Sequence[int], percent: int) -> float:
    """The nearest-rank percentile: the smallest value with at least ``percent`` % of all at or below it."""
    ordered = sorted(values)
    return float(ordered[max(0, -(-len(ordered) * percent // 100) - 1)])
