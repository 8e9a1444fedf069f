"""Services prepared once and copied for each round: people, certificates, a batch and single decrees at a stage."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import select

from svc.deps import Deps, with_own_signing_host
from svc.migrate import upgrade
from svc.models import Batch, Decree, JobRun
from svc.seed.organisation import DemoOrganisation
from svc.services import key_registration
from svc.services.batches import drafting, work
from svc.settings import Settings
from svc.worker import run_once
from tests.chaos.processes import call, deps_of, shift
from tests.support import batches as b
from tests.support.world import World, people

STAGES = ("drafted", "parafed", "ready")
SHEET = "sheet"  # a batch and no file in the store yet
# Rows of the batch: one worker's handful, or many chunks (of three rows) for all workers at once.
SIZES, SINGLES = (8, 23, 60), 2
_OLD = timedelta(days=3)


@dataclass(frozen=True)
class Stock:
    """Folders of prepared services, one a stage and size (:func:`name_of`)."""

    folder: Path

    def copy(self, stage: str, target: Path) -> None:
        shutil.copytree(self.folder / stage, target, copy_function=shutil.copy2)


def settings_of(var: Path, more: Mapping[str, str] | None = None) -> Settings:
    """Settings of a service in this folder; nothing of the surroundings counts."""
    values = {"PARAF_VAR_DIR": str(var), "PARAF_LOG_FORMAT": "json", "PARAF_RATE_LIMITS": "false",
              "PARAF_SIGNATURE_LEVEL": "B-B", "PARAF_CAGE_WORKERS": "1", **(more or {})}
    return Settings.from_env(values, env_file=None)


def name_of(stage: str, rows: int) -> str:
    """What a prepared service of this stage is called, whose batch has so many rows."""
    return f"{stage}_{rows}"


def build_stock(folder: Path, keys_of: Path | None = None, database: Callable[[str, str], str] | None = None) -> Stock:
    """Make the services, each stage from the one before.

    :param keys_of: the service whose keys they get; none: new ones
    :param database: gives the URL of a new database by its name, a copy of another by its name; none: SQLite
    """
    folder.mkdir(parents=True)
    founded = "founded"
    (folder / founded).mkdir()
    if keys_of is not None:
        shutil.copytree(keys_of / "keys", folder / founded / "keys", copy_function=shutil.copy2)
    call(partial(_found, folder / founded, _elsewhere(database, founded, "")), folder, 120)
    for rows in SIZES:
        steps: dict[str, Callable[[World], None]] = {
            SHEET: partial(_read_sheet, rows), "drafted": _draft, "parafed": _paraf, "ready": _freeze}
        before = founded
        for stage, advance in steps.items():
            name = name_of(stage, rows)
            shutil.copytree(folder / before, folder / name, copy_function=shutil.copy2)
            more = _elsewhere(database, name, before)
            call(partial(_advance, advance, folder / name, more), folder, 180)
            before = name
    return Stock(folder)


def _elsewhere(database: Callable[[str, str], str] | None, name: str, template: str) -> dict[str, str]:
    return {} if database is None else {"PARAF_DATABASE_URL": database(name, template)}


def move_key(var: Path, more: Mapping[str, str], credential_id: str) -> None:
    """From now on the signer signs with a key at a remote service."""
    deps = deps_of(settings_of(var, more), "stock")
    actor = world_of(deps).actor(b.SIGNER)
    key_registration.register_remote(deps, actor, actor.person_public_id, credential_id, accepts_name=True)
    deps.db.dispose()


def _found(var: Path, more: Mapping[str, str] | None = None) -> None:
    os.umask(0o077)
    settings = settings_of(var, more)
    upgrade(settings.effective_database_url)
    shift(var, -_OLD)  # certificates that were valid before any clock that is set back
    deps = deps_of(settings, "stock")
    people(deps).give_certificates(b.SIGNER)
    shift(var, timedelta())
    run_once(deps)  # periodic jobs have their first run behind them
    with deps.db.unit_of_work() as session:
        for row in session.scalars(select(JobRun)):
            row.leased_until = None
    deps.db.dispose()


def _advance(how: Callable[[World], None], var: Path, more: Mapping[str, str]) -> None:
    how(_world(var, more))


def _world(var: Path, more: Mapping[str, str] | None = None) -> World:
    return world_of(with_own_signing_host(deps_of(settings_of(var, more), "stock")))


def world_of(deps: Deps) -> World:
    """The people of a prepared service."""
    return World(deps, DemoOrganisation({}, {}, {}))


def batches_of(deps: Deps) -> list[str]:
    """Public ids of all batches."""
    with deps.db.read_session() as session:
        return list(session.scalars(select(Batch.public_id).order_by(Batch.id)))


def singles_of(deps: Deps) -> list[str]:
    """Public ids of the decrees that go their route alone and have not arrived."""
    with deps.db.read_session() as session:
        return list(session.scalars(select(Decree.public_id).where(
            Decree.batch_id.is_(None), Decree.status.not_in(("draft", "issued"))).order_by(Decree.id)))


def _read_sheet(rows: int, world: World) -> None:
    b.drafted(world, rows)
    world.deps.db.dispose()


def _draft(world: World) -> None:
    for _ in range(SINGLES):
        world.walk("in_review")
    world.deps.db.dispose()


def _paraf(world: World) -> None:
    """All initialled but for the last paraf, before numbers are taken."""
    deps, batch_id = world.deps, batches_of(world.deps)[0]
    drafting.submit(deps, world.actor(b.CLERK), batch_id, b.batch_row(world, batch_id).lock_version)
    work.drain(deps, batch_id)
    for username in b.PARAFS[:-1]:
        b.approve(world, batch_id, username)
    for decree_id in singles_of(world.deps):
        world.approve(decree_id, b.PARAFS[0])
        world.approve(decree_id, b.PARAFS[1])
    deps.db.dispose()


def _freeze(world: World) -> None:
    b.approve(world, batches_of(world.deps)[0], b.PARAFS[-1])
    for decree_id in singles_of(world.deps):
        world.approve(decree_id, b.PARAFS[-1])
    world.deps.db.dispose()
