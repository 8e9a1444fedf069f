"""One command for many decrees in one transaction, with as many statements as for one.

The engine decides and ``flow.apply_event`` writes, decree by decree, as for a single command: only the order of the
writing differs (all that closes before all that opens), and nobody is told about each of thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.deps import Deps
from svc.errors import AppError
from svc.models import Decree
from svc.services import numbering
from svc.services.flow import Doer, Flow, apply_event, load_flows, refusals_of
from workflows import model as m
from workflows.engine import decide, evolve

CommandFor = Callable[[Flow], m.Command]


@dataclass(frozen=True)
class Refused:
    """A decree that the command was refused for; nothing of it changed."""

    decree_id: int
    error: AppError


@dataclass
class _Course:
    """A decree on its way through the events of one command."""

    flow: Flow
    waiting: list[m.Event]


def lock_flows(session: Session, deps: Deps, decree_ids: Sequence[int]) -> list[Flow]:
    """The decrees, locked in the order of their ids (in which everybody locks), with what the engine needs."""
    decrees = session.scalars(
        select(Decree).where(Decree.id.in_(decree_ids)).order_by(Decree.id).with_for_update()
        .execution_options(populate_existing=True)).all()
    return load_flows(session, deps, decrees)


def run_commands(session: Session, deps: Deps, flows: Iterable[Flow], command_for: CommandFor,
                 doer: Doer, note: str = "") -> tuple[Refused, ...]:
    """Decide and apply a command for each decree; returns those for which it was refused.

    A number that a command asks for is taken by the caller. Notices are the caller's too.
    """
    now = deps.clock.now()
    courses: list[_Course] = []
    refused: list[Refused] = []
    for flow in flows:
        command = command_for(flow)
        try:
            with refusals_of(session, flow.decree, command):
                events = decide(flow.definition, flow.snapshot, command, now)
        except AppError as error:
            refused.append(Refused(flow.decree.id, error))
            continue
        flow.decree.lock_version += 1
        courses.append(_Course(flow, list(events)))
    signed = [one.flow.decree.id for one in courses if any(isinstance(event, m.Signed) for event in one.waiting)]
    while any(one.waiting for one in courses):
        for one in courses:
            _advance(session, deps, one, doer, note)
        session.flush()  # what closes before what opens: one task at most is open
    if signed:
        numbering.mark_used(session, signed)
    return tuple(refused)


def _advance(session: Session, deps: Deps, course: _Course, doer: Doer, note: str) -> None:
    """Apply events up to the next task that opens; that one when it stands first."""
    is_first = True
    while course.waiting and (is_first or not isinstance(course.waiting[0], m.TaskOpened)):
        event = course.waiting.pop(0)
        apply_event(session, deps, course.flow, event, doer, note)
        snapshot = evolve(course.flow.definition, course.flow.snapshot, event, version=course.flow.decree.lock_version)
        course.flow = replace(course.flow, snapshot=snapshot)
        is_first = False
