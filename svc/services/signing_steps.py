"""The steps of one act of signing, each safe to be the last one before a crash.

``claim`` (transaction) → ``produce`` (no transaction) → ``keep`` (object, then transaction) → ``finalise``
(transaction), or ``release`` (transaction) when nothing was signed. ``svc.services.signing`` puts them
together; ``recover`` there takes over whatever a crash left between two of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from certs import checks, pades
from certs.errors import CannotSign, CertsError
from certs.validation import SignatureReport, is_extension, validate_pdf
from svc.actors import Actor, HeldPosition
from svc.deps import Deps
from svc.errors import (
    CredentialUnusable,
    DocumentChanged,
    Forbidden,
    IntegrityViolation,
    NotYourTask,
    SigningFailed,
)
from svc.models import (
    Credential,
    Decree,
    Person,
    Position,
    Signature,
    SigningAttempt,
    StoredFile,
    Task,
    Unit,
)
from svc.roles import is_allowed
from svc.services import numbering, rendition
from svc.services.access import ensure_can_view
from svc.services.audit_log import AuditActor
from svc.services.certificate_words import unusable
from svc.services.files import object_key, put_pdf, read_file, retention_of
from svc.services.flow import (
    Doer,
    Flow,
    doer_of,
    ensure_seen,
    load_flow,
    lock_by_task,
    run_command,
    to_workflow,
)
from svc.services.key_use import OpenedKey
from svc.services.orgchart import CAPACITY_PREFIX
from svc.services.trust import trust_store, with_intermediates
from workflows.model import ClaimSigning, RecordSigned, ReleaseSigning

FIELD_NAME = "TandaTangan1"
_MAX_TEXT = 200


class NamedOtherwise(DocumentChanged):
    code = "named_otherwise"
    message: ClassVar[str] = (
        "Blok tanda tangan naskah ini menyebut pejabat lain, jadi tidak dapat Anda tandatangani. "
        "Kembalikan untuk perbaikan, atau alihkan kepada pejabat itu.")


class NotProven(SigningFailed):
    code = "signature_not_proven"
    message: ClassVar[str] = (
        "Tanda tangan yang dihasilkan tidak lolos pemeriksaan (%(why)s), jadi naskah belum ditandatangani. "
        "Hubungi administrator.")


@dataclass(frozen=True)
class Claim:
    """A claimed act of signing: what is to be signed, by whom, and where the widget lies."""

    attempt_id: str
    decree_id: str
    frozen_sha256: str
    frozen_key: str
    box: Sequence[Any]
    signer_name: str
    capacity_line: str
    title: str
    number: str
    place: str


@dataclass(frozen=True)
class Produced:
    """Signed bytes that were validated, with the report on their one signature."""

    pdf: bytes
    sha256: str
    signature: SignatureReport

    @property
    def signed_at(self) -> datetime | None:
        """The proven time, else the claimed one."""
        return self.signature.timestamp_at or self.signature.claimed_at


def capacity_line(position: Position, capacity: str) -> str:
    """How the signer signs: ``Plt. KEPALA DINAS … a.n. GUBERNUR …``."""
    line = f"{CAPACITY_PREFIX.get(capacity, '')}{position.title.upper()} {position.on_behalf_of or ''}"
    return line.strip()[:300]


def ensure_may_sign(deps: Deps, actor: Actor, decree: Decree, flow: Flow) -> HeldPosition:
    """The actor's position on which the open sign task waits, and nothing printed that would be untrue.

    :raises NotYourTask: :raises Forbidden: not his task, or no position that signs
    :raises NamedOtherwise: the frozen document names somebody else
    :raises DocumentChanged: the printed date is not today
    """
    ensure_can_view(actor, decree)
    task = flow.snapshot.open_task
    held = next((one for one in actor.held if task is not None and one.position_id == task.position_id), None)
    if held is None:
        raise NotYourTask
    if not is_allowed("task.sign", held.roles):
        raise Forbidden
    if (decree.signer_id, decree.signer_capacity) != (actor.person_id, held.capacity):
        raise NamedOtherwise
    if decree.issued_on != numbering.local_day(deps, deps.clock.now()):
        raise DocumentChanged
    return held


def ensure_key_can_sign(deps: Deps, opened: OpenedKey) -> None:
    """:raises CredentialUnusable: expired, revoked, unfit, untrusted or of another key, in the signer's words"""
    trust = with_intermediates(trust_store(deps), opened.chain)
    try:
        checks.ensure_can_sign(opened.certificate, opened.key, trust, deps.clock.now())
    except CannotSign as error:
        raise unusable(error, deps.settings.tzinfo) from error


def claim(deps: Deps, actor: Actor, task_id: str, seen_version: int, frozen_sha256: str,
          credential_id: int) -> Claim:
    """Claim the decree for this act: from here on nobody else can sign, return or withdraw it.

    :raises StaleTask: :raises DocumentChanged: the page showed something else
    :raises NotYourTask: :raises SelfApproval: :raises CapacityForbidden: :raises Conflict: refused
    """
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        decree = lock_by_task(session, task_id)
        ensure_can_view(actor, decree)
        ensure_seen(session, decree, seen_version)
        flow = load_flow(session, deps, decree)
        held = ensure_may_sign(deps, actor, decree, flow)
        _ensure_active(session, credential_id)
        task = session.scalars(select(Task).where(Task.public_id == task_id)).one()
        run_command(session, deps, flow, ClaimSigning(to_workflow(actor), seen_version, frozen_sha256),
                    doer_of(actor, held.position_id))
        attempt = SigningAttempt(
            decree_id=decree.id, task_id=task.id, sha256=frozen_sha256, credential_id=credential_id,
            person_id=actor.person_id, position_id=held.position_id, capacity=held.capacity, claimed_at=now)
        session.add(attempt)
        session.flush()
        return _claim_of(session, deps, decree, attempt)


def produce(deps: Deps, claimed: Claim, opened: OpenedKey) -> Produced:
    """Sign the frozen bytes and prove the result; nothing is stored yet.

    :raises StorageUnavailable: :raises IntegrityViolation: the frozen bytes are not to be had
    :raises SigningFailed: no signature came about, or not one that holds
    """
    frozen = read_file(deps, claimed.frozen_key, claimed.frozen_sha256)
    page, llx, lly, urx, ury = claimed.box
    request = pades.SignRequest(
        signed_at=deps.clock.now(), signer_name=claimed.signer_name, field_name=FIELD_NAME,
        reason=f"{claimed.title} Nomor {claimed.number}"[:_MAX_TEXT], location=claimed.place,
        contact=deps.settings.base_url, box=pades.SignatureBox(int(page), llx, lly, urx, ury), certify=True,
        level=pades.Level(deps.settings.signature_level))
    try:
        signer = pades.LocalSigner(opened.certificate, opened.key, opened.chain)
        signed = pades.sign_pdf(frozen, request, signer, deps.tsa)
    except CertsError as error:
        raise SigningFailed from error
    return prove(deps, frozen, signed.pdf, opened.certificate.serial_number, opened)


def prove(deps: Deps, frozen: bytes, signed: bytes, serial: int, opened: OpenedKey | None = None) -> Produced:
    """Validate signed bytes as the public will, and compare them with the frozen ones.

    :raises NotProven: not the frozen bytes with exactly one certifying, valid signature by that certificate
    """
    if not is_extension(frozen, signed):
        raise NotProven(params={"why": "NOT_AN_EXTENSION"})
    trust = with_intermediates(trust_store(deps), opened.chain if opened else ())
    report = validate_pdf(signed, trust, deps.clock.now())
    if not report.passed:
        raise NotProven(params={"why": report.sub_indication or report.indication.value})
    signature = report.signatures[0]
    is_as_asked = (len(report.signatures) == 1 and signature.covers_whole_file and signature.certifies
                   and signature.serial == f"{serial:x}" and signature.level == deps.settings.signature_level)
    if not is_as_asked:
        raise NotProven(params={"why": "NOT_AS_ASKED"})
    return Produced(signed, hashlib.sha256(signed).hexdigest(), signature)


def keep(deps: Deps, claimed: Claim, produced: Produced) -> None:
    """Store the signed bytes, then note that they are there.

    :raises StorageUnavailable: :raises IntegrityViolation: not stored
    :raises SigningFailed: the claim was released meanwhile
    """
    now = deps.clock.now()
    put_pdf(deps, signed_key(claimed.decree_id, produced.sha256), produced.pdf,
            retain_until=retention_of(deps, "signed", now))
    mark_produced(deps, claimed, produced)


def mark_produced(deps: Deps, claimed: Claim, produced: Produced) -> None:
    """Note which bytes came of an attempt; twice is fine. :raises SigningFailed: it was released meanwhile"""
    with deps.db.unit_of_work() as session:
        attempt = _locked_attempt(session, claimed.attempt_id)
        if attempt.state == "produced" and attempt.signed_sha256 == produced.sha256:
            return
        if attempt.state not in {"claimed", "unknown"}:
            raise SigningFailed
        attempt.state, attempt.signed_sha256 = "produced", produced.sha256


def finalise(deps: Deps, claimed: Claim, produced: Produced) -> None:
    """Record the signature: from here on the decree is signed.

    :raises SigningFailed: the attempt is not one that produced these bytes. :raises Conflict: refused
    """
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        attempt = _locked_attempt(session, claimed.attempt_id)
        if attempt.state != "produced" or attempt.signed_sha256 != produced.sha256:
            raise SigningFailed
        decree = session.get_one(Decree, attempt.decree_id)
        flow = load_flow(session, deps, decree)
        if decree.frozen_sha256 != attempt.sha256:
            raise IntegrityViolation
        run_command(session, deps, flow, RecordSigned(produced.sha256), _doer(session, attempt))
        attempt.state, attempt.finished_at = "done", now
        session.add_all((_signature(attempt, claimed, produced, now), _stored(session, decree, produced, now)))


def release(deps: Deps, attempt_id: str, error_code: str) -> bool:
    """Give the decree back, ready to sign; whether there was something to give back.

    Bytes that were kept already stay in the store, but no row names them.
    """
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        attempt = _locked_attempt(session, attempt_id)
        if attempt.state not in {"claimed", "produced", "unknown"}:
            return False
        attempt.state, attempt.error_code, attempt.finished_at = "failed", error_code[:60], now
        decree = session.get_one(Decree, attempt.decree_id)
        if decree.status == "signing":
            flow = load_flow(session, deps, decree)
            run_command(session, deps, flow, ReleaseSigning(error_code), Doer.system())
        return True


def load_claim(session: Session, deps: Deps, attempt: SigningAttempt) -> Claim:
    """The claim of an attempt that another process began."""
    return _claim_of(session, deps, session.get_one(Decree, attempt.decree_id), attempt)


def signed_key(decree_id: str, sha256: str) -> str:
    return f"{signed_prefix(decree_id)}{sha256}.pdf"


def signed_prefix(decree_id: str) -> str:
    """Where the signed bytes of a decree lie, those of unfinished attempts included."""
    return f"decrees/{decree_id}/signed/"


def _claim_of(session: Session, deps: Deps, decree: Decree, attempt: SigningAttempt) -> Claim:
    file = session.scalars(
        select(StoredFile).where(StoredFile.decree_id == decree.id, StoredFile.purpose == "frozen",
                                 StoredFile.sha256 == attempt.sha256)).one_or_none()
    if file is None or file.signature_box is None:
        raise IntegrityViolation
    position = session.get_one(Position, attempt.position_id)
    agency = session.get_one(Unit, decree.agency_id)
    place = agency.place or session.scalar(select(Unit.place).where(Unit.parent_id.is_(None))) or ""
    return Claim(
        attempt_id=attempt.public_id, decree_id=decree.public_id, frozen_sha256=attempt.sha256,
        frozen_key=file.object_key, box=tuple(file.signature_box),
        signer_name=session.get_one(Person, attempt.person_id).name,
        capacity_line=capacity_line(position, attempt.capacity),
        title=rendition.kind_of(deps, decree.kind).title, number=decree.number or "", place=place)


def _ensure_active(session: Session, credential_id: int) -> None:
    """It may have been revoked or replaced since the key was opened."""
    credential = session.scalars(
        select(Credential).where(Credential.id == credential_id).with_for_update()).one()
    if credential.status != "active":
        raise CredentialUnusable


def _locked_attempt(session: Session, attempt_id: str) -> SigningAttempt:
    """The attempt with its decree's row locked first, in the order in which everybody locks."""
    of_attempt = select(SigningAttempt.decree_id).where(SigningAttempt.public_id == attempt_id).scalar_subquery()
    session.scalars(select(Decree).where(Decree.id == of_attempt).with_for_update()).one()
    return session.scalars(
        select(SigningAttempt).where(SigningAttempt.public_id == attempt_id).with_for_update()).one()


def _doer(session: Session, attempt: SigningAttempt) -> Doer:
    person = session.get_one(Person, attempt.person_id)
    position = session.get_one(Position, attempt.position_id)
    title = f"{CAPACITY_PREFIX.get(attempt.capacity, '')}{position.title}"
    return Doer(AuditActor(person.id, person.name, title), person.id, attempt.capacity)


def _signature(attempt: SigningAttempt, claimed: Claim, produced: Produced, now: datetime) -> Signature:
    report = produced.signature
    return Signature(
        decree_id=attempt.decree_id, attempt_id=attempt.id, signer_id=attempt.person_id,
        signer_name=claimed.signer_name, position_title=claimed.capacity_line, capacity=attempt.capacity,
        certificate_serial=report.serial, level=report.level, field_name=report.field_name,
        signed_sha256=produced.sha256, signed_at=produced.signed_at or now)


def _stored(session: Session, decree: Decree, produced: Produced, now: datetime) -> StoredFile:
    frozen = session.scalars(
        select(StoredFile).where(StoredFile.decree_id == decree.id, StoredFile.purpose == "frozen",
                                 StoredFile.sha256 == decree.frozen_sha256)).one()
    return StoredFile(
        decree_id=decree.id, version_no=decree.version_no, purpose="signed", sha256=produced.sha256,
        size=len(produced.pdf), object_key=object_key(decree, "signed", produced.sha256), pages=frozen.pages,
        created_at=now)
