"""Failpoints that strike in this very process, as a full disk."""

from __future__ import annotations

from svc import failpoints
from svc.settings import Settings


def arm(point: str) -> None:
    """Raise ``OSError`` (no space) at ``name:count``; empty: at none any more."""
    failpoints.arm(Settings.from_env({"PARAF_FAILPOINT": f"{point}:full" if point else ""}, env_file=None))
