"""``paraf keys`` and ``paraf admin``: server key and the first administrator."""

from __future__ import annotations

import base64
import secrets

import click

from svc.deps import build_deps
from svc.services import credentials, people
from svc.settings import Settings

_KEY_BYTES = 32


def register(group: click.Group) -> None:
    """Add these groups to the command."""
    group.add_command(keys)
    group.add_command(admin)


@click.group()
def keys() -> None:
    """The server key that wraps all keys at rest."""


@keys.command()
def generate() -> None:
    """Print a new server key (base64) for PARAF_SERVER_KEY."""
    click.echo(base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode())


@keys.command()
@click.option("--new-key", envvar="NEW_PARAF_SERVER_KEY", prompt="New server key (base64)", hide_input=True,
              help="Better given by the prompt or the environment than on the command line.")
def rotate(new_key: str) -> None:
    """Wrap everything anew under another server key. No passphrase is needed; a broken run can be repeated."""
    key = base64.b64decode(new_key, validate=True)
    count = credentials.rotate_server_key(build_deps(Settings.from_env()), key)
    click.echo(f"{count} secrets are now under the new key; set PARAF_SERVER_KEY to it and start again")


@click.group()
def admin() -> None:
    """Accounts from the shell."""


@admin.command()
@click.option("--username", prompt=True)
@click.option("--name", prompt=True)
@click.option("--email", prompt=True)
@click.password_option("--password")
def create(username: str, name: str, email: str, password: str) -> None:
    """Create an administrator (the first account of a production service)."""
    people.create_first_admin(build_deps(Settings.from_env()), username, name, email, password)
    click.echo(f"administrator {username} can log in now")
