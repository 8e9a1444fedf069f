"""Drafts: made from a form or from a finished PDF, changed, copied, discarded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.actors import Actor, HeldPosition
from svc.deps import Deps
from svc.errors import Conflict, Forbidden, InvalidInput, NotFound
from svc.ids import new_public_id
from svc.kind_fields import Schema
from svc.kinds import Kind, KindUnknown
from svc.models import Decree, DecreeVersion
from svc.roles import is_allowed
from svc.services.access import ensure_can_view
from svc.services.audit_log import record_decree
from svc.services.draft_content import Content, content_of_data, content_of_pdf
from svc.services.files import store_pdf
from svc.services.flow import doer_of, ensure_seen, load_flow, lock_decree, run_command, to_workflow
from svc.services.parents import ensure_written, security_of
from svc.services.plain_text import clean_line, clean_text
from svc.services.signing_parties import form_schema
from svc.services.versions import open_version
from workflows.model import Discard

_MAX_SUBJECT = 300
_MAX_REASON = 2000


def create_draft(deps: Deps, actor: Actor, kind_id: str, data: Mapping[str, Any], *, is_partial: bool = False) -> str:
    """Validate, lay out and save a new draft; returns its public id. ``is_partial`` keeps unfinished data too.

    :raises svc.kinds.InvalidDecreeData: every faulty field. :raises Forbidden: no position that drafts
    """
    kind, drafter = find_kind(deps, kind_id), drafting_position(actor)
    ensure_written(kind)
    content = content_of_data(deps, kind, data, drafter, is_partial=is_partial)
    return _create(deps, actor, kind, drafter, content, "template", "decree_drafted")


def create_from_parent(deps: Deps, actor: Actor, kind: Kind, data: Mapping[str, Any], parent_id: int) -> str:
    """A draft tied to the decree that it is made from, at least as secret; returns its public id.

    :raises svc.kinds.InvalidDecreeData: the parent's data does not fit the kind. :raises Forbidden: as above
    """
    drafter = drafting_position(actor)
    content = content_of_data(deps, kind, data, drafter)
    return _create(deps, actor, kind, drafter, content, "template", "decree_drafted", parent_id)


def upload_draft(deps: Deps, actor: Actor, kind_id: str, subject: str, pdf: bytes, *,
                 as_pictures: bool = False) -> str:
    """Take a finished PDF as a draft; returns its public id. ``as_pictures``: pictures of its pages, if it can be taken
    in no other way.

    :raises svc.services.finished_pdfs.CurableContent: refused, and pictures of its pages would be taken
    :raises InvalidInput: no kind or subject, or the PDF is refused, with the reason at ``file``
    """
    subject = clean_line(subject, _MAX_SUBJECT)
    if not subject:
        raise InvalidInput(fields={"subject": "Perihal wajib diisi."})
    kind, drafter = find_kind(deps, kind_id), drafting_position(actor)
    ensure_written(kind)
    if kind.chosen:
        raise InvalidInput(fields={
            "kind": "Naskah jenis ini disusun dengan formulir, karena penanda tangannya dipilih di situ."})
    content = content_of_pdf(deps, subject, pdf, as_pictures=as_pictures)
    return _create(deps, actor, kind, drafter, content, "upload", "decree_uploaded")


def save_draft(deps: Deps, actor: Actor, decree_id: str, data: Mapping[str, Any], seen_version: int, *,
               is_partial: bool = False) -> None:
    """Change a draft. What was submitted once is kept: the change becomes the next version.

    :raises svc.kinds.InvalidDecreeData: :raises StaleTask: :raises Conflict: it is no draft any more
    """
    kind, drafter = _kind_and_drafter(deps, actor, decree_id)
    ensure_written(kind)
    content = content_of_data(deps, kind, data, drafter, is_partial=is_partial)
    _replace(deps, actor, decree_id, seen_version, content, "template")


def replace_upload(deps: Deps, actor: Actor, decree_id: str, seen_version: int, pdf: bytes, *,
                   as_pictures: bool = False) -> None:
    """Put another PDF in the place of an uploaded one. :raises InvalidInput: :raises StaleTask: as above"""
    with deps.db.read_session() as session:
        subject = session.scalar(select(Decree.subject).where(Decree.public_id == decree_id)) or ""
    content = content_of_pdf(deps, subject, pdf, as_pictures=as_pictures)
    _replace(deps, actor, decree_id, seen_version, content, "upload")


def preview(deps: Deps, actor: Actor, kind_id: str, data: Mapping[str, Any]) -> bytes:
    """The draft PDF of what is typed so far; nothing is kept. :raises InvalidDecreeData: faulty fields"""
    kind = find_kind(deps, kind_id)
    return content_of_data(deps, kind, data, drafting_position(actor)).pdf or b""


def duplicate(deps: Deps, actor: Actor, decree_id: str) -> str:
    """A new draft with the same data. :raises NotFound: :raises Conflict: an uploaded PDF has no data"""
    with deps.db.read_session() as session:
        decree = session.scalars(select(Decree).where(Decree.public_id == decree_id)).one_or_none()
        if decree is None:
            raise NotFound
        ensure_can_view(actor, decree)
        if decree.source != "template":
            raise Conflict("Naskah dari berkas PDF tidak dapat disalin menjadi konsep.")
        data = session.scalars(
            select(DecreeVersion.data).where(DecreeVersion.decree_id == decree.id)
            .order_by(DecreeVersion.version_no.desc()).limit(1)).one()
        kind = find_kind(deps, decree.kind)
    ensure_written(kind)
    drafter = drafting_position(actor)
    content = content_of_data(deps, kind, data, drafter, is_partial=True)
    return _create(deps, actor, kind, drafter, content, "template", "decree_duplicated")


def discard(deps: Deps, actor: Actor, decree_id: str, seen_version: int, reason: str) -> None:
    """Throw a draft away; it stays on record, its number becomes void.

    :raises InvalidInput: no reason. :raises StaleTask: :raises NotYourTask: :raises Conflict: refused
    """
    with deps.db.unit_of_work() as session:
        decree = lock_decree(session, decree_id)
        ensure_can_view(actor, decree)
        ensure_seen(session, decree, seen_version)
        flow = load_flow(session, deps, decree)
        reason = clean_text(reason, _MAX_REASON)
        run_command(session, deps, flow, Discard(to_workflow(actor), reason), doer_of(actor), reason)


def find_kind(deps: Deps, kind_id: str) -> Kind:
    """:raises InvalidInput: there is no such kind."""
    try:
        return deps.kinds.get(kind_id)
    except KindUnknown as error:
        raise InvalidInput(fields={"kind": "Pilih jenis naskah."}) from error


def schema_for(deps: Deps, actor: Actor, kind_id: str, decree_id: str | None = None) -> Schema:
    """The schema of a kind's form, with the signers that can be chosen for this draft, or for a new one.

    :raises InvalidInput: no such kind. :raises NotFound: no such draft. :raises Forbidden: none of his positions drafts
    """
    kind = find_kind(deps, kind_id)
    drafter = _kind_and_drafter(deps, actor, decree_id)[1] if decree_id else drafting_position(actor)
    return form_schema(deps, kind, drafter.agency_id)


def drafting_position(actor: Actor) -> HeldPosition:
    """The position in which the actor drafts: the chosen one if it may, else the first that may.

    :raises Forbidden: none may
    """
    candidates = [actor.acting_as, *actor.held] if actor.acting_as else list(actor.held)
    for held in candidates:
        if held is not None and is_allowed("decree.draft", held.roles):
            return held
    raise Forbidden


def _create(deps: Deps, actor: Actor, kind: Kind, drafter: HeldPosition, content: Content, source: str,
            event_type: str, parent_id: int | None = None) -> str:
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        decree = Decree(
            public_id=new_public_id(), kind=kind.id, subject=content.subject, search_text=content.search_text,
            unit_id=drafter.unit_id, agency_id=drafter.agency_id, drafter_id=actor.person_id,
            drafter_position_id=drafter.position_id, source=source, route_id=route_for(kind, content.data),
            verify_code=new_public_id(), security=security_of(session, kind, parent_id), parent_id=parent_id,
            assignments=[], created_at=now, updated_at=now)
        session.add(decree)
        session.flush()
        _store_content(session, deps, decree, content, now)
        session.add(DecreeVersion(
            decree_id=decree.id, version_no=1, data=content.data, content_sha256=content.content_sha256,
            pdf_sha256=content.pdf_sha256, created_by_id=actor.person_id, created_at=now, updated_at=now))
        record_decree(session, decree, event_type, doer_of(actor, drafter.position_id).audit, now,
                      {"kind": kind.id, "version_no": 1, "content_sha256": content.content_sha256,
                       "lock_version": decree.lock_version, **content.made_from})
        return decree.public_id


def _replace(deps: Deps, actor: Actor, decree_id: str, seen_version: int, content: Content, source: str) -> None:
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        decree = lock_decree(session, decree_id)
        ensure_can_view(actor, decree)
        ensure_seen(session, decree, seen_version)
        if decree.status != "draft" or decree.drafter_id != actor.person_id or decree.source != source:
            raise Conflict("Hanya penyusun yang dapat mengubah konsep, dan hanya selama masih konsep.")
        version = open_version(session, decree, actor.person_id, now)
        version.data, version.content_sha256 = content.data, content.content_sha256
        version.pdf_sha256, version.updated_at = content.pdf_sha256, now
        decree.subject, decree.updated_at = content.subject, now
        decree.search_text = f"{(decree.number or '').lower()} {content.search_text}".strip()[:2000]
        if source == "template":
            decree.route_id = route_for(deps.kinds.get(decree.kind), content.data)
        decree.lock_version += 1
        _store_content(session, deps, decree, content, now)
        record_decree(session, decree, "draft_saved", doer_of(actor, decree.drafter_position_id).audit, now,
                      {"version_no": version.version_no, "content_sha256": content.content_sha256,
                       "lock_version": decree.lock_version, **content.made_from})


def _kind_and_drafter(deps: Deps, actor: Actor, decree_id: str) -> tuple[Kind, HeldPosition]:
    with deps.db.read_session() as session:
        decree = session.scalars(select(Decree).where(Decree.public_id == decree_id)).one_or_none()
        if decree is None:
            raise NotFound
        ensure_can_view(actor, decree)
    held = next((one for one in actor.held if one.position_id == decree.drafter_position_id), None)
    return find_kind(deps, decree.kind), held or drafting_position(actor)


def route_for(kind: Kind, data: Mapping[str, Any]) -> str:
    """The route of a kind, which may depend on one field of its data (``[routes]`` in kind.toml)."""
    return kind.route_of(data)


def _store_content(session: Session, deps: Deps, decree: Decree, content: Content, now: datetime) -> None:
    purpose = "upload" if decree.source == "upload" else "draft"
    if content.pdf is not None:
        store_pdf(session, deps, decree, purpose, content.pdf, now, pages=content.pages)
