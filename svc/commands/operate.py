"""``paraf run|web|worker|batch-worker|migrate|health``: starting and watching the service."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import click
from rich.console import Console
from rich.table import Table

from svc import logs, served_address
from svc.batch_worker import run_batch_worker, serve_for_a_moment, step_aside
from svc.bootstrap import Ready, prepare
from svc.deps import Deps, build_celery, build_deps
from svc.health import check
from svc.migrate import upgrade
from svc.server import Supervisor, WebServer
from svc.settings import Settings
from svc.worker import run_worker


def register(group: click.Group) -> None:
    """Add these commands to the group."""
    for command in (run, web, worker, batch_worker, migrate, health):
        group.add_command(command)


@click.command()
def run() -> None:
    """Prepare var/, then serve: web server, worker and signing host together, until Ctrl-C."""
    settings = Settings.from_env()
    _ensure_port_free(settings.bind)
    before = served_address.recall(settings)
    ready = prepare(settings)
    served_address.remember(settings)
    ready.deps.db.dispose()  # the children open their own connections
    _print_welcome(settings, ready)
    if before not in {"", settings.base_url}:
        click.echo(f"before, it was served at {before}: QR codes and certificates made then still name that address",
                   err=True)
    supervisor = Supervisor(holds_keys=settings.signing_host == "unix:" and sys.platform != "win32",
                            # Celery's worker is one child, which forks as many.
                            batch_workers=batch_processes(settings) if settings.engine == "embedded" else 1)
    sys.exit(supervisor.run())


@click.command()
def web() -> None:
    """Serve the web pages only (PARAF_BIND, PARAF_WEB_WORKERS, PARAF_WEB_THREADS)."""
    settings = Settings.from_env()
    served_address.remember(settings)
    WebServer(settings).run()


@click.command()
def worker() -> None:
    """Run outbox, checkpoints, facts and reminders only."""
    _work(run_worker)


@click.command("batch-worker")
def batch_worker() -> None:
    """Work through batches only; run as many as you like, on this host and others.

    With PARAF_ENGINE=celery this is a Celery worker with PARAF_BATCH_WORKERS processes, else it is one process.
    """
    settings = Settings.from_env()
    if settings.engine == "embedded":
        _work(run_batch_worker)
        return
    logs.configure(settings)
    build_deps(settings).db.dispose()  # what is wrong with settings or keys shows here, once
    sys.exit(build_celery(settings).work(partial(_make_handler, settings), batch_processes(settings)))


def _make_handler(settings: Settings) -> Callable[[str, str], bool]:
    """Built in each process after the fork: connections and open files are nobody's but its own."""
    deps = build_deps(settings)
    step_aside(deps)
    return partial(serve_for_a_moment, deps)


def batch_processes(settings: Settings) -> int:
    """How many processes of this host work through batches."""
    return settings.batch_workers or os.cpu_count() or 1


def _work(loop: Callable[[Deps, threading.Event], None]) -> None:
    """Run a worker's loop until a signal comes."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    settings = Settings.from_env()
    logs.configure(settings)
    deps = build_deps(settings)
    try:
        loop(deps, stop)
    finally:
        deps.db.dispose()


@click.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    upgrade(Settings.from_env().effective_database_url)
    click.echo("database is up to date")


@click.command()
def health() -> None:
    """Say as JSON whether every part of the service answers; exit code 1 if one does not."""
    report = check(build_deps(Settings.from_env()))
    click.echo(json.dumps(asdict(report), indent=2, default=str))
    sys.exit(0 if report.is_healthy else 1)


def _ensure_port_free(bind: str) -> None:
    """Say so before anything is started when the address is taken. :raises click.ClickException: it is"""
    host, _, port = bind.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            raise click.ClickException(
                f"{bind} cannot be used ({error.strerror}); choose another by PARAF_BIND and PARAF_BASE_URL") from error


def _print_welcome(settings: Settings, ready: Ready) -> None:
    console = Console()
    console.print(f"\n[bold]Paraf[/bold] is starting on [bold cyan]http://{settings.bind}[/]  (Ctrl-C stops it)")
    console.print(f"Data: {settings.var_dir}  ·  health: http://{settings.bind}/health")
    if not ready.accounts:
        return
    table = Table(title=f"Demo accounts of the fictional province {settings.province}", title_justify="left")
    for heading in ("role", "user name", "signs", "position"):  # what is the same for all would leave these no room
        table.add_column(heading, no_wrap=heading != "position")
    for account in ready.accounts:
        table.add_row(account.role, account.username, "yes" if account.passphrase else "–", account.position)
    console.print(table)
    for name, found in (("password", {one.password for one in ready.accounts}),
                        ("signing passphrase", {one.passphrase for one in ready.accounts if one.passphrase})):
        console.print(f"{name} of all: {', '.join(sorted(found))}", markup=False, soft_wrap=True)
