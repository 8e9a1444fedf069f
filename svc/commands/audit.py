"""``paraf audit``: prove that nothing was changed behind the service's back."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click

from svc.deps import build_deps
from svc.services import audit as audit_service
from svc.settings import Settings


def register(group: click.Group) -> None:
    """Add this group to the command."""
    group.add_command(audit)


@click.group()
def audit() -> None:
    """Hash chains and checkpoints."""


@audit.command()
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def verify(*, as_json: bool) -> None:
    """Check every chain, head and checkpoint; exit code 1 if something was tampered with."""
    report = audit_service.verify(build_deps(Settings.from_env()))
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2, default=str))
    else:
        click.echo(f"{report.events} events in {report.streams} chains, {report.checkpoints} checkpoints")
        for finding in report.findings:
            click.echo(f"  {finding.kind}: {finding.stream} {finding.detail}")
        click.echo("intact" if report.is_intact else "NOT INTACT")
    sys.exit(0 if report.is_intact else 1)


@audit.command()
def checkpoint() -> None:
    """Write a signed, time-stamped checkpoint over all heads now."""
    audit_service.write_checkpoint(build_deps(Settings.from_env()), "hour")
    click.echo("checkpoint written")
