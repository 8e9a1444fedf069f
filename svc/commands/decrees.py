"""``paraf demo`` and ``paraf metrics``: the main job headless, through the same services as the web."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from svc.bootstrap import prepare
from svc.commands import shell
from svc.deps import Deps, build_deps
from svc.metrics import facts
from svc.seed.walk import KGB_CAST, walk_decree
from svc.services import decree_page, preservation, verification
from svc.settings import Settings

_PASSED = "TOTAL-PASSED"


@dataclass(frozen=True)
class _Done:
    number: str
    subject: str
    file: Path


def register(group: click.Group) -> None:
    """Add these commands to the group."""
    group.add_command(demo)
    group.add_command(metrics)


@click.command()
@click.option("--count", default=20, show_default=True, type=click.IntRange(1, 5000), help="How many decrees.")
@click.option("--out", "folder", default=Path("demo-out"), show_default=True, help="Where the signed PDFs go.",
              type=click.Path(file_okay=False, path_type=Path))
@click.option("--csv", "source", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Employees; default: the shipped example.")
@shell.with_other_address
def demo(count: int, folder: Path, source: Path | None, *, other_address: bool) -> None:
    """Draft, initial, number, sign, store and verify salary letters of the fictional province.

    Exit code 0 only if every signed PDF is TOTAL-PASSED and identical with the register's copy.
    """
    settings = Settings.from_env()
    if settings.is_production:
        raise click.ClickException("the demo writes fictional decrees and does not run in production")
    shell.heed_address(settings, other_address=other_address)
    console = Console() if sys.stdout.isatty() else Console(width=140)
    deps = prepare(settings).deps
    folder.mkdir(parents=True, exist_ok=True)
    done = _issue_all(deps, _rows(source, count), folder, console, count)
    verdicts = verification.verify_files(deps, [item.file for item in done])
    table = Table()
    table.add_column("number", no_wrap=True, min_width=24)
    table.add_column("subject", no_wrap=True, overflow="ellipsis")
    table.add_column("registry", min_width=9)
    table.add_column("indication", min_width=12)
    for item, verdict in zip(done, verdicts, strict=True):
        table.add_row(item.number, item.subject, verdict.registry,
                      verdict.indication + (f" / {verdict.sub_indication}" if verdict.sub_indication else ""))
    console.print(table)
    good = sum(verdict.indication == _PASSED and verdict.registry == "identical" for verdict in verdicts)
    console.print(f"{good} of {count} decrees verified; files in {folder}")
    sys.exit(0 if good == count else 1)


@click.group()
def metrics() -> None:
    """Figures for the bureau."""


@metrics.command()
def rebuild() -> None:
    """Compute all facts anew from the audit events."""
    click.echo(f"{facts.rebuild(build_deps(Settings.from_env()))} days recomputed")


def _issue_all(deps: Deps, rows: Iterable[dict[str, str]], folder: Path, console: Console,
               count: int) -> list[_Done]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    done = []
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("issuing", total=count)
        for row in rows:
            data = deps.kinds.data_from_row("kgb", row)
            decree_id = walk_decree(deps, "kgb", data, KGB_CAST)
            preservation.preserve_due(deps)
            view = decree_page.load_decree(deps, KGB_CAST.drafter(deps), decree_id)
            file = decree_page.load_pdf(deps, KGB_CAST.drafter(deps), decree_id)
            path = folder / file.name
            path.write_bytes(file.data)
            done.append(_Done(view.number or "", view.subject, path))
            progress.advance(task)
    return done


def _rows(source: Path | None, count: int) -> Iterable[dict[str, str]]:
    """The rows of the sheet, from its beginning again when more are wanted than it has."""
    text = source.read_text("utf-8") if source else _shipped_sheet()
    rows = list(csv.DictReader(text.splitlines()))
    if not rows:
        raise click.ClickException("the sheet has no rows")
    return [rows[index % len(rows)] for index in range(count)]


def _shipped_sheet() -> str:
    return (files("templates") / "decrees" / "kgb" / "example.csv").read_text("utf-8")
