"""Sheets that people fill in: the template of a kind, and its faulty rows to be mended. The only place that knows
XlsxWriter. What is written is read back by :mod:`svc.sheets_read` and :mod:`svc.sheet_mapping`.

Every cell is written as text or as a number of ours, never as a formula, whatever it begins with.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import xlsxwriter

from svc.kinds import Kind
from svc.sheet_columns import DATE, EMAIL_COLUMN, INTEGER, LIST, MONEY, NIP, Column, columns_of, list_text
from svc.sheet_mapping import PROBLEM_HEADING
from svc.sheet_values import shown_text, uses_labels
from svc.sheets import CHOICES_SHEET, DATA_SHEET, GUIDE_SHEET

_LAST_ROW: Final = 10_000
_MADE: Final = datetime(2026, 1, 1)  # noqa: DTZ001 - the format has no zone; fixed, so that equal sheets are equal bytes
_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r")
_FORMATS: Final[Mapping[str, str]] = {DATE: "dd/mm/yyyy", INTEGER: "0", MONEY: "#,##0"}
_TYPES: Final[Mapping[str, str]] = {
    DATE: "tanggal, misalnya 31/12/2026", INTEGER: "bilangan", MONEY: "rupiah, tanpa sen",
    NIP: "18 angka, sebagai teks",
    LIST: "beberapa butir: pisahkan dengan titik koma, atau satu butir tiap baris dalam sel"}
_GUIDE: Final = ("Kolom", "Wajib", "Isi", "Pilihan", "Contoh (bukan data)", "Keterangan", "Nama bidang")
_NOTES: Final = (
    "Isi lembar “Data”, satu naskah tiap baris, paling banyak 10.000 baris. Baris pertama adalah judul kolom.",
    "Contoh di bawah ini hanya ada pada lembar petunjuk; lembar ini tidak dibaca saat berkas diunggah.",
    "NIP harus berupa teks: bilangan lebih dari 15 angka dibulatkan oleh Excel.")


@dataclass(frozen=True)
class FaultyRow:
    """A row that could not be taken: its data as far as it was understood, and what is wrong with it."""

    line_no: int
    data: Mapping[str, Any]
    problems: tuple[str, ...]
    email: str = ""


def template_csv(kind: Kind) -> bytes:
    """Headings alone, as a spreadsheet program set to Indonesian opens them: UTF-8 with a mark, semicolons."""
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=";").writerow(_csv_cell(column.title) for column in _template_columns(kind))
    return target.getvalue().encode("utf-8-sig")


def template_xlsx(kind: Kind) -> bytes:
    """A workbook to fill in: an empty sheet “Data”, and “Petunjuk”, which says what belongs where, with an example."""
    return _workbook(kind, _template_columns(kind), ())


def faulty_rows_xlsx(kind: Kind, rows: Sequence[FaultyRow]) -> bytes:
    """The same workbook with these rows in it, and what is wrong with each in a column before them, which is passed
    over when the sheet comes back."""
    columns = list(_template_columns(kind))
    known = {column.path for column in columns}
    flat = [_flat(row.data, "") for row in rows]
    for path in dict.fromkeys(path for cells in flat for path in cells if path not in known):
        columns.append(Column(path, path, required=False))  # further members of a list
    cells = [({**its, EMAIL_COLUMN.path: row.email}, row) for its, row in zip(flat, rows, strict=True)]
    return _workbook(kind, columns, cells)


def _template_columns(kind: Kind) -> tuple[Column, ...]:
    return (*columns_of(kind), EMAIL_COLUMN)


def _csv_cell(text: str) -> str:
    return f"'{text}" if text.startswith(_DANGEROUS) else text


def _flat(value: Mapping[str, Any], path: str) -> dict[str, str]:
    """Text by path; a list of texts is one."""
    found: dict[str, str] = {}
    for key, item in value.items():
        here = f"{path}.{key}" if path else key
        if isinstance(item, Mapping):
            found |= _flat(item, here)
        elif isinstance(item, list | tuple) and any(isinstance(member, Mapping) for member in item):
            for index, member in enumerate(item):
                found |= _flat(member if isinstance(member, Mapping) else {}, f"{here}[{index}]")
        elif isinstance(item, list | tuple):
            found[here] = list_text(tuple(str(member) for member in item))
        elif item is not None:
            found[here] = ("ya" if item else "tidak") if isinstance(item, bool) else str(item)
    return found


def _workbook(kind: Kind, columns: Sequence[Column],
              rows: Sequence[tuple[Mapping[str, str], FaultyRow]]) -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        book.set_properties({"title": kind.title, "created": _MADE})
        data, guide, choices = (book.add_worksheet(name) for name in (DATA_SHEET, GUIDE_SHEET, CHOICES_SHEET))
        choices.hide()
        first = 1 if rows else 0
        _write_headings(book, data, columns, first)
        _write_choices(choices, data, columns, first)
        _write_guide(book, guide, kind, columns)
        if rows:
            _write_rows(book, data, columns, rows)
    return target.getvalue()


def _write_headings(book: Any, sheet: Any, columns: Sequence[Column], first: int) -> None:
    look = {"bold": True, "text_wrap": True, "valign": "top", "border": 1, "num_format": "@"}
    needed, free = book.add_format({**look, "bg_color": "#DDEBF7"}), book.add_format(look)
    formats = {kind: book.add_format({"num_format": shown}) for kind, shown in _FORMATS.items()}
    text = book.add_format({"num_format": "@"})  # else 1/2 becomes a date, and a NIP another number
    for place, column in enumerate(columns, start=first):
        sheet.set_column(place, place, max(14, min(40, len(column.title))), formats.get(column.type, text))
        sheet.write_string(0, place, column.title, needed if column.required else free)
    sheet.freeze_panes(1, first)


def _write_choices(sheet: Any, data: Any, columns: Sequence[Column], first: int) -> None:
    for place, column in enumerate(one for one in columns if one.choices):
        shown = _choices(column)
        for line, choice in enumerate(shown):
            sheet.write_string(line, place, choice)
        letter = xlsxwriter.utility.xl_col_to_name(place, col_abs=True)
        at = first + columns.index(column)
        data.data_validation(1, at, _LAST_ROW, at, {
            "validate": "list", "source": f"={CHOICES_SHEET}!{letter}$1:{letter}${len(shown)}",
            "error_type": "warning", "error_title": "Pilihan", "error_message": "Pilih salah satu dari daftar."})


def _choices(column: Column) -> list[str]:
    return [label if uses_labels(column) else value for value, label in column.choices]


def _write_guide(book: Any, sheet: Any, kind: Kind, columns: Sequence[Column]) -> None:
    bold, wrap = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top",
                                                                   "num_format": "@"})
    sheet.write_string(0, 0, kind.title, bold)
    for line, note in enumerate(_NOTES, start=1):
        sheet.write_string(line, 0, note)
    top = len(_NOTES) + 2
    for place, (heading, width) in enumerate(zip(_GUIDE, (40, 8, 28, 28, 44, 44, 28), strict=True)):
        sheet.set_column(place, place, width)
        sheet.write_string(top, place, heading, bold)
    for line, column in enumerate(columns, start=top + 1):
        cells = (column.title, "ya" if column.required else "", _TYPES.get(column.type, "teks"),
                 "\n".join(_choices(column)), shown_text(column, column.example), column.help, column.path)
        for place, cell in enumerate(cells):
            if cell:
                sheet.write_string(line, place, cell, wrap)


def _write_rows(book: Any, sheet: Any, columns: Sequence[Column],
                rows: Sequence[tuple[Mapping[str, str], FaultyRow]]) -> None:
    problem = book.add_format({"text_wrap": True, "valign": "top", "font_color": "#9C0006", "bg_color": "#FFC7CE",
                               "num_format": "@"})
    # The mark that spreadsheet programs put before what must stay text even after somebody touches it.
    text, marked = (book.add_format({"num_format": "@", "valign": "top", "quote_prefix": prefix})
                    for prefix in (False, True))
    sheet.set_column(0, 0, 50)
    sheet.write_string(0, 0, PROBLEM_HEADING, problem)
    for line, (cells, row) in enumerate(rows, start=1):
        sheet.write_string(line, 0, "\n".join(row.problems), problem)
        for place, column in enumerate(columns, start=1):
            cell = shown_text(column, cells.get(column.path, ""))
            if cell:
                sheet.write_string(line, place, cell[:32_767], marked if cell.startswith(_DANGEROUS) else text)
