"""Certificates of all signers: who can sign, until when; unlock and revoke. Keys are never opened here."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from svc.blueprints.admin.root import bp, text
from svc.security import current_actor, deps, requires, safe_next
from svc.services import credentials


@bp.get("/certificates")
@requires("admin.certificates")
def certificates() -> str:
    """The list."""
    found = credentials.list_all(deps(), current_actor())
    return render_template("admin/certificates.html", credentials=found, reasons=credentials.REVOCATION_REASONS)


@bp.post("/certificates/<credential_id>/unlock")
@requires("admin.certificates")
def unlock_certificate(credential_id: str) -> Response:
    """Let the owner try again."""
    credentials.unlock(deps(), current_actor(), credential_id)
    flash(_("Kunci sertifikat dibuka kembali."), "success")
    return _back()


@bp.post("/certificates/<credential_id>/revoke")
@requires("admin.certificates")
def revoke_certificate(credential_id: str) -> Response:
    """End a certificate for good."""
    credentials.revoke(deps(), current_actor(), credential_id, text("revocation_reason"))
    flash(_("Sertifikat dicabut."), "success")
    return _back()


def _back() -> Response:
    target = request.form.get("next", "")
    return redirect(safe_next(target) if target else url_for("admin.certificates"))
