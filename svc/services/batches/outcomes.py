"""What became of every row of a batch, for its archive and its receipt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import select

from svc.deps import Deps
from svc.models import BatchRow, Decree, StoredFile

_PAGE = 200
_UNSAFE = re.compile(r"[^\w.()-]+")
_WORDS: Mapping[str, str] = {
    "issued": "ditandatangani dan terbit", "signed": "ditandatangani", "ready_to_sign": "menunggu tanda tangan",
    "signing": "hasil tanda tangan belum diketahui", "in_review": "dalam paraf", "draft": "dikembalikan ke penyusun",
    "rejected": "ditolak", "discarded": "dibuang", "excluded": "dikeluarkan"}


@dataclass(frozen=True)
class Outcome:
    """One row. ``status`` is that of its decree, or ``excluded``; ``sha256`` and ``object_key`` are of the signed
    document, empty when the batch did not sign it; ``reason`` says why it failed or left."""

    row_no: int
    label: str
    subject_key: str
    number: str
    status: str
    code: str
    sha256: str
    object_key: str
    reason: str


def outcomes(deps: Deps, batch_id: int) -> Iterator[Outcome]:
    """Every row with what became of it, in pages, so that memory stays flat."""
    after = 0
    while True:
        page = _page(deps, batch_id, after)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].row_no


def outcome_words(status: str) -> str:
    """In Indonesian, as archive and receipt say it."""
    return _WORDS.get(status, status)


def file_name(text: str) -> str:
    """A name that every system takes."""
    return _UNSAFE.sub("-", text).strip("-.")[:80] or "naskah"


def _page(deps: Deps, batch_id: int, after: int) -> list[Outcome]:
    with deps.db.read_session() as session:
        rows = session.execute(
            select(BatchRow, Decree, StoredFile.object_key)
            .outerjoin(Decree, Decree.id == BatchRow.decree_id)
            .outerjoin(StoredFile, (StoredFile.decree_id == Decree.id) & (StoredFile.purpose == "signed")
                       & (StoredFile.sha256 == Decree.signed_sha256))
            .where(BatchRow.batch_id == batch_id, BatchRow.row_no > after).order_by(BatchRow.row_no).limit(_PAGE))
        return [_outcome(*row) for row in rows]


def _outcome(row: BatchRow, decree: Decree | None, object_key: str | None) -> Outcome:
    if decree is None or row.state == "excluded":  # what becomes of a decree outside the batch is not of the batch
        status = "draft" if decree is None else row.state
        return Outcome(row.row_no, row.label, row.subject_key, "", status, "", "", "", row.excluded_reason or "")
    sha256 = decree.signed_sha256 or "" if object_key else ""
    reason = f"gagal: {row.error_code}" if row.state == "failed" and not sha256 else ""
    return Outcome(row.row_no, row.label, row.subject_key, decree.number or "", decree.status, decree.verify_code,
                    sha256, object_key or "", reason)
