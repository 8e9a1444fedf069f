"""The request log of remote signing services, as their rules demand that there be one."""

from __future__ import annotations

from flask import render_template

from svc.blueprints.admin.root import bp
from svc.security import current_actor, deps, requires
from svc.services.remote_calls import recent


@bp.get("/remote-calls")
@requires("admin.certificates")
def remote_calls() -> str:
    """The latest calls."""
    return render_template("admin/remote_calls.html", calls=recent(deps(), current_actor()))
