"""The metrics report as JSON and CSV: each figure with its definition and the indicators it feeds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from svc.metrics.catalogue import FIGURES, Figure, indicators_of, load_catalogue
from svc.metrics.report import FigureSet, GroupBy, MetricsReport

_DIGITS = {"share": 6, "working_minutes": 1, "count": 0}


def to_json(report: MetricsReport, group_by: GroupBy) -> dict[str, Any]:
    """The documented shape of ``GET /api/v1/metrics`` (docs/api.md)."""
    query = report.query
    return {
        "query": {"from": query.start.isoformat(), "to": query.end.isoformat(), "unit": query.unit_code,
                  "kind": query.kind, "group_by": group_by},
        "facts_until": report.facts_until,
        "figures": [_figure(figure) for figure in FIGURES],
        "indicators": [
            {"instrument": item.instrument, "version": item.version, "code": item.code, "name": item.name,
             "weight": item.weight, "scale": item.scale, "legal_source": item.legal_source,
             "valid_from": item.valid_from.isoformat(), "confidence": item.confidence,
             "figures": list(item.figures)} for item in load_catalogue()[0]],
        "total": _values(report.total),
        "groups": [{"key": group.key, "label": group.label, **_values(group)} for group in report.groups],
    }


def to_csv(report: MetricsReport) -> str:
    """One row per group and figure (tidy form), with definition and indicators; UTF-8 text."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["from", "to", "group", "label", "figure", "value", "unit", "definition", "indicators"])
    for row in _rows(report):
        writer.writerow(row)
    return out.getvalue()


def _rows(report: MetricsReport) -> Iterator[list[object]]:
    start, end = report.query.start.isoformat(), report.query.end.isoformat()
    for group in (report.total, *report.groups):
        for figure in FIGURES:
            value = _rounded(group, figure)
            yield [start, end, group.key, group.label, figure.id, "" if value is None else value, figure.unit,
                   figure.definition, "; ".join(item.label for item in indicators_of(figure.id))]


def _figure(figure: Figure) -> dict[str, Any]:
    return {"id": figure.id, "label": figure.label, "unit": figure.unit, "definition": figure.definition,
            "indicators": [item.label for item in indicators_of(figure.id)]}


def _values(group: FigureSet) -> dict[str, float | int | None]:
    values = {figure.id: _rounded(group, figure) for figure in FIGURES}
    return {**values, "signed_electronic": group.signed_electronic, "signed_paper": group.signed_paper,
            "rejected": group.rejected}


def _rounded(group: FigureSet, figure: Figure) -> float | int | None:
    value = getattr(group, figure.id)
    if value is None or figure.unit == "count":
        return value  # type: ignore[no-any-return]
    return round(float(value), _DIGITS[figure.unit])
