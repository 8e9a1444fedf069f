"""The HTTP API, version 1. Bearer tokens with scopes; one shape of error (docs/api.md)."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from svc.blueprints.metrics import csv_file, group_from_request, query_from_request
from svc.errors import InvalidInput
from svc.metrics import export, report
from svc.security import bearer, deps

bp = Blueprint("api", __name__, url_prefix="/api/v1")


@bp.get("/metrics")
@bearer("metrics:read")
def metrics() -> Response:
    """Figures in total and by group, as JSON or, with ``format=csv``, as CSV."""
    wanted = request.args.get("format", "json")
    if wanted not in {"json", "csv"}:
        raise InvalidInput(fields={"format": "json, csv"})
    group_by = group_from_request()
    found = report.build_report(deps(), query_from_request(), group_by)
    return csv_file(found) if wanted == "csv" else jsonify(export.to_json(found, group_by))
