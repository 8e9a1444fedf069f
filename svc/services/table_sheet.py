"""The list of a draft from an uploaded sheet: each row of the sheet is a member of the list."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict, InvalidInput
from svc.kind_fields import FieldError
from svc.kinds import InvalidDecreeData, Kind
from svc.services import decree_page, drafting
from svc.services.batches.uploads import read_uploaded
from svc.services.decree_page import DecreeView
from svc.sheet_columns import EMAIL, columns_of
from svc.sheet_mapping import row_data, row_faults, suggest_mapping
from svc.sheet_values import plain
from svc.sheets import SheetTable

_FURTHER: Final = ("kolom_1", "kolom_2", "kolom_3")  # columns that the drafter names
_LONGEST_TITLE: Final = 60
_COUNTERS: Final = frozenset({"no", "nomor urut", "no urut", "urut"})
_MEMBER: Final = re.compile(r"\w+\[(\d+)\](?:\.(\w+))?")


@dataclass(frozen=True)
class TableFault:
    """What is wrong in a line of the sheet; ``title`` is the field's, a gettext msgid, empty for a whole line."""

    line_no: int
    title: str
    error: FieldError


class TableRefused(InvalidInput):
    """Rows of the sheet do not fit; nothing was changed. ``faults`` are all of them."""

    code = "table_refused"

    def __init__(self, faults: tuple[TableFault, ...]) -> None:
        super().__init__("Lembar ini belum dimasukkan: perbaiki baris yang bermasalah, lalu unggah lagi.")
        self.faults = faults


@dataclass(frozen=True)
class FilledTable:
    """How many rows the list has now, the named columns, and the headings that found no place. Of a workbook with
    several sheets: the one that was read, and those that were not."""

    rows: int
    further: tuple[str, ...]
    left_out: tuple[str, ...]
    sheet: str
    sheets_left_out: tuple[str, ...]


def member_kind(kind: Kind) -> Kind:
    """The members of a kind's list as a kind of their own, for its sheets. :raises Conflict: it has no list"""
    if not kind.table:
        raise Conflict("Naskah jenis ini tidak memuat daftar.")
    return replace(kind, schema=kind.schema["properties"][kind.table]["items"], example=kind.example[kind.table][0],
                   table="")


def load_draft(deps: Deps, actor: Actor, decree_id: str) -> DecreeView:
    """A draft with a list that the actor may change. :raises NotFound: :raises Conflict: it is none"""
    view = decree_page.load_decree(deps, actor, decree_id)
    if not view.actions.edit or view.source != "template" or not drafting.find_kind(deps, view.kind).table:
        raise Conflict("Hanya penyusun yang dapat mengubah daftar, dan hanya selama masih konsep.")
    return view


def fill_table(deps: Deps, actor: Actor, decree_id: str, seen_version: int, data: bytes) -> FilledTable:
    """Put the rows of a CSV or XLSX file in the place of the draft's list.

    Columns are told by their headings; up to three that are no field of the list are printed as they are called.
    :raises TableRefused: faulty rows. :raises InvalidInput: the file cannot be used. :raises StaleTask:
    :raises NotFound: :raises Conflict: no draft of this actor's
    """
    view = load_draft(deps, actor, decree_id)
    kind = drafting.find_kind(deps, view.kind)
    member = member_kind(kind)
    table = read_uploaded(deps, data)
    mapping = {heading: path for heading, path in suggest_mapping(member, table.headings).items()
               if path != EMAIL and path not in _FURTHER}
    others = [heading for heading in table.headings if heading not in mapping and plain(heading) not in _COUNTERS]
    further = dict(zip(_FURTHER, others, strict=False))
    rows = _rows(member, mapping, further, table)
    _ensure_right(deps, kind, member, mapping, table, rows)
    kept = {key: value for key, value in view.data.items() if not key.startswith("judul_kolom_")}
    titles = {f"judul_{path}": heading[:_LONGEST_TITLE] for path, heading in further.items()}
    drafting.save_draft(deps, actor, decree_id, {**kept, **titles, kind.table: rows}, seen_version, is_partial=True)
    return FilledTable(len(rows), tuple(titles.values()), tuple(others[len(_FURTHER):]), table.sheet, table.left_out)


def _rows(member: Kind, mapping: Mapping[str, str], further: Mapping[str, str], table: SheetTable
          ) -> list[dict[str, Any]]:
    places = {path: table.headings.index(heading) for path, heading in further.items()}
    return [{**row_data(member, mapping, table, row),
             **{path: row.cells[place] for path, place in places.items() if row.cells[place]}} for row in table.rows]


def _ensure_right(deps: Deps, kind: Kind, member: Kind, mapping: Mapping[str, str], table: SheetTable,
                  rows: Sequence[Mapping[str, Any]]) -> None:
    """:raises TableRefused: cells that were not read, rows that do not fit the list, or no rows"""
    titles = {column.path: column.title for column in columns_of(member)}
    faults = [TableFault(row.line_no, titles.get(fault.path, ""), fault)
              for row in table.rows for fault in row_faults(mapping, table, row)]
    alone = replace(kind, id="", schema={
        "type": "object", "properties": {kind.table: kind.schema["properties"][kind.table]}})
    data = {kind.table: list(rows)}
    try:
        deps.kinds.validate_data(alone, deps.kinds.complete_data(alone, data))
    except InvalidDecreeData as error:
        faults += [_fault(table, titles, one) for one in error.errors]
    if faults:
        raise TableRefused(tuple({(one.line_no, one.title): one for one in faults}.values()))


def _fault(table: SheetTable, titles: Mapping[str, str], error: FieldError) -> TableFault:
    found = _MEMBER.match(error.path)
    if found is None:
        return TableFault(1, "", error)
    return TableFault(table.rows[int(found[1])].line_no, titles.get(found[2] or "", found[2] or ""), error)
