"""Signing: the sheet that shows what is signed and as what, and the act itself."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

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
from svc.services import signing

bp = Blueprint("signing", __name__)


@bp.get("/tasks/<task_id>/sign")
@requires("task.sign")
def sheet(task_id: str) -> str:
    """The document beside the sheet; a document of another day is dated today first."""
    return _page(task_id)


@bp.post("/tasks/<task_id>/sign")
@requires("task.sign")
@limited("20 per minute")
def sign(task_id: str) -> Response | tuple[str, int]:
    """Sign what the sheet showed. The passphrase lives in this request alone."""
    try:
        outcome = signing.sign(
            deps(), current_actor(), task_id, form_version(), request.form.get("frozen_sha256", ""), _step_up())
    except (signing.SigningUnfinished, signing.ProofPending, signing.Unknown):
        raise  # there is no sheet to go back to: the signature exists, or may exist
    except (StepUpFailed, TooManyAttempts, CredentialLocked, CredentialUnusable, SigningFailed, StorageUnavailable,
            InvalidInput) as error:
        return _page(task_id, error), error.status
    flash(_("Naskah %(number)s sudah ditandatangani.", number=outcome.number), "success")
    return redirect(url_for("decrees.show", decree_id=outcome.decree_id))


def _step_up() -> signing.StepUp:
    form = request.form
    second = signing.SecondStep(
        form.get("totp", "").strip(), form.get("passkey_challenge", ""), form.get("passkey_answer", ""))
    return signing.StepUp(form.get("passphrase", ""), second, form.get("code", "").strip())


def _page(task_id: str, error: AppError | None = None) -> str:
    shown = signing.prepare(deps(), current_actor(), task_id)
    fields = translated_fields(error) if isinstance(error, InvalidInput) else {}
    return render_template("signing/sheet.html", sheet=shown, fields=fields,
                           error=translate(error) if error and not fields else "")
