"""Decrees that are still signed on paper: registered with their scan, so that shares are real."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, time

from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import InvalidInput
from svc.ids import new_public_id
from svc.models import Decree, DecreeVersion
from svc.services.audit_log import record_decree
from svc.services.drafting import drafting_position, find_kind
from svc.services.files import store_pdf
from svc.services.finished_pdfs import inspect
from svc.services.flow import doer_of
from svc.services.numbering import enter_paper_number
from svc.services.plain_text import clean_line

_MAX_SUBJECT = 300
_MAX_NUMBER = 120


def register_paper(deps: Deps, actor: Actor, *, kind_id: str, subject: str, number: str, signed_on: date,
                   signer_name: str, scan_pdf: bytes) -> str:
    """Register a decree signed on paper; returns its public id. Its number comes from the paper book.

    :raises InvalidInput: a field is missing, the day lies ahead, the scan is refused, or the number is taken by
        another decree of the agency (twice registered is twice counted)
    """
    now = deps.clock.now()
    kind, drafter = find_kind(deps, kind_id), drafting_position(actor)
    subject, number = clean_line(subject, _MAX_SUBJECT), clean_line(number, _MAX_NUMBER)
    signer_name = clean_line(signer_name, _MAX_SUBJECT)
    _ensure_fields(deps, subject, number, signed_on, signer_name, now)
    facts = inspect(deps, scan_pdf)
    sha256 = hashlib.sha256(scan_pdf).hexdigest()
    signed_at = datetime.combine(signed_on, time(12), deps.settings.tzinfo).astimezone(UTC)
    with deps.db.unit_of_work() as session:
        _ensure_new(session, drafter.agency_id, number)
        decree = Decree(
            public_id=new_public_id(), kind=kind.id, subject=subject,
            search_text=f"{number} {subject}".lower()[:2000], unit_id=drafter.unit_id, agency_id=drafter.agency_id,
            drafter_id=actor.person_id, drafter_position_id=drafter.position_id, source="scan", medium="paper",
            status="issued", legal_status="in_force", route_id=kind.route_id, verify_code=new_public_id(),
            security=kind.security, assignments=[], number=number, issued_on=signed_on,
            signed_at=min(signed_at, now), issued_at=now, created_at=now, updated_at=now)
        session.add(decree)
        session.flush()
        enter_paper_number(session, decree, kind, now)
        store_pdf(session, deps, decree, "scan", scan_pdf, now, pages=facts.pages)
        session.add(DecreeVersion(
            decree_id=decree.id, version_no=1, data={"penandatangan": signer_name}, content_sha256=sha256,
            pdf_sha256=sha256, created_by_id=actor.person_id, created_at=now, updated_at=now))
        record_decree(session, decree, "paper_registered", doer_of(actor, drafter.position_id).audit, now,
                      {"kind": kind.id, "number": decree.number, "signed_on": signed_on.isoformat(),
                       "sha256": sha256, "lock_version": decree.lock_version})
        return decree.public_id


def _ensure_new(session: Session, agency_id: int, number: str) -> None:
    known = session.scalar(select(Decree.id).where(
        Decree.number == number, Decree.agency_id == agency_id,
        Decree.status.not_in(("rejected", "discarded"))).limit(1))
    if known is not None:
        raise InvalidInput(fields={"number": "Nomor ini sudah terdaftar pada perangkat daerah Anda."})


def _ensure_fields(deps: Deps, subject: str, number: str, signed_on: date, signer_name: str, now: datetime) -> None:
    words = {"subject": (subject, "Perihal wajib diisi."), "number": (number, "Nomor wajib diisi."),
             "signer_name": (signer_name, "Nama dan jabatan penandatangan wajib diisi.")}
    faults = {field: message for field, (value, message) in words.items() if not value}
    if signed_on > now.astimezone(deps.settings.tzinfo).date():
        faults["signed_on"] = "Tanggal ini belum tiba."
    if faults:
        raise InvalidInput(fields=faults)
