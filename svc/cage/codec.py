"""Frozen dataclasses as JSON and back, by their type hints and strictly.

What comes out of a worker may have been written by whoever took it over: nothing in it is executed, looked up by
name or believed to be of a type that it was not declared as.
"""

from __future__ import annotations

import types
from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")
_PLAIN = (str, int, float, bool)


class CodecError(ValueError):
    """The value is not of the type; the text says where."""


def to_json(value: object) -> Any:
    """A dataclass, or what it is made of, as JSON's types. :raises CodecError: of a type that is not carried"""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        # A lone surrogate out of a broken string could be shown on no page.
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, int | float):
        return value
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise CodecError("a naive time")
        return value.astimezone(UTC).isoformat()
    if isinstance(value, tuple):
        return [to_json(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    raise CodecError(f"{type(value).__name__} is not carried")


def from_json(kind: type[T], value: Any) -> T:
    """A dataclass from JSON's types. :raises CodecError: anything missing, unknown, or of another type"""
    decoded: T = _decode(kind, value, kind.__name__)
    return decoded


def _decode(kind: Any, value: Any, where: str) -> Any:
    if kind in _PLAIN:
        return _plain(kind, value, where)
    if kind is datetime:
        return _moment(value, where)
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        return _optional(kind, value, where)
    if origin is tuple:
        return _tuple(get_args(kind), value, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(_plain(str, value, where))
        except ValueError as error:
            raise CodecError(f"{where}: no {kind.__name__}") from error
    if isinstance(kind, type) and is_dataclass(kind):
        return _record(kind, value, where)
    raise CodecError(f"{where}: {kind} is not carried")


def _plain(kind: type[Any], value: Any, where: str) -> Any:
    if type(value) is kind or (kind is float and type(value) is int):
        if kind is float and not -1e300 < value < 1e300:  # JSON as Python reads it knows Infinity and NaN
            raise CodecError(f"{where}: not a finite number")
        return kind(value)
    raise CodecError(f"{where}: {type(value).__name__} in place of {kind.__name__}")


def _moment(value: Any, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_plain(str, value, where))
    except ValueError as error:
        raise CodecError(f"{where}: no time") from error
    if moment.tzinfo is None:
        raise CodecError(f"{where}: a naive time")
    return moment.astimezone(UTC)


def _optional(kind: Any, value: Any, where: str) -> Any:
    inner = [one for one in get_args(kind) if one is not types.NoneType]
    if len(inner) != 1:
        raise CodecError(f"{where}: {kind} is not carried")
    return None if value is None else _decode(inner[0], value, where)


def _tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if type(value) is not list:
        raise CodecError(f"{where}: {type(value).__name__} in place of a list")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_decode(kinds[0], one, f"{where}[{index}]") for index, one in enumerate(value))
    if len(kinds) != len(value):
        raise CodecError(f"{where}: {len(value)} items in place of {len(kinds)}")
    return tuple(_decode(kind, one, f"{where}[{index}]")
                 for index, (kind, one) in enumerate(zip(kinds, value, strict=True)))


def _record(kind: type[Any], value: Any, where: str) -> Any:
    hints = _hints(cast(Hashable, kind))
    if type(value) is not dict or value.keys() != hints.keys():
        raise CodecError(f"{where}: other fields than {kind.__name__} has")
    return kind(**{name: _decode(hint, value[name], f"{where}.{name}") for name, hint in hints.items()})


@lru_cache(maxsize=64)
def _hints(kind: Any) -> Mapping[str, Any]:
    known = get_type_hints(kind)
    return {field.name: known[field.name] for field in fields(kind)}
