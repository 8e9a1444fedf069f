"""``paraf archive``: take signed documents into safe keeping, and tell what can be proven of them."""

from __future__ import annotations

import json
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import click
from rich.console import Console
from rich.progress import track

from certs.validation import Indication
from certs.verdicts import NO_CERTIFICATE_CHAIN_FOUND
from svc.bootstrap import prepare
from svc.commands import shell
from svc.deps import Deps
from svc.services import archive, preservation, preservation_state
from svc.services.archive import ArchivedView
from svc.services.finding_words import with_words
from svc.settings import Settings

_COLUMNS = ("id", "name", "recorded", "indication", "sub_indication", "level", "provable_until", "waits_for")


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
    console, failed, taken, strange = Console(stderr=True), 0, 0, list[str]()
    lines = archive.import_files(deps, paths, shell.in_english)
    for line in track(lines, description="importing", console=console, disable=as_json):
        failed, taken = failed + bool(line.error), taken + (line.document is not None and line.document.is_new)
        if line.document is not None and line.document.sub_indication == NO_CERTIFICATE_CHAIN_FOUND:
            strange.append(line.path)
        if as_json:
            click.echo(json.dumps(asdict(line), default=str))
        elif line.error:
            said = f"{line.reason} [{line.error}]" if line.reason else line.error
            console.print(f"{line.path}: not taken in: {said}", markup=False, soft_wrap=True)
    if not as_json:
        click.echo(f"{taken} taken in, {failed} refused, {archive.count_documents(deps)} in safe keeping")
        _tell_next(strange)
    deps.cage.close()
    sys.exit(1 if failed else 0)


@archive_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_command(*, as_json: bool) -> None:
    """The newest 200, with what was found at the last check and how their preservation stands.

    Times are the province's. Where the output is no terminal, each is one line with tabs between its columns.
    """
    deps = prepare(Settings.from_env()).deps
    found = archive.list_documents(deps)
    if as_json:
        click.echo(json.dumps([_as_json(one) for one in found], indent=2))
    elif sys.stdout.isatty():
        for one in found:
            _print(deps, one)
    else:
        for row in (_COLUMNS, *(_row(deps, one) for one in found)):
            click.echo("\t".join(row))


@archive_group.command("retry")
@click.argument("document_ids", nargs=-1)
def retry_command(document_ids: tuple[str, ...]) -> None:
    """Preserve at once what is stuck, was postponed or is below the wanted level: all, or those named.

    It is tried with the anchors and time-stamp authorities of now. Exit code 1 if one of those named is not known or
    waits for nothing, or if one of those tried waits still or is stuck.
    """
    deps = prepare(Settings.from_env()).deps
    rows = preservation_state.retry(deps, document_ids)
    missing = _tell_missing(document_ids, len(rows), "wait for nothing")
    done = _each(rows, "preserving", lambda row: preservation.preserve_now(deps, row))
    left = preservation_state.figures(deps)
    click.echo(f"{len(rows)} tried: {done['augmented'] + done['held']} done, {done['waiting']} wait still, "
               f"{done['stuck']} stuck; in all {left.waiting} wait, {left.stuck} stuck")
    _end(deps, is_whole=not (missing or done["waiting"] or done["stuck"]))


@archive_group.command("renew")
@click.argument("document_ids", nargs=-1)
def renew_command(document_ids: tuple[str, ...]) -> None:
    """Add an archive time stamp now, to all documents or those named, although their last one lasts for long.

    For when the authority has got a better key, or an algorithm is feared to end early. Those that are stuck are left
    to "retry". Exit code 1 if one of those named is not known or stuck, or if one could not be given a stamp.
    """
    deps = prepare(Settings.from_env()).deps
    rows = preservation_state.rows_of(deps, document_ids)
    missing = _tell_missing(document_ids, len(rows), "stuck")
    done = _each(rows, "renewing", lambda row: preservation.renew_now(deps, row))
    click.echo(f"{done['augmented']} have a new archive time stamp, {done['held']} are below that level, "
               f"{done['waiting']} wait, {done['stuck']} stuck now")
    _end(deps, is_whole=not (missing or done["waiting"] or done["stuck"]))


def _tell_missing(named: tuple[str, ...], found: int, why: str) -> bool:
    missing = max(0, len(set(named)) - found)
    if missing:
        click.echo(f"{missing} of those named are not known, or {why}", err=True)
    return missing > 0


def _each(rows: Sequence[int], doing: str, act: Callable[[int], str]) -> Counter[str]:
    """How many came to which end, with a progress bar meanwhile."""
    return Counter(act(row) for row in track(rows, description=doing, console=Console(stderr=True)))


def _end(deps: Deps, *, is_whole: bool) -> NoReturn:
    deps.cage.close()
    sys.exit(0 if is_whole else 1)


@archive_group.command("check")
@click.argument("document_id")
def check_command(document_id: str) -> None:
    """Validate one document now, with its register entry as proof of existence."""
    deps = prepare(Settings.from_env()).deps
    report = archive.check_again(deps, document_id)
    click.echo(f"{report.indication.value} {report.sub_indication or ''}".strip())
    for one in report.signatures:
        if one.indication is Indication.TOTAL_FAILED:
            click.echo(f"  {one.signer_name}: fails, proves nothing")
            continue
        proven = (f"proven since {shell.local_time(deps, one.proven_at)} by {one.proven_by}"
                  if one.proven_at and one.proven_by else "proven by nothing but this check")
        click.echo(f"  {one.signer_name}: {one.level}, {proven}, "
                   f"certificate then {one.certificate_when_proven}, now {one.certificate_now}")
    click.echo(f"  {with_words(report.explanation, shell.in_english)}")
    deps.cage.close()
    sys.exit(0 if report.passed else 1)


def _tell_next(strange: list[str]) -> None:
    """What an operator does with documents whose authority nobody has confirmed here."""
    if not strange:
        click.echo("next: paraf archive list, and paraf archive check ID, tell what can be proven of each")
        return
    file = shlex.quote(strange[0])
    click.echo(f"{len(strange)} cannot be judged yet, for their authorities are not known here. Next:")
    for command, why in (
        (f"paraf trust candidates {file}", "lists the authorities that the file names; trusts none"),
        ('paraf trust confirm "FINGERPRINT"', "once for each that its owner has published elsewhere"),
        ("paraf trust fetch", "their revocation lists, while they can still be had"),
        ("paraf archive check ID", "what can be proven now; IDs: paraf archive list"),
    ):
        click.echo(f"  {command}\n      {why}")


def _row(deps: Deps, one: ArchivedView) -> tuple[str, ...]:
    held = one.standing
    until = held.provable_until.astimezone(deps.settings.tzinfo).date().isoformat() if (
        held and held.provable_until) else ""
    row = (one.public_id, one.name, shell.local_time(deps, one.recorded_at), one.indication, one.sub_indication,
           held.level if held else "", until, (held.why if held else "") or "")
    return tuple(" ".join(cell.split()) for cell in row)


def _print(deps: Deps, one: ArchivedView) -> None:
    """In a few lines, none of which is cut: names are long, and terminals narrow."""
    public_id, name, recorded, indication, sub_indication, level, until, why = _row(deps, one)
    click.echo(f"{public_id}  {name}")
    click.echo(f"  recorded {recorded}")
    click.echo(f"  {' / '.join(part for part in (indication, sub_indication) if part)}")
    click.echo(f"  level {level or 'none'}" + (f", provable until {until}" if until else "")
               + (f", waits for {why}" if why else ""))


def _as_json(one: ArchivedView) -> dict[str, object]:
    held = one.standing
    return {"id": one.public_id, "name": one.name, "sha256": one.sha256, "size": one.size,
            "recorded_at": one.recorded_at.isoformat(), "indication": one.indication,
            "sub_indication": one.sub_indication or None, "level": held.level if held else None,
            "provable_until": held.provable_until.isoformat() if held and held.provable_until else None,
            "waits_for": (held.why if held else "") or None}
