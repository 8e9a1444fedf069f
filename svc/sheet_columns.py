"""The fields of a kind as columns of a sheet: what each is called, what may stand in it, and what it looks like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from svc.kind_fields import BULLET, Schema, values_at
from svc.kinds import Kind

TEXT, DATE, INTEGER, MONEY, CHOICE, LIST, NIP, BOOLEAN = (
    "text", "date", "integer", "money", "choice", "list", "nip", "boolean")
EMAIL: Final = "@email"  # not a field of any kind: to whom the finished decree is sent


@dataclass(frozen=True)
class Column:
    """A field that can stand in a row. ``title`` is unique within its kind; ``type`` one of the names above;
    ``choices`` are (value, label). ``example`` is what one would type, ``help`` may be empty; titles and helps are
    gettext msgids of the kind's schema, but for what tells equal ones apart."""

    path: str
    title: str
    required: bool
    example: str = ""
    help: str = ""
    type: str = TEXT
    choices: tuple[tuple[str, str], ...] = ()


EMAIL_COLUMN: Final = Column(EMAIL, "Alamat surel", required=False, example="nama@contoh.example",
                             help="Ke sini tautan naskah yang sudah terbit dikirim. Boleh kosong.")


@dataclass(frozen=True)
class _Leaf:
    column: Column
    group: str  # title of the group of fields that it stands in
    is_personal: bool  # a group about a person needs no naming


def columns_of(kind: Kind) -> tuple[Column, ...]:
    """Every field that can stand in a row, in the order of the form: groups are flattened, lists of texts are one
    column, and of lists of groups the first member is (``pegawai[0].nama``)."""
    return _columns(_Held(kind))


@dataclass(frozen=True, eq=False)
class _Held:
    """A kind as an argument of a cached function: by identity, for its schema cannot be hashed."""

    kind: Kind

    def __hash__(self) -> int:
        return id(self.kind.schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.kind.schema is self.kind.schema


@lru_cache(maxsize=64)
def _columns(held: _Held) -> tuple[Column, ...]:
    leaves = list(_leaves(held.kind.schema, "", "", is_required=True, is_personal=True))
    bare = Counter(leaf.column.title.casefold() for leaf in leaves)
    titled = [_told_apart(leaf, is_twice=bare[leaf.column.title.casefold()] > 1) for leaf in leaves]
    again = Counter(column.title.casefold() for column in titled)
    named = [replace(one, title=f"{one.title} ({one.path})") if again[one.title.casefold()] > 1 else one
             for one in titled]
    return tuple(replace(one, example=_example(held.kind.example, one)) for one in named)


def _told_apart(leaf: _Leaf, *, is_twice: bool) -> Column:
    if leaf.group and (is_twice or not leaf.is_personal):
        return replace(leaf.column, title=f"{leaf.group}: {leaf.column.title}")
    return leaf.column


def _leaves(schema: Schema, path: str, group: str, *, is_required: bool, is_personal: bool) -> Iterator[_Leaf]:
    before = ""
    for name, sub in schema.get("properties", {}).items():
        needed = is_required and name in schema.get("required", ())
        here = f"{path}.{name}" if path else name
        inner = _inner(sub)
        if inner is not None:
            place = f"{here}[0]" if sub.get("type") == "array" else here
            yield from _leaves(inner, place, sub.get("title", name), is_required=needed,
                               is_personal="nama" in inner.get("properties", {}))
            continue
        before, title = _title(sub, name, before)
        choices = tuple((str(value), str(sub.get("x-labels", {}).get(value, value))) for value in sub.get("enum", ()))
        column = Column(here, title, needed, help=sub.get("x-ui", {}).get("help", ""), type=_type(sub),
                        choices=choices)
        yield _Leaf(column, group, is_personal)


def _inner(sub: Schema) -> Schema | None:
    """The schema of the group, or of the members where they are groups; None: a field."""
    if sub.get("type") == "object":
        return sub
    items: Schema = sub.get("items", {})
    return items if sub.get("type") == "array" and items.get("type") == "object" else None


def _title(sub: Schema, name: str, before: str) -> tuple[str, str]:
    """Title without and with its unit; one in small letters goes on with the field before (``dan bulan``)."""
    title, unit = str(sub.get("title", name)), sub.get("x-ui", {}).get("unit", "")
    if title[:1].islower() and before:
        title = before if unit else f"{before} {title}"
    return title, f"{title} ({unit})" if unit else title


def _type(sub: Schema) -> str:
    if "enum" in sub:
        return CHOICE
    if sub.get("x-check") == "nip":
        return NIP
    if sub.get("format") == "date":
        return DATE
    if sub.get("type") == "integer":
        return MONEY if sub.get("x-ui", {}).get("widget") == "money" else INTEGER
    return {"array": LIST, "boolean": BOOLEAN}.get(str(sub.get("type")), TEXT)


def _example(example: Mapping[str, Any], column: Column) -> str:
    if column.type == LIST:
        return list_text(tuple(values_at(example, f"{column.path}[]")))
    return next(values_at(example, column.path), "")


def list_text(members: tuple[str, ...]) -> str:
    """Members of a list of texts in one cell, as :func:`svc.kind_fields.from_row` reads them."""
    if len(members) == 1 and ";" in members[0][:-1]:
        return f"{BULLET} {members[0]}"
    return ("\n" if any(";" in member for member in members) else "; ").join(members)
