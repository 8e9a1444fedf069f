"""Kinerja: the bureau's page of figures, first the answer, then the charts, then the table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request, url_for

from svc.blueprints.listing import link_with
from svc.days import parse_day
from svc.errors import InvalidInput
from svc.metrics import catalogue, export, report, trend
from svc.security import deps, requires
from svc.services import tracking

bp = Blueprint("metrics", __name__)
_GROUPS: tuple[report.GroupBy, ...] = ("month", "unit", "kind")
_DEFAULT_DAYS = 365


@bp.get("/metrics")
@requires("metrics.view")
def index() -> str:
    """Answer, charts and tables for the chosen days, unit and kind."""
    query = query_from_request()
    by_month, by_unit, by_kind = report.build_reports(deps(), query, ("month", "unit", "kind"))
    outlook = trend.outlook(by_month.total.share_electronic, by_month.groups,
                            catalogue.target_of("share_electronic"), "share_electronic")
    return render_template(
        "metrics/index.html", query=query, by_month=by_month, by_unit=by_unit, by_kind=by_kind, outlook=outlook,
        figures=catalogue.FIGURES, indicators=catalogue.load_catalogue()[0], indicators_of=catalogue.indicators_of,
        units=tracking.unit_choices(deps()), kinds=deps().kinds.all(), link_with=link_with, drill=_drill(query))


@bp.get("/metrics.json")
@requires("metrics.view")
def data() -> Response:
    """What the charts draw (same shape as the API)."""
    group_by = group_from_request()
    return jsonify(export.to_json(report.build_report(deps(), query_from_request(), group_by), group_by))


@bp.get("/metrics.csv")
@requires("metrics.view")
def table() -> Response:
    """The report as CSV."""
    return csv_file(report.build_report(deps(), query_from_request(), group_from_request()))


def _drill(query: report.MetricsQuery) -> Callable[[str, str], str]:
    """Address of the decrees behind a figure: the tracking list with the same restriction."""

    def link(group: str, key: str) -> str:
        args = {"signed_from": query.start.isoformat(), "signed_to": query.end.isoformat(),
                "unit": query.unit_code or "", "kind": query.kind or ""}
        if group == "month":
            year, month = (int(part) for part in key.split("-"))
            last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1))
            args["signed_from"] = max(date(year, month, 1), query.start).isoformat()
            args["signed_to"] = min(last, query.end).isoformat()
        elif group in {"unit", "kind"}:
            args[group] = key
        wanted: dict[str, Any] = {name: value for name, value in args.items() if value}
        return url_for("decrees.index", **wanted)

    return link


def csv_file(found: report.MetricsReport) -> Response:
    """The tidy CSV as a download."""
    response = Response("\ufeff" + export.to_csv(found), mimetype="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="kinerja.csv"'
    return response


def query_from_request() -> report.MetricsQuery:
    """Days, unit and kind from the query string. :raises InvalidInput: a day that is none."""
    today = deps().clock.now().astimezone(deps().settings.tzinfo).date()
    end = _day("to", today)
    start = _day("from", (end - timedelta(days=_DEFAULT_DAYS)).replace(day=1))
    return report.MetricsQuery(start, end, request.args.get("unit") or None, request.args.get("kind") or None)


def group_from_request() -> report.GroupBy:
    """:raises InvalidInput: an unknown grouping."""
    wanted = request.args.get("group_by", "month")
    for group in (*_GROUPS, "total"):
        if group == wanted:
            return group
    raise InvalidInput(fields={"group_by": "month, unit, kind, total"})


def _day(name: str, default: date) -> date:
    text = request.args.get(name, "")
    if not text:
        return default
    day = parse_day(text)
    if day is None:
        raise InvalidInput(fields={name: "Tanggal ditulis seperti 2026-11-24."})
    return day
