"""What the signatures of a revision allow to be signed after them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from certs.anatomy.findings import Limits, Refused
from certs.anatomy.roles import is_dictionary

_NOTHING, _FILLING, _LEVELS = 1, 2, (1, 2, 3)


def is_locked(document: Any) -> bool:
    """Whether a signature of this revision allows no further one: by DocMDP (ISO 32000-2, 12.8.2.2) or by its field's
    lock. What is no level allows nothing; of several the strictest counts; and a lock that the signature does not
    repeat (FieldMDP), so that readers pay no heed to it, allows nothing either. :raises Refused: too many fields"""
    permissions = document.Root.get("/Perms", None)
    certified = permissions.get("/DocMDP", None) if is_dictionary(permissions) else None
    fields = [one for one in _fields(document.Root.get("/AcroForm", None)) if "/V" in one]
    levels = [level for value in (certified, *(one.V for one in fields)) for level in _levels_of(value)]
    for one in fields:
        lock = one.get("/Lock", None)
        if is_dictionary(lock):
            is_repeated = any(method == "/FieldMDP" for method, _ in _references(one.V))
            levels.append(_level(lock) if is_repeated else _NOTHING)
    return _NOTHING in levels


def _fields(form: Any) -> list[Any]:
    """All of them, those below others too. :raises Refused: more than any honest form has, or in a circle"""
    found: list[Any] = []
    waiting = list(form.get("/Fields", ())) if is_dictionary(form) else []
    while waiting:
        found.append(waiting.pop())
        waiting.extend(found[-1].get("/Kids", ()))
        if len(found) + len(waiting) > Limits.fields:
            raise Refused("too_many_fields", 0)
    return found


def _levels_of(value: Any) -> Iterator[int]:
    return (_level(parameters) for method, parameters in _references(value) if method == "/DocMDP")


def _references(value: Any) -> list[tuple[str, Any]]:
    found = value.get("/Reference", ()) if is_dictionary(value) else ()
    return [(str(one.get("/TransformMethod", "")), one.get("/TransformParams", None)) for one in found]


def _level(parameters: Any) -> int:
    given = parameters.get("/P", _FILLING) if is_dictionary(parameters) else _FILLING
    return given if isinstance(given, int) and given in _LEVELS else _NOTHING
