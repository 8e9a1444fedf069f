"""``paraf batch sign``: the signer's one act over a frozen list, and a bar until the last document is signed."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from svc.actors import Actor
from svc.commands import shell
from svc.commands.batch import batch
from svc.commands.batch_progress import heeding_interrupts, is_over, with_reachable_host, work_through
from svc.deps import Deps
from svc.errors import Conflict
from svc.services import signing_codes
from svc.services.batches import page, signing
from svc.services.batches.page import Speed
from svc.services.batches.signing import SigningList
from svc.services.second_step import SecondStep
from svc.services.signing_keys import STORED, StepUp

EXIT_INTERRUPTED: Final = 130
_SEND: Final = "?"
_OVER: Final = frozenset({"authorisation_over", "authorisation_expired"})


def register(_group: click.Group) -> None:
    """Add this command to the group of batches."""
    batch.add_command(sign)


@dataclass(frozen=True)
class _Desk:
    deps: Deps
    actor: Actor
    username: str
    out: Console
    keeps_key: bool  # the key lies in this process and ends with it


@dataclass
class _Typed:
    """What was said on the command line; a code is good for once."""

    passphrase_file: Path | None
    code: str = field(repr=False)
    sends_code: bool

    def step_up(self, desk: _Desk, shown: SigningList) -> StepUp:
        """What the signer types for this list.

        :raises click.ClickException: it cannot be asked. :raises AppError: the service sends no one-time code
        """
        passphrase = shell.ask_secret(
            f"Signing passphrase or PIN of {desk.username}", self.passphrase_file, "--passphrase-file")
        code, self.code = self.code, ""
        asked = shown.second_step
        if asked.is_demanded and not asked.totp and asked.passkey:
            raise click.ClickException("this signer needs a passkey, which only a browser can touch: sign there")
        if asked.totp and not code:
            code = shell.ask_code("--code")
        is_remote = shown.credential.backend not in {*STORED, "pkcs11"}
        remote = self._remote_code(desk, shown.batch_id) if is_remote else ""
        return StepUp(passphrase, SecondStep(totp=code) if asked.totp else SecondStep(), remote)

    def _remote_code(self, desk: _Desk, batch_id: str) -> str:
        """The code that the signing service sends for one act; which credentials demand one, it alone knows."""
        if not shell.can_ask():
            if self.sends_code:
                raise click.ClickException("there is no terminal to ask at for the code that would be sent")
            return ""
        typed = _SEND if self.sends_code else ""
        while True:
            if typed == _SEND:
                signing_codes.request_code_for_list(desk.deps, desk.actor, batch_id)
                click.echo("a one-time code was requested; look at your phone or mail", err=True)
            typed = str(click.prompt(f"One-time code of the signing service (empty: none; {_SEND}: send one)",
                                     default="", err=True, hide_input=True, show_default=False)).strip()
            if typed != _SEND:
                return typed


@click.command()
@click.argument("batch_id", metavar="ID")
@click.option("--passphrase-file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
              help="Take the passphrase from the first line of this file (-: standard input) and do not ask.")
@click.option("--send-code", is_flag=True,
              help="Have the signing service send a one-time code (CSC, BSrE v2) before it is asked for.")
@shell.by_person
def sign(batch_id: str, passphrase_file: Path | None, username: str, password_file: Path | None, code: str, *,
         send_code: bool) -> None:
    """Authorise a frozen list once and sign it.

    Ctrl-C pauses: what is signed stays signed, and signing again takes what is left. Exit code 0 only if every document
    of the list is signed.
    """
    deps, out = shell.open_service(), shell.console()
    with shell.refusals_in_a_line():
        actor = shell.log_in_by_password(deps, "task.sign", username, password_file)
        reachable = with_reachable_host(deps)
        desk = _Desk(reachable, actor, username, out, keeps_key=reachable is not deps)
        speed = _sign_all(desk, batch_id, _Typed(passphrase_file, code, send_code))
        outcome = _tell_outcome(desk, batch_id, speed)
    sys.exit(outcome)


def _sign_all(desk: _Desk, batch_id: str, typed: _Typed) -> Speed:
    """Act after act, until nothing is left or something stands in the way."""
    while True:
        _catch_up(desk, batch_id)
        speed = page.speed_of(desk.deps, desk.actor, batch_id)
        if speed.status == "finished":  # it was being signed and needed nobody
            return speed
        shown = signing.prepare(desk.deps, desk.actor, batch_id)
        _show(desk.out, shown)
        step_up = typed.step_up(desk, shown)
        with heeding_interrupts() as asked:
            count = signing.authorise(desk.deps, desk.actor, batch_id, shown.lock_version, shown.list_sha256, step_up)
            del step_up
            desk.out.print(f"authorised {count} documents; Ctrl-C pauses")
            speed = work_through(desk.deps, desk.actor, batch_id, desk.out, asked, signs=True)
            if asked.is_set():
                _pause(desk, batch_id)
        if speed.stop_code not in _OVER:
            return speed
        desk.out.print(f"the authorisation is over, {speed.signed} documents are signed; the rest takes another one")


def _catch_up(desk: _Desk, batch_id: str) -> None:
    """Have the list as it shall be signed: laid out for today, and with nobody at it whose process ended."""
    signing.refresh(desk.deps, desk.actor, batch_id)
    with heeding_interrupts() as asked:
        if not is_over(page.speed_of(desk.deps, desk.actor, batch_id)):
            work_through(desk.deps, desk.actor, batch_id, desk.out, asked, signs=True)
        _ensure_goes_on(asked)


def _ensure_goes_on(asked: threading.Event) -> None:
    if asked.is_set():
        raise click.Abort


def _show(out: Console, shown: SigningList) -> None:
    def say(text: str) -> None:
        out.print(text, markup=False, highlight=False, soft_wrap=True)

    say(f"{shown.title} · {shown.kind_title} · by {shown.drafter_name}")
    say(f"You sign {shown.count} documents as {shown.capacity_line}: {shown.first_number} … {shown.last_number}"
        + (f", dated {shown.issued_on:%Y-%m-%d}" if shown.issued_on else ""))
    say(f"List (SHA-256): {shown.list_sha256}  ·  PAdES {shown.level}  ·  {shown.credential.subject}")
    for one in shown.samples:
        say(f"  {one.row_no}. {one.label}  {one.number}")
    for gone in shown.departures:
        say(f"  {gone.rows} rows taken out by {gone.by}: {gone.reason}")
    for name, capacity, _ in shown.parafs:
        say(f"  initialled: {name}, {capacity}")
    if shown.signed or shown.failed:
        say(f"  signed before: {shown.signed}; failed and not in the list: {shown.failed}")


def _pause(desk: _Desk, batch_id: str) -> None:
    try:
        signing.pause(desk.deps, desk.actor, batch_id)
    except Conflict:
        return  # the last document was signed meanwhile
    lives = "" if desk.keeps_key else (
        f", or within the five minutes of this authorisation: paraf batch resume {batch_id} --by {desk.username}")
    desk.out.print(f"paused; what is signed stays signed. To go on: paraf batch sign {batch_id} --by {desk.username}"
                   f"{lives}", markup=False, highlight=False, soft_wrap=True)


def _tell_outcome(desk: _Desk, batch_id: str, speed: Speed) -> int:
    """Say how it stands; the exit code."""
    view = page.load_batch(desk.deps, desk.actor, batch_id)
    total = view.rows - view.counts.get("excluded", 0)
    failed = view.counts.get("failed", 0)
    stopped = f"; stopped: {view.stop_code}" if view.stop_code else ""
    desk.out.print(f"{view.signed} of {total} documents are signed, {failed} failed{stopped}")
    if view.paused_at is not None:
        if view.signed < total and not desk.keeps_key:  # workers elsewhere sign too, and end what they began
            desk.out.print("documents that workers had taken up are still being finished, so more will be signed; "
                           f"how many: paraf batch show {batch_id} --by {desk.username}", markup=False, soft_wrap=True)
        return EXIT_INTERRUPTED
    if failed:
        desk.out.print(f"why: paraf batch show {batch_id} --by {desk.username}; again: "
                       f"paraf batch retry {batch_id} --by {desk.username}", markup=False, soft_wrap=True)
    elif not speed.stop_code:
        desk.out.print(f"all of them: paraf batch zip {batch_id} -o OUT.zip --by {desk.username}; outcome: "
                       f"paraf batch receipt {batch_id} -o OUT.pdf --by {desk.username}", markup=False, soft_wrap=True)
    return 0 if view.signed == total else 1
