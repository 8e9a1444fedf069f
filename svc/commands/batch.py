"""``paraf batch``: what people do with batches, from the shell, through the same services as the pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from svc.actors import Actor
from svc.commands import shell
from svc.commands.batch_progress import WORKS, heeding_interrupts, waits_for, work_through
from svc.commands.issue import address, write_out
from svc.deps import Deps
from svc.services.batches import issuing, lists, page, receipts, results, retrying, review, signing
from svc.services.batches.page import BatchView

_SHOWN_ROWS: Final = 20
_MOST_TYPED: Final = 10_000
_RANGE: Final = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")
_REASON = click.option("--reason", required=True, help="Recorded, and read by the drafter.")


def register(group: click.Group) -> None:
    """Add this group to the command."""
    group.add_command(batch)


@click.group()
def batch() -> None:
    """Batches: look at them, initial, sign, pause, go on, and fetch the results. To begin one: paraf issue."""


@batch.command("list")
@shell.by_person
def list_all(username: str, password_file: Path | None, code: str) -> None:
    """The newest batches that USERNAME may see."""
    deps, out = shell.open_service(), shell.console()
    with shell.refusals_in_a_line():
        actor = shell.log_in(deps, "decree.list", username, password_file, code)
        found = lists.list_batches(deps, actor)
    table = Table()
    for heading in ("batch", "title", "kind", "rows", "state", "drafter", "made"):
        table.add_column(heading, no_wrap=heading == "batch", justify="right" if heading == "rows" else "left")
    for one in found.items:
        made = one.created_at.astimezone(deps.settings.tzinfo)
        table.add_row(one.batch_id, Text(one.title), one.kind, str(one.rows),
                      _state(one.status, one.work, one.stop_code), Text(one.drafter_name), f"{made:%Y-%m-%d %H:%M}")
    out.print(table)
    if found.next_cursor:
        out.print(f"older ones: {deps.settings.base_url}/batches", markup=False)


@batch.command()
@click.argument("batch_id", metavar="ID")
@shell.by_person
def show(batch_id: str, username: str, password_file: Path | None, code: str) -> None:
    """How a batch stands, and why rows failed."""
    deps, out = shell.open_service(), shell.console()
    with shell.refusals_in_a_line():
        actor = shell.log_in(deps, "decree.view", username, password_file, code)
        _tell(deps, actor, batch_id, out)


@batch.command()
@click.argument("batch_id", metavar="ID")
@shell.by_person
@click.option("--yes", is_flag=True, help="Do not ask once more.")
def approve(batch_id: str, username: str, password_file: Path | None, code: str, *, yes: bool) -> None:
    """Initial every decree of a batch; after the last initials come numbers and layout."""
    deps, out = shell.open_service(), shell.console()
    with shell.refusals_in_a_line():
        actor = shell.log_in(deps, "task.approve", username, password_file, code)
        view = page.load_batch(deps, actor, batch_id)
        live = view.counts.get("live", 0)
        if not yes and view.actions.approve and shell.can_ask():
            click.confirm(f"Initial {live} decrees of “{view.title}” as {waits_for(view)}?", abort=True, err=True)
        review.approve(deps, actor, batch_id, view.lock_version)
        _work(deps, actor, batch_id, out)


@batch.command()
@click.argument("batch_id", metavar="ID")
@click.argument("rows")
@_REASON
@shell.by_person
def exclude(batch_id: str, rows: str, reason: str, username: str, password_file: Path | None, code: str) -> None:
    """Take ROWS (such as 3,7-12) out: they return to the drafter, the rest goes on."""
    chosen = _rows(rows)
    _act(batch_id, username, password_file, code, "task.approve",
         lambda deps, actor, view: review.exclude_rows(deps, actor, batch_id, view.lock_version, chosen, reason))


@batch.command()
@click.argument("batch_id", metavar="ID")
@shell.by_person
def pause(batch_id: str, username: str, password_file: Path | None, code: str) -> None:
    """Take up no further documents for signing."""
    _act(batch_id, username, password_file, code, "task.view",
         lambda deps, actor, _view: signing.pause(deps, actor, batch_id))


@batch.command()
@click.argument("batch_id", metavar="ID")
@shell.by_person
def resume(batch_id: str, username: str, password_file: Path | None, code: str) -> None:
    """Go on signing after a pause, while the authorisation lives and its key is held; else: paraf batch sign."""
    _act(batch_id, username, password_file, code, "task.view",
         lambda deps, actor, _view: signing.resume(deps, actor, batch_id))


@batch.command()
@click.argument("batch_id", metavar="ID")
@_REASON
@shell.by_person
def cancel(batch_id: str, reason: str, username: str, password_file: Path | None, code: str) -> None:
    """End signing: what is signed stays signed, the rest goes back to the drafter."""
    _act(batch_id, username, password_file, code, "task.view",
         lambda deps, actor, _view: signing.cancel(deps, actor, batch_id, reason))


@batch.command()
@click.argument("batch_id", metavar="ID")
@shell.by_person
def retry(batch_id: str, username: str, password_file: Path | None, code: str) -> None:
    """Do failed rows again at the work in which they failed: drafter, signer, or the official whose paraf failed."""
    _act(batch_id, username, password_file, code, "task.view",
         lambda deps, actor, view: retrying.retry(deps, actor, batch_id, view.lock_version))


@batch.command()
@click.argument("batch_id", metavar="ID")
@shell.by_person
def send(batch_id: str, username: str, password_file: Path | None, code: str) -> None:
    """Send out what was signed and is not out yet: after --no-issue, also when signing was ended early."""
    _act(batch_id, username, password_file, code, "decree.draft",
         lambda deps, actor, view: issuing.issue(deps, actor, batch_id, view.lock_version))


@batch.command("zip")
@click.argument("batch_id", metavar="ID")
@shell.by_person
@click.option("-o", "target", required=True, metavar="OUT.zip", type=click.Path(dir_okay=False, path_type=Path))
@shell.with_other_address
def zip_all(batch_id: str, target: Path, username: str, password_file: Path | None, code: str, *,
            other_address: bool) -> None:
    """All signed documents, and a list of all rows."""
    deps = shell.open_service(other_address=other_address)
    with shell.refusals_in_a_line():
        actor = shell.log_in(deps, "decree.view", username, password_file, code)
        results.archive_name(deps, actor, batch_id)
        size = _write_archive(deps, actor, batch_id, target)
    click.echo(f"{target}: {size} bytes")


@batch.command()
@click.argument("batch_id", metavar="ID")
@shell.by_person
@click.option("-o", "target", required=True, metavar="OUT.pdf", type=click.Path(dir_okay=False, path_type=Path))
def receipt(batch_id: str, target: Path, username: str, password_file: Path | None, code: str) -> None:
    """The outcome of every row as a signed PDF."""
    deps = shell.open_service()
    with shell.refusals_in_a_line():
        actor = shell.log_in(deps, "decree.view", username, password_file, code)
        page.load_batch(deps, actor, batch_id)
        receipts.make_wanted(deps, batch_id)  # if no worker came to it yet
        made = receipts.read_receipt(deps, actor, batch_id)
    write_out(target, made.pdf)
    click.echo(f"{target}: SHA-256 {made.sha256}")


def _act(batch_id: str, username: str, password_file: Path | None, code: str, permission: str,
         order: Callable[[Deps, Actor, BatchView], object]) -> None:
    """Have something done in a person's name, work on what follows, and say how the batch stands then."""
    deps, out = shell.open_service(), shell.console()
    with shell.refusals_in_a_line():
        actor = shell.log_in(deps, permission, username, password_file, code)
        order(deps, actor, page.load_batch(deps, actor, batch_id))
        _work(deps, actor, batch_id, out)


def _work(deps: Deps, actor: Actor, batch_id: str, out: Console) -> None:
    with heeding_interrupts() as asked:
        work_through(deps, actor, batch_id, out, asked)
    _tell(deps, actor, batch_id, out)


def _tell(deps: Deps, actor: Actor, batch_id: str, out: Console) -> None:
    view = page.load_batch(deps, actor, batch_id)
    failed = page.load_rows(deps, actor, batch_id, state="failed", most=_SHOWN_ROWS)

    def say(text: str) -> None:
        out.print(text, markup=False, highlight=False, soft_wrap=True)

    say(f"{view.title} · {view.kind_title} · {view.unit_name} · {view.drafter_name}")
    say(address(deps, batch_id))
    state = _state(view.status, view.progress.work, view.stop_code, paused=view.paused_at is not None)
    counts = [f"{count} {name}" for name, count in sorted(view.counts.items())]
    say(", ".join([state, *counts, f"{view.signed} signed"]))
    if words := waits_for(view):
        say(f"waits for {words}")
    for one in failed:
        say(f"row {one.row_no} failed: {one.label} [{one.error_code}]")
    if view.counts.get("failed", 0) > len(failed):
        say("and more rows")


def _state(status: str, work: str, stop_code: str, *, paused: bool = False) -> str:
    if work and stop_code:
        return f"{WORKS.get(work, work)}: stopped ({stop_code})"
    if work:
        return f"{WORKS.get(work, work)}{': paused' if paused else ''}"
    return status


def _rows(text: str) -> list[int]:
    chosen: set[int] = set()
    for part in text.replace(" ", "").split(","):
        found = _RANGE.fullmatch(part)
        if found is None or int(found[2] or found[1]) - int(found[1]) >= _MOST_TYPED:
            raise click.BadParameter("write rows such as 3,7-12", param_hint="ROWS")
        chosen.update(range(int(found[1]), int(found[2] or found[1]) + 1))
    return sorted(chosen)


def _write_archive(deps: Deps, actor: Actor, batch_id: str, target: Path) -> int:
    """Written beside its place and moved there when it is whole; its size."""
    part = target.with_name(f"{target.name}.part")
    size = 0
    try:
        with part.open("wb") as file:
            for piece in results.archive(deps, actor, batch_id):
                size += file.write(piece)
        part.replace(target)
    except OSError as error:
        raise click.ClickException(f"{target} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return size
