"""What a version of a draft holds: from a form or from a finished PDF, complete or not yet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from svc.deps import Deps
from svc.errors import Conflict, InvalidInput
from svc.kinds import InvalidDecreeData, Kind, search_terms, subject_of
from svc.models import Decree, DecreeVersion
from svc.rendering import RenderedPdf, RenderFailed
from svc.services import rendition
from svc.services.files import store_pdf
from svc.services.finished_pdfs import take
from svc.services.orgchart import load_chart
from svc.services.signing_parties import ensure_chosen
from workflows.errors import SameSigner, UnknownAssignee
from workflows.model import Definition
from workflows.rules import resolve_assignments

# What the data of an uploaded version say where its pages are pictures: the hash of the upload, and why it was refused.
PICTURES_OF, REFUSED_FOR = "gambar_dari", "sebab"


class Origin(Protocol):
    """From where a document is drafted; a held position says it, and so does a batch."""

    @property
    def position_id(self) -> int: ...
    @property
    def unit_id(self) -> int: ...
    @property
    def agency_id(self) -> int: ...


@dataclass(frozen=True)
class Content:
    """Data, what paraf stand for, and the PDF that reviewers see; ``pdf`` is empty while data is incomplete."""

    subject: str
    search_text: str
    data: dict[str, Any]
    content_sha256: str
    pdf: bytes | None
    pages: int

    @property
    def made_from(self) -> dict[str, str]:
        """What events say of an upload of which only pictures were taken."""
        return {"upload_sha256": self.data[PICTURES_OF], "refused_for": self.data[REFUSED_FOR]} if (
            PICTURES_OF in self.data) else {}

    @property
    def pdf_sha256(self) -> str | None:
        return _sha256(self.pdf) if self.pdf is not None else None


def content_of_data(deps: Deps, kind: Kind, data: Mapping[str, Any], drafter: Origin, *,
                    is_partial: bool = False) -> Content:
    """Complete, validate and lay out. With ``is_partial`` faulty data is kept as it is, without a PDF.

    :raises InvalidDecreeData: every faulty field. :raises InvalidInput: it cannot be laid out
    """
    complete = deps.kinds.complete_data(kind, data)
    rendered: RenderedPdf | None
    try:
        deps.kinds.validate_data(kind, complete)
        rendered = _laid_out(deps, kind, complete, drafter)
    except InvalidDecreeData:
        if not is_partial:
            raise
        rendered = None
    return describe(kind, complete, rendered)


def describe(kind: Kind, complete: dict[str, Any], rendered: RenderedPdf | None = None) -> Content:
    """What a version with this completed data holds; without a PDF where none was laid out."""
    subject = subject_of(kind, complete)
    canonical = json.dumps({"kind": kind.id, "data": complete}, sort_keys=True, separators=(",", ":"),
                           ensure_ascii=False)
    words = " ".join((subject, *search_terms(kind, complete)))
    return Content(subject, words.lower()[:2000], complete, _sha256(canonical.encode()),
                   rendered.pdf if rendered else None, rendered.pages if rendered else 0)


def content_of_pdf(deps: Deps, subject: str, pdf: bytes, *, as_pictures: bool = False) -> Content:
    """A finished PDF as it is, or as pictures of its pages if only they can be taken and they are asked for.

    :raises svc.services.finished_pdfs.CurableContent: they are not asked for
    :raises InvalidInput: refused, with the reason at ``file``
    """
    taken = take(deps, pdf, as_pictures=as_pictures)
    made_from = {PICTURES_OF: taken.original.sha256, REFUSED_FOR: taken.original.refusal} if taken.original else {}
    return Content(subject, subject.lower(), made_from, _sha256(taken.pdf), taken.pdf, taken.pages)


@dataclass(frozen=True)
class _DraftedFrom:
    position_id: int
    unit_id: int
    agency_id: int


def lay_out_missing(deps: Deps, person_id: int, decree_id: str) -> None:
    """Give a draft of this person its PDF when it has none though nothing in it lacks: it was made for a batch, which
    lays none out, and has left it since. What is unfinished stays as it is.

    :raises InvalidInput: it cannot be laid out. :raises StorageUnavailable: nothing changed
    """
    with deps.db.read_session() as session:
        found = session.execute(_without_pdf(person_id, decree_id)).one_or_none()
    if found is None:
        return
    decree, version = found
    origin = _DraftedFrom(decree.drafter_position_id, decree.unit_id, decree.agency_id)
    content = content_of_data(deps, rendition.kind_of(deps, decree.kind), version.data, origin, is_partial=True)
    if content.pdf is None:
        return
    with deps.db.unit_of_work() as session:
        now_found = session.execute(_without_pdf(person_id, decree_id).with_for_update(of=Decree)).one_or_none()
        if now_found is not None and now_found[1].content_sha256 == version.content_sha256:
            store_pdf(session, deps, now_found[0], "draft", content.pdf, deps.clock.now(), pages=content.pages)
            now_found[1].pdf_sha256 = content.pdf_sha256


def _without_pdf(person_id: int, decree_id: str) -> Select[Decree, DecreeVersion]:
    return (select(Decree, DecreeVersion)
            .join(DecreeVersion, (DecreeVersion.decree_id == Decree.id)
                  & (DecreeVersion.version_no == Decree.version_no))
            .where(Decree.public_id == decree_id, Decree.status == "draft", Decree.drafter_id == person_id,
                   Decree.source == "template", DecreeVersion.pdf_sha256.is_(None)))


def ensure_complete(deps: Deps, decree: Decree, version: DecreeVersion) -> None:
    """A draft that was saved unfinished does not go on its route.

    :raises InvalidDecreeData: what is missing or faulty. :raises Conflict: its PDF was never made
    """
    if version.pdf_sha256 is not None:
        return
    deps.kinds.validate_data(rendition.kind_of(deps, decree.kind), version.data)
    raise Conflict("Simpan konsep sekali lagi sebelum diajukan.")


def _laid_out(deps: Deps, kind: Kind, complete: dict[str, Any], drafter: Origin) -> RenderedPdf:
    today = deps.clock.now().astimezone(deps.settings.tzinfo).date()
    with deps.db.read_session() as session:
        ensure_chosen(session, kind, complete, drafter.agency_id)
        signers = _signer_positions(session, deps.routes.get(kind.route_of(complete)), drafter,
                                    kind.chosen_positions(complete))
        place = rendition.place_of(session, deps, drafter.unit_id, signers, kind, today)
    try:
        return rendition.render_draft(deps, kind, complete, place)
    except RenderFailed as error:
        raise InvalidInput("Isian ini tidak dapat ditata menjadi PDF. Periksa teks yang tidak biasa.") from error


def _signer_positions(session: Session, definition: Definition | None, drafter: Origin,
                      chosen: Mapping[str, str]) -> tuple[int | None, ...]:
    """The position of each signature block; nothing where it cannot be said yet."""
    if definition is None:
        return (None,)
    try:
        assignments = resolve_assignments(definition, drafter.position_id, load_chart(session), chosen)
    except (UnknownAssignee, SameSigner):
        # A draft may be written before the organisation is complete; submitting says what lacks.
        return (None,) * len(definition.sign_steps)
    return tuple(a.position_id for a in assignments if a.step_index in definition.sign_steps)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
