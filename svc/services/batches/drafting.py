"""A batch before it goes out: its rows, what is wrong with them, and what each will look like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, select, true
from sqlalchemy.orm import Session

from svc.actors import Actor, HeldPosition
from svc.deps import Deps
from svc.errors import Conflict, InvalidInput, NotFound, RouteUnusable
from svc.ids import new_public_id
from svc.kind_fields import FieldError, values_at
from svc.kinds import InvalidDecreeData, Kind
from svc.models import Batch, BatchRow
from svc.services.batches.model import (
    MOST_ROWS,
    StaleRow,
    begin_work,
    counts_of,
    ensure_drafter,
    ensure_idle,
    find_batch,
    kind_of_batch,
    lock_batch,
    mark_of,
    record,
    touch,
)
from svc.services.batches.problems import as_stored, from_stored
from svc.services.draft_content import content_of_data
from svc.services.drafting import drafting_position, find_kind
from svc.services.mail_address import address_fault
from svc.services.orgchart import load_chart
from svc.services.parents import ROW, ensure_written, faults_of, parent_of, taken_rows
from svc.services.plain_text import clean_line, clean_text
from svc.services.routing import pin_route
from svc.sheet_columns import EMAIL
from svc.sheet_mapping import label_of, subject_key
from svc.sheets import FAULTS, UNREADABLE
from workflows.errors import SameSigner, UnknownAssignee
from workflows.model import Definition
from workflows.rules import resolve_assignments

_MAX_TITLE = 200
_MAX_REASON = 2000
_INSERT_CHUNK = 1000


@dataclass(frozen=True)
class NewRow:
    """A row as it was read: line of the sheet, data of the kind, and an address for the link (may be empty).

    ``faults`` are (path, msgid) of cells that do not hold what was typed into them.
    """

    line_no: int
    data: Mapping[str, Any]
    email: str = ""
    faults: tuple[tuple[str, str], ...] = ()


def create(deps: Deps, actor: Actor, kind_id: str, title: str, *, parent_id: int | None = None) -> str:
    """A new, empty batch; returns its public id.

    :raises InvalidInput: no kind or title, or a kind of which each document has signers of its own
    :raises Forbidden: no position that drafts
    """
    kind, drafter = ensure_batchable(deps, actor, kind_id, is_made=parent_id is not None)
    title = clean_line(title, _MAX_TITLE)
    if not title:
        raise InvalidInput(fields={"title": "Nama kelompok wajib diisi."})
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        batch = Batch(
            public_id=new_public_id(), kind=kind.id, title=title, unit_id=drafter.unit_id,
            agency_id=drafter.agency_id, drafter_id=actor.person_id, drafter_position_id=drafter.position_id,
            parent_id=parent_id, assignments=[], mapping={}, last_chunk_at=now, created_at=now,
            updated_at=now)
        session.add(batch)
        session.flush()
        record(session, batch, "batch_created", actor, now, {"kind": kind.id, "title": title}, drafter.position_id)
        return batch.public_id


def ensure_batchable(deps: Deps, actor: Actor, kind_id: str, *, is_made: bool = False) -> tuple[Kind, HeldPosition]:
    """The kind, and the position in which the actor drafts. ``is_made``: from another decree, and not from a sheet.

    :raises InvalidInput: no such kind, or none of which a batch can be. :raises Forbidden: no position that drafts
    """
    kind, drafter = find_kind(deps, kind_id), drafting_position(actor)
    if not is_made:
        ensure_written(kind)
    if kind.chosen:
        raise InvalidInput(fields={"kind": "Naskah jenis ini disusun satu per satu: penanda tangannya berbeda-beda."})
    return kind, drafter


def put_rows(deps: Deps, actor: Actor, batch_id: str, seen_version: int, rows: Sequence[NewRow], *,
             source_name: str = "", mapping: Mapping[str, str] | None = None, keep_ready: bool = False) -> None:
    """Put these rows in the place of all that were there, and have them checked. ``keep_ready`` leaves those that
    are right, and puts these behind them.

    :raises InvalidInput: none, or more than 10,000. :raises StaleBatch: :raises Forbidden: :raises Conflict: refused
    """
    if not rows:
        raise InvalidInput(fields={"file": "Berkas ini tidak memuat baris data."})
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        batch = _editable(session, deps, actor, batch_id, seen_version)
        kind = kind_of_batch(deps, batch)
        replaced = BatchRow.state != "ready" if keep_ready else true()
        session.execute(delete(BatchRow).where(BatchRow.batch_id == batch.id, replaced))
        kept, last = session.execute(select(func.count(), func.coalesce(func.max(BatchRow.row_no), 0)).where(
            BatchRow.batch_id == batch.id)).one()
        ensure_room(kept + len(rows))
        values = [row_values(batch.id, kind, number, row) for number, row in enumerate(rows, start=last + 1)]
        for begin in range(0, len(values), _INSERT_CHUNK):
            session.execute(insert(BatchRow), values[begin:begin + _INSERT_CHUNK])
        batch.source_name, batch.mapping = source_name[:200], dict(mapping or {})
        begin_work(session, batch, "check", now, states=("unchecked",), by=actor,
                   position_id=batch.drafter_position_id)
        record(session, batch, "rows_put", actor, now, {"rows": len(rows), "source": source_name[:200]},
               batch.drafter_position_id)


def ensure_room(rows: int) -> None:
    """:raises InvalidInput: they are more than a batch takes"""
    if rows > MOST_ROWS:
        raise InvalidInput(fields={"file": "Paling banyak 10.000 baris dalam satu kelompok."})


def set_row(deps: Deps, actor: Actor, batch_id: str, row_no: int, seen_mark: str, data: Mapping[str, Any],
            email: str = "") -> bool:
    """Change one row in place and check it, with the rows of the same person; whether nothing is wrong with it now.

    ``seen_mark`` is that of the row as it was shown.
    :raises NotFound: no such row. :raises StaleRow: it was changed since
    :raises Forbidden: :raises BatchBusy: :raises Conflict: refused
    """
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        batch = _editable(session, deps, actor, batch_id)
        kind = kind_of_batch(deps, batch)
        row = _seen_row(session, batch, row_no, seen_mark)
        others = {row.subject_key, subject_key(kind, data)} - {""}
        row.data, row.email = dict(data), email.strip()[:254]
        row.subject_key, row.label = subject_key(kind, data)[:60], label_of(kind, data)[:300]
        session.flush()
        same = session.scalars(select(BatchRow).where(
            BatchRow.batch_id == batch.id, BatchRow.subject_key.in_(others)).order_by(BatchRow.row_no))
        check_rows(session, deps, batch, {one.id: one for one in (row, *same)}.values())
        touch(batch, now)
        record(session, batch, "row_changed", actor, now, {"rows": [row_no]}, batch.drafter_position_id)
        return row.state == "ready"


def drop_row(deps: Deps, actor: Actor, batch_id: str, row_no: int, seen_mark: str) -> None:
    """Take a row out of a draft batch. Errors as for :func:`set_row`."""
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        batch = _editable(session, deps, actor, batch_id)
        row = _seen_row(session, batch, row_no, seen_mark)
        key = row.subject_key
        session.delete(row)
        session.flush()
        if key:
            same = session.scalars(select(BatchRow).where(BatchRow.batch_id == batch.id, BatchRow.subject_key == key))
            check_rows(session, deps, batch, same.all())
        touch(batch, now)
        record(session, batch, "row_dropped", actor, now, {"rows": [row_no]}, batch.drafter_position_id)


def drop_faulty(deps: Deps, actor: Actor, batch_id: str, seen_version: int) -> int:
    """Take every faulty row out; returns how many. :raises StaleBatch: :raises Forbidden: :raises Conflict: refused"""
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        batch = _editable(session, deps, actor, batch_id, seen_version)
        gone = session.execute(
            delete(BatchRow).where(BatchRow.batch_id == batch.id, BatchRow.state == "invalid"))
        count = int(getattr(gone, "rowcount", 0))
        touch(batch, now)
        record(session, batch, "faulty_rows_dropped", actor, now, {"rows": count}, batch.drafter_position_id)
        return count


def check_rows(session: Session, deps: Deps, batch: Batch, rows: Sequence[BatchRow] | Any) -> None:
    """Complete and validate rows, and find those about somebody who stands in an earlier row; notes what is wrong."""
    kind = kind_of_batch(deps, batch)
    found = list(rows)
    keys = {row.subject_key for row in found} - {""}
    first = {row[0]: row[1] for row in session.execute(
        select(BatchRow.subject_key, func.min(BatchRow.row_no))
        .where(BatchRow.batch_id == batch.id, BatchRow.subject_key.in_(keys)).group_by(BatchRow.subject_key))}
    judge_rows(deps, kind, found, first, _parent_check(session, deps, batch, kind))


def judge_rows(deps: Deps, kind: Kind, rows: Sequence[BatchRow], first: Mapping[str, int],
               check: Callable[[Mapping[str, Any]], Sequence[FieldError]] = lambda _data: ()) -> None:
    """Complete and validate rows in place. ``first`` is the first row about each person, ``check`` finds what else is
    wrong with data that fits its kind."""
    for row in rows:
        row.data = deps.kinds.complete_data(kind, row.data)
        problems = _problems(deps, kind, row) or list(check(row.data))
        earlier = first.get(row.subject_key, row.row_no)
        if earlier < row.row_no:
            problems.append(FieldError("", "NIP ini sudah ada pada baris %(row)s.", {"row": earlier}))
        row.problems = [as_stored(one) for one in problems]
        row.state = "invalid" if row.problems else "ready"


def _parent_check(session: Session, deps: Deps, batch: Batch, kind: Kind
                  ) -> Callable[[Mapping[str, Any]], Sequence[FieldError]]:
    """What tells where a row says something else than the decree that it is made from."""
    if not kind.parent_kind:
        return lambda _data: ()
    try:
        parent = parent_of(session, deps, batch.parent_id, kind)
    except Conflict as error:
        refusal = FieldError("", error.text, error.params)
        return lambda _data: (refusal,)
    return lambda data: faults_of(parent, kind, data)


def preview_row(deps: Deps, actor: Actor, batch_id: str, row_no: int) -> bytes:
    """The draft PDF of one row; nothing is kept.

    :raises NotFound: no such row for this actor. :raises svc.kinds.InvalidDecreeData: the row is faulty
    """
    with deps.db.read_session() as session:
        batch = find_batch(session, deps, actor, batch_id)
        row = _row(session, batch, row_no)
        kind, data = kind_of_batch(deps, batch), row.data
        origin = DraftedFrom(batch.drafter_position_id, batch.unit_id, batch.agency_id)
    return content_of_data(deps, kind, data, origin).pdf or b""


@dataclass(frozen=True)
class DraftedFrom:
    """See :class:`svc.services.draft_content.Origin`."""

    position_id: int
    unit_id: int
    agency_id: int


def submit(deps: Deps, actor: Actor, batch_id: str, seen_version: int, *, auto_issue: bool = True) -> int:
    """Pin the route, resolve its positions and have the decrees made; returns how many there will be.

    :raises InvalidInput: rows are faulty, or there are none, or they say something else than the decree that they
        are made from. :raises svc.services.parents.ParentRevoked: :raises RouteUnusable: a position is missing
    :raises StaleBatch: :raises Forbidden: :raises BatchBusy: :raises Conflict: refused
    """
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        batch = _editable(session, deps, actor, batch_id, seen_version)
        counts = counts_of(session, batch.id)
        if not counts.get("ready"):
            raise InvalidInput("Kelompok ini belum memuat baris yang siap diajukan.")
        if set(counts) - {"ready"}:
            raise InvalidInput("Masih ada baris yang bermasalah. Perbaiki atau hapus dahulu, lalu ajukan.")
        if batch.parent_id is not None:
            _ensure_excerpts(session, deps, batch)
        definition = _definition(session, deps, batch)
        try:
            assignments = resolve_assignments(definition, batch.drafter_position_id, load_chart(session), {})
        except (UnknownAssignee, SameSigner) as error:
            raise RouteUnusable from error
        batch.route_id, batch.route_sha256 = definition.id, definition.sha256
        pin_route(session, deps, definition)
        batch.assignments = [[one.step_index, one.position_id] for one in assignments]
        batch.auto_issue, batch.submitted_at = auto_issue, now
        made = begin_work(session, batch, "prepare", now, states=("ready",), by=actor,
                          position_id=batch.drafter_position_id)
        record(session, batch, "batch_submitted", actor, now, {"rows": made}, batch.drafter_position_id)
        return made


def discard(deps: Deps, actor: Actor, batch_id: str, seen_version: int, reason: str) -> None:
    """Throw a draft batch away; it stays on record. :raises InvalidInput: no reason. :raises Conflict: refused"""
    reason = clean_text(reason, _MAX_REASON)
    if not reason:
        raise InvalidInput(fields={"reason": "Alasan wajib diisi."})
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        batch = _editable(session, deps, actor, batch_id, seen_version)
        batch.status, batch.finished_at = "cancelled", now
        touch(batch, now)
        record(session, batch, "batch_discarded", actor, now, {"reason": reason}, batch.drafter_position_id)


def _editable(session: Session, deps: Deps, actor: Actor, batch_id: str, seen_version: int | None = None) -> Batch:
    batch = lock_batch(session, deps, actor, batch_id, seen_version)
    ensure_drafter(actor, batch)
    ensure_idle(batch, "draft")
    return batch


def _row(session: Session, batch: Batch, row_no: int) -> BatchRow:
    row = session.scalars(
        select(BatchRow).where(BatchRow.batch_id == batch.id, BatchRow.row_no == row_no)).one_or_none()
    if row is None:
        raise NotFound
    return row


def _seen_row(session: Session, batch: Batch, row_no: int, seen_mark: str) -> BatchRow:
    row = _row(session, batch, row_no)
    if mark_of(row) != seen_mark:
        raise StaleRow
    return row


def row_values(batch_id: int, kind: Kind, number: int, row: NewRow) -> dict[str, Any]:
    """The columns of a row that was not checked yet."""
    data = row.data
    return {
        "batch_id": batch_id, "row_no": number, "line_no": row.line_no, "data": dict(row.data),
        "problems": [as_stored(FieldError(*one)) for one in row.faults],
        "subject_key": subject_key(kind, data)[:60], "label": label_of(kind, data)[:300],
        "email": row.email.strip()[:254], "state": "unchecked", "pending": False}


def _problems(deps: Deps, kind: Kind, row: BatchRow) -> list[FieldError]:
    """What is wrong with a row; of a cell that could not be read, why, as long as nobody typed over it."""
    problems = [one for one in map(from_stored, row.problems)
                if one.message in FAULTS.values() and UNREADABLE in (*values_at(row.data, one.path),
                                                                     *values_at(row.data, f"{one.path}[]"))]
    unread = {one.path for one in problems}
    try:
        deps.kinds.validate_data(kind, row.data)
    except InvalidDecreeData as error:
        problems += [one for one in error.errors if one.path not in unread]
    if row.email and (fault := address_fault(row.email)):
        problems.append(FieldError(EMAIL, fault))
    return problems


def _ensure_excerpts(session: Session, deps: Deps, batch: Batch) -> None:
    """:raises InvalidInput: a row does not say what the parent says, or another batch has an excerpt for that person"""
    kind = kind_of_batch(deps, batch)
    parent = parent_of(session, deps, batch.parent_id, kind, lock=True)
    taken = taken_rows(session, parent.id, besides=batch.id)
    for row_no, data in session.execute(select(BatchRow.row_no, BatchRow.data).where(
            BatchRow.batch_id == batch.id).order_by(BatchRow.row_no)):
        if faults_of(parent, kind, data):
            raise InvalidInput("Baris %(row)s tidak sama dengan keputusan induknya.", params={"row": row_no})
        if data[ROW] in taken:
            raise InvalidInput("Petikan bagi orang pada baris %(row)s sudah diajukan dalam kelompok lain.",
                               params={"row": row_no})


def _definition(session: Session, deps: Deps, batch: Batch) -> Definition:
    """The one route of all rows. :raises Conflict: rows ask for different routes. :raises RouteUnusable: none"""
    kind = kind_of_batch(deps, batch)
    routes = {kind.route_id}
    if kind.routes:
        routes = {kind.route_of(data) for data in session.scalars(
            select(BatchRow.data).where(BatchRow.batch_id == batch.id))}
    if len(routes) > 1:
        raise Conflict("Baris-baris ini menempuh alur yang berbeda. Pisahkan menjadi beberapa kelompok.")
    definition = deps.routes.get(routes.pop())
    if definition is None or len(definition.sign_steps) != 1:
        raise RouteUnusable
    return definition
