"""Signing with BSrE: the act, what it says of the signer, and batches of which it answers in part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import urllib3
from pydantic import SecretStr
from sqlalchemy import select

from svc.cage.pool import WorkerCage
from svc.cage.port import CageLimits
from svc.errors import AppError, CredentialUnusable, StepUpFailed
from svc.models import Credential, RemoteCall, Signature, SigningAttempt
from svc.services import key_registration, signing
from svc.services.batches import signing as batch_signing
from svc.services.batches import work
from tests.support import batches
from tests.support.acts import blank_pdf
from tests.support.bsre import EMAIL, NIK, PASSPHRASE, BsreKeys, BsreWorld
from tests.support.clock import FrozenClock
from tests.support.keys_elsewhere import (
    SIGNER,
    AcrossTheProtocol,
    GoesAway,
    Waiting,
    refusals,
    told_of_refusal,
    wait,
    with_settings,
)
from tests.support.signers import trust_authority
from tests.support.stores import FaultyStore
from tests.support.world import World


def test_bsre_signs_and_its_certificate_is_learnt(agency: Waiting) -> None:
    outcome = agency.sign(PASSPHRASE)
    assert (outcome.status in {"signed", "issued"}, outcome.level) == (True, "PKCS7-T")
    with agency.world.deps.db.read_session() as session:
        credential = session.scalars(select(Credential).where(Credential.backend == "bsre")).one()
        calls = session.scalars(select(RemoteCall)).all()
    assert credential.serial
    assert credential.valid_to is not None
    assert NIK.encode() not in (credential.key_envelope or b"")
    assert not any(NIK in f"{call.endpoint}{call.request}{call.answer}" for call in calls)


@pytest.fixture
def cages() -> Iterator[tuple[WorkerCage, WorkerCage]]:
    """One that gives nobody time enough, and one as it should be."""
    hasty, sound = WorkerCage(CageLimits(seconds=0.001)), WorkerCage(CageLimits())
    yield hasty, sound
    hasty.close()
    sound.close()


def test_what_cannot_be_read_in_the_cage_yet_is_kept_and_not_signed_again(
    agency: Waiting, gateway: BsreWorld, cages: tuple[WorkerCage, WorkerCage]
) -> None:
    hasty, sound = [replace(agency, world=World(replace(agency.world.deps, cage=cage), agency.world.organisation))
                    for cage in cages]
    with pytest.raises(signing.ProofPending, match="Jangan ulangi"):
        hasty.sign(PASSPHRASE)
    signing.recover(hasty.world.deps, timedelta(0))
    assert (agency.status, agency.count(Signature)) == ("signing", 0)
    signing.recover(sound.world.deps, timedelta(0))
    assert (agency.status in {"signed", "issued"}, agency.count(Signature)) == (True, 1)
    assert len(gateway.desk.made) == 1


def test_version_2_signs_for_whom_an_address_was_registered_and_version_1_says_why_not(
    world: World, gateway: BsreWorld, bsre_keys: BsreKeys
) -> None:
    trust_authority(world, bsre_keys.authority)
    access = gateway.simulator.access
    given = {"bsre_url": gateway.simulator.base_url, "bsre_username": access.username,
             "bsre_password": SecretStr(access.password)}
    offered = with_settings(world, bsre_version=2, **given)
    actor = world.actor(SIGNER)
    key_registration.register_identity(offered.deps, actor, actor.person_public_id, EMAIL)
    waiting = wait(offered)
    with pytest.raises(CredentialUnusable, match="hanya mengenal NIK"):
        replace(waiting, world=with_settings(world, bsre_version=1, **given)).sign(PASSPHRASE)
    assert (waiting.status, gateway.desk.made) == ("ready_to_sign", [])
    outcome = waiting.sign(PASSPHRASE)
    assert (outcome.status in {"signed", "issued"}, outcome.level) == (True, "PKCS7-T")
    with offered.deps.db.read_session() as session:
        calls = session.scalars(select(RemoteCall)).all()
    assert calls
    assert not any(EMAIL in f"{call.endpoint}{call.request}{call.answer}" for call in calls)


@pytest.mark.parametrize(("number", "words"), [(2021, "sudah berakhir"), (2041, "belum ditandatangani")])
def test_numbers_that_nobody_has_confirmed_leave_the_decree_to_be_signed(
    agency: Waiting, gateway: BsreWorld, number: int, words: str
) -> None:
    body = json.dumps({"kind": "status_before", "endpoint": "api/sign/pdf", "number": number}).encode()
    planned = urllib3.request("POST", f"{gateway.simulator.base_url}/simulator/faults", body=body,
                              headers={"Content-Type": "application/json"})
    assert planned.status == 204
    with pytest.raises(AppError) as refused:
        agency.sign(PASSPHRASE)
    assert words in refused.value.text % dict(refused.value.params)
    assert (agency.status, gateway.desk.made) == ("ready_to_sign", [])
    assert agency.sign(PASSPHRASE).level == "PKCS7-T"


@pytest.mark.parametrize(("status", "words"), [
    ("SUSPEND", "ditangguhkan"), ("EXPIRED", "sudah berakhir"), ("NO_CERTIFICATE", "belum memiliki sertifikat"),
    ("WAITING_FOR_VERIFICATION", "menunggu verifikasi")])
def test_what_bsre_says_of_the_signer_is_told_in_words_before_anything_is_signed(
    agency: Waiting, gateway: BsreWorld, status: str, words: str
) -> None:
    user = gateway.desk.find(nik=NIK)
    assert user is not None
    user.status = status
    with pytest.raises(CredentialUnusable, match=words):
        agency.sign(PASSPHRASE)
    assert (agency.status, gateway.desk.made) == ("ready_to_sign", [])


def test_a_try_that_nobody_judged_forgives_no_wrong_one_before_it(
    agency: Waiting, gateway: BsreWorld, clock: FrozenClock
) -> None:
    with pytest.raises(StepUpFailed):
        agency.sign("sandi tebakan")
    clock.advance(minutes=2)
    user = gateway.desk.find(nik=NIK)
    assert user is not None
    user.status = "SUSPEND"  # the status is asked for before the passphrase is sent
    with pytest.raises(CredentialUnusable):
        agency.sign(PASSPHRASE)
    with agency.world.deps.db.read_session() as session:
        assert session.scalars(select(Credential.failures).where(Credential.backend == "bsre")).one() == 1


def test_a_batch_that_bsre_signed_while_the_store_is_down_is_unknown_and_then_found(
    world: World, agency: Waiting, gateway: BsreWorld, clock: FrozenClock
) -> None:
    deps = agency.world.deps
    batch_id = batches.ready(agency.world, 2)
    actor = agency.world.actor(SIGNER)
    shown = batch_signing.prepare(deps, actor, batch_id)
    batch_signing.authorise(deps, actor, batch_id, shown.lock_version, shown.list_sha256, signing.StepUp(PASSPHRASE))
    full = replace(deps, store=FaultyStore(deps.store, "/signed/"))
    work.drain(full, batch_id)
    with deps.db.read_session() as session:
        states = set(session.scalars(select(SigningAttempt.state)))
    assert (states, agency.count(Signature)) == ({"unknown"}, 0)
    assert {row.error_code for row in batches.rows_of(agency.world, batch_id)} == {"outcome_unknown"}
    assert len(gateway.desk.made) == 2
    report = signing.recover(deps, timedelta(0))
    assert (len(report.finished), agency.count(Signature), len(gateway.desk.made)) == (2, 2, 2)
    assert {one.status for one in batches.decrees_of(agency.world, batch_id)} <= {"signed", "issued"}


@pytest.mark.parametrize("place", ["inline", "process"])
def test_what_bsre_gives_back_in_a_batch_is_evidence_and_the_others_are_signed(
    agency: Waiting, gateway: BsreWorld, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    world = agency.world if place == "inline" else World(
        replace(agency.world.deps, signing_host=AcrossTheProtocol(agency.world.deps.signing_host)),
        agency.world.organisation)
    actor = agency.world.actor(SIGNER)
    other, sign, calls = blank_pdf(title="Berkas lain"), gateway.desk.sign, list[int]()

    def answer(*asked: Any) -> list[bytes]:
        calls.append(1)
        made = sign(*asked)
        return [other, *made[1:]] if len(calls) == 1 else made

    batch_id = batches.ready(world, 3)
    shown = batch_signing.prepare(world.deps, actor, batch_id)
    batch_signing.authorise(world.deps, actor, batch_id, shown.lock_version, shown.list_sha256,
                            signing.StepUp(PASSPHRASE))
    monkeypatch.setattr(gateway.desk, "sign", answer)
    work.drain(world.deps, batch_id)
    assert [row.error_code for row in batches.rows_of(world, batch_id)].count("result_not_ours") == 1
    assert agency.count(Signature) == 2
    (said,) = refusals(agency)
    assert world.deps.store.get(str(said["key"])) == other
    assert hashlib.sha256(other).hexdigest() == said["sha256"]
    assert actor.person_id in told_of_refusal(agency)


@pytest.mark.parametrize("answered", [0, 1], ids=["before any answer", "after the first"])
def test_what_bsre_signed_when_the_signing_host_went_away_is_unknown_and_not_signed_again(
    agency: Waiting, gateway: BsreWorld, answered: int
) -> None:
    host = GoesAway(agency.world.deps.signing_host, answered)
    world = World(replace(agency.world.deps, signing_host=host), agency.world.organisation)
    actor = agency.world.actor(SIGNER)
    batch_id = batches.ready(world, 3)
    shown = batch_signing.prepare(world.deps, actor, batch_id)
    batch_signing.authorise(world.deps, actor, batch_id, shown.lock_version, shown.list_sha256,
                            signing.StepUp(PASSPHRASE))
    work.drain(world.deps, batch_id)
    for _ in range(2):
        codes = [row.error_code for row in batches.rows_of(world, batch_id)]
        assert (codes.count("outcome_unknown"), agency.count(Signature)) == (3 - answered, answered)
        signing.recover(agency.world.deps, timedelta(0))  # BSrE hands a file out once: the host had them
        work.drain(world.deps, batch_id)
    assert len(gateway.desk.made) == 3
