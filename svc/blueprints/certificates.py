"""One's own certificates: issue, import, change the passphrase, revoke. Only the owner types a passphrase."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from svc.error_pages import translate, translated_fields
from svc.errors import AppError, Conflict, CredentialUnusable, InvalidInput, StepUpFailed, TooManyAttempts
from svc.limits import limited
from svc.security import current_actor, deps, requires
from svc.services import certificate_names, credentials, provability

bp = Blueprint("certificates", __name__)
_MAX_FILE = 256 * 1024
Page = tuple[str, int]


@bp.get("/account/certificates")
@requires("credential.own")
def index() -> str:
    """The list, with the forms."""
    return _page()


@bp.post("/account/certificates/issue")
@requires("credential.own")
@limited("10 per minute")
def issue() -> Response | Page:
    """Make a key under a passphrase of one's own choice."""
    try:
        credentials.issue_own(deps(), current_actor(), _secret("password"), _secret("passphrase"), _secret("repeated"))
    except InvalidInput as error:
        return _page("issue", error), error.status
    flash(_("Sertifikat diterbitkan. Anda dapat menandatangani."), "success")
    return redirect(url_for("certificates.index"))


@bp.post("/account/certificates/import")
@requires("credential.own")
@limited("10 per minute")
def import_file() -> Response | Page:
    """Take over a PKCS#12 file."""
    try:
        made = credentials.import_own(
            deps(), current_actor(), _secret("password"), _file(), _secret("file_passphrase"), _secret("passphrase"),
            _secret("repeated"), accepts_name=bool(request.form.get(certificate_names.FIELD)))
    except (InvalidInput, CredentialUnusable, Conflict) as error:
        return _page("import", error), error.status
    if provability.gap_of(deps(), made) is None:
        flash(_("Sertifikat diimpor."), "success")
    else:
        flash(_("Sertifikat diimpor, tetapi tanda tangannya belum akan dapat dibuktikan. Baca keterangannya di halaman "
                "ini sebelum menandatangani."), "warning")
    return redirect(url_for("certificates.index"))


@bp.post("/account/certificates/<credential_id>/passphrase")
@requires("credential.own")
@limited("10 per minute")
def change_passphrase(credential_id: str) -> Response | Page:
    """Another passphrase for the same key."""
    try:
        credentials.change_passphrase(deps(), current_actor(), credential_id, _secret("old"), _secret("passphrase"),
                                      _secret("repeated"))
    except (InvalidInput, StepUpFailed, TooManyAttempts) as error:
        return _page(credential_id, error), error.status
    flash(_("Kata sandi TTE diganti."), "success")
    return redirect(url_for("certificates.index"))


@bp.post("/account/certificates/<credential_id>/revoke")
@requires("credential.own")
def revoke(credential_id: str) -> Response:
    """End one's own certificate for good, for instance when the passphrase may be known to others."""
    credentials.revoke(deps(), current_actor(), credential_id, request.form.get("revocation_reason", ""))
    flash(_("Sertifikat dicabut."), "success")
    return redirect(url_for("certificates.index"))


def _page(form: str = "", error: AppError | None = None) -> str:
    """``form`` names the one that failed: its message and fields are shown there."""
    actor = current_actor()
    fields = translated_fields(error) if isinstance(error, InvalidInput) else {}
    return render_template(
        "auth/certificates.html", credentials=credentials.list_for(deps(), actor, actor.person_public_id),
        failed=form, message=translate(error) if error and not fields else "", fields=fields,
        reasons=credentials.REVOCATION_REASONS)


def _file() -> bytes:
    file = request.files.get("file")
    if file is None or not file.filename:
        raise InvalidInput(fields={"file": "Pilih berkas .p12 atau .pfx terlebih dahulu."})
    return file.stream.read(_MAX_FILE + 1)


def _secret(name: str) -> str:
    return request.form.get(name, "")[:1100]
