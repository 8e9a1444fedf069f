"""Authorities of others that are trusted, with their fingerprints: add, confirm, withdraw."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from svc.blueprints.admin.root import UNPROCESSABLE, Page, bp, text
from svc.error_pages import translated_fields
from svc.errors import InvalidInput
from svc.security import current_actor, deps, requires
from svc.services import anchors


@bp.get("/trust")
@requires("admin.certificates")
def trust() -> str:
    """The list, and the form for a new candidate."""
    return _page({})


@bp.post("/trust")
@requires("admin.certificates")
def add_anchor() -> Response | Page:
    """Put a certificate on the list; it is trusted only once confirmed."""
    file = request.files.get("file")
    data = file.stream.read(anchors.MAX_BYTES + 1) if file is not None else b""
    source = text("source") or (file.filename if file is not None else None) or ""
    try:
        anchors.add(deps(), current_actor(), data, text("purpose"), source)
    except InvalidInput as error:
        return _page(translated_fields(error)), UNPROCESSABLE
    flash(_("Sertifikat dicatat sebagai calon. Bandingkan sidik jarinya, lalu sahkan."), "success")
    return redirect(url_for("admin.trust"))


@bp.post("/trust/<anchor_id>/confirm")
@requires("admin.certificates")
def confirm_anchor(anchor_id: str) -> Response | Page:
    """Trust a candidate whose fingerprint was typed."""
    try:
        anchors.confirm(deps(), current_actor(), anchor_id, text("fingerprint"))
    except InvalidInput as error:
        return _page(translated_fields(error)), UNPROCESSABLE
    flash(_("Sertifikat kini dipercaya."), "success")
    return redirect(url_for("admin.trust"))


@bp.post("/trust/<anchor_id>/withdraw")
@requires("admin.certificates")
def withdraw_anchor(anchor_id: str) -> Response:
    """Trust it no longer."""
    anchors.withdraw(deps(), current_actor(), anchor_id)
    flash(_("Sertifikat tidak lagi dipercaya."), "success")
    return redirect(url_for("admin.trust"))


def _page(errors: dict[str, str]) -> str:
    words = {"signer": _("Tanda tangan"), "timestamp": _("Stempel waktu"),
             "both": _("Tanda tangan dan stempel waktu"),
             "intermediate": _("Penerbit antara (tidak dipercaya sendiri)")}
    return render_template("admin/trust.html", anchors=anchors.list_all(deps(), current_actor()), purposes=words,
                           in_folders=anchors.list_in_folders(deps(), current_actor()), errors=errors,
                           source=text("source"))
