"""Basic pay of civil servants (PNS) as dated data: one table for each instrument, chosen by a date."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Final

PAY_SCALES: Final = Path(__file__).parents[1] / "templates" / "decrees" / "_data" / "pay_scale"


class PayUnknown(Exception):
    """No table holds for that day, or the table has no figure for that rank and service."""


@dataclass(frozen=True)
class PayScale:
    """The annex of one regulation. ``steps``: rank ("III/a") → ((years of service, rupiah a month), …)."""

    instrument: str
    title: str
    valid_from: date
    valid_until: date | None
    source: str
    confidence: str
    steps: Mapping[str, tuple[tuple[int, int], ...]]

    def pay_of(self, rank: str, months: int) -> int:
        """Rupiah a month after ``months`` of service. :raises PayUnknown: the table has no such figure."""
        reached = [pay for years, pay in self._of(rank) if years * 12 <= months]
        if not reached:
            raise PayUnknown(f"{self.instrument}: {rank} starts at {self._of(rank)[0][0]} years")
        return reached[-1]

    def next_step(self, rank: str, months: int) -> int | None:
        """Years of service of the next rise, ``None`` at the top. :raises PayUnknown: no such rank."""
        return next((years for years, _ in self._of(rank) if years * 12 > months), None)

    def _of(self, rank: str) -> tuple[tuple[int, int], ...]:
        try:
            return self.steps[rank]
        except KeyError as error:
            raise PayUnknown(f"{self.instrument}: no rank {rank}") from error


@dataclass(frozen=True)
class PayScales:
    """All tables that are known, oldest first."""

    scales: tuple[PayScale, ...]

    @classmethod
    def load(cls, folder: Path = PAY_SCALES) -> PayScales:
        """Read every table in the folder."""
        scales = [_read(path) for path in sorted(folder.glob("*.toml"))]
        return cls(tuple(sorted(scales, key=lambda scale: scale.valid_from)))

    def on(self, day: date) -> PayScale:
        """The table in force on that day. :raises PayUnknown: none is known."""
        for scale in reversed(self.scales):
            if scale.valid_from <= day and (scale.valid_until is None or day <= scale.valid_until):
                return scale
        raise PayUnknown(f"no pay scale for {day.isoformat()}")

    @property
    def newest(self) -> PayScale:
        return self.scales[-1]


def _read(path: Path) -> PayScale:
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    steps = {
        rank: tuple(sorted((int(years), int(pay)) for years, pay in row.items()))
        for rank, row in raw["steps"].items()
    }
    return PayScale(
        instrument=raw["instrument"],
        title=raw["title"],
        valid_from=raw["valid_from"],
        valid_until=raw.get("valid_until"),
        source=raw["source"],
        confidence=raw["confidence"],
        steps=MappingProxyType(steps),
    )
