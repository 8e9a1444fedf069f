"""Sheets of strangers: the same table with a cage as without, and none from a parser that was taken over."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from svc.cage.inline import InlineCage
from svc.cage.pool import WorkerCage
from svc.cage.port import Cage, CageCrashed, CageLimits
from svc.cage.rehearsal import rehearse
from svc.sheets import DIGITS_LOST, UNREADABLE, CellFault, SheetLimits, SheetRefused, SheetRow

NIP = "190001011980031001"
TAKEN_OVER = Path(__file__).parents[1] / "support" / "taken_over.py"


@pytest.fixture(scope="module", params=["inline", "worker"])
def cage(request: pytest.FixtureRequest) -> Iterator[Cage]:
    made: Cage = InlineCage() if request.param == "inline" else WorkerCage(CageLimits(seconds=30))
    yield made
    made.close()


def workbook(*rows: tuple[object, ...]) -> bytes:
    made = openpyxl.Workbook(write_only=True)
    sheet = made.create_sheet()
    for row in rows:
        sheet.append(row)
    target = io.BytesIO()
    made.save(target)
    return target.getvalue()


def test_both_formats_give_the_same_table(cage: Cage) -> None:
    text = f"Nama;NIP\nSari Contoh é;{NIP}\nBagas\nContoh;1,9E+17\n".replace("Bagas\nContoh", '"Bagas\nContoh"')
    table = cage.read_sheet(text.encode())
    assert table == cage.read_sheet(text.encode("utf-16"))
    assert table.headings == ("Nama", "NIP")
    assert table.rows == (SheetRow(2, ("Sari Contoh é", NIP)),
                          SheetRow(3, ("Bagas\nContoh", UNREADABLE), (CellFault(1, DIGITS_LOST),)))
    book = cage.read_sheet(workbook(("Nama", "NIP"), ("Sari Contoh é", NIP), ("Bagas\nContoh", 1.9e17)))
    assert book == table


@pytest.mark.parametrize(("data", "code", "words"), [
    (b"", "sheet_no_headings", "kosong"),
    (b"%PDF-1.7", "sheet_not_a_table", "CSV atau XLSX"),
    (b"PK\x03\x04 and no more", "sheet_broken", "rusak"),
    (b"Nama,Nama\n", "sheet_heading_twice", "“Nama”"),
    (b"a,b\n1,2,3\n", "sheet_heading_missing", "Kolom C berisi data (baris 2)"),
    (bytes(20 * 1024 * 1024 + 1), "sheet_too_large", "20 MB"),
])
def test_a_refusal_keeps_its_code_and_its_words(cage: Cage, data: bytes, code: str, words: str) -> None:
    with pytest.raises(SheetRefused) as refused:
        cage.read_sheet(data)
    assert refused.value.code == code
    assert words in str(refused.value)


def test_limits_go_in_with_the_file(cage: Cage) -> None:
    with pytest.raises(SheetRefused, match="lebih dari 1 baris"):
        cage.read_sheet(b"a\n1\n2\n", SheetLimits(rows=1))


def test_a_full_sheet_is_read_within_seconds(cage: Cage) -> None:
    headings = tuple(f"Kolom {number}" for number in range(15))
    rows = [(f"{int(NIP) + row}", *(f"Nilai {row} pada {column}" for column in range(14))) for row in range(10_000)]
    data = workbook(headings, *rows)
    begun = time.monotonic()
    table = cage.read_sheet(data)
    assert time.monotonic() - begun < 20  # a bound for the slowest machine; docs/capacity.md has measured times
    assert (table.headings, len(table.rows), table.rows[-1]) == (headings, 10_000, SheetRow(10_001, rows[-1]))


def test_a_worker_rehearses_both_formats() -> None:
    assert rehearse()


def test_a_parser_that_was_taken_over_gives_no_table() -> None:
    cage = WorkerCage(CageLimits(seconds=5), TAKEN_OVER)
    try:
        with pytest.raises(CageCrashed):
            cage.read_sheet(b"said = 'a table'")
    finally:
        cage.close()
