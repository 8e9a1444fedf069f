"""The routing engine: pure, so that every reachable state can be explored by tests.

``decide`` says what a command would make happen, ``evolve`` what the decree looks like after an event. Neither
reads a clock, a database or a file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from workflows import model as m
from workflows.errors import DocumentChanged, NotAllowedNow, NotYourTask, UnknownAssignee
from workflows.model import DecreeStatus as Status
from workflows.model import Definition, Event, Snapshot, StepKind
from workflows.rules import (
    capacity_for,
    ensure_capacity_allowed,
    ensure_new_signer,
    ensure_not_own_draft,
    ensure_reason,
    ensure_signers_differ,
    ensure_unsigned,
    ensure_version,
)

Events = tuple[Event, ...]
_IN_FLOW = (Status.IN_REVIEW, Status.READY_TO_SIGN)


def decide(definition: Definition, snapshot: Snapshot, command: m.Command, now: datetime) -> Events:
    """The events that the command causes, in order. ``now`` must be aware.

    :raises workflows.errors.WorkflowError: the command is refused; nothing happens
    """
    if now.tzinfo is None:
        raise ValueError("now must be aware")
    return _DECIDERS[type(command)](definition, snapshot, command)


def _submit(definition: Definition, snapshot: Snapshot, command: m.Submit) -> Events:
    _ensure_status(snapshot, Status.DRAFT)
    _ensure_drafter(snapshot, command.actor)
    _ensure_complete(definition, command.assignments)
    after = replace(snapshot, assignments=command.assignments)
    first = m.Submitted(snapshot.version_no, snapshot.content_sha256, command.assignments)
    return (first, *_open_from(definition, after, 0))


def _approve(definition: Definition, snapshot: Snapshot, command: m.Approve) -> Events:
    _ensure_status(snapshot, Status.IN_REVIEW)
    task, step, capacity = _acting(definition, snapshot, command.actor, command.seen_version)
    if step.kind is not StepKind.PARAF:
        raise NotAllowedNow(f"step {step.id} is no paraf")
    given = m.ParafGiven(step.id, command.actor.person_id, task.position_id, capacity.kind, snapshot.version_no,
                         snapshot.content_sha256)
    return (given, m.TaskClosed(task.id, "approved"), *_open_from(definition, snapshot, task.step_index + 1))


def _record_number(definition: Definition, snapshot: Snapshot, command: m.RecordNumber) -> Events:
    _ensure_status(snapshot, Status.IN_REVIEW)
    if snapshot.open_task is not None or not _has_all_paraf(definition, snapshot):
        raise NotAllowedNow("the number is taken with the last paraf")
    if snapshot.number is not None and snapshot.number != command.number:
        raise NotAllowedNow("this decree has its number already")
    index = _index_of(definition, StepKind.NUMBER)
    assigned = m.NumberAssigned(command.number, command.frozen_sha256)
    return (assigned, *_open_from(definition, snapshot, index + 1))


def _refreeze(_definition: Definition, snapshot: Snapshot, command: m.Refreeze) -> Events:
    _ensure_status(snapshot, Status.READY_TO_SIGN)
    ensure_unsigned(snapshot)
    return (m.DocumentRefrozen(command.frozen_sha256, command.number),)


def _return(definition: Definition, snapshot: Snapshot, command: m.ReturnForRevision) -> Events:
    task = _judged(definition, snapshot, command)
    ensure_unsigned(snapshot)
    reason = ensure_reason(command.reason)
    return m.TaskClosed(task.id, "returned"), m.ParafVoided(snapshot.version_no), m.Returned(reason)


def _reject(definition: Definition, snapshot: Snapshot, command: m.Reject) -> Events:
    """Also what is left to a later signer who refuses: the signatures given stay on record, and it ends here."""
    task = _judged(definition, snapshot, command)
    reason = ensure_reason(command.reason)
    return m.TaskClosed(task.id, "rejected"), m.ParafVoided(snapshot.version_no), m.Rejected(reason)


def _withdraw(_definition: Definition, snapshot: Snapshot, command: m.Withdraw) -> Events:
    _ensure_status(snapshot, *_IN_FLOW)
    _ensure_drafter(snapshot, command.actor)
    ensure_unsigned(snapshot)
    reason = ensure_reason(command.reason)
    closed = (m.TaskClosed(snapshot.open_task.id, "withdrawn"),) if snapshot.open_task else ()
    return (*closed, m.ParafVoided(snapshot.version_no), m.Withdrawn(reason))


def _discard(_definition: Definition, snapshot: Snapshot, command: m.Discard) -> Events:
    _ensure_status(snapshot, Status.DRAFT)
    _ensure_drafter(snapshot, command.actor)
    return (m.Discarded(ensure_reason(command.reason)),)


def _reassign(definition: Definition, snapshot: Snapshot, command: m.Reassign) -> Events:
    _ensure_status(snapshot, *_IN_FLOW)
    task = _open_task(snapshot)
    ensure_version(task, command.seen_version)
    if not command.is_override:
        capacity_for(command.actor, task.position_id)
    ensure_unsigned(snapshot)  # it names who is to sign next
    reason = ensure_reason(command.reason)
    if command.to_position_id == task.position_id:
        raise NotAllowedNow("the task is there already")
    ensure_signers_differ(definition, _moved(snapshot, task.step_index, command.to_position_id))
    moved = m.TaskReassigned(task.id, task.position_id, command.to_position_id, reason)
    step = definition.steps[task.step_index]
    return (moved, m.TaskClosed(task.id, "reassigned"),
            m.TaskOpened(task.step_index, command.to_position_id, step.norm_minutes))


def _claim(definition: Definition, snapshot: Snapshot, command: m.ClaimSigning) -> Events:
    _ensure_status(snapshot, Status.READY_TO_SIGN)
    task, _step, capacity = _acting(definition, snapshot, command.actor, command.seen_version)
    ensure_capacity_allowed(snapshot, capacity)
    ensure_new_signer(snapshot, command.actor.person_id)
    if command.frozen_sha256 != snapshot.frozen_sha256:
        raise DocumentChanged("the document on the page is not the frozen one")
    if not _has_all_paraf(definition, snapshot):
        raise NotAllowedNow("a paraf of this version is missing")
    return (m.SigningClaimed(command.actor.person_id, task.position_id, capacity.kind, command.frozen_sha256),)


def _release(_definition: Definition, snapshot: Snapshot, command: m.ReleaseSigning) -> Events:
    _ensure_status(snapshot, Status.SIGNING)
    return (m.SigningReleased(command.reason),)


def _record_signed(definition: Definition, snapshot: Snapshot, command: m.RecordSigned) -> Events:
    _ensure_status(snapshot, Status.SIGNING)
    task = _open_task(snapshot)
    closed = m.TaskClosed(task.id, "signed")
    following = _open_from(definition, snapshot, task.step_index + 1)
    if task.step_index != definition.sign_steps[-1]:
        return (closed, _partly_signed(definition, snapshot, task, command.signed_sha256), *following)
    signed = (closed, m.Signed(command.signed_sha256))
    return (*signed, *following) if following else (*signed, m.Distributed())


def _partly_signed(definition: Definition, snapshot: Snapshot, task: m.Task, signed_sha256: str) -> m.PartlySigned:
    if snapshot.signing_by is None:
        raise NotAllowedNow("nobody has claimed this signature")
    return m.PartlySigned(definition.steps[task.step_index].id, len(snapshot.signatures) + 1, snapshot.signing_by,
                          task.position_id, signed_sha256)


def _record_distributed(definition: Definition, snapshot: Snapshot, command: m.RecordDistributed) -> Events:
    _ensure_status(snapshot, Status.SIGNED)
    task, _step, _capacity = _acting(definition, snapshot, command.actor, command.seen_version)
    return m.TaskClosed(task.id, "distributed"), m.Distributed()


_DECIDERS: dict[type[Any], Callable[[Definition, Snapshot, Any], Events]] = {
    m.Submit: _submit, m.Approve: _approve, m.RecordNumber: _record_number, m.Refreeze: _refreeze,
    m.ReturnForRevision: _return, m.Reject: _reject, m.Withdraw: _withdraw, m.Discard: _discard,
    m.Reassign: _reassign, m.ClaimSigning: _claim, m.ReleaseSigning: _release, m.RecordSigned: _record_signed,
    m.RecordDistributed: _record_distributed,
}


def _ensure_status(snapshot: Snapshot, *allowed: Status) -> None:
    if snapshot.status not in allowed:
        raise NotAllowedNow(f"status is {snapshot.status.value}")


def _ensure_drafter(snapshot: Snapshot, actor: m.Actor) -> None:
    if actor.person_id != snapshot.drafter_id:
        raise NotYourTask(f"person {actor.person_id} is not the drafter")


def _ensure_complete(definition: Definition, assignments: tuple[m.Assignment, ...]) -> None:
    needed = [index for index, step in enumerate(definition.steps) if step.assignee is not None]
    if sorted(a.step_index for a in assignments) != needed:
        raise UnknownAssignee("every step but numbering needs one position")
    ensure_signers_differ(definition, assignments)


def _open_task(snapshot: Snapshot) -> m.Task:
    if snapshot.open_task is None:
        raise NotAllowedNow("no task is open")
    return snapshot.open_task


def _acting(definition: Definition, snapshot: Snapshot, actor: m.Actor,
            seen_version: int) -> tuple[m.Task, m.Step, m.Capacity]:
    task = _open_task(snapshot)
    ensure_version(task, seen_version)
    capacity = capacity_for(actor, task.position_id)
    step = definition.steps[task.step_index]
    ensure_not_own_draft(definition, snapshot, actor, step)
    return task, step, capacity


def _judged(definition: Definition, snapshot: Snapshot, command: m.ReturnForRevision | m.Reject) -> m.Task:
    _ensure_status(snapshot, *_IN_FLOW)
    return _acting(definition, snapshot, command.actor, command.seen_version)[0]


def _open_from(definition: Definition, snapshot: Snapshot, index: int) -> Events:
    """What opens at a step index: the number, a task, or nothing at the end of the route."""
    if index >= len(definition.steps):
        return ()
    step = definition.steps[index]
    if step.kind is StepKind.NUMBER:
        return (m.NumberRequired(),)
    position_id = next(a.position_id for a in snapshot.assignments if a.step_index == index)
    return (m.TaskOpened(index, position_id, step.norm_minutes),)


def _has_all_paraf(definition: Definition, snapshot: Snapshot) -> bool:
    given = {paraf.step_id for paraf in snapshot.parafs
             if (paraf.version_no, paraf.content_sha256) == (snapshot.version_no, snapshot.content_sha256)}
    return all(step.id in given for step in definition.steps if step.kind is StepKind.PARAF)


def _index_of(definition: Definition, kind: StepKind) -> int:
    return next(index for index, step in enumerate(definition.steps) if step.kind is kind)


def status_for_step(kind: StepKind) -> Status:
    """The status of a decree whose open task is of this kind."""
    return {StepKind.PARAF: Status.IN_REVIEW, StepKind.NUMBER: Status.IN_REVIEW, StepKind.SIGN: Status.READY_TO_SIGN,
            StepKind.DISTRIBUTE: Status.SIGNED}[kind]


def evolve(definition: Definition, snapshot: Snapshot, event: Event, *, task_id: int = 0, version: int = 0) -> Snapshot:
    """The snapshot after an event. ``task_id`` and ``version`` are those the store gave to an opened task."""
    match event:
        case m.Submitted():
            return replace(snapshot, status=Status.IN_REVIEW, assignments=event.assignments)
        case m.TaskOpened():
            return replace(snapshot, status=status_for_step(definition.steps[event.step_index].kind),
                           open_task=m.Task(task_id, event.step_index, event.position_id, version))
        case m.TaskClosed():
            return replace(snapshot, open_task=None)
        case m.ParafGiven():
            paraf = m.Paraf(event.step_id, event.person_id, event.position_id, event.version_no, event.content_sha256)
            return replace(snapshot, parafs=(*snapshot.parafs, paraf))
        case m.ParafVoided():
            kept = tuple(paraf for paraf in snapshot.parafs if paraf.version_no != event.version_no)
            return replace(snapshot, parafs=kept)
        case m.NumberAssigned():
            return replace(snapshot, number=event.number, frozen_sha256=event.frozen_sha256)
        case m.DocumentRefrozen():
            return replace(snapshot, frozen_sha256=event.frozen_sha256, number=event.number or snapshot.number)
        case m.TaskReassigned():
            return _reassigned(snapshot, event)
        case _:
            return _with_status(snapshot, event)


def _with_status(snapshot: Snapshot, event: Event) -> Snapshot:
    match event:
        case m.Returned() | m.Withdrawn():
            return replace(snapshot, status=Status.DRAFT, frozen_sha256=None)
        case m.Rejected():
            return replace(snapshot, status=Status.REJECTED)
        case m.Discarded():
            return replace(snapshot, status=Status.DISCARDED)
        case m.SigningClaimed():
            return replace(snapshot, status=Status.SIGNING, signing_by=event.person_id)
        case m.SigningReleased():
            return replace(snapshot, status=Status.READY_TO_SIGN, signing_by=None)
        case m.PartlySigned():
            given = m.GivenSignature(event.step_id, event.person_id, event.position_id)
            return replace(snapshot, status=Status.READY_TO_SIGN, signing_by=None,
                           frozen_sha256=event.signed_sha256, signatures=(*snapshot.signatures, given))
        case m.Signed():
            return replace(snapshot, status=Status.SIGNED, signing_by=None)
        case m.Distributed():
            return replace(snapshot, status=Status.ISSUED)
        case _:
            return snapshot


def _reassigned(snapshot: Snapshot, event: m.TaskReassigned) -> Snapshot:
    step = snapshot.open_task.step_index if snapshot.open_task else -1
    return replace(snapshot, assignments=_moved(snapshot, step, event.to_position_id))


def _moved(snapshot: Snapshot, step_index: int, position_id: int) -> tuple[m.Assignment, ...]:
    return tuple(replace(a, position_id=position_id) if a.step_index == step_index else a
                 for a in snapshot.assignments)
