"""Route definitions from TOML: read, checked, hashed."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from workflows.errors import InvalidDefinition
from workflows.model import Assignee, Definition, Step, StepKind

_MINUTES = 60
_TOP = {"id", "version", "title", "sop_number", "allow_self_approval", "step"}
_STEP = {"id", "kind", "title", "position", "superior_of_drafter", "drafter", "norm_hours"}


def load_definition(source: bytes) -> Definition:
    """Read one definition; its hash is that of the bytes. :raises InvalidDefinition: what is wrong, and where."""
    try:
        raw = tomllib.loads(source.decode("utf-8"))
        _ensure_keys("definition", raw, _TOP)
        steps = tuple(_step(number, item) for number, item in enumerate(raw["step"], start=1))
        definition = Definition(
            id=str(raw["id"]), version=int(raw["version"]), title=str(raw["title"]),
            sop_number=str(raw.get("sop_number", "")), steps=steps,
            allow_self_approval=bool(raw.get("allow_self_approval", False)),
            sha256=hashlib.sha256(source).hexdigest())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidDefinition(f"not TOML: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidDefinition(f"missing or malformed: {error}") from error
    _ensure_sensible(definition)
    return definition


def load_source(route_id: str) -> bytes:
    """The bytes of a shipped definition. :raises InvalidDefinition: there is none of that name."""
    for entry in _shipped():
        if entry.name == f"{route_id}.toml":
            return entry.read_bytes()
    raise InvalidDefinition(f"no route {route_id}")


def load_all() -> dict[str, Definition]:
    """All shipped definitions by id. :raises InvalidDefinition: one is wrong or an id stands twice."""
    found: dict[str, Definition] = {}
    for entry in _shipped():
        definition = load_definition(entry.read_bytes())
        if definition.id in found or f"{definition.id}.toml" != entry.name:
            raise InvalidDefinition(f"{entry.name}: id {definition.id} stands twice or is not the file's name")
        found[definition.id] = definition
    return found


def _shipped() -> list[Traversable]:
    folder = files("workflows") / "definitions"
    return sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda e: e.name)


def _step(number: int, raw: Mapping[str, Any]) -> Step:
    _ensure_keys(f"step {number}", raw, _STEP)
    kind = StepKind(raw["kind"])
    minutes = round(float(raw.get("norm_hours", 0)) * _MINUTES)
    if minutes < 0:
        raise InvalidDefinition(f"step {number}: norm_hours is negative")
    return Step(str(raw["id"]), kind, str(raw["title"]), _assignee(number, kind, raw), minutes)


def _assignee(number: int, kind: StepKind, raw: Mapping[str, Any]) -> Assignee | None:
    given = [name for name in ("position", "superior_of_drafter", "drafter") if name in raw]
    if kind is StepKind.NUMBER:
        if given:
            raise InvalidDefinition(f"step {number}: numbering happens by itself and has no assignee")
        return None
    if len(given) != 1:
        raise InvalidDefinition(f"step {number}: exactly one of position, superior_of_drafter, drafter")
    if given[0] == "position":
        return Assignee("position", position=str(raw["position"]))
    if given[0] == "drafter":
        return Assignee("drafter")
    level = int(raw["superior_of_drafter"])
    if level < 1:
        raise InvalidDefinition(f"step {number}: superior_of_drafter counts from 1")
    return Assignee("superior_of_drafter", level=level)


def _ensure_keys(where: str, raw: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(raw) - known)
    if unknown:
        raise InvalidDefinition(f"{where}: unknown keys {', '.join(unknown)}")


def _ensure_sensible(definition: Definition) -> None:
    """The number stands between the last paraf and the one signature; distribution, if any, comes last."""
    ids = [step.id for step in definition.steps]
    kinds = [step.kind for step in definition.steps]
    if len(set(ids)) != len(ids):
        raise InvalidDefinition(f"{definition.id}: step ids repeat")
    paraf = kinds.count(StepKind.PARAF)
    tail = kinds[paraf:]
    allowed = ([StepKind.NUMBER, StepKind.SIGN], [StepKind.NUMBER, StepKind.SIGN, StepKind.DISTRIBUTE])
    if paraf < 1 or kinds[:paraf] != [StepKind.PARAF] * paraf or tail not in allowed:
        raise InvalidDefinition(f"{definition.id}: steps must be paraf…, number, sign, and perhaps distribute")
