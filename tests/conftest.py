"""Fixtures shared by all suites. SQLite by default; ``PARAF_TEST_DATABASE_URL`` runs the same on PostgreSQL."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from svc.adapters.embedded_engine import EmbeddedEngine
from svc.adapters.keystore import load_or_create_pki, load_server_key
from svc.adapters.local_store import LocalStore
from svc.adapters.renderer import TypstRenderer
from svc.cage.inline import InlineCage
from svc.call_log import CallRows
from svc.db import Database
from svc.deps import Deps, build_backends, build_courtesy, build_revocation
from svc.kinds import KindCatalogue
from svc.settings import Settings
from svc.signing_host.inline import InlineHost
from svc.signing_host.signers import Means
from tests.support.clock import FrozenClock
from tests.support.databases import PostgresDatabase, SqliteTemplate
from tests.support.mail import KeepingMailer
from tests.support.world import World, people
from workflows.calendar import load_calendar
from workflows.loader import load_all

sys.path.insert(0, str(Path(__file__).parent.parent))
REQUIRE_ALL = bool(os.environ.get("PARAF_REQUIRE_ALL"))
SERVER_URL = os.environ.get("PARAF_TEST_DATABASE_URL", "")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where everything must be there (CI), a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if REQUIRE_ALL and reporter is not None and reporter.stats.get("skipped") and exitstatus == 0:
        reporter.write_line("FAILED: tests were skipped although PARAF_REQUIRE_ALL is set", red=True)
        session.exitstatus = 1


@pytest.fixture(scope="session")
def catalogue() -> KindCatalogue:
    return KindCatalogue.load()


@pytest.fixture(scope="session")
def renderer(catalogue: KindCatalogue) -> TypstRenderer:
    return TypstRenderer(catalogue)


@pytest.fixture(scope="session")
def keys_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key folder with a development PKI, made once: generating RSA keys is slow."""
    var = tmp_path_factory.mktemp("keys")
    settings = Settings.from_env({"PARAF_VAR_DIR": str(var)}, env_file=None)
    load_or_create_pki(settings, load_server_key(settings), FrozenClock().now())
    return var / "keys"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    return SqliteTemplate(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def postgres_database() -> Iterator[PostgresDatabase]:
    if not SERVER_URL:
        pytest.skip("no PostgreSQL server (PARAF_TEST_DATABASE_URL is not set)")
    database = PostgresDatabase(SERVER_URL)
    yield database
    database.drop()


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if not SERVER_URL:
        template: SqliteTemplate = request.getfixturevalue("sqlite_template")
        return template.fresh(tmp_path)
    database: PostgresDatabase = request.getfixturevalue("postgres_database")
    database.empty()
    return database.url


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def mailer() -> KeepingMailer:
    return KeepingMailer()


@pytest.fixture
def settings(tmp_path: Path, keys_template: Path, database_url: str) -> Settings:
    var = tmp_path / "var"
    shutil.copytree(keys_template, var / "keys", copy_function=shutil.copy2)
    (var / "keys").chmod(0o700)
    return Settings.from_env({"PARAF_VAR_DIR": str(var), "PARAF_DATABASE_URL": database_url}, env_file=None)


@pytest.fixture
def deps(settings: Settings, clock: FrozenClock, mailer: KeepingMailer, catalogue: KindCatalogue,
         renderer: TypstRenderer) -> Iterator[Deps]:
    """A service with real parts; only clock and mail are under the test's hand."""
    server_key = load_server_key(settings)
    pki = load_or_create_pki(settings, server_key, clock.now())
    db, backends = Database(settings.effective_database_url), build_backends(settings, pki.tsa_service(), clock)
    built = Deps(
        settings=settings, db=db, store=LocalStore(settings.var_dir / "store"),
        clock=clock, renderer=renderer, kinds=catalogue, routes=load_all(), calendar=load_calendar(settings.zone),
        cage=InlineCage(),
        mailer=mailer, pki=pki, tsa=pki.tsa_service(), server_key=server_key,
        backends=backends, revocation=build_revocation(settings),
        signing_host=InlineHost(Means(clock, pki.tsa_service(), backends, CallRows(db, clock))),
        engine=EmbeddedEngine(), courtesy=build_courtesy(settings))
    yield built
    built.db.dispose()


@pytest.fixture
def world(deps: Deps) -> World:
    return people(deps)
