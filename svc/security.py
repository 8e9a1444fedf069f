"""Who may do what on the web: one stated policy for every route, sessions, and what blueprints ask.

Each view carries exactly one policy: :func:`public`, :func:`signed_in`, :func:`requires` or :func:`bearer`.
:func:`enforce` runs before every request and refuses an endpoint that states none, so a forgotten decorator
closes a page instead of opening it. This is the only module that knows flask_login.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf.csrf import CSRFProtect
from werkzeug.wrappers import Response as WerkzeugResponse

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Forbidden, InvalidInput, NotAuthenticated
from svc.roles import PERMISSIONS, is_allowed
from svc.services import accounts, tokens

View = TypeVar("View", bound=Callable[..., Any])

_POLICY = "__paraf_policy__"
_BEGAN_AT, _ACTING_AS = "began_at", "acting_as"
# With a second factor demanded but not yet set up, only these are open.
_BEFORE_SECOND_FACTOR = frozenset({"account.totp", "account.enrol_totp", "auth.logout", "auth.set_locale"})


@dataclass(frozen=True)
class Policy:
    """Who may call a view. ``kind``: public, signed_in, permission or bearer; ``name``: which one.

    A public view named ``protocol`` answers programs that know no forms.
    """

    kind: str
    name: str = ""


class _User(UserMixin):  # type: ignore[misc]
    """What flask_login keeps per request. The id carries the session epoch, so that a changed password,
    second factor or activity ends every session begun before."""

    def __init__(self, session_id: str, seen: accounts.SignedIn) -> None:
        self.id = session_id
        self.seen = seen


# ---- policies


def public(view: View) -> View:
    """Anybody may call this view."""
    return _state(view, Policy("public"))


def public_protocol(view: View) -> View:
    """Anybody's program may call this view, by POST without a form's token: it keeps and changes nothing, whoever
    is logged in (OCSP, RFC 3161, verification)."""
    return _state(view, Policy("public", "protocol"))


def signed_in(view: View) -> View:
    """Everybody with an account may call this view; it shows only what is his own."""
    return _state(view, Policy("signed_in"))


def requires(permission: str) -> Callable[[View], View]:
    """Only holders of a position whose role grants the permission may call this view.

    :raises KeyError: at import, if there is no such permission
    """
    if permission not in PERMISSIONS:
        raise KeyError(permission)
    return lambda view: _state(view, Policy("permission", permission))


def bearer(scope: str) -> Callable[[View], View]:
    """Only callers with an API token of that scope (``Authorization: Bearer …``, RFC 6750); no CSRF."""
    if scope not in tokens.SCOPES:
        raise KeyError(scope)
    return lambda view: _state(view, Policy("bearer", scope))


def policy_of(view: Callable[..., Any]) -> Policy | None:
    """The policy that a view states, if any."""
    return getattr(view, _POLICY, None)


def _state(view: View, policy: Policy) -> View:
    if policy_of(view) is not None:
        raise ValueError(f"{view.__name__} states two policies")
    setattr(view, _POLICY, policy)
    return view


# ---- what blueprints ask


def deps() -> Deps:
    """The dependencies that services take."""
    return cast("Deps", current_app.extensions["paraf"])


def current_actor() -> Actor:
    """The person at the screen. :raises NotAuthenticated: nobody is logged in"""
    return current_sign_in().actor


def current_sign_in() -> accounts.SignedIn:
    """The person and the state of his account. :raises NotAuthenticated: nobody is logged in"""
    if not is_signed_in():
        raise NotAuthenticated
    return cast("accounts.SignedIn", current_user.seen)


def is_signed_in() -> bool:
    """Whether somebody is logged in."""
    return bool(current_user.is_authenticated)


def may(permission: str) -> bool:
    """Whether the person at the screen has the permission (``can`` in templates)."""
    return is_signed_in() and is_allowed(permission, current_actor().roles)


def caller() -> str:
    """Whom rate limits count: the person, else the network address."""
    return f"person:{current_actor().person_public_id}" if is_signed_in() else f"address:{request.remote_addr}"


def form_version() -> int:
    """The version that the page was made from (form field ``seen_version``).

    :raises InvalidInput: the field is missing or no number
    """
    text = request.form.get("seen_version", "")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidInput(fields={"seen_version": "Muat ulang halaman ini, lalu coba lagi."})
    return int(text)


def begin_session(session_id: str) -> None:
    """Log in: whatever the browser brought along is thrown away first (session fixation)."""
    locale = session.get("locale")
    session.clear()
    if locale:
        session["locale"] = locale
    session.permanent = True
    session[_BEGAN_AT] = _now()
    seen = accounts.resume(deps(), session_id, None)
    login_user(_User(session_id, seen))


def renew_session(session_id: str) -> None:
    """Go on in this browser after the epoch changed, keeping position and language."""
    acting = session.get(_ACTING_AS)
    begin_session(session_id)
    if acting:
        session[_ACTING_AS] = acting


def end_session() -> None:
    """Log out, here and on the server, and forget everything but the language."""
    locale = session.get("locale")
    if is_signed_in():
        accounts.log_out(deps(), current_actor())
    logout_user()
    session.clear()
    if locale:
        session["locale"] = locale


def act_as(position_public_id: str) -> None:
    """Choose the position shown as *Bertindak sebagai*. :raises Forbidden: not held today"""
    if position_public_id not in {held.position_public_id for held in current_actor().held}:
        raise Forbidden
    session[_ACTING_AS] = position_public_id


def safe_next(target: str) -> str:
    """A path of this site to go on to after logging in; anything else becomes the start page."""
    parts = urlsplit(target)
    is_path = target.startswith("/") and not target.startswith(("//", "/\\"))
    if not is_path or parts.scheme or parts.netloc or "\\" in target or not target.isprintable():
        return url_for("home.index")
    return target


# ---- wiring


def install(app: Flask) -> None:
    """Put sessions, the policy check and CSRF before every request, in this order."""
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # enforce() calls it after the policy
    app.config["WTF_CSRF_TIME_LIMIT"] = None  # as long as the session
    csrf = CSRFProtect(app)
    manager = LoginManager(app, add_context_processor=False)
    manager.session_protection = None  # addresses of phones change all the time
    manager.user_loader(_load_user)

    @app.before_request
    def _enforce() -> WerkzeugResponse | None:
        return enforce(csrf)


def enforce(csrf: CSRFProtect) -> WerkzeugResponse | None:
    """Check the policy of the endpoint; ``None`` lets the request pass.

    :raises Forbidden: the endpoint states no policy, or the person lacks the permission
    """
    if request.endpoint is None:
        return None  # 404 or 405, which tell nothing
    policy = policy_of(current_app.view_functions[request.endpoint])
    if policy is None:
        raise Forbidden
    if policy.kind == "bearer":
        _check_bearer(policy.name)
        return None
    if policy.kind != "public":
        answer = _check_person(policy)
        if answer is not None:
            return answer
    if policy.name != "protocol":
        csrf.protect()
    return None


def _check_person(policy: Policy) -> WerkzeugResponse | None:
    if not is_signed_in():
        return _to_login()
    if policy.kind == "permission" and not is_allowed(policy.name, current_actor().roles):
        raise Forbidden
    if current_sign_in().needs_totp_enrolment and request.endpoint not in _BEFORE_SECOND_FACTOR:
        return redirect(url_for("account.totp"))
    return None


def _check_bearer(scope: str) -> None:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise tokens.InvalidToken
    tokens.authenticate(deps(), secret.strip(), scope)


def _to_login() -> WerkzeugResponse:
    if request.headers.get("HX-Request") == "true":
        # A fragment must not be replaced by a whole login page.
        return Response(status=401, headers={"HX-Redirect": url_for("auth.login")})
    if request.method not in {"GET", "HEAD"} or request.accept_mimetypes.best == "application/json":
        raise NotAuthenticated
    return redirect(url_for("auth.login", next=request.full_path.rstrip("?")))


def _load_user(session_id: str) -> _User | None:
    longest = deps().settings.session_hours * 3600
    began_at = session.get(_BEGAN_AT)
    if not isinstance(began_at, int) or _now() - began_at > longest:
        return None
    try:
        return _User(session_id, accounts.resume(deps(), session_id, session.get(_ACTING_AS)))
    except NotAuthenticated:
        return None  # ended elsewhere; the policy check asks to log in again


def _now() -> int:
    return int(deps().clock.now().timestamp())
