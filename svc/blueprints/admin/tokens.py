"""API tokens: shown once, revocable."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from svc.blueprints.admin.root import UNPROCESSABLE, Page, bp, text
from svc.error_pages import translated_fields
from svc.errors import InvalidInput
from svc.security import current_actor, deps, requires
from svc.services import tokens as service


@bp.get("/tokens")
@requires("admin.tokens")
def tokens() -> str:
    """The list, and the form for a new one."""
    return _page({}, {})


@bp.post("/tokens")
@requires("admin.tokens")
def create_token() -> str | Page:
    """Make a token and show its secret, this once."""
    days = text("valid_days")
    try:
        secret = service.create(deps(), current_actor(), text("name")[:120], tuple(request.form.getlist("scopes")),
                                int(days) if days.isascii() and days.isdigit() and len(days) < 6 else 0)
    except InvalidInput as error:
        return _page(request.form.to_dict(), translated_fields(error)), UNPROCESSABLE
    return _page({}, {}, secret)


@bp.post("/tokens/<token_id>/revoke")
@requires("admin.tokens")
def revoke_token(token_id: str) -> Response:
    """End a token now."""
    service.revoke(deps(), current_actor(), token_id)
    flash(_("Token dicabut."), "success")
    return redirect(url_for("admin.tokens"))


def _page(values: dict[str, str], errors: dict[str, str], secret: str = "") -> str:
    return render_template("admin/tokens.html", tokens=service.list_all(deps()), scopes=service.SCOPES,
                           values=values, errors=errors, secret=secret, now=deps().clock.now())
