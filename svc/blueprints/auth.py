"""Logging in and out, the language, the position one acts in."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from svc.demo_login import demo_logins
from svc.errors import NotAuthenticated, NotFound, TooManyAttempts
from svc.limits import count_failed_name, forget_failed_name, is_name_paused, limited
from svc.security import (
    act_as,
    begin_session,
    deps,
    end_session,
    is_signed_in,
    public,
    safe_next,
    signed_in,
)
from svc.services import accounts

bp = Blueprint("auth", __name__)

_PENDING = "second_factor_for"
_PENDING_SECONDS = 300


@bp.get("/login")
@public
def login() -> Response | str:
    """The login form."""
    if is_signed_in():
        return redirect(safe_next(request.args.get("next", "")))
    return _form(next_url=request.args.get("next", ""))


@bp.post("/login")
@public
@limited("30 per minute")
def enter() -> Response | tuple[str, int]:
    """Check name and password; with a second factor, ask for its code next."""
    if "totp" in request.form:
        return _second_step()
    username = request.form.get("username", "")[:80]
    attempts = deps().settings.login_attempts
    if is_name_paused(username, attempts):
        error = TooManyAttempts()
        return _form(username=username, error=_(
            "Terlalu banyak percobaan dengan nama ini. Tunggu 15 menit, lalu coba lagi.")), error.status
    try:
        session_id = accounts.authenticate(deps(), username, request.form.get("password", "")[:1000])
    except accounts.SecondFactorRequired as step:
        session[_PENDING] = [step.person_public_id, _now(), username]
        return _form(ask_totp=True), 200
    except accounts.LoginRefused as error:
        count_failed_name(username, attempts)
        return _form(username=username, error=_(error.text)), error.status
    return _admitted(session_id, username)


@bp.post("/logout")
@signed_in
def logout() -> Response:
    """End this session and, since the server counts them together, the person's others."""
    end_session()
    flash(_("Anda sudah keluar, di semua perangkat."), "success")
    return redirect(url_for("auth.login"))


@bp.get("/locale/<locale>")
@public
def set_locale(locale: str) -> Response:
    """Switch the language of this browser; the lasting choice stands on the account page."""
    if locale not in accounts.LOCALES:
        raise NotFound
    session["locale"] = locale
    return redirect(safe_next(request.args.get("next", "")))


@bp.post("/acting-as/<position_id>")
@signed_in
def act_as_position(position_id: str) -> Response:
    """Choose the position to act in."""
    act_as(position_id)
    return redirect(safe_next(request.form.get("next", "")))


def _second_step() -> Response | tuple[str, int]:
    pending = session.get(_PENDING)
    if not isinstance(pending, list) or len(pending) != 3 or _now() - int(pending[1]) > _PENDING_SECONDS:
        session.pop(_PENDING, None)
        raise NotAuthenticated
    try:
        session_id = accounts.authenticate_second(deps(), str(pending[0]), request.form.get("totp", ""))
    except accounts.CodeRefused as error:
        return _form(ask_totp=True, fields={"totp": _(error.text)}), error.status
    except accounts.LoginRefused as error:
        session.pop(_PENDING, None)
        return _form(error=_(error.text)), error.status
    return _admitted(session_id, str(pending[2]))


def _admitted(session_id: str, username: str) -> Response:
    forget_failed_name(username, deps().settings.login_attempts)
    begin_session(session_id)
    return redirect(safe_next(request.form.get("next", "")))


def _form(*, username: str = "", error: str = "", fields: dict[str, str] | None = None, ask_totp: bool = False,
          next_url: str = "") -> str:
    demo = demo_logins(deps().settings)
    return render_template(
        "auth/login.html", username=username, error=error, fields=fields or {}, ask_totp=ask_totp,
        next_url=next_url or request.form.get("next", ""), demo_accounts=demo.accounts,
        demo_password=demo.password)


def _now() -> int:
    return int(deps().clock.now().timestamp())
