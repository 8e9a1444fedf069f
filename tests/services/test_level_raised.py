"""Once the settings want a higher level, what was signed and kept before is brought to it, and health says how many."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from certs.validation import validate_pdf
from svc.health import check
from svc.services import archive, audit, preservation, trust
from svc.services.preservation_state import make_low_due, retry
from svc.worker import run_worker
from tests.services.test_archive import SPECIMEN
from tests.services.test_preservation import best_file, row_of, signed_files
from tests.support.clock import FrozenClock
from tests.support.world import World


def at(world: World, level: str) -> World:
    settings = world.deps.settings.model_copy(update={"signature_level": level})
    return World(replace(world.deps, settings=settings), world.organisation)


def signed_at(world: World, clock: FrozenClock, level: str) -> str:
    """A decree of this level, which nobody looks at again for a week."""
    chosen = at(world, level)
    decree_id = chosen.walk("signed")
    clock.advance(seconds=1)
    preservation.preserve_due(chosen.deps)
    row = row_of(world.deps, decree_id)
    assert (row.level, row.state, row.due_at) == (level, "held", clock.now() + timedelta(days=7))
    return decree_id


def test_a_start_of_the_worker_raises_what_was_signed_at_lower_levels(world: World, clock: FrozenClock) -> None:
    decrees = [signed_at(world, clock, level) for level in ("B-B", "B-T", "B-LT")]
    seen = check(world.deps).preservation
    assert seen.detail == "0 documents are stuck, 0 wait, 3 are below B-LTA: a start of the worker raises them"
    assert make_low_due(world.deps) == 3
    assert check(world.deps).preservation.detail.startswith("0 documents are stuck, 3 wait for")
    assert preservation.preserve_due(world.deps).augmented == 3
    for decree_id in decrees:
        first, second = signed_files(world.deps, decree_id)[-2:]
        assert second.startswith(first)
        report = validate_pdf(second, trust.trust_store(world.deps), clock.now() + timedelta(days=1500))
        assert (report.passed, report.signatures[0].level) == (True, "B-LTA")
        assert row_of(world.deps, decree_id).level == "B-LTA"
    assert check(world.deps).preservation.detail == "0 documents are stuck, 0 wait: each is as the settings want"
    assert make_low_due(world.deps) == 0
    assert audit.verify(world.deps).findings == ()


def test_the_loop_itself_does_so_before_anything_else(world: World, clock: FrozenClock) -> None:
    decree_id = signed_at(world, clock, "B-B")
    stop = threading.Event()
    thread = threading.Thread(target=run_worker, args=(world.deps, stop))
    thread.start()
    try:
        for _ in range(600):
            if row_of(world.deps, decree_id).level == "B-LTA":
                break
            stop.wait(0.1)
    finally:
        stop.set()
        thread.join(60)
    assert row_of(world.deps, decree_id).level == "B-LTA"


@pytest.mark.parametrize(("level", "reached"), [("B-LT", "B-LTA"), ("B-LTA", "B-LTA")])
def test_what_has_no_time_stamp_is_given_an_archive_time_stamp(
    world: World, clock: FrozenClock, level: str, reached: str
) -> None:
    decree_id = signed_at(world, clock, "B-B")
    wanting = at(world, level).deps
    assert make_low_due(wanting) == 1
    assert preservation.preserve_due(wanting).augmented == 1
    assert validate_pdf(best_file(wanting, decree_id), trust.trust_store(wanting), clock.now()).signatures[0].level \
        == reached
    assert make_low_due(wanting) == 0


def test_levels_that_raise_nothing_are_told_and_put_nothing_on_the_list(world: World, clock: FrozenClock) -> None:
    signed_at(world, clock, "B-B")
    wanting = at(world, "B-T").deps
    assert make_low_due(wanting) == 0
    assert check(wanting).preservation.detail == \
        "0 documents are stuck, 0 wait, 1 are below B-T: only B-LT and B-LTA raise them"
    assert "as the settings want" in check(at(world, "B-B").deps).preservation.detail


def test_an_operator_has_what_is_below_the_level_raised_by_name_or_all(world: World, clock: FrozenClock) -> None:
    named, other = signed_at(world, clock, "B-LT"), signed_at(world, clock, "B-B")
    (row_id,) = retry(world.deps, [named])
    assert preservation.preserve_now(world.deps, row_id) == "augmented"
    assert (row_of(world.deps, named).level, row_of(world.deps, other).level) == ("B-LTA", "B-B")
    (row_id,) = retry(world.deps)
    assert preservation.renew_now(world.deps, row_id) == "augmented"
    assert row_of(world.deps, other).level == "B-LTA"


def test_what_came_from_elsewhere_says_again_what_it_waits_for(world: World, clock: FrozenClock) -> None:
    archive.take_in(world.deps, None, SPECIMEN.name, SPECIMEN.read_bytes())
    clock.advance(seconds=1)
    assert preservation.preserve_due(world.deps).waiting == 1
    clock.advance(minutes=1)
    assert preservation.preserve_due(at(world, "B-T").deps).held == 1
    assert make_low_due(world.deps) == 1
    assert preservation.preserve_due(world.deps).waiting == 1
    (kept,) = archive.list_documents(world.deps)
    assert kept.standing is not None
    assert (kept.standing.state, kept.standing.why) == ("waiting", "authority_unknown")
