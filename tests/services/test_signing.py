"""The act of signing: the right document, once, by the right person."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from certs.validation import is_extension, validate_pdf
from svc.errors import AppError, CredentialUnusable, DocumentChanged, NotFound, NotYourTask, StaleTask
from svc.models import AuditEvent, Decree, RegisterEntry, Signature, StoredFile, Task
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services import credentials, routing, signing, trust
from tests.support.clock import FrozenClock
from tests.support.signers import foreign_pkcs12, give_certificates, trust_authority
from tests.support.signing_by_hand import SIGNER, attempts, sheet_of, sign, signatures, signed_pdf, status_of, waiting
from tests.support.world import World


def test_the_sheet_says_what_is_signed_and_as_whom(ready: World) -> None:
    decree_id, task_id = waiting(ready)
    sheet = sheet_of(ready, task_id)
    assert sheet.capacity_line == "KEPALA BADAN KEPEGAWAIAN DAERAH a.n. GUBERNUR NUSA MANDALA"
    assert sheet.frozen_sha256 == ready.view(decree_id).pdf_sha256
    assert sheet.hash_tail == sheet.frozen_sha256[-12:]
    assert [line.name for line in sheet.parafs] == [
        "Intan Contoh Lestari", "Hanif Contoh Prakoso", "Gita Contoh Maheswari"]
    assert (sheet.credential.state, sheet.second_step.is_demanded, sheet.changes) == ("usable", False, ())


def test_the_sheet_marks_what_changed_since_the_signer_returned_it(ready: World) -> None:
    decree_id, task_id = waiting(ready)
    signer = ready.actor(SIGNER)
    routing.return_for_revision(ready.deps, signer, task_id, sheet_of(ready, task_id).lock_version, "Perbaiki dasar")
    from svc.services import drafting

    drafter = ready.actor("analis")
    data = ready.example()
    data["pegawai"] = {**data["pegawai"], "nama": "Nama Yang Dibetulkan"}
    drafting.save_draft(ready.deps, drafter, decree_id, data, ready.view(decree_id).lock_version)
    routing.submit(ready.deps, drafter, decree_id, ready.view(decree_id).lock_version)
    for name in ("kasubbid", "kabid", "sekretaris"):
        ready.approve(decree_id, name)
    task = ready.view(decree_id).open_task
    assert task is not None
    sheet = sheet_of(ready, task.task_id)
    assert sheet.last_seen_version == 1
    assert [change.after for change in sheet.changes] == ["Nama Yang Dibetulkan"]


def test_the_sheet_is_only_for_the_holder_of_the_position(ready: World) -> None:
    _, task_id = waiting(ready)
    for username in ("sekretaris", "kadis", "biro"):
        with pytest.raises(AppError) as refused:
            signing.prepare(ready.deps, ready.actor(username), task_id)
        assert isinstance(refused.value, NotFound | NotYourTask)


def test_a_sheet_of_another_day_is_dated_anew(ready: World, clock: FrozenClock) -> None:
    decree_id, task_id = waiting(ready)
    before = sheet_of(ready, task_id)
    clock.advance(days=1)
    with pytest.raises(DocumentChanged):
        sign(ready, before)
    after = sheet_of(ready, task_id)
    assert after.frozen_sha256 != before.frozen_sha256
    assert after.number == before.number
    with pytest.raises(StaleTask):
        sign(ready, before)
    sign(ready, after)
    assert ready.view(decree_id).issued_on == after.issued_on


def test_without_a_certificate_the_sheet_says_what_to_do(world: World) -> None:
    _, task_id = waiting(world)
    sheet = sheet_of(world, task_id)
    assert sheet.credential.state == "missing"
    assert "Terbitkan" in sheet.credential.problem
    with pytest.raises(CredentialUnusable):
        sign(world, sheet)


def test_the_signed_file_is_the_frozen_one_with_a_valid_signature(ready: World) -> None:
    decree_id, task_id = waiting(ready)
    frozen = signed_pdf(ready, decree_id)
    outcome = sign(ready, sheet_of(ready, task_id))
    signed = signed_pdf(ready, decree_id)
    report = validate_pdf(signed, trust.trust_store(ready.deps), ready.deps.clock.now())
    assert is_extension(frozen, signed)
    assert report.passed
    (signature,) = report.signatures
    assert (signature.level, signature.certifies, signature.covers_whole_file) == ("B-T", True, True)
    assert signature.signer_name == "Fajar Contoh Nugraha"
    assert outcome.signed_sha256 == hashlib.sha256(signed).hexdigest()
    assert signature.timestamp_at == ready.deps.clock.now().replace(microsecond=0)  # RFC 3161 in whole seconds


def test_signing_is_recorded_everywhere_at_once(ready: World) -> None:
    decree_id, task_id = waiting(ready)
    outcome = sign(ready, sheet_of(ready, task_id))
    with ready.deps.db.read_session() as session:
        decree = session.scalars(select(Decree).where(Decree.public_id == decree_id)).one()
        entry = session.scalars(select(RegisterEntry).where(RegisterEntry.decree_id == decree.id)).one()
        row = session.scalars(select(Signature).where(Signature.decree_id == decree.id)).one()
        file = session.scalars(
            select(StoredFile).where(StoredFile.decree_id == decree.id, StoredFile.purpose == "signed")).one()
        task = session.scalars(select(Task).where(Task.public_id == task_id)).one()
        events = list(session.scalars(
            select(AuditEvent).where(AuditEvent.decree_id == decree.id, AuditEvent.type == "signed")))
    assert (decree.status, decree.signed_sha256) == (outcome.status, outcome.signed_sha256)
    assert decree.signed_at == ready.deps.clock.now()
    assert entry.state == "used"
    assert row.position_title == "KEPALA BADAN KEPEGAWAIAN DAERAH a.n. GUBERNUR NUSA MANDALA"
    assert (file.sha256, row.signed_sha256) == (outcome.signed_sha256, outcome.signed_sha256)
    assert (task.outcome, task.done_by_id) == ("signed", ready.actor(SIGNER).person_id)
    assert [event.actor_name for event in events] == ["Fajar Contoh Nugraha"]
    assert [attempt.state for attempt in attempts(ready)] == ["done"]


def test_level_b_is_made_when_set_so(ready: World) -> None:
    decree_id, task_id = waiting(ready)
    plain = ready.deps.settings.model_copy(update={"signature_level": "B-B"})
    outcome = sign(replace(ready, deps=replace(ready.deps, settings=plain)), sheet_of(ready, task_id))
    assert outcome.level == "B-B"
    assert status_of(ready, decree_id) in {"signed", "issued"}


@pytest.mark.poppler
@pytest.mark.skipif(shutil.which("pdfsig") is None, reason="poppler-utils is not installed")
def test_another_program_calls_the_signature_valid(ready: World, tmp_path: Path) -> None:
    decree_id, task_id = waiting(ready)
    sign(ready, sheet_of(ready, task_id))
    path = tmp_path / "signed.pdf"
    path.write_bytes(signed_pdf(ready, decree_id))
    said = subprocess.run(["pdfsig", "-nocert", str(path)], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid." in said
    assert "ETSI.CAdES.detached" in said
    assert "Total document signed" in said


def test_an_uploaded_pdf_is_signed_too(ready: World) -> None:
    from svc.services import drafting
    from tests.services.test_routing import finished_pdf

    drafter = ready.actor("analis")
    decree_id = drafting.upload_draft(ready.deps, drafter, "kgb", "Naskah jadi", finished_pdf(2))
    routing.submit(ready.deps, drafter, decree_id, ready.view(decree_id).lock_version)
    for name in ("kasubbid", "kabid", "sekretaris"):
        ready.approve(decree_id, name)
    task = ready.view(decree_id).open_task
    assert task is not None
    sign(ready, sheet_of(ready, task.task_id))
    report = validate_pdf(signed_pdf(ready, decree_id), trust.trust_store(ready.deps), ready.deps.clock.now())
    assert report.passed


def test_an_acting_head_signs_in_his_own_name(ready: World) -> None:
    give_certificates(ready, "kadis")
    decree_id = ready.walk("ready_to_sign", "surat-izin")
    task = ready.view(decree_id, "loket").open_task
    assert task is not None
    sheet = signing.prepare(ready.deps, ready.actor("kadis"), task.task_id)
    assert sheet.capacity_line == "Plt. KEPALA DINAS PENANAMAN MODAL DAN PTSP"
    sign(ready, sheet, username="kadis")
    with ready.deps.db.read_session() as session:
        assert session.scalars(select(Signature.capacity)).one() == "plt"


def test_another_document_than_the_one_shown_is_not_signed(ready: World) -> None:
    decree_id, task_id = waiting(ready)
    sheet = replace(sheet_of(ready, task_id), frozen_sha256="0" * 64)
    with pytest.raises(DocumentChanged):
        sign(ready, sheet)
    assert (status_of(ready, decree_id), signatures(ready), attempts(ready)) == ("ready_to_sign", 0, [])


def test_an_old_page_is_refused_before_a_try_is_counted(ready: World) -> None:
    _, task_id = waiting(ready)
    sheet = sheet_of(ready, task_id)
    with pytest.raises(StaleTask):
        sign(ready, replace(sheet, lock_version=sheet.lock_version - 1), "salah-sekali")
    assert sheet_of(ready, task_id).credential.tries_left == ready.deps.settings.passphrase_attempts


def test_a_changed_frozen_file_is_never_signed(ready: World) -> None:
    decree_id, task_id = waiting(ready)
    sheet = sheet_of(ready, task_id)
    with ready.deps.db.read_session() as session:
        key = session.scalars(select(StoredFile.object_key).where(StoredFile.sha256 == sheet.frozen_sha256)).one()
    path = ready.deps.settings.var_dir / "store" / key
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"%%EOF", b"%%EOX"))
    with pytest.raises(AppError) as refused:
        sign(ready, sheet)
    assert refused.value.code == "integrity_violation"
    assert (status_of(ready, decree_id), signatures(ready)) == ("ready_to_sign", 0)
    assert [(one.state, one.error_code) for one in attempts(ready)] == [("failed", "integrity_violation")]


def test_a_revoked_certificate_cannot_sign(ready: World) -> None:
    _, task_id = waiting(ready)
    signer = ready.actor(SIGNER)
    sheet = sheet_of(ready, task_id)
    (own,) = credentials.list_for(ready.deps, signer, signer.person_public_id)
    credentials.revoke(ready.deps, signer, own.public_id, "key_compromise")
    with pytest.raises(CredentialUnusable):
        sign(ready, sheet)
    assert attempts(ready) == []


def test_an_expired_certificate_is_refused_before_signing(ready: World, clock: FrozenClock) -> None:
    _, task_id = waiting(ready)
    clock.advance(days=740)
    sheet = sheet_of(ready, task_id)
    assert sheet.credential.state == "unusable"
    with pytest.raises(CredentialUnusable, match="berakhir pada"):
        sign(ready, sheet)
    assert attempts(ready) == []


def test_a_foreign_certificate_signs_only_once_its_root_is_trusted(world: World) -> None:
    data, authority = foreign_pkcs12(world, "berkas-p12")
    signer = world.actor(SIGNER)
    credentials.import_pkcs12(world.deps, signer, signer.person_public_id, data, "berkas-p12", DEMO_PASSPHRASE)
    _, task_id = waiting(world)
    sheet = sheet_of(world, task_id)
    assert "dipercaya" in sheet.credential.problem
    with pytest.raises(CredentialUnusable, match="dipercaya"):
        sign(world, sheet)
    assert (signatures(world), attempts(world)) == (0, [])
    trust_authority(world, authority)
    sign(world, sheet_of(world, task_id))
    assert signatures(world) == 1
