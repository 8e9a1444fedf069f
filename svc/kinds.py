"""The kinds of decrees: each a folder in ``templates/decrees`` with ``kind.toml``, ``schema.json``,
``example.json`` and ``template.typ``; adding a kind adds a folder and no code.

Data of a decree goes ``complete_data`` → ``validate_data`` → stored → ``present_data`` → renderer.
Paths of fields are written ``pegawai.nip`` or ``peserta[0].nip``.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from jsonschema import Draft202012Validator

from svc import kgb, kind_fields
from svc.errors import InvalidInput
from svc.kind_fields import FieldError, Schema
from svc.payscale import PayScales
from svc.wording import write_roman_month

DECREES: Final = Path(__file__).parents[1] / "templates" / "decrees"
_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")
_NUMBER_TOKENS: Final = frozenset({"seq", "unit", "year", "month_roman"})


class KindUnknown(Exception):
    """No kind has that id."""


class KindInvalid(Exception):
    """A kind's folder cannot be used; the text names file and fault. Raised at start-up only."""


class InvalidDecreeData(InvalidInput):
    """The data does not fit its kind; ``errors`` has one entry for each faulty field."""

    code = "invalid_decree_data"

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__(fields={f"data.{error.path}": error.text for error in reversed(errors)})
        self.errors = errors


@dataclass(frozen=True)
class Retention:
    """Years in active and inactive archive, and what then (*jadwal retensi arsip*)."""

    active_years: int
    inactive_years: int
    then: str


@dataclass(frozen=True)
class Kind:
    """One kind of decree. ``register`` is the number book, ``route_id`` a definition in ``workflows``;
    ``forbidden_capacities`` are those (plt, plh) in which nobody may sign it; ``font`` (serif or
    sans) is that of its group in the rules of official documents (*tata naskah dinas*)."""

    id: str
    title: str
    short_title: str
    description: str
    group: str
    register: str
    classification: str
    number_format: str
    route_id: str
    security: str
    font: str
    subject_format: str
    identify: tuple[str, ...]
    forbidden_capacities: frozenset[str]
    retention: Retention
    routes: Mapping[str, str]
    valid_until: str  # path of the field that ends its validity; empty: none
    schema: Schema
    example: Mapping[str, Any]
    folder: Path
    chosen: Mapping[str, str] = field(default_factory=dict)  # step of the route → field that names its signer
    parent_kind: str = ""  # made from signed decrees of that kind, never written by hand; empty: the usual one
    table: str = ""  # the field with a list that an uploaded sheet can fill; empty: none

    def chosen_positions(self, data: Mapping[str, Any]) -> dict[str, str]:
        """Codes of the positions that the drafter chose as signers, by step of the route; none that lacks."""
        found = {step: next(kind_fields.values_at(data, path), "") for step, path in self.chosen.items()}
        return {step: code for step, code in found.items() if code}

    def last_day_of(self, data: Mapping[str, Any]) -> date | None:
        """The last day on which the document is valid, where its kind has such a field."""
        text = next(iter(kind_fields.values_at(data, self.valid_until)), "") if self.valid_until else ""
        return date.fromisoformat(text) if text else None

    def route_of(self, data: Mapping[str, Any]) -> str:
        """The route, which ``[routes]`` in kind.toml may choose by a field: ``"pejabat=GUBERNUR" = "…"``."""
        for condition, route_id in self.routes.items():
            field, _, value = condition.partition("=")
            if value in kind_fields.values_at(data, field):
                return route_id
        return self.route_id


@dataclass(frozen=True)
class KindCatalogue:
    """All kinds by id, and the pay tables that one of them needs."""

    kinds: Mapping[str, Kind]
    scales: PayScales

    @classmethod
    def load(cls, folder: Path = DECREES) -> KindCatalogue:
        """Read every kind. :raises KindInvalid: a folder's files are missing or contradict each other."""
        kinds = [_read_kind(path.parent) for path in sorted(folder.glob("*/kind.toml"))]
        ordered = sorted(kinds, key=lambda pair: pair[0])
        return cls(
            MappingProxyType({kind.id: kind for _, kind in ordered}),
            PayScales.load(folder / "_data" / "pay_scale"),
        )

    def get(self, kind_id: str) -> Kind:
        """:raises KindUnknown: no kind has that id."""
        try:
            return self.kinds[kind_id]
        except KeyError as error:
            raise KindUnknown(kind_id) from error

    def all(self) -> tuple[Kind, ...]:
        """In the order in which a person chooses from them."""
        return tuple(self.kinds.values())

    def written(self) -> tuple[Kind, ...]:
        """Those that people draft; the others are made from a signed decree."""
        return tuple(kind for kind in self.all() if not kind.parent_kind)

    def made_from(self, kind_id: str) -> tuple[Kind, ...]:
        """Kinds made from signed decrees of that kind."""
        return tuple(kind for kind in self.all() if kind.parent_kind == kind_id)

    def complete_data(self, kind: Kind, data: Mapping[str, Any]) -> dict[str, Any]:
        """The data with texts trimmed and in Unicode form C, and with what follows from the rest filled in
        (for ``kgb``: pay, service and dates). Nothing that was given is changed otherwise."""
        tidy = kind_fields.tidy(data)
        return kgb.complete_rise(tidy, self.scales) if kind.id == "kgb" else tidy

    def validate_data(self, kind: Kind, data: Mapping[str, Any]) -> None:
        """Check completed data against schema and rules.

        :raises InvalidDecreeData: with every fault that was found, each with what to do about it."""
        validator = Draft202012Validator(kind.schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        errors = tuple(kind_fields.describe_errors(validator.iter_errors(data)))
        errors = errors or tuple(kind_fields.check_values(kind.schema, data))
        if not errors and kind.id == "kgb":
            errors = tuple(FieldError(*fault) for fault in kgb.check_rise(data, self.scales))
        if errors:
            raise InvalidDecreeData(errors)

    def present_data(self, kind: Kind, data: Mapping[str, Any]) -> dict[str, Any]:
        """The data as it is printed: dates and choices in words, money as ``angka`` and ``terbilang``;
        for ``kgb`` also the pay table's regulation as ``dasar_hukum``. Printing twice changes nothing."""
        complete = self.complete_data(kind, data)
        shown = {key: kind_fields.present(kind.schema["properties"].get(key, {}), value)
                 for key, value in complete.items()}
        if kind.id == "kgb":
            shown.setdefault("dasar_hukum", kgb.instrument_of(complete, self.scales))
        return shown

    def data_from_row(self, kind_id: str, row: Mapping[str, str]) -> dict[str, Any]:
        """Data from one row of a table whose headings are paths (``pegawai.nama``, ``peserta[0].nama``);
        members of a list of texts are parted by ``;``, or each stands on a line. Numbers get their type; what cannot
        be read stays text for validation to name. :raises KindUnknown: no kind has that id."""
        return kind_fields.from_row(self.get(kind_id).schema, row)


def subject_of(kind: Kind, data: Mapping[str, Any]) -> str:
    """One line for lists; ``…`` where the data is still missing. At most 500 characters."""
    def fill(match: re.Match[str]) -> str:
        return next(iter(kind_fields.values_at(data, match[1])), "…")
    return " ".join(_PLACEHOLDER.sub(fill, kind.subject_format).split())[:500]


def search_terms(kind: Kind, data: Mapping[str, Any]) -> tuple[str, ...]:
    """Names and NIPs of the people in it, for the search text."""
    return tuple(dict.fromkeys(_values(data, kind.identify)))


def format_number(number_format: str, *, seq: int, unit_code: str, issued_on: date) -> str:
    """The number as printed: ``800.1.11.13/{seq}/{unit}/{year}``; also ``{month_roman}``."""
    tokens = {"seq": str(seq), "unit": unit_code, "year": str(issued_on.year),
              "month_roman": write_roman_month(issued_on)}
    return _PLACEHOLDER.sub(lambda match: tokens[match[1]], number_format)


def number_frame(number_format: str, *, unit_code: str, issued_on: date) -> tuple[str, str]:
    """What stands before and behind the sequence in a number of this form."""
    before, after = number_format.split("{seq}", 1)
    return (format_number(before, seq=0, unit_code=unit_code, issued_on=issued_on),
            format_number(after, seq=0, unit_code=unit_code, issued_on=issued_on))


def read_seq(number_format: str, number: str, *, unit_code: str, issued_on: date) -> int | None:
    """The sequence in a number of this very form; ``None`` where it is of another form."""
    before, after = number_frame(number_format, unit_code=unit_code, issued_on=issued_on)
    found = re.fullmatch(re.escape(before) + r"0*(\d{1,9})" + re.escape(after), number)
    return int(found[1]) if found and int(found[1]) > 0 else None


def _values(data: Mapping[str, Any], paths: tuple[str, ...]) -> Iterator[str]:
    for path in paths:
        yield from kind_fields.values_at(data, path)


def _read_kind(folder: Path) -> tuple[int, Kind]:
    try:
        raw = tomllib.loads((folder / "kind.toml").read_text(encoding="utf-8"))
        schema = json.loads((folder / "schema.json").read_text(encoding="utf-8"))
        example = json.loads((folder / "example.json").read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(schema)
        kind = _build_kind(folder, raw, schema, example)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KindInvalid(f"{folder.name}: {error}") from error
    unknown = set(_PLACEHOLDER.findall(kind.number_format)) - _NUMBER_TOKENS
    if unknown or "{seq}" not in kind.number_format or kind.id != folder.name:
        raise KindInvalid(f"{folder.name}: number format or id: {kind.number_format!r}, {kind.id!r}")
    if not (folder / "template.typ").is_file():
        raise KindInvalid(f"{folder.name}: template.typ is missing")
    return int(raw.get("order", 100)), kind


def _build_kind(folder: Path, raw: Mapping[str, Any], schema: Schema, example: Mapping[str, Any]) -> Kind:
    return Kind(
        id=raw["id"],
        title=raw["title"],
        short_title=raw["short_title"],
        description=raw["description"],
        group=raw["group"],
        register=raw["register"],
        classification=raw["classification"],
        number_format=raw["number_format"],
        route_id=raw["route"],
        security=raw["security"],
        font=raw["font"],
        subject_format=raw["subject"],
        identify=tuple(raw["identify"]),
        forbidden_capacities=frozenset(raw["forbidden_capacities"]),
        retention=Retention(**raw["retention"]),
        routes=MappingProxyType(dict(raw.get("routes", {}))),
        valid_until=raw.get("valid_until", ""),
        schema=schema,
        example=example,
        folder=folder,
        chosen=MappingProxyType(dict(raw.get("chosen", {}))),
        parent_kind=raw.get("parent", ""),
        table=raw.get("table", ""),
    )
