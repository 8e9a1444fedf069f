"""Everything the page of one decree shows: facts, route, history, files and what the viewer may do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session, aliased

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import NotFound
from svc.models import (
    AuditEvent,
    Batch,
    BatchRow,
    Decree,
    DecreeVersion,
    Person,
    Position,
    Preservation,
    RouteVersion,
    Signature,
    StoredFile,
    Task,
    Unit,
)
from svc.roles import is_allowed
from svc.services.access import ensure_can_view
from svc.services.draft_content import PICTURES_OF
from svc.services.files import read_file
from svc.services.kinship import Kin, load_kin
from svc.services.pinned_routes import read_pinned
from svc.services.preservation_state import Standing, standing_of
from svc.services.signature_blocks import NamedSigner, shown_signers
from svc.services.unknown_outcomes import outcome_is_unknown
from svc.services.versions import current_version
from workflows.model import Definition, StepKind

HISTORY_LIMIT = 200
_STATE_OF_OUTCOME = {"approved": "done", "signed": "done", "distributed": "done", "returned": "returned",
                     "rejected": "rejected"}


@dataclass(frozen=True)
class TimelineItem:
    """A step as the timeline macro draws it. ``waited_minutes`` is working time."""

    title: str
    state: str
    who: str = ""
    capacity: str = ""
    at: datetime | None = None
    due_at: datetime | None = None
    waited_minutes: int | None = None
    norm_minutes: int | None = None
    note: str = ""
    mine: bool = False


@dataclass(frozen=True)
class HistoryItem:
    """An audit event as the history shows it."""

    type: str
    at: datetime
    actor_name: str
    actor_capacity: str | None
    reason: str
    hash: str
    waits_for: str  # the position for which a task was opened; empty for all other events


@dataclass(frozen=True)
class VersionItem:
    version_no: int
    created_by: str
    updated_at: datetime
    content_sha256: str
    pdf_sha256: str | None


@dataclass(frozen=True)
class OpenTask:
    task_id: str
    kind: str
    step_title: str
    position_title: str
    position_code: str
    position_id: int
    due_at: datetime
    is_mine: bool


@dataclass(frozen=True)
class SignatureItem:
    signer_name: str
    position_title: str
    level: str
    signed_at: datetime


@dataclass(frozen=True)
class Actions:
    """What the viewer may do now; the services check again."""

    edit: bool
    submit: bool
    withdraw: bool
    discard: bool
    duplicate: bool
    approve: bool
    sign: bool
    follow_signing: bool
    distribute: bool
    give_back: bool
    reject: bool
    reassign: bool
    set_legal_status: bool


@dataclass(frozen=True)
class BatchLink:
    """The batch with which a decree goes its route, and its row there."""

    batch_id: str
    title: str
    row_no: int


@dataclass(frozen=True)
class DecreeView:
    """The decree with all that its page shows."""

    public_id: str
    kind: str
    subject: str
    status: str
    legal_status: str
    legal_note: str | None
    superseded_by: str | None
    medium: str
    source: str
    security: str
    number: str | None
    issued_on: date | None
    verify_code: str
    version_no: int
    lock_version: int
    unit_name: str
    drafter_name: str
    created_at: datetime
    signed_at: datetime | None
    data: dict[str, Any]
    pdf_sha256: str | None
    pdf_purpose: str | None
    open_task: OpenTask | None
    timeline: tuple[TimelineItem, ...]
    versions: tuple[VersionItem, ...]
    history: tuple[HistoryItem, ...]
    signatures: tuple[SignatureItem, ...]
    actions: Actions
    last_return: TimelineItem | None
    signers: tuple[NamedSigner, ...]  # the blocks of the frozen document
    batch: BatchLink | None
    has_left_batch: bool  # it was taken out of one and goes on alone
    kin: Kin  # parent, excerpts and copies
    preservation: Standing | None  # of the signed file
    is_outcome_unknown: bool  # an act of signing on it ended, and nobody knows whether it made a signature

    @property
    def pictures_of(self) -> str:
        """The SHA-256 of the upload of whose pages this document has pictures; empty if it is no such document."""
        return str(self.data.get(PICTURES_OF, "")) if self.source == "upload" else ""

    @property
    def signatures_given(self) -> int:
        """How many of the blocks are signed."""
        return sum(signer.signed_at is not None for signer in self.signers)

    @property
    def next_signer(self) -> NamedSigner | None:
        """Whose turn it is to sign; ``None`` while it is not, or when all have."""
        waiting = (signer for signer in self.signers if signer.signed_at is None)
        return next(waiting, None) if self.status in {"ready_to_sign", "signing"} else None


@dataclass(frozen=True)
class PdfFile:
    data: bytes
    sha256: str
    name: str


def load_decree(deps: Deps, actor: Actor, decree_id: str) -> DecreeView:
    """Load the page. :raises NotFound: no such decree, or the actor may not see it."""
    with deps.db.read_session() as session:
        return _load(session, deps, actor, Decree.public_id == decree_id)


def load_by_task(deps: Deps, actor: Actor, task_id: str) -> DecreeView:
    """The page of the decree that a task belongs to. :raises NotFound: as for ``load_decree``."""
    with deps.db.read_session() as session:
        of_task = select(Task.decree_id).where(Task.public_id == task_id).scalar_subquery()
        return _load(session, deps, actor, Decree.id == of_task)


def load_pdf(deps: Deps, actor: Actor, decree_id: str, sha256: str | None = None) -> PdfFile:
    """The bytes of the current (or, by hash, any stored) file of a decree.

    :raises NotFound: no such file or not for this actor. :raises StorageUnavailable: no answer.
    """
    with deps.db.read_session() as session:
        decree = session.scalars(select(Decree).where(Decree.public_id == decree_id)).one_or_none()
        if decree is None:
            raise NotFound
        ensure_can_view(actor, decree)
        files = session.scalars(
            select(StoredFile).where(StoredFile.decree_id == decree.id).order_by(StoredFile.id)).all()
        wanted = sha256 or decree.signed_sha256 or decree.frozen_sha256 or current_version(session, decree).pdf_sha256
        chosen = next((file for file in reversed(files) if file.sha256 == wanted), None)
        if chosen is None:
            raise NotFound
        name = (decree.number or f"konsep-{decree.public_id[:6]}").replace("/", "-")
    return PdfFile(read_file(deps, chosen.object_key, chosen.sha256), chosen.sha256, f"{name}.pdf")


def _load(session: Session, deps: Deps, actor: Actor, which: Any) -> DecreeView:
    later = aliased(Decree)
    row = session.execute(
        select(Decree, Unit.name, Person.name, RouteVersion.source, later.number, Batch.public_id, Batch.title,
               BatchRow.row_no, Preservation)
        .join(Unit, Unit.id == Decree.unit_id)
        .join(Person, Person.id == Decree.drafter_id)
        .outerjoin(RouteVersion, RouteVersion.sha256 == Decree.route_sha256)
        .outerjoin(later, later.id == Decree.superseded_by_id)
        .outerjoin(Batch, Batch.id == Decree.batch_id)
        .outerjoin(BatchRow, BatchRow.decree_id == Decree.id)
        .outerjoin(Preservation, Preservation.decree_id == Decree.id)
        .where(which)).one_or_none()
    if row is None:
        raise NotFound
    decree: Decree = row[0]
    ensure_can_view(actor, decree)
    is_pinned = row[3] is not None and decree.route_sha256 is not None
    definition = read_pinned(row[3], decree.route_sha256 or "") if is_pinned else deps.routes.get(decree.route_id)
    tasks = _tasks(session, decree.id)
    files = session.scalars(
        select(StoredFile).where(StoredFile.decree_id == decree.id).order_by(StoredFile.id)).all()
    versions = _versions(session, decree.id)
    current = versions[-1][0] if versions else None
    file = _current_file(decree, files, current.pdf_sha256 if current else None)
    signers = shown_signers(session, decree.id) if decree.frozen_sha256 else ()
    open_task = _open_task(tasks, actor)
    timeline = _timeline(deps, decree, row[2], definition, tasks, actor)
    return DecreeView(
        public_id=decree.public_id, kind=decree.kind, subject=decree.subject, status=decree.status,
        legal_status=decree.legal_status, legal_note=decree.legal_note, superseded_by=row[4],
        medium=decree.medium, source=decree.source, security=decree.security, number=decree.number,
        issued_on=decree.issued_on, verify_code=decree.verify_code, version_no=decree.version_no,
        lock_version=decree.lock_version, unit_name=row[1], drafter_name=row[2], created_at=decree.created_at,
        signed_at=decree.signed_at, data=current.data if current else {},
        pdf_sha256=file.sha256 if file else None, pdf_purpose=file.purpose if file else None,
        open_task=open_task, timeline=timeline,
        versions=tuple(VersionItem(v.version_no, name, v.updated_at, v.content_sha256, v.pdf_sha256)
                       for v, name in reversed(versions)),
        history=_history(session, decree.id, tasks), signatures=_signatures(session, decree.id),
        actions=_actions(decree, actor, open_task, is_signed=any(one.signed_at for one in signers),
                         is_written=decree.parent_id is None),
        last_return=_last_return(timeline, tasks), signers=signers,
        batch=BatchLink(row[5], row[6], row[7] or 0) if row[5] else None,
        has_left_batch=row[5] is None and row[7] is not None,
        kin=load_kin(session, deps, actor, decree, len(current.data.get("lampiran", ())) if current else 0),
        preservation=standing_of(row[8]), is_outcome_unknown=decree.status == "signing" and bool(session.scalar(
            select(outcome_is_unknown()).where(Decree.id == decree.id))))


def _current_file(decree: Decree, files: Sequence[StoredFile], draft_sha256: str | None) -> StoredFile | None:
    wanted = decree.signed_sha256 or decree.frozen_sha256 or draft_sha256
    return next((file for file in reversed(files) if file.sha256 == wanted), None)


def _tasks(session: Session, decree_id: int) -> Sequence[Row[*tuple[Any, ...]]]:
    return session.execute(
        select(Task, Position.title, Position, Person.name)
        .join(Position, Position.id == Task.assignee_id)
        .outerjoin(Person, Person.id == Task.done_by_id)
        .where(Task.decree_id == decree_id).order_by(Task.id)).all()


def _versions(session: Session, decree_id: int) -> list[tuple[DecreeVersion, str]]:
    rows = session.execute(
        select(DecreeVersion, Person.name).join(Person, Person.id == DecreeVersion.created_by_id)
        .where(DecreeVersion.decree_id == decree_id).order_by(DecreeVersion.version_no))
    return [(version, name) for version, name in rows]


def _history(session: Session, decree_id: int,
             tasks: Sequence[Row[*tuple[Any, ...]]]) -> tuple[HistoryItem, ...]:
    titles = {position.id: title for _, title, position, _ in tasks}
    rows = session.scalars(
        select(AuditEvent).where(AuditEvent.decree_id == decree_id)
        .order_by(AuditEvent.id.desc()).limit(HISTORY_LIMIT))
    return tuple(HistoryItem(row.type, row.at, row.actor_name, row.actor_capacity,
                             str(row.payload.get("reason") or ""), row.hash,
                             titles.get(row.payload.get("position_id"), "") if row.type == "task_opened" else "")
                 for row in rows)


def _signatures(session: Session, decree_id: int) -> tuple[SignatureItem, ...]:
    rows = session.scalars(select(Signature).where(Signature.decree_id == decree_id).order_by(Signature.id))
    return tuple(SignatureItem(s.signer_name, s.position_title, s.level, s.signed_at) for s in rows)


def _open_task(tasks: Sequence[Row[*tuple[Any, ...]]], actor: Actor) -> OpenTask | None:
    for task, title, position, _ in tasks:
        if task.status == "open":
            return OpenTask(task.public_id, task.kind, task.step_title, title, position.code, position.id,
                            task.due_at, position.id in actor.position_ids)
    return None


def _timeline(deps: Deps, decree: Decree, drafter: str, definition: Definition | None,
              tasks: Sequence[Row[*tuple[Any, ...]]], actor: Actor) -> tuple[TimelineItem, ...]:
    items = [TimelineItem("Konsep", "done", drafter, at=decree.created_at,
                          mine=decree.drafter_id == actor.person_id)]
    last_step = -1
    for task, title, position, person in tasks:
        if task.kind == "sign" and decree.number and not any(item.note == decree.number for item in items):
            items.append(TimelineItem("Penomoran", "done", at=task.opened_at, note=decree.number))
        items.append(_task_item(deps, task, title, person, is_mine=position.id in actor.position_ids))
        last_step = task.step_index if task.outcome not in {"returned", "withdrawn"} else -1
    if definition is None or decree.status in {"rejected", "discarded", "issued"}:
        return tuple(items)
    for index, step in enumerate(definition.steps):
        if index > last_step:
            is_done = step.kind is StepKind.NUMBER and decree.number is not None
            items.append(TimelineItem(step.title, "done" if is_done else "upcoming",
                                      norm_minutes=step.norm_minutes))
    return tuple(items)


def _last_return(timeline: Sequence[TimelineItem], tasks: Sequence[Row[*tuple[Any, ...]]]) -> TimelineItem | None:
    """The return that the drafter still has to answer: nothing happened to a task after it."""
    if not tasks or tasks[-1][0].outcome != "returned":
        return None
    return next(item for item in reversed(timeline) if item.state == "returned")


def _task_item(deps: Deps, task: Task, title: str, person: str | None, *, is_mine: bool) -> TimelineItem:
    end = task.done_at or deps.clock.now()
    waited = deps.calendar.working_minutes_between(task.opened_at, end)
    if task.status == "open":
        return TimelineItem(task.step_title, "current", title, at=None, due_at=task.due_at,
                            waited_minutes=waited, norm_minutes=task.norm_minutes, mine=is_mine)
    return TimelineItem(
        task.step_title, _STATE_OF_OUTCOME.get(task.outcome or "", "void"), person or title,
        capacity=title if person else "", at=task.done_at, waited_minutes=waited,
        norm_minutes=task.norm_minutes, note=task.note or "")


def _actions(decree: Decree, actor: Actor, task: OpenTask | None, *, is_signed: bool, is_written: bool) -> Actions:
    """``is_signed``: a signature stands on it, so that nothing but the next one or a refusal is left.
    ``is_written``: by its drafter, not made from another decree."""
    is_drafter = decree.drafter_id == actor.person_id
    is_draft = decree.status == "draft"
    mine = task is not None and task.is_mine
    kind = task.kind if task else ""
    if decree.batch_id is not None and not (mine and kind == "distribute"):
        mine = is_drafter = False  # it goes its route with its batch
    in_flow = decree.status in {"in_review", "ready_to_sign"} and decree.batch_id is None
    return Actions(
        edit=is_drafter and is_draft and is_written, submit=is_drafter and is_draft,
        withdraw=is_drafter and in_flow and not is_signed,
        discard=is_drafter and is_draft,
        duplicate=is_allowed("decree.draft", actor.roles) and decree.source == "template" and is_written,
        approve=mine and kind == "paraf", sign=mine and kind == "sign" and decree.status == "ready_to_sign",
        follow_signing=mine and kind == "sign" and decree.status == "signing",
        distribute=mine and kind == "distribute", give_back=mine and in_flow and not is_signed,
        reject=mine and in_flow,
        reassign=in_flow and not is_signed and (mine or is_allowed("admin.people", actor.roles)),
        set_legal_status=decree.status == "issued" and is_allowed("decree.legal_status", actor.roles))
