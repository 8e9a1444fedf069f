"""Workbooks as programs save them, and as somebody with bad intentions makes them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from svc.sheets import (
    DIGITS_LOST,
    ERROR_VALUE,
    NO_RESULT,
    UNREADABLE,
    CellFault,
    SheetLimits,
    SheetRefused,
    SheetRow,
    read_table,
    refusal_from,
    write_table,
)
from svc.sheets_read import read_sheet
from svc.sheets_xlsx import read_xlsx

LIMITS = SheetLimits()
NIP = "190001011980031001"


def book(*rows: tuple[object, ...], change: Callable[[openpyxl.Workbook], object] | None = None) -> bytes:
    """A workbook with these rows on its sheet."""
    made = openpyxl.Workbook()
    sheet = made.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    if change:
        change(made)
    target = io.BytesIO()
    made.save(target)
    return target.getvalue()


def written(write: Callable[[xlsxwriter.Workbook, Any], object]) -> bytes:
    """A workbook made by another library."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as made:
        write(made, made.add_worksheet())
    return target.getvalue()


def repacked(data: bytes, change: Callable[[dict[str, bytes]], object]) -> bytes:
    """The workbook with its parts changed."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return target.getvalue()


def code_of(data: bytes, limits: SheetLimits = LIMITS) -> str:
    with pytest.raises(SheetRefused) as refused:
        read_sheet(data, limits)
    assert "%" not in str(refused.value)
    return refused.value.code


SHEET = "xl/worksheets/sheet1.xml"



def _small(_made: xlsxwriter.Workbook, sheet: Any) -> None:
    sheet.write_row(0, 0, ("Nama", "NIP"))
    sheet.write_row(1, 0, ("Sari Contoh", NIP))


SMALL = written(_small)


def test_every_type_becomes_the_text_that_was_meant() -> None:
    data = book(("a", "b", "c", "d", "e", "f", "g", "h", "i"),
                (" Sari\xa0", NIP, 3287000, 12.0, 0.1 + 0.2, True, date(2026, 3, 1), datetime(2026, 3, 1, 8, 5),
                 time(7, 30)),
                (0, 1e-7, -5, 999_999_999_999_999, "'=x", False, None, "baris\r\ndua", "_x0007_"))
    first, second = (row.cells for row in read_xlsx(data, LIMITS).rows)
    assert first == ("Sari", NIP, "3287000", "12", "0.3", "ya", "2026-03-01", "2026-03-01 08:05", "07:30")
    assert second[:8] == ("0", "0.0000001", "-5", "999999999999999", "=x", "tidak", "", "baris\ndua")


@pytest.mark.parametrize("number", [int(NIP), float(NIP), 10**15, -(10**15)])
def test_a_nip_that_was_typed_as_a_number_is_a_fault_and_not_another_nip(number: float) -> None:
    assert read_xlsx(book(("Nama", "NIP"), ("A", number)), LIMITS).rows == (
        SheetRow(2, ("A", UNREADABLE), (CellFault(1, DIGITS_LOST),)),)


def test_formulas_give_their_saved_result_or_say_that_they_have_none() -> None:
    def write(made: xlsxwriter.Workbook, sheet: Any) -> None:
        sheet.write_row(0, 0, ("a", "b", "c"))
        sheet.write_formula(1, 0, "=1+1", None, 2)
        sheet.write_formula(1, 1, '="x"&"y"', None, "xy")
        sheet.write_formula(2, 1, "=NA()", None, "#N/A")
        sheet.write_row(3, 0, ("x", "", "y"))

    assert read_xlsx(written(write), LIMITS).rows[:2] == (
        SheetRow(2, ("2", "xy", "")), SheetRow(3, ("", UNREADABLE, ""), (CellFault(1, ERROR_VALUE),)))
    uncomputed = read_xlsx(book(("a", "b"), ("x", "=A2&1"), ("", "y")), LIMITS)
    assert uncomputed.rows == (SheetRow(2, ("x", UNREADABLE), (CellFault(1, NO_RESULT),)), SheetRow(3, ("", "y")))


def test_the_sheet_named_data_is_taken_else_the_first_that_is_seen() -> None:
    def named(made: openpyxl.Workbook) -> None:
        made.create_sheet("data").append(("Benar",))

    def hidden(made: openpyxl.Workbook) -> None:
        made.worksheets[0].sheet_state = "hidden"
        made.create_sheet("Lain").append(("Tampak",))

    assert read_xlsx(book(("Salah",), change=named), LIMITS).headings == ("Benar",)
    assert read_xlsx(book(("Salah",), change=hidden), LIMITS).headings == ("Tampak",)


def test_lines_are_those_that_the_program_shows() -> None:
    data = book((), ("Nama", "", "NIP"), ("A", "", "1"), (), (None, None, None), ("B",))
    table = read_xlsx(data, LIMITS)
    assert table.headings == ("Nama", "NIP")
    assert table.rows == (SheetRow(3, ("A", "1")), SheetRow(6, ("B", "")))


def test_formats_far_below_and_beside_do_no_harm() -> None:
    def far(made: openpyxl.Workbook) -> None:
        made.worksheets[0]["XFD2"].font = openpyxl.styles.Font(bold=True)
        made.worksheets[0]["B1048576"].font = openpyxl.styles.Font(bold=True)

    for last in ("A", "=1+1"):
        assert len(read_xlsx(book(("Nama",), (last,), change=far), LIMITS).rows) == 1


def test_a_wrong_dimension_hides_nothing() -> None:
    def shrink(parts: dict[str, bytes]) -> None:
        parts[SHEET] = parts[SHEET].replace(b'<dimension ref="A1:B2"', b'<dimension ref="A1:A1"')

    assert read_xlsx(repacked(SMALL, shrink), LIMITS).rows[0].cells == ("Sari Contoh", NIP)


@pytest.mark.parametrize("rows", [[("a", "b")] + [("x", "y")] * 11, [tuple(range(21))], [("a", "a")],
                                  [("a",), ("x", "y")], [("a",), ("x" * 101,)], []])
def test_what_is_too_much_or_without_a_heading_is_refused(rows: list[tuple[object, ...]]) -> None:
    assert code_of(book(*rows), SheetLimits(rows=10, columns=20, cell_chars=100)) in {
        "sheet_too_many_rows", "sheet_too_many_columns", "sheet_heading_twice", "sheet_heading_missing",
        "sheet_cell_too_long", "sheet_no_headings"}


def test_macros_passwords_and_old_formats_are_told_apart() -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
    assert code_of(ole) == "sheet_old_format"
    assert code_of(ole + "EncryptedPackage".encode("utf-16-le")) == "sheet_encrypted"
    assert code_of(repacked(SMALL, lambda parts: parts.update({"xl/vbaProject.bin": b"x"}))) == "sheet_has_macros"
    types = "[Content_Types].xml"
    assert code_of(repacked(SMALL, lambda parts: parts.update({types: parts[types].replace(
        b"openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
        b"ms-excel.sheet.macroEnabled.main+xml")}))) == "sheet_has_macros"
    assert code_of(repacked(SMALL, lambda parts: parts.pop(types))) == "sheet_not_a_table"


@pytest.mark.parametrize("keep", [10, 100, 0.5, 0.9, 0.99])
def test_a_torn_file_is_refused(keep: float) -> None:
    assert code_of(SMALL[:int(len(SMALL) * keep) if keep < 1 else int(keep)]) == "sheet_broken"


def test_a_bomb_is_refused_by_what_it_says_it_unpacks_to() -> None:
    bomb = repacked(SMALL, lambda parts: parts.update({SHEET: b"<worksheet>" + b" " * 210_000_000}))
    assert len(bomb) < 1_000_000
    assert code_of(bomb) == "sheet_too_large"


def test_a_bomb_that_lies_about_its_size_is_broken() -> None:
    bomb = bytearray(repacked(SMALL, lambda parts: parts.update({SHEET: b"<worksheet>" + b" " * 5_000_000})))
    real, lie = (5_000_011).to_bytes(4, "little"), (500).to_bytes(4, "little")
    assert bomb.count(real) == 2
    assert code_of(bytes(bomb.replace(real, lie))) == "sheet_broken"


LAUGHS = (b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
          b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>')


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "[Content_Types].xml", "xl/sharedStrings.xml"])
@pytest.mark.parametrize("declaration", LAUGHS)
def test_entities_are_refused_unread(part: str, declaration: bytes) -> None:
    assert code_of(repacked(SMALL, lambda parts: parts.update({part: declaration + parts[part]}))) == "sheet_broken"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_nor_do_entities_hide_in_another_encoding(encoding: str) -> None:
    def hide(parts: dict[str, bytes]) -> None:
        text = parts[SHEET].decode().split("?>", 1)[-1]
        parts[SHEET] = (f'<?xml version="1.0" encoding="{encoding}"?>' + LAUGHS[0].decode() + text).encode(encoding)

    assert code_of(repacked(SMALL, hide)) == "sheet_broken"
    assert code_of(repacked(SMALL, lambda parts: parts.update(
        {SHEET: b'<?xml version="1.0" encoding="utf-7"?>' + parts[SHEET]}))) == "sheet_broken"


def test_rows_out_of_order_are_not_passed_over_in_silence() -> None:
    def swap(parts: dict[str, bytes]) -> None:
        parts[SHEET] = parts[SHEET].replace(b'<row r="1"', b'<row r="7"')

    assert code_of(repacked(SMALL, swap)) == "sheet_broken"
    assert code_of(repacked(SMALL, lambda parts: parts.update(
        {SHEET: parts[SHEET].replace(b'<row r="2"', b'<row r="999999999"')}))) == "sheet_broken"


@pytest.mark.parametrize("change", [
    lambda parts: parts.update({SHEET: b"<worksheet"}),
    lambda parts: parts.update({SHEET: parts[SHEET].replace(b't="s"><v>0', b't="s"><v>99')}),
    lambda parts: parts.update({SHEET: parts[SHEET].replace(b"<v>0", b"<v>x")}),
    lambda parts: parts.pop("xl/workbook.xml"),
    lambda parts: parts.update({"xl/workbook.xml": b"<workbook/>"}),
    lambda parts: parts.update({"[Content_Types].xml": b"<Types/>"}),
])
def test_a_workbook_that_contradicts_itself_is_broken(change: Callable[[dict[str, bytes]], object]) -> None:
    assert code_of(repacked(SMALL, change)) == "sheet_broken"


def test_one_text_in_many_cells_does_not_fill_the_memory() -> None:
    rows = [("a", "b", "c")] + [("x" * 30_000,) * 3] * 400
    assert code_of(book(*rows)) == "sheet_too_large"


def test_a_table_survives_its_way_out_of_the_cage() -> None:
    table = read_xlsx(book(("Nama", "NIP"), ("a\nb é \U0001f600", int(NIP)), ("", "x")), LIMITS)
    assert read_table(write_table(table), LIMITS) == table
    bare = read_xlsx(book(("Nama",)), LIMITS)
    assert read_table(write_table(bare), LIMITS) == bare


@pytest.mark.parametrize("data", [
    b"", b"\x1f", b"\x1f\x1f", b"\x1f\x1fa\x1fa", b"\x1f\x1fa\x1e1\x1f", b"\x1f\x1fa\x1ex\x1f\x1fb", b"\xff",
    b"\x1f\x1fa\x1e1\x1f1:digits_lost\x1fb", b"\x1f\x1fa\x1e1\x1f0:other\x1fb", b"\x1f\x1fa\x1e1\x1f\x1fb\x1fc",
    b"\x1f\x1fa" + b"\x1e1\x1f\x1fb" * 10_001, b"\x1f\x1fa" + b"\x1f" * 3_000_000, b"\x1f\x1fa" + b"x" * 30_000_000])
def test_what_a_worker_cannot_have_meant_is_no_table(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - many reasons
        read_table(data, LIMITS)


@pytest.mark.parametrize(("code", "params"), [("other", {}), ("sheet_broken", {"x": "1"}), ("sheet_too_large", {})])
def test_nor_is_it_a_refusal(code: str, params: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no such"):
        refusal_from(code, params)


def more_sheets(*names: str, first: str = "Sheet") -> bytes:
    """A workbook whose first sheet has this name, and others with something in them, or nothing: ``name-``."""
    def change(made: openpyxl.Workbook) -> None:
        made.worksheets[0].title = first
        for name in names:
            sheet = made.create_sheet(name.rstrip("-"))
            if not name.endswith("-"):
                sheet["B3"] = "isi"

    return book(("Nama",), ("Sari Contoh",), change=change)


def test_the_sheets_that_were_not_read_are_named() -> None:
    table = read_sheet(more_sheets("Guru", "Kosong-", "Tenaga", first="Kepala"), LIMITS)
    assert (table.sheet, table.left_out) == ("Kepala", ("Guru", "Tenaga"))
    assert table.rows == (SheetRow(2, ("Sari Contoh",)),)
    assert read_table(write_table(table), LIMITS) == table


def test_the_sheet_named_data_is_read_and_what_our_own_workbooks_have_besides_is_no_news() -> None:
    table = read_sheet(more_sheets("Petunjuk", "DATA", first="Lama"), LIMITS)
    assert (table.sheet, table.left_out, table.rows) == ("DATA", ("Lama",), ())
    assert read_sheet(more_sheets("Petunjuk", "Pilihan", first="Data"), LIMITS).left_out == ()


def test_hidden_sheets_and_single_ones_are_no_news() -> None:
    def hide(made: openpyxl.Workbook) -> None:
        made.create_sheet("Rahasia").append(("isi",))
        made["Rahasia"].sheet_state = "hidden"

    table = read_sheet(book(("Nama",), ("Sari",), change=hide), LIMITS)
    assert (table.sheet, table.left_out) == ("", ())


@pytest.mark.parametrize("left_out", [("x" * 101,), ("x",) * 51])
def test_names_of_sheets_that_no_reader_gives_are_refused(left_out: tuple[str, ...]) -> None:
    table = read_sheet(more_sheets(), LIMITS)
    with pytest.raises(ValueError, match="names of sheets"):
        read_table(write_table(replace(table, sheet="a", left_out=left_out)), LIMITS)
