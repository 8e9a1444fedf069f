"""Signing: the sheet that shows what is signed and as what, the act itself, and acts that did not end."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as WerkzeugResponse

from svc.blueprints.ceremony import begin_for
from svc.error_pages import translate, translated_fields
from svc.errors import (
    AppError,
    Conflict,
    CredentialLocked,
    CredentialUnusable,
    InvalidInput,
    SigningFailed,
    StepUpFailed,
    StorageUnavailable,
    TooManyAttempts,
)
from svc.limits import limited
from svc.security import current_actor, deps, form_version, requires
from svc.services import signing, signing_codes, signing_pages
from svc.services.reconciliation import MINIMUM_AGE

bp = Blueprint("signing", __name__)
_FOR_EVER = "private, max-age=31536000, immutable"  # the address names the bytes by their hash
_MOST_DIGITS = 6
# Shown where a page cannot be drawn, in the place that the picture would take. Its width tells the page's script
# (js/page-pictures.js) that it is not the picture, which is worth asking for again.
_BLANK = ('<svg xmlns="http://www.w3.org/2000/svg" width="21" height="30" viewBox="0 0 210 297">'
          '<path fill="#f4f5f7" d="M0 0h210v297H0z"/>'
          '<path stroke="#9aa1ab" stroke-width="6" stroke-linecap="round" d="M75 148h60"/></svg>')


@bp.get("/tasks/<task_id>/sign")
@requires("task.sign")
def sheet(task_id: str) -> str:
    """The document beside the sheet; a document of another day is dated today first."""
    return _page(task_id)


@bp.post("/tasks/<task_id>/sign")
@requires("task.sign")
@limited("20 per minute")
def sign(task_id: str) -> WerkzeugResponse | tuple[str, int]:
    """Sign what the sheet showed. The passphrase lives in this request alone."""
    try:
        outcome = signing.sign(
            deps(), current_actor(), task_id, form_version(), request.form.get("frozen_sha256", ""), step_up())
    except (signing.SigningUnfinished, signing.ProofPending, signing.Unknown):
        raise  # there is no sheet to go back to: the signature exists, or may exist
    except (StepUpFailed, TooManyAttempts, CredentialLocked, CredentialUnusable, SigningFailed, StorageUnavailable,
            InvalidInput) as error:
        return _page(task_id, error), error.status
    flash(_("Naskah %(number)s sudah ditandatangani.", number=outcome.number), "success")
    return redirect(url_for("decrees.show", decree_id=outcome.decree_id))


@bp.get("/decrees/<decree_id>/pages/<sha256>/<number>.png")
@requires("decree.view")
def page_picture(decree_id: str, sha256: str, number: str) -> Response:
    """A page of a stored file as a small picture; a plain placeholder where it cannot be drawn just now."""
    wanted = int(number) if number.isdecimal() and len(number) <= _MOST_DIGITS else 0
    page = signing_pages.find_page(deps(), current_actor(), decree_id, sha256, wanted)
    if request.if_none_match.contains(page.tag):
        response = Response(status=304)
    else:
        try:
            response = Response(signing_pages.draw_page(deps(), page), mimetype="image/png")
        except signing_pages.PageNotDrawn as error:
            return Response(_BLANK, error.status, mimetype="image/svg+xml", headers={"Cache-Control": "no-store"})
    response.set_etag(page.tag)
    response.headers["Cache-Control"] = _FOR_EVER
    return response


@bp.get("/tasks/<task_id>/passkey")
@requires("task.sign")
@limited("30 per minute")
def passkey_options(task_id: str) -> WerkzeugResponse:
    """Options for touching a passkey for the document that the sheet shows, as JSON for the page's script."""
    return begin_for(signing.prepare(deps(), current_actor(), task_id).frozen_sha256)


@bp.post("/tasks/<task_id>/code")
@requires("task.sign")
@limited("5 per minute")
def send_code(task_id: str) -> WerkzeugResponse | tuple[str, int]:
    """Have the remote service send the signer a one-time code."""
    try:
        signing_codes.request_code(deps(), current_actor(), task_id)
    except (Conflict, CredentialUnusable, SigningFailed) as error:
        return _page(task_id, error), error.status
    flash(_("Kode sekali pakai diminta. Periksa ponsel atau surel Anda."), "success")
    return redirect(url_for("signing.sheet", task_id=task_id))


@bp.post("/signings/<attempt_id>/reconcile")
@requires("task.sign")
@limited("20 per minute")
def reconcile_act(attempt_id: str) -> WerkzeugResponse:
    """Ask the store and the service what became of an act."""
    result = signing.reconcile(deps(), current_actor(), attempt_id)
    if result == "finished":
        flash(_("Tanda tangan ditemukan, terbukti, dan sudah dicatat."), "success")
        return redirect(url_for("decrees.show", decree_id=request.form.get("decree_id", "-")))
    if result == "released":
        flash(_("Tidak ada tanda tangan dari tindakan itu. Anda dapat menandatangani lagi."), "success")
    elif result == "lost":
        flash(_("Tidak ada yang ditemukan, dan memeriksa lagi tidak akan mengubahnya. Yang dapat Anda lakukan tertulis "
                "di halaman ini."), "warning")
    elif result == "pending":
        flash(_("Sudah diperiksa kembali: tanda tangannya ada dan tersimpan, tetapi masih belum dapat dibuktikan. "
                "Sebabnya tertulis di halaman ini."), "warning")
    else:
        flash(_("Hasilnya belum dapat diketahui: layanan atau penyimpanan tidak menjawab, atau tindakannya masih "
                "berjalan. Periksa lagi beberapa menit lagi."), "info")
    return redirect(url_for("signing.sheet", task_id=request.form.get("task_id", "-")))


@bp.post("/signings/<attempt_id>/abandon")
@requires("task.sign")
@limited("20 per minute")
def abandon_act(attempt_id: str) -> WerkzeugResponse:
    """Declare an act without result, so as to sign anew."""
    signing.abandon(deps(), current_actor(), attempt_id)
    flash(_("Tindakan itu dinyatakan tidak jadi. Anda dapat menandatangani lagi."), "success")
    return redirect(url_for("signing.sheet", task_id=request.form.get("task_id", "-")))


def step_up() -> signing.StepUp:
    """What the signer typed and touched for this one act."""
    form = request.form
    second = signing.SecondStep(
        form.get("totp", "").strip(), form.get("passkey_challenge", ""), form.get("passkey_answer", ""))
    return signing.StepUp(form.get("passphrase", ""), second, form.get("code", "").strip())


def _page(task_id: str, error: AppError | None = None) -> str:
    try:
        shown = signing.prepare(deps(), current_actor(), task_id)
    except Conflict as refusal:
        act = signing.open_act(deps(), current_actor(), task_id)
        if act is None:
            raise refusal from error
        # While a young act runs, looking into it would only disturb the request that is at it.
        age = abs(deps().clock.now() - act.claimed_at)
        can_check = not act.is_lost and (act.state != "claimed" or age >= MINIMUM_AGE)
        return render_template("signing/open_act.html", act=act, task_id=task_id, can_check=can_check,
                               pending=translate(act.pending) if act.pending else "",
                               error=translate(error) if error else "")
    fields = translated_fields(error) if isinstance(error, InvalidInput) else {}
    return render_template("signing/sheet.html", sheet=shown, fields=fields,
                           error=translate(error) if error and not fields else "")
