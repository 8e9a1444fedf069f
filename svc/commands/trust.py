"""``paraf trust``: whose certificates are believed, and what they say of revocation."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from svc.bootstrap import prepare
from svc.deps import Deps
from svc.errors import NotFound
from svc.services import anchors, revocation_fetch, trusted_lists
from svc.settings import Settings

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_PURPOSE = click.Choice(anchors.PURPOSES)


def register(group: click.Group) -> None:
    """Add this group to the command."""
    group.add_command(trust)


@click.group()
def trust() -> None:
    """Authorities of others: candidates until their fingerprint is confirmed, each for one purpose."""


@trust.command()
@click.argument("file", type=_FILE)
@click.option("--purpose", type=_PURPOSE, required=True, help="What it is to be trusted for.")
@click.option("--source", default="", help="Where it comes from (default: the file's name).")
def add(file: Path, purpose: str, source: str) -> None:
    """Put CA certificates (PEM or DER) on the list as candidates."""
    _show(anchors.add(_deps(), None, file.read_bytes(), purpose, source or file.name))


@trust.command()
@click.argument("pdf", type=_FILE)
def candidates(pdf: Path) -> None:
    """Put the CA certificates that a signed PDF carries on the list as candidates. It trusts none of them."""
    deps = _deps()
    found = anchors.offer_from(deps, None, pdf.read_bytes(), pdf.name)
    deps.cage.close()
    _show(found)
    if any(one.status == "candidate" for one in found):
        click.echo('next: compare each with what its owner has published elsewhere, then '
                   'paraf trust confirm "FINGERPRINT"')
    elif not found:
        click.echo("this file carries no certificate of an authority", err=True)


@trust.command("import-list")
@click.argument("xml", type=_FILE)
@click.option("--operator", type=_FILE, required=True,
              help="Certificate (PEM or DER) of the scheme operator who signs the list; you vouch for it.")
@click.option("--confirm", "is_confirmed", is_flag=True, help="Trust its authorities at once, by that signature.")
def import_list(xml: Path, operator: Path, is_confirmed: bool) -> None:
    """Take in the authorities that a trusted list (ETSI TS 119 612, XML) says are granted; needs paraf[eutl].

    CAs for qualified certificates count for signers, those for qualified time stamps for stamps. A later issue of the
    same list withdraws what stands on it no more.
    """
    taken = trusted_lists.take_in(_deps(), xml.read_bytes(), operator.read_bytes(), is_confirmed=is_confirmed)
    _show(taken.listed)
    click.echo(f"{taken.territory}, number {taken.sequence} of {taken.issued_at:%Y-%m-%d}: {len(taken.listed)} listed, "
               f"{len(taken.withdrawn)} withdrawn, {taken.left_out} left out")
    for one in taken.withdrawn:
        click.echo(f"  stands on it no more: {one.purpose} {one.subject}", err=True)
    click.echo(f"next issue due: {taken.next_update:%Y-%m-%d}")
    if any(one.status == "candidate" for one in taken.listed):
        click.echo('next: paraf trust confirm "FINGERPRINT" for those that matter, or the same again with --confirm')


@trust.command("list")
def list_command() -> None:
    """All certificates with status, purpose and SHA-256 fingerprint; those in var/trust last."""
    deps = _deps()
    _show(anchors.list_all(deps, None))
    for one in anchors.list_in_folders(deps, None):
        _line("trusted", one, f"var/trust/{one.place}")


@trust.command()
@click.argument("fingerprint")
@click.option("--purpose", type=_PURPOSE, default=None, help="Which entry, where there are several.")
def confirm(fingerprint: str, purpose: str | None) -> None:
    """Trust a candidate. FINGERPRINT is the one its authority publishes, or at least its last 16 digits."""
    deps = _deps()
    found = _find(deps, fingerprint, purpose or "")
    _show([anchors.confirm(deps, None, found.public_id, fingerprint)])
    click.echo("next: paraf trust fetch, for its revocation lists")


@trust.command()
@click.argument("fingerprint")
@click.option("--purpose", type=_PURPOSE, default=None, help="Which entry, where there are several.")
def withdraw(fingerprint: str, purpose: str | None) -> None:
    """Trust a certificate no longer."""
    deps = _deps()
    found = _find(deps, fingerprint, purpose or "")
    _show([anchors.withdraw(deps, None, found.public_id)])


@trust.command()
def fetch() -> None:
    """Fetch revocation lists of the confirmed authorities now. Exit code 1 if not all were to be had."""
    report = revocation_fetch.refresh(_deps())
    click.echo(f"{report.new} new, {report.known} known, {len(report.failed)} failed")
    for line in report.failed:
        click.echo(f"  {line}", err=True)
    for name in report.unnamed:
        click.echo(f"  not asked: the certificate of {name} names no address of a list or responder", err=True)
    if not (report.new or report.known or report.failed):
        click.echo("nothing was there to fetch for the confirmed authorities. Lists that speak of a document's signers "
                   "are fetched when its preservation is due: keep paraf run or paraf worker running, then "
                   "paraf archive list says what each waits for", err=True)
    if not report.is_complete:
        click.echo("the time of one round was over: run it again for the rest", err=True)
    sys.exit(1 if report.failed or not report.is_complete else 0)


def _find(deps: Deps, fingerprint: str, purpose: str) -> anchors.AnchorView:
    """:raises click.ClickException: none on the list has it"""
    try:
        return anchors.find(deps, None, fingerprint, purpose)
    except NotFound as error:
        raise click.ClickException(
            f'no certificate on the list has the fingerprint "{fingerprint}" (all of it, or at least its last 16 '
            "digits); paraf trust list shows all, paraf trust candidates FILE.pdf adds those of a file") from error


def _deps() -> Deps:
    return prepare(Settings.from_env()).deps


def _show(found: Iterable[anchors.AnchorView]) -> None:
    for one in found:
        _line(one.status, one, one.source)


def _line(status: str, one: anchors.AnchorView | anchors.FolderAnchor, source: str) -> None:
    click.echo(f"{status:9}  {one.purpose:12}  until {one.valid_to:%Y-%m-%d}  {one.subject}")
    click.echo(f"           {one.fingerprint}  ({source})")
