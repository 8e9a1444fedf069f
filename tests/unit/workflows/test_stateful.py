"""Every reachable state of a decree, explored at random against a toy register.

What must never be reached: a document signed without all paraf of that very version; a number used twice or
skipped; an act on a stale page; an act by somebody without the capacity; self approval, unless the route allows it;
a signature that is lost or that a person gives twice; another document under a signature that was given.
The toy store keeps its own books (paraf still valid, numbers handed out), so that the engine is not its own judge.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from workflows.engine import decide, evolve
from workflows.errors import WorkflowError
from workflows.loader import load_all
from workflows.model import (
    Actor,
    Approve,
    Assignment,
    Capacity,
    CapacityKind,
    ClaimSigning,
    Command,
    DecreeStatus,
    Definition,
    Discard,
    Event,
    NumberRequired,
    Paraf,
    ParafGiven,
    PartlySigned,
    Reassign,
    RecordDistributed,
    RecordNumber,
    RecordSigned,
    Refreeze,
    Reject,
    Rejected,
    ReleaseSigning,
    Returned,
    ReturnForRevision,
    Signed,
    SigningClaimed,
    Snapshot,
    StepKind,
    Submit,
    TaskOpened,
    Withdraw,
    Withdrawn,
)

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
_SHIPPED = tuple(load_all().values())
_AGREEMENT = load_all()["perjanjian-kerja-sama"]
_SIGN = _AGREEMENT.steps[_AGREEMENT.sign_steps[-1]]
_THREE = replace(_AGREEMENT, steps=(*_AGREEMENT.steps[1:-1], replace(_SIGN, id="ketiga")))  # and no distribution
_SEVERAL = (_AGREEMENT, _THREE, replace(_THREE, allow_self_approval=True))
DEFINITIONS = (*_SHIPPED, *_SEVERAL, *(replace(shipped, allow_self_approval=True) for shipped in _SHIPPED[:2]))
DRAFTER, PEOPLE = 1, tuple(range(1, 9))  # person n holds position n
OUTSIDER = 99
FRESH = Snapshot(DecreeStatus.DRAFT, 1, "content-1", DRAFTER)


def actor(person: int) -> Actor:
    return Actor(person, f"person {person}", (Capacity(person, f"P{person}", CapacityKind.DEFINITIVE),))


@dataclass
class Register:
    """Hands out the next number at each call: whether a decree keeps its own is told by its snapshot alone."""

    next_seq: int = 1
    used: list[str] = field(default_factory=list)
    void: list[str] = field(default_factory=list)

    def take(self) -> str:
        self.next_seq += 1
        return str(self.next_seq - 1)


@dataclass
class Decree:
    """A decree in the toy store: snapshot, optimistic version, the signer, and the paraf that still count."""

    snapshot: Snapshot
    definition: Definition
    version: int = 1
    signatures: list[tuple[int, str]] = field(default_factory=list)  # who, and the bytes that came of it
    shown: str | None = None
    signed_content: str | None = None
    signed_version: int = 0
    signer: int | None = None
    given: list[Paraf] = field(default_factory=list)


class DecreeMachine(RuleBasedStateMachine):
    """Three decrees at once over one register; a finished one makes room for a new draft."""

    def __init__(self) -> None:
        super().__init__()
        self.register = Register()
        self.decrees: list[Decree] = []
        self.tasks = 0

    @initialize(chosen=st.lists(st.sampled_from(DEFINITIONS), min_size=3, max_size=3))
    def begin(self, chosen: list[Definition]) -> None:
        self.decrees = [Decree(FRESH, definition) for definition in chosen]

    @rule(index=st.integers(0, 2), chosen=st.sampled_from(DEFINITIONS))
    def begin_another(self, index: int, chosen: Definition) -> None:
        if self.decrees[index].snapshot.status in {
                DecreeStatus.ISSUED, DecreeStatus.REJECTED, DecreeStatus.DISCARDED}:
            self.decrees[index] = Decree(FRESH, chosen)

    # ---- what people and the system do

    @rule(index=st.integers(0, 2), person=st.sampled_from((*PEOPLE, OUTSIDER)), stale=st.booleans())
    def approve(self, index: int, person: int, stale: bool) -> None:
        self.run(index, Approve(actor(person), self.seen(index, stale)), stale=stale, person=person)

    @rule(index=st.integers(0, 2))
    def approve_rightly(self, index: int) -> None:
        task = self.decrees[index].snapshot.open_task
        if task is not None:
            self.run(index, Approve(actor(task.position_id), self.seen(index, stale=False)), person=task.position_id)

    @rule(index=st.integers(0, 2), steps=st.integers(1, 8))
    def go_on(self, index: int, steps: int) -> None:
        """The right person does the right thing, some times over: so that late states are reached often."""
        for _ in range(steps):
            decree = self.decrees[index]
            task = decree.snapshot.open_task
            someone = actor(task.position_id if task else DRAFTER)
            seen = self.seen(index, stale=False)
            match decree.snapshot.status:
                case DecreeStatus.DRAFT:
                    self.submit(index, DRAFTER, 2)
                case DecreeStatus.IN_REVIEW:
                    self.run(index, Approve(someone, seen))
                case DecreeStatus.READY_TO_SIGN:
                    self.run(index, ClaimSigning(someone, seen, decree.snapshot.frozen_sha256 or ""))
                case DecreeStatus.SIGNING:
                    self.run(index, RecordSigned(self.signed_bytes(index)))
                case DecreeStatus.SIGNED:
                    self.run(index, RecordDistributed(someone, seen))

    @rule(index=st.integers(0, 2), person=st.sampled_from((DRAFTER, DRAFTER, 3)), first=st.sampled_from((2, 2, 1)))
    def submit(self, index: int, person: int, first: int) -> None:
        """With ``first`` 1 the drafter himself holds the first step's position."""
        definition = self.decrees[index].definition
        assignments = tuple(Assignment(i, first + i) for i, step in enumerate(definition.steps) if step.assignee)
        self.run(index, Submit(actor(person), assignments))

    @rule(index=st.integers(0, 2), person=st.sampled_from(PEOPLE), stale=st.booleans(), final=st.booleans())
    def give_back(self, index: int, person: int, stale: bool, final: bool) -> None:
        kind = Reject if final else ReturnForRevision
        done = self.run(index, kind(actor(person), self.seen(index, stale), "reason"), stale=stale, person=person)
        assert final or not done or not self.decrees[index].signatures, "a signed document was given back"

    @rule(index=st.integers(0, 2))
    def meddle_with_a_signed_document(self, index: int) -> None:
        """Whatever would change or take back what bears a signature is refused, and so is the same hand again."""
        decree = self.decrees[index]
        if len(decree.definition.sign_steps) < 2 or decree.snapshot.status in {
                DecreeStatus.ISSUED, DecreeStatus.REJECTED, DecreeStatus.DISCARDED}:
            return
        for _ in range(20):
            if self.decrees[index].signatures:
                break
            self.go_on(index, 1)
        decree = self.decrees[index]
        task = decree.snapshot.open_task
        if not decree.signatures or task is None or decree.snapshot.status is not DecreeStatus.READY_TO_SIGN:
            return
        seen, holder, shown = self.seen(index, stale=False), actor(task.position_id), decree.snapshot.frozen_sha256
        again = replace(holder, person_id=decree.signatures[0][0])
        for command in (ReturnForRevision(holder, seen, "reason"), Withdraw(actor(DRAFTER), "reason"),
                        Refreeze("another"), Reassign(holder, seen, 8, "reason", is_override=True),
                        ClaimSigning(again, seen, shown or "")):
            assert not self.run(index, command), f"{command} was obeyed on a signed document"

    @rule(index=st.integers(0, 2))
    def refuse_by_the_signer(self, index: int) -> None:
        task = self.decrees[index].snapshot.open_task
        if task is not None and self.decrees[index].signatures:
            self.give_back(index, task.position_id, stale=False, final=True)

    @rule(index=st.integers(0, 2), person=st.sampled_from((DRAFTER, DRAFTER, 3)))
    def withdraw(self, index: int, person: int) -> None:
        before = self.decrees[index].snapshot.status
        if self.run(index, Withdraw(actor(person), "reason")):
            assert person == DRAFTER
            assert before in {DecreeStatus.IN_REVIEW, DecreeStatus.READY_TO_SIGN}  # never while a signature is made
            assert not self.decrees[index].signatures

    @rule(index=st.integers(0, 2), person=st.sampled_from((DRAFTER, 3)))
    def discard(self, index: int, person: int) -> None:
        before = self.decrees[index].snapshot.status
        if self.run(index, Discard(actor(person), "reason")):
            assert person == DRAFTER
            assert before is DecreeStatus.DRAFT

    @rule(index=st.integers(0, 2), person=st.sampled_from(PEOPLE), to=st.sampled_from(PEOPLE), stale=st.booleans(),
          is_override=st.booleans())
    def reassign(self, index: int, person: int, to: int, stale: bool, is_override: bool) -> None:
        command = Reassign(actor(person), self.seen(index, stale), to, "reason", is_override)
        self.run(index, command, stale=stale, person=None if is_override else person)

    @rule(index=st.integers(0, 2), stale=st.booleans(), right=st.booleans(), person=st.sampled_from(PEOPLE))
    def claim(self, index: int, stale: bool, right: bool, person: int) -> None:
        snapshot = self.decrees[index].snapshot
        shown = snapshot.frozen_sha256 if right else "another document"
        command = ClaimSigning(actor(person), self.seen(index, stale), shown or "")
        done = self.run(index, command, stale=stale, person=person)
        assert right or not done

    @rule(index=st.integers(0, 2), right=st.booleans())
    def claim_by_the_signer(self, index: int, right: bool) -> None:
        task = self.decrees[index].snapshot.open_task
        if task is not None:
            self.claim(index, stale=False, right=right, person=task.position_id)

    @rule(index=st.integers(0, 2), succeeded=st.booleans())
    def finish_signing(self, index: int, succeeded: bool) -> None:
        self.run(index, RecordSigned(self.signed_bytes(index)) if succeeded else ReleaseSigning("failed"))

    @rule(index=st.integers(0, 2))
    def redate(self, index: int) -> None:
        done = self.run(index, Refreeze(f"frozen again {self.decrees[index].version}"))
        assert not done or not self.decrees[index].signatures, "another document under a signature"

    @rule(index=st.integers(0, 2))
    def redate_in_a_new_year(self, index: int) -> None:
        """The old year's number becomes void, and the next is taken."""
        decree = self.decrees[index]
        if decree.snapshot.status is DecreeStatus.READY_TO_SIGN and not decree.signatures:
            old = str(decree.snapshot.number)
            assert self.run(index, Refreeze("frozen in the new year", self.register.take()))
            self.register.void.append(old)

    @rule(index=st.integers(0, 2), person=st.sampled_from(PEOPLE), stale=st.booleans())
    def distribute(self, index: int, person: int, stale: bool) -> None:
        self.run(index, RecordDistributed(actor(person), self.seen(index, stale)), stale=stale, person=person)

    @rule(index=st.integers(0, 2))
    def edit(self, index: int) -> None:
        """The drafter changes a draft: another version with other content."""
        decree = self.decrees[index]
        if decree.snapshot.status is DecreeStatus.DRAFT:
            number = decree.snapshot.version_no + 1
            decree.snapshot = replace(decree.snapshot, version_no=number, content_sha256=f"content-{number}")

    @rule(index=st.integers(0, 2))
    def tamper(self, index: int) -> None:
        """The content changes behind the engine's back: paraf given before must not carry a signature."""
        decree = self.decrees[index]
        is_unsigned = not decree.signatures  # from then on what is signed is the bytes, and they are compared
        if is_unsigned and decree.snapshot.status in {DecreeStatus.IN_REVIEW, DecreeStatus.READY_TO_SIGN}:
            decree.snapshot = replace(decree.snapshot, content_sha256=f"tampered-{decree.version}")

    @rule(index=st.integers(0, 2), number=st.sampled_from(("7", "8")))
    def forge_a_number(self, index: int, number: str) -> None:
        """A number out of turn is refused: it comes with the last paraf alone."""
        assert not self.run(index, RecordNumber(number, "forged"))

    # ---- the toy store

    def signed_bytes(self, index: int) -> str:
        """What signing makes of the document that was claimed."""
        return f"{self.decrees[index].snapshot.frozen_sha256}+signature"

    def seen(self, index: int, stale: bool) -> int:
        return self.decrees[index].version - 1 if stale else self.decrees[index].version

    def run(self, index: int, command: Command, *, stale: bool = False, person: int | None = None) -> bool:
        """One transaction: all events of a command or, when it is refused, nothing at all."""
        task = self.decrees[index].snapshot.open_task
        kept = deepcopy(self.decrees[index]), deepcopy(self.register)
        try:
            self.carry_out(index, command)
        except WorkflowError:
            self.decrees[index], self.register = kept
            return False
        assert not stale, "a stale page was obeyed"
        assert person is None or (task is not None and task.position_id == person), "somebody without capacity acted"
        return True

    def carry_out(self, index: int, command: Command) -> None:
        decree = self.decrees[index]
        queue = list(decide(decree.definition, self.with_version(decree), command, NOW))
        decree.version += 1
        while queue:
            event = queue.pop(0)
            self.apply(decree, event)
            if isinstance(event, NumberRequired):
                number = decree.snapshot.number or self.register.take()
                frozen = f"frozen {decree.snapshot.content_sha256} {number}"
                queue += decide(decree.definition, decree.snapshot, RecordNumber(number, frozen), NOW)

    def with_version(self, decree: Decree) -> Snapshot:
        task = decree.snapshot.open_task
        return replace(decree.snapshot, open_task=replace(task, version=decree.version) if task else None)

    def apply(self, decree: Decree, event: Event) -> None:
        if isinstance(event, TaskOpened):
            self.tasks += 1
        if isinstance(event, ParafGiven):
            decree.given.append(Paraf(event.step_id, event.person_id, event.position_id, event.version_no,
                                      event.content_sha256))
        if isinstance(event, Returned | Withdrawn | Rejected):
            decree.given.clear()  # all paraf of that version are void, whatever the engine says
        if isinstance(event, SigningClaimed):
            decree.signed_content, decree.signed_version = decree.snapshot.content_sha256, decree.snapshot.version_no
            decree.signer, decree.shown = event.person_id, event.frozen_sha256
        decree.snapshot = evolve(decree.definition, decree.snapshot, event, task_id=self.tasks, version=decree.version)
        if isinstance(event, Signed | PartlySigned):
            assert decree.signer is not None
            assert event.signed_sha256 == f"{decree.shown}+signature"
            assert decree.signer not in [person for person, _ in decree.signatures], "a person signed twice"
            decree.signatures.append((decree.signer, event.signed_sha256))
        if isinstance(event, Signed):
            self.register.used.append(str(decree.snapshot.number))
        ended = decree.snapshot.status in {DecreeStatus.REJECTED, DecreeStatus.DISCARDED}
        if ended and decree.snapshot.number is not None:
            self.register.void.append(decree.snapshot.number)
            decree.snapshot = replace(decree.snapshot, number=None)

    # ---- what must always hold

    @invariant()
    def signed_only_with_all_paraf_of_that_version(self) -> None:
        for decree in self.decrees:
            if decree.snapshot.status in {DecreeStatus.SIGNING, DecreeStatus.SIGNED, DecreeStatus.ISSUED}:
                needed = {step.id for step in decree.definition.steps if step.kind is StepKind.PARAF}
                given = {p.step_id for p in decree.given
                         if (p.content_sha256, p.version_no) == (decree.signed_content, decree.signed_version)}
                assert needed <= given
                assert decree.signed_content == decree.snapshot.content_sha256

    @invariant()
    def a_signature_that_was_given_stays(self) -> None:
        for decree in self.decrees:
            given = len(decree.signatures)
            is_complete = given == len(decree.definition.sign_steps)
            assert is_complete == (decree.snapshot.status in {DecreeStatus.SIGNED, DecreeStatus.ISSUED})
            if given and not is_complete:
                assert decree.snapshot.status in {
                    DecreeStatus.READY_TO_SIGN, DecreeStatus.SIGNING, DecreeStatus.REJECTED}
                assert [one.person_id for one in decree.snapshot.signatures] == [one for one, _ in decree.signatures]
                assert decree.snapshot.frozen_sha256 == decree.signatures[-1][1]

    @invariant()
    def numbers_are_neither_used_twice_nor_skipped(self) -> None:
        signed = {DecreeStatus.SIGNED, DecreeStatus.ISSUED}
        held = [d.snapshot.number for d in self.decrees if d.snapshot.number and d.snapshot.status not in signed]
        known = [*self.register.used, *self.register.void, *held]
        assert sorted(map(int, known)) == list(range(1, self.register.next_seq))

    @invariant()
    def an_unfinished_route_waits_for_somebody(self) -> None:
        waiting = {DecreeStatus.IN_REVIEW, DecreeStatus.READY_TO_SIGN, DecreeStatus.SIGNING, DecreeStatus.SIGNED}
        for decree in self.decrees:
            assert (decree.snapshot.open_task is not None) == (decree.snapshot.status in waiting)

    @invariant()
    def only_paraf_that_still_count_are_kept(self) -> None:
        for decree in self.decrees:
            assert list(decree.snapshot.parafs) == decree.given

    @invariant()
    def what_is_signed_has_its_number(self) -> None:
        past_numbering = {DecreeStatus.READY_TO_SIGN, DecreeStatus.SIGNING, DecreeStatus.SIGNED, DecreeStatus.ISSUED}
        for decree in self.decrees:
            if decree.snapshot.status in past_numbering:
                assert decree.snapshot.number
                assert decree.snapshot.frozen_sha256

    @invariant()
    def nobody_approves_his_own_draft_unless_allowed(self) -> None:
        for decree in self.decrees:
            if not decree.definition.allow_self_approval:
                assert decree.signer != DRAFTER
                assert all(paraf.person_id != DRAFTER for paraf in decree.given)


DecreeMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestDecreeMachine = DecreeMachine.TestCase
