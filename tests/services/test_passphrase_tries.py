"""Passphrases and second factors: tries are counted, delayed and limited, whatever else happens meanwhile."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from svc import failpoints
from svc.errors import AppError, CredentialLocked, CredentialUnusable, InvalidInput, StepUpFailed, TooManyAttempts
from svc.models import Credential, PassphraseTry, Person
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services import credentials, key_use
from svc.settings import Settings
from tests.support.clock import FrozenClock
from tests.support.signing_by_hand import SIGNER, sheet_of, sign, signatures, status_of, waiting
from tests.support.world import World


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
    for _ in range(ready.deps.settings.passphrase_attempts + 1):  # costs none of them
        with pytest.raises(InvalidInput) as spent:
            sign(ready, sheet, totp=code.at(clock.now()))  # used when it was enrolled
    assert "sudah dipakai" in spent.value.fields["totp"]
    with pytest.raises(key_use.WrongTotp):
        sign(ready, sheet, totp=code.at(clock.now() + timedelta(days=1)))
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
