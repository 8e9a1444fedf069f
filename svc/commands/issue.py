"""``paraf issue``: a sheet becomes a batch of decrees, as on the pages of batches, with every bad row named first."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from svc.actors import Actor
from svc.catalogues import catalogue_of
from svc.commands import shell
from svc.commands.batch_progress import heeding_interrupts, waits_for, watch, work_through
from svc.deps import Deps
from svc.errors import AppError
from svc.kinds import Kind, KindCatalogue
from svc.services.batches import drafting, page, rehearsal, uploads
from svc.services.batches.model import MOST_ROWS
from svc.services.batches.page import RowItem
from svc.sheet_columns import EMAIL_COLUMN, columns_of
from svc.sheets_write import FaultyRow, faulty_rows_xlsx

EXIT_FAULTY: Final = 2
_SHOWN_ROWS: Final = 30
_REASON: Final = "Diperiksa dari baris perintah; tidak diajukan."


def register(group: click.Group) -> None:
    """Add this command to the group."""
    group.add_command(issue)


@dataclass(frozen=True)
class _Sheet:
    """What is to be issued: the file, how it is called, and which column is what where that was said."""

    kind: Kind
    name: str
    data: bytes
    title: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class _Desk:
    """Who works where."""

    deps: Deps
    actor: Actor
    out: Console
    asked: threading.Event


@click.command()
@click.argument("kind_id", metavar="KIND")
@click.argument("file", type=click.Path(path_type=Path))
@shell.by_person
@click.option("--title", default="", help="Name of the batch; default: kind and file.")
@click.option("--column", "columns", multiple=True, metavar="HEADING=FIELD",
              help="Take this column of the sheet for that field; may be given again. Others are found by their names.")
@click.option("--faulty", "target", metavar="OUT.xlsx", type=click.Path(dir_okay=False, path_type=Path),
              help="Write all faulty rows there, to be mended and issued again.")
@click.option("--dry-run", is_flag=True, help="Only check the rows; nothing is made or kept.")
@click.option("--keep-draft", is_flag=True, help="Leave the draft there when rows are faulty, to be mended on the web.")
@click.option("--no-issue", is_flag=True, help="Do not send out what is signed; its drafter does that later.")
@click.option("--wait", is_flag=True, help="Stay until everything is signed.")
@shell.with_other_address
def issue(kind_id: str, file: Path, username: str, password_file: Path | None, code: str, *, title: str,
          columns: tuple[str, ...], target: Path | None, dry_run: bool, keep_draft: bool, no_issue: bool,
          wait: bool, other_address: bool) -> None:
    """Make decrees of KIND from the rows of FILE (CSV or XLSX) and submit them together.

    Exit code 2 when rows are faulty: nothing is made then, and each is named with its reason.
    """
    if dry_run and keep_draft:
        raise click.UsageError("--dry-run makes no draft that --keep-draft could leave")
    kind = _kind(kind_id)
    sheet = _Sheet(kind, file.name, _read(file), title or f"{kind.short_title} {file.stem}"[:200], _pairs(columns))
    deps, out = shell.open_service(other_address=other_address), shell.console()
    with shell.refusals_in_a_line():
        actor = shell.log_in(deps, "decree.draft", username, password_file, code)
        with heeding_interrupts() as asked:
            desk = _Desk(deps, actor, out, asked)
            if dry_run:
                _rehearse(desk, sheet, target)
                return
            batch_id = drafting.create(deps, actor, kind.id, sheet.title)
            try:
                faulty = _check(desk, batch_id, sheet)
            except (AppError, click.ClickException):
                _discard(desk, batch_id)
                raise
            _ensure_not_interrupted(desk, batch_id)
            if faulty:
                _tell_faulty(desk, kind, page.load_faulty_data(deps, actor, batch_id, MOST_ROWS), target)
                _end_faulty(desk, batch_id, keep_draft=keep_draft)
            _submit(desk, batch_id, auto_issue=not no_issue)
            if wait:
                watch(deps, actor, batch_id, out, asked)
                _ensure_not_interrupted(desk, batch_id)
            _tell_where(desk, batch_id)


def _kind(kind_id: str) -> Kind:
    kinds = {kind.id: kind for kind in KindCatalogue.load().written() if not kind.chosen}
    if kind_id not in kinds:
        raise click.BadParameter(f"no kind {kind_id!r} is issued from a sheet; there are: {', '.join(sorted(kinds))}",
                                 param_hint="KIND")
    return kinds[kind_id]


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise click.BadParameter(f"{file} cannot be read: {error.strerror}", param_hint="FILE") from error


def _pairs(columns: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in columns:
        heading, sign, path = text.rpartition("=")
        if not sign or not heading.strip() or not path.strip():
            raise click.BadParameter(f"{text!r} is not HEADING=FIELD", param_hint="--column")
        found[heading.strip()] = path.strip()
    return found


def _check(desk: _Desk, batch_id: str, sheet: _Sheet) -> int:
    """Receive the sheet, tell its columns apart and check its rows; how many are faulty."""
    sha256 = uploads.receive(desk.deps, desk.actor, batch_id, sheet.name, sheet.data)
    view = uploads.load_sheet(desk.deps, desk.actor, batch_id, sha256)
    mapping = _mapping(view, sheet)
    count = uploads.take(desk.deps, desk.actor, batch_id, sha256, view.lock_version, mapping)
    _tell_columns(desk, sheet, view, mapping, count)
    work_through(desk.deps, desk.actor, batch_id, desk.out, desk.asked)
    return page.load_batch(desk.deps, desk.actor, batch_id).counts.get("invalid", 0)


def _rehearse(desk: _Desk, sheet: _Sheet, target: Path | None) -> None:
    """Check the rows and make nothing, not even a draft; ends with code 2 when some are faulty."""
    opened = rehearsal.read(desk.deps, desk.actor, sheet.kind.id, sheet.name, sheet.data)
    mapping = _mapping(opened.view, sheet)
    found = rehearsal.check(desk.deps, opened, mapping, desk.asked.is_set)
    if desk.asked.is_set():
        desk.out.print(f"interrupted after {found.rows} rows; nothing was made")
        raise click.Abort
    _tell_columns(desk, sheet, opened.view, mapping, found.rows)
    if found.faulty:
        _tell_faulty(desk, sheet.kind, found.faulty, target)
        desk.out.print(f"faulty: {len(found.faulty)} of {found.rows} rows; nothing was made", soft_wrap=True)
        sys.exit(EXIT_FAULTY)
    desk.out.print("no row is faulty; nothing was made", soft_wrap=True)


def _tell_columns(desk: _Desk, sheet: _Sheet, view: uploads.SheetView, mapping: Mapping[str, str], count: int) -> None:
    unused = [one.text for one in view.headings if one.text and one.text not in mapping]
    desk.out.print(f"{count} rows in {sheet.name}, {len(mapping)} columns taken" +
                   (f"; not used: {', '.join(unused)}" if unused else ""), markup=False)
    if view.left_out:
        desk.out.print(f"only the sheet {view.sheet!r} was read; left out: {', '.join(view.left_out)}", markup=False)


def _mapping(view: uploads.SheetView, sheet: _Sheet) -> dict[str, str]:
    """The suggested columns, and over them those that were named. :raises click.ClickException: one does not fit"""
    headings, fields = [one.text for one in view.headings], {one.path: one.path for one in view.columns}
    fields |= {one.title: one.path for one in view.columns}
    for heading, field in sheet.columns.items():
        if heading not in headings:
            raise click.BadParameter(f"no column {heading!r} in {sheet.name}; there are: {', '.join(headings)}",
                                     param_hint="--column")
        if field not in fields:
            raise click.BadParameter(f"{sheet.kind.id} has no field {field!r}; there are: "
                                     + ", ".join(one.path for one in view.columns), param_hint="--column")
    named = {heading: fields[field] for heading, field in sheet.columns.items()}
    taken = set(named.values())
    return {**{one.text: one.path for one in view.headings if one.path and one.path not in taken}, **named}


def _tell_faulty(desk: _Desk, kind: Kind, rows: Sequence[rehearsal.FaultyData], target: Path | None) -> None:
    titles = _titles(kind, shell.in_english)
    table = Table()
    for heading in ("row", "line", "field", "reason"):  # rows as the pages count them, lines as the file does
        table.add_column(heading, no_wrap=heading in {"row", "line"}, overflow="fold")
    for item, _, _ in rows[:_SHOWN_ROWS]:
        for one in item.problems:
            table.add_row(str(item.row_no), str(item.line_no), Text(titles.get(one.path, one.path)),
                          Text(one.said(shell.in_english)))
    desk.out.print(table)
    if len(rows) > _SHOWN_ROWS:
        hint = "" if target else "; all of them: --faulty OUT.xlsx"
        desk.out.print(f"and {len(rows) - _SHOWN_ROWS} more rows{hint}")
    if target is not None:
        say = catalogue_of(desk.actor.locale).gettext  # the file goes to people, so it speaks the language of this one
        titles = _titles(kind, say)
        sheet = [FaultyRow(item.line_no, data, tuple(_problems(titles, item, say)), email)
                 for item, data, email in rows]
        write_out(target, faulty_rows_xlsx(kind, sheet))
        desk.out.print(f"faulty rows written to {target}: {len(rows)}", markup=False)


def _titles(kind: Kind, say: Callable[[str], str]) -> dict[str, str]:
    return {one.path: say(one.title) for one in (EMAIL_COLUMN, *columns_of(kind))}


def _problems(titles: Mapping[str, str], item: RowItem, say: Callable[[str], str]) -> Iterator[str]:
    for one in item.problems:
        yield f"{titles.get(one.path, one.path)}: {one.said(say)}" if one.path else one.said(say)


def _end_faulty(desk: _Desk, batch_id: str, *, keep_draft: bool) -> None:
    counts = page.load_batch(desk.deps, desk.actor, batch_id).counts
    said = f"{counts.get('invalid', 0)} of {sum(counts.values())} rows are faulty; nothing was made"
    if keep_draft:
        desk.out.print(f"{said}. The draft can be mended: {address(desk.deps, batch_id)}", markup=False)
    else:
        desk.out.print(f"{said}, and the batch stays in the list as cancelled", soft_wrap=True)
        _discard(desk, batch_id)
    sys.exit(EXIT_FAULTY)


def _submit(desk: _Desk, batch_id: str, *, auto_issue: bool) -> None:
    view = page.load_batch(desk.deps, desk.actor, batch_id)
    try:
        drafting.submit(desk.deps, desk.actor, batch_id, view.lock_version, auto_issue=auto_issue)
    except AppError:
        _discard(desk, batch_id)
        raise
    work_through(desk.deps, desk.actor, batch_id, desk.out, desk.asked)
    _ensure_not_interrupted(desk, batch_id)


def _tell_where(desk: _Desk, batch_id: str) -> None:
    view = page.load_batch(desk.deps, desk.actor, batch_id)
    waiting = waits_for(view)
    desk.out.print(f"batch {batch_id}  {address(desk.deps, batch_id)}", markup=False, soft_wrap=True)
    desk.out.print(f"{view.counts.get('live', 0)} decrees, {view.signed} of them signed, "
                   f"{view.counts.get('failed', 0)} failed; " + (f"waits for {waiting}" if waiting else view.status),
                   markup=False, soft_wrap=True)


def _discard(desk: _Desk, batch_id: str) -> None:
    """Throw the draft away; one that is worked on elsewhere stays."""
    try:
        view = page.load_batch(desk.deps, desk.actor, batch_id)
        drafting.discard(desk.deps, desk.actor, batch_id, view.lock_version, _REASON)
    except AppError as error:
        desk.out.print(f"the draft {batch_id} stays: {shell.told(error)}", markup=False)


def _ensure_not_interrupted(desk: _Desk, batch_id: str) -> None:
    """:raises click.Abort: Ctrl-C was pressed; what was begun goes on wherever workers run"""
    if desk.asked.is_set():
        desk.out.print(f"interrupted; batch {batch_id} stays as it is: {address(desk.deps, batch_id)}", markup=False)
        raise click.Abort


def address(deps: Deps, batch_id: str) -> str:
    """The batch's page."""
    return f"{deps.settings.base_url}/batches/{batch_id}"


def write_out(target: Path, data: bytes) -> None:
    """Write a file of results. :raises click.ClickException: it cannot be written"""
    try:
        target.write_bytes(data)
    except OSError as error:
        raise click.ClickException(f"{target} cannot be written: {error.strerror}") from error
