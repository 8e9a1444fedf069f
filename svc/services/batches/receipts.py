"""The signed receipt of a batch: made once by a worker when its work has ended, kept, and handed out as it was made.

It is made anew only when something became known afterwards, and the earlier one is kept beside it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from certs.errors import CertsError
from certs.pades import Level, LocalSigner, SignRequest, sign_pdf
from svc.actors import Actor
from svc.deps import Deps
from svc.errors import AppError, Conflict, NotFound, ServiceUnavailable
from svc.models import Batch, BatchReceipt
from svc.rendering import ReceiptLine, ReceiptRequest, RenderFailed
from svc.services.batches.model import find_batch, kind_of_batch, record, want_receipt
from svc.services.batches.outcomes import Outcome, file_name, outcome_words, outcomes
from svc.services.files import put_pdf, read_file, retention_of

logger = logging.getLogger(__name__)
_MOST = 4  # at one look, so that other jobs of the same process come between
_ENDED = ("signing", "finished", "cancelled")  # without work: what was signed may still have to be sent out


class ReceiptNotReady(Conflict):
    code = "receipt_not_ready"
    message = "Tanda terima dibuat sesudah penandatanganan kelompok berakhir."


@dataclass(frozen=True)
class Receipt:
    """The signed report, its SHA-256 (lower-case hexadecimal) and a name for the file."""

    pdf: bytes
    sha256: str
    name: str


@dataclass(frozen=True)
class ReceiptItem:
    """A receipt that was made; the one with the highest number holds."""

    no: int
    sha256: str
    made_at: datetime


@dataclass(frozen=True)
class _Wanted:
    """What a receipt is made of; ``at`` is when it was wanted, which moves on when something changes meanwhile."""

    batch_id: int
    public_id: str
    title: str
    at: datetime
    facts: tuple[tuple[str, str], ...]
    before: BatchReceipt | None


def read_receipt(deps: Deps, actor: Actor, batch_id: str, no: int | None = None) -> Receipt:
    """The outcome of every row as a signed PDF (PDF/A-2a, PAdES B-T), in Indonesian; the newest unless ``no`` is given.

    :raises NotFound: no batch for this actor, or no receipt of that number. :raises ReceiptNotReady: none was made yet
    :raises StorageUnavailable: :raises IntegrityViolation: it cannot be read, or was changed
    """
    with deps.db.read_session() as session:
        batch = find_batch(session, deps, actor, batch_id)
        found = _latest(session, batch.id) if no is None else session.scalars(
            select(BatchReceipt).where(BatchReceipt.batch_id == batch.id, BatchReceipt.no == no)).one_or_none()
        title, is_wanted = batch.title, batch.receipt_wanted_at is not None
    if found is None and no is not None:
        raise NotFound
    if found is None and is_wanted:
        raise ReceiptNotReady("Tanda terima sedang dibuat. Coba lagi sebentar lagi.")
    if found is None:
        raise ReceiptNotReady
    ending = f"-{found.no}" if no is not None else ""
    return Receipt(read_file(deps, found.object_key, found.sha256), found.sha256,
                   f"tanda-terima-{file_name(title)}{ending}.pdf")


def receipts_of(session: Session, batch: Batch) -> tuple[ReceiptItem, ...]:
    """Those that were made for a batch, newest first."""
    rows = session.execute(
        select(BatchReceipt.no, BatchReceipt.sha256, BatchReceipt.created_at)
        .where(BatchReceipt.batch_id == batch.id).order_by(BatchReceipt.no.desc()))
    return tuple(ReceiptItem(*row) for row in rows)


def look_again(deps: Deps, payload: Mapping[str, Any]) -> None:
    """A signature of a batch was found, or found missing, on its own: if the batch had ended, see whether its receipt
    still says what is so. A batch at work has that done at its end."""
    with deps.db.unit_of_work() as session:
        batch = session.scalars(select(Batch).where(Batch.id == payload["batch_id"]).with_for_update()).one()
        if batch.status in _ENDED and not batch.work:
            want_receipt(batch, deps.clock.now())


def is_any_due(deps: Deps) -> bool:
    """Whether a receipt waits to be made."""
    with deps.db.read_session() as session:
        return session.scalar(_due().limit(1)) is not None


def make_due(deps: Deps) -> int:
    """Make the receipts that are wanted, those first that wait longest; returns how many were looked at.

    :raises AppError: the last reason why one could not be made; the others were, and it is tried again
    """
    with deps.db.read_session() as session:
        due = session.scalars(_due().limit(_MOST)).all()
    fault: AppError | None = None
    for batch_id in due:
        try:
            make_wanted(deps, batch_id)
        except AppError as error:
            logger.warning("no receipt: batch=%s code=%s", batch_id, error.code)
            _put_off(deps, batch_id)
            fault = error
    if fault is not None:
        raise fault
    return len(due)


def make_wanted(deps: Deps, batch_id: str) -> None:
    """Make the receipt of a batch if one is wanted now and would say something else than the last.

    :raises ServiceUnavailable: it cannot be laid out, signed or time-stamped now
    :raises StorageUnavailable: :raises IntegrityViolation: it cannot be stored
    """
    wanted = _wanted(deps, batch_id)
    if wanted is None:
        return
    lines = tuple(_line(one) for one in outcomes(deps, wanted.batch_id))
    digest = _digest(lines)
    if not any(line.sha256 for line in lines) or (wanted.before and wanted.before.outcome_sha256 == digest):
        _record(deps, wanted, None)
        return
    pdf = _signed(deps, wanted, lines)
    sha256 = hashlib.sha256(pdf).hexdigest()
    now = deps.clock.now()
    row = BatchReceipt(
        batch_id=wanted.batch_id, no=wanted.before.no + 1 if wanted.before else 1, outcome_sha256=digest,
        sha256=sha256, size=len(pdf), object_key=f"batches/{batch_id}/receipts/{sha256}.pdf", created_at=now)
    put_pdf(deps, row.object_key, pdf, retain_until=retention_of(deps, "signed", now))
    _record(deps, wanted, row)


def _due() -> Select[str]:
    return (select(Batch.public_id)
            .where(Batch.receipt_wanted_at.is_not(None), Batch.work == "", Batch.status.in_(_ENDED))
            .order_by(Batch.receipt_wanted_at, Batch.id))


def _wanted(deps: Deps, batch_id: str) -> _Wanted | None:
    with deps.db.read_session() as session:
        batch = session.scalars(select(Batch).where(Batch.public_id == batch_id)).one()
        if batch.receipt_wanted_at is None or batch.work or batch.status not in _ENDED:
            return None
        before = _latest(session, batch.id)
        facts = [("Kelompok", batch.title), ("Jenis naskah", kind_of_batch(deps, batch).title),
                 ("Nomor kelompok", batch.public_id), ("Ringkasan daftar (SHA-256)", batch.list_sha256 or "-")]
        if before is not None:
            facts += [("Menggantikan", f"tanda terima {before.no}"), ("Sidik yang digantikan", before.sha256)]
        return _Wanted(batch.id, batch.public_id, batch.title, batch.receipt_wanted_at, tuple(facts), before)


def _latest(session: Session, batch_id: int) -> BatchReceipt | None:
    return session.scalars(
        select(BatchReceipt).where(BatchReceipt.batch_id == batch_id).order_by(BatchReceipt.no.desc()).limit(1)).first()


def _line(one: Outcome) -> ReceiptLine:
    words = outcome_words(one.status)
    if one.status == "excluded" and one.reason:
        words = f"{words}: {one.reason}"
    elif one.reason:
        words = one.reason
    return ReceiptLine(str(one.row_no), one.number, one.label, words, one.sha256)


def _digest(lines: tuple[ReceiptLine, ...]) -> str:
    said = json.dumps([[line.row, line.number, line.label, line.outcome, line.sha256] for line in lines])
    return hashlib.sha256(said.encode()).hexdigest()


def _signed(deps: Deps, wanted: _Wanted, lines: tuple[ReceiptLine, ...]) -> bytes:
    organisation, now = f"Pemerintah Provinsi {deps.settings.province}", deps.clock.now()
    count = sum(bool(line.sha256) for line in lines)
    facts = (*wanted.facts, ("Baris", str(len(lines))), ("Ditandatangani", str(count)))
    try:
        laid_out = deps.renderer.receipt(ReceiptRequest(organisation.upper(), wanted.title, facts, lines, now))
        signer = LocalSigner(deps.pki.audit.certificate, deps.pki.audit.key, deps.pki.chain)
        return sign_pdf(laid_out.pdf, SignRequest(
            signed_at=now, signer_name=organisation, reason="Tanda terima penandatanganan kelompok",
            contact=deps.settings.base_url, certify=True, level=Level.B_T), signer, deps.tsa).pdf
    except (RenderFailed, CertsError) as error:
        raise ServiceUnavailable from error


def _record(deps: Deps, wanted: _Wanted, row: BatchReceipt | None) -> None:
    """Nothing more is wanted, unless something changed while it was made: then that look says what is so."""
    with deps.db.unit_of_work() as session:
        batch = session.scalars(select(Batch).where(Batch.id == wanted.batch_id).with_for_update()).one()
        if batch.receipt_wanted_at != wanted.at:
            return
        batch.receipt_wanted_at = None
        if row is not None:
            session.add(row)
            record(session, batch, "batch_receipt_made", None, row.created_at,
                   {"no": row.no, "sha256": row.sha256, "size": row.size})


def _put_off(deps: Deps, batch_id: str) -> None:
    """To the end of the line, so that one that cannot be made keeps no other waiting."""
    with deps.db.unit_of_work() as session:
        batch = session.scalars(select(Batch).where(Batch.public_id == batch_id).with_for_update()).one()
        if batch.receipt_wanted_at is not None:
            batch.receipt_wanted_at = deps.clock.now()
