"""One's own account: address, language, password, second factor, passkeys."""

from __future__ import annotations

import base64
import io

import segno
from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from svc.blueprints.ceremony import as_json
from svc.error_pages import translate, translated_fields
from svc.errors import Conflict, InvalidInput, NotFound
from svc.limits import limited
from svc.security import begin_session, current_actor, current_sign_in, deps, public, renew_session, signed_in
from svc.services import accounts, passkeys, second_factor

bp = Blueprint("account", __name__)
_UNPROCESSABLE = 422
_SECRET = "totp_enrolment"  # noqa: S105 - name of a session key
Page = tuple[str, int]


@bp.get("/account")
@signed_in
def index() -> str:
    """The account page."""
    return _page({})


@bp.post("/account/profile")
@signed_in
def save_profile() -> Response | Page:
    """Address for notices and language."""
    try:
        accounts.change_email(deps(), current_actor(), request.form.get("email", ""))
        locale = request.form.get("locale", "")
        accounts.set_locale(deps(), current_actor(), locale)
    except InvalidInput as error:
        return _page(translated_fields(error)), _UNPROCESSABLE
    session["locale"] = locale
    flash(_("Akun disimpan."), "success")
    return redirect(url_for("account.index"))


@bp.post("/account/password")
@signed_in
@limited("10 per minute")
def change_password() -> Response | Page:
    """A new password; every other session ends."""
    try:
        session_id = accounts.change_password(
            deps(), current_actor(), _password("old"), _password("new"), _password("repeated"))
    except InvalidInput as error:
        return _page(translated_fields(error)), _UNPROCESSABLE
    renew_session(session_id)
    flash(_("Kata sandi diganti. Semua sesi lain sudah diakhiri."), "success")
    return redirect(url_for("account.index"))


@bp.post("/account/sessions/end")
@signed_in
def end_sessions() -> Response:
    """Log out everywhere else."""
    renew_session(accounts.end_all_sessions(deps(), current_actor()))
    flash(_("Semua sesi lain sudah diakhiri."), "success")
    return redirect(url_for("account.index"))


@bp.get("/account/second-factor")
@signed_in
def totp() -> str:
    """Set up the second factor: QR code, secret in letters, first code."""
    return _totp_page({})


@bp.post("/account/second-factor")
@signed_in
@limited("10 per minute")
def enrol_totp() -> Response | Page:
    """Keep the second factor once the account's password and its first code are right."""
    try:
        begun = second_factor.resume_enrolment(deps(), current_sign_in().username, session.get(_SECRET, ""))
    except NotFound:
        return redirect(url_for("account.totp"))
    try:
        session_id = accounts.enrol_second_factor(
            deps(), current_actor(), _password("password"), begun.secret, request.form.get("code", ""))
    except InvalidInput as error:
        return _totp_page(translated_fields(error)), _UNPROCESSABLE
    renew_session(session_id)
    flash(_("Verifikasi dua langkah aktif. Mulai sekarang masuk memerlukan kode."), "success")
    return redirect(url_for("account.index"))


@bp.post("/account/passkeys/options")
@signed_in
@limited("10 per minute")
def passkey_options() -> Response:
    """Options for making a passkey, as JSON for the page's script, for the account's password."""
    return as_json(passkeys.begin_registration(deps(), current_actor(), _password("password")))


@bp.post("/account/passkeys")
@signed_in
@limited("10 per minute")
def add_passkey() -> Response | Page:
    """Keep the passkey that the browser made."""
    form = request.form
    try:
        passkeys.finish_registration(deps(), current_actor(), form.get("passkey_challenge", ""),
                                     form.get("passkey_answer", ""), form.get("name", ""))
    except (InvalidInput, Conflict) as error:
        fields = translated_fields(error) if isinstance(error, InvalidInput) else {}
        return _page(fields, "" if fields else translate(error)), error.status
    flash(_("Kunci sandi (passkey) terdaftar."), "success")
    return redirect(url_for("account.index"))


@bp.post("/account/passkeys/<passkey_id>/remove")
@signed_in
@limited("10 per minute")
def remove_passkey(passkey_id: str) -> Response | Page:
    """Forget one of one's own passkeys."""
    try:
        passkeys.remove(deps(), current_actor(), passkey_id, _password("remove_password"))
    except InvalidInput as error:
        return _page({"remove_password": translate(error)}, removing=passkey_id), error.status
    flash(_("Kunci sandi (passkey) dihapus."), "success")
    return redirect(url_for("account.index"))


@bp.get("/activate/<token>")
@public
def activate(token: str) -> str:
    """Set the first password by a one-time link."""
    username = accounts.activation_username(deps(), token)
    return render_template("auth/activate.html", username=username, fields={})


@bp.post("/activate/<token>")
@public
@limited("10 per minute")
def set_first_password(token: str) -> Response | Page:
    """Keep the password and log in."""
    try:
        session_id = accounts.activate(deps(), token, _password("new"), _password("repeated"))
    except InvalidInput as error:
        username = accounts.activation_username(deps(), token)
        return render_template("auth/activate.html", username=username,
                               fields=translated_fields(error)), _UNPROCESSABLE
    begin_session(session_id)
    flash(_("Kata sandi tersimpan. Selamat datang."), "success")
    return redirect(url_for("home.index"))


def _page(fields: dict[str, str], passkey_error: str = "", removing: str = "") -> str:
    """``removing`` is the passkey whose removal failed: its dialog opens again."""
    return render_template("auth/account.html", me=current_sign_in(), fields=fields, form=request.form,
                           passkeys=passkeys.list_own(deps(), current_actor()), passkey_error=passkey_error,
                           passkeys_can_be_made=passkeys.can_be_made(deps()), removing=removing)


def _password(field: str) -> str:
    return request.form.get(field, "")[:1000]


def _totp_page(fields: dict[str, str]) -> str:
    me = current_sign_in()
    if me.has_totp:
        return render_template("auth/totp.html", enrolment=None, qr="", fields={})
    try:
        enrolment = second_factor.resume_enrolment(deps(), me.username, session.get(_SECRET, ""))
    except NotFound:
        enrolment = second_factor.begin_enrolment(deps(), me.username)
    session[_SECRET] = enrolment.sealed  # a cookie is signed, yet anybody who has it can read it
    out = io.BytesIO()
    segno.make(enrolment.uri, error="m").save(out, kind="svg", scale=5, border=2, xmldecl=False)
    return render_template("auth/totp.html", enrolment=enrolment, qr=_data_uri(out.getvalue()), fields=fields)


def _data_uri(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()
