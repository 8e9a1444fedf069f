"""Everything that a screen, a mail or an error says is also said in English, with the same placeholders."""

from __future__ import annotations

import importlib
import io
import pkgutil
import re
from collections.abc import Iterator

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo
from babel.support import Translations

import svc
from scripts import i18n
from svc.app import create_app
from svc.deps import Deps
from svc.errors import AppError
from svc.kinds import KindCatalogue
from svc.mail_templates import render_notice, translate
from svc.metrics.catalogue import FIGURES
from svc.schema_form import Field, build_form
from workflows.loader import load_all

PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[sd%]")
BARE_PERCENT = re.compile(r"%(?!\(\w+\)[sd])")


@pytest.fixture(scope="module")
def template() -> Catalog:
    """Every id there is now."""
    return i18n.collect()


@pytest.fixture(scope="module")
def english() -> Catalog:
    return i18n.load()


@pytest.fixture(scope="module")
def spoken() -> Translations:
    """English as the pages load it."""
    return Translations.load(str(i18n.CATALOGUE.parents[2]), ["en"])


def test_every_message_has_its_english(template: Catalog, english: Catalog) -> None:
    missing = i18n.untranslated(i18n.updated(english, template))
    assert not missing, "run `make i18n` and translate in messages.po:\n" + "\n".join(missing)


def test_the_catalogue_holds_nothing_that_nobody_says_any_more(template: Catalog, english: Catalog) -> None:
    said = {message.id for message in template}
    assert [message.id for message in english if message.id not in said] == [], "run `make i18n`"


def test_placeholders_agree(english: Catalog) -> None:
    wrong = [message.id for message in english if message.id and not _agree(message)]
    assert not wrong


def test_no_message_that_is_filled_holds_a_bare_percent_sign(english: Catalog) -> None:
    """Templates fill every message, so a bare sign there is a fault at run time."""
    told = [text for message in english if message.id for text in (*_forms(message.id), *_forms(message.string))]
    assert [text for text in told if BARE_PERCENT.search(text)] == []


def test_the_compiled_catalogue_is_the_written_one(english: Catalog) -> None:
    compiled = read_mo(io.BytesIO(i18n.CATALOGUE.with_suffix(".mo").read_bytes()))
    written = {_first(one.id): _forms(one.string) for one in english if one.id and i18n.is_translated(one)}
    assert {_first(one.id): _forms(one.string) for one in compiled if one.id} == written, "run `make i18n`"


def test_running_it_again_changes_nothing(template: Catalog, english: Catalog) -> None:
    once = i18n.as_po(i18n.updated(english, template))
    again = i18n.as_po(i18n.updated(i18n.read(io.BytesIO(once)), template))
    assert again == once


def test_no_error_class_is_overlooked(template: Catalog) -> None:
    """What the code says at run time, against what was found by reading it."""
    for module in pkgutil.walk_packages(svc.__path__, "svc."):
        if not module.name.startswith("svc.migrations"):
            importlib.import_module(module.name)
    assert [kind.__name__ for kind in _below(AppError) if template.get(kind.message) is None] == []


def test_no_word_of_routes_kinds_forms_and_figures_is_overlooked(template: Catalog, catalogue: KindCatalogue) -> None:
    said = [step.title for route in load_all().values() for step in route.steps]
    said += [text for figure in FIGURES for text in (figure.label, figure.definition)]
    for kind in catalogue.all():
        said += [kind.title, kind.short_title]
        said += [text for field in build_form(kind.schema, kind.example) for text in _labels(field)]
    assert [text for text in said if text and template.get(text) is None] == []


def test_plurals_follow_the_count(spoken: Translations) -> None:
    one, many = (spoken.ngettext("%(n)s hari kerja lagi", "%(n)s hari kerja lagi", n) % {"n": n} for n in (1, 2))
    assert (one, many) == ("1 working day left", "2 working days left")


def test_mails_speak_the_language_of_the_person() -> None:
    sentence = translate("en", "Menunggu Anda: %(subject)s", {"subject": "KGB"})
    text, html = render_notice("en", "Contoh", sentence, "https://paraf.example/x")
    assert sentence == "Waiting for you: KGB"
    assert "never asks for" in text
    assert "never asks for" in html
    assert translate("id", "Menunggu Anda: %(subject)s", {"subject": "KGB"}) == "Menunggu Anda: KGB"


def test_a_page_in_english_has_no_indonesian_left(deps: Deps) -> None:
    client = create_app(deps.settings, deps).test_client()
    client.get("/locale/en")
    page = client.get("/login").get_data(as_text=True)
    assert "Log in" in page
    assert "NIP or user name" in page
    assert "Checking whether a document is genuine?" in page
    assert "Kata sandi" not in page


def _agree(message: Message) -> bool:
    wanted = {frozenset(PLACEHOLDER.findall(text)) for text in _forms(message.id)}
    return all(frozenset(PLACEHOLDER.findall(text)) in wanted for text in _forms(message.string) if text)


def _forms(value: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _first(value: str | tuple[str, ...]) -> str:
    return _forms(value)[0]


def _below(kind: type[AppError]) -> Iterator[type[AppError]]:
    yield kind
    for one in kind.__subclasses__():
        if one.__module__.startswith("svc."):
            yield from _below(one)


def _labels(field: Field) -> Iterator[str]:
    yield from (field.label, field.hint, field.placeholder, field.item_label, field.add_label)
    yield from (choice.label for choice in field.choices)
    for group in (field.fields, field.blank):
        for one in group:
            yield from _labels(one)
