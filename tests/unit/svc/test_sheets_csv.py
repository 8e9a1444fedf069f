"""Sheets of text as people save them: any encoding, any separator, and nothing of a NIP lost."""

from __future__ import annotations

import pytest

from svc.sheets import DIGITS_LOST, ERROR_VALUE, UNREADABLE, CellFault, SheetLimits, SheetRefused, SheetRow
from svc.sheets_csv import read_csv
from svc.sheets_read import read_sheet

LIMITS = SheetLimits()
NIP = "190001011980031001"
PLAIN = f"Nama,NIP,Kota\nDédé Contoh,{NIP},Mandala\n"


def cells(data: bytes) -> list[tuple[str, ...]]:
    return [row.cells for row in read_csv(data, LIMITS).rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_every_usual_encoding_is_understood(encoding: str) -> None:
    assert cells(PLAIN.encode(encoding)) == [("Dédé Contoh", NIP, "Mandala")]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_out(separator: str) -> None:
    text = separator.join(("Nama", '"Pangkat, gol;ruang"', "NIP")) + "\r\n"
    text += separator.join(('"Sari Contoh, S.E.; M.M."', '"III/a\nPenata"', NIP)) + "\r\n"
    assert cells(text.encode()) == [("Sari Contoh, S.E.; M.M.", "III/a\nPenata", NIP)]


def test_commas_within_names_do_not_hide_the_separator() -> None:
    assert cells(b"Nama, gelar;NIP;Kota\nA, S.E.;1;X\n") == [("A, S.E.", "1", "X")]


def test_a_hint_for_excel_is_no_heading() -> None:
    table = read_csv(b"sep=;\r\nNama;NIP\r\nA;1\r\n", LIMITS)
    assert (table.headings, table.rows) == (("Nama", "NIP"), (SheetRow(3, ("A", "1")),))


def test_marks_of_text_are_taken_off_and_others_stay() -> None:
    data = f"Nama,NIP,Lain\n'Aisyah,'{NIP},\"'=1+1\"\n B ,\"=\"\"{NIP}\"\"\",-\n".encode()
    assert cells(data) == [("'Aisyah", NIP, "=1+1"), ("B", NIP, "-")]


def test_lines_are_those_of_the_file_and_empty_rows_are_passed_over() -> None:
    table = read_csv(b'\n Nama , NIP\n"a\nb",1\n\n,,\nc\n;', LIMITS)
    assert table.headings == ("Nama", "NIP")
    assert table.rows == (SheetRow(3, ("a\nb", "1")), SheetRow(7, ("c", "")), SheetRow(8, (";", "")))


def test_a_rounded_nip_is_a_fault_and_not_another_nip() -> None:
    row = read_csv(b"Nama;NIP;Gaji\nA;1,90001E+17;#N/A\nB;1.9E+17;3E+5\n", LIMITS).rows
    assert row[0] == SheetRow(2, ("A", UNREADABLE, UNREADABLE), (CellFault(1, DIGITS_LOST), CellFault(2, ERROR_VALUE)))
    assert row[1] == SheetRow(3, ("B", UNREADABLE, "3E+5"), (CellFault(1, DIGITS_LOST),))
    assert "Excel telah membulatkan" in row[0].faults[0].message


@pytest.mark.parametrize(("data", "code"), [
    (b"", "sheet_no_headings"),
    (b"\n , ,\n", "sheet_no_headings"),
    (b"Nama,NIP,Nama\n", "sheet_heading_twice"),
    (b"Nama,,NIP\nA,x,1\n", "sheet_heading_missing"),
    (b"Nama,NIP\nA,1,x\n", "sheet_heading_missing"),
    (b"N" * 201 + b",b\n", "sheet_heading_too_long"),
    (b"Nama\n" + b"x" * 32_768 + b"\n", "sheet_cell_too_long"),
    (b"Nama\n" + b"x" * 200_000 + b"\n", "sheet_line_broken"),
    (b'Nama,NIP\nA,"1\nB,2\n', "sheet_line_broken"),
    (b"Nama,NIP\nA\x00,1\n", "sheet_not_a_table"),
    (b"Nama\n" + bytes(range(256)), "sheet_not_a_table"),
    (b"Nama\n\x81\x8d\n", "sheet_encoding"),
    (b"\xef\xbb\xbfNama\n\xe9\n", "sheet_encoding"),
    (b"\xff\xfeN\x00a", "sheet_encoding"),
    (",".join(f"k{number}" for number in range(201)).encode(), "sheet_too_many_columns"),
    (b"Nama\n" + b"x\n" * 10_001, "sheet_too_many_rows"),
    (bytes(20 * 1024 * 1024 + 1), "sheet_too_large"),
])
def test_what_cannot_be_used_is_refused_with_its_reason(data: bytes, code: str) -> None:
    with pytest.raises(SheetRefused) as refused:
        read_csv(data, LIMITS)
    assert refused.value.code == code
    assert "%" not in str(refused.value)


def test_the_reason_names_the_place() -> None:
    with pytest.raises(SheetRefused, match="Kolom C berisi data \\(baris 3\\)"):
        read_csv(b"Nama,NIP\nA,1\nB,2,x\n", LIMITS)
    with pytest.raises(SheetRefused, match="baris 3 tidak"):
        read_csv(b'Nama,NIP\nA,1\nB,"2\n', LIMITS)


def test_ten_thousand_rows_are_read_whole() -> None:
    table = read_csv(b"Nama\n" + b"x\n" * 10_000 + b",,\n\n" * 50, LIMITS)
    assert (len(table.rows), table.rows[-1].line_no) == (10_000, 10_001)


def test_all_text_together_has_its_bound() -> None:
    with pytest.raises(SheetRefused) as refused:
        read_csv(b"A\n" + (b"x" * 1000 + b"\n") * 50, SheetLimits(text_bytes=40_000))
    assert refused.value.code == "sheet_too_large"


@pytest.mark.parametrize("data", [b"%PDF-1.7\n", b"<html><table>", b"\xef\xbb\xbf \n<?xml version='1.0'?>",
                                  b"\x89PNG\r\n", b"PK\x05\x06" + bytes(18)])
def test_other_files_are_no_sheets(data: bytes) -> None:
    with pytest.raises(SheetRefused) as refused:
        read_sheet(data, LIMITS)
    assert refused.value.code == "sheet_not_a_table"
