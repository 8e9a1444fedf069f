"""From events of the engine to rows: one place where a decree's state changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, select, update
from sqlalchemy.orm import Session

from svc import errors
from svc.actors import Actor
from svc.deps import Deps
from svc.models import AuditEvent, Decree, DecreeSigner, DecreeVersion, Paraf, RouteVersion, Task
from svc.services import numbering, parents, rendition, signature_blocks
from svc.services.audit_log import AuditActor, record_decree
from svc.services.flow_notices import notify_about
from svc.services.gathering import add_row
from svc.services.outbox import enqueue
from svc.services.pinned_routes import read_pinned
from workflows import model as m
from workflows.engine import decide, evolve
from workflows.errors import (
    AlreadySigned,
    CapacityForbidden,
    DocumentChanged,
    InvalidDefinition,
    NotAllowedNow,
    NotYourTask,
    ReasonRequired,
    SameSigner,
    SelfApproval,
    StaleTask,
    UnknownAssignee,
)

_VOID_OUTCOMES = {"withdrawn", "reassigned"}
_SIMPLE = {
    NotYourTask: errors.NotYourTask, SelfApproval: errors.SelfApproval, NotAllowedNow: errors.Conflict,
    CapacityForbidden: errors.CapacityForbidden, DocumentChanged: errors.DocumentChanged,
    UnknownAssignee: errors.RouteUnusable, InvalidDefinition: errors.RouteUnusable,
    SameSigner: errors.SameSigner, AlreadySigned: errors.AlreadySigned,
}


@dataclass(frozen=True)
class Flow:
    """A decree, locked, with what the engine needs."""

    decree: Decree
    version: DecreeVersion
    definition: m.Definition
    snapshot: m.Snapshot
    blocks: tuple[DecreeSigner, ...] = ()
    task: Task | None = None  # the open one when it was loaded: held, so that it is not fetched again


@dataclass(frozen=True)
class Doer:
    """Who causes events: for the audit chain, and for tasks closed and paraf given."""

    audit: AuditActor
    person_id: int | None
    capacity: str | None = None

    @classmethod
    def system(cls) -> Doer:
        return cls(AuditActor.system(), None)


def to_workflow(actor: Actor) -> m.Actor:
    """The actor as the engine knows him."""
    return m.Actor(actor.person_id, actor.name, tuple(
        m.Capacity(held.position_id, held.code, m.CapacityKind(held.capacity)) for held in actor.held))


def doer_of(actor: Actor, position_id: int | None = None) -> Doer:
    """The actor in the capacity in which he acts on a position (else in the one he has chosen)."""
    held = next((one for one in actor.held if one.position_id == position_id), actor.acting_as)
    title = held.display_title if held else None
    return Doer(AuditActor(actor.person_id, actor.name, title, actor.channel), actor.person_id,
                held.capacity if held else None)


def lock_decree(session: Session, public_id: str) -> Decree:
    """The decree's row, locked until the transaction ends. :raises errors.NotFound: there is none."""
    decree = session.scalars(select(Decree).where(Decree.public_id == public_id).with_for_update()).one_or_none()
    if decree is None:
        raise errors.NotFound
    return decree


def lock_by_task(session: Session, task_public_id: str) -> Decree:
    """The decree of a task, locked. :raises errors.NotFound: there is no such task."""
    of_task = select(Task.decree_id).where(Task.public_id == task_public_id).scalar_subquery()
    decree = session.scalars(select(Decree).where(Decree.id == of_task).with_for_update()).one_or_none()
    if decree is None:
        raise errors.NotFound
    return decree


def load_flow(session: Session, deps: Deps, decree: Decree) -> Flow:
    """Definition (as pinned, or today's for a draft), current version, signature blocks and snapshot."""
    return load_flows(session, deps, [decree])[0]


def load_flows(session: Session, deps: Deps, decrees: Sequence[Decree]) -> list[Flow]:
    """The same for many decrees, in their order, in as many statements as for one."""
    ids = [decree.id for decree in decrees]
    versions = {row.decree_id: row for row in session.scalars(
        select(DecreeVersion).join(Decree, and_(Decree.id == DecreeVersion.decree_id,
                                                Decree.version_no == DecreeVersion.version_no))
        .where(DecreeVersion.decree_id.in_(ids)))}
    tasks = _open_tasks(session, ids)
    parafs, blocks = defaultdict[int, list[m.Paraf]](list), defaultdict[int, list[DecreeSigner]](list)
    for paraf in session.execute(
            select(Paraf.decree_id, Paraf.step_id, Paraf.person_id, Paraf.position_id, Paraf.version_no,
                   Paraf.content_sha256).where(Paraf.decree_id.in_(ids), Paraf.voided_at.is_(None))):
        parafs[paraf[0]].append(m.Paraf(*paraf[1:]))
    for block in session.scalars(
            select(DecreeSigner).where(DecreeSigner.decree_id.in_(ids)).order_by(DecreeSigner.ordinal)):
        blocks[block.decree_id].append(block)
    definitions: dict[tuple[str, str | None], m.Definition] = {}
    flows = []
    for decree in decrees:
        route = (decree.route_id, None if _is_free(decree) else decree.route_sha256)
        if route not in definitions:
            definitions[route] = _definition_of(session, deps, decree)
        flows.append(_flow(deps, decree, versions[decree.id], definitions[route], tasks.get(decree.id),
                           parafs[decree.id], tuple(blocks[decree.id])))
    return flows


def follow_up(session: Session, deps: Deps, flows: Sequence[Flow]) -> list[Flow]:
    """Flows as they are after commands of this transaction that touched neither versions nor parafs."""
    tasks = _open_tasks(session, [flow.decree.id for flow in flows])
    return [_flow(deps, flow.decree, flow.version, flow.definition, tasks.get(flow.decree.id), flow.snapshot.parafs,
                  flow.blocks) for flow in flows]


def _open_tasks(session: Session, decree_ids: Sequence[int]) -> dict[int, Task]:
    return {row.decree_id: row for row in session.scalars(
        select(Task).where(Task.decree_id.in_(decree_ids), Task.status == "open"))}


def _flow(deps: Deps, decree: Decree, version: DecreeVersion, definition: m.Definition, task: Task | None,
          parafs: Sequence[m.Paraf], blocks: tuple[DecreeSigner, ...]) -> Flow:
    forbidden = frozenset(m.CapacityKind(name) for name in rendition.kind_of(deps, decree.kind).forbidden_capacities)
    snapshot = m.Snapshot(
        status=m.DecreeStatus(decree.status), version_no=decree.version_no, content_sha256=version.content_sha256,
        drafter_id=decree.drafter_id,
        assignments=tuple(m.Assignment(step, position) for step, position in decree.assignments or ()),
        open_task=m.Task(task.id, task.step_index, task.assignee_id, decree.lock_version) if task else None,
        parafs=tuple(parafs),
        number=decree.number, frozen_sha256=decree.frozen_sha256, forbidden_capacities=forbidden,
        signatures=signature_blocks.given_signatures(blocks, definition),
        signing_by=decree.signer_id if decree.status == "signing" else None)
    return Flow(decree, version, definition, snapshot, blocks, task)


def run_command(session: Session, deps: Deps, flow: Flow, command: m.Command, doer: Doer, note: str = "") -> Flow:
    """Decide and apply: the whole of a command inside the caller's transaction.

    :raises svc.errors.AppError: the command is refused; the caller's transaction must be rolled back
    """
    now = deps.clock.now()
    with refusals_of(session, flow.decree, command):
        events = decide(flow.definition, flow.snapshot, command, now)
    return apply_events(session, deps, flow, events, doer, note)


def apply_events(session: Session, deps: Deps, flow: Flow, events: Sequence[m.Event], doer: Doer,
                 note: str = "") -> Flow:
    """Write rows, audit events and notices for the events, and for those that follow from a number taken."""
    queue, snapshot = list(events), flow.snapshot
    flow.decree.lock_version += 1
    while queue:
        event = queue.pop(0)
        if isinstance(event, m.TaskOpened):
            session.flush()  # the partial unique index allows one open task: close before the next opens
        apply_event(session, deps, replace(flow, snapshot=snapshot), event, doer, note)
        snapshot = evolve(flow.definition, snapshot, event, task_id=_opened(session, flow, event),
                          version=flow.decree.lock_version)
        notify_about(session, deps, flow.decree, event, deps.clock.now())
        if flow.decree.batch_id is not None and isinstance(event, m.Signed | m.SigningReleased):
            # Found out by itself, perhaps after its batch had ended.
            enqueue(session, "batch_receipt", {"batch_id": flow.decree.batch_id}, deps.clock.now())
        if isinstance(event, m.Signed):
            numbering.mark_used(session, [flow.decree.id])
        if isinstance(event, m.NumberRequired):
            queue.extend(_take_number(session, deps, replace(flow, snapshot=snapshot), deps.clock.now()))
    session.flush()
    return replace(flow, snapshot=snapshot)


def _opened(session: Session, flow: Flow, event: m.Event) -> int:
    """The id of the task that an event opened; 0 for all others."""
    if not isinstance(event, m.TaskOpened):
        return 0
    return session.scalars(select(Task.id).where(Task.decree_id == flow.decree.id, Task.status == "open")).one()


def apply_event(session: Session, deps: Deps, flow: Flow, event: m.Event, doer: Doer, note: str = "") -> None:
    """Write the rows and the audit event of one event.

    The caller has raised ``lock_version`` once for the command, tells people, marks the number of a signed decree
    as used, and flushes between a task that closes and one that opens.
    """
    decree, now = flow.decree, deps.clock.now()
    decree.updated_at = now
    _apply(session, deps, flow, event, doer, note)
    decree.status = evolve(flow.definition, flow.snapshot, event).status.value
    payload = {**_payload(event), "lock_version": decree.lock_version}
    record_decree(session, decree, event.type, doer.audit, now, payload)


@contextmanager
def refusals_of(session: Session, decree: Decree, command: object) -> Iterator[None]:
    """Turn the engine's refusals into the user's errors."""
    try:
        yield
    except StaleTask as error:
        raise stale(session, decree, getattr(command, "seen_version", 0)) from error
    except ReasonRequired as error:
        raise errors.InvalidInput(fields={"reason": "Alasan wajib diisi."}) from error
    except tuple(_SIMPLE) as error:
        raise _SIMPLE[type(error)]() from error


def ensure_seen(session: Session, decree: Decree, seen_version: int) -> None:
    """:raises errors.StaleTask: the page was made from another version of the decree."""
    if decree.lock_version != seen_version:
        raise stale(session, decree, seen_version)


def ensure_alone(decree: Decree) -> None:
    """:raises errors.PartOfBatch: it goes its route with others, and commands are given to all of them"""
    if decree.batch_id is not None:
        raise errors.PartOfBatch


def stale(session: Session, decree: Decree, seen_version: int) -> errors.StaleTask:
    """The error with what happened since ``seen_version``."""
    rows = session.scalars(
        select(AuditEvent).where(AuditEvent.decree_id == decree.id).order_by(AuditEvent.seq.desc()).limit(50))
    since = [row for row in rows if int(row.payload.get("lock_version", 0)) > seen_version]
    return errors.StaleTask(
        tuple(errors.Change(row.type, row.at, row.actor_name, str(row.payload.get("reason") or ""))
              for row in reversed(since)), decree.public_id)


def _is_free(decree: Decree) -> bool:
    """Whether the decree takes today's route when it is submitted; the rows of a batch take that of the batch."""
    return decree.route_sha256 is None or (decree.status == "draft" and decree.batch_id is None)


def _definition_of(session: Session, deps: Deps, decree: Decree) -> m.Definition:
    if _is_free(decree):
        definition = deps.routes.get(decree.route_id)
        if definition is None:
            raise errors.RouteUnusable
        return definition
    source = session.scalar(select(RouteVersion.source).where(RouteVersion.sha256 == decree.route_sha256))
    if source is None:
        raise errors.RouteUnusable
    return read_pinned(source, decree.route_sha256 or "")


def _take_number(session: Session, deps: Deps, flow: Flow, now: datetime) -> Sequence[m.Event]:
    kind = rendition.kind_of(deps, flow.decree.kind)
    parents.ensure_in_force(session, deps, kind.id, flow.decree.parent_id)
    entry = numbering.take_number(session, deps, flow.decree, kind, now)
    frozen = rendition.freeze(session, deps, flow.decree, flow.version, flow.definition, entry.formatted, now)
    snapshot = replace(flow.snapshot, number=entry.formatted)
    return decide(flow.definition, snapshot, m.RecordNumber(entry.formatted, frozen), now)


def _apply(session: Session, deps: Deps, flow: Flow, event: m.Event, doer: Doer, note: str) -> None:
    """Change the rows for one event."""
    decree, now = flow.decree, deps.clock.now()
    match event:
        case m.Submitted():
            decree.assignments = [[a.step_index, a.position_id] for a in event.assignments]
            decree.submitted_at = decree.submitted_at or now
        case m.TaskOpened():
            _open_task(session, deps, flow, event, now)
        case m.TaskClosed():
            _close_task(session, flow, event, doer, note, now)
        case m.ParafGiven():
            _add_paraf(session, flow, event, now)
        case m.ParafVoided():
            session.execute(
                update(Paraf).where(Paraf.decree_id == decree.id, Paraf.version_no == event.version_no,
                                    Paraf.voided_at.is_(None)).values(voided_at=now))
        case m.NumberAssigned():
            decree.number, decree.frozen_sha256 = event.number, event.frozen_sha256
            decree.search_text = _with_number(decree, event.number)
        case m.DocumentRefrozen():
            decree.number, decree.frozen_sha256 = event.number or decree.number, event.frozen_sha256
            decree.search_text = _with_number(decree, decree.number or "")
        case m.TaskReassigned():
            step = flow.snapshot.open_task.step_index if flow.snapshot.open_task else -1
            decree.assignments = [[i, event.to_position_id if i == step else p] for i, p in decree.assignments]
            signature_blocks.hand_over(session, decree, event.from_position_id, event.to_position_id)
        case _:
            _end(session, flow, event, doer, now)


def _end(session: Session, flow: Flow, event: m.Event, doer: Doer, now: datetime) -> None:
    decree = flow.decree
    match event:
        case m.Returned() | m.Withdrawn():
            decree.frozen_sha256, decree.issued_on = None, None
            signature_blocks.forget_signers(session, decree)
        case m.SigningClaimed():
            if (decree.signer_id, decree.signer_capacity) != (event.person_id, event.capacity.value):
                raise errors.DocumentChanged  # the document bears another name
            signature_blocks.ensure_all_named(flow.blocks)
        case m.Rejected() | m.Discarded():
            decree.closed_at = now
            numbering.void_number(session, decree, event.reason, doer.audit, now)
        case m.PartlySigned():
            decree.frozen_sha256 = event.signed_sha256
            signature_blocks.record_signature(decree, flow.blocks, event.signed_sha256, now)
        case m.Signed():
            signature_blocks.record_signature(decree, flow.blocks, event.signed_sha256, now)
            decree.signed_sha256, decree.signed_at = event.signed_sha256, now
        case m.Distributed():
            decree.issued_at, decree.legal_status = now, "in_force"
            if decree.batch_id is not None:  # here and nowhere else: however it was signed, it goes out once
                enqueue(session, "decree_mail", {"decree_id": decree.id}, now)
        case _:
            pass


def _open_task(session: Session, deps: Deps, flow: Flow, event: m.TaskOpened, now: datetime) -> None:
    step = flow.definition.steps[event.step_index]
    add_row(session, Task, {
        "decree_id": flow.decree.id, "batch_id": flow.decree.batch_id, "version_no": flow.decree.version_no,
        "step_index": event.step_index, "step_title": step.title, "kind": step.kind.value,
        "assignee_id": event.position_id, "opened_at": now, "norm_minutes": event.norm_minutes,
        "due_at": deps.calendar.add_working_minutes(now, event.norm_minutes)})


def _close_task(session: Session, flow: Flow, event: m.TaskClosed, doer: Doer, note: str, now: datetime) -> None:
    is_loaded = flow.task is not None and flow.task.id == event.task_id
    task = flow.task if is_loaded and flow.task is not None else session.get_one(Task, event.task_id)
    task.status = "void" if event.outcome in _VOID_OUTCOMES else "done"
    task.outcome, task.done_at, task.note = event.outcome, now, note or None
    task.done_by_id, task.done_capacity = doer.person_id, doer.capacity


def _add_paraf(session: Session, flow: Flow, event: m.ParafGiven, now: datetime) -> None:
    if flow.snapshot.open_task is None:
        raise errors.Conflict
    add_row(session, Paraf, {
        "decree_id": flow.decree.id, "task_id": flow.snapshot.open_task.id, "step_id": event.step_id,
        "version_no": event.version_no, "content_sha256": event.content_sha256, "person_id": event.person_id,
        "position_id": event.position_id, "capacity": event.capacity.value, "given_at": now})


def _with_number(decree: Decree, number: str) -> str:
    found = number.lower()
    return decree.search_text if found in decree.search_text else f"{found} {decree.search_text}"[:2000]


def _payload(event: m.Event) -> dict[str, Any]:
    return {key: _plain(value) for key, value in asdict(event).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value

