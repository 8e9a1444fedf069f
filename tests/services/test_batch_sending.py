"""To whom a decree of a batch is about hears of it once, whoever sent it out and whenever; what left is not counted."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator

import pytest

from svc import failpoints
from svc.errors import Conflict
from svc.services import drafting as single_drafting
from svc.services import routing
from svc.services import signing as single_signing
from svc.services.batches import drafting, issuing, page, results, review, signing, signing_chunk, work
from svc.services.batches.drafting import NewRow
from svc.settings import Settings
from svc.worker import run_once
from tests.support import batches as b
from tests.support.clock import FrozenClock
from tests.support.mail import KeepingMailer
from tests.support.world import World

ADDRESSES = ["dua@contoh.example", "satu@contoh.example"]


@pytest.fixture(autouse=True)
def _unarmed() -> Iterator[None]:
    yield
    failpoints.arm(Settings.from_env({}, env_file=None))


def addressed(world: World, *, auto_issue: bool = True) -> str:
    """A batch of two that is ready to be signed, each with an address."""
    clerk = world.actor(b.CLERK)
    batch_id = drafting.create(world.deps, clerk, "kgb", "Dengan alamat")
    rows = [NewRow(2, b.rise(world, 1), "satu@contoh.example"), NewRow(3, b.rise(world, 2), "dua@contoh.example")]
    drafting.put_rows(world.deps, clerk, batch_id, 1, rows)
    work.drain(world.deps, batch_id)
    drafting.submit(world.deps, clerk, batch_id, b.batch_row(world, batch_id).lock_version, auto_issue=auto_issue)
    work.drain(world.deps, batch_id)
    for username in b.PARAFS:
        b.approve(world, batch_id, username)
    return batch_id


def send(world: World, batch_id: str) -> int:
    count = issuing.issue(world.deps, world.actor(b.CLERK), batch_id, b.batch_row(world, batch_id).lock_version)
    work.drain(world.deps, batch_id)
    return count


def told(world: World, mailer: KeepingMailer) -> list[str]:
    """Addresses outside the service to which mail went."""
    for _ in range(6):
        run_once(world.deps)
    return sorted(mail.to for mail in mailer.sent if mail.to in ADDRESSES)


def listed(world: World, batch_id: str) -> tuple[list[str], list[dict[str, str]]]:
    """The documents in the archive, and its list."""
    bundle = zipfile.ZipFile(io.BytesIO(b"".join(results.archive(world.deps, world.actor(b.CLERK), batch_id))))
    rows = list(csv.DictReader(io.StringIO(bundle.read("daftar.csv").decode("utf-8-sig"))))
    return [name for name in bundle.namelist() if name.endswith(".pdf")], rows


def sign_alone(world: World, decree_id: str) -> None:
    """Carry a decree that left its batch through by itself."""
    clerk = world.actor(b.CLERK)
    single_drafting.save_draft(world.deps, clerk, decree_id, b.rise(world, 2), world.view(decree_id).lock_version)
    routing.submit(world.deps, clerk, decree_id, world.view(decree_id).lock_version)
    for username in b.PARAFS:
        world.approve(decree_id, username)
    world.give_certificates(b.SIGNER)
    world.sign(decree_id)


def test_people_whose_decrees_recovery_finished_get_their_mail_once(
        world: World, clock: FrozenClock, mailer: KeepingMailer) -> None:
    batch_id = addressed(world)
    b.authorise(world, batch_id)
    failpoints.arm(Settings.from_env({"PARAF_FAILPOINT": "chunk.proven:1:full"}, env_file=None))
    with pytest.raises(OSError, match="No space"):
        work.run_chunk(world.deps, batch_id)
    failpoints.arm(Settings.from_env({}, env_file=None))
    clock.advance(minutes=6)
    assert len(single_signing.recover(world.deps).finished) == 2
    work.drain(world.deps, batch_id)
    assert [one.status for one in b.decrees_of(world, batch_id)] == ["issued", "issued"]
    assert told(world, mailer) == ADDRESSES


def test_mail_of_decrees_that_the_drafter_sends_out_goes_when_he_does(world: World, mailer: KeepingMailer) -> None:
    batch_id = addressed(world, auto_issue=False)
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    assert told(world, mailer) == []
    assert send(world, batch_id) == 2
    assert told(world, mailer) == ADDRESSES
    with pytest.raises(Conflict):
        send(world, batch_id)


def test_what_was_signed_before_signing_was_ended_can_be_sent_out(
        world: World, mailer: KeepingMailer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing_chunk, "ROWS", 1)
    batch_id, clerk = addressed(world, auto_issue=False), world.actor(b.CLERK)
    b.authorise(world, batch_id)
    work.run_chunk(world.deps, batch_id)
    signing.cancel(world.deps, world.actor(b.SIGNER), batch_id, "Sudah cukup")
    work.drain(world.deps, batch_id)
    view = page.load_batch(world.deps, clerk, batch_id)
    assert (view.status, view.signed, view.unsent, view.actions.issue) == ("signing", 1, 1, True)
    assert not page.load_batch(world.deps, world.actor(b.SIGNER), batch_id).actions.issue
    assert send(world, batch_id) == 1
    view = page.load_batch(world.deps, clerk, batch_id)
    assert (view.status, view.unsent, view.actions.issue) == ("finished", 0, False)
    assert [one.status for one in b.decrees_of(world, batch_id)] == ["issued", "draft"]
    assert told(world, mailer) == ["satu@contoh.example"]


def test_a_row_that_left_and_was_signed_by_itself_is_no_result_of_the_batch(world: World) -> None:
    batch_id, clerk = b.submitted(world, 2), world.actor(b.CLERK)
    review.exclude_rows(world.deps, world.actor(b.PARAFS[0]), batch_id, b.batch_row(world, batch_id).lock_version,
                        [2], "Keliru")
    work.drain(world.deps, batch_id)
    for username in b.PARAFS:
        b.approve(world, batch_id, username)
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    sign_alone(world, b.decrees_of(world, batch_id)[1].public_id)
    assert page.load_batch(world.deps, clerk, batch_id).signed == 1
    names, rows = listed(world, batch_id)
    assert len(names) == 1
    assert [(row["hasil"], row["keterangan"], bool(row["sha256"])) for row in rows] == [
        ("ditandatangani dan terbit", "", True), ("dikeluarkan", "Keliru", False)]
    assert (rows[1]["nomor"], rows[1]["verifikasi"]) == ("", "")


def test_there_is_no_archive_where_only_what_left_was_signed(world: World) -> None:
    batch_id, clerk = b.submitted(world, 1), world.actor(b.CLERK)
    review.exclude_rows(world.deps, world.actor(b.PARAFS[0]), batch_id, b.batch_row(world, batch_id).lock_version,
                        [1], "Keliru")
    work.drain(world.deps, batch_id)
    sign_alone(world, b.decrees_of(world, batch_id)[0].public_id)
    with pytest.raises(results.NothingSigned):
        results.archive_name(world.deps, clerk, batch_id)
