"""What BSrE gave back and could not be recorded at once: it is kept, found again, or evidence."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from svc import mail_templates
from svc.errors import Conflict
from svc.models import Notice, Signature
from svc.services import signing, signing_evidence
from svc.services.signing_errors import ResultNotOurs, SignedAsAnother, Unknown
from svc.simulators.bsre_people import issue_key
from svc.simulators.csc_faults import Fault, FaultKind
from tests.support.acts import blank_pdf
from tests.support.bsre import NIK, PASSPHRASE, BsreKeys, BsreWorld
from tests.support.clock import FrozenClock
from tests.support.keys_elsewhere import SIGNER, Waiting, refusals, told_of_refusal
from tests.support.stores import FaultyStore
from tests.support.world import World


def test_a_result_of_bsre_that_got_lost_is_fetched_and_recorded(agency: Waiting, gateway: BsreWorld) -> None:
    gateway.simulator.faults.add(Fault(FaultKind.TRUNCATE, "api/sign/pdf"))
    with pytest.raises(Unknown):
        agency.sign(PASSPHRASE)
    assert agency.status == "signing"
    actor = agency.world.actor(SIGNER)
    assert signing.reconcile(agency.world.deps, actor, agency.open_act()) == "finished"
    assert agency.count(Signature) == 1
    assert agency.status in {"signed", "issued"}


def test_a_result_that_bsre_handed_out_already_is_lost_and_one_that_it_may_have_still_is_not(
    agency: Waiting, gateway: BsreWorld
) -> None:
    gateway.simulator.faults.add(Fault(FaultKind.TRUNCATE, "api/sign/pdf"))
    with pytest.raises(Unknown):
        agency.sign(PASSPHRASE)
    deps, actor, act = agency.world.deps, agency.world.actor(SIGNER), agency.open_act()
    gateway.simulator.faults.add(Fault(FaultKind.STATUS_BEFORE, "api/sign/download", status=503))
    assert signing.reconcile(deps, actor, act) == "waiting"
    gateway.simulator.faults.add(Fault(FaultKind.DROP_AFTER, "api/sign/download"))
    assert signing.reconcile(deps, actor, act) == "waiting"
    assert agency.act().is_lost is False
    assert signing.reconcile(deps, actor, act) == "lost"
    assert agency.act().is_lost is True
    assert signing.recover(deps, timedelta(0)).waiting == (agency.decree_id,)
    signing.abandon(deps, actor, act)
    assert agency.status == "ready_to_sign"


def test_what_bsre_signed_while_the_store_is_down_waits_here_and_is_never_signed_twice(
    agency: Waiting, gateway: BsreWorld
) -> None:
    store = agency.world.deps.store
    full = replace(agency.world.deps, store=FaultyStore(store, "/signed/"))
    with pytest.raises(Unknown):
        replace(agency, world=World(full, agency.world.organisation)).sign(PASSPHRASE)
    assert agency.status == "signing"
    with pytest.raises(Conflict):
        agency.sign(PASSPHRASE)
    made = gateway.desk.made
    assert len(made) == 1
    actor = agency.world.actor(SIGNER)
    assert signing.reconcile(agency.world.deps, actor, agency.open_act()) == "finished"
    assert (len(gateway.desk.made), agency.count(Signature)) == (1, 1)


def test_what_can_be_fetched_only_once_waits_here_until_the_store_takes_it(
    agency: Waiting, gateway: BsreWorld
) -> None:
    gateway.simulator.faults.add(Fault(FaultKind.TRUNCATE, "api/sign/pdf"))
    with pytest.raises(Unknown):
        agency.sign(PASSPHRASE)
    deps, actor = agency.world.deps, agency.world.actor(SIGNER)
    full = replace(deps, store=FaultyStore(deps.store, "/signed/"))
    assert signing.reconcile(full, actor, agency.open_act()) == "waiting"
    (spooled,) = (deps.settings.var_dir / "spool").iterdir()
    assert spooled.stat().st_mode & 0o777 == 0o600
    assert signing.reconcile(full, actor, agency.open_act()) == "waiting"
    assert signing.reconcile(deps, actor, agency.open_act()) == "finished"
    assert (agency.count(Signature), list(spooled.parent.iterdir())) == (1, [])


def test_what_comes_in_after_its_act_was_given_up_is_evidence(agency: Waiting, gateway: BsreWorld) -> None:
    deps, actor = agency.world.deps, agency.world.actor(SIGNER)
    full = replace(deps, store=FaultyStore(deps.store, "/signed/"))
    with pytest.raises(Unknown):
        replace(agency, world=World(full, agency.world.organisation)).sign(PASSPHRASE)
    signing.abandon(full, actor, agency.open_act())
    signing.recover(deps)
    assert list((deps.settings.var_dir / "spool").iterdir()) == []
    (said,) = refusals(agency)
    assert said["why"] == "TOO_LATE"
    assert deps.store.get(str(said["key"])).startswith(b"%PDF-")
    assert agency.status == "ready_to_sign"


def test_evidence_waits_in_the_spool_while_the_store_is_down(agency: Waiting, gateway: BsreWorld) -> None:
    deps, actor = agency.world.deps, agency.world.actor(SIGNER)
    full = replace(deps, store=FaultyStore(deps.store, "decrees/"))
    with pytest.raises(Unknown):
        replace(agency, world=World(full, agency.world.organisation)).sign(PASSPHRASE)
    signing.abandon(full, actor, agency.open_act())
    (spooled,) = (deps.settings.var_dir / "spool").iterdir()
    received = spooled.read_bytes()
    for _ in range(2):
        signing.recover(full)
        assert spooled.read_bytes() == received
        assert refusals(agency) == []
    signing.recover(deps)
    (said,) = refusals(agency)
    assert deps.store.get(str(said["key"])) == received
    assert not spooled.exists()


def test_evidence_that_was_stored_and_not_recorded_is_recorded_at_the_next_look(
    agency: Waiting, gateway: BsreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    deps, actor = agency.world.deps, agency.world.actor(SIGNER)
    full = replace(deps, store=FaultyStore(deps.store, "/signed/"))
    with pytest.raises(Unknown):
        replace(agency, world=World(full, agency.world.organisation)).sign(PASSPHRASE)
    signing.abandon(full, actor, agency.open_act())

    def dies(*_: object) -> None:
        raise OperationalError("insert", {}, Exception("gone"))

    with monkeypatch.context() as patch:
        patch.setattr(signing_evidence, "record_refused", dies)
        with pytest.raises(OperationalError):
            signing_evidence.empty_spool(deps)
    assert len(list((deps.settings.var_dir / "spool").iterdir())) == 1
    signing.recover(deps)
    assert [one["why"] for one in refusals(agency)] == ["TOO_LATE"]
    assert list((deps.settings.var_dir / "spool").iterdir()) == []


def test_what_does_not_hold_keeps_its_reason_in_the_spool(
    agency: Waiting, gateway: BsreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = blank_pdf(title="Berkas lain")
    monkeypatch.setattr(gateway.desk, "sign", lambda *_: [other])
    deps = agency.world.deps
    full = replace(deps, store=FaultyStore(deps.store, "decrees/"))
    with pytest.raises(ResultNotOurs):
        replace(agency, world=World(full, agency.world.organisation)).sign(PASSPHRASE)
    assert refusals(agency) == []
    signing.recover(deps)
    (said,) = refusals(agency)
    assert (said["why"], deps.store.get(str(said["key"]))) == (ResultNotOurs.code, other)


def test_a_signature_in_another_name_is_refused_recorded_and_told(
    agency: Waiting, gateway: BsreWorld, bsre_keys: BsreKeys, clock: FrozenClock
) -> None:
    user = gateway.desk.find(nik=NIK)
    assert user is not None
    user.key = issue_key(bsre_keys.authority, "Orang Lain, S.H.", clock.now(), bsre_keys.key)
    with pytest.raises(SignedAsAnother) as refused:
        agency.sign(PASSPHRASE)
    assert refused.value.params["found"] == "Orang Lain, S.H."
    assert (agency.status, agency.count(Signature)) == ("ready_to_sign", 0)
    (said,) = refusals(agency)
    assert (said["why"], said["certificate_name"]) == ("SIGNED_AS_ANOTHER", "Orang Lain, S.H.")
    assert hashlib.sha256(agency.world.deps.store.get(str(said["key"]))).hexdigest() == said["sha256"]
    assert told_of_refusal(agency) >= {agency.world.actor(SIGNER).person_id, agency.world.actor("admin").person_id}
    with agency.world.deps.db.read_session() as session:
        (notice,) = session.scalars(select(Notice).where(
            Notice.person_id == agency.world.actor(SIGNER).person_id, Notice.message.contains("ditolak")))
    for locale, words in (("id", "atas nama Orang Lain, S.H."), ("en", "in the name of Orang Lain, S.H.")):
        said_in_words = mail_templates.translate(locale, notice.message, notice.params)
        assert words in said_in_words
        assert "SIGNED_AS_ANOTHER" not in said_in_words
    signing.recover(agency.world.deps, timedelta(0))
    assert len(refusals(agency)) == 1


def test_what_bsre_gives_back_instead_of_the_document_is_kept_as_evidence(
    agency: Waiting, gateway: BsreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = blank_pdf(title="Berkas lain")
    monkeypatch.setattr(gateway.desk, "sign", lambda *_: [other])
    with pytest.raises(ResultNotOurs):
        agency.sign(PASSPHRASE)
    (said,) = refusals(agency)
    assert agency.world.deps.store.get(str(said["key"])) == other
    assert str(said["attempt"]) in str(said["key"])
    assert agency.status == "ready_to_sign"
    assert agency.world.actor(SIGNER).person_id in told_of_refusal(agency)
