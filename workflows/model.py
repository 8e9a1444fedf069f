"""Snapshots, commands and events: frozen values and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from workflows.definition import Assignee as Assignee  # noqa: PLC0414 - the model in one place
from workflows.definition import Definition as Definition  # noqa: PLC0414 - the model in one place
from workflows.definition import Step as Step  # noqa: PLC0414 - the model in one place
from workflows.definition import StepKind as StepKind  # noqa: PLC0414 - the model in one place


class DecreeStatus(StrEnum):
    """Where a decree stands."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    READY_TO_SIGN = "ready_to_sign"
    SIGNING = "signing"
    SIGNED = "signed"
    ISSUED = "issued"
    REJECTED = "rejected"
    DISCARDED = "discarded"


class CapacityKind(StrEnum):
    """How a position is held: definitive, Plt. (vacant), Plh. (holder away), Pj. (acting head of region)."""

    DEFINITIVE = "definitive"
    PLT = "plt"
    PLH = "plh"
    PJ = "pj"


@dataclass(frozen=True)
class Capacity:
    """A position held today, and how."""

    position_id: int
    position_code: str
    kind: CapacityKind


@dataclass(frozen=True)
class Actor:
    person_id: int
    name: str
    capacities: tuple[Capacity, ...]


@dataclass(frozen=True)
class ChartPosition:
    id: int
    code: str
    unit_code: str
    superior_id: int | None


@dataclass(frozen=True)
class OrgChart:
    """All active positions by id."""

    positions: Mapping[int, ChartPosition]


@dataclass(frozen=True)
class Assignment:
    """Which position a step was resolved to when the decree was submitted."""

    step_index: int
    position_id: int


@dataclass(frozen=True)
class Task:
    """The open task. ``version`` is the decree's optimistic version that a page must have seen."""

    id: int
    step_index: int
    position_id: int
    version: int


@dataclass(frozen=True)
class Paraf:
    """A paraf that is valid now."""

    step_id: str
    person_id: int
    position_id: int
    version_no: int
    content_sha256: str


@dataclass(frozen=True)
class GivenSignature:
    """A signature on the document that stands: nothing takes it off again."""

    step_id: str
    person_id: int
    position_id: int


@dataclass(frozen=True)
class Snapshot:
    """All that the engine needs to know of one decree.

    ``frozen_sha256`` is of the document that waits for its next signature: with each signature but the last it
    becomes that of the document which bears it. ``signing_by`` is who has claimed the signature being made.
    """

    status: DecreeStatus
    version_no: int
    content_sha256: str
    drafter_id: int
    assignments: tuple[Assignment, ...] = ()
    open_task: Task | None = None
    parafs: tuple[Paraf, ...] = ()
    number: str | None = None
    frozen_sha256: str | None = None
    forbidden_capacities: frozenset[CapacityKind] = frozenset()
    signatures: tuple[GivenSignature, ...] = ()
    signing_by: int | None = None


# Commands


@dataclass(frozen=True)
class Submit:
    actor: Actor
    assignments: tuple[Assignment, ...]


@dataclass(frozen=True)
class Approve:
    actor: Actor
    seen_version: int


@dataclass(frozen=True)
class RecordNumber:
    """By the system, in the transaction of the last paraf."""

    number: str
    frozen_sha256: str


@dataclass(frozen=True)
class Refreeze:
    """By the system: the frozen, unsigned document was dated anew (``number`` when the year changed)."""

    frozen_sha256: str
    number: str | None = None


@dataclass(frozen=True)
class ReturnForRevision:
    actor: Actor
    seen_version: int
    reason: str


@dataclass(frozen=True)
class Reject:
    actor: Actor
    seen_version: int
    reason: str


@dataclass(frozen=True)
class Withdraw:
    """The drafter pulls a submitted decree back to a draft."""

    actor: Actor
    reason: str


@dataclass(frozen=True)
class Discard:
    """The drafter throws a draft away for good."""

    actor: Actor
    reason: str


@dataclass(frozen=True)
class Reassign:
    """``is_override``: an administrator moves a task that is not his."""

    actor: Actor
    seen_version: int
    to_position_id: int
    reason: str
    is_override: bool = False


@dataclass(frozen=True)
class ClaimSigning:
    actor: Actor
    seen_version: int
    frozen_sha256: str


@dataclass(frozen=True)
class ReleaseSigning:
    """By the system: nothing was signed."""

    reason: str


@dataclass(frozen=True)
class RecordSigned:
    """By the system: the signed bytes were validated and stored."""

    signed_sha256: str


@dataclass(frozen=True)
class RecordDistributed:
    actor: Actor
    seen_version: int


Command = (
    Submit | Approve | RecordNumber | Refreeze | ReturnForRevision | Reject | Withdraw | Discard | Reassign
    | ClaimSigning | ReleaseSigning | RecordSigned | RecordDistributed
)


# Events. ``type`` is the name under which they stand in the audit chain.


@dataclass(frozen=True)
class Submitted:
    type: ClassVar[str] = "submitted"
    version_no: int
    content_sha256: str
    assignments: tuple[Assignment, ...]


@dataclass(frozen=True)
class TaskOpened:
    type: ClassVar[str] = "task_opened"
    step_index: int
    position_id: int
    norm_minutes: int


@dataclass(frozen=True)
class TaskClosed:
    type: ClassVar[str] = "task_closed"
    task_id: int
    outcome: str


@dataclass(frozen=True)
class ParafGiven:
    type: ClassVar[str] = "paraf_given"
    step_id: str
    person_id: int
    position_id: int
    capacity: CapacityKind
    version_no: int
    content_sha256: str


@dataclass(frozen=True)
class ParafVoided:
    type: ClassVar[str] = "paraf_voided"
    version_no: int


@dataclass(frozen=True)
class NumberRequired:
    type: ClassVar[str] = "number_required"


@dataclass(frozen=True)
class NumberAssigned:
    type: ClassVar[str] = "number_assigned"
    number: str
    frozen_sha256: str


@dataclass(frozen=True)
class DocumentRefrozen:
    type: ClassVar[str] = "document_refrozen"
    frozen_sha256: str
    number: str | None


@dataclass(frozen=True)
class Returned:
    type: ClassVar[str] = "returned"
    reason: str


@dataclass(frozen=True)
class Rejected:
    type: ClassVar[str] = "rejected"
    reason: str


@dataclass(frozen=True)
class Withdrawn:
    type: ClassVar[str] = "withdrawn"
    reason: str


@dataclass(frozen=True)
class Discarded:
    type: ClassVar[str] = "discarded"
    reason: str


@dataclass(frozen=True)
class TaskReassigned:
    type: ClassVar[str] = "task_reassigned"
    task_id: int
    from_position_id: int
    to_position_id: int
    reason: str


@dataclass(frozen=True)
class SigningClaimed:
    type: ClassVar[str] = "signing_claimed"
    person_id: int
    position_id: int
    capacity: CapacityKind
    frozen_sha256: str


@dataclass(frozen=True)
class SigningReleased:
    type: ClassVar[str] = "signing_released"
    reason: str


@dataclass(frozen=True)
class PartlySigned:
    """One more signature, and not the last: ``ordinal`` counts from 1."""

    type: ClassVar[str] = "partly_signed"
    step_id: str
    ordinal: int
    person_id: int
    position_id: int
    signed_sha256: str


@dataclass(frozen=True)
class Signed:
    """The last signature, so that all stand on it."""

    type: ClassVar[str] = "signed"
    signed_sha256: str


@dataclass(frozen=True)
class Distributed:
    type: ClassVar[str] = "distributed"


Event = (
    Submitted | TaskOpened | TaskClosed | ParafGiven | ParafVoided | NumberRequired | NumberAssigned
    | DocumentRefrozen | Returned | Rejected | Withdrawn | Discarded | TaskReassigned | SigningClaimed
    | SigningReleased | PartlySigned | Signed | Distributed
)
