"""Which heading of an uploaded sheet is which field of a kind, and what a row says then."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any, Final

from svc import kind_fields
from svc.kind_fields import FieldError
from svc.kinds import Kind, subject_of
from svc.sheet_columns import EMAIL, EMAIL_COLUMN, Column, columns_of
from svc.sheet_values import plain, typed_text
from svc.sheets import UNREADABLE, SheetRow, SheetTable

PROBLEM_HEADING: Final = "Masalah"
_INDEX: Final = re.compile(r"\[\d{1,4}\]")
_ALIKE: Final = 0.84
# Last name of a path → what sheets of personnel offices call it, first that which is the most certain.
_SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "nama": ("nama", "nama lengkap", "nama pegawai", "nama dan gelar", "nama pns", "nama asn", "nama pemegang"),
    "nip": ("nip", "nip baru", "nip pegawai", "nomor induk pegawai", "no nip"),
    "golongan": ("gol", "golongan", "gol ruang", "golongan ruang", "pangkat", "pangkat gol", "pangkat golongan",
                 "pangkat gol ruang", "pangkat golongan ruang", "gol terakhir"),
    "jabatan": ("jabatan", "nama jabatan", "jabatan terakhir"),
    "unit_kerja": ("unit kerja", "opd", "skpd", "instansi", "perangkat daerah", "satuan kerja", "satker", "unor"),
    "pejabat": ("pejabat", "pejabat penetap", "oleh pejabat", "pejabat sk"),
    "nomor": ("nomor", "nomor sk", "no sk", "no surat", "nomor surat", "no sk terakhir", "nomor sk terakhir"),
    "tanggal": ("tanggal", "tanggal sk", "tgl sk", "tgl", "tanggal surat", "tgl surat"),
    "tmt": ("tmt", "tmt lama", "tmt sk", "tmt kgb terakhir", "terhitung mulai tanggal"),
    "masa_kerja_tahun": ("masa kerja tahun", "mk tahun", "mkg tahun", "masa kerja", "mkg", "mk thn"),
    "masa_kerja_bulan": ("masa kerja bulan", "mk bulan", "mkg bulan", "mk bln"),
    "gaji_pokok": ("gaji pokok", "gaji pokok lama", "gapok", "gaji lama", "gapok lama"),
    "identitas": ("identitas", "nim", "nib", "nomor identitas"),
    "lembaga": ("lembaga", "perusahaan", "universitas", "perguruan tinggi"),
    "alamat": ("alamat", "alamat pemegang"),
    "tempat": ("tempat", "tempat tugas", "tujuan tugas"),
    "mulai": ("mulai", "tanggal mulai", "tgl mulai", "dari tanggal"),
    "selesai": ("selesai", "tanggal selesai", "tgl selesai", "sampai tanggal"),
    "tembusan": ("tembusan", "tembusan kepada"),
    EMAIL: ("email", "e mail", "surel", "alamat email", "alamat surel"),
}


def suggest_mapping(kind: Kind, headings: Sequence[str]) -> dict[str, str]:
    """Path of a field by heading, for as many headings as can be told; no path stands twice. Headings that are none
    of the kind's, such as ``Masalah`` of our own sheets, are left out. ``EMAIL`` stands for the address."""
    columns = (*columns_of(kind), EMAIL_COLUMN)
    names = [_names(column) for column in columns]
    found: dict[str, str] = {}
    open_headings = [one for one in headings if plain(one) not in {"", plain(PROBLEM_HEADING)}]
    for heading in open_headings:
        if _is_path(kind, heading.strip()) and heading.strip() not in found.values():
            found[heading] = heading.strip()
    for rank in range(max(len(one) for one in names)):
        for heading in open_headings:
            hits = [column.path for column, its in zip(columns, names, strict=True)
                    if len(its) > rank and plain(heading) == its[rank]]
            path = next((one for one in hits if one not in found.values()), None)
            if heading not in found and path is not None:
                found[heading] = path
    found.update(_alike(open_headings, columns, found))
    return {heading: found[heading] for heading in headings if heading in found}


def row_data(kind: Kind, mapping: Mapping[str, str], table: SheetTable, row: SheetRow) -> dict[str, Any]:
    """The data of a row as its cells say it; empty cells say nothing. Not completed and not validated; an unreadable
    cell stays so, and no validation lets it pass."""
    cells = {path: typed_text(column, row.cells[place])
             for place, path, column in _plan(columns_of(kind), table.headings, tuple(mapping.items()))
             if row.cells[place]}
    return kind_fields.from_row(kind.schema, cells)


def row_email(mapping: Mapping[str, str], table: SheetTable, row: SheetRow) -> str:
    """The address in the row, as it was typed; empty if none."""
    return next((text for heading, text in zip(table.headings, row.cells, strict=True)
                 if mapping.get(heading) == EMAIL and text != UNREADABLE), "")


def row_faults(mapping: Mapping[str, str], table: SheetTable, row: SheetRow) -> tuple[FieldError, ...]:
    """The cells of mapped columns that do not hold what was typed, each with what to do."""
    return tuple(FieldError(mapping[table.headings[one.column]], one.message) for one in row.faults
                 if table.headings[one.column] in mapping)


def missing_columns(kind: Kind, mapping: Mapping[str, str]) -> tuple[Column, ...]:
    """Required fields that no heading gives."""
    mapped = {_INDEX.sub("[0]", path) for path in mapping.values()}
    return tuple(column for column in columns_of(kind) if column.required and column.path not in mapped)


def subject_key(kind: Kind, data: Mapping[str, Any]) -> str:
    """The NIP of the one person whom it is about; empty where there is none, or several."""
    found = {value for path in kind.identify if path.endswith(".nip") for value in kind_fields.values_at(data, path)}
    return found.pop() if len(found) == 1 else ""


def label_of(kind: Kind, data: Mapping[str, Any]) -> str:
    """The name of the one person whom it is about, else its subject line; at most 300 characters. Empty where it is
    about one person whose name is missing: its kind alone would tell it from no other row."""
    paths = [path for path in kind.identify if path.endswith(".nama")]
    names = [value for path in paths for value in kind_fields.values_at(data, path)]
    if paths and not names and not any("[]" in path for path in paths):
        return ""
    return (names[0] if len(names) == 1 else subject_of(kind, data))[:300]


def _is_path(kind: Kind, text: str) -> bool:
    wanted = _INDEX.sub("[0]", text)
    return any(column.path == wanted for column in columns_of(kind))


def _names(column: Column) -> list[str]:
    """What a heading may call the column, from the most certain on."""
    bare = _INDEX.sub("", column.path)
    last = bare.rsplit(".", 1)[-1]
    names = [column.title, column.title.rsplit(": ", 1)[-1], bare, last, *_SYNONYMS.get(last, ())]
    return list(dict.fromkeys(plain(name) for name in names))


def _alike(headings: Sequence[str], columns: Sequence[Column], found: Mapping[str, str]) -> dict[str, str]:
    """For headings that are left: the column whose title is nearly the same, the nearest pairs first."""
    pairs = sorted((
        (_likeness(plain(heading), plain(column.title)), heading, column.path)
        for heading in headings if heading not in found
        for column in columns if column.path not in found.values()), key=lambda pair: -pair[0])
    more: dict[str, str] = {}
    for likeness, heading, path in pairs:
        if likeness and heading not in more and path not in more.values():
            more[heading] = path
    return more


def _likeness(one: str, other: str) -> float:
    """How alike two texts are, 0 where they are not alike enough; the cheap bounds come first."""
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    if matcher.real_quick_ratio() < _ALIKE or matcher.quick_ratio() < _ALIKE:
        return 0
    ratio = matcher.ratio()
    return ratio if ratio >= _ALIKE else 0


@lru_cache(maxsize=16)
def _plan(columns: tuple[Column, ...], headings: tuple[str, ...],
          mapping: tuple[tuple[str, str], ...]) -> tuple[tuple[int, str, Column], ...]:
    """Place, path and column of each cell that says something; members of lists one after the other, whatever the
    order of the headings."""
    by_path, paths = {column.path: column for column in columns}, dict(mapping)
    found = [(place, path, by_path[_INDEX.sub("[0]", path)]) for place, path in enumerate(map(paths.get, headings))
             if path and _INDEX.sub("[0]", path) in by_path]
    return tuple(sorted(found, key=lambda one: [int(index[1:-1]) for index in _INDEX.findall(one[1])]))
