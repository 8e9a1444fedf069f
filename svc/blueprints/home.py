"""Start page, health and static files."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response, jsonify, redirect, url_for
from werkzeug.wrappers import Response as WerkzeugResponse

from svc.assets import send_asset
from svc.security import deps, is_signed_in, may, public

bp = Blueprint("home", __name__)


@bp.get("/")
@public
def index() -> WerkzeugResponse:
    """Where a person's work is: the inbox, else his account; without a person the login."""
    if not is_signed_in():
        return redirect(url_for("auth.login"))
    return redirect(url_for("inbox.index" if may("task.view") else "account.index"))


@bp.get("/health")
@public
def health() -> tuple[Response, int]:
    """Whether database, store, queue, TSA, cage and signing host answer (503: one does not); 2 s old at most."""
    from svc.health import check_recent

    report = check_recent(deps())
    return jsonify(asdict(report)), 200 if report.is_healthy else 503


@bp.get("/favicon.ico")
@public
def favicon() -> WerkzeugResponse:
    """Browsers ask for it on pages that name no icon (JSON, PDF)."""
    return redirect(url_for("home.static", filename="favicon.svg"))


@bp.get("/static/<path:filename>")
@public
def static(filename: str) -> Response:
    """A file of the front end."""
    return send_asset(filename)
