"""The signature blocks of a frozen document: whom they name, which are signed, and who signs next.

``decree.signer_id`` and ``decree.signer_capacity`` always repeat the block that waits for its signature (after the
last one, that of the last signer).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ScalarSelect, delete, func, select
from sqlalchemy.orm import Session

from svc.errors import Conflict
from svc.models import Decree, DecreeSigner, Person, Position
from svc.services.orgchart import CAPACITY_PREFIX, Holder, holders_of
from workflows import model as m


class SignerMissing(Conflict):
    code = "signer_missing"
    message = (
        "Blok tanda tangan lain pada naskah ini belum menyebut pejabat: jabatannya kosong, atau dipegang orang yang "
        "sama. Hubungi administrator, atau kembalikan naskah kepada penyusun.")


@dataclass(frozen=True)
class NamedSigner:
    """A block as pages show it; ``name`` is empty while nobody is named."""

    ordinal: int
    name: str
    position_title: str
    signed_at: datetime | None


def list_blocks(session: Session, decree: Decree) -> tuple[DecreeSigner, ...]:
    """The blocks of the decree's frozen document, first to last; none before it was frozen."""
    return tuple(session.scalars(
        select(DecreeSigner).where(DecreeSigner.decree_id == decree.id).order_by(DecreeSigner.ordinal)))


def shown_signers(session: Session, decree_id: int) -> tuple[NamedSigner, ...]:
    """The same in words."""
    rows = session.execute(
        select(DecreeSigner.ordinal, Person.name, DecreeSigner.capacity, Position.title, DecreeSigner.signed_at)
        .join(Position, Position.id == DecreeSigner.position_id)
        .outerjoin(Person, Person.id == DecreeSigner.person_id)
        .where(DecreeSigner.decree_id == decree_id).order_by(DecreeSigner.ordinal))
    return tuple(NamedSigner(row.ordinal, row.name or "", f"{CAPACITY_PREFIX.get(row.capacity or '', '')}{row.title}",
                             row.signed_at) for row in rows)


def name_signers(session: Session, decrees: Sequence[Decree], signers: Sequence[tuple[int, Holder | None]]) -> None:
    """Note whom newly frozen documents name, all the same: position and holder of each block, first to last."""
    session.execute(delete(DecreeSigner).where(DecreeSigner.decree_id.in_([decree.id for decree in decrees])))
    for decree in decrees:
        rows = [DecreeSigner(decree_id=decree.id, ordinal=number, position_id=position_id,
                             person_id=holder.person_id if holder else None,
                             capacity=holder.capacity if holder else None)
                for number, (position_id, holder) in enumerate(signers, start=1)]
        session.add_all(rows)
        _point_to_next(decree, rows)
    session.flush()


def forget_signers(session: Session, decree: Decree) -> None:
    """The document that named them was given back unsigned."""
    session.execute(delete(DecreeSigner).where(DecreeSigner.decree_id == decree.id))
    decree.signer_id = decree.signer_capacity = None


def hand_over(session: Session, decree: Decree, from_position_id: int, to_position_id: int) -> None:
    """Another position is to sign than the frozen document says: it is frozen anew for its holder."""
    for row in list_blocks(session, decree):
        if row.position_id == from_position_id and row.signed_at is None:
            row.position_id, row.person_id, row.capacity = to_position_id, None, None
    decree.signer_id = decree.signer_capacity = None


def record_signature(decree: Decree, rows: Sequence[DecreeSigner], signed_sha256: str, now: datetime) -> None:
    """The next block is signed; ``signed_sha256`` is of the document that bears it."""
    waiting = [row for row in rows if row.signed_at is None]
    if waiting:
        waiting[0].signed_at, waiting[0].signed_sha256 = now, signed_sha256
    _point_to_next(decree, rows)


def ensure_all_named(rows: Sequence[DecreeSigner]) -> None:
    """:raises SignerMissing: a block names nobody, so that the first signature could never be joined by it."""
    if any(row.person_id is None for row in rows):
        raise SignerMissing


def given_signatures(rows: Sequence[DecreeSigner], definition: m.Definition) -> tuple[m.GivenSignature, ...]:
    """The signatures on the document, as the engine knows them."""
    return tuple(
        m.GivenSignature(definition.steps[step].id, row.person_id, row.position_id)
        for step, row in zip(definition.sign_steps, rows, strict=False)
        if row.signed_at is not None and row.person_id is not None)


def is_partly_signed(session: Session, decree: Decree) -> bool:
    """Whether a signature stands on a document that still waits for others: nothing on it can change."""
    signed = {row.signed_at is not None for row in list_blocks(session, decree)}
    return signed == {True, False}


def others_are_true(session: Session, decree: Decree, today: date) -> bool:
    """Whether those who sign after the next one still hold what the document names them as, and whether nobody can
    be named yet where it names nobody."""
    rows = list_blocks(session, decree)
    named = {row.person_id for row in rows}
    for row in [row for row in rows if row.signed_at is None][1:]:
        held = {(holder.person_id, holder.capacity) for holder in holders_of(session, row.position_id, today)}
        if row.person_id is None:
            if any(person_id not in named for person_id, _ in held):
                return False
        elif (row.person_id, row.capacity) not in held:
            return False
    return True


def count_blocks(decree_id: Any, *, signed: bool) -> ScalarSelect[int]:
    """How many blocks a decree's document has, or how many of them are signed: a column for lists."""
    statement = select(func.count()).select_from(DecreeSigner).where(DecreeSigner.decree_id == decree_id)
    if signed:
        statement = statement.where(DecreeSigner.signed_at.is_not(None))
    return statement.correlate_except(DecreeSigner).scalar_subquery()


def _point_to_next(decree: Decree, rows: Sequence[DecreeSigner]) -> None:
    if not rows:
        return  # frozen before blocks had rows of their own: the decree names its one signer
    following = next((row for row in rows if row.signed_at is None), rows[-1])
    decree.signer_id, decree.signer_capacity = following.person_id, following.capacity
