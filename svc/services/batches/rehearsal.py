"""A sheet checked as it would be in a batch, without one: nothing is kept, and nobody but the caller learns of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from svc.actors import Actor
from svc.deps import Deps
from svc.kinds import Kind
from svc.models import BatchRow
from svc.services.batches import drafting, uploads
from svc.services.batches.page import RowItem, row_item
from svc.sheet_mapping import suggest_mapping
from svc.sheets import SheetTable

_CHUNK = 200
FaultyData = tuple[RowItem, Mapping[str, Any], str]


@dataclass(frozen=True)
class OpenSheet:
    """A sheet that was read; ``view`` has its columns as they suggest themselves."""

    kind: Kind
    table: SheetTable
    view: uploads.SheetView


@dataclass(frozen=True)
class Rehearsal:
    """How many rows were checked, and those with something wrong, each with its data and address."""

    rows: int
    faulty: tuple[FaultyData, ...]


def read(deps: Deps, actor: Actor, kind_id: str, name: str, data: bytes) -> OpenSheet:
    """Read a CSV or XLSX file.

    :raises InvalidInput: it cannot be used, or there is no batch of that kind. :raises Forbidden: he drafts nothing
    """
    kind, _ = drafting.ensure_batchable(deps, actor, kind_id)
    table = uploads.read_uploaded(deps, data)
    return OpenSheet(kind, table, uploads.view_of(kind, table, suggest_mapping(kind, table.headings), name))


def check(deps: Deps, sheet: OpenSheet, mapping: Mapping[str, str],
          is_enough: Callable[[], bool] = lambda: False) -> Rehearsal:
    """Check every row with these columns; stops where the caller has had enough.

    :raises InvalidInput: a required column is missing, a field was chosen twice, or there are too many rows
    """
    new = uploads.new_rows(sheet.kind, sheet.table, mapping)
    drafting.ensure_room(len(new))
    rows = [BatchRow(**drafting.row_values(0, sheet.kind, number, one)) for number, one in enumerate(new, start=1)]
    first: dict[str, int] = {}
    for row in rows:
        if row.subject_key:
            first.setdefault(row.subject_key, row.row_no)
    checked = 0
    while checked < len(rows) and not is_enough():
        drafting.judge_rows(deps, sheet.kind, rows[checked:checked + _CHUNK], first)
        checked = min(checked + _CHUNK, len(rows))
    return Rehearsal(checked, tuple(
        (row_item(row), row.data, row.email) for row in rows[:checked] if row.state == "invalid"))
