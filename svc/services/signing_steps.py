"""The steps of one act of signing, each safe to be the last one before a crash.

``claim`` (transaction) → ``produce`` (no transaction) → ``keep`` (object, then transaction) → ``finalise``
(transaction), or ``release`` (transaction) when nothing was signed. ``svc.services.signing`` puts them
together; ``recover`` there takes over whatever a crash left between two of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from certs.authorisation import Authorisation
from certs.validation import SignatureReport
from svc import failpoints
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
    DecreeSigner,
    Person,
    Position,
    Signature,
    SigningAttempt,
    StoredFile,
    Task,
    Unit,
)
from svc.roles import is_allowed
from svc.services import authorisations, numbering, rendition
from svc.services.access import ensure_can_view
from svc.services.audit_log import AuditActor, record_decree
from svc.services.files import object_key, put_pdf, retention_of, signature_boxes
from svc.services.flow import (
    Doer,
    Flow,
    doer_of,
    ensure_alone,
    ensure_seen,
    load_flow,
    lock_by_task,
    run_command,
    to_workflow,
)
from svc.services.gathering import add_row
from svc.services.orgchart import CAPACITY_PREFIX
from svc.services.parents import ensure_in_force
from svc.services.preservation import keep_provable
from svc.services.preservation_state import FileToKeep
from svc.services.result_words import pending
from svc.services.signing_errors import NamedOtherwise, ProofPending, Unknown
from svc.services.signing_keys import WHOLE_DOCUMENTS, OpenedSigner
from workflows.model import ClaimSigning, RecordSigned, ReleaseSigning


@dataclass(frozen=True)
class Claim:
    """A claimed act of signing: what is to be signed, by whom, and where the widget lies.

    It is signature ``ordinal`` of ``total`` on the document. ``authorisation`` is what the signer allowed; a
    process that only recovers the act has none.
    """

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
    ordinal: int
    total: int
    further_boxes: tuple[tuple[int, float, float, float, float], ...] = ()
    earlier_serials: tuple[int, ...] = ()
    authorisation: Authorisation | None = None
    verify_url: str = ""


def capacity_line(position: Position, capacity: str) -> str:
    """How the signer signs: ``Plt. KEPALA DINAS … a.n. GUBERNUR …``."""
    line = f"{CAPACITY_PREFIX.get(capacity, '')}{position.title.upper()} {position.on_behalf_of or ''}"
    return line.strip()[:300]


def ensure_may_sign(session: Session, deps: Deps, actor: Actor, decree: Decree, flow: Flow) -> HeldPosition:
    """The actor's position on which the open sign task waits, and nothing printed that would be untrue.

    :raises NotYourTask: :raises Forbidden: not his task, or no position that signs
    :raises NamedOtherwise: the frozen document names somebody else
    :raises DocumentChanged: the printed date is not today (once somebody has signed, it stays what it is)
    :raises svc.services.parents.ParentRevoked: what it is made from is in force no more
    """
    ensure_can_view(actor, decree)
    task = flow.snapshot.open_task
    held = next((one for one in actor.held if task is not None and one.position_id == task.position_id), None)
    if held is None:
        raise NotYourTask
    if not is_allowed("task.sign", held.roles):
        raise Forbidden
    ensure_in_force(session, deps, decree.kind, decree.parent_id)
    if (decree.signer_id, decree.signer_capacity) != (actor.person_id, held.capacity):
        raise NamedOtherwise
    if not flow.snapshot.signatures and decree.issued_on != numbering.local_day(deps, deps.clock.now()):
        raise DocumentChanged
    return held


def claim(deps: Deps, actor: Actor, task_id: str, seen_version: int, frozen_sha256: str,
          opened: OpenedSigner) -> Claim:
    """Claim the decree for this act and write down what the signer authorises: from here on nobody else can
    sign, return or withdraw it.

    :raises StaleTask: :raises DocumentChanged: the page showed something else
    :raises NotYourTask: :raises SelfApproval: :raises CapacityForbidden: :raises Conflict: refused
    """
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        decree = lock_by_task(session, task_id)
        ensure_can_view(actor, decree)
        ensure_alone(decree)
        ensure_seen(session, decree, seen_version)
        flow = load_flow(session, deps, decree)
        held = ensure_may_sign(session, deps, actor, decree, flow)
        credential = ensure_active(session, opened.credential_id)
        row_id, authorisation = authorisations.give(session, actor, credential, [frozen_sha256], opened.factors, now)
        task = session.scalars(select(Task).where(Task.public_id == task_id)).one()
        run_command(session, deps, flow, ClaimSigning(to_workflow(actor), seen_version, frozen_sha256),
                    doer_of(actor, held.position_id))
        attempt = SigningAttempt(
            decree_id=decree.id, task_id=task.id, sha256=frozen_sha256, credential_id=credential.id,
            authorisation_id=row_id,
            person_id=actor.person_id, position_id=held.position_id, capacity=held.capacity, claimed_at=now)
        session.add(attempt)
        session.flush()
        if opened.recorder is not None:
            opened.recorder.attempt_id = attempt.id
        return replace(_claim_of(session, deps, decree, attempt), authorisation=authorisation)


@dataclass(frozen=True)
class Produced:
    """Signed bytes that were validated, with the report on the new signature."""

    pdf: bytes
    sha256: str
    signature: SignatureReport

    @property
    def signed_at(self) -> datetime | None:
        """The proven time, else the claimed one."""
        return self.signature.timestamp_at or self.signature.claimed_at


LOST = "outcome_lost"  # the code of an unknown act of which nothing can be found or asked for any more
_MAY_END_WELL = frozenset({"claimed", "produced", "unknown"})


def keep(deps: Deps, claimed: Claim, signed: bytes) -> str:
    """Store the signed bytes, then note that they are there; returns their SHA-256.

    :raises StorageUnavailable: :raises IntegrityViolation: not stored
    :raises SigningFailed: the claim was released meanwhile; nothing is stored then
    """
    sha256 = sha256_of(signed)
    with deps.db.read_session() as session:
        if session.scalar(select(SigningAttempt.state).where(
                SigningAttempt.public_id == claimed.attempt_id)) not in _MAY_END_WELL:
            raise SigningFailed
    put_pdf(deps, signed_key(claimed.decree_id, sha256), signed,
            retain_until=retention_of(deps, "signed", deps.clock.now()))
    failpoints.reach("signing.kept")
    mark_produced(deps, claimed, sha256)
    return sha256


def mark_produced(deps: Deps, claimed: Claim, sha256: str) -> None:
    """Note which bytes came of an attempt; twice is fine. :raises SigningFailed: it was released meanwhile"""
    with deps.db.unit_of_work() as session:
        attempt = _locked_attempt(session, claimed.attempt_id)
        if attempt.state == "produced" and attempt.signed_sha256 == sha256:
            return
        if attempt.state not in {"claimed", "unknown"}:
            raise SigningFailed
        attempt.state, attempt.signed_sha256 = "produced", sha256


def mark_unknown(deps: Deps, attempt_id: str, reference: str = "") -> None:
    """Note that the request left and no answer came. Only the signer's new act or ``reconcile`` ends this state."""
    with deps.db.unit_of_work() as session:
        attempt = _locked_attempt(session, attempt_id)
        if attempt.state != "claimed":
            return
        attempt.state, attempt.error_code = "unknown", Unknown.code
        attempt.reference = reference[:200] or None
        decree = session.get_one(Decree, attempt.decree_id)
        record_decree(session, decree, "signing_outcome_unknown", doer_of_attempt(session, attempt).audit,
                      deps.clock.now(), {"attempt": attempt_id})


def mark_lost(deps: Deps, attempt_id: str) -> None:
    """Note that whoever might have the result of an unknown act was asked, and has it no more."""
    with deps.db.unit_of_work() as session:
        attempt = _locked_attempt(session, attempt_id)
        if attempt.state == "unknown":
            attempt.error_code = LOST


def mark_pending(deps: Deps, attempt_id: str, error: ProofPending) -> None:
    """Note on an open act why what was made cannot be proven yet."""
    with deps.db.unit_of_work() as session:
        attempt = _locked_attempt(session, attempt_id)
        if attempt.state in _MAY_END_WELL:
            attempt.error_code = f"{ProofPending.code}:{error.params['why']}"[:60]


def pending_reason(attempt: SigningAttempt) -> ProofPending | None:
    """What :func:`mark_pending` noted."""
    kind, _, why = (attempt.error_code or "").partition(":")
    return ProofPending(pending(why), params={"why": why}) if kind == ProofPending.code else None


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
        run_command(session, deps, flow, RecordSigned(produced.sha256), doer_of_attempt(session, attempt))
        attempt.state, attempt.error_code, attempt.finished_at = "done", None, now
        frozen = session.scalars(
            select(StoredFile).where(StoredFile.decree_id == decree.id, StoredFile.purpose == "frozen")
            .order_by(StoredFile.id.desc()).limit(1)).one()
        write_signature(session, attempt, claimed, produced, frozen, now)
        learn_certificate(session, attempt.credential_id, produced)
        if decree.signed_sha256 == produced.sha256:
            keep_provable(session, file_to_keep(decree, produced), now, decree_id=decree.id)


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


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def signed_key(decree_id: str, sha256: str) -> str:
    return f"{signed_prefix(decree_id)}{sha256}.pdf"


def signed_prefix(decree_id: str) -> str:
    """Where the signed bytes of a decree lie, those of unfinished attempts included."""
    return f"decrees/{decree_id}/signed/"


def _claim_of(session: Session, deps: Deps, decree: Decree, attempt: SigningAttempt) -> Claim:
    file = session.scalars(
        select(StoredFile).where(StoredFile.decree_id == decree.id, StoredFile.purpose == "frozen",
                                 StoredFile.sha256 == attempt.sha256)).one_or_none()
    ordinal, total = _place_in_line(session, decree)
    boxes = signature_boxes(file) if file is not None else ()
    if file is None or len(boxes) < ordinal:
        raise IntegrityViolation
    position = session.get_one(Position, attempt.position_id)
    return Claim(
        attempt_id=attempt.public_id, decree_id=decree.public_id, frozen_sha256=attempt.sha256,
        frozen_key=file.object_key, box=boxes[ordinal - 1],
        signer_name=session.get_one(Person, attempt.person_id).name,
        capacity_line=capacity_line(position, attempt.capacity),
        title=rendition.kind_of(deps, decree.kind).title, number=decree.number or "",
        place=place_of_signing(session, decree.agency_id), ordinal=ordinal,
        total=total, further_boxes=boxes[1:total] if ordinal == 1 else (),
        earlier_serials=tuple(int(serial, 16) for serial in session.scalars(
            select(Signature.certificate_serial).where(Signature.decree_id == decree.id).order_by(Signature.id))),
        verify_url=rendition.verify_url(deps, decree))


def place_of_signing(session: Session, agency_id: int) -> str:
    """Where documents of an agency are signed, as the signature states it."""
    agency = session.get_one(Unit, agency_id)
    return agency.place or session.scalar(select(Unit.place).where(Unit.parent_id.is_(None))) or ""


def _place_in_line(session: Session, decree: Decree) -> tuple[int, int]:
    """Which signature on the document is next, of how many."""
    blocks = session.scalars(
        select(DecreeSigner).where(DecreeSigner.decree_id == decree.id).order_by(DecreeSigner.ordinal)).all()
    given = sum(1 for block in blocks if block.signed_at is not None)
    return (given + 1, max(len(blocks), 1))


def ensure_active(session: Session, credential_id: int) -> Credential:
    """The credential, locked. :raises CredentialUnusable: revoked or replaced since the key was opened"""
    credential = session.scalars(
        select(Credential).where(Credential.id == credential_id).with_for_update()).one()
    if credential.status != "active":
        raise CredentialUnusable
    return credential


def learn_certificate(session: Session, credential_id: int, produced: Produced) -> None:
    """BSrE tells a signer's certificate only with his signature: what is listed is what signed last."""
    credential = session.get_one(Credential, credential_id)
    if credential.backend in WHOLE_DOCUMENTS:
        report = produced.signature
        credential.serial, credential.issuer = report.serial, report.issuer[:300]
        credential.valid_from, credential.valid_to = report.valid_from, report.valid_to


def _locked_attempt(session: Session, attempt_id: str) -> SigningAttempt:
    """The attempt with its decree's row locked first, in the order in which everybody locks."""
    of_attempt = select(SigningAttempt.decree_id).where(SigningAttempt.public_id == attempt_id).scalar_subquery()
    session.scalars(select(Decree).where(Decree.id == of_attempt).with_for_update()).one()
    return session.scalars(
        select(SigningAttempt).where(SigningAttempt.public_id == attempt_id).with_for_update()).one()


def doer_of_attempt(session: Session, attempt: SigningAttempt) -> Doer:
    """The signer in the capacity in which he signs."""
    person = session.get_one(Person, attempt.person_id)
    position = session.get_one(Position, attempt.position_id)
    title = f"{CAPACITY_PREFIX.get(attempt.capacity, '')}{position.title}"
    return Doer(AuditActor(person.id, person.name, title), person.id, attempt.capacity)


def write_signature(session: Session, attempt: SigningAttempt, claimed: Claim, produced: Produced,
                    frozen: StoredFile, now: datetime) -> None:
    """The rows of a signature that was validated and of the file that bears it; one that waits for further signatures
    is what is frozen now. ``frozen`` is the row of the file that was signed."""
    report = produced.signature
    decree = session.get_one(Decree, attempt.decree_id)
    is_last = decree.signed_sha256 == produced.sha256
    add_row(session, Signature, {
        "decree_id": attempt.decree_id, "attempt_id": attempt.id, "signer_id": attempt.person_id,
        "signer_name": claimed.signer_name, "position_title": claimed.capacity_line, "capacity": attempt.capacity,
        "certificate_serial": report.serial, "level": report.level, "field_name": report.field_name,
        "signed_sha256": produced.sha256, "signed_at": produced.signed_at or now})
    add_row(session, StoredFile, {
        "decree_id": decree.id, "version_no": decree.version_no, "purpose": "signed" if is_last else "frozen",
        "sha256": produced.sha256, "size": len(produced.pdf),
        "object_key": object_key(decree, "signed", produced.sha256), "pages": frozen.pages,
        "signature_box": None if is_last else frozen.signature_box, "created_at": now})


def file_to_keep(decree: Decree, produced: Produced) -> FileToKeep:
    """The signed file as it is to be kept provable."""
    return FileToKeep(produced.sha256, len(produced.pdf), object_key(decree, "signed", produced.sha256),
                      produced.signature.level)
