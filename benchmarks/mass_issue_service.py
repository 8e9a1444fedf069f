"""The line that is the service itself: two batch workers on one database, each with a batch of its own."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from benchmarks.batch_stages import CLERK, OFFICIALS, SIGNER, found_office, make_rise, sign_all, version_of
from benchmarks.mass_issue_lines import Line, Took, Watch
from svc.deps import Deps, build_deps, with_own_signing_host
from svc.migrate import upgrade
from svc.seed.walk import actor_of
from svc.services.batches import drafting, page, review, work
from svc.services.batches.drafting import NewRow
from svc.settings import Settings

_PEOPLE = 300_000  # of whom ``make_rise`` makes people who can be in office


def make_service(folder: Path) -> Line:
    """Whoever comes first founds the office."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    deps = _open(folder / "service")

    def prepare(numbers: Sequence[int]) -> Callable[[], Took]:
        batch_id = _bring_to_last_official(deps, numbers)

        def run() -> Took:
            watch = Watch()
            official = actor_of(deps, OFFICIALS[-1])
            review.approve(deps, official, batch_id, version_of(deps, official, batch_id))
            work.drain(deps, batch_id)
            sign_all(deps, actor_of(deps, SIGNER), batch_id)
            took = watch.read()
            done = page.load_batch(deps, actor_of(deps, CLERK), batch_id)
            if (done.status, done.signed) != ("finished", len(numbers)):
                raise RuntimeError(f"the batch did not end: {done.status}, {done.signed} signed, {done.stop_code}")
            return took

        return run

    return prepare


def _open(folder: Path) -> Deps:
    folder.mkdir(exist_ok=True)
    chosen = {"PARAF_VAR_DIR": str(folder), "PARAF_SIGNATURE_LEVEL": "B-B"}
    if url := os.environ.get("PARAF_DATABASE_URL"):
        chosen["PARAF_DATABASE_URL"] = url
    settings = Settings.from_env(chosen, env_file=None)
    with (folder / "founding").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        is_new = os.fstat(lock.fileno()).st_size == 0
        if is_new:
            upgrade(settings.effective_database_url)
        deps = with_own_signing_host(build_deps(settings))
        if is_new:
            found_office(deps)
            lock.write("founded")
    return deps


def _bring_to_last_official(deps: Deps, numbers: Sequence[int]) -> str:
    """Make a batch of pay rises, checked and initialled by all officials but the last."""
    clerk = actor_of(deps, CLERK)
    batch_id = drafting.create(deps, clerk, "kgb", "Tolok ukur")
    rows = [NewRow(place, make_rise(deps, number % _PEOPLE)) for place, number in enumerate(numbers, start=1)]
    drafting.put_rows(deps, clerk, batch_id, version_of(deps, clerk, batch_id), rows)
    work.drain(deps, batch_id)
    drafting.submit(deps, clerk, batch_id, version_of(deps, clerk, batch_id))
    work.drain(deps, batch_id)
    for name in OFFICIALS[:-1]:
        official = actor_of(deps, name)
        review.approve(deps, official, batch_id, version_of(deps, official, batch_id))
        work.drain(deps, batch_id)
    return batch_id
