"""``paraf signer``: make keys in a security module, and register keys that lie elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from certs.errors import CertsError
from svc.bootstrap import prepare
from svc.commands import shell
from svc.deps import Deps, build_deps
from svc.errors import AppError
from svc.services import key_registration, provability, token_keys
from svc.services.certificate_names import NamesAnother
from svc.settings import Settings

_OTHER_NAME = click.option("--other-name", is_flag=True,
                           help="The certificate has another name, and it is this person all the same; recorded.")


def register(group: click.Group) -> None:
    """Add this group to the command."""
    group.add_command(signer)


@click.group()
def signer() -> None:
    """Signing keys outside this service: security module (PKCS#11), CSC service, BSrE."""


@contextmanager
def _failing_in_a_line(where: str) -> Iterator[None]:
    """What a token or service refuses is told in its own words; what was typed, in ours."""
    try:
        yield
    except AppError as error:
        if isinstance(error.__cause__, CertsError):
            raise click.ClickException(f"{where}: {error.__cause__}") from error
        way = "; if it is the same person all the same, say so with --other-name" if isinstance(
            error, NamesAnother) else ""
        raise click.ClickException(f"{shell.told(error)}{way}") from error


def _warn(deps: Deps, credential_id: str) -> None:
    gap = provability.gap_of(deps, credential_id)
    if gap is not None:
        click.echo(f"WARNING: {shell.in_english(gap.text) % gap.params}", err=True)


_PIN_FILE = click.option(
    "--pin-file", type=click.Path(path_type=Path), default=None,
    help="The token's PIN, in a file that only you can read (- is standard input); asked for without it.")


@signer.command("make-key")
@click.argument("token")
@click.argument("label")
@click.option("--kind", default="rsa2048", show_default=True, type=click.Choice(token_keys.KINDS))
@_PIN_FILE
@click.option("--name", required=True, help="Common name for the request.")
@click.option("--organisation", required=True)
@click.option("--csr", "target", required=True, type=click.Path(dir_okay=False, path_type=Path),
              help="Where the certification request (PEM) goes.")
def make_key(token: str, label: str, kind: str, pin_file: Path | None, name: str, organisation: str,
             target: Path) -> None:
    """Make a key pair in TOKEN that never leaves it, and a request to have it certified."""
    pin = shell.ask_secret(f"PIN of token {token}", pin_file, "--pin-file")
    deps = prepare(Settings.from_env()).deps
    with _failing_in_a_line(f"token {token}"):
        request = token_keys.request_certificate(deps, None, token, label, pin, name, organisation, kind)
    target.write_bytes(request)
    click.echo(f"key {label} is in token {token}; have {target} certified, then: paraf signer add-token")


@signer.command("add-token")
@click.argument("username")
@click.argument("token")
@click.argument("label")
@click.argument("certificate", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_PIN_FILE
@_OTHER_NAME
def add_token(username: str, token: str, label: str, certificate: Path, pin_file: Path | None, *,
              other_name: bool) -> None:
    """USERNAME signs with the key LABEL in TOKEN; CERTIFICATE (PEM) is his, followed by those above it.

    It is written into the token, too, if the PIN is given.
    """
    pin = ""
    if pin_file is not None:
        pin = shell.ask_secret(f"PIN of token {token}", pin_file, "--pin-file")
    elif shell.can_ask():
        pin = str(click.prompt("PIN (empty: do not write the certificate into the token)", hide_input=True, default="",
                               show_default=False, err=True))
    deps = build_deps(Settings.from_env())
    actor = shell.person_at_shell(deps, username)
    with _failing_in_a_line(f"token {token}"):
        made = key_registration.register_token_key(deps, actor, actor.person_public_id, token, label,
                                                   certificate.read_bytes(), pin, accepts_name=other_name)
    _warn(deps, made)
    click.echo(f"{username} signs with {label} in {token} from now on")


@signer.command("add-remote")
@click.argument("username")
@click.argument("credential_id")
@click.option("--second-factor", default="", type=click.Choice(key_registration.SECOND_FACTORS),
              help="What signing with it demands here besides.")
@_OTHER_NAME
def add_remote(username: str, credential_id: str, second_factor: str, *, other_name: bool) -> None:
    """USERNAME signs with CREDENTIAL_ID of the CSC service from now on."""
    deps = build_deps(Settings.from_env())
    actor = shell.person_at_shell(deps, username)
    with _failing_in_a_line(f"credential {credential_id}"):
        made = key_registration.register_remote(deps, actor, actor.person_public_id, credential_id, second_factor,
                                                accepts_name=other_name)
    _warn(deps, made)
    click.echo(f"{username} signs with {credential_id} from now on")


@signer.command("add-identity")
@click.argument("username")
@click.option("--nik", "--email", "identity", default="",
              help="Either of them; better typed when asked than on the command line.")
def add_identity(username: str, identity: str) -> None:
    """USERNAME signs with BSrE from now on, which knows him by his NIK or, in version 2, e-mail address; it is sealed
    here."""
    identity = identity or shell.ask_secret("NIK, or e-mail address (version 2)", None, "--nik or --email")
    deps = build_deps(Settings.from_env())
    actor = shell.person_at_shell(deps, username)
    with _failing_in_a_line("BSrE"):
        key_registration.register_identity(deps, actor, actor.person_public_id, identity)
    click.echo(f"{username} signs with BSrE from now on")
