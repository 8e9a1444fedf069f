"""``paraf pki``: the service's own authority."""

from __future__ import annotations

from pathlib import Path

import click

from svc.commands import shell
from svc.deps import build_deps
from svc.services import certification, pki_renewal
from svc.settings import Settings


def register(group: click.Group) -> None:
    """Add this group to the command."""
    group.add_command(pki)


@click.group()
def pki() -> None:
    """The service's own certification authority."""


@pki.command()
@click.option("--all", "is_forced", is_flag=True, help="Also those that last for long (a key is feared lost).")
@click.option("--authority", "extends_authority", is_flag=True, help="Let the authority itself end later, now.")
def renew(is_forced: bool, extends_authority: bool) -> None:
    """New keys for TSA, OCSP and audit signer when a tenth of their certificates' life is left; a later end for the
    authority, with the same keys, when it is two years away.

    Every start of the service does this too. Old certificates stay known, so that what they signed is still
    verified; start the service again afterwards.
    """
    units = pki_renewal.renew(build_deps(Settings.from_env()), is_forced=is_forced, extends_authority=extends_authority)
    for unit in units:
        word = "renewed" if unit.is_renewed else "unchanged"
        click.echo(f"{unit.role:9} {word:9} until {unit.valid_to:%Y-%m-%d}  serial {unit.serial}")


@pki.command()
@click.argument("username")
@click.argument("request", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", "target", required=True, type=click.Path(dir_okay=False, path_type=Path),
              help="Where the certificate goes (PEM), followed by those above it.")
def certify(username: str, request: Path, target: Path) -> None:
    """Certify the key of REQUEST (PKCS#10) as that of USERNAME, by the service's own issuing CA.

    For development and inside the province's own trust, where no provider certifies; the certificate bears the name
    that USERNAME has here. It takes effect once the key is registered: paraf signer add-token.
    """
    deps = build_deps(Settings.from_env())
    with shell.refusals_in_a_line():
        actor = shell.person_at_shell(deps, username)
        target.write_bytes(certification.certify_request(deps, actor, actor.person_public_id, request.read_bytes()))
    click.echo(f"{target}: the certificate of {username} for the key of {request}; then: paraf signer add-token")
