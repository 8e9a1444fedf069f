"""The bell: what happened to one's decrees."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from svc.security import current_actor, deps, signed_in
from svc.services import notices

bp = Blueprint("notices", __name__)


@bp.get("/notices")
@signed_in
def index() -> str:
    """All notices, newest first."""
    page = notices.load_page(deps(), current_actor(), request.args.get("cursor", ""))
    return render_template("notices/index.html", page=page)


@bp.post("/notices/<notice_id>")
@signed_in
def open_notice(notice_id: str) -> Response:
    """Mark as read and go to the decree or the batch that it is about."""
    about = notices.open_notice(deps(), current_actor(), notice_id)
    if about.batch_id:
        return redirect(url_for("batches.show", batch_id=about.batch_id))
    return redirect(url_for("decrees.show", decree_id=about.decree_id) if about.decree_id
                    else url_for("notices.index"))


@bp.post("/notices/read")
@signed_in
def read_all() -> Response:
    """Mark all as read."""
    notices.mark_all_read(deps(), current_actor())
    return redirect(url_for("notices.index"))
