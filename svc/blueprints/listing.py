"""Reading the filters of the tracking list from a URL, and writing the list as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Response, request, stream_with_context, url_for
from werkzeug.datastructures import MultiDict

from svc.days import parse_day
from svc.services.tracking import ORDERS, TrackingFilter, TrackingItem

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
# The file has Indonesian headings whatever the language of the screen, so its values are Indonesian too.
_WORDS = {
    "draft": "konsep", "in_review": "dalam paraf", "ready_to_sign": "menunggu TTE",
    "signing": "sedang ditandatangani", "outcome_unknown": "hasil tanda tangan belum diketahui",
    "signed": "ditandatangani", "issued": "terbit", "rejected": "ditolak",
    "discarded": "dibuang", "none": "", "in_force": "berlaku", "amended": "diubah", "revoked": "dicabut",
    "electronic": "elektronik", "paper": "kertas",
}
_COLUMNS = ("nomor", "perihal", "jenis", "status", "status_hukum", "media", "unit", "penyusun", "versi", "dibuat",
            "ditandatangani", "menunggu", "tenggat")


def filter_from(args: MultiDict[str, str]) -> TrackingFilter:
    """The filter that a query string says; what cannot be read is left out."""
    return TrackingFilter(
        text=args.get("q", "").strip()[:200], status=args.get("status", ""), kind=args.get("kind", ""),
        unit_code=args.get("unit", ""), mine=args.get("mine") == "1", overdue=args.get("overdue") == "1",
        medium=args.get("medium", ""), created_from=parse_day(args.get("created_from", "")),
        created_to=parse_day(args.get("created_to", "")), signed_from=parse_day(args.get("signed_from", "")),
        signed_to=parse_day(args.get("signed_to", "")),
        order=next((order for order in ORDERS if order == args.get("order")), "newest"))


def link_with(endpoint: str, **changes: str) -> str:
    """The present address with some parameters changed (empty: removed), on its first page."""
    args = {key: value for key, value in request.args.items() if key != "cursor"}
    args.update(changes)
    return url_for(endpoint, **{key: value for key, value in args.items() if value})  # type: ignore[arg-type]


def csv_response(rows: Iterable[TrackingItem], kinds: Mapping[str, str], zone: ZoneInfo) -> Response:
    """A streamed CSV file. Cells that a spreadsheet would run as a formula get a quote in front."""

    def lines() -> Iterator[str]:
        yield "\ufeff" + _line(_COLUMNS)
        for row in rows:
            yield _line((
                row.number or "", row.subject, kinds.get(row.kind, row.kind), _WORDS.get(row.standing, row.standing),
                _WORDS.get(row.legal_status, row.legal_status), _WORDS.get(row.medium, row.medium),
                row.unit_name, row.drafter_name, str(row.version_no), _moment(row.created_at, zone),
                _moment(row.signed_at, zone), row.waits_for or "", _moment(row.due_at, zone)))

    response = Response(stream_with_context(lines()), mimetype="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="naskah.csv"'
    return response


def _line(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell for cell in cells])
    return out.getvalue()


def _moment(value: datetime | None, zone: ZoneInfo) -> str:
    return value.astimezone(zone).strftime("%Y-%m-%d %H:%M") if value else ""
