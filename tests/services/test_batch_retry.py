"""Rows that failed, at whichever work, are done again by who may, and the batch goes on with them."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.deps import Deps
from svc.errors import Conflict, Forbidden
from svc.models import AuditEvent, Batch, BatchRow, Decree, Person
from svc.services.batches import chunks, drafting, issuing, leaving, page, retrying, review, work
from svc.services.batches.retrying import NothingToRetry
from svc.services.bulk_flow import CommandFor, Refused, run_commands
from svc.services.flow import Doer, Flow
from tests.support import batches as b
from tests.support.world import World


def spoil(world: World, batch_id: str, row_no: int, username: str = b.PARAFS[0]) -> None:
    """One row's decree cannot get this official's paraf: it says that he drafted it himself."""
    with world.deps.db.unit_of_work() as session:
        decree = session.get_one(Decree, _row(session, batch_id, row_no).decree_id)
        decree.drafter_id = session.scalars(select(Person.id).where(Person.username == username)).one()


def fail(world: World, batch_id: str, row_no: int, in_work: str) -> None:
    """As a chunk leaves a row whose layout broke."""
    with world.deps.db.unit_of_work() as session:
        row = _row(session, batch_id, row_no)
        row.state, row.failed_work, row.error_code = "failed", in_work, "storage_unavailable"


def _row(session: Session, batch_id: str, row_no: int) -> BatchRow:
    return session.scalars(select(BatchRow).join(Batch, Batch.id == BatchRow.batch_id)
                           .where(Batch.public_id == batch_id, BatchRow.row_no == row_no)).one()


def mend(world: World, batch_id: str) -> None:
    with world.deps.db.unit_of_work() as session:
        batch = session.scalars(select(Batch).where(Batch.public_id == batch_id)).one()
        for decree in session.scalars(select(Decree).where(Decree.batch_id == batch.id)):
            decree.drafter_id = batch.drafter_id


def retry(world: World, batch_id: str, username: str) -> int:
    count = retrying.retry(world.deps, world.actor(username), batch_id, b.batch_row(world, batch_id).lock_version)
    work.drain(world.deps, batch_id)
    return count


def may_retry(world: World, batch_id: str, username: str) -> bool:
    return page.load_batch(world.deps, world.actor(username), batch_id).actions.retry


def states(world: World, batch_id: str) -> list[str]:
    return [row.state for row in b.rows_of(world, batch_id)]


def last_event(world: World, batch_id: str) -> AuditEvent:
    with world.deps.db.read_session() as session:
        return session.scalars(select(AuditEvent).where(
            AuditEvent.stream == f"batch:{batch_id}", AuditEvent.type == "rows_retried")
            .order_by(AuditEvent.seq.desc()).limit(1)).one()


def finish(world: World, batch_id: str, *parafs: str) -> None:
    for username in parafs:
        b.approve(world, batch_id, username)
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    assert [one.status for one in b.decrees_of(world, batch_id)] == ["issued"] * len(b.rows_of(world, batch_id))
    assert states(world, batch_id) == ["live"] * len(b.rows_of(world, batch_id))


def test_a_paraf_that_failed_on_a_row_is_given_again_by_who_gave_it(world: World) -> None:
    batch_id = b.submitted(world, 4)
    spoil(world, batch_id, 2)
    b.approve(world, batch_id, b.PARAFS[0])
    assert states(world, batch_id) == ["live", "failed", "live", "live"]
    mend(world, batch_id)
    assert [name for name in (b.CLERK, *b.PARAFS, b.SIGNER) if may_retry(world, batch_id, name)] == [b.PARAFS[0]]
    with pytest.raises(NothingToRetry):
        retry(world, batch_id, b.CLERK)
    assert retry(world, batch_id, b.PARAFS[0]) == 1
    event = last_event(world, batch_id)
    assert (event.payload["work"], event.payload["rows"], bool(event.actor_name)) == ("approve", 1, True)
    assert states(world, batch_id) == ["live"] * 4
    finish(world, batch_id, *b.PARAFS[1:])


def test_a_paraf_is_not_made_up_for_once_the_next_official_has_acted(world: World) -> None:
    batch_id = b.submitted(world, 3)
    spoil(world, batch_id, 2)
    b.approve(world, batch_id, b.PARAFS[0])
    mend(world, batch_id)
    b.approve(world, batch_id, b.PARAFS[1])
    assert not may_retry(world, batch_id, b.PARAFS[0])
    with pytest.raises((NothingToRetry, Forbidden)):
        retry(world, batch_id, b.PARAFS[0])
    assert states(world, batch_id) == ["live", "failed", "live"]


def test_the_last_paraf_made_up_for_brings_number_and_layout(world: World) -> None:
    batch_id = b.submitted(world, 3)
    for username in b.PARAFS[:-1]:
        b.approve(world, batch_id, username)
    spoil(world, batch_id, 3, b.PARAFS[-1])
    b.approve(world, batch_id, b.PARAFS[-1])
    assert states(world, batch_id) == ["live", "live", "failed"]
    before = [one.number for one in b.decrees_of(world, batch_id)]
    assert b.batch_row(world, batch_id).status == "ready_to_sign"
    mend(world, batch_id)
    assert retry(world, batch_id, b.PARAFS[-1]) == 1
    after = [one.number for one in b.decrees_of(world, batch_id)]
    assert (after[:2], before[2], bool(after[2])) == (before[:2], None, True)
    assert b.batch_row(world, batch_id).status == "ready_to_sign"
    finish(world, batch_id)


def test_decrees_that_could_not_be_submitted_are_submitted_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = b.drafted(world, 3)
    with monkeypatch.context() as patched:
        patched.setattr(chunks, "run_commands", _refusing_the_second)
        drafting.submit(world.deps, world.actor(b.CLERK), batch_id, b.batch_row(world, batch_id).lock_version)
        work.drain(world.deps, batch_id)
    assert states(world, batch_id) == ["live", "failed", "live"]
    assert [name for name in (b.CLERK, *b.PARAFS, b.SIGNER) if may_retry(world, batch_id, name)] == [b.CLERK]
    assert retry(world, batch_id, b.CLERK) == 1
    assert len({row.decree_id for row in b.rows_of(world, batch_id)}) == 3
    finish(world, batch_id, *b.PARAFS)


def _refusing_the_second(session: Session, deps: Deps, flows: Sequence[Flow], command_for: CommandFor, doer: Doer,
                         note: str = "") -> tuple[Refused, ...]:
    rest = [flow for index, flow in enumerate(flows) if index != 1]
    return (*run_commands(session, deps, rest, command_for, doer, note), Refused(flows[1].decree.id, Conflict()))


def test_a_document_that_could_not_be_sent_out_is_sent_out_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id, clerk = b.drafted(world, 2), world.actor(b.CLERK)
    drafting.submit(world.deps, clerk, batch_id, b.batch_row(world, batch_id).lock_version, auto_issue=False)
    work.drain(world.deps, batch_id)
    for username in b.PARAFS:
        b.approve(world, batch_id, username)
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    with monkeypatch.context() as patched:
        patched.setattr(chunks, "run_commands", _refusing_the_second)
        issuing.issue(world.deps, clerk, batch_id, b.batch_row(world, batch_id).lock_version)
        work.drain(world.deps, batch_id)
    assert [one.status for one in b.decrees_of(world, batch_id)] == ["issued", "signed"]
    assert retry(world, batch_id, b.CLERK) == 1
    assert [one.status for one in b.decrees_of(world, batch_id)] == ["issued"] * 2
    assert b.batch_row(world, batch_id).status == "finished"


def test_laying_out_again_while_the_rest_waits_for_its_signer(world: World) -> None:
    batch_id = b.ready(world, 3)
    fail(world, batch_id, 2, "freeze")
    assert not may_retry(world, batch_id, b.PARAFS[0])
    assert retry(world, batch_id, b.CLERK) == 1
    finish(world, batch_id)


def test_without_failures_there_is_nothing_to_do_again(world: World) -> None:
    batch_id = b.submitted(world, 2)
    with pytest.raises(NothingToRetry):
        retry(world, batch_id, b.CLERK)


def test_a_row_that_could_not_be_taken_out_is_taken_out_again_for_the_same_reason(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = b.submitted(world, 3)
    first = b.PARAFS[0]
    with monkeypatch.context() as patch:
        refuse_one_in(patch, leaving)
        review.exclude_rows(world.deps, world.actor(first), batch_id, b.batch_row(world, batch_id).lock_version,
                            [2, 3], "Berkas kurang")
        work.drain(world.deps, batch_id)
    assert sorted(states(world, batch_id)) == ["excluded", "failed", "live"]
    assert not may_retry(world, batch_id, first)
    with pytest.raises(Forbidden):
        retry(world, batch_id, b.PARAFS[1])
    assert retry(world, batch_id, b.CLERK) == 1
    assert [(row.state, row.excluded_reason) for row in b.rows_of(world, batch_id)] == [
        ("live", None), ("excluded", "Berkas kurang"), ("excluded", "Berkas kurang")]
    assert [one.status for one in b.decrees_of(world, batch_id)][1:] == ["draft", "draft"]
    assert last_event(world, batch_id).payload["work"] == "exclude"


@pytest.mark.parametrize("refused_run", [1, 2], ids=["withdrawal", "discard"])
def test_a_row_that_stayed_when_the_batch_was_taken_back_follows_it(
    world: World, monkeypatch: pytest.MonkeyPatch, refused_run: int
) -> None:
    batch_id = b.submitted(world, 3)
    before = {one.id for one in b.decrees_of(world, batch_id)}
    with monkeypatch.context() as patch:
        refuse_one_in(patch, leaving, refused_run)
        review.withdraw(world.deps, world.actor(b.CLERK), batch_id, b.batch_row(world, batch_id).lock_version, "Salah")
        work.drain(world.deps, batch_id)
    assert b.batch_row(world, batch_id).status == "draft"
    assert states(world, batch_id).count("failed") == 1
    assert may_retry(world, batch_id, b.CLERK)
    assert retry(world, batch_id, b.CLERK) == 1
    assert (b.batch_row(world, batch_id).status, b.batch_row(world, batch_id).work) == ("draft", "")
    assert "failed" not in states(world, batch_id)
    assert {row.failed_work for row in b.rows_of(world, batch_id)} == {None}
    assert last_event(world, batch_id).payload["work"] == "dissolve"
    with world.deps.db.unit_of_work() as session:  # no draft stays behind that belongs to nobody
        assert {session.get_one(Decree, one).status for one in before} == {"discarded"}


def refuse_one_in(patch: pytest.MonkeyPatch, module: ModuleType, refused_run: int = 1) -> None:
    """The second of one run of commands is refused, as when its decree stands elsewhere."""
    runs: list[bool] = []

    def run(session: Session, deps: Deps, flows: Sequence[Flow], command_for: CommandFor, doer: Doer,
            note: str = "") -> tuple[Refused, ...]:
        runs.append(True)
        act = _refusing_the_second if len(runs) == refused_run else run_commands
        return act(session, deps, flows, command_for, doer, note)

    patch.setattr(module, "run_commands", run)
