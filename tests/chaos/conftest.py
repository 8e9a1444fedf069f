"""A service in which everything went well, made once and copied by those who damage it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from certs.trust import TrustStore
from svc.deps import build_deps, with_own_signing_host
from svc.services import trust
from svc.settings import Settings
from tests.support import batches as b
from tests.support.databases import SqliteTemplate
from tests.support.world import people

_ROWS = 3


@dataclass(frozen=True)
class Finished:
    """Database ``paraf.db`` and folder ``store``, and what its signatures are judged by."""

    folder: Path
    trust: TrustStore
    now: datetime


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, keys_template: Path,
             sqlite_template: SqliteTemplate) -> Finished:
    """A batch that is finished, and a decree sent out alone."""
    folder = tmp_path_factory.mktemp("finished")
    var = folder / "var"
    shutil.copytree(keys_template, var / "keys", copy_function=shutil.copy2)
    settings = Settings.from_env({"PARAF_VAR_DIR": str(var), "PARAF_SIGNATURE_LEVEL": "B-T",
                                  "PARAF_DATABASE_URL": sqlite_template.fresh(folder)}, env_file=None)
    deps = with_own_signing_host(build_deps(settings))
    world = people(deps)
    b.signed(world, _ROWS)
    world.walk("issued")
    known, now = trust.trust_store(deps), deps.clock.now() + timedelta(seconds=1)
    deps.db.dispose()
    next(folder.glob("*.db")).rename(var / "paraf.db")
    return Finished(var, known, now)
