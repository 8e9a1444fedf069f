"""The signer's act over a frozen list: what he sees, what he authorises, and how he stops, goes on or ends it.

One authorisation covers the hashes of the documents that are left. It lives five minutes at most; when it is over, or
the process that holds the key ended, signing stops and waits for his next act, which covers what is left then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from certs.authorisation import Authorisation
from svc import failpoints
from svc.actors import Actor
from svc.db import tell_of_work
from svc.deps import Deps
from svc.errors import Conflict, DocumentChanged, Forbidden, InvalidInput, ServiceUnavailable
from svc.models import AuditEvent, Batch, BatchRow, Decree, Person, Position, SigningAuthorisation
from svc.ports import SigningHostDown
from svc.roles import is_allowed
from svc.services import authorisations, numbering
from svc.services.batches import freezing
from svc.services.batches.grants import close_grants, close_outlived
from svc.services.batches.model import (
    BatchBusy,
    begin_work,
    decree_is,
    ensure_party,
    ensure_waits_for,
    find_batch,
    kind_of_batch,
    lock_batch,
    record,
    touch,
)
from svc.services.key_use import current_credential
from svc.services.parents import ensure_in_force
from svc.services.plain_text import clean_text
from svc.services.second_step import Demand, demand
from svc.services.signing_errors import NamedOtherwise
from svc.services.signing_keys import StepUp, give_try_back, unlock
from svc.services.signing_sheet import CredentialState, credential_state
from svc.services.signing_steps import capacity_line, ensure_active

_SAMPLES = 5
_MAX_REASON = 2000


class HostUnavailable(ServiceUnavailable):
    code = "signing_host_unavailable"
    message = "Proses penanda tangan sedang tidak menjawab. Tidak ada yang ditandatangani; coba lagi sebentar lagi."


@dataclass(frozen=True)
class Sample:
    """A document of the list, to look at before signing."""

    row_no: int
    label: str
    number: str
    decree_id: str
    sha256: str


@dataclass(frozen=True)
class Departure:
    """Rows that were taken out, by whom and why."""

    rows: int
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class SigningList:
    """All that the signer sees. ``list_sha256`` (over the sorted hashes) and ``lock_version`` go back with the form.

    ``signed`` are the documents signed before this act, when it goes on with what is left. ``shown`` is the document
    that is open; the rows before and after it in the list are 0 at its ends.
    """

    batch_id: str
    title: str
    kind_title: str
    drafter_name: str
    lock_version: int
    count: int
    signed: int
    failed: int
    list_sha256: str
    issued_on: date | None
    first_number: str
    last_number: str
    capacity_line: str
    level: str
    samples: tuple[Sample, ...]
    shown: Sample
    row_before: int
    row_after: int
    departures: tuple[Departure, ...]
    parafs: tuple[tuple[str, str, datetime], ...]
    stop_code: str
    credential: CredentialState
    second_step: Demand


def refresh(deps: Deps, actor: Actor, batch_id: str) -> bool:
    """Have the list laid out anew when its date, its numbers or its signer's name are not true any more; whether that
    began. What is signed keeps its number, whatever day it is.

    :raises NotFound: :raises NotYourTask: not this actor's to sign
    :raises svc.services.parents.ParentRevoked: what they are made from is in force no more
    """
    now = deps.clock.now()
    today = numbering.local_day(deps, now)
    with deps.db.unit_of_work() as session:
        batch = lock_batch(session, deps, actor, batch_id)
        _ensure_signer(session, deps, actor, batch)
        if batch.work and not _is_stopped(batch):
            return batch.work == "freeze"
        if freezing.is_true_today(session, deps, batch, today, actor.person_id):
            return False
        freezing.take_numbers(session, deps, batch, now)
        batch.signer_id, batch.status = actor.person_id, "ready_to_sign"
        begin_work(session, batch, "freeze", now, only=decree_is("ready_to_sign"))
        return True


def prepare(deps: Deps, actor: Actor, batch_id: str, row_no: int = 0) -> SigningList:
    """What is to be signed now; ``row_no`` is the row to show, or the next one that is still in the list.

    :raises NotFound: :raises NotYourTask: not his. :raises BatchBusy: it is being laid out or signed
    :raises NamedOtherwise: the documents name somebody else. :raises Conflict: nothing waits for a signature
    :raises svc.services.parents.ParentRevoked: what they are made from is in force no more
    """
    with deps.db.read_session() as session:
        batch = find_batch(session, deps, actor, batch_id)
        position_id = _ensure_signer(session, deps, actor, batch)
        _ensure_stopped(batch)
        hashes = freezing.frozen_hashes(session, batch)
        if not hashes:
            raise Conflict("Tidak ada naskah kelompok ini yang menunggu tanda tangan.")
        held = next(one for one in actor.held if one.position_id == position_id)
        if (batch.signer_id, batch.signer_capacity) != (actor.person_id, held.capacity):
            raise NamedOtherwise
        rows = _waiting_rows(session, batch)
        at = next((index for index, row in enumerate(rows) if row.row_no >= row_no), len(rows) - 1)
        credential = current_credential(session, actor.person_id)
        return SigningList(
            batch_id=batch.public_id, title=batch.title, kind_title=kind_of_batch(deps, batch).title,
            drafter_name=session.get_one(Person, batch.drafter_id).name, lock_version=batch.lock_version,
            count=len(hashes), signed=_count(session, batch, "signed", "issued"), failed=_failed(session, batch),
            list_sha256=freezing.list_digest(hashes), issued_on=batch.frozen_on, first_number=rows[0].number,
            last_number=rows[-1].number,
            capacity_line=capacity_line(session.get_one(Position, position_id), held.capacity),
            level=deps.settings.signature_level, samples=_samples(rows), shown=rows[at],
            row_before=rows[at - 1].row_no if at else 0,
            row_after=rows[at + 1].row_no if at + 1 < len(rows) else 0, departures=_departures(session, batch),
            parafs=_parafs(session, batch), stop_code=batch.stop_code,
            credential=credential_state(session, deps, actor),
            second_step=demand(session, deps, actor.person_id, credential))


def authorise(deps: Deps, actor: Actor, batch_id: str, seen_version: int, list_sha256: str, step_up: StepUp) -> int:
    """Authorise the documents that are left, once, and have them signed; returns how many.

    A wrong passphrase spends one try and signs nothing.
    :raises StaleBatch: :raises DocumentChanged: the list is not the one shown
    :raises StepUpFailed: :raises TooManyAttempts: :raises CredentialLocked: :raises CredentialUnusable: the key
    :raises NotYourTask: :raises NamedOtherwise: :raises HostUnavailable: nothing was authorised
    :raises svc.services.parents.ParentRevoked: what they are made from is in force no more
    """
    with deps.db.read_session() as session:
        batch = find_batch(session, deps, actor, batch_id)
        _ensure_ready(session, deps, actor, batch, seen_version, list_sha256)
    key = unlock(deps, actor, step_up, list_sha256)
    now = deps.clock.now()
    opened: Authorisation | None = None
    try:
        with deps.db.unit_of_work() as session:
            batch = lock_batch(session, deps, actor, batch_id, seen_version)
            hashes = _ensure_ready(session, deps, actor, batch, seen_version, list_sha256)
            earlier = batch.authorisation_id
            credential = ensure_active(session, key.credential_id)
            row_id, authorisation = authorisations.give(session, actor, credential, hashes, key.factors, now)
            deps.signing_host.open(authorisation, key.material)
            opened = authorisation
            failpoints.reach("batch.key_handed_over")
            _begin(session, batch, actor, row_id, list_sha256, len(hashes), now)
    except SigningHostDown as error:
        give_try_back(deps, key.tried)
        raise HostUnavailable from error
    except BaseException:
        if opened is not None:
            deps.signing_host.close(opened.authorisation_id)
        give_try_back(deps, key.tried)
        raise
    close_outlived(deps, earlier)
    return len(hashes)


def pause(deps: Deps, actor: Actor, batch_id: str) -> None:
    """Stop taking up further documents; what is being signed this moment is finished.

    :raises Forbidden: neither signer nor drafter. :raises Conflict: it is not being signed
    """
    with deps.db.unit_of_work() as session:
        batch = _controlled(session, deps, actor, batch_id)
        if batch.paused_at is None:
            batch.paused_at = deps.clock.now()
            touch(batch, deps.clock.now())
            record(session, batch, "batch_paused", actor, deps.clock.now())


def resume(deps: Deps, actor: Actor, batch_id: str) -> None:
    """Go on; errors as for :func:`pause`. Whether the authorisation still lives shows with the next chunk."""
    with deps.db.unit_of_work() as session:
        batch = _controlled(session, deps, actor, batch_id)
        if batch.paused_at is not None:
            now = deps.clock.now()
            if batch.stopped_at is not None:
                batch.stopped_at = min(batch.stopped_at, batch.paused_at)
            else:
                batch.idle_seconds += max(0.0, (now - batch.paused_at).total_seconds())
            batch.paused_at = None
            touch(batch, now)
            tell_of_work(session, batch.public_id, batch.work)
            record(session, batch, "batch_resumed", actor, now)


def cancel(deps: Deps, actor: Actor, batch_id: str, reason: str) -> None:
    """End the signing: what is signed stays signed, the rest goes back to the drafter.

    What is being signed this moment, or may have been, goes back or stays once that is settled.

    :raises InvalidInput: no reason. :raises Forbidden: neither signer nor drafter. :raises Conflict: too late
    """
    reason = clean_text(reason, _MAX_REASON)
    if not reason:
        raise InvalidInput(fields={"reason": "Alasan wajib diisi."})
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        batch = _controlled(session, deps, actor, batch_id)
        authorisation = _authorisation(session, batch)
        position_id = batch.assignee_id if batch.drafter_id != actor.person_id else batch.drafter_position_id
        begin_work(session, batch, "exclude", now, states=("live", "failed"), only=~decree_is("signed", "issued"),
                   by=actor, position_id=position_id, note=reason, keep_leases=True)
        record(session, batch, "batch_cancelled", actor, now, {"reason": reason}, position_id)
    if authorisation is not None:
        close_grants(deps, [authorisation.public_id])


def _ensure_signer(session: Session, deps: Deps, actor: Actor, batch: Batch) -> int:
    position_id = ensure_waits_for(actor, batch)
    held = next(one for one in actor.held if one.position_id == position_id)
    if batch.status not in {"ready_to_sign", "signing"}:
        raise Conflict("Kelompok naskah ini sedang tidak menunggu tanda tangan.")
    if not is_allowed("task.sign", held.roles):
        raise Forbidden
    ensure_in_force(session, deps, batch.kind, batch.parent_id)
    return position_id


def _is_stopped(batch: Batch) -> bool:
    """Whether nobody takes up documents, so that a further act may; the key of a paused one may have gone meanwhile."""
    return batch.work == "sign" and (bool(batch.stop_code) or batch.paused_at is not None)


def _ensure_stopped(batch: Batch) -> None:
    if batch.work and not _is_stopped(batch):
        raise BatchBusy


def _ensure_ready(session: Session, deps: Deps, actor: Actor, batch: Batch, seen_version: int,
                  list_sha256: str) -> list[str]:
    """The hashes that are left, when they are those shown and everything on them is true now."""
    position_id = _ensure_signer(session, deps, actor, batch)
    _ensure_stopped(batch)
    hashes = freezing.frozen_hashes(session, batch)
    if batch.lock_version != seen_version or not hashes or freezing.list_digest(hashes) != list_sha256:
        raise DocumentChanged
    held = next(one for one in actor.held if one.position_id == position_id)
    if (batch.signer_id, batch.signer_capacity) != (actor.person_id, held.capacity):
        raise NamedOtherwise
    if not freezing.is_true_today(session, deps, batch, numbering.local_day(deps, deps.clock.now()), actor.person_id):
        raise DocumentChanged
    return hashes


def _begin(session: Session, batch: Batch, actor: Actor, row_id: int, list_sha256: str, count: int,
           now: datetime) -> None:
    batch.authorisation_id, batch.status = row_id, "signing"
    begin_work(session, batch, "sign", now, only=decree_is("ready_to_sign"), by=actor, position_id=batch.assignee_id)
    record(session, batch, "batch_authorised", actor, now,
           {"count": count, "list_sha256": list_sha256, "authorisation": row_id}, batch.assignee_id)


def _controlled(session: Session, deps: Deps, actor: Actor, batch_id: str) -> Batch:
    batch = lock_batch(session, deps, actor, batch_id)
    ensure_party(actor, batch)
    if batch.status != "signing" or batch.work != "sign":
        raise Conflict("Kelompok naskah ini sedang tidak ditandatangani.")
    return batch


def _authorisation(session: Session, batch: Batch) -> SigningAuthorisation | None:
    return session.get(SigningAuthorisation, batch.authorisation_id) if batch.authorisation_id else None


def _waiting_rows(session: Session, batch: Batch) -> list[Sample]:
    rows = session.execute(
        select(BatchRow.row_no, BatchRow.label, Decree.number, Decree.public_id, Decree.frozen_sha256)
        .join(Decree, Decree.id == BatchRow.decree_id)
        .where(BatchRow.batch_id == batch.id, BatchRow.state == "live", Decree.status == "ready_to_sign")
        .order_by(BatchRow.row_no))
    return [Sample(row[0], row[1], row[2] or "", row[3], row[4] or "") for row in rows]


def _samples(rows: list[Sample]) -> tuple[Sample, ...]:
    """First, last, and some between, evenly."""
    if len(rows) <= _SAMPLES:
        return tuple(rows)
    step = (len(rows) - 1) / (_SAMPLES - 1)
    return tuple(rows[round(step * number)] for number in range(_SAMPLES))


def _departures(session: Session, batch: Batch) -> tuple[Departure, ...]:
    rows = session.execute(
        select(func.count(), Person.name, BatchRow.excluded_reason, func.max(BatchRow.excluded_at))
        .join(Person, Person.id == BatchRow.excluded_by_id)
        .where(BatchRow.batch_id == batch.id, BatchRow.state == "excluded")
        .group_by(Person.name, BatchRow.excluded_reason).order_by(func.max(BatchRow.excluded_at)))
    return tuple(Departure(row[0], row[1], row[2] or "", row[3]) for row in rows if row[3] is not None)


def _parafs(session: Session, batch: Batch) -> tuple[tuple[str, str, datetime], ...]:
    rows = session.execute(
        select(AuditEvent.actor_name, AuditEvent.actor_capacity, AuditEvent.at)
        .where(AuditEvent.stream == f"batch:{batch.public_id}", AuditEvent.type == "batch_paraf_given",
               AuditEvent.at >= batch.submitted_at)
        .order_by(AuditEvent.seq))
    return tuple((row[0], row[1] or "", row[2]) for row in rows)


def _count(session: Session, batch: Batch, *statuses: str) -> int:
    return session.scalar(select(func.count()).select_from(BatchRow).where(
        BatchRow.batch_id == batch.id, decree_is(*statuses))) or 0


def _failed(session: Session, batch: Batch) -> int:
    return session.scalar(select(func.count()).select_from(BatchRow).where(
        BatchRow.batch_id == batch.id, BatchRow.state == "failed")) or 0
