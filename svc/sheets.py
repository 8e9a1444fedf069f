"""A sheet as it was uploaded: headings and rows of text, whatever file it came in.

``sheets_csv`` and ``sheets_xlsx`` read one, in the cage (:meth:`svc.cage.port.Cage.read_sheet`), ``sheets_write`` makes
those that people fill in, and ``sheet_mapping`` says which heading is which field. Nothing here knows a parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

MIB: Final = 1024 * 1024
DATA_SHEET, GUIDE_SHEET, CHOICES_SHEET = "Data", "Petunjuk", "Pilihan"  # of the workbooks that people are given
# In place of a cell that holds something else than was typed. No decree with it passes, for it cannot be printed.
UNREADABLE: Final = "\N{REPLACEMENT CHARACTER}"
DIGITS_LOST, NO_RESULT, ERROR_VALUE = "digits_lost", "no_result", "error_value"
FAULTS: Final[Mapping[str, str]] = MappingProxyType({
    DIGITS_LOST: "Angka terakhirnya hilang: Excel telah membulatkan bilangan ini menjadi berakhiran 0. "
                 "Ketik ulang sebagai teks.",
    NO_RESULT: "Rumus ini belum dihitung. Buka lembarnya di Excel dan simpan, atau ketik hasilnya.",
    ERROR_VALUE: "Sel ini memuat galat rumus. Ketik isinya.",
})
_WORDS: Final[Mapping[str, str]] = MappingProxyType({
    "sheet_too_large": "Berkas terlalu besar (paling besar %(limit)s MB). Bagi menjadi beberapa berkas, lalu unggah "
                       "satu per satu.",
    "sheet_not_a_table": "Berkas ini bukan lembar CSV atau XLSX. Simpan lembar sebagai .xlsx atau .csv, lalu unggah "
                         "lagi.",
    "sheet_old_format": "Berkas ini berformat Excel lama. Simpan sebagai .xlsx, lalu unggah lagi.",
    "sheet_encrypted": "Berkas ini bersandi. Simpan tanpa sandi, lalu unggah lagi.",
    "sheet_has_macros": "Berkas ini memuat makro. Simpan sebagai .xlsx (tanpa makro), lalu unggah lagi.",
    "sheet_broken": "Berkas ini rusak atau bukan buatan aplikasi lembar kerja. Buka di Excel atau LibreOffice, simpan "
                    "sebagai .xlsx, lalu unggah lagi.",
    "sheet_line_broken": "Tanda petik pada baris %(line)s tidak berpasangan. Perbaiki baris itu, lalu unggah lagi.",
    "sheet_encoding": "Huruf dalam berkas CSV ini tidak terbaca. Simpan sebagai “CSV UTF-8”, lalu unggah lagi.",
    "sheet_no_headings": "Lembar ini kosong. Baris pertama harus memuat judul kolom.",
    "sheet_heading_missing": "Kolom %(column)s berisi data (baris %(line)s) tetapi tidak berjudul. Beri judul atau "
                             "kosongkan kolom itu, lalu unggah lagi.",
    "sheet_heading_twice": "Judul kolom “%(heading)s” ada dua kali. Ubah salah satunya, lalu unggah lagi.",
    "sheet_heading_too_long": "Judul kolom %(column)s terlalu panjang (paling banyak %(limit)s huruf). Baris pertama "
                              "harus memuat judul kolom.",
    "sheet_too_many_rows": "Lembar ini memuat lebih dari %(limit)s baris. Bagi menjadi beberapa berkas.",
    "sheet_too_many_columns": "Lembar ini memuat lebih dari %(limit)s kolom. Hapus kolom yang tidak diperlukan.",
    "sheet_cell_too_long": "Sel %(column)s%(line)s terlalu panjang (paling banyak %(limit)s huruf).",
})
_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s")
_MAX_PARAM: Final = 200
_CELL, _ROW, _NAME = "\x1f", "\x1e", "\x1d"  # cells and names hold no control characters, so these part them
MOST_SHEETS, SHEET_NAME_CHARS = 50, 100  # of those that are named as left out
_NO_PARAMS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True)
class SheetLimits:
    """The most that is read. ``text_bytes`` counts all cells in UTF-8, ``unpacked_bytes`` the XML of a workbook."""

    rows: int = 10_000
    columns: int = 200
    cell_chars: int = 32_767
    heading_chars: int = 200
    file_bytes: int = 20 * MIB
    text_bytes: int = 24 * MIB
    unpacked_bytes: int = 200 * MIB


@dataclass(frozen=True)
class CellFault:
    """A cell that does not hold what was typed: its column (from 0) and a key of ``FAULTS``."""

    column: int
    code: str

    @property
    def message(self) -> str:
        """A gettext msgid: what is the matter, and what to do."""
        return FAULTS[self.code]


@dataclass(frozen=True)
class SheetRow:
    """``line_no`` is the line of the file, or the number that the program shows beside the row (the headings' too
    is counted). ``cells`` are as many as the table has headings; '' is empty, ``UNREADABLE`` stands at a fault."""

    line_no: int
    cells: tuple[str, ...]
    faults: tuple[CellFault, ...] = ()


@dataclass(frozen=True)
class SheetTable:
    """Headings are unique and not empty; rows without any cell are left out.

    Where a workbook has more sheets with something in them, ``sheet`` names the one that was read, and ``left_out``
    those that were not; else both are empty.
    """

    headings: tuple[str, ...]
    rows: tuple[SheetRow, ...]
    sheet: str = ""
    left_out: tuple[str, ...] = ()


class SheetRefused(Exception):
    """The file is no sheet that can be used. ``code`` is stable; ``message`` a gettext msgid with ``params``."""

    def __init__(self, code: str, params: Mapping[str, object] = _NO_PARAMS) -> None:
        self.code = code
        self.message = _WORDS[code]
        self.params = {key: str(value)[:_MAX_PARAM] for key, value in params.items()}
        super().__init__(refusal_words(self))


def refusal_words(refused: SheetRefused) -> str:
    """The reason in Indonesian, with what to do next."""
    return refused.message % refused.params if refused.params else refused.message


def refusal_from(code: str, params: Mapping[str, str]) -> SheetRefused:
    """The refusal that a worker tells of. :raises ValueError: there is none of that code with these params"""
    if code not in _WORDS or set(_PLACEHOLDER.findall(_WORDS[code])) != set(params):
        raise ValueError("no such refusal")
    return SheetRefused(code, params)


def column_letter(column: int) -> str:
    """``A`` for 0, ``AA`` for 26: as spreadsheet programs name columns."""
    letters, rest = "", column + 1
    while rest:
        rest, last = divmod(rest - 1, 26)
        letters = chr(ord("A") + last) + letters
    return letters


def write_table(table: SheetTable) -> bytes:
    """The table as bytes that :func:`read_table` takes, with nothing in between that needs a parser."""
    records = [_CELL.join((table.sheet, _NAME.join(table.left_out), *table.headings))]
    for row in table.rows:
        faults = ",".join(f"{one.column}:{one.code}" for one in row.faults)
        records.append(_CELL.join((str(row.line_no), faults, *row.cells)))
    return _ROW.join(records).encode("utf-8", "replace")


def read_table(data: bytes, limits: SheetLimits) -> SheetTable:
    """The table from bytes that a taken-over worker may have written. :raises ValueError: they are none"""
    if data.count(_ROW.encode()) > limits.rows or len(data) > limits.text_bytes + 64 * limits.rows + MIB:
        raise ValueError("too long")
    if data.count(_CELL.encode()) > (limits.rows + 1) * (limits.columns + 1):
        raise ValueError("too many cells")
    first, *records = data.decode("utf-8").split(_ROW)
    sheet, names, *headings = first.split(_CELL)
    left_out = tuple(names.split(_NAME)) if names else ()
    if len(left_out) > MOST_SHEETS or any(len(name) > SHEET_NAME_CHARS for name in (sheet, *left_out)):
        raise ValueError("names of sheets")
    if not headings or len(set(headings)) != len(headings) or not all(headings):
        raise ValueError("headings")
    return SheetTable(tuple(headings), tuple(_rows(records, len(headings))), sheet, left_out)


def _rows(records: list[str], width: int) -> Iterator[SheetRow]:
    for record in records:
        line, faults, *cells = record.split(_CELL)
        if len(cells) != width or not re.fullmatch(r"[0-9]{1,9}", line):
            raise ValueError("row")
        yield SheetRow(int(line), tuple(cells), tuple(_faults(faults, width)) if faults else ())


def _faults(text: str, width: int) -> Iterator[CellFault]:
    for part in text.split(","):
        column, _, code = part.partition(":")
        if not re.fullmatch(r"[0-9]{1,3}", column) or int(column) >= width or code not in FAULTS:
            raise ValueError("fault")
        yield CellFault(int(column), code)
