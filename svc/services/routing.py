"""Commands on the route: submit, paraf, return, reject, withdraw, reassign. One transaction each."""

from __future__ import annotations

import hashlib

from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import InvalidInput, RouteUnusable
from svc.models import Position, RouteVersion
from svc.roles import is_allowed
from svc.services.access import ensure_can_view
from svc.services.draft_content import ensure_complete, lay_out_missing
from svc.services.flow import (
    Flow,
    doer_of,
    ensure_alone,
    ensure_seen,
    load_flow,
    lock_by_task,
    lock_decree,
    run_command,
    to_workflow,
)
from svc.services.layout_ahead import lay_out_ahead
from svc.services.orgchart import load_chart, may_judge, may_sign
from svc.services.parents import ensure_true
from svc.services.plain_text import clean_text
from svc.services.rendition import kind_of
from svc.services.signing_parties import ensure_chosen
from svc.services.upsert import insert_missing
from svc.services.versions import open_version
from workflows.errors import SameSigner, UnknownAssignee
from workflows.loader import load_source
from workflows.model import (
    Approve,
    Command,
    Definition,
    Reassign,
    Reject,
    ReturnForRevision,
    StepKind,
    Submit,
    Withdraw,
)
from workflows.rules import resolve_assignments

_MAX_REASON = 2000


def submit(deps: Deps, actor: Actor, decree_id: str, seen_version: int) -> None:
    """Pin the route, resolve its positions and open the first task. What was submitted before and came back
    goes out as the next version, changed or not.

    :raises StaleTask: :raises NotYourTask: not the drafter. :raises RouteUnusable: a position is missing
    :raises svc.services.parents.ParentRevoked: it is an excerpt or copy of what is in force no more
    :raises svc.kinds.InvalidDecreeData: something lacks or is not what the parent says, or a signer that was chosen
        can sign no more
    """
    lay_out_missing(deps, actor.person_id, decree_id)
    with deps.db.unit_of_work() as session:
        decree = lock_decree(session, decree_id)
        ensure_can_view(actor, decree)
        ensure_alone(decree)
        ensure_seen(session, decree, seen_version)
        if decree.status == "draft":
            open_version(session, decree, actor.person_id, deps.clock.now())
        flow = load_flow(session, deps, decree)
        ensure_complete(deps, decree, flow.version)
        ensure_true(session, deps, decree, flow.version.data)
        pin_route(session, deps, flow.definition)
        decree.route_sha256 = flow.definition.sha256
        kind = kind_of(deps, decree.kind)
        ensure_chosen(session, kind, flow.version.data, decree.agency_id)
        try:
            assignments = resolve_assignments(flow.definition, decree.drafter_position_id, load_chart(session),
                                              kind.chosen_positions(flow.version.data))
        except (UnknownAssignee, SameSigner) as error:
            raise RouteUnusable from error
        run_command(session, deps, flow, Submit(to_workflow(actor), assignments),
                    doer_of(actor, decree.drafter_position_id))


def approve(deps: Deps, actor: Actor, task_id: str, seen_version: int) -> None:
    """Record a paraf. The last one takes the number and freezes the document in the same transaction; a long one is
    laid out before it.

    :raises StaleTask: the page was out of date. :raises NotYourTask: no capacity covers it.
    :raises SelfApproval: the actor drafted it
    """
    lay_out_ahead(deps, lambda ahead: _approve(ahead, actor, task_id, seen_version))


def _approve(deps: Deps, actor: Actor, task_id: str, seen_version: int) -> None:
    with deps.db.unit_of_work() as session:
        flow = _flow_of_task(session, deps, actor, task_id)
        _run(session, deps, flow, actor, Approve(to_workflow(actor), seen_version))


def return_for_revision(deps: Deps, actor: Actor, task_id: str, seen_version: int, reason: str) -> None:
    """Give back to the drafter; every version stays, the paraf of this one become void.

    :raises InvalidInput: no reason. :raises StaleTask: :raises NotYourTask: as for ``approve``
    :raises AlreadySigned: a signature stands on it
    """
    with deps.db.unit_of_work() as session:
        flow = _flow_of_task(session, deps, actor, task_id)
        reason = clean_text(reason, _MAX_REASON)
        command = ReturnForRevision(to_workflow(actor), seen_version, reason)
        _run(session, deps, flow, actor, command, reason)


def reject(deps: Deps, actor: Actor, task_id: str, seen_version: int, reason: str) -> None:
    """Refuse for good; a number already taken becomes void. Also a later signer may: the signatures given before
    stay on record. :raises: as for ``approve``"""
    with deps.db.unit_of_work() as session:
        flow = _flow_of_task(session, deps, actor, task_id)
        reason = clean_text(reason, _MAX_REASON)
        command = Reject(to_workflow(actor), seen_version, reason)
        _run(session, deps, flow, actor, command, reason)


def withdraw(deps: Deps, actor: Actor, decree_id: str, seen_version: int, reason: str) -> None:
    """The drafter pulls a submitted decree back to a draft, until it is being signed.

    :raises InvalidInput: no reason. :raises StaleTask: :raises NotYourTask: :raises Conflict: too late
    :raises AlreadySigned: a signature stands on it
    """
    with deps.db.unit_of_work() as session:
        decree = lock_decree(session, decree_id)
        ensure_can_view(actor, decree)
        ensure_alone(decree)
        ensure_seen(session, decree, seen_version)
        flow = load_flow(session, deps, decree)
        reason = clean_text(reason, _MAX_REASON)
        run_command(session, deps, flow, Withdraw(to_workflow(actor), reason),
                    doer_of(actor, decree.drafter_position_id), reason)


def reassign(deps: Deps, actor: Actor, task_id: str, seen_version: int, to_position_id: str, reason: str) -> None:
    """Hand an open task to another position (public id) that may do it; administrators may move any task.

    :raises InvalidInput: no reason or no fit position. :raises StaleTask: :raises NotYourTask: refused
    """
    with deps.db.unit_of_work() as session:
        target = session.scalars(
            select(Position).where(Position.public_id == to_position_id, Position.is_active)).one_or_none()
        if target is None:
            raise InvalidInput(fields={"position": "Pilih jabatan tujuan."})
        flow = _flow_of_task(session, deps, actor, task_id)
        if not _is_fit(flow, target):
            raise InvalidInput(fields={"position": "Jabatan itu tidak berwenang untuk tugas ini."})
        is_override = is_allowed("admin.people", actor.roles)
        reason = clean_text(reason, _MAX_REASON)
        command = Reassign(to_workflow(actor), seen_version, target.id, reason, is_override=is_override)
        _run(session, deps, flow, actor, command, reason)


def _is_fit(flow: Flow, target: Position) -> bool:
    task = flow.snapshot.open_task
    if task is None:
        return True  # the command itself says that nothing is open
    return may_sign(target) if flow.definition.steps[task.step_index].kind is StepKind.SIGN else may_judge(target)


def _flow_of_task(session: Session, deps: Deps, actor: Actor, task_id: str) -> Flow:
    decree = lock_by_task(session, task_id)
    ensure_can_view(actor, decree)
    ensure_alone(decree)
    return load_flow(session, deps, decree)


def _run(session: Session, deps: Deps, flow: Flow, actor: Actor, command: Command, note: str = "") -> None:
    """A command on a task whose page is old is stale, also when another task is open by now."""
    ensure_seen(session, flow.decree, getattr(command, "seen_version", flow.decree.lock_version))
    open_task = flow.snapshot.open_task
    position_id = open_task.position_id if open_task else None
    run_command(session, deps, flow, command, doer_of(actor, position_id), note)


def pin_route(session: Session, deps: Deps, definition: Definition) -> None:
    """Keep the source of a route that is being pinned. :raises RouteUnusable: its file says something else by now"""
    known = session.scalar(select(RouteVersion.id).where(RouteVersion.sha256 == definition.sha256))
    if known is None:
        source = load_source(definition.id)
        if hashlib.sha256(source).hexdigest() != definition.sha256:
            raise RouteUnusable  # the file was replaced while the service runs: what it says is not what was loaded
        insert_missing(session, RouteVersion, ("sha256",), {
            "sha256": definition.sha256, "route_id": definition.id, "version": definition.version,
            "source": source.decode(), "created_at": deps.clock.now()})
