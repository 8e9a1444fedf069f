"""From a sheet to the data of decrees, for every kind: nothing is lost on the way, and nothing is guessed."""

from __future__ import annotations

import copy
import csv
import io
from collections.abc import Mapping
from typing import Any

import openpyxl
import pytest

from svc import kind_fields
from svc.kinds import InvalidDecreeData, Kind, KindCatalogue
from svc.sheet_columns import EMAIL, columns_of
from svc.sheet_mapping import (
    label_of,
    missing_columns,
    row_data,
    row_email,
    row_faults,
    subject_key,
    suggest_mapping,
)
from svc.sheets import UNREADABLE, SheetLimits, SheetRow, SheetTable
from svc.sheets_read import read_sheet
from svc.sheets_write import FaultyRow, faulty_rows_xlsx, template_csv, template_xlsx

KINDS = KindCatalogue.load()
KGB = KINDS.get("kgb")
LIMITS = SheetLimits()
NIP = "190001011980031001"
ALL = pytest.mark.parametrize("kind", KINDS.all(), ids=lambda kind: kind.id)


def table(headings: tuple[str, ...], *rows: tuple[str, ...]) -> SheetTable:
    return SheetTable(headings, tuple(SheetRow(line, cells) for line, cells in enumerate(rows, start=2)))


def only(kind: Kind, **cells: str) -> dict[str, Any]:
    """Data of one row whose headings are paths, with ``__`` for a dot."""
    headings = tuple(one.replace("__", ".") for one in cells)
    one = table(headings, tuple(cells.values()))
    return row_data(kind, {heading: heading for heading in headings}, one, one.rows[0])


def first_members(data: Mapping[str, Any]) -> dict[str, Any]:
    """The example as far as one row of the template holds it: one member of each list of groups."""
    short = copy.deepcopy(dict(data))
    for key, value in short.items():
        if isinstance(value, dict):
            short[key] = first_members(value)
        elif isinstance(value, list) and isinstance(value[0], dict):
            short[key] = value[:1]
    return short


@ALL
def test_titles_are_unique_and_every_required_field_is_there(kind: Kind) -> None:
    columns = columns_of(kind)
    assert len({column.title.casefold() for column in columns}) == len(columns)
    assert all(len(column.title) <= 200 for column in columns)
    assert {column.path for column in columns if column.required} >= {
        name for name in kind.schema["required"] if kind.schema["properties"][name]["type"] != "object"
        and kind.schema["properties"][name].get("items", {}).get("type") != "object"}


@ALL
def test_the_template_holds_no_row_and_all_its_headings_are_understood(kind: Kind) -> None:
    for template in (template_csv(kind), template_xlsx(kind)):
        sheet = read_sheet(template, LIMITS)
        assert sheet.rows == ()
        mapping = suggest_mapping(kind, sheet.headings)
        assert list(mapping.values()) == [column.path for column in columns_of(kind)] + [EMAIL]
        assert missing_columns(kind, mapping) == ()


@ALL
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_template_that_was_filled_in_gives_the_data(kind: Kind, form: str) -> None:
    wanted = first_members(kind.example)
    cells = [column.example for column in columns_of(kind)] + ["orang@contoh.example"]
    sheet = read_sheet(filled_csv(kind, cells) if form == "csv" else filled_xlsx(kind, cells), LIMITS)
    mapping = suggest_mapping(kind, sheet.headings)
    data = row_data(kind, mapping, sheet, sheet.rows[0])
    assert data == wanted
    KINDS.validate_data(kind, KINDS.complete_data(kind, data))
    assert row_email(mapping, sheet, sheet.rows[0]) == "orang@contoh.example"


def filled_csv(kind: Kind, cells: list[str]) -> bytes:
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=";").writerow(cells)
    return template_csv(kind) + target.getvalue().encode()


def filled_xlsx(kind: Kind, cells: list[str]) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(template_xlsx(kind)))
    for place, cell in enumerate(cells, start=1):
        book["Data"].cell(2, place, cell)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


@ALL
def test_rows_to_be_mended_come_back_as_they_went(kind: Kind) -> None:
    rows = [FaultyRow(7, kind.example, ("NIP tidak sah.", "Wajib diisi."), "a@contoh.example"),
            FaultyRow(9, first_members(kind.example), ())]
    sheet = read_sheet(faulty_rows_xlsx(kind, rows), LIMITS)
    mapping = suggest_mapping(kind, sheet.headings)
    assert sheet.headings[0] == "Masalah"
    assert "Masalah" not in mapping
    assert sheet.rows[0].cells[0] == "NIP tidak sah.\nWajib diisi."
    assert [row_data(kind, mapping, sheet, row) for row in sheet.rows] == [row.data for row in rows]
    assert [row_email(mapping, sheet, row) for row in sheet.rows] == ["a@contoh.example", ""]


@pytest.mark.parametrize("text", ["=1+1", "+62", "-5", "@SUM(A1)", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x")'])
def test_nothing_that_we_write_is_a_formula(text: str) -> None:
    data = {**KGB.example, "catatan_penundaan": text}
    made = faulty_rows_xlsx(KGB, [FaultyRow(2, data, (text,))])
    book = openpyxl.load_workbook(io.BytesIO(made))
    written = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value == text]
    assert len(written) == 2
    assert {cell.data_type for cell in written} == {"s"}
    assert all(cell.data_type != "f" for sheet in book for row in sheet.iter_rows() for cell in row)
    sheet = read_sheet(made, LIMITS)
    mapping = suggest_mapping(KGB, sheet.headings)
    assert row_data(KGB, mapping, sheet, sheet.rows[0])["catatan_penundaan"] == text


def test_the_template_helps_to_fill_it_in() -> None:
    book = openpyxl.load_workbook(io.BytesIO(template_xlsx(KGB)))
    assert [(sheet.title, sheet.sheet_state) for sheet in book] == [
        ("Data", "visible"), ("Petunjuk", "visible"), ("Pilihan", "hidden")]
    data, guide = book["Data"], book["Petunjuk"]
    nip = next(cell.column for cell in data[1] if cell.value == "NIP")
    (style,) = (one for one in data.column_dimensions.values() if one.min <= nip <= one.max)
    assert style.number_format == "@"
    rank = next(cell.column_letter for cell in data[1] if cell.value == "Pangkat, golongan/ruang")
    rules = {str(rule.sqref): rule.formula1 for rule in data.data_validations.dataValidation}
    assert rules == {f"{rank}2:{rank}10001": "Pilihan!$A$1:$A$17"}
    assert book["Pilihan"]["A17"].value == "IV/e"
    lines = {row[0].value: [cell.value for cell in row] for row in guide.iter_rows()}
    assert lines["NIP"][1:5] == ["ya", "18 angka, sebagai teks", None, NIP]
    assert lines["NIP"][6] == "pegawai.nip"
    assert template_xlsx(KGB) == template_xlsx(KGB)


def test_headings_of_personnel_offices_are_understood() -> None:
    mapping = suggest_mapping(KGB, (
        "No", "N I P", "Nama Pegawai", "Gol. Ruang", "TMT", "OPD", "JABATAN", "No. SK", "Tgl SK", "MK (Tahun)",
        "mk bulan", "Gapok", "Tembusan", "Masalah", "E-mail", "Kepada  Yth.", "dasar.pejabat", "Tempat lahir"))
    assert mapping == {
        "N I P": "pegawai.nip", "Nama Pegawai": "pegawai.nama", "Gol. Ruang": "pegawai.golongan", "TMT": "dasar.tmt",
        "OPD": "pegawai.unit_kerja", "JABATAN": "pegawai.jabatan", "No. SK": "dasar.nomor", "Tgl SK": "dasar.tanggal",
        "MK (Tahun)": "dasar.masa_kerja_tahun", "mk bulan": "dasar.masa_kerja_bulan", "Gapok": "dasar.gaji_pokok",
        "Tembusan": "tembusan", "E-mail": EMAIL, "Kepada  Yth.": "tujuan", "dasar.pejabat": "dasar.pejabat"}


def test_no_field_is_given_to_two_headings_and_the_surest_has_it() -> None:
    mapping = suggest_mapping(KGB, ("Nama Pegawai", "pegawai.nama", "Nama lengkap", "Unit Kerjaa"))
    assert mapping == {"pegawai.nama": "pegawai.nama", "Unit Kerjaa": "pegawai.unit_kerja"}


@pytest.mark.parametrize(("typed", "stored"), [
    ("2026-03-01", "2026-03-01"), ("01-03-2026", "2026-03-01"), ("1/3/2026", "2026-03-01"),
    ("1.3.2026", "2026-03-01"), ("1 Maret 2026", "2026-03-01"), ("Minggu, 1 Maret 2026", "2026-03-01"),
    ("01-Agu-2026", "2026-08-01"), ("2026-03-01 00:00", "2026-03-01"), ("31/12/2026", "2026-12-31"),
    ("12/31/2026", "12/31/2026"), ("30 Februari 2026", "30 Februari 2026"), ("1/3/26", "1/3/26"), ("besok", "besok")])
def test_dates_are_read_as_indonesians_write_them(typed: str, stored: str) -> None:
    assert only(KGB, dasar__tmt=typed) == {"dasar": {"tmt": stored}}
    assert only(KGB, dasar__nomor=typed) == {"dasar": {"nomor": typed}}


@pytest.mark.parametrize(("typed", "stored"), [
    ("III/b", "III/b"), ("IIIb", "III/b"), ("iii - b", "III/b"), ("Penata Muda Tingkat I, III/b", "III/b"),
    ("Penata Muda Tk. I (III/b)", "III/b"), ("penata muda tk. I", "III/b"), ("III", "III"), ("V/a", "V/a")])
def test_choices_are_known_by_value_and_label(typed: str, stored: str) -> None:
    assert only(KGB, pegawai__golongan=typed) == {"pegawai": {"golongan": stored}}


@pytest.mark.parametrize(("typed", "stored"), [
    ("3287000", 3287000), ("3.287.000", 3287000), ("Rp3.287.000,00", 3287000), ("Rp. 3.287.000,-", 3287000),
    ("3,287,000.00", 3287000), ("3287000.0", 3287000), ("3.287", 3287), ("3287000.5", "3287000.5"),
    ("tiga juta", "tiga juta")])
def test_sums_are_read_with_their_points(typed: str, stored: object) -> None:
    assert only(KGB, dasar__gaji_pokok=typed) == {"dasar": {"gaji_pokok": stored}}


@pytest.mark.parametrize(("typed", "stored"), [
    (NIP, NIP), ("19000101 198003 1 001", NIP), ("NIP. 19000101 198003 1 001", NIP), ("belum ada", "belum ada"),
    ("190001011980031000", UNREADABLE), ("198003 1 000", "1980031000")])
def test_a_nip_may_have_spaces(typed: str, stored: str) -> None:
    assert only(KGB, pegawai__nip=typed) == {"pegawai": {"nip": stored}}


def test_lists_are_parted_by_semicolons_or_lines() -> None:
    izin = KINDS.get("surat-izin")
    assert only(izin, dasar="a; b ;c")["dasar"] == ["a", "b", "c"]
    assert only(izin, dasar="a;\n b; dan c;\n")["dasar"] == ["a;", "b; dan c;"]
    assert only(izin, dasar="a;")["dasar"] == ["a;"]
    assert only(izin, dasar="• a; b")["dasar"] == ["a; b"]


def test_members_of_a_list_come_in_their_order_and_without_gaps() -> None:
    data = only(KINDS.get("surat-tugas"), **{"pegawai[2]__nama": "C", "pegawai[0]__nama": "A", "pegawai[0]__nip": "1"})
    assert data["pegawai"] == [{"nama": "A", "nip": "1"}, {"nama": "C"}]


def test_an_empty_cell_and_an_unmapped_column_say_nothing() -> None:
    one = table(("Nama", "Jabatan", "Tembusan", "Lain"), ("Sari", "Guru", "", "x"), ("Bagas", "", "b; c", ""))
    mapping = {"Nama": "pegawai.nama", "Jabatan": "pegawai.jabatan", "Tembusan": "tembusan"}
    assert [row_data(KGB, mapping, one, row) for row in one.rows] == [
        {"pegawai": {"jabatan": "Guru", "nama": "Sari"}}, {"pegawai": {"nama": "Bagas"}, "tembusan": ["b", "c"]}]
    missing = {one.path for one in missing_columns(KGB, mapping)}
    assert missing >= {"tujuan_di", "pegawai.nip"}
    assert missing.isdisjoint(mapping.values())


def over(base: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """The row's fields, and the base's where the row says nothing."""
    merged = copy.deepcopy(dict(base))
    for key, value in row.items():
        merged[key] = over(merged.get(key, {}), value) if isinstance(value, dict) else value
    return merged


@pytest.mark.parametrize("path", [column.path for column in columns_of(KGB)])
def test_no_decree_comes_of_a_cell_that_could_not_be_read(path: str) -> None:
    data = over(KGB.example, row_data(KGB, {"x": path}, *_unreadable()))
    with pytest.raises(InvalidDecreeData) as invalid:
        KINDS.validate_data(KGB, KINDS.complete_data(KGB, data))
    texts = {error.path.split("[")[0]: error.text for error in invalid.value.errors}
    assert "tidak terbaca utuh" in texts[path]


def _unreadable() -> tuple[SheetTable, SheetRow]:
    one = table(("x",), (UNREADABLE,))
    return one, one.rows[0]


def test_a_fault_of_a_cell_is_told_with_its_field() -> None:
    sheet = read_sheet(b"NIP;Lain\n1,9E+17;1,9E+17\n", LIMITS)
    (fault,) = row_faults({"NIP": "pegawai.nip"}, sheet, sheet.rows[0])
    assert (fault.path, "Excel telah membulatkan" in fault.text) == ("pegawai.nip", True)


def test_who_a_row_is_about() -> None:
    assert (subject_key(KGB, KGB.example), label_of(KGB, KGB.example)) == (NIP, "Rangga Contoh Wiranata, S.E.")
    tugas = KINDS.get("surat-tugas")
    assert subject_key(tugas, tugas.example) == ""
    assert label_of(tugas, tugas.example) == "Surat Tugas: Pendampingan pemutakhiran data kepegawaian"
    alone = first_members(tugas.example)
    assert (subject_key(tugas, alone), label_of(tugas, alone)) == ("190001011984031005", "Dimas Contoh Saputra, S.Kom.")
    dinas = KINDS.get("surat-dinas")
    assert (subject_key(dinas, dinas.example), label_of(dinas, dinas.example)) == ("", dinas.example["hal"])
    assert (subject_key(KGB, {}), label_of(KGB, {})) == ("", "")  # pages say its number then


def test_headings_that_are_no_fields_are_never_data() -> None:
    one = table(("x", "y"), ("1", "2"))
    assert row_data(KGB, {"x": "__class__.x", "y": "pegawai"}, one, one.rows[0]) == {}


def test_rows_of_older_tables_are_read_as_before() -> None:
    assert kind_fields.from_row(KGB.schema, {"tembusan": "a;b;", "dasar.masa_kerja_tahun": "8", "": "x"}) == {
        "tembusan": ["a", "b"], "dasar": {"masa_kerja_tahun": 8}}
