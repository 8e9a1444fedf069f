"""A sheet on its way into a batch: received, its columns told apart, its rows put.

The file itself is kept, before the record that names it, so that the question of columns can be answered later, on
another day or another machine. What was answered is kept with the batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.actors import Actor
from svc.cage.port import SHEET_LIMITS, CageCrashed, CageTimeout
from svc.deps import Deps
from svc.errors import IntegrityViolation, InvalidInput, NotFound, StorageUnavailable
from svc.kinds import Kind
from svc.models import AuditEvent, Batch
from svc.ports import ObjectConflict, StoreUnavailable
from svc.services.batches import drafting
from svc.services.batches.drafting import NewRow
from svc.services.batches.model import (
    MOST_ROWS,
    counts_of,
    ensure_drafter,
    ensure_idle,
    find_batch,
    kind_of_batch,
    lock_batch,
    record,
)
from svc.services.files import read_file
from svc.services.plain_text import clean_line
from svc.sheet_columns import EMAIL_COLUMN, Column, columns_of
from svc.sheet_mapping import PROBLEM_HEADING, missing_columns, row_data, row_email, row_faults, suggest_mapping
from svc.sheet_values import plain
from svc.sheets import SheetRefused, SheetTable, read_table, write_table

UPLOADED = "sheet_uploaded"
MEDIA_TYPE = "application/octet-stream"
_SAMPLES = 3
_UNREADABLE = "Berkas ini tidak dapat dibaca. Buka di Excel atau LibreOffice, simpan sebagai .xlsx, lalu unggah lagi."


@dataclass(frozen=True)
class Heading:
    """A column of the sheet: what stands above it, the first cells under it, and the path it is taken for."""

    text: str
    samples: tuple[str, ...]
    path: str


@dataclass(frozen=True)
class SheetView:
    """An uploaded sheet with the question which column is what. ``columns`` can be chosen."""

    batch_id: str
    title: str
    kind: str
    lock_version: int
    sha256: str
    source_name: str
    rows: int
    headings: tuple[Heading, ...]
    columns: tuple[Column, ...]
    missing: tuple[Column, ...]
    ready: int  # rows of the batch that are right
    faulty: int
    is_mended: bool  # the sheet is one of ours with faulty rows
    sheet: str  # of a workbook with several: the one that was read
    left_out: tuple[str, ...]  # and those that were not


def receive(deps: Deps, actor: Actor, batch_id: str, name: str, data: bytes) -> str:
    """Keep a CSV or XLSX file for a draft batch; returns its SHA-256.

    :raises InvalidInput: it cannot be used, with the reason at ``file``. :raises Forbidden: :raises Conflict: refused
    :raises StorageUnavailable: it was not kept
    """
    with deps.db.read_session() as session:
        _ensure_editable(actor, find_batch(session, deps, actor, batch_id))
    table = read_uploaded(deps, data)
    kept = write_table(table)
    sha256 = hashlib.sha256(kept).hexdigest()
    _keep(deps, batch_id, sha256, kept)
    with deps.db.unit_of_work() as session:
        batch = lock_batch(session, deps, actor, batch_id)
        _ensure_editable(actor, batch)
        record(session, batch, UPLOADED, actor, deps.clock.now(),
               {"sha256": sha256, "source": clean_line(name, 200), "rows": len(table.rows),
                "file_sha256": hashlib.sha256(data).hexdigest()}, batch.drafter_position_id)
    return sha256


def load_sheet(deps: Deps, actor: Actor, batch_id: str, sha256: str,
               chosen: Mapping[str, str] | None = None) -> SheetView:
    """The sheet with the columns as they are taken: as ``chosen``, else as chosen before, else as suggested.

    :raises NotFound: no such sheet of a batch that the actor drafts. :raises StorageUnavailable: no answer
    """
    with deps.db.read_session() as session:
        batch = find_batch(session, deps, actor, batch_id)
        ensure_drafter(actor, batch)
        source = _source_of(session, batch, sha256)
        kind, counts, before = kind_of_batch(deps, batch), counts_of(session, batch.id), batch.mapping
        title, version = batch.title, batch.lock_version
    table = _table(deps, batch_id, sha256)
    mapping = chosen if chosen is not None else _mapping(kind, table, before)
    return replace(view_of(kind, table, mapping, source), batch_id=batch_id, title=title, lock_version=version,
                   sha256=sha256, ready=counts.get("ready", 0),
                   faulty=counts.get("invalid", 0) + counts.get("unchecked", 0))


def view_of(kind: Kind, table: SheetTable, mapping: Mapping[str, str], source: str) -> SheetView:
    """A sheet of no batch, with its columns taken so."""
    headings = tuple(
        Heading(text, tuple(row.cells[place] for row in table.rows[:_SAMPLES] if row.cells[place]),
                mapping.get(text, ""))
        for place, text in enumerate(table.headings))
    return SheetView(
        "", "", kind.id, 0, "", source, len(table.rows), headings, _columns(kind, mapping),
        missing_columns(kind, mapping), 0, 0,
        any(plain(text) == plain(PROBLEM_HEADING) for text in table.headings), table.sheet, table.left_out)


def take(deps: Deps, actor: Actor, batch_id: str, sha256: str, seen_version: int, mapping: Mapping[str, str], *,
         keep_ready: bool = False) -> int:
    """Put the rows of a received sheet into the batch and have them checked; returns how many.

    ``mapping`` is the path by heading, and is kept whatever comes of it. ``keep_ready`` leaves those that are right.
    :raises InvalidInput: a required column is missing, or a field was chosen twice; or too many rows
    :raises NotFound: no such sheet. :raises StaleBatch: :raises Forbidden: :raises Conflict: refused
    """
    with deps.db.unit_of_work() as session:
        batch = lock_batch(session, deps, actor, batch_id, seen_version)
        _ensure_editable(actor, batch)
        source = _source_of(session, batch, sha256)
        kind = kind_of_batch(deps, batch)
        table = _table(deps, batch_id, sha256)
        plan = _plan(kind, table, mapping, batch.mapping)
        batch.mapping = plan
    rows = _rows_of(kind, plan, table)
    drafting.put_rows(deps, actor, batch_id, seen_version, rows, source_name=source, mapping=plan,
                      keep_ready=keep_ready)
    return len(rows)


def new_rows(kind: Kind, table: SheetTable, mapping: Mapping[str, str]) -> list[NewRow]:
    """The rows of a sheet of no batch. :raises InvalidInput: a required column is missing, or a field was chosen twice
    """
    return _rows_of(kind, _plan(kind, table, mapping, {}), table)


def _plan(kind: Kind, table: SheetTable, mapping: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    known = {column.path for column in _columns(kind, _mapping(kind, table, before))}
    return {text: path for text, path in mapping.items() if text in table.headings and path in known}


def _rows_of(kind: Kind, plan: Mapping[str, str], table: SheetTable) -> list[NewRow]:
    _ensure_whole(kind, plan)
    return [NewRow(row.line_no, row_data(kind, plan, table, row), row_email(plan, table, row),
                   tuple((fault.path, fault.message) for fault in row_faults(plan, table, row)))
            for row in table.rows[:MOST_ROWS + 1]]


def _ensure_editable(actor: Actor, batch: Batch) -> None:
    ensure_drafter(actor, batch)
    ensure_idle(batch, "draft")


def _ensure_whole(kind: Kind, plan: Mapping[str, str]) -> None:
    paths = list(plan.values())
    titles = {column.path: column.title for column in _columns(kind, plan)}
    twice = sorted({titles[path] for path in paths if paths.count(path) > 1})
    if twice:
        raise InvalidInput("Isian ini dipilih untuk lebih dari satu kolom: %(names)s.", params={
            "names": ", ".join(twice)})
    missing = missing_columns(kind, plan)
    if missing:
        raise InvalidInput("Isian wajib ini belum mendapat kolom: %(names)s.", params={
            "names": ", ".join(column.title for column in missing)})


def _columns(kind: Kind, mapping: Mapping[str, str]) -> tuple[Column, ...]:
    """What can be chosen; further members of a list stand there when a heading names them."""
    columns = (*columns_of(kind), EMAIL_COLUMN)
    known = {column.path for column in columns}
    more = dict.fromkeys(path for path in mapping.values() if path not in known)
    return (*columns, *(Column(path, path, required=False) for path in more))


def _mapping(kind: Kind, table: SheetTable, before: Mapping[str, str]) -> Mapping[str, str]:
    """As the headings were taken before, if they are the same ones; else as they suggest themselves."""
    if before and set(before) <= set(table.headings):
        return before
    return suggest_mapping(kind, table.headings)


def _source_of(session: Session, batch: Batch, sha256: str) -> str:
    events = session.scalars(select(AuditEvent.payload).where(
        AuditEvent.stream == f"batch:{batch.public_id}", AuditEvent.type == UPLOADED).order_by(AuditEvent.seq.desc()))
    for payload in events:
        if payload.get("sha256") == sha256:
            return str(payload.get("source", ""))
    raise NotFound


def _key(batch_id: str, sha256: str) -> str:
    return f"batches/{batch_id}/sheet/{sha256}"


def _keep(deps: Deps, batch_id: str, sha256: str, data: bytes) -> None:
    try:
        deps.store.put(_key(batch_id, sha256), data, media_type=MEDIA_TYPE)
    except StoreUnavailable as error:
        raise StorageUnavailable from error
    except ObjectConflict as error:
        raise IntegrityViolation from error


def read_uploaded(deps: Deps, data: bytes) -> SheetTable:
    """A CSV or XLSX file as a table with rows. :raises InvalidInput: it cannot be used, with the reason at ``file``"""
    if len(data) > SHEET_LIMITS.file_bytes:
        raise InvalidInput(fields={"file": "Berkas terlalu besar. Bagi menjadi beberapa berkas, lalu unggah."})
    table = _read(deps, data)
    if not table.rows:
        raise InvalidInput(fields={"file": "Berkas ini tidak memuat baris data."})
    return table


def _read(deps: Deps, data: bytes) -> SheetTable:
    try:
        return deps.cage.read_sheet(data)
    except SheetRefused as error:
        raise InvalidInput(fields={"file": error.message}, params=error.params) from error
    except (CageTimeout, CageCrashed) as error:
        raise InvalidInput(fields={"file": _UNREADABLE}) from error


def _table(deps: Deps, batch_id: str, sha256: str) -> SheetTable:
    """The table as the cage read it, from what was kept. :raises IntegrityViolation: it was changed there"""
    try:
        return read_table(read_file(deps, _key(batch_id, sha256), sha256), SHEET_LIMITS)
    except ValueError as error:
        raise IntegrityViolation from error
