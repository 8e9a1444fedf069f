"""Routes as they are defined: frozen values and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class StepKind(StrEnum):
    """What a step is: people act in paraf, sign and distribute; numbering happens by itself."""

    PARAF = "paraf"
    NUMBER = "number"
    SIGN = "sign"
    DISTRIBUTE = "distribute"


@dataclass(frozen=True)
class Assignee:
    """Who a step is for. ``position`` may contain ``{unit}``; ``level`` counts superiors upwards from 1; ``chosen``
    is the position of another agency that was named when drafting."""

    kind: Literal["position", "superior_of_drafter", "drafter", "chosen"]
    position: str | None = None
    level: int = 1


@dataclass(frozen=True)
class Step:
    """One step; ``norm_minutes`` is working time."""

    id: str
    kind: StepKind
    title: str
    assignee: Assignee | None
    norm_minutes: int


@dataclass(frozen=True)
class Definition:
    """A route. ``sha256`` is of its source: decrees pin it."""

    id: str
    version: int
    title: str
    sop_number: str
    steps: tuple[Step, ...]
    allow_self_approval: bool
    sha256: str

    @property
    def sign_steps(self) -> tuple[int, ...]:
        """Indexes of the steps that sign, in their order."""
        return tuple(index for index, step in enumerate(self.steps) if step.kind is StepKind.SIGN)

    @property
    def minutes_to_signature(self) -> int:
        """Working time from the submission to the last signature: what comes after it does not count."""
        return sum(step.norm_minutes for step in self.steps[:self.sign_steps[-1] + 1])

    @property
    def norm_minutes(self) -> int:
        """Working time that the whole route should take."""
        return sum(step.norm_minutes for step in self.steps)
