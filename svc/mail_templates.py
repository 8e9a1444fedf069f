"""Mails in the person's language, outside of any web request."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from svc.catalogues import catalogue_of


def translate(locale: str, message: str, params: Mapping[str, Any]) -> str:
    """A msgid (Indonesian) in the person's language with its placeholders filled."""
    return catalogue_of(locale).gettext(message) % dict(params)


def render_notice(locale: str, name: str, sentence: str, url: str) -> tuple[str, str]:
    """Text and HTML of the mail about one notice."""
    catalogue = catalogue_of(locale)
    context = {"name": name, "sentence": sentence, "url": url, "locale": locale, "_": catalogue.gettext}
    environment = _environment()
    return (environment.get_template("notice.txt").render(context),
            environment.get_template("notice.html").render(context))


@cache
def _environment() -> Environment:
    return Environment(loader=PackageLoader("templates", "email"), undefined=StrictUndefined,
                       autoescape=select_autoescape(["html"]), trim_blocks=True, lstrip_blocks=True)
