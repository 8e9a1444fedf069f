"""Many decrees going their route together: nothing lost, nothing doubled, numbers side by side."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from typing import Any

import pytest
from sqlalchemy import func, select

from certs.validation import validate_pdf
from svc.errors import CredentialLocked, CredentialUnusable, DocumentChanged, NotYourTask, SelfApproval, StepUpFailed
from svc.models import (
    AuditEvent,
    AuthorisedDocument,
    Credential,
    Decree,
    Paraf,
    RegisterEntry,
    Signature,
    SigningAttempt,
    SigningAuthorisation,
    Task,
)
from svc.services import audit, credentials, decree_page, trust
from svc.services.batches import chunks, drafting, receipts, results, review, signing, work
from svc.services.batches.drafting import NewRow
from svc.services.signing_keys import StepUp, UnlockedKey, unlock
from svc.worker import run_once
from tests.support import batches as b
from tests.support.acts import text_of
from tests.support.clock import FrozenClock
from tests.support.mail import KeepingMailer
from tests.support.world import World


def test_a_batch_ends_as_numbered_signed_issued_decrees(world: World) -> None:
    batch_id = b.signed(world, 7)
    batch, decrees = b.batch_row(world, batch_id), b.decrees_of(world, batch_id)
    assert (batch.status, batch.work, batch.stop_code) == ("finished", "", "")
    assert [one.status for one in decrees] == ["issued"] * 7
    sequence = [int((one.number or "").split("/")[1]) for one in decrees]
    assert sequence == list(range(sequence[0], sequence[0] + 7))  # contiguous, in row order
    for decree in decrees:
        pdf = decree_page.load_pdf(world.deps, world.actor(b.CLERK), decree.public_id).data
        report = validate_pdf(pdf, trust.trust_store(world.deps), world.deps.clock.now())
        assert report.passed, report.explanation
        assert decree.number is not None
        assert decree.number in text_of(pdf)
    assert audit.verify(world.deps).is_intact


def test_a_key_that_was_replaced_while_it_was_opened_signs_no_list(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id, actor = b.ready(world, 2), world.actor(b.SIGNER)

    def meanwhile(*given: Any) -> UnlockedKey:
        key = unlock(*given)
        credentials.issue(world.deps, actor, actor.person_public_id, "kata-sandi-yang-baru")
        return key

    monkeypatch.setattr(signing, "unlock", meanwhile)
    with pytest.raises(CredentialUnusable):
        b.authorise(world, batch_id)
    with world.deps.db.read_session() as session:
        assert session.scalar(select(func.count()).select_from(SigningAuthorisation)) == 0
    assert [one.status for one in b.decrees_of(world, batch_id)] == ["ready_to_sign"] * 2


def test_the_records_of_each_decree_are_those_of_a_single_one(world: World) -> None:
    single = world.walk("issued")
    decree = b.decrees_of(world, b.signed(world, 2))[1]
    with world.deps.db.read_session() as session:
        alone = session.scalars(select(Decree).where(Decree.public_id == single)).one()

        def told(one: Decree) -> tuple[list[str], list[tuple[object, ...]], list[str]]:
            events = session.scalars(select(AuditEvent.type).where(AuditEvent.decree_id == one.id)
                                     .order_by(AuditEvent.seq))
            tasks = session.execute(select(Task.step_index, Task.kind, Task.status, Task.outcome, Task.assignee_id,
                                           Task.done_by_id, Task.done_capacity, Task.norm_minutes)
                                    .where(Task.decree_id == one.id).order_by(Task.id))
            parafs = session.scalars(select(Paraf.step_id).where(Paraf.decree_id == one.id).order_by(Paraf.id))
            return list(events), [tuple(row) for row in tasks], list(parafs)

        assert told(decree) == told(alone)
        entry = session.scalars(select(RegisterEntry).where(RegisterEntry.decree_id == decree.id)).one()
        assert entry.state == "used"


def test_bad_rows_are_named_before_anything_is_made(world: World) -> None:
    clerk = world.actor(b.CLERK)
    batch_id = drafting.create(world.deps, clerk, "kgb", "Baris buruk")
    broken = b.rise(world, 2)
    broken["pegawai"]["nip"] = "123"
    rows = [NewRow(2, b.rise(world, 1)), NewRow(3, broken), NewRow(4, b.rise(world, 1))]
    drafting.put_rows(world.deps, clerk, batch_id, 1, rows)
    work.drain(world.deps, batch_id)
    first, second, third = b.rows_of(world, batch_id)
    assert (first.state, second.state, third.state) == ("ready", "invalid", "invalid")
    assert "pegawai.nip" in {path for path, *_ in second.problems}
    assert third.problems[-1] == ["", "NIP ini sudah ada pada baris %(row)s.", {"row": 1}]
    assert b.decrees_of(world, batch_id) == []
    assert drafting.set_row(world.deps, clerk, batch_id, 2, b.mark(world, batch_id, 2), b.rise(world, 2))
    drafting.drop_row(world.deps, clerk, batch_id, 3, b.mark(world, batch_id, 3))
    drafting.submit(world.deps, clerk, batch_id, b.batch_row(world, batch_id).lock_version)
    work.drain(world.deps, batch_id)
    assert len(b.decrees_of(world, batch_id)) == 2


def test_the_drafter_cannot_initial_and_others_only_when_it_waits_for_them(world: World) -> None:
    batch_id = b.submitted(world, 2)
    version = b.batch_row(world, batch_id).lock_version
    with pytest.raises(NotYourTask):
        review.approve(world.deps, world.actor("sekretaris"), batch_id, version)
    with pytest.raises((NotYourTask, SelfApproval)):
        review.approve(world.deps, world.actor(b.CLERK), batch_id, version)


def test_excluded_rows_go_back_and_the_rest_goes_on(world: World) -> None:
    batch_id = b.submitted(world, 4)
    b.approve(world, batch_id, b.PARAFS[0])
    review.exclude_rows(world.deps, world.actor(b.PARAFS[1]), batch_id, b.batch_row(world, batch_id).lock_version,
                        [2], "Masa kerja keliru")
    work.drain(world.deps, batch_id)
    row, decree = b.rows_of(world, batch_id)[1], b.decrees_of(world, batch_id)[1]
    assert (row.state, row.excluded_reason) == ("excluded", "Masa kerja keliru")
    assert (decree.status, decree.batch_id) == ("draft", None)
    for username in b.PARAFS[1:]:
        b.approve(world, batch_id, username)
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    statuses = [one.status for one in b.decrees_of(world, batch_id)]
    assert statuses == ["issued", "draft", "issued", "issued"]
    numbers = [int((one.number or "").split("/")[1]) for one in b.decrees_of(world, batch_id) if one.number]
    assert numbers == list(range(numbers[0], numbers[0] + 3))


def test_a_batch_given_back_can_be_changed_and_go_out_again(world: World) -> None:
    batch_id = b.submitted(world, 3)
    review.give_back(world.deps, world.actor(b.PARAFS[0]), batch_id, b.batch_row(world, batch_id).lock_version,
                     "Periksa kembali gaji pokok")
    work.drain(world.deps, batch_id)
    assert b.batch_row(world, batch_id).status == "draft"
    assert {row.state for row in b.rows_of(world, batch_id)} == {"ready"}
    drafting.submit(world.deps, world.actor(b.CLERK), batch_id, b.batch_row(world, batch_id).lock_version)
    work.drain(world.deps, batch_id)
    assert [one.status for one in b.decrees_of(world, batch_id)] == ["in_review"] * 3


def test_a_wrong_passphrase_signs_nothing_and_spends_one_try(world: World) -> None:
    batch_id = b.ready(world, 5)
    with pytest.raises(StepUpFailed):
        b.authorise(world, batch_id, "bukan-kata-sandinya")
    with world.deps.db.read_session() as session:
        assert session.scalar(select(Credential.failures).order_by(Credential.id.desc()).limit(1)) == 1
        assert session.scalar(select(func.count()).select_from(SigningAttempt)) == 0
    assert b.batch_row(world, batch_id).status == "ready_to_sign"


def test_a_list_of_another_day_is_dated_anew_under_its_numbers(world: World, clock: FrozenClock) -> None:
    batch_id = b.ready(world, 3)
    before = [(one.number, one.frozen_sha256) for one in b.decrees_of(world, batch_id)]
    shown = signing.prepare(world.deps, world.actor(b.SIGNER), batch_id)
    clock.advance(days=1)
    world.give_certificates(b.SIGNER)
    with pytest.raises(DocumentChanged):
        signing.authorise(world.deps, world.actor(b.SIGNER), batch_id, shown.lock_version, shown.list_sha256,
                          StepUp("x" * 12))
    assert signing.refresh(world.deps, world.actor(b.SIGNER), batch_id)
    work.drain(world.deps, batch_id)
    after = b.decrees_of(world, batch_id)
    assert [one.number for one in after] == [number for number, _ in before]
    assert all(one.frozen_sha256 != old for one, (_, old) in zip(after, before, strict=True))
    assert not signing.refresh(world.deps, world.actor(b.SIGNER), batch_id)
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    assert [one.status for one in b.decrees_of(world, batch_id)] == ["issued"] * 3


def test_an_expired_authorisation_is_renewed_over_what_is_left(world: World, clock: FrozenClock) -> None:
    batch_id = b.ready(world, 40)
    b.authorise(world, batch_id)
    assert work.run_chunk(world.deps, batch_id)
    done = sum(one.status == "issued" for one in b.decrees_of(world, batch_id))
    assert 0 < done < 40
    clock.advance(minutes=6)
    work.drain(world.deps, batch_id)
    assert b.batch_row(world, batch_id).stop_code == "authorisation_over"
    assert b.authorise(world, batch_id) == 40 - done
    work.drain(world.deps, batch_id)
    assert [one.status for one in b.decrees_of(world, batch_id)] == ["issued"] * 40
    with world.deps.db.read_session() as session:
        assert session.scalar(select(func.count()).select_from(Signature)) == 40
        assert session.scalar(select(func.count()).select_from(AuthorisedDocument)) == 40


def test_paused_resumed_and_ended_with_what_is_signed_kept(world: World) -> None:
    batch_id = b.ready(world, 40)
    b.authorise(world, batch_id)
    work.run_chunk(world.deps, batch_id)
    signing.pause(world.deps, world.actor(b.SIGNER), batch_id)
    assert not work.run_chunk(world.deps, batch_id)
    signing.resume(world.deps, world.actor(b.SIGNER), batch_id)
    signing.cancel(world.deps, world.actor(b.SIGNER), batch_id, "Sisanya ditunda")
    work.drain(world.deps, batch_id)
    decrees = b.decrees_of(world, batch_id)
    issued = [one for one in decrees if one.status == "issued"]
    assert 0 < len(issued) < 40
    assert {one.status for one in decrees} == {"issued", "draft"}
    assert b.batch_row(world, batch_id).status == "finished"


def test_too_many_wrong_passphrases_lock_the_certificate_not_the_batch(world: World, clock: FrozenClock) -> None:
    batch_id = b.ready(world, 2)
    for _ in range(world.deps.settings.passphrase_attempts - 1):
        with pytest.raises(StepUpFailed):
            b.authorise(world, batch_id, "bukan-kata-sandinya")
        clock.advance(minutes=2)
    with pytest.raises(CredentialLocked):
        b.authorise(world, batch_id, "bukan-kata-sandinya")
    assert b.batch_row(world, batch_id).status == "ready_to_sign"


def test_the_archive_holds_every_signed_document_and_a_list_of_all_rows(world: World) -> None:
    batch_id = b.ready(world, 4)
    review.exclude_rows(world.deps, world.actor(b.SIGNER), batch_id, b.batch_row(world, batch_id).lock_version, [3],
                        "=1+1 belum lengkap")
    work.drain(world.deps, batch_id)
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    clerk = world.actor(b.CLERK)
    bundle = zipfile.ZipFile(io.BytesIO(b"".join(results.archive(world.deps, clerk, batch_id))))
    assert bundle.testzip() is None
    listed = list(csv.DictReader(io.StringIO(bundle.read("daftar.csv").decode("utf-8-sig"))))
    assert [row["baris"] for row in listed] == ["1", "2", "3", "4"]
    assert listed[2]["keterangan"].startswith("'=")  # no spreadsheet takes it for a formula
    pdfs = [name for name in bundle.namelist() if name.endswith(".pdf")]
    assert len(pdfs) == 3
    assert {hashlib.sha256(bundle.read(name)).hexdigest() for name in pdfs} == {
        row["sha256"] for row in listed if row["sha256"]}
    assert results.archive_name(world.deps, clerk, batch_id) == "KGB-contoh.zip"


def test_the_receipt_names_every_outcome_and_is_signed_by_the_service(world: World) -> None:
    batch_id = b.signed(world, 3)
    receipts.make_due(world.deps)
    receipt = receipts.read_receipt(world.deps, world.actor(b.CLERK), batch_id)
    report = validate_pdf(receipt.pdf, trust.trust_store(world.deps), world.deps.clock.now())
    assert report.passed, report.explanation
    text = text_of(receipt.pdf)
    for decree in b.decrees_of(world, batch_id):
        assert decree.number
        assert decree.number in text
        assert (decree.signed_sha256 or "x")[:32] in text.replace(" ", "")


def test_each_person_gets_one_mail_with_the_address_of_his_decree(world: World, mailer: KeepingMailer) -> None:
    clerk = world.actor(b.CLERK)
    batch_id = drafting.create(world.deps, clerk, "kgb", "Dengan alamat")
    rows = [NewRow(2, b.rise(world, 1), "satu@contoh.example"), NewRow(3, b.rise(world, 2))]
    drafting.put_rows(world.deps, clerk, batch_id, 1, rows)
    work.drain(world.deps, batch_id)
    drafting.submit(world.deps, clerk, batch_id, b.batch_row(world, batch_id).lock_version)
    work.drain(world.deps, batch_id)
    for username in b.PARAFS:
        b.approve(world, batch_id, username)
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    for _ in range(5):
        run_once(world.deps)
    told = [mail for mail in mailer.sent if mail.to == "satu@contoh.example"]
    assert len(told) == 1
    assert f"/v/{b.decrees_of(world, batch_id)[0].verify_code}" in told[0].text


def test_what_midnight_cut_off_is_dated_anew_before_it_is_signed(world: World, clock: FrozenClock) -> None:
    clock.advance(hours=14, minutes=58)  # two minutes to midnight in Makassar
    batch_id = b.ready(world, 40)
    b.authorise(world, batch_id)
    work.run_chunk(world.deps, batch_id)
    clock.advance(minutes=3)
    work.drain(world.deps, batch_id)
    assert b.batch_row(world, batch_id).stop_code == "date_changed"
    assert signing.refresh(world.deps, world.actor(b.SIGNER), batch_id)
    work.drain(world.deps, batch_id)
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    decrees = b.decrees_of(world, batch_id)
    assert {one.status for one in decrees} == {"issued"}
    zone = world.deps.settings.tzinfo
    assert all(one.signed_at and one.issued_on == one.signed_at.astimezone(zone).date() for one in decrees)
    assert len({one.issued_on for one in decrees}) == 2


def test_a_worker_that_was_slow_to_begin_does_not_do_the_work_of_before(world: World) -> None:
    """It chose the batch while decrees were to be made; by now they are made, and wait for their paraf."""
    batch_id = b.submitted(world, 3)
    review.approve(world.deps, world.actor("kasubbid"), batch_id, b.batch_row(world, batch_id).lock_version)
    assert chunks.prepare(world.deps, b.batch_row(world, batch_id).id) == 0
    work.drain(world.deps, batch_id)
    with world.deps.db.read_session() as session:
        assert session.scalar(select(func.count()).select_from(Decree)) == 3
