"""Two languages: Indonesian, in which the message ids are written, and English by catalogue."""

from __future__ import annotations

from flask import Flask, g, request, session
from flask_babel import Babel, get_locale, get_translations

from svc.formatting import Formatter
from svc.security import current_actor, deps, is_signed_in

LANGUAGES = {"id": "Bahasa Indonesia", "en": "English"}
DEFAULT = "id"


def install(app: Flask) -> None:
    """Choose the language of each request: as switched in this browser, else as the person set it."""
    Babel(app, default_locale=DEFAULT, default_timezone=deps_zone(app), locale_selector=select_language)


def deps_zone(app: Flask) -> str:
    """The province's time zone."""
    return str(app.extensions["paraf"].settings.zone)


def select_language() -> str:
    """The language of this request; programs say theirs in the address."""
    chosen = (request.args.get("lang") if request.path.startswith("/api/") else None) or session.get("locale")
    if chosen is None and not g.get("is_database_gone", False) and is_signed_in():
        chosen = current_actor().locale
    return chosen if chosen in LANGUAGES else DEFAULT


def formatter() -> Formatter:
    """Says dates and numbers in the language of this request (``fmt`` in templates)."""
    here = deps()
    return Formatter(locale=get_locale(), zone=here.settings.tzinfo, now=here.clock.now(),
                     working_days=here.calendar, translations=get_translations())
