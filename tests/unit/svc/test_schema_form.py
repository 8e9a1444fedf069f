"""Forms made from the kinds' JSON Schemas, and what comes back from the browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from svc.schema_form import Field, build_form, parse_form, placed_errors

KINDS = sorted((Path(__file__).parents[3] / "templates" / "decrees").glob("*/schema.json"))
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["nip", "pegawai"],
    "properties": {
        "nip": {"type": "string", "title": "NIP", "pattern": "^[0-9]{18}$"},
        "gaji": {"type": "integer", "x-ui": {"widget": "money"}},
        "suhu": {"type": "number"},
        "segera": {"type": "boolean"},
        "sifat": {"enum": ["biasa", "segera"], "x-labels": {"biasa": "Biasa", "segera": "Segera"}},
        "tembusan": {"type": "array", "items": {"type": "string"}},
        "pegawai": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "properties": {"nama": {"type": "string"}, "butir": {"type": "array"}}},
        },
        "dasar": {"type": "object", "properties": {"nomor": {"type": "string"}}},
    },
}


def pairs_of(fields: tuple[Field, ...]) -> Iterator[tuple[str, str]]:
    """What a browser sends for an untouched form."""
    for one in fields:
        if one.kind in ("rows", "strings"):
            yield one.name, ""
            for member in one.items:
                yield from pairs_of(member)
        elif one.kind == "group":
            yield from pairs_of(one.fields)
        elif one.kind == "checkbox":
            yield one.name, "false"
            if one.checked:
                yield one.name, "true"
        else:
            yield one.name, one.value


@pytest.mark.parametrize("path", KINDS, ids=lambda path: path.parent.name)
def test_an_untouched_form_gives_the_data_back(path: Path) -> None:
    schema = json.loads(path.read_text("utf-8"))
    data = json.loads(path.with_name("example.json").read_text("utf-8"))
    again = parse_form(schema, pairs_of(build_form(schema, data)))
    assert {key: value for key, value in again.items() if value != []} == {
        key: value for key, value in data.items() if value != []
    }


def test_rows_keep_the_order_in_which_the_browser_sent_them() -> None:
    sent = [
        ("data.pegawai", ""),
        ("data.pegawai[4].nama", "B"),
        ("data.pegawai[0].nama", "A"),
        ("data.tembusan[2]", "y"),
        ("data.tembusan[10]", "x"),
        ("data.tembusan[3]", "  "),
    ]
    data = parse_form(SCHEMA, sent)
    assert [row["nama"] for row in data["pegawai"]] == ["B", "A"]
    assert data["tembusan"] == ["y", "x"]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("gaji", "3.500.000", 3500000),
        ("gaji", "Rp 3.500.000", 3500000),
        ("gaji", "3500000", 3500000),
        ("suhu", "36,5", 36.5),
        ("suhu", "1.234,5", 1234.5),
        ("gaji", "tiga juta", "tiga juta"),
        ("gaji", "3.5", "3.5"),
        ("segera", "true", True),
        ("segera", "", False),
    ],
)
def test_numbers_as_indonesians_write_them(name: str, text: str, value: object) -> None:
    assert parse_form(SCHEMA, [("data.nip", "1"), (f"data.{name}", text)])[name] == value


def test_a_nip_may_be_pasted_with_blanks_between_its_parts() -> None:
    schema = {"type": "object", "properties": {"nip": {"type": "string", "x-check": "nip", "maxLength": 18}}}
    pasted = "19810210 200003 1 001"
    assert parse_form(schema, [("data.nip", pasted)]) == {"nip": "198102102000031001"}
    (field,) = build_form(schema, {})
    assert field.max_length is not None
    assert field.max_length >= len(pasted)


def test_what_cannot_be_read_is_shown_again() -> None:
    data = parse_form(SCHEMA, [("data.gaji", "tiga juta")])
    field = next(one for one in build_form(SCHEMA, data) if one.name == "data.gaji")
    assert field.value == "tiga juta"


def test_errors_find_their_field_with_and_without_prefix() -> None:
    data = {"pegawai": [{"nama": ""}, {"nama": "B"}]}
    fields = build_form(SCHEMA, data, {"nip": "Wajib diisi.", "data.pegawai[1].nama": "Terlalu pendek."})
    assert next(one for one in fields if one.name == "data.nip").error == "Wajib diisi."
    rows = next(one for one in fields if one.name == "data.pegawai")
    assert [row[0].error for row in rows.items] == ["", "Terlalu pendek."]


def test_an_empty_form_offers_the_least_rows_and_a_blank_one() -> None:
    rows = next(one for one in build_form(SCHEMA, {}) if one.name == "data.pegawai")
    assert len(rows.items) == 1
    assert rows.blank[0].name == f"data.pegawai[{rows.placeholder_index}].nama"
    assert rows.blank[1].blank[0].name == f"data.pegawai[{rows.placeholder_index}].butir[__i1__]"


def test_strangers_in_the_form_are_ignored() -> None:
    sent = [
        ("csrf_token", "x"),
        ("data.unknown", "x"),
        ("data.dasar.nomor", "7"),
        ("data.dasar[0]", "x"),
        ("data.nip.x.y", "z"),
        ("data", "x"),
        ("data[", "x"),
    ]
    assert parse_form(SCHEMA, sent)["dasar"] == {"nomor": "7"}


def test_hidden_ids_stay_unique_in_rows() -> None:
    data = {"pegawai": [{"nama": "A"}, {"nama": "B"}]}
    rows = next(one for one in build_form(SCHEMA, data) if one.name == "data.pegawai")
    ids = [row[0].id for row in rows.items]
    assert len(set(ids)) == 2
    assert all(name.replace("-", "").replace("_", "").isalnum() for name in ids)


def test_errors_stand_in_the_order_of_the_page_and_at_each_field_that_a_missing_group_needs() -> None:
    schema = {"type": "object", "required": ["kepada", "pegawai"], "properties": {
        "kepada": {"type": "string"},
        "pegawai": {"type": "object", "required": ["nama", "nip"], "properties": {
            "nama": {"type": "string"}, "gelar": {"type": "string"}, "nip": {"type": "string"}}}}}
    errors = {"data.elsewhere": "aneh", "data.pegawai": "Wajib diisi.", "data.kepada": "Wajib diisi."}
    placed = placed_errors(build_form(schema, {}, errors), errors)
    assert list(placed) == ["data.kepada", "data.pegawai.nama", "data.pegawai.nip", "data.elsewhere"]
    half = {"pegawai": {"nama": "Arka"}}
    assert "data.pegawai" in placed_errors(build_form(schema, half, errors), errors)
