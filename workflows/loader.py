"""Route definitions from TOML: read, checked, hashed."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from workflows.errors import InvalidDefinition
from workflows.model import Assignee, Definition, Step, StepKind

_MINUTES = 60
_LONGEST_NORM_HOURS = 1000
_ID = re.compile(r"[a-z][a-z0-9-]*")
_TOP = {"id", "version", "title", "sop_number", "allow_self_approval", "step"}
_STEP = {"id", "kind", "title", "position", "superior_of_drafter", "drafter", "chosen", "norm_hours"}
_ELSEWHERE = "other-agency"  # where a chosen signer may come from
_MOST_SIGNATURES = 4  # so many blocks still find room on a page


def load_definition(source: bytes) -> Definition:
    """Read one definition; its hash is that of the bytes. :raises InvalidDefinition: what is wrong, and where."""
    try:
        raw = tomllib.loads(source.decode("utf-8"))
        _ensure_keys("definition", raw, _TOP)
        steps = tuple(_step(number, item) for number, item in enumerate(raw["step"], start=1))
        definition = Definition(
            id=_text(raw, "id"), version=_count(raw, "version"), title=_text(raw, "title"),
            sop_number=_text(raw, "sop_number"), steps=steps,
            allow_self_approval=_flag(raw, "allow_self_approval"),
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
    hours = raw.get("norm_hours", 0)
    if type(hours) not in {int, float} or not 0 <= hours <= _LONGEST_NORM_HOURS:
        raise InvalidDefinition(f"step {number}: norm_hours must be 0 to {_LONGEST_NORM_HOURS}")
    return Step(_text(raw, "id"), kind, _text(raw, "title"), _assignee(number, kind, raw), round(hours * _MINUTES))


def _assignee(number: int, kind: StepKind, raw: Mapping[str, Any]) -> Assignee | None:
    given = [name for name in ("position", "superior_of_drafter", "drafter", "chosen") if name in raw]
    if kind is StepKind.NUMBER:
        if given:
            raise InvalidDefinition(f"step {number}: numbering happens by itself and has no assignee")
        return None
    if len(given) != 1:
        raise InvalidDefinition(f"step {number}: exactly one of position, superior_of_drafter, drafter, chosen")
    if given[0] == "position":
        return Assignee("position", position=_text(raw, "position"))
    if given[0] == "drafter":
        if not _flag(raw, "drafter"):
            raise InvalidDefinition(f"step {number}: drafter can only be true")
        return Assignee("drafter")
    if given[0] == "chosen":
        if kind is not StepKind.SIGN or raw["chosen"] != _ELSEWHERE:
            raise InvalidDefinition(f'step {number}: chosen can only be "{_ELSEWHERE}", and only of a signature')
        return Assignee("chosen")
    return Assignee("superior_of_drafter", level=_count(raw, "superior_of_drafter"))


def _text(raw: Mapping[str, Any], key: str) -> str:
    value = raw[key]
    if not isinstance(value, str) or not value.strip():
        raise InvalidDefinition(f"{key}: must be text")
    return value


def _count(raw: Mapping[str, Any], key: str) -> int:
    value = raw[key]
    if type(value) is not int or value < 1:
        raise InvalidDefinition(f"{key}: must be a whole number from 1")
    return value


def _flag(raw: Mapping[str, Any], key: str) -> bool:
    value = raw.get(key, False)
    if not isinstance(value, bool):
        raise InvalidDefinition(f"{key}: must be true or false")  # "false" in quotes would else count as true
    return value


def _ensure_keys(where: str, raw: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(raw) - known)
    if unknown:
        raise InvalidDefinition(f"{where}: unknown keys {', '.join(unknown)}")


def _ensure_sensible(definition: Definition) -> None:
    """The number stands between the last paraf and the first signature; distribution, if any, comes last."""
    ids = [step.id for step in definition.steps]
    kinds = [step.kind for step in definition.steps]
    if malformed := [one for one in (definition.id, *ids) if not _ID.fullmatch(one)]:
        raise InvalidDefinition(f"{definition.id}: ids are lower-case words: {', '.join(malformed)}")
    if len(set(ids)) != len(ids):
        raise InvalidDefinition(f"{definition.id}: step ids repeat")
    paraf = kinds.count(StepKind.PARAF)
    signatures = kinds.count(StepKind.SIGN)
    ordered = [*[StepKind.PARAF] * paraf, StepKind.NUMBER, *[StepKind.SIGN] * signatures]
    is_in_order = kinds in (ordered, [*ordered, StepKind.DISTRIBUTE])
    if paraf < 1 or not 1 <= signatures <= _MOST_SIGNATURES or not is_in_order:
        raise InvalidDefinition(f"{definition.id}: steps must be paraf…, number, sign (1 to {_MOST_SIGNATURES} times),"
                                " and perhaps distribute")
    signers = [one for one in (definition.steps[index].assignee for index in definition.sign_steps)
               if one != Assignee("chosen")]  # two choices may differ
    if len(set(signers)) != len(signers):
        raise InvalidDefinition(f"{definition.id}: one position signs twice")
    _ensure_not_stuck(definition)


def _ensure_not_stuck(definition: Definition) -> None:
    """A drafter who must initial his own draft and may not would stop every decree there."""
    for step in definition.steps:
        own = step.assignee is not None and step.assignee.kind == "drafter"
        if own and step.kind is not StepKind.DISTRIBUTE and not definition.allow_self_approval:
            raise InvalidDefinition(f"{definition.id}: step {step.id} is the drafter's, who may not approve his own")
