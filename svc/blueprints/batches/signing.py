"""Signing a batch: the frozen list and the one act over it, and how signing is paused, gone on with or ended."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from svc.blueprints.batches.root import bp, mark_of
from svc.blueprints.batches.words import failure_words
from svc.blueprints.ceremony import begin_for
from svc.blueprints.signing import step_up
from svc.error_pages import translate, translated_fields
from svc.errors import (
    AppError,
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
from svc.services import signing_codes
from svc.services.batches import page, signing
from svc.services.batches.model import BatchBusy

_ON_SHEET = (StepUpFailed, TooManyAttempts, CredentialLocked, CredentialUnusable, SigningFailed, StorageUnavailable,
             InvalidInput, signing.HostUnavailable)


@bp.get("/batches/<batch_id>/sign")
@requires("task.sign")
def sign_sheet(batch_id: str) -> str | Response:
    """The frozen list; one of another day is laid out anew first, and the page waits for it."""
    if signing.refresh(deps(), current_actor(), batch_id):
        return _waiting(batch_id)
    return _page(batch_id)


@bp.post("/batches/<batch_id>/sign")
@requires("task.sign")
@limited("20 per minute")
def authorise(batch_id: str) -> Response | tuple[str | Response, int]:
    """Authorise what the sheet showed. The passphrase lives in this request alone."""
    try:
        count = signing.authorise(deps(), current_actor(), batch_id, form_version(),
                                  request.form.get("list_sha256", ""), step_up())
    except _ON_SHEET as error:
        return _page(batch_id, error), error.status
    flash(ngettext(
        "Otorisasi diterima untuk %(n)s naskah.",
        "Otorisasi diterima untuk %(n)s naskah.", count, n=count), "success")
    return redirect(url_for("batches.progress", batch_id=batch_id))


@bp.get("/batches/<batch_id>/passkey")
@requires("task.sign")
@limited("30 per minute")
def passkey_options(batch_id: str) -> Response:
    """Options for touching a passkey for the list that the sheet shows, as JSON for the page's script."""
    return begin_for(signing.prepare(deps(), current_actor(), batch_id).list_sha256)


@bp.post("/batches/<batch_id>/code")
@requires("task.sign")
@limited("5 per minute")
def send_code(batch_id: str) -> Response | tuple[str | Response, int]:
    """Have the remote service send the signer a one-time code for the whole list."""
    try:
        signing_codes.request_code_for_list(deps(), current_actor(), batch_id)
    except (CredentialUnusable, SigningFailed) as error:
        return _page(batch_id, error), error.status
    flash(_("Kode sekali pakai diminta. Periksa ponsel atau surel Anda."), "success")
    return redirect(url_for("batches.sign_sheet", batch_id=batch_id))


@bp.post("/batches/<batch_id>/pause")
@requires("task.view")
def pause(batch_id: str) -> Response:
    """Take up no further documents for now."""
    signing.pause(deps(), current_actor(), batch_id)
    return redirect(url_for("batches.progress", batch_id=batch_id))


@bp.post("/batches/<batch_id>/resume")
@requires("task.view")
def resume(batch_id: str) -> Response:
    """Go on after a pause."""
    signing.resume(deps(), current_actor(), batch_id)
    return redirect(url_for("batches.progress", batch_id=batch_id))


@bp.post("/batches/<batch_id>/cancel")
@requires("task.view")
def cancel(batch_id: str) -> Response:
    """End signing: what is signed stays signed, the rest returns to the drafter."""
    signing.cancel(deps(), current_actor(), batch_id, request.form.get("reason", ""))
    flash(_("Penandatanganan dihentikan. Yang belum ditandatangani kembali kepada penyusun."), "success")
    return redirect(url_for("batches.show", batch_id=batch_id))


def _page(batch_id: str, error: AppError | None = None) -> str | Response:
    try:
        shown = signing.prepare(deps(), current_actor(), batch_id, request.args.get("sample", 0, int))
    except BatchBusy:
        return _waiting(batch_id)
    fields = translated_fields(error) if isinstance(error, InvalidInput) else {}
    return render_template(
        "batches/sign.html", sheet=shown, fields=fields, asked=request.args.get("sample", 0, int),
        error=translate(error) if error and not fields else "",
        stop_words=failure_words(shown.stop_code) if shown.stop_code else "")


def _waiting(batch_id: str) -> str | Response:
    """Workers are at it: signing has a page of its own, laying out is waited for here."""
    view = page.load_batch(deps(), current_actor(), batch_id)
    if view.progress.work in {"sign", ""}:
        return redirect(url_for("batches.progress", batch_id=batch_id))
    return render_template("batches/waiting.html", batch=view, speed=view.speed, mark=mark_of(view))
