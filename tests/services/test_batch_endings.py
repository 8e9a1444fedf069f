"""However the signing of a batch stops, nothing of it is left where nobody can act on it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from svc import failpoints
from svc.deps import Deps
from svc.errors import Conflict
from svc.kinds import InvalidDecreeData
from svc.models import BatchRow, Holding, SigningAttempt, SigningAuthorisation
from svc.services import credentials, routing
from svc.services import drafting as single_drafting
from svc.services import holdings as holding_service
from svc.services import signing as single_signing
from svc.services.batches import drafting, issuing, page, retrying, review, signing, signing_chunk, work
from svc.services.batches.signing_results import Claimed, Harvest
from svc.settings import Settings
from tests.support import batches as b
from tests.support.clock import FrozenClock
from tests.support.world import World


@pytest.fixture(autouse=True)
def _two_at_a_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(signing_chunk, "ROWS", 2)
    yield
    failpoints.arm(Settings.from_env({}, env_file=None))


def end_worker(world: World, batch_id: str, point: str) -> None:
    """A worker ends in the middle of a chunk."""
    failpoints.arm(Settings.from_env({"PARAF_FAILPOINT": f"{point}:1:full"}, env_file=None))
    with pytest.raises(OSError, match="No space"):
        work.run_chunk(world.deps, batch_id)
    failpoints.arm(Settings.from_env({}, env_file=None))


def stand(world: World, batch_id: str) -> list[tuple[str, str]]:
    """State of each row, and status of its decree."""
    return [(row.state, decree.status) for row, decree in
            zip(b.rows_of(world, batch_id), b.decrees_of(world, batch_id), strict=True)]


def ensure_ended(world: World, batch_id: str, status: str) -> None:
    batch = b.batch_row(world, batch_id)
    assert (batch.status, batch.work, batch.stop_code) == (status, "", "")
    assert not any(row.pending or row.lease for row in b.rows_of(world, batch_id))


OUT, BACK = ("live", "issued"), ("excluded", "draft")


def test_what_a_worker_is_at_when_signing_is_ended_goes_back_with_the_rest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = b.ready(world, 6)
    b.authorise(world, batch_id)
    work.run_chunk(world.deps, batch_id)
    at_it = signing_chunk._sign

    def ended_meanwhile(deps: Deps, claimed: Claimed) -> Harvest:
        signing.cancel(deps, world.actor(b.SIGNER), batch_id, "Sudah cukup")
        work.drain(deps, batch_id)
        batch = b.batch_row(world, batch_id)
        assert (batch.status, batch.work) == ("signing", "exclude")  # it is not over while two are in somebody's hands
        assert stand(world, batch_id)[2:] == [("live", "signing")] * 2 + [BACK] * 2
        return at_it(deps, claimed)

    monkeypatch.setattr(signing_chunk, "_sign", ended_meanwhile)
    work.run_chunk(world.deps, batch_id)
    work.drain(world.deps, batch_id)
    ensure_ended(world, batch_id, "finished")
    assert stand(world, batch_id) == [OUT] * 2 + [BACK] * 4


def test_what_was_signed_the_moment_signing_was_ended_stays_signed_and_goes_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = b.ready(world, 4)
    b.authorise(world, batch_id)
    at_it = signing_chunk._sign

    def ended_just_after(deps: Deps, claimed: Claimed) -> Harvest:
        harvest = at_it(deps, claimed)
        signing.cancel(deps, world.actor(b.SIGNER), batch_id, "Sudah cukup")
        work.drain(deps, batch_id)
        return harvest

    monkeypatch.setattr(signing_chunk, "_sign", ended_just_after)
    work.run_chunk(world.deps, batch_id)
    work.drain(world.deps, batch_id)
    ensure_ended(world, batch_id, "finished")
    assert stand(world, batch_id) == [OUT] * 2 + [BACK] * 2


@pytest.mark.parametrize(("point", "status", "left"), [("chunk.claimed", "cancelled", BACK),
                                                       ("chunk.proven", "finished", OUT)])
def test_what_a_dead_worker_had_when_signing_was_ended_is_settled_before_the_batch_closes(
    world: World, clock: FrozenClock, point: str, status: str, left: tuple[str, str]
) -> None:
    """Nothing was made, or all of it was stored: it goes back, or goes out."""
    batch_id = b.ready(world, 4)
    b.authorise(world, batch_id)
    end_worker(world, batch_id, point)
    signing.cancel(world.deps, world.actor(b.SIGNER), batch_id, "Sudah cukup")
    work.drain(world.deps, batch_id)
    assert b.batch_row(world, batch_id).work == "exclude"
    assert stand(world, batch_id) == [("live", "signing")] * 2 + [BACK] * 2
    clock.advance(minutes=3)  # its lease is over
    work.drain(world.deps, batch_id)
    ensure_ended(world, batch_id, status)
    assert stand(world, batch_id) == [left] * 2 + [BACK] * 2


def test_signed_ones_can_still_be_sent_out_by_the_drafter_after_signing_was_ended(world: World) -> None:
    clerk, batch_id = world.actor(b.CLERK), b.drafted(world, 4)
    drafting.submit(world.deps, clerk, batch_id, b.batch_row(world, batch_id).lock_version, auto_issue=False)
    work.drain(world.deps, batch_id)
    for username in b.PARAFS:
        b.approve(world, batch_id, username)
    b.authorise(world, batch_id)
    work.run_chunk(world.deps, batch_id)
    signing.cancel(world.deps, world.actor(b.SIGNER), batch_id, "Sudah cukup")
    work.drain(world.deps, batch_id)
    view = page.load_batch(world.deps, clerk, batch_id)
    assert (view.status, view.stop_code, view.actions.issue) == ("signing", "", True)
    issuing.issue(world.deps, clerk, batch_id, view.lock_version)
    work.drain(world.deps, batch_id)
    ensure_ended(world, batch_id, "finished")
    assert stand(world, batch_id) == [OUT] * 2 + [BACK] * 2


def lose_outcome(world: World, batch_id: str) -> None:
    """A chunk of two was sent to a service whose answer did not come; the two others are signed."""
    b.authorise(world, batch_id)
    end_worker(world, batch_id, "chunk.proven")
    with world.deps.db.unit_of_work() as session:
        for attempt in session.scalars(select(SigningAttempt)):
            attempt.state, attempt.error_code = "unknown", "outcome_unknown"
            row = session.scalars(select(BatchRow).where(BatchRow.decree_id == attempt.decree_id)).one()
            row.state, row.failed_work, row.error_code = "failed", "sign", "outcome_unknown"
            row.pending, row.lease, row.leased_until = False, None, None
    work.drain(world.deps, batch_id)
    ensure_ended(world, batch_id, "finished")
    assert stand(world, batch_id) == [("failed", "signing")] * 2 + [OUT] * 2


def test_what_recovery_finds_signed_after_the_batch_finished_is_in_it_and_goes_out(
    world: World, clock: FrozenClock
) -> None:
    batch_id = b.ready(world, 4)
    lose_outcome(world, batch_id)
    clock.advance(minutes=6)
    single_signing.recover(world.deps)
    work.drain(world.deps, batch_id)
    ensure_ended(world, batch_id, "finished")
    assert stand(world, batch_id) == [OUT] * 4
    view = page.load_batch(world.deps, world.actor(b.CLERK), batch_id)
    assert (view.signed, dict(view.counts), view.actions.retry) == (4, {"live": 4}, False)
    assert "signatures_found" in {event.type for event in view.events}


def test_what_may_be_signed_is_not_tried_again_until_that_is_known(world: World) -> None:
    batch_id = b.ready(world, 4)
    lose_outcome(world, batch_id)
    batch = b.batch_row(world, batch_id)
    assert not page.load_batch(world.deps, world.actor(b.CLERK), batch_id).actions.retry
    with pytest.raises(retrying.NothingToRetry):
        retrying.retry(world.deps, world.actor(b.CLERK), batch_id, batch.lock_version)
    ensure_ended(world, batch_id, "finished")


def test_what_its_signer_declared_without_result_can_be_tried_again(world: World) -> None:
    batch_id = b.ready(world, 4)
    lose_outcome(world, batch_id)
    with world.deps.db.read_session() as session:
        open_acts = session.scalars(select(SigningAttempt).where(SigningAttempt.state == "unknown")).all()
    for path in (world.deps.settings.var_dir / "store").rglob("signed/*.pdf"):  # of those two nothing is there
        if any(b.decrees_of(world, batch_id)[n].public_id in str(path) for n in range(2)):
            path.unlink()
    for attempt in open_acts:
        single_signing.abandon(world.deps, world.actor(b.SIGNER), attempt.public_id)
    assert [row.error_code for row in b.rows_of(world, batch_id)[:2]] == ["interrupted"] * 2
    retrying.retry(world.deps, world.actor(b.CLERK), batch_id, b.batch_row(world, batch_id).lock_version)
    work.drain(world.deps, batch_id)
    assert b.authorise(world, batch_id) == 2
    work.drain(world.deps, batch_id)
    ensure_ended(world, batch_id, "finished")
    assert stand(world, batch_id) == [OUT] * 4


def test_a_batch_of_failed_rows_alone_waits_for_its_drafter(world: World) -> None:
    batch_id = b.submitted(world, 2)
    first = b.PARAFS[0]
    with world.deps.db.unit_of_work() as session:
        row = session.merge(b.rows_of(world, batch_id)[0])
        row.state, row.failed_work, row.error_code = "failed", "prepare", "conflict"
    review.exclude_rows(world.deps, world.actor(first), batch_id, b.batch_row(world, batch_id).lock_version, [2],
                        "Keliru")
    work.drain(world.deps, batch_id)
    view = page.load_batch(world.deps, world.actor(b.CLERK), batch_id)
    assert (view.status, view.actions.retry, view.actions.withdraw) == ("in_review", True, True)
    assert not page.load_batch(world.deps, world.actor(first), batch_id).actions.approve
    review.withdraw(world.deps, world.actor(b.CLERK), batch_id, view.lock_version, "Disusun ulang")
    work.drain(world.deps, batch_id)
    assert b.batch_row(world, batch_id).status == "draft"


def test_taking_a_row_out_of_a_partly_signed_list_leaves_the_rest_to_be_signed(
    world: World, clock: FrozenClock
) -> None:
    batch_id = b.ready(world, 5)
    b.authorise(world, batch_id)
    work.run_chunk(world.deps, batch_id)
    clock.advance(days=1)
    work.drain(world.deps, batch_id)
    signer = world.actor(b.SIGNER)
    assert signing.refresh(world.deps, signer, batch_id)
    work.drain(world.deps, batch_id)
    review.exclude_rows(world.deps, signer, batch_id, b.batch_row(world, batch_id).lock_version, [5], "Keliru")
    work.drain(world.deps, batch_id)
    assert b.authorise(world, batch_id) == 2
    work.drain(world.deps, batch_id)
    ensure_ended(world, batch_id, "finished")
    assert stand(world, batch_id) == [OUT] * 4 + [BACK]


def grants(world: World) -> list[bool]:
    """Whether the key is held, for each authorisation."""
    with world.deps.db.read_session() as session:
        given = session.scalars(select(SigningAuthorisation.public_id).order_by(SigningAuthorisation.id)).all()
    return [world.deps.signing_host.is_open(one) for one in given]


def test_an_authorisation_that_another_took_the_place_of_is_closed(world: World) -> None:
    batch_id = b.ready(world, 4)
    b.authorise(world, batch_id)
    work.run_chunk(world.deps, batch_id)
    signing.pause(world.deps, world.actor(b.SIGNER), batch_id)
    b.authorise(world, batch_id)
    assert grants(world) == [False, True]


def test_a_revoked_certificate_stops_the_list_at_once_and_says_so(world: World) -> None:
    batch_id = b.ready(world, 6)
    b.authorise(world, batch_id)
    work.run_chunk(world.deps, batch_id)
    signer = world.actor(b.SIGNER)
    mine = credentials.list_for(world.deps, signer, signer.person_public_id)[0]
    credentials.revoke(world.deps, signer, mine.public_id, "key_compromise")
    assert grants(world) == [False]
    work.drain(world.deps, batch_id)
    assert b.batch_row(world, batch_id).stop_code == "certificate_revoked"
    assert stand(world, batch_id) == [OUT] * 2 + [("live", "ready_to_sign")] * 4
    signing.cancel(world.deps, signer, batch_id, "Sertifikat dicabut")
    work.drain(world.deps, batch_id)
    ensure_ended(world, batch_id, "finished")
    assert stand(world, batch_id) == [OUT] * 2 + [BACK] * 4


@pytest.mark.parametrize("by_service", [True, False], ids=["ended now", "had ended"])
def test_who_does_not_hold_the_position_any_more_signs_no_further(
    world: World, clock: FrozenClock, by_service: bool
) -> None:
    batch_id = b.ready(world, 4)
    b.authorise(world, batch_id)
    work.run_chunk(world.deps, batch_id)
    yesterday = clock.now().date() - timedelta(days=1)
    with world.deps.db.unit_of_work() as session:
        held = session.scalars(
            select(Holding).where(Holding.person_id == world.actor(b.SIGNER).person_id)).one()
        holding_id = held.public_id
        if not by_service:
            held.valid_to = yesterday
    if by_service:
        holding_service.end_holding(world.deps, world.actor("admin"), holding_id, yesterday)
        assert grants(world) == [False]
    work.drain(world.deps, batch_id)
    assert b.batch_row(world, batch_id).stop_code == "holding_ended"
    assert stand(world, batch_id) == [OUT] * 2 + [("live", "ready_to_sign")] * 2


def test_what_may_be_signed_bars_the_way_back_of_the_whole_list(world: World) -> None:
    batch_id = b.ready(world, 2)
    with world.deps.db.unit_of_work() as session:
        session.merge(b.decrees_of(world, batch_id)[0]).status = "signing"
    version = b.batch_row(world, batch_id).lock_version
    for act in (lambda: review.withdraw(world.deps, world.actor(b.CLERK), batch_id, version, "Keliru"),
                lambda: review.give_back(world.deps, world.actor(b.SIGNER), batch_id, version, "Keliru"),
                lambda: review.exclude_rows(world.deps, world.actor(b.SIGNER), batch_id, version, [1], "Keliru")):
        with pytest.raises(Conflict) as refused:
            act()
        assert refused.value.code == "outcome_unknown"
    assert b.batch_row(world, batch_id).lock_version == version


def test_a_row_that_was_taken_out_is_a_draft_that_goes_out_as_it_is(world: World) -> None:
    batch_id = b.submitted(world, 2)
    first = world.actor(b.PARAFS[0])
    review.exclude_rows(world.deps, first, batch_id, b.batch_row(world, batch_id).lock_version, [2], "Keliru")
    work.drain(world.deps, batch_id)
    decree_id, clerk = b.decrees_of(world, batch_id)[1].public_id, world.actor(b.CLERK)
    view = world.view(decree_id)
    assert view.actions.submit
    routing.submit(world.deps, clerk, decree_id, view.lock_version)
    shown = world.view(decree_id, b.PARAFS[0])
    assert (shown.status, shown.pdf_purpose) == ("in_review", "draft")  # whose paraf is asked sees what it says
    for username in b.PARAFS:
        world.approve(decree_id, username)
    world.sign(decree_id)
    assert world.view(decree_id).status in {"signed", "issued"}


def test_an_unfinished_draft_still_does_not_go_out(world: World) -> None:
    clerk = world.actor(b.CLERK)
    decree_id = single_drafting.create_draft(world.deps, clerk, "kgb", {}, is_partial=True)
    with pytest.raises(InvalidDecreeData):
        routing.submit(world.deps, clerk, decree_id, world.view(decree_id).lock_version)
    assert world.view(decree_id).status == "draft"
