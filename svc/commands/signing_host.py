"""``paraf signing-host``: the process that holds the keys of batches."""

from __future__ import annotations

import click

from svc import logs
from svc.deps import build_key_holder, signing_host_context
from svc.settings import Settings


def register(group: click.Group) -> None:
    """Add this command to the group."""
    group.add_command(signing_host)


@click.command("signing-host")
def signing_host() -> None:
    """Hold keys of batches, each for one authorisation, for the workers of this machine (and others, by TLS)."""
    from svc.signing_host.process import AlreadyRunning, run  # not for systems without Unix sockets

    settings = Settings.from_env()
    logs.configure(settings)
    context = signing_host_context(settings)
    try:
        run(build_key_holder(settings), settings.signing_host_socket, settings.signing_host_listen, context)
    except (AlreadyRunning, OSError) as error:
        raise click.ClickException(str(error)) from error
