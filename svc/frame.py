"""What every template may use: formatter, asset addresses, permissions, navigation, the person at the screen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask, current_app, g, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _

from svc.actors import Actor
from svc.assets import asset_url
from svc.i18n import LANGUAGES, formatter
from svc.security import current_actor, deps, is_signed_in, may
from svc.services import notices
from svc.services.decree_page import TimelineItem


@dataclass(frozen=True)
class NavItem:
    """An entry of the menu."""

    label: str
    icon: str
    url: str
    active: bool
    badge: int = 0


@dataclass(frozen=True)
class ActingOption:
    """A position that the person may act in."""

    label: str
    url: str
    active: bool


@dataclass(frozen=True)
class CurrentPerson:
    """The person as the frame shows him; ``acting_as`` is always in sight."""

    name: str
    initials: str
    acting_as: str
    is_definitive: bool
    acting_options: tuple[ActingOption, ...]


@dataclass(frozen=True)
class TimelineStep:
    """A step as the timeline macro draws it: all in words."""

    title: str
    state: str
    who: str
    capacity: str
    at: datetime | None
    due: datetime | None
    waited: str
    note: str
    mine: bool


def install(app: Flask) -> None:
    """Add globals and the context of the frame."""
    app.jinja_env.globals.update(asset_url=asset_url, can=may, decree_timeline=decree_timeline)
    app.context_processor(_context)


def decree_timeline(items: Iterable[TimelineItem]) -> tuple[TimelineStep, ...]:
    """Steps of a decree with their titles in the reader's language and times in words."""
    return tuple(TimelineStep(_(item.title), item.state, item.who, item.capacity, item.at, item.due_at,
                              _waited(item), item.note, item.mine) for item in items)


def language_url(locale: str) -> str:
    """Address that switches the language and comes back to the page one is on, or to that of the form one sent."""
    here = request.full_path.rstrip("?") if request.method == "GET" else ""
    routes = current_app.create_url_adapter(request)
    if not here and routes and routes.test(request.path, "GET"):
        here = request.path
    return url_for("auth.set_locale", locale=locale, next=here or None)


def _waited(item: TimelineItem) -> str:
    fmt = formatter()
    if item.waited_minutes is not None:
        time = fmt.working_time(item.waited_minutes)
        if item.norm_minutes:
            return str(_("%(time)s dari norma %(norm)s", time=time, norm=fmt.working_time(item.norm_minutes)))
        return str(_("selama %(time)s", time=time))
    if item.norm_minutes and item.state in {"current", "upcoming"}:
        return str(_("norma %(norm)s", norm=fmt.working_time(item.norm_minutes)))
    return ""


def _context() -> dict[str, Any]:
    context: dict[str, Any] = {
        "fmt": formatter(), "locale": str(get_locale()), "languages": LANGUAGES, "language_url": language_url,
        "organisation": f"Provinsi {deps().settings.province}",
        "home_url": url_for("home.index"), "login_url": url_for("auth.login"),
        "verify_url": _url_if_there("verify.upload"), "current_person": None, "nav_items": (),
        "max_upload_mb": deps().settings.max_upload_mb,
    }
    if not g.get("is_database_gone", False) and is_signed_in():
        context |= _personal(current_actor())
    return context


def _personal(actor: Actor) -> dict[str, Any]:
    # A fragment has no frame, so it need not count what waits.
    is_fragment = request.headers.get("HX-Request") == "true"
    waiting = notices.Waiting(0, 0) if is_fragment else notices.count_waiting(deps(), actor)
    return {
        "current_person": _person(actor), "nav_items": _navigation(waiting.tasks),
        "notices_url": url_for("notices.index"), "notices_count": waiting.notices,
        "account_url": url_for("account.index"), "logout_url": url_for("auth.logout"),
        "search_url": url_for("decrees.index"), "search_suggest_url": url_for("decrees.search"),
    }


def _person(actor: Actor) -> CurrentPerson:
    acting = actor.acting_as
    options = tuple(
        ActingOption(held.display_title, url_for("auth.act_as_position", position_id=held.position_public_id),
                     held == acting) for held in actor.held) if len(actor.held) > 1 else ()
    words = [word for word in actor.name.replace(",", " ").split() if word[:1].isalpha() and "." not in word]
    return CurrentPerson(
        actor.name, "".join(word[0] for word in words[:2]).upper() or "?",
        acting.display_title if acting else _("tanpa jabatan"), acting is None or acting.is_definitive, options)


def _navigation(open_tasks: int) -> tuple[NavItem, ...]:
    wanted = (
        ("task.view", "inbox.index", _("Kotak masuk"), "inbox", open_tasks),
        ("decree.list", "decrees.index", _("Naskah"), "files", 0),
        ("decree.list", "batches.index", _("Kelompok naskah"), "stack-2", 0),
        ("register.view", "registers.index", _("Register"), "book", 0),
        ("", "verify.upload", _("Verifikasi"), "shield-check", 0),
        ("metrics.view", "metrics.index", _("Kinerja"), "chart-bar", 0),
        ("admin.tokens", "admin.index", _("Administrasi"), "settings", 0),
    )
    here = request.blueprint or ""
    return tuple(
        NavItem(label, icon, url, endpoint.partition(".")[0] == here, badge)
        for permission, endpoint, label, icon, badge in wanted
        if (not permission or may(permission)) and (url := _url_if_there(endpoint)))


def _url_if_there(endpoint: str) -> str:
    return url_for(endpoint) if endpoint in current_app.view_functions else ""
