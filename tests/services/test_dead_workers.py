"""A worker is killed while it signs: another one finishes under the same authorisation, each document once."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from svc.models import AuthorisedDocument, BatchRow, Decree, Signature, SigningAttempt, SigningAuthorisation
from svc.services.batches import signing_chunk, work
from tests.support import batches as b
from tests.support.clock import FrozenClock
from tests.support.failpoints import arm
from tests.support.processes import Service, holds_keys, service, wait_until
from tests.support.world import World, people

_ROWS = 5
# Claimed; on its way to the key; signed, and nobody but the signing host has it; stored.
_POINTS = ("chunk.claimed:1", "chunk.before_host:1", "chunk.after_host:1", "chunk.proven:1")


@pytest.fixture(autouse=True)
def _unarmed() -> Iterator[None]:
    yield
    arm("")


def ensure_each_is_signed_once(world: World, batch_id: str, rows: int) -> None:
    """One act of the signer, one signature and one signed file for each, and nothing left to be done."""
    batch = b.batch_row(world, batch_id)
    assert (batch.status, batch.work, batch.stop_code) == ("finished", "", "")
    assert {(row.state, row.error_code, row.pending, row.lease) for row in b.rows_of(world, batch_id)} == {
        ("live", None, False, None)}
    decrees = b.decrees_of(world, batch_id)
    assert [one.status for one in decrees] == ["issued"] * rows
    with world.deps.db.read_session() as session:
        counted = [session.scalar(select(func.count()).select_from(table)) for table in (
            SigningAuthorisation, AuthorisedDocument, Signature)]
        done = session.scalar(select(func.count()).select_from(SigningAttempt).where(SigningAttempt.state == "done"))
    assert (counted, done) == ([1, rows, rows], rows)
    store = world.deps.settings.var_dir / "store"
    for decree in decrees:
        files = list((store / "decrees" / decree.public_id / "signed").glob("*.pdf"))
        assert [file.stem for file in files] == [decree.signed_sha256]


@pytest.mark.parametrize("point", _POINTS)
def test_its_rows_are_finished_by_another_without_a_second_act(world: World, clock: FrozenClock, point: str) -> None:
    batch_id = b.ready(world, _ROWS)
    b.authorise(world, batch_id)
    arm(point)
    with pytest.raises(OSError, match="No space"):
        signing_chunk.sign(world.deps, b.batch_row(world, batch_id).id)
    arm("")
    clock.advance(seconds=61)
    work.drain(world.deps, batch_id)
    ensure_each_is_signed_once(world, batch_id, _ROWS)


def test_a_second_death_on_the_same_documents_changes_nothing(world: World, clock: FrozenClock) -> None:
    batch_id = b.ready(world, 3)
    b.authorise(world, batch_id)
    for point in ("chunk.after_host:1", "chunk.before_host:1"):
        arm(point)
        with pytest.raises(OSError, match="No space"):
            work.run_chunk(world.deps, batch_id)
        clock.advance(seconds=61)
    arm("")
    work.drain(world.deps, batch_id)
    ensure_each_is_signed_once(world, batch_id, 3)


def test_when_the_key_is_gone_too_the_signer_acts_again(world: World, clock: FrozenClock) -> None:
    batch_id = b.ready(world, 3)
    b.authorise(world, batch_id)
    arm("chunk.after_host:1")
    with pytest.raises(OSError, match="No space"):
        work.run_chunk(world.deps, batch_id)
    arm("")
    with world.deps.db.read_session() as session:
        world.deps.signing_host.close(session.scalars(select(SigningAuthorisation.public_id)).one())
    clock.advance(seconds=61)
    work.drain(world.deps, batch_id)
    assert b.batch_row(world, batch_id).stop_code == "authorisation_over"
    assert {row.state for row in b.rows_of(world, batch_id)} == {"live"}  # nothing has to be put right by hand
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    assert [one.status for one in b.decrees_of(world, batch_id)] == ["issued"] * 3
    with world.deps.db.read_session() as session:
        assert session.scalar(select(func.count()).select_from(Signature)) == 3


@pytest.fixture
def processes(tmp_path: Path, keys_template: Path, database_url: str) -> Iterator[Service]:
    var = tmp_path / "var"
    shutil.copytree(keys_template, var / "keys", copy_function=shutil.copy2)
    with service(tmp_path, {"PARAF_VAR_DIR": str(var), "PARAF_DATABASE_URL": database_url,
                            "PARAF_SIGNATURE_LEVEL": "B-T", "PARAF_BATCH_WORKERS": "1"}) as made:
        yield made


@pytest.mark.parametrize("point", ["chunk.after_host:1", "store.after_rename:3"])
def test_killed_for_real_in_the_middle_of_a_chunk(processes: Service, point: str) -> None:
    world = people(processes.build())
    processes.start("host", "signing-host")
    wait_until(lambda: holds_keys(world.deps), 60, processes.logs)
    batch_id = b.ready(world, _ROWS)
    b.authorise(world, batch_id)
    first = processes.start("first", "batch-worker", PARAF_FAILPOINT=f"{point}:kill")
    wait_until(lambda: not first.is_alive, 60, processes.logs)
    assert first.process.returncode == -signal.SIGKILL
    assert {row.status for row in b.decrees_of(world, batch_id)} == {"signing"}
    _let_leases_run_out(world)
    processes.start("second", "batch-worker")
    wait_until(lambda: b.batch_row(world, batch_id).status == "finished", 90, processes.logs)
    ensure_each_is_signed_once(world, batch_id, _ROWS)
    world.deps.db.dispose()


def _let_leases_run_out(world: World) -> None:
    """As a minute does that nobody has to wait for."""
    with world.deps.db.unit_of_work() as session:
        session.execute(update(BatchRow).where(BatchRow.lease.is_not(None))
                        .values(leased_until=datetime.now(UTC)).execution_options(synchronize_session=False))
        assert session.scalar(select(func.count()).select_from(Decree).where(Decree.status == "signing")) == _ROWS
