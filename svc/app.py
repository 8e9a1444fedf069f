"""The web application: what is put together, and in which order."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from itertools import chain

from flask import Blueprint, Flask, abort, g, request
from jinja2 import PackageLoader
from werkzeug.middleware.proxy_fix import ProxyFix

from svc import error_pages, frame, headers, i18n, limits, logs, security
from svc.adapters.keystore import load_secret_key
from svc.blueprints import (
    account,
    admin,
    api,
    auth,
    batches,
    certificates,
    collective,
    decrees,
    home,
    inbox,
    metrics,
    notices,
    pki,
    registers,
    signing,
    verify,
)
from svc.deps import Deps, build_deps
from svc.intake import ensure_taken_in
from svc.settings import Settings

BLUEPRINTS: tuple[Blueprint, ...] = (
    home.bp,
    auth.bp,
    account.bp,
    certificates.bp,
    admin.bp,
    notices.bp,
    inbox.bp,
    decrees.bp,
    collective.bp,
    batches.bp,
    registers.bp,
    signing.bp,
    verify.bp,
    pki.bp,
    metrics.bp,
    api.bp,
)
_FORM_FIELDS = 2_000
_FORM_MEMORY = 2 * 1024 * 1024


def create_app(settings: Settings, deps: Deps | None = None) -> Flask:
    """Build the application.

    :param deps: what services need; tests hand over their own
    :raises svc.settings.SettingsError: keys that must be given are not
    """
    app = Flask("svc", static_folder=None)
    app.jinja_env.loader = PackageLoader("templates", "html")
    app.extensions["paraf"] = deps or build_deps(settings)
    _configure(app, settings)
    logs.configure(settings)
    logs.install(app)
    app.before_request(lambda: ensure_taken_in(request.environ))
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    limits.install(app, settings, security.caller)
    security.install(app)
    i18n.install(app)
    frame.install(app)
    error_pages.install(app)
    headers.install(app, is_production=settings.is_production)
    app.before_request(_refuse_null_characters)
    _put_people_first(app)
    return app


def _put_people_first(app: Flask) -> None:
    """Batches on this machine pause while somebody who signed in waits for what his act does."""

    @app.before_request
    def _begin() -> None:
        if request.method == "POST" and security.is_signed_in():
            g.waiting = ExitStack()
            g.waiting.enter_context(security.deps().courtesy.for_person())

    @app.teardown_request
    def _end(_error: BaseException | None) -> None:
        waiting: ExitStack | None = g.pop("waiting", None)
        if waiting is not None:
            waiting.close()


def _refuse_null_characters() -> None:
    """PostgreSQL takes no U+0000 in a text, and no honest address or form carries one."""
    sent = [request.args, request.form] if request.method == "POST" else [request.args]
    pairs = [pair for fields in sent for pair in fields.items(multi=True)]
    if any("\0" in text for text in (request.path, *chain.from_iterable(pairs))):
        abort(400)


def _configure(app: Flask, settings: Settings) -> None:
    is_https = settings.base_url.startswith("https://")
    app.config.update(
        SECRET_KEY=load_secret_key(settings),
        # __Host- binds the cookie to this very host and to https.
        SESSION_COOKIE_NAME="__Host-paraf" if is_https else "paraf",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=is_https,
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=settings.session_hours),
        # One file and the form around it.
        MAX_CONTENT_LENGTH=settings.max_upload_bytes + _FORM_MEMORY,
        MAX_FORM_MEMORY_SIZE=_FORM_MEMORY,
        MAX_FORM_PARTS=_FORM_FIELDS,
        PREFERRED_URL_SCHEME="https" if is_https else "http",
    )
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
