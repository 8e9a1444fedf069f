"""The answer in one sentence: where a share stands, how it moved, and when it meets its target at this pace."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from svc.metrics.catalogue import Target
from svc.metrics.report import FigureSet

_LEAST_MONTHS = 3
_FARTHEST_MONTHS = 120


@dataclass(frozen=True)
class Outlook:
    """``value`` and ``change`` are shares (0…1; change of the mean of the last ``months_compared`` months with a value
    against that of as many first ones: half of those shown).

    ``reached_on`` is the month in which the straight line through the months meets the target; ``None``
    when it is met already (``is_met``), when the pace leads away from it, or when fewer than three months
    have data.
    """

    value: float | None
    change: float | None
    months_compared: int
    target: float | None
    is_met: bool
    reached_on: date | None


def outlook(total: float | None, months: Sequence[FigureSet], target: Target | None, figure: str) -> Outlook:
    """Look ahead by least squares over the months that have a value."""
    points = [(index, value) for index, month in enumerate(months)
              if (value := getattr(month, figure)) is not None]
    change = _change([value for _, value in points])
    goal = target.value if target else None
    is_met = goal is not None and total is not None and total >= goal
    reached = None
    if goal is not None and not is_met and len(points) >= _LEAST_MONTHS:
        reached = _meets(points, goal, months[0].key)
    return Outlook(total, change, len(points) // 2, goal, is_met, reached)


def _change(values: Sequence[float]) -> float | None:
    if len(values) < 2:
        return None
    half = len(values) // 2
    return sum(values[-half:]) / half - sum(values[:half]) / half


def _meets(points: Sequence[tuple[int, float]], goal: float, first_month: str) -> date | None:
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    if slope <= 0:
        return None
    index = math.ceil(round(mean_x + (goal - mean_y) / slope, 6))  # a hair above a whole month is that month
    index = max(index, points[-1][0] + 1)
    if index > _FARTHEST_MONTHS:
        return None
    year, month = (int(part) for part in first_month.split("-"))
    months = year * 12 + (month - 1) + index
    return date(months // 12, months % 12 + 1, 1)
