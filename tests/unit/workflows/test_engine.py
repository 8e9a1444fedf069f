"""The engine told as stories: each route from draft to issue, and each refusal by its reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from workflows import model as m
from workflows.engine import decide, evolve
from workflows.errors import (
    AlreadySigned,
    CapacityForbidden,
    DocumentChanged,
    NotAllowedNow,
    NotYourTask,
    ReasonRequired,
    SameSigner,
    SelfApproval,
    StaleTask,
    UnknownAssignee,
    WorkflowError,
)
from workflows.loader import load_all
from workflows.model import CapacityKind, DecreeStatus, Definition, Snapshot, StepKind

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
ROUTES = load_all()
KGB = ROUTES["kgb"]
DRAFTER = 50
DRAFT = Snapshot(DecreeStatus.DRAFT, 1, "content-1", DRAFTER)


def holder(position: int, kind: CapacityKind = CapacityKind.DEFINITIVE, person: int = 0) -> m.Actor:
    """The holder of a position; his person id is the position's, unless given."""
    return m.Actor(person or position, "Contoh", (m.Capacity(position, f"P{position}", kind),))


def assignments(definition: Definition) -> tuple[m.Assignment, ...]:
    """Step n goes to position 10 + n."""
    return tuple(m.Assignment(i, 10 + i) for i, step in enumerate(definition.steps) if step.assignee)


def run(definition: Definition, snapshot: Snapshot, command: m.Command) -> Snapshot:
    """Apply a command as a service does: the number is given where it is required."""
    events = list(decide(definition, snapshot, command, NOW))
    for event in events:
        snapshot = evolve(definition, snapshot, event, task_id=7, version=1)
        if isinstance(event, m.NumberRequired):
            number = snapshot.number or "800/1/2026"
            events += decide(definition, snapshot, m.RecordNumber(number, "frozen"), NOW)
    return snapshot


def submitted(definition: Definition = KGB, draft: Snapshot = DRAFT) -> Snapshot:
    return run(definition, draft, m.Submit(holder(9, person=DRAFTER), assignments(definition)))


def ready(definition: Definition = KGB, draft: Snapshot = DRAFT) -> Snapshot:
    snapshot = submitted(definition, draft)
    while snapshot.status is DecreeStatus.IN_REVIEW:
        snapshot = run(definition, snapshot, m.Approve(holder(position(snapshot)), 1))
    return snapshot


def position(snapshot: Snapshot) -> int:
    assert snapshot.open_task is not None
    return snapshot.open_task.position_id


def shown(snapshot: Snapshot) -> str:
    assert snapshot.frozen_sha256 is not None
    return snapshot.frozen_sha256


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_every_shipped_route_leads_from_draft_to_issue(route: str) -> None:
    definition = ROUTES[route]
    snapshot = ready(definition)
    assert snapshot.status is DecreeStatus.READY_TO_SIGN
    assert snapshot.number == "800/1/2026"
    assert [paraf.step_id for paraf in snapshot.parafs] == [
        step.id for step in definition.steps if step.kind is StepKind.PARAF]
    for number in definition.sign_steps:
        assert snapshot.status is DecreeStatus.READY_TO_SIGN
        snapshot = run(definition, snapshot, m.ClaimSigning(holder(position(snapshot)), 1, shown(snapshot)))
        snapshot = run(definition, snapshot, m.RecordSigned(f"signed at {number}"))
    assert snapshot.status is DecreeStatus.SIGNED
    snapshot = run(definition, snapshot, m.RecordDistributed(holder(position(snapshot)), 1))
    assert snapshot.status is DecreeStatus.ISSUED
    assert snapshot.open_task is None


def test_a_route_without_distribution_ends_with_the_signature() -> None:
    short = replace(KGB, steps=KGB.steps[:-1])
    snapshot = ready(short)
    snapshot = run(short, snapshot, m.ClaimSigning(holder(position(snapshot)), 1, "frozen"))
    assert run(short, snapshot, m.RecordSigned("signed")).status is DecreeStatus.ISSUED


def test_a_returned_decree_keeps_its_number_and_loses_its_paraf() -> None:
    snapshot = ready()
    back = run(KGB, snapshot, m.ReturnForRevision(holder(position(snapshot)), 1, "pangkat keliru"))
    assert (back.status, back.number, back.parafs, back.frozen_sha256) == (
        DecreeStatus.DRAFT, "800/1/2026", (), None)
    again = ready(draft=replace(back, version_no=2, content_sha256="content-2"))
    assert again.number == "800/1/2026"
    assert {paraf.content_sha256 for paraf in again.parafs} == {"content-2"}


def test_a_second_number_is_refused() -> None:
    first = submitted()
    numbered = replace(first, number="800/1/2026", open_task=None, parafs=tuple(
        m.Paraf(step.id, 1, 1, 1, "content-1") for step in KGB.steps if step.kind is StepKind.PARAF))
    with pytest.raises(NotAllowedNow):
        decide(KGB, numbered, m.RecordNumber("800/2/2026", "frozen"), NOW)


@pytest.mark.parametrize("void", [
    m.Paraf("kabid", 11, 11, 1, "another content"), m.Paraf("kabid", 11, 11, 2, "content-1")])
def test_a_paraf_of_another_content_or_version_does_not_count(void: m.Paraf) -> None:
    snapshot = ready()
    others = tuple(paraf for paraf in snapshot.parafs if paraf.step_id != "kabid")
    with pytest.raises(NotAllowedNow):
        decide(KGB, replace(snapshot, parafs=(*others, void)),
               m.ClaimSigning(holder(position(snapshot)), 1, "frozen"), NOW)


REVIEW, READY = submitted(), ready()
NEXT, SIGNER = position(REVIEW), position(READY)
SIGNING = run(KGB, READY, m.ClaimSigning(holder(SIGNER), 1, "frozen"))


@pytest.mark.parametrize(("snapshot", "command", "refusal"), [
    (REVIEW, m.Approve(holder(NEXT), 0), StaleTask),
    (REVIEW, m.Approve(holder(NEXT + 1), 1), NotYourTask),
    (REVIEW, m.Approve(m.Actor(3, "Contoh", ()), 1), NotYourTask),
    (REVIEW, m.Approve(holder(NEXT, person=DRAFTER), 1), SelfApproval),
    (REVIEW, m.ReturnForRevision(holder(NEXT), 1, "  "), ReasonRequired),
    (REVIEW, m.Reject(holder(NEXT), 1, ""), ReasonRequired),
    (REVIEW, m.ReturnForRevision(holder(NEXT), 0, "alasan"), StaleTask),
    (REVIEW, m.Withdraw(holder(9, person=DRAFTER), ""), ReasonRequired),
    (REVIEW, m.Withdraw(holder(NEXT), "alasan"), NotYourTask),
    (REVIEW, m.Discard(holder(9, person=DRAFTER), "alasan"), NotAllowedNow),
    (REVIEW, m.Reassign(holder(99), 1, 12, "cuti"), NotYourTask),
    (REVIEW, m.Reassign(holder(NEXT), 1, NEXT, "cuti"), NotAllowedNow),
    (REVIEW, m.Reassign(holder(99), 0, 12, "cuti", is_override=True), StaleTask),
    (REVIEW, m.ClaimSigning(holder(NEXT), 1, "frozen"), NotAllowedNow),
    (REVIEW, m.RecordSigned("signed"), NotAllowedNow),
    (REVIEW, m.RecordNumber("800/9/2026", "frozen"), NotAllowedNow),
    (READY, m.Approve(holder(SIGNER), 1), NotAllowedNow),
    (READY, m.ClaimSigning(holder(SIGNER), 1, "other"), DocumentChanged),
    (READY, m.ClaimSigning(holder(SIGNER), 0, "frozen"), StaleTask),
    (READY, m.ClaimSigning(holder(SIGNER, person=DRAFTER), 1, "frozen"), SelfApproval),
    (READY, m.RecordSigned("signed"), NotAllowedNow),
    (SIGNING, m.ClaimSigning(holder(SIGNER), 1, "frozen"), NotAllowedNow),
    (SIGNING, m.Withdraw(holder(9, person=DRAFTER), "alasan"), NotAllowedNow),
    (SIGNING, m.ReturnForRevision(holder(SIGNER), 1, "alasan"), NotAllowedNow),
    (SIGNING, m.Refreeze("again"), NotAllowedNow),
    (DRAFT, m.Submit(holder(9), assignments(KGB)), NotYourTask),
    (DRAFT, m.Submit(holder(9, person=DRAFTER), assignments(KGB)[:-1]), UnknownAssignee),
    (DRAFT, m.Submit(holder(9, person=DRAFTER), (*assignments(KGB), m.Assignment(0, 3))), UnknownAssignee),
])
def test_what_is_not_allowed_is_refused_by_its_name(
        snapshot: Snapshot, command: m.Command, refusal: type[WorkflowError]) -> None:
    with pytest.raises(refusal):
        decide(KGB, snapshot, command, NOW)


def test_the_drafter_may_approve_where_the_route_says_so() -> None:
    lenient = replace(KGB, allow_self_approval=True)
    after = run(lenient, REVIEW, m.Approve(holder(NEXT, person=DRAFTER), 1))
    assert [paraf.person_id for paraf in after.parafs] == [DRAFTER]


@pytest.mark.parametrize("kind", [CapacityKind.PLT, CapacityKind.PLH])
def test_an_acting_official_may_not_sign_what_his_capacity_forbids(kind: CapacityKind) -> None:
    strict = replace(READY, forbidden_capacities=frozenset({CapacityKind.PLT, CapacityKind.PLH}))
    with pytest.raises(CapacityForbidden):
        decide(KGB, strict, m.ClaimSigning(holder(SIGNER, kind), 1, "frozen"), NOW)
    (claimed,) = decide(KGB, READY, m.ClaimSigning(holder(SIGNER, kind), 1, "frozen"), NOW)
    assert isinstance(claimed, m.SigningClaimed)
    assert claimed.capacity is kind


def test_a_definitive_holder_who_also_acts_signs_as_the_definitive_one() -> None:
    both = m.Actor(4, "Contoh", (m.Capacity(SIGNER, "P", CapacityKind.PLH),
                                 m.Capacity(SIGNER, "P", CapacityKind.DEFINITIVE)))
    strict = replace(READY, forbidden_capacities=frozenset({CapacityKind.PLH}))
    (claimed,) = decide(KGB, strict, m.ClaimSigning(both, 1, "frozen"), NOW)
    assert isinstance(claimed, m.SigningClaimed)
    assert claimed.capacity is CapacityKind.DEFINITIVE


def test_a_reassigned_task_waits_for_the_new_position_alone() -> None:
    moved = run(KGB, REVIEW, m.Reassign(holder(NEXT), 1, 77, "cuti"))
    assert position(moved) == 77
    assert m.Assignment(0, 77) in moved.assignments
    with pytest.raises(NotYourTask):
        decide(KGB, moved, m.Approve(holder(NEXT), 1), NOW)
    assert run(KGB, moved, m.Approve(holder(77), 1)).parafs[0].position_id == 77


def test_an_administrator_moves_a_task_without_doing_it() -> None:
    moved = run(KGB, REVIEW, m.Reassign(holder(99), 1, 77, "jabatan kosong", is_override=True))
    assert (position(moved), moved.parafs) == (77, ())


def test_failed_signing_can_be_tried_again_on_the_same_document() -> None:
    released = run(KGB, SIGNING, m.ReleaseSigning("kartu dicabut"))
    assert (released.status, released.frozen_sha256, position(released)) == (
        DecreeStatus.READY_TO_SIGN, "frozen", SIGNER)
    assert run(KGB, released, m.ClaimSigning(holder(SIGNER), 1, "frozen")).status is DecreeStatus.SIGNING


def test_a_redated_document_is_the_only_one_that_can_be_signed() -> None:
    redated = run(KGB, READY, m.Refreeze("frozen today", "800/1/2027"))
    assert redated.number == "800/1/2027"
    with pytest.raises(DocumentChanged):
        decide(KGB, redated, m.ClaimSigning(holder(SIGNER), 1, "frozen"), NOW)


def test_a_naive_present_moment_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="aware"):
        decide(KGB, DRAFT, m.Discard(holder(9, person=DRAFTER), "alasan"), datetime(2026, 1, 1))


# ---- several signatures

PKS = ROUTES["perjanjian-kerja-sama"]
FIRST, SECOND = (10 + index for index in PKS.sign_steps)
BOTH_WAIT = ready(PKS)
HALF = run(PKS, run(PKS, BOTH_WAIT, m.ClaimSigning(holder(FIRST), 1, "frozen")), m.RecordSigned("signed once"))


def test_the_first_of_two_signatures_stays_and_the_next_signer_gets_the_document_that_bears_it() -> None:
    assert (HALF.status, position(HALF), HALF.frozen_sha256) == (DecreeStatus.READY_TO_SIGN, SECOND, "signed once")
    assert HALF.signatures == (m.GivenSignature("pihak-kesatu", FIRST, FIRST),)
    claimed = run(PKS, HALF, m.ClaimSigning(holder(SECOND), 1, "signed once"))
    events = decide(PKS, claimed, m.RecordSigned("signed twice"), NOW)
    assert m.Signed("signed twice") in events
    assert run(PKS, claimed, m.RecordSigned("signed twice")).status is DecreeStatus.SIGNED


def test_a_released_second_signature_leaves_the_first() -> None:
    claimed = run(PKS, HALF, m.ClaimSigning(holder(SECOND), 1, "signed once"))
    assert run(PKS, claimed, m.ReleaseSigning("token dicabut")) == HALF


@pytest.mark.parametrize(("command", "refusal"), [
    (m.ReturnForRevision(holder(SECOND), 1, "alasan"), AlreadySigned),
    (m.Withdraw(holder(9, person=DRAFTER), "alasan"), AlreadySigned),
    (m.Refreeze("again"), AlreadySigned),
    (m.Reassign(holder(SECOND), 1, 77, "cuti"), AlreadySigned),
    (m.Reassign(holder(99), 1, 77, "cuti", is_override=True), AlreadySigned),
    (m.Reject(holder(FIRST), 1, "alasan"), NotYourTask),
    (m.Reject(holder(SECOND), 1, " "), ReasonRequired),
    (m.ClaimSigning(holder(FIRST), 1, "signed once"), NotYourTask),
    (m.ClaimSigning(holder(SECOND), 1, "frozen"), DocumentChanged),
    (m.ClaimSigning(holder(SECOND, person=FIRST), 1, "signed once"), SameSigner),
    (m.ClaimSigning(holder(SECOND, person=DRAFTER), 1, "signed once"), SelfApproval),
    (m.RecordNumber("800/9/2026", "frozen"), NotAllowedNow),
])
def test_once_signed_nothing_changes_it_and_only_another_person_signs_next(
        command: m.Command, refusal: type[WorkflowError]) -> None:
    with pytest.raises(refusal):
        decide(PKS, HALF, command, NOW)


def test_a_second_party_that_refuses_ends_it_with_the_first_signature_on_record() -> None:
    ended = run(PKS, HALF, m.Reject(holder(SECOND), 1, "belum disepakati"))
    assert (ended.status, ended.open_task) == (DecreeStatus.REJECTED, None)
    assert (ended.signatures, ended.frozen_sha256) == (HALF.signatures, "signed once")


def test_the_first_party_may_still_return_or_hand_on_but_not_to_the_other_party() -> None:
    assert run(PKS, BOTH_WAIT, m.ReturnForRevision(holder(FIRST), 1, "pasal 3")).status is DecreeStatus.DRAFT
    assert position(run(PKS, BOTH_WAIT, m.Reassign(holder(FIRST), 1, 77, "cuti"))) == 77
    with pytest.raises(SameSigner):
        decide(PKS, BOTH_WAIT, m.Reassign(holder(FIRST), 1, SECOND, "cuti"), NOW)


def test_one_position_cannot_be_submitted_as_both_signers() -> None:
    same = tuple(replace(a, position_id=FIRST) if a.step_index == PKS.sign_steps[1] else a for a in assignments(PKS))
    with pytest.raises(SameSigner):
        decide(PKS, DRAFT, m.Submit(holder(9, person=DRAFTER), same), NOW)
