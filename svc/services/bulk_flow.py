"""One command for many decrees in one transaction, with as many statements as for one.

The engine decides and ``flow.apply_event`` writes, decree by decree, as for a single command: only the new rows are
gathered and written after all that changed, and nobody is told about each of thousands.
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
from svc.services.gathering import gathering
from workflows import model as m
from workflows.engine import decide, evolve

CommandFor = Callable[[Flow], m.Command]


@dataclass(frozen=True)
class Refused:
    """A decree that the command was refused for; nothing of it changed."""

    decree_id: int
    error: AppError


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
    refused: list[Refused] = []
    signed: list[int] = []
    with gathering(session):
        for flow in flows:
            command = command_for(flow)
            try:
                with refusals_of(session, flow.decree, command):
                    events = decide(flow.definition, flow.snapshot, command, now)
            except AppError as error:
                refused.append(Refused(flow.decree.id, error))
                continue
            _apply_all(session, deps, flow, events, doer, note)
            if any(isinstance(event, m.Signed) for event in events):
                signed.append(flow.decree.id)
    if signed:
        numbering.mark_used(session, signed)
    return tuple(refused)


def _apply_all(session: Session, deps: Deps, flow: Flow, events: Sequence[m.Event], doer: Doer, note: str) -> None:
    flow.decree.lock_version += 1
    for event in events:
        apply_event(session, deps, flow, event, doer, note)
        snapshot = evolve(flow.definition, flow.snapshot, event, version=flow.decree.lock_version)
        flow = replace(flow, snapshot=snapshot)
