"""What the simulators' commands have in common."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import click

from certs.ca import DevelopmentPki
from svc.simulators.authority import write_trust
from svc.simulators.serving import Door


def open_door(host: str, port: int) -> Door:
    """:raises click.ClickException: the address cannot be had"""
    try:
        return Door(host, port)
    except OSError as error:
        raise click.ClickException(f"cannot listen at {host}:{port}: {error.strerror}") from error


def trust(pki: DevelopmentPki, folder: Path | None, purposes: Iterable[str], name: str, now: datetime) -> None:
    """Have it trusted in a service's folder, or say how. :raises click.ClickException: it cannot be written"""
    if folder is None:
        click.echo("nobody trusts its signatures: start it with --trust-dir VAR/trust, the service's folder")
        return
    try:
        write_trust(pki, folder, purposes, name, now)
    except OSError as error:
        raise click.ClickException(f"cannot write {error.filename}: {error.strerror}") from error


def tell_settings(settings: Iterable[tuple[str, str]], base_url: str) -> None:
    """The lines for the service's settings; the last lets it fetch the simulator's revocation lists."""
    click.echo("set for the service:")
    for name, value in (*settings, ("REVOCATION_HOSTS", urlsplit(base_url).hostname)):
        click.echo(f"  PARAF_{name}={value}")
