"""What commands share that act in a person's name: who it is, what only that person knows, and how refusals are told.

Secrets are typed at a hidden prompt or read from a file that nobody else can read; never from the command line or the
environment, which other users and the shell's history see.
"""

from __future__ import annotations

import logging
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
from rich.console import Console

from svc import logs, served_address
from svc.actors import SHELL, Actor
from svc.bootstrap import prepare
from svc.catalogues import catalogue_of
from svc.deps import Deps
from svc.errors import AppError, Forbidden, InvalidInput, NotAuthenticated
from svc.roles import is_allowed
from svc.services import accounts
from svc.settings import Settings

STDIN: Final = Path("-")
_LONGEST_LINE: Final = 4096
_NOT_OURS: Final = 0o077
Command = Callable[..., Any]


def open_service(*, other_address: bool = True) -> Deps:
    """What services need, on a folder that was made ready; only what is wrong is logged, to standard error.

    :param other_address: go on, with a warning, where another address is in effect than the one that is served
    :raises click.ClickException: it is another, and was not allowed
    """
    settings = Settings.from_env()
    heed_address(settings, other_address=other_address)
    logs.configure(settings)
    logging.getLogger().setLevel(logging.WARNING)
    return prepare(settings).deps


def heed_address(settings: Settings, *, other_address: bool = True) -> None:
    """Say loudly where another address is in effect than the one that is served. :raises click.ClickException: see
    :func:`open_service`"""
    warning = served_address.warning(settings)
    if warning and not other_address:
        raise click.ClickException(f"{warning}; to write it all the same: --other-address")
    if warning:
        click.echo(f"WARNING: {warning}", err=True)


def with_other_address(command: Command) -> Command:
    """An option that allows another address than the one that is served."""
    return click.option(
        "--other-address", is_flag=True,
        help="Write PARAF_BASE_URL as it is set here, though the service is served at another address.")(command)


def console() -> Console:
    """As wide as the terminal; where there is none, wide enough for a line of a table."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(width=140, highlight=False)


@contextmanager
def refusals_in_a_line() -> Iterator[None]:
    """What a service refuses becomes one line with the code of the error, and exit code 1."""
    try:
        yield
    except AppError as error:
        raise click.ClickException(told(error)) from error


def local_time(deps: Deps, at: datetime) -> str:
    """``2026-11-29 09:00:48 WITA``: the province's time, as its settings name the zone."""
    return f"{at.astimezone(deps.settings.tzinfo):%Y-%m-%d %H:%M:%S %Z}"


def in_english(message: str) -> str:
    """A text of the service in the language of the command line, which is English for everybody; only files that are
    written for people speak theirs."""
    return catalogue_of("en").gettext(message) if message else ""


def told(error: AppError) -> str:
    """The error's words, those of its fields, and its code."""
    texts = list(error.fields.values()) if isinstance(error, InvalidInput) and error.fields else [error.text]
    words = [in_english(text) % error.params if error.params else in_english(text) for text in texts]
    return f"{' '.join(dict.fromkeys(words))} [{error.code}]"


def by_person(command: Command) -> Command:
    """Options that say in whose name a command acts."""
    for option in (
        click.option("--code", default="", metavar="TOTP", help="Code of the second factor, if the account has one."),
        click.option("--password-file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
                     help="Take the password from the first line of this file (-: standard input) and do not ask."),
        click.option("--by", "username", required=True, metavar="USERNAME", help="Whose act it is; asks the password."),
    ):
        command = option(command)
    return command


def log_in(deps: Deps, permission: str, username: str, password_file: Path | None, code: str) -> Actor:
    """The person, who proves it with password and second factor as at the web page.

    :raises AppError: refused. :raises click.ClickException: nothing could be typed, or a second factor is missing
    """
    password = ask_secret(f"Password of {username}", password_file, "--password-file")
    try:
        session_id = accounts.authenticate(deps, username, password, code)
    except accounts.SecondFactorRequired as error:
        session_id = accounts.authenticate_second(deps, error.person_public_id, ask_code("--code"))
    found = accounts.resume(deps, session_id, None)
    if found.needs_totp_enrolment:
        raise click.ClickException(f"{username} must set up a second factor on the web page first")
    ensure_allowed(found.actor, permission)
    return at_shell(found.actor)


def log_in_by_password(deps: Deps, permission: str, username: str, password_file: Path | None) -> Actor:
    """The person by password alone, for an act that asks for the second factor itself; a code is good for once.

    :raises AppError: refused. :raises click.ClickException: nothing could be typed
    """
    password = ask_secret(f"Password of {username}", password_file, "--password-file")
    try:
        actor = accounts.load_actor_by_username(deps, username)
    except NotAuthenticated as error:
        raise accounts.LoginRefused from error
    accounts.confirm_password(deps, actor, password)
    ensure_allowed(actor, permission)
    return at_shell(actor)


def at_shell(actor: Actor) -> Actor:
    """The person as one whose acts were made here, which the audit trail tells."""
    return replace(actor, channel=SHELL)


def person_at_shell(deps: Deps, username: str) -> Actor:
    """Whom the operator of this machine acts for. :raises click.ClickException: no active account of that name"""
    try:
        return at_shell(accounts.load_actor_by_username(deps, username))
    except NotAuthenticated as error:
        raise click.ClickException(f"no active account is called {username}") from error


def ensure_allowed(actor: Actor, permission: str) -> None:
    """The rule that guards the same act on the web. :raises Forbidden: no position held grants it"""
    if not is_allowed(permission, actor.roles):
        raise Forbidden


def can_ask() -> bool:
    """Whether somebody sits there."""
    return sys.stdin.isatty()


def ask_secret(question: str, file: Path | None, option: str) -> str:
    """Read from the file, else asked without showing it. :raises click.ClickException: neither can be had"""
    if file is not None:
        return _first_line(file)
    if not can_ask():
        raise click.ClickException(f"there is no terminal to ask at ({question}); give {option}")
    return str(click.prompt(question, hide_input=True, err=True))


def ask_code(option: str, question: str = "Code of the second factor") -> str:
    """A one-time code, asked. :raises click.ClickException: there is no terminal"""
    if not can_ask():
        raise click.ClickException(f"there is no terminal to ask at ({question}); give {option}")
    return str(click.prompt(question, err=True))


def _first_line(path: Path) -> str:
    try:
        if path == STDIN:
            line = sys.stdin.buffer.readline(_LONGEST_LINE)
        else:
            with path.open("rb") as file:
                _ensure_private(path, file)
                line = file.readline(_LONGEST_LINE)
        text = line.decode("utf-8").rstrip("\r\n")
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{path} is not a text in UTF-8") from error
    if not text:
        raise click.ClickException(f"{'standard input' if path == STDIN else path} holds no secret in its first line")
    return text


def _ensure_private(path: Path, file: BinaryIO) -> None:
    mode = os.fstat(file.fileno()).st_mode
    if os.name == "posix" and stat.S_ISREG(mode) and mode & _NOT_OURS:
        raise click.ClickException(f"{path} can be read by others; first: chmod 600 {path}")
