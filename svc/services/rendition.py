"""PDFs of a decree: the draft that reviewers see and the frozen document that will be signed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.deps import Deps
from svc.errors import Conflict, RouteUnusable
from svc.kinds import Kind, KindUnknown
from svc.models import Decree, DecreeVersion, Position, StoredFile, Unit
from svc.rendering import Letterhead, RenderedPdf, RenderFailed, RenderRequest, SignatureBlock, StampRequest
from svc.services import signature_blocks
from svc.services.files import read_file, store_pdf
from svc.services.orgchart import CAPACITY_PREFIX, Holder, agency_of, holders_of, load_units
from workflows.model import Definition

_VACANT = "…"


class NotRenderable(Conflict):
    code = "not_renderable"
    message = "Naskah ini tidak dapat ditata menjadi PDF. Kembalikan kepada penyusun untuk diperbaiki."


@dataclass(frozen=True)
class Party:
    """One signature block and whom it names: nobody while the position is vacant or unknown."""

    block: SignatureBlock
    signer: Holder | None


@dataclass(frozen=True)
class Place:
    """Where a document comes from, and who is to sign it, in that order."""

    letterhead: Letterhead
    parties: tuple[Party, ...]

    @property
    def blocks(self) -> tuple[SignatureBlock, ...]:
        return tuple(party.block for party in self.parties)


def place_of(session: Session, deps: Deps, unit_id: int, signer_position_ids: Sequence[int | None], kind: Kind,
             today: date, signer_id: int | None = None) -> Place:
    """Letterhead of the agency (or the Governor) and signature blocks of the signers' positions today.

    ``signer_id``: the person to be named first if he holds the first position; for all others, and without him, see
    :func:`choose_signer`. No two blocks name the same person.
    """
    units = load_units(session)
    head = _letterhead(deps, units, agency_of(units, unit_id))
    parties: list[Party] = []
    for position_id in signer_position_ids:
        if position_id is None:
            parties.append(Party(SignatureBlock((_VACANT,), _VACANT), None))
            continue
        position = session.get_one(Position, position_id)
        if not parties and units[position.unit_id].parent_id is None:
            head = _letterhead(deps, units, units[position.unit_id])  # signed for the region
        named = {party.signer.person_id for party in parties if party.signer}
        wanted = None if parties else signer_id
        signer = choose_signer(holders_of(session, position.id, today), kind, wanted, named)
        parties.append(Party(_signature_block(units, position, signer), signer))
    return Place(head, tuple(parties))


def choose_signer(holders: Sequence[Holder], kind: Kind, wanted_id: int | None = None,
                  others: Collection[int] = ()) -> Holder | None:
    """Of a position's holders the wanted one, else the acting one, else the definitive one; none of ``others``.

    Somebody acts (Plh.) because the definitive holder is away, unless the kind may not be signed in that capacity.
    """
    fit = [holder for holder in holders
           if holder.capacity not in kind.forbidden_capacities and holder.person_id not in others]
    wanted = [holder for holder in fit if holder.person_id == wanted_id]
    acting = [holder for holder in fit if holder.capacity != "definitive"]
    return next(iter([*wanted, *acting, *fit]), None)


def render_draft(deps: Deps, kind: Kind, data: Mapping[str, Any], place: Place) -> RenderedPdf:
    """The PDF with ``…`` for the number, marked as a draft."""
    first, *further = place.blocks
    return deps.renderer.render(RenderRequest(
        kind.id, data, place.letterhead, first, place=place.letterhead.place, stage="draft",
        further_blocks=tuple(further)))


def freeze(session: Session, deps: Deps, decree: Decree, version: DecreeVersion, definition: Definition,
           number: str, now: datetime, signer_id: int | None = None) -> str:
    """Lay out the document with number, date, QR code, footer and the signers' names (first of the wanted one, if
    he holds that position today), store it, and return its SHA-256.

    The object is stored before the row that names it; when the transaction fails, an unnamed object stays.
    :raises NotRenderable: it cannot be laid out. :raises svc.errors.StorageUnavailable: it cannot be stored
    """
    today = now.astimezone(deps.settings.tzinfo).date()
    kind = kind_of(deps, decree.kind)
    positions = signer_positions(decree.assignments or (), definition)
    place = place_of(session, deps, decree.unit_id, positions, kind, today, signer_id)
    if decree.source == "upload":
        rendered = _stamp(session, deps, decree, version, kind, place, number, now)
    else:
        rendered = render_final(deps, kind, decree, version.data, place, number, now)
    store_pdf(session, deps, decree, "frozen", rendered.pdf, now, pages=rendered.pages,
              signature_box=boxes_of(rendered))
    decree.issued_on, decree.valid_until = today, kind.last_day_of(version.data)
    signature_blocks.name_signers(session, [decree], named_blocks(positions, place))
    return rendered.sha256


def named_blocks(positions: Sequence[int], place: Place) -> list[tuple[int, Holder | None]]:
    """Position and holder of each signature block of a document laid out for that place."""
    return [(position_id, party.signer) for position_id, party in zip(positions, place.parties, strict=True)]


def boxes_of(rendered: RenderedPdf) -> list[Any]:
    """Where the signatures go, as ``StoredFile.signature_box`` keeps it."""
    boxes: list[Any] = [[box.page, box.llx, box.lly, box.urx, box.ury] for box in rendered.signature_boxes]
    return boxes if len(boxes) > 1 else list(boxes[0])


def render_final(deps: Deps, kind: Kind, decree: Decree, data: Mapping[str, Any], place: Place, number: str,
                 now: datetime) -> RenderedPdf:
    """The document of a template as it will be signed; nothing is stored and no database is asked.

    :raises NotRenderable: it cannot be laid out
    """
    head, url = place.letterhead, verify_url(deps, decree)
    first, *further = place.blocks
    try:
        return deps.renderer.render(RenderRequest(
            kind.id, data, head, first, number=number, issued_on=now.astimezone(deps.settings.tzinfo).date(),
            place=head.place, verify_url=url, stage="final", created_at=now, further_blocks=tuple(further)))
    except RenderFailed as error:
        raise NotRenderable from error


def _stamp(session: Session, deps: Deps, decree: Decree, version: DecreeVersion, kind: Kind, place: Place,
           number: str, now: datetime) -> RenderedPdf:
    head, url = place.letterhead, verify_url(deps, decree)
    first, *further = place.blocks
    try:
        return deps.renderer.stamp(_uploaded(session, deps, decree, version), StampRequest(
            title=kind.title, subject=decree.subject, letterhead=head, signature_block=first, number=number,
            issued_on=now.astimezone(deps.settings.tzinfo).date(), place=head.place, verify_url=url, stage="final",
            created_at=now, further_blocks=tuple(further)))
    except RenderFailed as error:
        raise NotRenderable from error


def verify_url(deps: Deps, decree: Decree) -> str:
    """The address in the QR code."""
    return f"{deps.settings.base_url}/v/{decree.verify_code}"


def signer_positions(assignments: Iterable[Any], definition: Definition) -> tuple[int, ...]:
    """The positions that the sign steps were resolved to, in their order; none before submission."""
    resolved = {int(step): int(position_id) for step, position_id in assignments}
    return tuple(resolved[index] for index in definition.sign_steps if index in resolved)


def kind_of(deps: Deps, kind_id: str) -> Kind:
    """:raises RouteUnusable: the kind was removed from the catalogue while decrees of it were open."""
    try:
        return deps.kinds.get(kind_id)
    except KindUnknown as error:
        raise RouteUnusable from error


def _uploaded(session: Session, deps: Deps, decree: Decree, version: DecreeVersion) -> bytes:
    file = session.scalars(
        select(StoredFile).where(StoredFile.decree_id == decree.id, StoredFile.purpose == "upload",
                                 StoredFile.sha256 == version.pdf_sha256)).one()
    return read_file(deps, file.object_key, file.sha256)


def _letterhead(deps: Deps, units: Mapping[int, Unit], unit: Unit) -> Letterhead:
    root = next(one for one in units.values() if one.parent_id is None)

    def inherited(name: str) -> str:
        return getattr(unit, name) or getattr(root, name) or ""

    return Letterhead(
        organisation=f"Pemerintah Provinsi {deps.settings.province}".upper(),
        unit_name="" if unit.parent_id is None else unit.name.upper(),
        address=inherited("address"), phone=inherited("phone"), email=inherited("email"),
        website=inherited("website"), place=inherited("place"),
        emblem="garuda" if unit.parent_id is None else "region")


def _signature_block(units: Mapping[int, Unit], position: Position, signer: Holder | None) -> SignatureBlock:
    title, office = position.title.upper(), agency_of(units, position.unit_id)
    lines = [position.on_behalf_of] if position.on_behalf_of else []
    if signer is None:
        return SignatureBlock((*lines, f"{title},"), _VACANT, title=position.title, office=office.name)
    prefix = CAPACITY_PREFIX.get(signer.capacity, "")
    return SignatureBlock((*lines, f"{prefix}{title},"), signer.name, signer.rank, signer.nip,
                          title=f"{prefix}{position.title}", office=office.name)
