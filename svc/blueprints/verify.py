"""Public verification: by the code in the QR, and by upload."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as WerkzeugResponse

from svc.blueprints.downloads import name_file
from svc.error_pages import translated_fields, wants_json
from svc.errors import InvalidInput, NotFound
from svc.i18n import select_language
from svc.limits import limited
from svc.security import deps, public
from svc.services import verdict_report, verification
from svc.services.plain_text import clean_line
from svc.services.verdict_report import SignedReport

bp = Blueprint("verify", __name__)
_UNPROCESSABLE = 422
_LONGEST_NAME = 120


@bp.get("/v/<code>")
@public
@limited("60 per minute")
def by_code(code: str) -> str | tuple[str, int]:
    """The verdict on one decree, computed now."""
    try:
        verdict = verification.by_code(deps(), code)
    except NotFound:  # who scanned a sheet must learn that it may be forged, not that a page is missing
        if wants_json():
            raise
        return render_template("verify/unknown.html", code=code[:64]), NotFound.status
    return render_template("verify/decree.html", verdict=verdict, kinds=_kind_titles())


@bp.get("/v/<code>/page.png")
@public
@limited("60 per minute")
def first_page(code: str) -> Response:
    """The first page as it is stored, to compare with the paper in one's hand."""
    response = Response(verification.first_page_image(deps(), code), mimetype="image/png")
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@bp.get("/v/<code>/file.pdf")
@public
@limited("30 per minute")
def download(code: str) -> Response:
    """The signed file of an ordinary decree."""
    data, name = verification.signed_file(deps(), code)
    response = Response(data, mimetype="application/pdf")
    name_file(response, "attachment", name)
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.get("/v/<code>/report.pdf")
@public
@limited("10 per minute")
def decree_report(code: str) -> Response:
    """The verdict on one decree as a signed PDF to file away."""
    return _send_report(verdict_report.for_code(deps(), code, select_language()))


@bp.get("/verify/code")
@public
@limited("60 per minute")
def find() -> WerkzeugResponse:
    """From a code typed by hand (or a whole address pasted) to its page."""
    typed = request.args.get("code", "").strip().rstrip("/").rsplit("/", 1)[-1]
    return redirect(url_for("verify.by_code", code=typed or "-"))


@bp.get("/verify")
@public
def upload() -> str:
    """The form."""
    return _form({})


@bp.post("/verify")
@public
@limited("20 per minute")
def check() -> str | tuple[str, int]:
    """Judge an uploaded file; nothing of it is kept."""
    file = request.files.get("file")
    try:
        verdict = verification.of_upload(deps(), uploaded_pdf())
    except InvalidInput as error:
        return _form(translated_fields(error)), _UNPROCESSABLE
    name = (file.filename or "") if file else ""
    return render_template(
        "verify/file.html", verdict=verdict, file_name=clean_line(name, _LONGEST_NAME), kinds=_kind_titles())


@bp.post("/verify/report")
@public
@limited("6 per minute")
def file_report() -> Response | tuple[str, int]:
    """The verdict on an uploaded file as a signed PDF; nothing of the file is kept."""
    try:
        return _send_report(verdict_report.for_upload(deps(), uploaded_pdf(), language=select_language()))
    except InvalidInput as error:
        return _form(translated_fields(error)), _UNPROCESSABLE


def uploaded_pdf() -> bytes:
    """The file of the form, whole. :raises InvalidInput: none was chosen"""
    file = request.files.get("file")
    if not file or not file.filename:
        raise InvalidInput(fields={"file": "Pilih berkas PDF terlebih dahulu."})
    return file.stream.read()


def _send_report(report: SignedReport) -> Response:
    response = Response(report.pdf, mimetype="application/pdf")
    name_file(response, "attachment", report.name)
    response.headers["Cache-Control"] = "no-store"
    return response


def _form(errors: dict[str, str]) -> str:
    return render_template("verify/upload.html", errors=errors)


def _kind_titles() -> dict[str, str]:
    return {kind.id: _(kind.title) for kind in deps().kinds.all()}
