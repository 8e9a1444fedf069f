"""Reads a sheet of whatever format, by what is in the file and not by its name. Runs in the cage."""

from __future__ import annotations

from typing import Final

from svc.sheets import SheetLimits, SheetRefused, SheetTable
from svc.sheets_csv import read_csv
from svc.sheets_xlsx import OLE, ZIP, read_xlsx

_SIGNATURES: Final = (b"%PDF", b"PK\x05\x06", b"PK\x07\x08", b"\x1f\x8b", b"\x89PNG", b"\xff\xd8\xff", b"{\\rtf")


def read_sheet(data: bytes, limits: SheetLimits) -> SheetTable:
    """The table in a CSV or XLSX file. :raises SheetRefused: it is neither, or more than the limits allow"""
    if data.startswith((ZIP, OLE)):
        return read_xlsx(data, limits)
    # Some registers give a web page the name of a sheet.
    if data.startswith(_SIGNATURES) or data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise SheetRefused("sheet_not_a_table")
    return read_csv(data, limits)
