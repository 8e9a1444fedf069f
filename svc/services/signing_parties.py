"""Signers that are chosen when drafting: who can be chosen, the choice in the form, and the check of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.deps import Deps
from svc.kind_fields import FieldError, Schema
from svc.kinds import InvalidDecreeData, Kind
from svc.models import Position, Unit
from svc.services.orgchart import agency_of, held_by, load_units, may_sign

_CHOICES: Final = "x-choices"
_ELSEWHERE: Final = "signers-elsewhere"
_WRONG: Final = "Pilih jabatan penanda tangan pada perangkat daerah lain."


@dataclass(frozen=True)
class SignerChoice:
    """A position that may sign as another agency's party; ``code`` is what the data keeps."""

    code: str
    label: str


def form_schema(deps: Deps, kind: Kind, agency_id: int) -> Schema:
    """The kind's schema for a form: fields that choose a signer list those of other agencies today."""
    if not kind.chosen:
        return kind.schema
    choices = signers_elsewhere(deps, agency_id)
    listed = [{"const": choice.code, "title": choice.label} for choice in choices]
    filled = _filled(kind.schema, listed)
    return filled if isinstance(filled, Mapping) else kind.schema


def signers_elsewhere(deps: Deps, agency_id: int) -> tuple[SignerChoice, ...]:
    """Positions with the role of a signer in other agencies than the given one, each with its present holders."""
    today = deps.clock.now().astimezone(deps.settings.tzinfo).date()
    with deps.db.read_session() as session:
        units = load_units(session)
        positions = [one for one in session.scalars(
            select(Position).where(Position.is_active).order_by(Position.title, Position.id))
            if _is_elsewhere(units, one, agency_id)]
        names = held_by(session, [one.id for one in positions], today)
    return tuple(SignerChoice(one.code, f"{one.title} – {', '.join(names.get(one.id, ())) or '(kosong)'}")
                 for one in positions)


def ensure_chosen(session: Session, kind: Kind, data: Mapping[str, Any], agency_id: int) -> None:
    """:raises InvalidDecreeData: a chosen signer's position is missing, inactive, no signer's or of this agency"""
    if not kind.chosen:
        return
    codes = kind.chosen_positions(data)
    units = load_units(session)
    fit = {one.code for one in session.scalars(
        select(Position).where(Position.code.in_(codes.values()), Position.is_active))
        if _is_elsewhere(units, one, agency_id)}
    faults = _faults(kind, codes, fit)
    if faults:
        raise InvalidDecreeData(faults)


def _faults(kind: Kind, codes: Mapping[str, str], fit: Collection[str]) -> tuple[FieldError, ...]:
    twice = {code for code in codes.values() if list(codes.values()).count(code) > 1}
    return tuple(FieldError(path, _WRONG) for step, path in kind.chosen.items()
                 if codes.get(step) not in fit or codes[step] in twice)


def _is_elsewhere(units: Mapping[int, Unit], position: Position, agency_id: int) -> bool:
    """The province itself is no agency, so its head is no party to an agreement between agencies."""
    agency = agency_of(units, position.unit_id)
    return may_sign(position) and agency.id != agency_id and agency.parent_id is not None


def _filled(schema: Any, listed: list[dict[str, str]]) -> Any:
    if isinstance(schema, Mapping):
        copied = {key: _filled(value, listed) for key, value in schema.items()}
        return {**copied, "oneOf": listed} if schema.get(_CHOICES) == _ELSEWHERE else copied
    return [_filled(one, listed) for one in schema] if isinstance(schema, list) else schema
