"""``paraf archive``: take signed documents into safe keeping, and tell what can be proven of them."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from svc.bootstrap import prepare
from svc.services import archive
from svc.settings import Settings


def register(group: click.Group) -> None:
    """Add this group to the command."""
    group.add_command(archive_group)


@click.group("archive")
def archive_group() -> None:
    """Keep documents signed elsewhere, with proof of when they were here."""


@archive_group.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def import_command(paths: tuple[Path, ...], *, as_json: bool) -> None:
    """Take in PDF files, or all PDFs in folders and below. Running it again adds only what is new.

    Exit code 1 if any file was not taken in.
    """
    deps = prepare(Settings.from_env()).deps
    console, failed, taken = Console(stderr=True), 0, 0
    for line in track(archive.import_files(deps, paths), description="importing", console=console, disable=as_json):
        failed, taken = failed + bool(line.error), taken + (line.document is not None and line.document.is_new)
        if as_json:
            click.echo(json.dumps(asdict(line), default=str))
        elif line.error:
            console.print(f"{line.path}: not taken in ({line.error})")
    if not as_json:
        click.echo(f"{taken} taken in, {failed} refused, {archive.count_documents(deps)} in safe keeping")
    deps.cage.close()
    sys.exit(1 if failed else 0)


@archive_group.command("list")
def list_command() -> None:
    """The newest 200, with what was found at the last check and how their preservation stands."""
    deps = prepare(Settings.from_env()).deps
    table = Table()
    for heading in ("id", "name", "recorded", "indication", "sub-indication", "level", "provable until", "waits for"):
        table.add_column(heading, overflow="fold")
    for one in archive.list_documents(deps):
        held = one.standing
        until = held.provable_until.date().isoformat() if held and held.provable_until else "–"
        table.add_row(one.public_id, one.name, one.recorded_at.isoformat(), one.indication, one.sub_indication or "–",
                      held.level if held else "–", until, (held.why if held else "") or "–")
    Console().print(table)


@archive_group.command("check")
@click.argument("document_id")
def check_command(document_id: str) -> None:
    """Validate one document now, with its register entry as proof of existence."""
    deps = prepare(Settings.from_env()).deps
    report = archive.check_again(deps, document_id)
    click.echo(f"{report.indication.value} {report.sub_indication or ''}".strip())
    for one in report.signatures:
        click.echo(f"  {one.signer_name}: {one.level}, proven since {one.proven_at} by {one.proven_by or 'nothing'}, "
                   f"certificate then {one.certificate_then}, now {one.certificate_now}")
    deps.cage.close()
    sys.exit(0 if report.passed else 1)
