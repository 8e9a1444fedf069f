"""Which authorities of others are trusted: offered by anybody or any file, trusted only once an administrator has
confirmed the fingerprint, and each for one purpose."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select
from sqlalchemy.orm import Session

from certs.carried import Candidate, candidates_of
from certs.errors import DocumentUnsignable
from certs.names import readable_name
from certs.revocation import fingerprint
from certs.revocation_answers import is_authority
from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict, Forbidden, InvalidInput, NotFound
from svc.ids import new_public_id
from svc.models import TrustAnchor
from svc.roles import is_allowed
from svc.services.administration import STREAM
from svc.services.audit_log import AuditActor, record_stream
from svc.services.examination import judge
from svc.services.trust import in_folders

PURPOSES = ("signer", "timestamp", "both", "intermediate")
MAX_BYTES = 256 * 1024
_TYPED = 16
_MOST = 30
_LONGEST = 300


class FingerprintDiffers(InvalidInput):
    code = "fingerprint_differs"
    message = "Sidik jari yang diketik bukan sidik jari sertifikat ini. Bandingkan dengan yang diumumkan penerbitnya."


class AnchorAmbiguous(Conflict):
    code = "anchor_ambiguous"
    message = "Sertifikat ini tercatat untuk beberapa kegunaan. Sebutkan kegunaannya."


@dataclass(frozen=True)
class AnchorView:
    """A certificate on the list. ``sha256`` is of its DER; trusted only while ``status`` is confirmed."""

    public_id: str
    subject: str
    sha256: str
    purpose: str
    status: str
    source: str
    valid_to: datetime
    added_at: datetime
    decided_at: datetime | None

    @property
    def fingerprint(self) -> str:
        """SHA-256 in groups of four digits, as people compare it."""
        return _grouped(self.sha256)


@dataclass(frozen=True)
class FolderAnchor:
    """A certificate that is trusted since it lies in ``var/trust``; ``place`` is its folder and file there."""

    place: str
    subject: str
    fingerprint: str
    purpose: str
    valid_to: datetime


def add(deps: Deps, actor: Actor | None, data: bytes, purpose: str, source: str) -> tuple[AnchorView, ...]:
    """Put CA certificates (PEM, also several; or DER) on the list as candidates; what stands there stays as it is.

    ``actor`` None is the command line, here and below.

    :raises Forbidden: not an administrator. :raises InvalidInput: no certificate, not an authority's, or no purpose
    """
    _ensure_allowed(actor)
    if purpose not in PURPOSES:
        raise InvalidInput(fields={"purpose": "Pilih kegunaannya."})
    found = load_certificates(data)
    if not all(map(is_authority, found)):
        raise InvalidInput(fields={"file": "Ini bukan sertifikat penerbit (CA)."})
    return _offer(deps, actor, [Candidate(one, purpose) for one in found], source)


def offer_from(deps: Deps, actor: Actor | None, pdf: bytes, source: str) -> tuple[AnchorView, ...]:
    """Put the CA certificates that a signed PDF carries on the list as candidates. None of them is trusted by that.

    :raises Forbidden: not an administrator. :raises InvalidInput: it cannot be read
    """
    _ensure_allowed(actor)
    try:
        found = _carried_by(deps, pdf)
    except DocumentUnsignable as error:
        raise InvalidInput("Berkas ini tidak memuat tanda tangan elektronik yang dapat dibaca.") from error
    return _offer(deps, actor, found[:_MOST], source)


def _carried_by(deps: Deps, pdf: bytes) -> tuple[Candidate, ...]:
    """What the cage cannot read is not read outside of it. :raises DocumentUnsignable: it cannot be read"""
    if not judge(deps, pdf).signatures:
        raise DocumentUnsignable("no signature that can be read")
    return candidates_of(pdf)


def list_all(deps: Deps, actor: Actor | None) -> tuple[AnchorView, ...]:
    """All, candidates first, then by name. :raises Forbidden: not an administrator"""
    _ensure_allowed(actor)
    with deps.db.read_session() as session:
        rows = session.scalars(select(TrustAnchor).order_by(
            TrustAnchor.status, TrustAnchor.subject, TrustAnchor.purpose, TrustAnchor.id)).all()
    return tuple(map(view_of, rows))


def list_in_folders(deps: Deps, actor: Actor | None) -> tuple[FolderAnchor, ...]:
    """What the operator's folders make trusted without a confirmation here.

    :raises Forbidden: not an administrator. :raises svc.services.trust.TrustFolderUnusable: a file cannot be read
    """
    _ensure_allowed(actor)
    return tuple(FolderAnchor(f"{purpose}/{name}", readable_name(one.subject), _grouped(fingerprint(one).hex()),
                              purpose, one.not_valid_after_utc) for purpose, name, one in in_folders(deps))


def find(deps: Deps, actor: Actor | None, typed: str, purpose: str = "") -> AnchorView:
    """The one whose fingerprint ends with what was typed (at least 16 digits).

    :raises NotFound: none does. :raises AnchorAmbiguous: it stands there for several purposes, and none was said
    """
    digits = _digits(typed)
    found = [one for one in list_all(deps, actor)
             if len(digits) >= _TYPED and one.sha256.endswith(digits) and purpose in {"", one.purpose}]
    if not found:
        raise NotFound
    if len(found) > 1:
        raise AnchorAmbiguous
    return found[0]


def confirm(deps: Deps, actor: Actor | None, public_id: str, typed: str) -> AnchorView:
    """Trust a candidate from now on. ``typed`` is its fingerprint, or the last 16 digits of it, as the authority
    has made it known elsewhere.

    :raises Forbidden: not an administrator. :raises NotFound: no such candidate
    :raises FingerprintDiffers: what was typed is another's
    """
    _ensure_allowed(actor)
    with deps.db.unit_of_work() as session:
        row = _locked(session, public_id)
        digits = _digits(typed)
        if len(digits) < _TYPED or not row.sha256.endswith(digits):
            raise FingerprintDiffers(fields={"fingerprint": FingerprintDiffers.message})
        if row.status != "confirmed":
            decide(session, deps, actor, row, "confirmed")
        return view_of(row)


def withdraw(deps: Deps, actor: Actor | None, public_id: str) -> AnchorView:
    """Trust it no longer, or refuse a candidate. :raises Forbidden: not an administrator. :raises NotFound:"""
    _ensure_allowed(actor)
    with deps.db.unit_of_work() as session:
        row = _locked(session, public_id)
        if row.status != "withdrawn":
            decide(session, deps, actor, row, "withdrawn")
        return view_of(row)


def _ensure_allowed(actor: Actor | None) -> None:
    if actor is not None and not is_allowed("admin.certificates", actor.roles):
        raise Forbidden


def load_certificates(data: bytes) -> list[x509.Certificate]:
    """At most 30 of them, PEM or one DER, that can be read. :raises InvalidInput: there are none"""
    fault = InvalidInput(fields={"file": "Berkas ini bukan sertifikat (PEM atau DER)."})
    if not data or len(data) > MAX_BYTES:
        raise fault
    try:
        is_pem = b"-----BEGIN" in data
        found = x509.load_pem_x509_certificates(data) if is_pem else [x509.load_der_x509_certificate(data)]
        for one in found:  # what cannot be read only shows when it is asked for
            one.subject.rfc4514_string(), one.extensions, one.not_valid_after_utc
    except ValueError as error:
        raise fault from error
    if not 0 < len(found) <= _MOST:
        raise fault
    return found


def _offer(deps: Deps, actor: Actor | None, found: Iterable[Candidate], source: str) -> tuple[AnchorView, ...]:
    with deps.db.unit_of_work() as session:
        return tuple(view_of(offer_one(session, deps, actor, one, source)) for one in found)


def offer_one(session: Session, deps: Deps, actor: Actor | None, found: Candidate, source: str) -> TrustAnchor:
    """The row of a certificate for its purpose: a new candidate, or the one that stands there; a withdrawn one is a
    candidate again. Whether ``actor`` may is the caller's to have asked."""
    sha256 = fingerprint(found.certificate).hex()
    row = session.scalars(select(TrustAnchor).where(
        TrustAnchor.sha256 == sha256, TrustAnchor.purpose == found.purpose).with_for_update()).one_or_none()
    if row is None:
        row = TrustAnchor(
            public_id=new_public_id(), pem=found.certificate.public_bytes(Encoding.PEM).decode(), sha256=sha256,
            subject=readable_name(found.certificate.subject)[:_LONGEST], purpose=found.purpose,
            valid_to=found.certificate.not_valid_after_utc, status="candidate", source=source[:_LONGEST],
            added_at=deps.clock.now(), added_by_id=actor.person_id if actor else None)
        session.add(row)
        session.flush()
        _record(session, deps, actor, row, "trust_anchor_offered")
    elif row.status == "withdrawn":
        row.source = source[:_LONGEST]
        decide(session, deps, actor, row, "candidate")
    return row


def decide(session: Session, deps: Deps, actor: Actor | None, row: TrustAnchor, status: str) -> None:
    """Put a row on another status, on record. Whether ``actor`` may is the caller's to have asked."""
    row.status, row.decided_at = status, deps.clock.now()
    row.decided_by_id = actor.person_id if actor else None
    event = "offered" if status == "candidate" else status
    _record(session, deps, actor, row, f"trust_anchor_{event}")


def _record(session: Session, deps: Deps, actor: Actor | None, row: TrustAnchor, event: str) -> None:
    who = AuditActor.of(actor) if actor else AuditActor.system()
    record_stream(session, STREAM, event, who, deps.clock.now(),
                  {"anchor": row.public_id, "sha256": row.sha256, "purpose": row.purpose})


def _locked(session: Session, public_id: str) -> TrustAnchor:
    row = session.scalars(
        select(TrustAnchor).where(TrustAnchor.public_id == public_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound
    return row


def _grouped(sha256: str) -> str:
    return " ".join(re.findall("....", sha256.upper()))


def _digits(typed: str) -> str:
    return re.sub(r"[\s:]", "", typed).lower()


def view_of(row: TrustAnchor) -> AnchorView:
    """A row as people see it."""
    return AnchorView(row.public_id, row.subject, row.sha256, row.purpose, row.status, row.source, row.valid_to,
                      row.added_at, row.decided_at)
