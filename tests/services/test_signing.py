"""The act of signing: the right document, once, by the right person, and nothing lost in a crash."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from certs.validation import is_extension, validate_pdf
from svc import failpoints
from svc.errors import (
    AppError,
    Conflict,
    CredentialLocked,
    CredentialUnusable,
    DocumentChanged,
    InvalidInput,
    NotFound,
    NotYourTask,
    StaleTask,
    StepUpFailed,
    StorageUnavailable,
    TooManyAttempts,
)
from svc.models import (
    AuditEvent,
    Credential,
    Decree,
    PassphraseTry,
    Person,
    RegisterEntry,
    Signature,
    SigningAttempt,
    StoredFile,
    Task,
)
from svc.ports import StoredObject
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services import credentials, decree_page, key_use, routing, signing, trust
from svc.services import signing_production as production
from svc.services import signing_steps as steps
from svc.services.signing import SigningSheet
from svc.services.signing_keys import open_signer
from svc.settings import Settings
from tests.support.clock import FrozenClock
from tests.support.signers import foreign_pkcs12, give_certificates, trust_authority
from tests.support.stores import FaultyStore
from tests.support.world import World

SIGNER = "kepala"


@pytest.fixture
def ready(world: World) -> World:
    give_certificates(world, SIGNER)
    return world


def waiting(world: World) -> tuple[str, str]:
    """A decree that waits for its signature, and the task."""
    decree_id = world.walk("ready_to_sign")
    task = world.view(decree_id).open_task
    assert task is not None
    return decree_id, task.task_id


def sheet_of(world: World, task_id: str) -> SigningSheet:
    return signing.prepare(world.deps, world.actor(SIGNER), task_id)


def sign(world: World, sheet: SigningSheet, passphrase: str = DEMO_PASSPHRASE, totp: str | None = None,
         username: str = SIGNER) -> signing.SignOutcome:
    step_up = signing.StepUp(passphrase, signing.SecondStep(totp or ""))
    return signing.sign(world.deps, world.actor(username), sheet.task_id, sheet.lock_version, sheet.frozen_sha256,
                        step_up)


def status_of(world: World, decree_id: str) -> str:
    return world.view(decree_id).status


def attempts(world: World) -> list[SigningAttempt]:
    with world.deps.db.read_session() as session:
        return list(session.scalars(select(SigningAttempt).order_by(SigningAttempt.id)))


def signatures(world: World) -> int:
    with world.deps.db.read_session() as session:
        return session.scalar(select(func.count()).select_from(Signature)) or 0


def signed_pdf(world: World, decree_id: str) -> bytes:
    return decree_page.load_pdf(world.deps, world.actor("analis"), decree_id).data


# ---- the sheet


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


# ---- the act


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


# ---- what is refused, and leaves nothing behind


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


# ---- passphrase and second factor


def test_a_wrong_passphrase_is_counted_delayed_and_told(ready: World, clock: FrozenClock) -> None:
    decree_id, task_id = waiting(ready)
    sheet = sheet_of(ready, task_id)
    with pytest.raises(StepUpFailed, match=r"Sisa percobaan: 4.*1 detik"):
        sign(ready, sheet, "salah-sekali")
    with pytest.raises(TooManyAttempts, match="1 detik"):
        sign(ready, sheet)
    clock.advance(seconds=1)
    with pytest.raises(StepUpFailed, match=r"Sisa percobaan: 3.*2 detik"):
        sign(ready, sheet, "salah-sekali")
    clock.advance(seconds=2)
    sign(ready, sheet)
    assert status_of(ready, decree_id) in {"signed", "issued"}
    with ready.deps.db.read_session() as session:
        assert session.scalars(select(Credential.failures)).one() == 0


def test_the_limit_locks_and_only_an_administrator_unlocks(ready: World, clock: FrozenClock) -> None:
    _, task_id = waiting(ready)
    sheet = sheet_of(ready, task_id)
    for _ in range(ready.deps.settings.passphrase_attempts - 1):
        with pytest.raises(StepUpFailed):
            sign(ready, sheet, "salah-sekali")
        clock.advance(seconds=70)
    with pytest.raises(CredentialLocked):
        sign(ready, sheet, "salah-sekali")
    clock.advance(seconds=70)
    with pytest.raises(CredentialLocked):
        sign(ready, sheet)
    sheet = sheet_of(ready, task_id)
    assert (sheet.credential.state, sheet.credential.can_sign) == ("locked", False)
    signer = ready.actor(SIGNER)
    (own,) = credentials.list_for(ready.deps, signer, signer.person_public_id)
    with pytest.raises(AppError):
        credentials.unlock(ready.deps, signer, own.public_id)
    credentials.unlock(ready.deps, ready.actor("admin"), own.public_id)
    sign(ready, sheet)


def test_many_wrong_tries_at_once_do_not_exceed_the_limit(ready: World) -> None:
    _, task_id = waiting(ready)
    sheet = sheet_of(ready, task_id)
    tried = []

    def attack(number: int) -> str:
        try:
            sign(ready, sheet, f"tebakan-{number}")
        except (StepUpFailed, CredentialLocked, TooManyAttempts) as error:
            tried.append(error)
            return error.code
        return "signed"

    with ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(attack, range(50)))
    with ready.deps.db.read_session() as session:
        row = session.scalars(select(Credential)).one()
    assert "signed" not in codes
    assert codes.count("step_up_failed") <= ready.deps.settings.passphrase_attempts
    assert row.failures <= ready.deps.settings.passphrase_attempts


def failures_of(world: World) -> int:
    with world.deps.db.read_session() as session:
        return session.scalars(select(Credential.failures)).one()


def died_while_checking(world: World, times: int) -> None:
    """What a web process that is killed with checks in flight leaves: reservations that nobody settles."""
    now = world.deps.clock.now()
    with world.deps.db.unit_of_work() as session:
        credential = session.scalars(select(Credential)).one()
        session.add_all(PassphraseTry(credential_id=credential.id, tried_at=now) for _ in range(times))


def test_checks_whose_process_died_cost_no_try_once_their_time_is_over(ready: World, clock: FrozenClock) -> None:
    decree_id, task_id = waiting(ready)
    sheet = sheet_of(ready, task_id)
    died_while_checking(ready, ready.deps.settings.passphrase_attempts)
    with pytest.raises(TooManyAttempts, match="60 detik"):  # they may still be in flight, for all anybody knows
        sign(ready, sheet)
    assert sheet_of(ready, task_id).credential.tries_left == ready.deps.settings.passphrase_attempts
    clock.advance(seconds=60)
    with pytest.raises(StepUpFailed, match=r"Sisa percobaan: 4"):
        sign(ready, sheet, "salah-sekali")
    clock.advance(seconds=2)
    sign(ready, sheet)
    assert (status_of(ready, decree_id) in {"signed", "issued"}, failures_of(ready)) == (True, 0)


def test_reservations_made_by_a_clock_that_was_set_back_do_not_stay(ready: World, clock: FrozenClock) -> None:
    _, task_id = waiting(ready)
    clock.advance(minutes=5)
    died_while_checking(ready, ready.deps.settings.passphrase_attempts)
    clock.advance(minutes=-5)
    sign(ready, sheet_of(ready, task_id))


@pytest.mark.parametrize("passphrase", [DEMO_PASSPHRASE, "salah-sekali"])
def test_a_check_whose_try_was_given_to_another_gives_no_answer(
    ready: World, clock: FrozenClock, passphrase: str
) -> None:
    """However slow a server is made: right and wrong look the same, and nothing is counted or signed."""
    _, task_id = waiting(ready)
    sheet = sheet_of(ready, task_id)
    failpoints.arm(Settings.from_env({"PARAF_FAILPOINT": "key.reserved:1:sleep=2"}, env_file=None))
    try:
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(sign, ready, sheet, passphrase)
            while not tries_in_flight(ready):
                time.sleep(0.01)
            clock.advance(seconds=61)
            with pytest.raises(StepUpFailed):
                sign(ready, sheet, "tebakan-lain")
            with pytest.raises(key_use.CheckTooSlow):
                slow.result()
    finally:
        failpoints.arm(Settings.from_env({}, env_file=None))
    assert (failures_of(ready), signatures(ready), tries_in_flight(ready)) == (1, 0, 0)


def tries_in_flight(world: World) -> int:
    with world.deps.db.read_session() as session:
        return session.scalar(select(func.count()).select_from(PassphraseTry)) or 0


def test_tries_in_flight_and_failures_together_never_exceed_the_limit(ready: World, clock: FrozenClock) -> None:
    _, task_id = waiting(ready)
    sheet = sheet_of(ready, task_id)
    with pytest.raises(StepUpFailed):
        sign(ready, sheet, "salah-sekali")
    clock.advance(seconds=5)
    died_while_checking(ready, ready.deps.settings.passphrase_attempts - 1)
    with pytest.raises(TooManyAttempts):
        sign(ready, sheet)
    assert failures_of(ready) == 1


def test_the_passphrase_stands_nowhere(ready: World, caplog: pytest.LogCaptureFixture) -> None:
    _, task_id = waiting(ready)
    sheet = sheet_of(ready, task_id)
    secret = "kalimat-yang-sangat-rahasia"
    with pytest.raises(StepUpFailed) as refused:
        sign(ready, sheet, secret)
    error: BaseException | None = refused.value
    while error is not None:
        assert secret not in repr(error) + str(error)
        error = error.__cause__
    assert secret not in caplog.text
    raw = (ready.deps.settings.var_dir.parent).rglob("*.db*")
    assert all(secret.encode() not in path.read_bytes() for path in raw)


def test_a_second_factor_is_asked_for_and_works_once(ready: World, clock: FrozenClock) -> None:
    import pyotp

    from svc.services import second_factor

    decree_id, task_id = waiting(ready)
    signer = ready.actor(SIGNER)
    enrolment = second_factor.begin_enrolment(ready.deps, SIGNER)
    code = pyotp.TOTP(enrolment.secret)
    second_factor.confirm_enrolment(ready.deps, signer, enrolment.secret, code.at(clock.now()))
    sheet = sheet_of(ready, task_id)
    assert sheet.second_step.is_demanded
    with pytest.raises(InvalidInput) as missing:
        sign(ready, sheet)
    assert set(missing.value.fields) == {"totp"}
    with pytest.raises(key_use.WrongTotp):
        sign(ready, sheet, totp=code.at(clock.now()))  # used when it was enrolled
    clock.advance(seconds=60)
    sign(ready, sheet, totp=code.at(clock.now()))
    assert status_of(ready, decree_id) in {"signed", "issued"}
    with ready.deps.db.unit_of_work() as session:
        person = session.get_one(Person, signer.person_id)
        assert not second_factor.accept_code(ready.deps, person, code.at(clock.now()))  # used when it signed


def test_where_a_second_factor_is_demanded_nobody_signs_without(ready: World) -> None:
    _, task_id = waiting(ready)
    strict = ready.deps.settings.model_copy(update={"require_totp": True})
    with pytest.raises(CredentialUnusable, match="dua langkah"):
        sign(replace(ready, deps=replace(ready.deps, settings=strict)), sheet_of(ready, task_id))


# ---- twice at once


def test_two_clicks_make_one_signature(ready: World) -> None:
    decree_id, task_id = waiting(ready)
    sheet = sheet_of(ready, task_id)

    def click(_: int) -> str:
        try:
            return sign(ready, sheet).signed_sha256
        except Conflict:
            return ""

    with ThreadPoolExecutor(4) as pool:
        results = [one for one in pool.map(click, range(4)) if one]
    assert len(results) == 1
    assert signatures(ready) == 1
    assert hashlib.sha256(signed_pdf(ready, decree_id)).hexdigest() == results[0]


# ---- faults and crashes


def test_a_full_store_leaves_the_decree_ready_and_unsigned(ready: World) -> None:
    decree_id, task_id = waiting(ready)
    sheet = sheet_of(ready, task_id)
    broken = replace(ready, deps=replace(ready.deps, store=FaultyStore(ready.deps.store, "/signed/")))
    with pytest.raises(StorageUnavailable):
        sign(broken, sheet)
    assert (status_of(ready, decree_id), signatures(ready)) == ("ready_to_sign", 0)
    sign(ready, sheet_of(ready, task_id))
    assert [one.state for one in attempts(ready)] == ["failed", "done"]


@dataclass(frozen=True)
class Interrupted:
    """An act of signing that a crash stopped after one of its steps."""

    world: World
    decree_id: str
    task_id: str


def crash_after(world: World, step: str) -> Interrupted:
    decree_id, task_id = waiting(world)
    deps, signer, sheet = world.deps, world.actor(SIGNER), sheet_of(world, task_id)
    opened = open_signer(deps, signer, signing.StepUp(DEMO_PASSPHRASE), sheet.frozen_sha256)
    claimed = steps.claim(deps, signer, task_id, sheet.lock_version, sheet.frozen_sha256, opened)
    if step != "claim":
        signed = production.produce(deps, claimed, opened).pdf
        if step == "store":  # the object is there, the row does not say so yet
            key = steps.signed_key(decree_id, hashlib.sha256(signed).hexdigest())
            deps.store.put(key, signed, media_type="application/pdf")
        elif step == "keep":
            steps.keep(deps, claimed, signed)
    return Interrupted(world, decree_id, task_id)


@pytest.mark.parametrize("step", ["claim", "sign"])
def test_a_crash_before_anything_was_stored_gives_the_decree_back(ready: World, clock: FrozenClock, step: str) -> None:
    crashed = crash_after(ready, step)
    assert status_of(ready, crashed.decree_id) == "signing"
    clock.advance(minutes=6)
    assert signing.recover(ready.deps).released == (crashed.decree_id,)
    assert (status_of(ready, crashed.decree_id), signatures(ready)) == ("ready_to_sign", 0)
    sign(ready, sheet_of(ready, crashed.task_id))
    assert signatures(ready) == 1


@pytest.mark.parametrize("step", ["store", "keep"])
def test_a_crash_after_the_bytes_were_stored_is_finished(ready: World, clock: FrozenClock, step: str) -> None:
    crashed = crash_after(ready, step)
    clock.advance(minutes=6)
    assert signing.recover(ready.deps).finished == (crashed.decree_id,)
    assert status_of(ready, crashed.decree_id) in {"signed", "issued"}
    report = validate_pdf(signed_pdf(ready, crashed.decree_id), trust.trust_store(ready.deps), clock.now())
    assert report.passed
    with ready.deps.db.read_session() as session:
        event = session.scalars(select(AuditEvent).where(AuditEvent.type == "signed")).one()
    assert event.actor_name == "Fajar Contoh Nugraha"
    assert signing.recover(ready.deps, timedelta(0)) == signing.RecoveryReport((), (), ())


@dataclass
class BrokenStore(FaultyStore):
    """A real store whose client breaks, in a way that nobody foresaw, when it lists what ``refuses`` names."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        if self.refuses in prefix:
            raise RuntimeError("nobody foresaw this")
        return self.inner.list(prefix)


def test_an_unexpected_error_in_one_recovery_does_not_stop_the_others(
        ready: World, clock: FrozenClock, caplog: pytest.LogCaptureFixture) -> None:
    first, second = crash_after(ready, "keep"), crash_after(ready, "keep")
    clock.advance(minutes=6)
    broken = replace(ready.deps, store=BrokenStore(ready.deps.store, first.decree_id))
    assert signing.recover(broken) == signing.RecoveryReport((second.decree_id,), (), (first.decree_id,))
    assert "error=RuntimeError" in caplog.text
    assert "nobody foresaw this" not in caplog.text
    assert signing.recover(ready.deps).finished == (first.decree_id,)


def test_an_act_that_is_under_way_is_left_alone(ready: World) -> None:
    crashed = crash_after(ready, "keep")
    assert signing.recover(ready.deps) == signing.RecoveryReport((), (), ())
    assert status_of(ready, crashed.decree_id) == "signing"


def test_damaged_bytes_are_not_recorded_by_recovery(ready: World, clock: FrozenClock) -> None:
    crashed = crash_after(ready, "keep")
    folder = ready.deps.settings.var_dir / "store" / steps.signed_prefix(crashed.decree_id)
    (path,) = folder.iterdir()
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-2000])
    clock.advance(minutes=6)
    assert signing.recover(ready.deps).released == (crashed.decree_id,)
    assert (status_of(ready, crashed.decree_id), signatures(ready)) == ("ready_to_sign", 0)


def test_a_slow_act_whose_claim_was_released_does_not_sign(ready: World) -> None:
    _, task_id = waiting(ready)
    deps, signer, sheet = ready.deps, ready.actor(SIGNER), sheet_of(ready, task_id)
    opened = open_signer(deps, signer, signing.StepUp(DEMO_PASSPHRASE), sheet.frozen_sha256)
    claimed = steps.claim(deps, signer, task_id, sheet.lock_version, sheet.frozen_sha256, opened)
    signed = production.produce(deps, claimed, opened).pdf
    signing.recover(deps, timedelta(0))
    with pytest.raises(AppError):
        steps.keep(deps, claimed, signed)
    assert signatures(ready) == 0
