"""The HTTP API, version 1: figures for bearer tokens, verification for everybody; one shape of error (docs/api.md)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask_babel import gettext

from svc.blueprints.metrics import csv_file, group_from_request, query_from_request
from svc.blueprints.verify import uploaded_pdf
from svc.errors import InvalidInput
from svc.i18n import DEFAULT, LANGUAGES
from svc.limits import limited
from svc.metrics import export, report
from svc.security import bearer, deps, public, public_protocol
from svc.services import verdict_json, verification

bp = Blueprint("api", __name__, url_prefix="/api/v1")
_PDF = "application/pdf"


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


@bp.get("/verify/<code>")
@public
@limited("60 per minute")
def verify_code(code: str) -> Response:
    """The verdict on the decree behind a QR code, computed now."""
    _ensure_language()
    return _fresh(verdict_json.of_decree(verification.by_code(deps(), code), deps().settings.base_url, gettext))


@bp.post("/verify")
@public_protocol
@limited("20 per minute")
def verify_file() -> Response:
    """The verdict on a file, sent as it is (``application/pdf``) or as the field ``file``; nothing of it is kept."""
    _ensure_language()
    pdf = request.get_data() if request.mimetype == _PDF else uploaded_pdf()
    return _fresh(verdict_json.of_upload(verification.of_upload(deps(), pdf), deps().settings.base_url, gettext))


def _ensure_language() -> None:
    if request.args.get("lang", DEFAULT) not in LANGUAGES:
        raise InvalidInput(fields={"lang": ", ".join(LANGUAGES)})


def _fresh(told: dict[str, Any]) -> Response:
    response = jsonify(told)
    response.headers["Cache-Control"] = "no-store"
    return response
