"""PDFs of a decree: the draft that reviewers see and the frozen document that will be signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.deps import Deps
from svc.errors import RouteUnusable
from svc.kinds import Kind, KindUnknown
from svc.models import Decree, DecreeVersion, Position, StoredFile, Unit
from svc.rendering import Letterhead, RenderedPdf, RenderRequest, SignatureBlock, StampRequest
from svc.services.files import read_file, store_pdf
from svc.services.orgchart import CAPACITY_PREFIX, agency_of, holders_of, load_units
from workflows.model import Definition, StepKind

_VACANT = "…"


@dataclass(frozen=True)
class Place:
    """Where a document comes from and who will sign it."""

    letterhead: Letterhead
    block: SignatureBlock


def place_of(session: Session, deps: Deps, unit_id: int, signer_position_id: int | None, today: date) -> Place:
    """Letterhead of the agency (or the Governor) and signature block of the signer's position today."""
    units = load_units(session)
    agency = agency_of(units, unit_id)
    if signer_position_id is None:
        return Place(_letterhead(deps, units, agency), SignatureBlock((_VACANT,), _VACANT))
    position = session.get_one(Position, signer_position_id)
    signs_for_region = units[position.unit_id].parent_id is None
    head = _letterhead(deps, units, units[position.unit_id] if signs_for_region else agency)
    return Place(head, _signature_block(session, position, today))


def render_draft(deps: Deps, kind: Kind, data: Mapping[str, Any], place: Place) -> RenderedPdf:
    """The PDF with ``…`` for the number, marked as a draft."""
    return deps.renderer.render(RenderRequest(
        kind.id, deps.kinds.present_data(kind, data), place.letterhead, place.block,
        place=place.letterhead.place, stage="draft"))


def freeze(session: Session, deps: Deps, decree: Decree, version: DecreeVersion, definition: Definition,
           number: str, now: datetime) -> str:
    """Lay out the document with number, date, QR code and footer, store it, and return its SHA-256.

    The object is stored before the row that names it; when the transaction fails, an unnamed object stays.
    """
    today = now.astimezone(deps.settings.tzinfo).date()
    place = place_of(session, deps, decree.unit_id, signer_position(decree, definition), today)
    common = {"number": number, "issued_on": today, "place": place.letterhead.place,
              "verify_url": verify_url(deps, decree), "stage": "final", "created_at": now}
    kind = deps.kinds.get(decree.kind)
    if decree.source == "upload":
        original = _uploaded(session, deps, decree, version)
        rendered = deps.renderer.stamp(original, StampRequest(
            title=kind.title, subject=decree.subject, letterhead=place.letterhead, signature_block=place.block,
            **common))  # type: ignore[arg-type]
    else:
        rendered = deps.renderer.render(RenderRequest(
            kind.id, deps.kinds.present_data(kind, version.data), place.letterhead, place.block,
            **common))  # type: ignore[arg-type]
    box = rendered.signature_box
    store_pdf(session, deps, decree, "frozen", rendered.pdf, now, pages=rendered.pages,
              signature_box=[box.page, box.llx, box.lly, box.urx, box.ury])
    decree.issued_on = today
    return rendered.sha256


def verify_url(deps: Deps, decree: Decree) -> str:
    """The address in the QR code."""
    return f"{deps.settings.base_url}/v/{decree.verify_code}"


def signer_position(decree: Decree, definition: Definition) -> int | None:
    """The position that the sign step was resolved to; ``None`` before submission."""
    index = next(i for i, step in enumerate(definition.steps) if step.kind is StepKind.SIGN)
    return next((position_id for step, position_id in decree.assignments or () if step == index), None)


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


def _signature_block(session: Session, position: Position, today: date) -> SignatureBlock:
    holders = holders_of(session, position.id, today)
    title = position.title.upper()
    lines = [position.on_behalf_of] if position.on_behalf_of else []
    if not holders:
        return SignatureBlock((*lines, f"{title},"), _VACANT)
    holder = holders[0]
    prefix = CAPACITY_PREFIX.get(holder.capacity, "")
    return SignatureBlock((*lines, f"{prefix}{title},"), holder.name, holder.rank, holder.nip)
