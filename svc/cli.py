"""The ``paraf`` command. Each group of subcommands lives in ``svc.commands``."""

from __future__ import annotations

import sys

import click
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from svc import logs
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
    shell,
    signer,
    signing_host,
    simulator,
    trust,
    verify,
)
from svc.errors import AppError
from svc.settings import SettingsError

EXIT_FAILED, EXIT_USAGE = 1, 2
_NO_TABLE = ("no such table", "no such column", "does not exist")  # SQLite's words, and PostgreSQL's


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="paraf")
def cli() -> None:
    """Paraf drafts, routes, signs, issues and proves decrees.

    Settings come from the environment (PARAF_…) or a .env file; see docs/operations.md.
    """
    logs.keep_out_of_output()


for module in (archive, operate, decrees, issue, batch, batch_sign, verify, audit, routes, keys, pki, signer,
               signing_host, simulator, trust):
    module.register(cli)


def main() -> None:
    """Entry point: errors that are the user's to know become one line. Exit code 2 for what was asked wrongly, 1 where
    the database is away or not ready."""
    try:
        # Without standalone mode click gives back the code that --help, --version and ctx.exit() end with.
        outcome = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except (AppError, SettingsError) as error:
        click.echo(f"paraf: {shell.told(error) if isinstance(error, AppError) else error}", err=True)
        sys.exit(EXIT_USAGE)
    except (OperationalError, ProgrammingError) as error:
        what_to_do = _database_words(error)
        if not what_to_do:
            raise
        click.echo(f"paraf: {what_to_do}", err=True)
        sys.exit(EXIT_FAILED)
    sys.exit(outcome if isinstance(outcome, int) else 0)


def _database_words(error: DBAPIError) -> str:
    """What is wrong with the database and what to do; empty where it is a fault of ours."""
    said = str(error.orig).strip().partition("\n")[0]
    if any(mark in said for mark in _NO_TABLE):
        return f"the database has not the tables of this version ({said}); run: paraf migrate"
    if isinstance(error, OperationalError):
        return f"the database does not answer ({said}); check that it runs, and PARAF_DATABASE_URL"
    return ""


if __name__ == "__main__":
    main()
