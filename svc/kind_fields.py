"""Walking a kind's JSON Schema together with its data: messages, further checks, printing, table rows.

Own keywords of our schemas: ``x-check: nip``; ``x-not-before: <sibling>`` on a date; ``x-unique: <member>`` on a
list of groups; ``x-message`` (what to say where ``pattern`` fails); ``x-labels`` of an ``enum`` (value → label,
which is also what is printed); ``x-ui.widget: money`` (printed with words).
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from jsonschema.exceptions import ValidationError

from svc.sheets import UNREADABLE
from svc.wording import spell_number, write_date, write_rupiah

Schema = Mapping[str, Any]
FONT_MANIFEST: Final = Path(__file__).parents[1] / "templates" / "fonts" / "MANIFEST.toml"
_PART: Final = re.compile(r"\[(\d*)\]|([^.\[\]]+)")
BULLET: Final = "•"
_MEMBER: Final = re.compile(r"([^.\[\]]+)\[(\d{1,4})\]")
_NIP: Final = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{4})(\d{2})([12])\d{3}")
_PPPK_MONTH: Final = 21  # stands in place of the month of appointment in the number of a PPPK
_YOUNGEST: Final = 15

_MESSAGES: Final[Mapping[str, str]] = {
    "required": "Wajib diisi.",
    "minLength": "Terlalu pendek; paling sedikit %(limit)s huruf.",
    "maxLength": "Terlalu panjang; paling banyak %(limit)s huruf.",
    "minItems": "Paling sedikit %(limit)s butir.",
    "maxItems": "Paling banyak %(limit)s butir.",
    "minimum": "Paling kecil %(limit)s.",
    "maximum": "Paling besar %(limit)s.",
    "enum": "Pilih salah satu dari daftar.",
    "format": "Tanggal tidak sah.",
    "pattern": "Bentuk isian ini tidak sesuai.",
    "type": "Jenis isian ini tidak sesuai (angka, teks atau tanggal).",
    "additionalProperties": "Ada isian yang tidak dikenal: %(limit)s.",
}

_UNREADABLE: Final = "Sel ini tidak terbaca utuh: bilangan lebih dari 15 angka, atau rumus tanpa hasil. Ketik isinya."


@dataclass(frozen=True)
class FieldError:
    """``message`` is a gettext msgid in Indonesian, ``params`` its placeholders, ``text`` both together."""

    path: str
    message: str
    params: Mapping[str, object] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.said(str)

    def said(self, translate: Callable[[str], str]) -> str:
        """``message`` as ``translate`` turns it, with ``params`` in it."""
        words = translate(self.message)
        return words % self.params if self.params else words


def tidy(data: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with every text trimmed and in Unicode form C, so that equal texts have equal bytes."""
    return {key: _tidy_value(value) for key, value in data.items()}


def _tidy_value(value: Any) -> Any:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value).replace("\r\n", "\n").strip()
    if isinstance(value, Mapping):
        return tidy(value)
    return [_tidy_value(item) for item in value] if isinstance(value, list | tuple) else value


def describe_errors(errors: Iterable[ValidationError]) -> Iterator[FieldError]:
    """What each schema error means to the person at the form."""
    for error in errors:
        path = _join(error.absolute_path)
        name = str(error.validator)
        rule: Any = error.validator_value
        schema: Any = error.schema
        instance: Any = error.instance
        if instance == UNREADABLE:
            yield FieldError(path, _UNREADABLE)
            continue
        if name == "required":
            missing = [key for key in rule if key not in instance]
            for key in missing:
                if f"{key!r}" in error.message:  # one error comes for each missing name
                    yield FieldError(f"{path}.{key}" if path else key, _MESSAGES[name])
            continue
        limit: object = rule
        if name == "additionalProperties":
            limit = ", ".join(sorted(set(instance) - set(schema.get("properties", {}))))[:100]
        message = _MESSAGES.get(name, "Isian ini tidak sesuai.")
        if name == "minLength" and rule == 1:
            message = _MESSAGES["required"]
        if name == "pattern":
            message = schema.get("x-message", message)
        yield FieldError(path or "isian", message, {"limit": limit} if "%(" in message else {})


def check_values(schema: Schema, data: Mapping[str, Any]) -> Iterator[FieldError]:
    """What a schema cannot say: NIPs that can be, dates in order, texts that can be printed as stored."""
    for path, sub, value, siblings in _walk(schema, data, "", {}):
        if isinstance(value, list) and "x-unique" in sub:
            yield from _check_unique(path, str(sub["x-unique"]), value)
        if not isinstance(value, str):
            continue
        if value == UNREADABLE:
            yield FieldError(path, _UNREADABLE)
            continue
        unprintable = unprintable_in(value)
        if unprintable:
            yield FieldError(path, "Huruf ini tidak dapat dicetak: %(characters)s.",
                             {"characters": unprintable})
        if sub.get("x-check") == "nip" and not is_plausible_nip(value):
            yield FieldError(path, "NIP tidak sah: 18 angka, diawali tanggal lahir (tahun, bulan, tanggal).")
        earlier = siblings.get(str(sub.get("x-not-before", "")))
        if isinstance(earlier, str) and value < earlier:
            yield FieldError(path, "Tidak boleh sebelum %(earlier)s.",
                             {"earlier": write_date(date.fromisoformat(earlier))})


def _check_unique(path: str, name: str, members: list[Any]) -> Iterator[FieldError]:
    first: dict[Any, int] = {}
    for index, member in enumerate(members):
        earlier = first.setdefault(member.get(name), index) if name in member else index
        if earlier != index:
            yield FieldError(f"{path}[{index}].{name}", "Sudah ada pada baris %(row)s.", {"row": earlier + 1})


def is_plausible_nip(nip: str) -> bool:
    """Whether the parts can be: date of birth, month of appointment (21 for PPPK), sex, sequence."""
    match = _NIP.fullmatch(nip)
    if match is None:
        return False
    year, month, day, since, since_month, _ = (int(part) for part in match.groups())
    try:
        date(year, month, day)
    except ValueError:
        return False
    in_service = 1 <= since_month <= 12 or since_month == _PPPK_MONTH
    return year >= 1900 and in_service and year + _YOUNGEST <= since <= 2100


def unprintable_in(text: str) -> str:
    """The characters that our fonts lack or that hide or turn text, as code points; empty if none."""
    bad = {char for char in text if char != "\n" and ord(char) not in _printable()}
    return ", ".join(f"U+{ord(char):04X}" for char in sorted(bad)[:5])


@lru_cache(maxsize=1)
def _printable() -> frozenset[int]:
    ranges = tomllib.loads(FONT_MANIFEST.read_text(encoding="utf-8"))["printable"]["ranges"].split()
    points: set[int] = set()
    for text in ranges:
        first, _, last = text.partition("-")
        points.update(range(int(first, 16), int(last or first, 16) + 1))
    return frozenset(points)


def present(schema: Schema, value: Any) -> Any:
    """The value as it is printed."""
    if isinstance(value, Mapping):
        properties = schema.get("properties", {})
        return {key: present(properties.get(key, {}), item) for key, item in value.items()}
    if isinstance(value, list):
        return [present(schema.get("items", {}), item) for item in value]
    if isinstance(value, str) and schema.get("format") == "date":
        return _present_date(value)
    if isinstance(value, int) and schema.get("x-ui", {}).get("widget") == "money":
        return {"angka": write_rupiah(value), "terbilang": f"{spell_number(value)} rupiah"}
    if isinstance(value, str) and "x-labels" in schema:
        return schema["x-labels"].get(value, value)
    return value


def _present_date(text: str) -> str:
    try:
        return write_date(date.fromisoformat(text))
    except ValueError:
        return text  # a draft may hold it; it cannot be submitted


def values_at(data: Any, path: str) -> Iterator[str]:
    """Texts at a path such as ``pegawai[].nip`` (all members) or ``untuk[0]``."""
    found = [data]
    for index, name in _PART.findall(path):
        found = [item for value in found for item in _step(value, index, name)]
    return (str(value) for value in found if isinstance(value, str | int) and value != "")


def _step(value: Any, index: str, name: str) -> list[Any]:
    if name:
        return [value[name]] if isinstance(value, Mapping) and name in value else []
    if not isinstance(value, list | tuple):
        return []
    return list(value[int(index):int(index) + 1]) if index else list(value)


def from_row(schema: Schema, row: Mapping[str, str]) -> dict[str, Any]:
    """See :meth:`svc.kinds.KindCatalogue.data_from_row`."""
    data: dict[str, Any] = {}
    for heading, raw in row.items():
        if not heading or raw is None or not raw.strip():
            continue
        sub, place = schema, data
        *parents, last = heading.strip().split(".")
        for name in parents:
            sub, place = _enter(sub, place, name)
        place[last] = _read_cell(sub.get("properties", {}).get(last, {}), raw.strip())
    return data


def _enter(schema: Schema, place: dict[str, Any], name: str) -> tuple[Schema, dict[str, Any]]:
    """The group of that name, or the member of a list (``pegawai[0]``); one beyond the next is the next."""
    listed = _MEMBER.fullmatch(name)
    if listed is None:
        return schema.get("properties", {}).get(name, {}), place.setdefault(name, {})
    members = place.setdefault(listed[1], [])
    index = min(int(listed[2]), len(members))
    if index == len(members):
        members.append({})
    return schema.get("properties", {}).get(listed[1], {}).get("items", {}), members[index]


def _read_cell(schema: Schema, text: str) -> Any:
    kind = schema.get("type")
    if kind == "array":
        return _read_list(text)
    if kind == "boolean":
        return text.lower() in {"ya", "true", "1"}
    if kind == "integer" and re.fullmatch(r"-?\d{1,15}", text):
        return int(text)
    return text


def _read_list(text: str) -> list[str]:
    """Members that hold semicolons, as legal texts do, stand on a line each, behind a bullet, or alone with one at
    the end."""
    if "\n" in text or text.startswith(BULLET):
        parts = [line.strip().removeprefix(BULLET) for line in text.splitlines()]
    else:
        parts = text.split(";") if ";" in text[:-1] else [text]
    return [part.strip() for part in parts if part.strip()]


def _walk(
    schema: Schema, value: Any, path: str, siblings: Mapping[str, Any]
) -> Iterator[tuple[str, Schema, Any, Mapping[str, Any]]]:
    yield path, schema, value, siblings
    if isinstance(value, Mapping):
        for key, item in value.items():
            sub = schema.get("properties", {}).get(key, {})
            yield from _walk(sub, item, f"{path}.{key}" if path else key, value)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(schema.get("items", {}), item, f"{path}[{index}]", {})


def _join(parts: Iterable[str | int]) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
