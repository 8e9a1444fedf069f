"""The ``paraf`` command. Each group of subcommands lives in ``svc.commands``."""

from __future__ import annotations

import sys

import click

from svc.commands import (
    archive,
    audit,
    batch,
    batch_sign,
    decrees,
    issue,
    keys,
    operate,
    pki,
    routes,
    signer,
    signing_host,
    simulator,
    trust,
    verify,
)
from svc.errors import AppError
from svc.settings import SettingsError

EXIT_USAGE = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="paraf")
def cli() -> None:
    """Paraf drafts, routes, signs, issues and proves decrees.

    Settings come from the environment (PARAF_…) or a .env file; see docs/operations.md.
    """


for module in (archive, operate, decrees, issue, batch, batch_sign, verify, audit, routes, keys, pki, signer,
               signing_host, simulator, trust):
    module.register(cli)


def main() -> None:
    """Entry point: errors that are the user's to know become one line and exit code 2."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as signal:
        sys.exit(signal.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except (AppError, SettingsError) as error:
        click.echo(f"paraf: {error}", err=True)
        sys.exit(EXIT_USAGE)


if __name__ == "__main__":
    main()
