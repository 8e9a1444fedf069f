"""From a JSON Schema to the fields of a form, and from the submitted form back to data.

Pure: no request and no template here. :func:`build_form` makes what ``_macros/form.html`` renders and
:func:`parse_form` reads the browser's answer. Field names are paths such as ``data.pegawai[0].nama``; the
same paths stand in :class:`svc.errors.InvalidInput`, so that an error finds its field.

Supported (JSON Schema 2020-12): objects, strings (``format: date``, ``pattern``, ``enum``, ``oneOf`` of
``const``), integers, numbers, booleans, arrays of strings and arrays of objects, local ``$ref``. Hints for
the screen stand under ``x-ui``: ``widget`` (textarea, radio, money, hidden), ``rows``, ``placeholder``,
``help``, ``width`` (full, half, third), ``unit``, ``labels`` (value → label; also as ``x-labels``),
``add_label``, ``item_label``, ``order``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Schema = Mapping[str, Any]
PATH_PART: Final = re.compile(r"\[(\w+)\]|\.?([^.\[\]]+)")
LONGEST_NUMBER: Final = 15  # digits that every reader of JSON keeps exactly; longer ones stay text
_LONGEST_NIP = 30  # it is pasted with blanks between its parts, which are left out when it is read
LONG_TEXT: Final = 200  # characters; longer texts get a textarea


@dataclass(frozen=True)
class Choice:
    """One option of a list to choose from."""

    value: str
    label: str
    selected: bool


@dataclass(frozen=True)
class Field:
    """What the template needs to draw one field (``kind`` picks the drawing) or a group of them.

    ``kind``: text, textarea, date, number, money, checkbox, select, radio, hidden, strings, rows or group.
    For ``strings`` and ``rows`` the members stand in ``items`` (each a tuple of fields) and ``blank`` is a
    new one, whose names carry ``placeholder_index`` where the browser puts the next number.
    """

    kind: str
    name: str
    label: str
    value: str = ""
    hint: str = ""
    error: str = ""
    required: bool = False
    read_only: bool = False
    placeholder: str = ""
    pattern: str = ""
    input_mode: str = ""
    input_type: str = "text"
    minimum: str = ""
    maximum: str = ""
    max_length: int | None = None
    text_rows: int = 4
    width: str = "full"
    unit: str = ""
    choices: tuple[Choice, ...] = ()
    fields: tuple[Field, ...] = ()
    items: tuple[tuple[Field, ...], ...] = ()
    blank: tuple[Field, ...] = ()
    placeholder_index: str = ""
    item_label: str = ""
    add_label: str = ""
    min_items: int = 0
    max_items: int | None = None

    @property
    def id(self) -> str:
        """An id usable in HTML and in CSS selectors, unique as the name is."""
        return "f-" + re.sub(r"[^A-Za-z0-9_]+", "-", self.name).strip("-")

    @property
    def checked(self) -> bool:
        return self.value == "true"


@dataclass(frozen=True)
class _Builder:
    root: Schema
    errors: Mapping[str, str]
    say: Callable[[str], str] = str

    def words(self, text: str) -> str:
        """The text in the language of the form."""
        return self.say(text) if text else ""

    def resolve(self, schema: Schema) -> Schema:
        ref = schema.get("$ref")
        if not isinstance(ref, str) or not ref.startswith("#/"):
            return schema
        target: Any = self.root
        for part in ref[2:].split("/"):
            target = target[part]
        return {**self.resolve(target), **{key: value for key, value in schema.items() if key != "$ref"}}

    def build(self, schema: Schema, name: str, value: Any, *, required: bool, label: str, depth: int) -> Field:
        schema = self.resolve(schema)
        title = str(schema.get("title", label))
        kind = _type_of(schema)
        if kind == "object":
            return self.group(schema, name, value, title, depth)
        if kind == "array":
            return self.array(schema, name, value, title, required=required, depth=depth)
        return self.scalar(schema, name, value, title, required=required)

    def members(self, schema: Schema, name: str, value: Any, depth: int) -> tuple[Field, ...]:
        data = value if isinstance(value, Mapping) else {}
        required = set(schema.get("required", ()))
        properties: Mapping[str, Schema] = schema.get("properties", {})
        order = [key for key in _hints(schema).get("order", ()) if key in properties]
        keys = order + [key for key in properties if key not in order]
        return tuple(
            self.build(
                properties[key],
                f"{name}.{key}",
                data.get(key, self.resolve(properties[key]).get("default")),
                required=key in required,
                label=key.replace("_", " ").capitalize(),
                depth=depth,
            )
            for key in keys
        )

    def group(self, schema: Schema, name: str, value: Any, title: str, depth: int) -> Field:
        return Field(
            kind="group",
            name=name,
            label=self.words(title),
            hint=self.words(_help(schema)),
            error=self.errors.get(name, ""),
            fields=self.members(schema, name, value, depth),
        )

    def array(
        self, schema: Schema, name: str, value: Any, title: str, *, required: bool, depth: int
    ) -> Field:
        item = self.resolve(schema.get("items", {"type": "string"}))
        hints = _hints(schema)
        rows = _type_of(item) == "object"
        minimum = int(schema.get("minItems", 0))
        values: list[Any] = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
        values += [None] * (max(minimum, 1 if required else 0) - len(values))
        placeholder = f"__i{depth}__"
        item_label = str(hints.get("item_label", item.get("title", title)))

        def make(index: int | str, member: Any) -> tuple[Field, ...]:
            path = f"{name}[{index}]"
            if rows:
                return self.members(item, path, member, depth + 1)
            return (self.scalar(item, path, member, item_label, required=False),)

        return Field(
            kind="rows" if rows else "strings",
            name=name,
            label=self.words(title),
            hint=self.words(_help(schema)),
            error=self.errors.get(name, ""),
            required=required or minimum > 0,
            items=tuple(make(index, member) for index, member in enumerate(values)),
            blank=make(placeholder, None),
            placeholder_index=placeholder,
            item_label=self.words(item_label),
            add_label=self.words(str(hints.get("add_label", ""))),
            min_items=minimum,
            max_items=schema.get("maxItems"),
        )

    def scalar(self, schema: Schema, name: str, value: Any, title: str, *, required: bool) -> Field:
        hints = _hints(schema)
        text = _text_of(schema.get("const", value))
        kind = _scalar_kind(schema)
        numeric = kind in ("number", "money")
        return Field(
            kind=kind,
            name=name,
            label=self.words(title),
            value=text,
            hint=self.words(_help(schema)),
            error=self.errors.get(name, ""),
            required=required,
            read_only=bool(schema.get("readOnly", False)),
            placeholder=self.words(str(hints.get("placeholder", ""))),
            pattern=str(schema.get("pattern", "")) if kind == "text" else "",
            input_mode=_input_mode(schema, kind),
            input_type={"email": "email", "uri": "url", "time": "time"}.get(schema.get("format", ""), "text"),
            minimum=_text_of(schema.get("minimum")) if numeric else "",
            maximum=_text_of(schema.get("maximum")) if numeric else "",
            max_length=_LONGEST_NIP if schema.get("x-check") == "nip" else schema.get("maxLength"),
            text_rows=int(hints.get("rows", 4)),
            width=str(hints.get("width", "full")),
            unit=self.words(str(hints.get("unit", "Rp" if kind == "money" else ""))),
            choices=self.choices(schema, text) if kind in ("select", "radio") else (),
        )


    def choices(self, schema: Schema, selected: str) -> tuple[Choice, ...]:
        return tuple(Choice(one.value, self.words(one.label), one.selected) for one in _choices(schema, selected))


def build_form(
    schema: Schema, data: Mapping[str, Any], errors: Mapping[str, str] | None = None, prefix: str = "data",
    say: Callable[[str], str] = str,
) -> tuple[Field, ...]:
    """The fields of a whole form, filled with ``data`` and marked with ``errors``.

    ``errors`` maps a path to its message; the path may be written with or without ``prefix``.
    ``say`` turns the words of the schema (Indonesian message ids) into the language of the form.
    """
    found = {
        path if path.startswith((f"{prefix}.", f"{prefix}[")) else f"{prefix}.{path}": message
        for path, message in (errors or {}).items()
    }
    builder = _Builder(schema, found, say)
    return builder.members(builder.resolve(schema), prefix, data, 0)


def labels_of(fields: Iterable[Field]) -> dict[str, str]:
    """Every field's label by its name, groups and rows included: for a list of what is to be mended."""
    found: dict[str, str] = {}
    for one in fields:
        found[one.name] = one.label
        for members in (one.fields, *one.items):
            found |= labels_of(members)
    return found


def placed_errors(fields: Sequence[Field], errors: Mapping[str, str]) -> dict[str, str]:
    """The same errors in the order in which their fields stand on the page, those without a field last. What is wrong
    with a group of which nothing was filled in is said at each field that it needs."""
    known = labels_of(fields)
    return dict(_placed(fields, errors)) | {path: text for path, text in errors.items() if path not in known}


def _placed(fields: Iterable[Field], errors: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for one in fields:
        message = errors.get(one.name, "")
        needed = [inner.name for inner in _with_inner(one.fields) if inner.required and inner.kind != "group"]
        if message and one.kind == "group" and needed and not _is_filled(one):
            yield from ((name, message) for name in needed)
        elif message:
            yield one.name, message
        for members in (one.fields, *one.items):
            yield from _placed(members, errors)


def _with_inner(fields: Iterable[Field]) -> Iterator[Field]:
    for one in fields:
        yield one
        yield from _with_inner(one.fields)


def _is_filled(group: Field) -> bool:
    """Whether somebody wrote into it; what is chosen from the start does not count."""
    written = ("text", "textarea", "date", "number", "money")
    return any(one.value and not one.read_only for one in _with_inner(group.fields) if one.kind in written)


def parse_form(schema: Schema, pairs: Iterable[tuple[str, str]], prefix: str = "data") -> dict[str, Any]:
    """The data that a browser sent as ``pairs`` of name and text (``request.form.items(multi=True)``).

    Numbers and booleans get their types; what cannot be read as its type stays text, so that validation
    names it and the form shows it again. Empty texts are left out, empty rows too. Members of an array come
    in the order in which the browser sent them, whatever their numbers: moving a row needs no renaming.
    """
    tree: dict[str, Any] = {}
    for name, text in pairs:
        parts = [first or second for first, second in PATH_PART.findall(name)]
        if parts and parts[0] == prefix and len(parts) > 1:
            _put(tree, parts[1:], text)
    builder = _Builder(schema, {})
    read = _read(builder, schema, tree)
    return read if isinstance(read, dict) else {}


def _put(tree: dict[str, Any], parts: Sequence[str], text: str) -> None:
    for part in parts[:-1]:
        child = tree.get(part)
        if not isinstance(child, dict):
            child = {}
            tree[part] = child
        tree = child
    if not (text == "" and isinstance(tree.get(parts[-1]), dict)):
        tree[parts[-1]] = text


def _read(builder: _Builder, schema: Schema, raw: Any) -> Any:
    """The value of one node, or ``None`` where the browser left it empty."""
    schema = builder.resolve(schema)
    kind = _type_of(schema)
    if kind == "object":
        source = raw if isinstance(raw, dict) else {}
        values = {
            key: _read(builder, child, source.get(key)) for key, child in schema.get("properties", {}).items()
        }
        kept = {key: value for key, value in values.items() if value is not None}
        return kept if any(value not in ([], False) for value in kept.values()) else None
    if kind == "array":
        members = raw.values() if isinstance(raw, dict) else ()
        read = (_read(builder, schema.get("items", {}), member) for member in members)
        return [member for member in read if member is not None]
    if "const" in schema:
        return schema["const"]
    if schema.get("x-check") == "nip" and isinstance(raw, str):
        raw = "".join(raw.split())
    return _read_scalar(kind, raw)


def _read_scalar(kind: str, raw: Any) -> Any:
    text = raw.strip().replace("\r\n", "\n") if isinstance(raw, str) else ""
    if kind == "boolean":
        return text == "true"
    if not text:
        return None
    if kind not in ("integer", "number"):
        return text
    plain = re.sub(r"^Rp\.?|\s", "", text)
    if "," in plain or re.fullmatch(r"-?\d{1,3}(\.\d{3})+", plain):
        plain = plain.replace(".", "").replace(",", ".")
    if sum(char.isdecimal() for char in plain) > LONGEST_NUMBER:
        return text
    if re.fullmatch(r"-?\d+", plain):
        return int(plain)
    if kind == "number" and re.fullmatch(r"-?\d+\.\d+", plain):
        return float(plain)
    return text


def _type_of(schema: Schema) -> str:
    declared = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(declared, str):
        return declared
    return next((str(name) for name in declared if name != "null"), "string")


def _hints(schema: Schema) -> Mapping[str, Any]:
    hints = schema.get("x-ui", {})
    return hints if isinstance(hints, Mapping) else {"widget": hints}


def _help(schema: Schema) -> str:
    return str(_hints(schema).get("help", schema.get("description", "")))


def _scalar_kind(schema: Schema) -> str:
    widget = _hints(schema).get("widget", "")
    kind = _type_of(schema)
    has_choices = "enum" in schema or "oneOf" in schema
    if widget == "hidden" or "const" in schema:
        return "hidden"
    if has_choices:
        return "radio" if widget == "radio" else "select"
    if kind == "boolean":
        return "checkbox"
    if kind in ("integer", "number"):
        return "money" if widget == "money" else "number"
    if schema.get("format") == "date":
        return "date"
    return "textarea" if widget == "textarea" or int(schema.get("maxLength", 0)) > LONG_TEXT else "text"


def _input_mode(schema: Schema, kind: str) -> str:
    if kind in ("number", "money"):
        return "numeric" if _type_of(schema) == "integer" else "decimal"
    return "numeric" if re.fullmatch(r"\^(\[0-9\]|\\d)[\d{},+*]*\$", schema.get("pattern", "")) else ""


def _choices(schema: Schema, selected: str) -> tuple[Choice, ...]:
    labels = schema.get("x-labels", _hints(schema).get("labels", {}))
    if "oneOf" in schema:
        pairs = [(_text_of(one["const"]), str(one.get("title", one["const"]))) for one in schema["oneOf"]]
    else:
        values = [_text_of(value) for value in schema["enum"] if value is not None]
        if isinstance(labels, Sequence):
            labels = dict(zip(values, labels, strict=False))
        pairs = [(value, str(labels.get(value, value))) for value in values]
    return tuple(Choice(value, label, value == selected) for value, label in pairs)


def _text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
