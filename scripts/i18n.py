"""Extract every message id, bring the English catalogue up to date and compile it (``make i18n``).

Message ids are the Indonesian texts. Those in ``_()`` and its kin are found by Babel as ``babel.cfg`` says.
The others are data: sentences that errors, refusals and notices carry until the web shell or the mailer
translates them, and the words in the definitions of routes, kinds and forms. Existing translations stay,
obsolete ones go, and running twice changes nothing.

    python scripts/i18n.py           update and compile; names what still has no English
"""

from __future__ import annotations

import ast
import io
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT: Final = Path(__file__).parents[1]
CATALOGUE: Final = ROOT / "svc" / "translations" / "en" / "LC_MESSAGES" / "messages.po"
KEYWORDS: Final = {**DEFAULT_KEYWORDS, "lazy_gettext": None, "lazy_ngettext": (1, 2), "_count": (1, 2)}
_BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)  # fixed, so that a run without news changes nothing
MsgId = str | tuple[str, ...]
Found = tuple[MsgId, str]  # the id and the file it stands in

# Programmers and operators read the texts of these in English; they are no message ids.
_SILENT: Final = ("svc/commands/", "svc/migrations/", "svc/models/", "svc/seed/", "svc/settings.py")
_SENTENCE: Final = re.compile(r"(?s)(?:[A-Z].*\.$|(?:[A-Z]|%\().*%\(|%\()")
_CARRIERS: Final = frozenset({"FieldError", "notify"})


def collect() -> Catalog:
    """Every message id of the service, without translations."""
    catalog = _empty()
    for msgid, place in sorted(chain(_marked(), _spoken(), _of_definitions()), key=_order):
        catalog.add(msgid, locations=[(place, 0)])
    return catalog


def load() -> Catalog:
    """The English catalogue as it stands."""
    with CATALOGUE.open("rb") as file:
        return read(file)


def read(file: IO[bytes]) -> Catalog:
    """A catalogue from its text."""
    return read_po(file, locale="en")


def _empty() -> Catalog:
    return Catalog(locale="en", project="Paraf", version="1", header_comment="# The English of Paraf.",
                   creation_date=_BEGAN, revision_date=_BEGAN, last_translator="Paraf", language_team="English",
                   msgid_bugs_address="-", charset="utf-8", fuzzy=False)


def updated(present: Catalog, template: Catalog) -> Catalog:
    """Exactly the ids of ``template``, with what ``present`` says of them."""
    catalog = _empty()
    for message in template:
        if message.id:
            known = present.get(message.id)
            # A plural is found by its first form alone, so both must be the same.
            english = known.string if known is not None and known.id == message.id else ""
            catalog.add(message.id, english, locations=message.locations)
    return catalog


def untranslated(catalog: Catalog) -> list[str]:
    """The ids without English, each form of a plural included."""
    return [str(message.id) for message in catalog if message.id and not is_translated(message)]


def is_translated(message: Message) -> bool:
    """Whether every form has its English."""
    strings = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return bool(strings) and all(strings) and not message.fuzzy


def as_po(catalog: Catalog) -> bytes:
    """The text of the catalogue, sorted, so that differences are those of words."""
    target = io.BytesIO()
    write_po(target, catalog, width=110, sort_output=True, include_lineno=False, ignore_obsolete=True)
    return target.getvalue()


def as_mo(catalog: Catalog) -> bytes:
    """The compiled catalogue."""
    target = io.BytesIO()
    write_mo(target, catalog)
    return target.getvalue()


def _order(found: Found) -> tuple[str, str]:
    return str(found[0]), found[1]


# ---- marked: _(), gettext(), ngettext(), N_()


def _marked() -> Iterator[Found]:
    with (ROOT / "babel.cfg").open(encoding="utf-8") as file:
        method_map, options_map = parse_mapping_cfg(file)
    for filename, _line, message, _comments, _context in extract_from_dir(
            ROOT, method_map=method_map, options_map=options_map, keywords=KEYWORDS, directory_filter=_is_ours):
        yield message, filename


def _is_ours(folder: str) -> bool:
    name = Path(folder).name
    return Path(folder) == ROOT or not (name.startswith((".", "_vendor")) or name in {"var", "build", "tests"})


# ---- spoken: sentences in the code that are translated where they are shown


def _spoken() -> Iterator[Found]:
    trees = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
             for path in sorted((ROOT / "svc").rglob("*.py"))}
    spoken = {place: tree for place, tree in trees.items() if not place.startswith(_SILENT)}
    carriers = _CARRIERS | _error_names(spoken.values())
    for place, tree in spoken.items():
        yield from ((text, place) for text in _sentences(tree, carriers))


def _sentences(tree: ast.Module, carriers: frozenset[str]) -> Iterator[str]:
    """Texts that are sentences, and every text with a blank that is given to an error or a notice."""
    mute = set(_mute(tree))
    yield from (one.value for one in _texts(tree) if id(one) not in mute and _is_sentence(one.value))
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and _callee(call) in carriers:
            yield from (one.value for one in _texts(call) if id(one) not in mute and _is_said(one.value))


def _error_names(trees: Iterable[ast.Module]) -> frozenset[str]:
    """Names of AppError and every class below it."""
    bases = {node.name: {ast.unparse(base).rpartition(".")[2] for base in node.bases}
             for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    names = {"AppError"}
    while more := {name for name, above in bases.items() if above & names} - names:
        names |= more
    return frozenset(names)


class _Text(ast.Constant):
    value: str


def _texts(node: ast.AST) -> Iterator[_Text]:
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one  # type: ignore[misc]


def _is_sentence(text: str) -> bool:
    return " " in text and _SENTENCE.match(text) is not None


def _is_said(text: str) -> bool:
    return " " in text and text[0].isupper()


def _mute(tree: ast.Module) -> Iterator[int]:
    """Constants nobody is shown: docstrings, parts of f-strings, and what Babel has found already."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)
        elif isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Call) and _callee(node) in KEYWORDS):
            yield from (id(part) for part in ast.walk(node))


def _callee(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


# ---- data


def _of_definitions() -> Iterator[Found]:
    for path in sorted((ROOT / "workflows" / "definitions").glob("*.toml")):
        route = tomllib.loads(path.read_text(encoding="utf-8"))
        texts = [str(route["title"]), *(str(step["title"]) for step in route["step"])]
        yield from ((text, path.relative_to(ROOT).as_posix()) for text in texts)
    for path in sorted((ROOT / "templates" / "decrees").glob("*/kind.toml")):
        kind = tomllib.loads(path.read_text(encoding="utf-8"))
        place = path.relative_to(ROOT).as_posix()
        yield from ((str(kind[key]), place) for key in ("title", "short_title", "description") if kind.get(key))
    for path in sorted((ROOT / "templates" / "decrees").glob("*/schema.json")):
        place = path.relative_to(ROOT).as_posix()
        yield from ((text, place) for text in _of_schema(json.loads(path.read_text(encoding="utf-8"))))


def _of_schema(schema: Any) -> Iterator[str]:
    """Words that :mod:`svc.schema_form` shows, and what is said where ``pattern`` fails."""
    if isinstance(schema, Mapping):
        hints = schema.get("x-ui", {})
        for source, keys in ((schema, ("title", "description", "x-message")),
                             (hints, ("help", "placeholder", "add_label", "item_label", "unit"))):
            yield from (source[key] for key in keys if isinstance(source.get(key), str) and source[key])
        for labels in (schema.get("x-labels", {}), hints.get("labels", {}) if isinstance(hints, Mapping) else {}):
            yield from labels.values() if isinstance(labels, Mapping) else labels
        for value in schema.values():
            yield from _of_schema(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _of_schema(value)


def main() -> int:
    """Update and compile. Exit code 1 while something has no English."""
    template = collect()
    catalog = updated(load() if CATALOGUE.exists() else _empty(), template)
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    CATALOGUE.write_bytes(as_po(catalog))
    CATALOGUE.with_suffix(".mo").write_bytes(as_mo(catalog))
    missing = untranslated(catalog)
    for msgid in missing:
        print(f"no English: {msgid}")
    print(f"{len(catalog)} messages, {len(missing)} without English")
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
