"""Who may act: resolution of assignees, capacity, segregation of duties."""

from __future__ import annotations

from collections.abc import Mapping

from workflows.errors import (
    AlreadySigned,
    CapacityForbidden,
    NotYourTask,
    ReasonRequired,
    SameSigner,
    SelfApproval,
    StaleTask,
    UnknownAssignee,
)
from workflows.model import (
    Actor,
    Assignee,
    Assignment,
    Capacity,
    CapacityKind,
    ChartPosition,
    Definition,
    OrgChart,
    Snapshot,
    Step,
    StepKind,
    Task,
)

_RANK = {CapacityKind.DEFINITIVE: 0, CapacityKind.PJ: 1, CapacityKind.PLT: 2, CapacityKind.PLH: 3}


def resolve_assignments(definition: Definition, drafter_position_id: int, chart: OrgChart,
                        chosen: Mapping[str, str] | None = None) -> tuple[Assignment, ...]:
    """Turn each step's assignee into a position of today's organisation.

    ``chosen``: position codes by step id, for the steps whose assignee is chosen when drafting.
    :raises UnknownAssignee: a position code or a superior that does not exist, or a choice that is missing or of
        the drafter's own agency
    :raises SameSigner: two signatures would be those of one position
    """
    drafter = chart.positions.get(drafter_position_id)
    if drafter is None:
        raise UnknownAssignee(f"position {drafter_position_id}")
    found = tuple(
        Assignment(index, _resolve(step, step.assignee, drafter, chart, chosen or {}))
        for index, step in enumerate(definition.steps) if step.assignee is not None)
    ensure_signers_differ(definition, found)
    return found


def ensure_signers_differ(definition: Definition, assignments: tuple[Assignment, ...]) -> None:
    """:raises SameSigner: one position would sign twice."""
    signing = [a.position_id for a in assignments if a.step_index in definition.sign_steps]
    if len(set(signing)) != len(signing):
        raise SameSigner(f"{definition.id}: one position signs twice")


def _resolve(step: Step, assignee: Assignee, drafter: ChartPosition, chart: OrgChart,
             chosen: Mapping[str, str]) -> int:
    if assignee.kind == "drafter":
        return drafter.id
    if assignee.kind == "chosen":
        return _elsewhere(step, drafter, chart, chosen.get(step.id, ""))
    if assignee.kind == "superior_of_drafter":
        position = drafter
        for _ in range(assignee.level):
            above = chart.positions.get(position.superior_id) if position.superior_id is not None else None
            if above is None:
                raise UnknownAssignee(f"step {step.id}: {drafter.code} has no superior {assignee.level} level(s) up")
            position = above
        return position.id
    code = (assignee.position or "").replace("{unit}", drafter.unit_code)
    for position in chart.positions.values():
        if position.code == code:
            return position.id
    raise UnknownAssignee(f"step {step.id}: no position {code}")


def _elsewhere(step: Step, drafter: ChartPosition, chart: OrgChart, code: str) -> int:
    for position in chart.positions.values():
        if position.code == code and position.unit_code != drafter.unit_code:
            return position.id
    raise UnknownAssignee(f"step {step.id}: no position {code or '(none chosen)'} in another agency")


def ensure_version(task: Task, seen_version: int) -> None:
    """:raises StaleTask: the page was made from another version."""
    if task.version != seen_version:
        raise StaleTask(f"seen {seen_version}, now {task.version}")


def ensure_reason(reason: str) -> str:
    """Return the reason without outer blanks. :raises ReasonRequired: there is none."""
    text = reason.strip()
    if not text:
        raise ReasonRequired("a reason is required")
    return text


def capacity_for(actor: Actor, position_id: int) -> Capacity:
    """The strongest capacity in which the actor holds the position. :raises NotYourTask: in none."""
    held = sorted((c for c in actor.capacities if c.position_id == position_id), key=lambda c: _RANK[c.kind])
    if not held:
        raise NotYourTask(f"person {actor.person_id} does not hold position {position_id}")
    return held[0]


def ensure_not_own_draft(definition: Definition, snapshot: Snapshot, actor: Actor, step: Step) -> None:
    """:raises SelfApproval: the drafter would initial or sign his own draft."""
    if step.kind is StepKind.DISTRIBUTE or definition.allow_self_approval:
        return
    if actor.person_id == snapshot.drafter_id:
        raise SelfApproval(f"person {actor.person_id} drafted this")


def ensure_capacity_allowed(snapshot: Snapshot, capacity: Capacity) -> None:
    """:raises CapacityForbidden: this kind may not be signed by one who merely acts (SE BKN 1/2021)."""
    if capacity.kind in snapshot.forbidden_capacities:
        raise CapacityForbidden(capacity.kind.value)


def ensure_unsigned(snapshot: Snapshot) -> None:
    """:raises AlreadySigned: a signature stands on the document."""
    if snapshot.signatures:
        raise AlreadySigned(f"{len(snapshot.signatures)} signature(s) given")


def ensure_new_signer(snapshot: Snapshot, person_id: int) -> None:
    """:raises SameSigner: the person has signed the document already, for whichever position."""
    if any(given.person_id == person_id for given in snapshot.signatures):
        raise SameSigner(f"person {person_id} has signed already")
