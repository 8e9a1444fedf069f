"""Who may act: resolution of assignees, capacity, segregation of duties."""

from __future__ import annotations

from workflows.errors import CapacityForbidden, NotYourTask, ReasonRequired, SelfApproval, StaleTask, UnknownAssignee
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


def resolve_assignments(definition: Definition, drafter_position_id: int, chart: OrgChart) -> tuple[Assignment, ...]:
    """Turn each step's assignee into a position of today's organisation.

    :raises UnknownAssignee: a position code or a superior that does not exist
    """
    drafter = chart.positions.get(drafter_position_id)
    if drafter is None:
        raise UnknownAssignee(f"position {drafter_position_id}")
    return tuple(
        Assignment(index, _resolve(step, step.assignee, drafter, chart))
        for index, step in enumerate(definition.steps) if step.assignee is not None)


def _resolve(step: Step, assignee: Assignee, drafter: ChartPosition, chart: OrgChart) -> int:
    if assignee.kind == "drafter":
        return drafter.id
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
