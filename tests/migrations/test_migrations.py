"""Migrations up and down, with rows, on SQLite and (where a server is) on PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, select

from svc.db import Database
from svc.migrate import config_for, current, downgrade, head, upgrade
from svc.models import Base, Batch, Credential, Decree, DecreeSigner, Holding, PassphraseTry, Person, Task, Unit
from svc.seed.organisation import build_demo_organisation
from tests.support.clock import FrozenClock
from tests.support.databases import PostgresDatabase


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    server = os.environ.get("PARAF_TEST_DATABASE_URL")
    if not server:
        yield f"sqlite:///{tmp_path / 'fresh.db'}"
        return
    database = PostgresDatabase(server, migrated=False)
    yield database.url
    database.drop()


def differences(url: str) -> list[object]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            return list(compare_metadata(context, Base.metadata))
    finally:
        engine.dispose()


def tables(url: str) -> set[str]:
    engine = create_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_the_newest_revision_is_exactly_the_models(url: str) -> None:
    upgrade(url)
    assert differences(url) == []
    assert current(url) == head()


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory.from_config(config_for("sqlite://")).get_heads()) == 1


def test_partial_indexes_keep_their_conditions(url: str) -> None:
    upgrade(url)
    engine = create_engine(url)
    found = {index["name"]: index for index in inspect(engine).get_indexes("task")}
    engine.dispose()
    assert found["uq_task_open"]["unique"]
    options = found["ix_task_inbox"]["dialect_options"]
    assert any("open" in str(condition) for condition in options.values())


def test_going_down_and_up_again_with_rows_present(url: str) -> None:
    upgrade(url)
    database = Database(url)
    with database.unit_of_work() as session:
        build_demo_organisation(session, FrozenClock().now(), lambda _username: "x")
    with database.read_session() as session:
        assert len(session.scalars(select(Person)).all()) > 10
        assert session.scalars(select(Holding)).first().valid_from == date(2024, 1, 1)  # type: ignore[union-attr]
    database.dispose()
    downgrade(url, "base")
    assert tables(url) <= {"alembic_version"}
    upgrade(url)
    assert differences(url) == []
    database = Database(url)
    with database.read_session() as session:
        assert session.scalars(select(Unit)).all() == []
    database.dispose()


def test_decrees_frozen_before_blocks_had_rows_get_theirs(url: str) -> None:
    """Down to where the decree's own row alone named the signer, and up again."""
    upgrade(url)
    now, database = FrozenClock().now(), Database(url)
    with database.unit_of_work() as session:
        made = build_demo_organisation(session, now, lambda _username: "x")
        unit, position, person = made.unit_ids["BKD"], made.position_ids["BKD.KEPALA"], made.person_ids["BKD.KEPALA"]
        common = {"kind": "kgb", "subject": "Contoh", "unit_id": unit, "agency_id": unit, "drafter_id": person,
                  "drafter_position_id": position, "route_id": "kgb", "created_at": now, "updated_at": now}
        waiting = Decree(**common, verify_code="a", signer_id=person, signer_capacity="plt")
        signed = Decree(**common, verify_code="b", signer_id=person, signer_capacity="definitive", signed_at=now,
                        signed_sha256="1" * 64)
        draft = Decree(**common, verify_code="c")
        session.add_all((waiting, signed, draft))
        session.flush()
        session.add_all(
            Task(decree_id=decree.id, version_no=1, step_index=4, step_title="TTE", kind="sign", assignee_id=position,
                 opened_at=now, due_at=now, norm_minutes=60) for decree in (waiting, signed))
    database.dispose()
    downgrade(url, "0003")
    upgrade(url)
    database = Database(url)
    with database.read_session() as session:
        rows = session.execute(
            select(Decree.verify_code, DecreeSigner.ordinal, DecreeSigner.position_id, DecreeSigner.person_id,
                   DecreeSigner.capacity, DecreeSigner.signed_at, DecreeSigner.signed_sha256)
            .join(Decree, Decree.id == DecreeSigner.decree_id).order_by(Decree.id))
        assert [tuple(row) for row in rows] == [
            ("a", 1, position, person, "plt", None, None), ("b", 1, position, person, "definitive", now, "1" * 64)]
    database.dispose()


def test_batches_and_certificates_keep_their_rows_when_tries_in_flight_go_and_come(url: str) -> None:
    upgrade(url)
    now, database = FrozenClock().now(), Database(url)
    with database.unit_of_work() as session:
        made = build_demo_organisation(session, now, lambda _username: "x")
        unit, position, person = made.unit_ids["BKD"], made.position_ids["BKD.KEPALA"], made.person_ids["BKD.KEPALA"]
        credential = Credential(owner_id=person, label="TTE", certificate_pem="", serial="1", issuer="", failures=2,
                                created_at=now)
        session.add_all((credential, Batch(
            kind="kgb", title="KGB", unit_id=unit, agency_id=unit, drafter_id=person, drafter_position_id=position,
            work="sign", stopped_at=now, idle_seconds=1.5, last_chunk_at=now, created_at=now, updated_at=now)))
        session.flush()
        session.add(PassphraseTry(credential_id=credential.id, tried_at=now))
    database.dispose()
    downgrade(url, "0005")
    assert "passphrase_try" not in tables(url)
    upgrade(url)
    database = Database(url)
    with database.read_session() as session:
        assert session.scalars(select(Credential.failures)).all() == [2]
        row = session.scalars(select(Batch)).one()
        assert (row.work, row.stopped_at, row.idle_seconds) == ("sign", None, 0.0)
        assert session.scalars(select(PassphraseTry)).all() == []
    database.dispose()


def test_upgrading_twice_changes_nothing(url: str) -> None:
    upgrade(url)
    database = Database(url)
    with database.unit_of_work() as session:
        session.add(Unit(code="X", name="X"))
    database.dispose()
    upgrade(url)
    database = Database(url)
    with database.read_session() as session:
        assert [unit.code for unit in session.scalars(select(Unit))] == ["X"]
    database.dispose()


def test_servers_that_start_at_once_migrate_once(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upgrade_in_a_process, [url] * 4))
    assert differences(url) == []


def upgrade_in_a_process(url: str) -> None:
    command = f"from svc.migrate import upgrade; upgrade({url!r})"
    subprocess.run([sys.executable, "-W", "error", "-c", command], check=True, timeout=90)


def test_a_migration_that_fails_half_way_leaves_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    create, made = op.create_table, []

    def fail_later(name: str, *columns: Any, **options: Any) -> Any:
        if len(made) == 5:
            raise RuntimeError("power cut")
        made.append(name)
        return create(name, *columns, **options)

    monkeypatch.setattr(op, "create_table", fail_later)
    with pytest.raises(RuntimeError, match="power cut"):
        upgrade(url)
    assert len(made) == 5
    assert tables(url) == set()
