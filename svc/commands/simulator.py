"""``paraf simulator``: stand-ins for remote signing services, to try a flow before the real one is at hand."""

from __future__ import annotations

import click

from svc.commands.simulator_bsre import bsre
from svc.commands.simulator_csc import csc


def register(group: click.Group) -> None:
    """Add this group to the command."""
    group.add_command(simulator)


@click.group()
def simulator() -> None:
    """Simulated signing services. What they sign proves nothing."""


simulator.add_command(bsre)
simulator.add_command(csc)
