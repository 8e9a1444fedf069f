"""Who acts: a person with the positions held today, as services take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from svc.roles import Role

SHELL: Final = "shell"


@dataclass(frozen=True)
class HeldPosition:
    """A position somebody holds today and in which capacity (definitive, plt, plh, pj)."""

    holding_id: int
    position_id: int
    position_public_id: str
    code: str
    title: str
    unit_id: int
    unit_code: str
    unit_name: str
    agency_id: int  # the top-level unit (perangkat daerah) above the unit
    agency_code: str
    capacity: str
    roles: frozenset[Role]

    @property
    def is_definitive(self) -> bool:
        return self.capacity == "definitive"

    @property
    def display_title(self) -> str:
        """The title as people say it: ``Plt. Kepala …`` for those who act."""
        prefix = {"plt": "Plt. ", "plh": "Plh. ", "pj": "Pj. "}.get(self.capacity, "")
        return prefix + self.title


@dataclass(frozen=True)
class Actor:
    """A logged-in person. ``acting_as`` is the position shown as *Bertindak sebagai*; ``channel`` is how he came in:
    :data:`SHELL`, or empty for the pages."""

    person_id: int
    person_public_id: str
    name: str
    locale: str
    held: tuple[HeldPosition, ...]
    acting_as: HeldPosition | None
    channel: str = ""

    @property
    def roles(self) -> frozenset[Role]:
        """All roles of all positions held today."""
        return frozenset(role for held in self.held for role in held.roles)

    @property
    def agency_ids(self) -> tuple[int, ...]:
        return tuple(sorted({held.agency_id for held in self.held}))

    @property
    def position_ids(self) -> tuple[int, ...]:
        return tuple(held.position_id for held in self.held)
