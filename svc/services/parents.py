"""Excerpts (petikan) and copies (salinan): what they say follows from the decree that they are made from, whole.

A petikan is one person's row of a collective decree (keputusan kolektif) with the decree's own number, date, title and
operative parts; a salinan is all of it. Nothing in them is written by hand, so that neither can say what its parent
does not: whoever submits one has it compared with the parent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from svc.deps import Deps
from svc.errors import Conflict, InvalidInput, NotFound
from svc.kind_fields import FieldError
from svc.kinds import InvalidDecreeData, Kind
from svc.models import Batch, BatchRow, Decree, DecreeSigner, DecreeVersion, Position, Signature
from svc.services.rendition import kind_of, place_of

EXCERPT: Final = "petikan-keputusan"
COPY: Final = "salinan-keputusan"
ROW: Final = "nomor_urut"
_FURTHER_COLUMNS: Final = (1, 2, 3)
_SECURITY: Final = ("B", "T", "R", "SR")
_DIFFERS: Final = "Tidak sama dengan keputusan induk."
_NO_ROW: Final = "Tidak ada nomor urut ini dalam lampiran keputusan induk."
GONE: Final = ("rejected", "discarded")


class NotExcerptable(Conflict):
    """No excerpt or copy can be made of this decree."""

    code = "not_excerptable"
    message = "Petikan dan salinan hanya dapat dibuat dari keputusan kolektif yang sudah ditandatangani di sini."


class ParentRevoked(Conflict):
    """What was revoked gives rise to nothing new."""

    code = "parent_revoked"
    message = "Keputusan induknya telah dicabut; petikan atau salinannya tidak dapat diajukan atau ditandatangani lagi."


@dataclass(frozen=True)
class Parent:
    """A signed collective decree: ``data`` is what was signed, ``facts`` what its children say of it (``induk``)."""

    id: int
    public_id: str
    number: str
    agency_id: int
    security: str
    data: Mapping[str, Any]
    facts: Mapping[str, Any]

    @property
    def rows(self) -> int:
        return len(self.data.get("lampiran", ()))


def ensure_written(kind: Kind) -> None:
    """:raises InvalidInput: documents of that kind are made from their parent, never drafted"""
    if kind.parent_kind:
        raise InvalidInput(fields={"kind": "Petikan dan salinan dibuat dari halaman keputusan induknya."})


def load_parent(session: Session, deps: Deps, decree: Decree, child: Kind) -> Parent:
    """The decree as the parent of a child of that kind.

    :raises NotExcerptable: another kind, not signed here, or not from a form. :raises ParentRevoked: not in force
    """
    _ensure_in_force(decree, child)
    data = session.scalars(select(DecreeVersion.data).where(
        DecreeVersion.decree_id == decree.id, DecreeVersion.version_no == decree.version_no)).one()
    return Parent(decree.id, decree.public_id, decree.number or "", decree.agency_id, decree.security, data,
                  _facts(session, deps, decree, data))


def parent_of(session: Session, deps: Deps, parent_id: int | None, child: Kind, *, lock: bool = False) -> Parent:
    """The same by its id; with ``lock`` its row stays locked, so that two who submit excerpts come one after the other.

    :raises NotExcerptable: there is none, or as for :func:`load_parent`. :raises ParentRevoked: as there
    """
    wanted = select(Decree).where(Decree.id == parent_id)
    decree = session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()
    if decree is None:
        raise NotExcerptable
    return load_parent(session, deps, decree, child)


def ensure_in_force(session: Session, deps: Deps, kind_id: str, parent_id: int | None) -> None:
    """What a document of that kind is made from may still give rise to it: asked again before it gets its number and
    before it is signed, which may be weeks after it was submitted. Nothing happens for kinds that have no parent.

    :raises NotExcerptable: there is none. :raises ParentRevoked: it was revoked
    """
    kind = kind_of(deps, kind_id)
    if not kind.parent_kind:
        return
    decree = session.scalars(select(Decree).where(Decree.id == parent_id)).one_or_none()
    if decree is None:
        raise NotExcerptable
    _ensure_in_force(decree, kind)


def excerpt_of(parent: Parent, number: int) -> dict[str, Any]:
    """The data of the excerpt for the person in that row of the list, counting from 1. :raises NotFound: no such row"""
    rows = parent.data.get("lampiran", ())
    if not 1 <= number <= len(rows):
        raise NotFound
    row = rows[number - 1]
    columns = [{"judul": parent.data[f"judul_kolom_{one}"], "isi": row[f"kolom_{one}"]} for one in _FURTHER_COLUMNS
               if row.get(f"kolom_{one}") and parent.data.get(f"judul_kolom_{one}")]
    person = {key: value for key, value in row.items() if not key.startswith("kolom_")}
    data = {"induk": dict(parent.facts), "diktum": list(parent.data["diktum"]), ROW: number, "pegawai": person}
    return {**data, "kolom": columns} if columns else data


def copy_of(parent: Parent) -> dict[str, Any]:
    """The data of a copy of the whole."""
    return {"induk": dict(parent.facts), "naskah": dict(parent.data)}


def faults_of(parent: Parent, kind: Kind, data: Mapping[str, Any]) -> tuple[FieldError, ...]:
    """Where the data of a child says something else than its parent; none: nowhere."""
    if kind.id == COPY:
        return tuple(_differences(copy_of(parent), data))
    number = data.get(ROW)
    if not isinstance(number, int) or not 1 <= number <= parent.rows:
        return (FieldError(ROW, _NO_ROW),)
    return tuple(_differences(excerpt_of(parent, number), data))


def ensure_true(session: Session, deps: Deps, decree: Decree, data: Mapping[str, Any]) -> None:
    """A child says what its parent says. Nothing happens for decrees that have none.

    :raises InvalidDecreeData: where it does not. :raises NotExcerptable: :raises ParentRevoked: as for the parent
    """
    kind = kind_of(deps, decree.kind)
    if not kind.parent_kind:
        return
    faults = faults_of(parent_of(session, deps, decree.parent_id, kind), kind, data)
    if faults:
        raise InvalidDecreeData(faults)


def taken_rows(session: Session, parent_id: int, *, besides: int | None = None) -> set[int]:
    """Rows of the list for which there is an excerpt or a draft of one; with ``besides`` (a batch) those that other
    batches have sent on their way."""
    statement = (
        select(BatchRow.data[ROW].as_integer()).join(Batch, Batch.id == BatchRow.batch_id)
        .outerjoin(Decree, Decree.id == BatchRow.decree_id)
        .where(Batch.parent_id == parent_id, or_(
            and_(BatchRow.decree_id.is_(None), Batch.status != "cancelled"), Decree.status.not_in(GONE))))
    if besides is not None:
        statement = statement.where(Batch.id != besides, Batch.submitted_at.is_not(None))
    return {number for number in session.scalars(statement) if number is not None}


def security_of(session: Session, kind: Kind, parent_id: int | None) -> str:
    """The class of a document of that kind: never below that of its parent."""
    if parent_id is None:
        return kind.security
    above = session.scalar(select(Decree.security).where(Decree.id == parent_id))
    return max(kind.security, above or kind.security, key=_SECURITY.index)


def _ensure_in_force(decree: Decree, child: Kind) -> None:
    if decree.kind != child.parent_kind or decree.status not in {"signed", "issued"} or decree.source != "template":
        raise NotExcerptable
    if decree.legal_status == "revoked":
        raise ParentRevoked


def _facts(session: Session, deps: Deps, decree: Decree, data: Mapping[str, Any]) -> dict[str, Any]:
    row = session.execute(
        select(Signature.signer_name, Signature.position_title, Position.on_behalf_of, Position.id)
        .join(DecreeSigner, and_(DecreeSigner.decree_id == Signature.decree_id,
                                 DecreeSigner.person_id == Signature.signer_id))
        .join(Position, Position.id == DecreeSigner.position_id)
        .where(Signature.decree_id == decree.id).order_by(Signature.id).limit(1)).one_or_none()
    if row is None or decree.issued_on is None:
        raise NotExcerptable
    behalf, title = row[2] or "", row[1].removesuffix(row[2] or "").strip().upper()
    place = place_of(session, deps, decree.unit_id, (row[3],), kind_of(deps, decree.kind), decree.issued_on)
    return {
        "penetap": data["penetap"], "pejabat": data["pejabat"], "nomor": decree.number or "",
        "tanggal": decree.issued_on.isoformat(), "tempat": place.letterhead.place or "…", "tentang": data["tentang"],
        "jabatan_penanda_tangan": [*([behalf] if behalf else []), f"{title},"], "penanda_tangan": row[0]}


def _differences(expected: Mapping[str, Any], data: Mapping[str, Any], path: str = "") -> Iterator[FieldError]:
    for name in {**expected, **data}:
        here, want, have = f"{path}{name}", expected.get(name), data.get(name)
        if isinstance(want, Mapping) and isinstance(have, Mapping):
            yield from _differences(want, have, f"{here}.")
        elif want != have:
            yield FieldError(here, _DIFFERS)
