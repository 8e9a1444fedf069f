"""What a finished batch leaves in the hand: all signed documents in one archive, and a signed receipt of outcomes."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from certs.errors import CertsError
from certs.pades import Level, LocalSigner, SignRequest, sign_pdf
from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict, ServiceUnavailable
from svc.models import Batch, BatchRow, Decree, StoredFile
from svc.rendering import ReceiptLine, ReceiptRequest, RenderFailed
from svc.services.batches.model import find_batch, kind_of_batch
from svc.services.files import read_file

_PAGE = 200
_UNSAFE = re.compile(r"[^\w.()-]+")
_OUTCOMES: Mapping[str, str] = {
    "issued": "ditandatangani dan terbit", "signed": "ditandatangani", "ready_to_sign": "menunggu tanda tangan",
    "signing": "hasil tanda tangan belum diketahui", "in_review": "dalam paraf", "draft": "dikembalikan ke penyusun",
    "rejected": "ditolak", "discarded": "dibuang", "excluded": "dikeluarkan"}


class NothingSigned(Conflict):
    code = "nothing_signed"
    message = "Belum ada naskah kelompok ini yang ditandatangani."


@dataclass(frozen=True)
class Receipt:
    """The signed report, its SHA-256 (lower-case hexadecimal) and a name for the file."""

    pdf: bytes
    sha256: str
    name: str


@dataclass(frozen=True)
class _Outcome:
    row_no: int
    label: str
    subject_key: str
    number: str
    status: str
    code: str
    sha256: str
    object_key: str
    reason: str


class _Pipe(io.RawIOBase):
    """A file that is only written, and emptied by whoever reads on: the archive is never whole in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def archive_name(deps: Deps, actor: Actor, batch_id: str) -> str:
    """A name for the archive. :raises NotFound: no batch for this actor. :raises NothingSigned: nothing is in it"""
    with deps.db.read_session() as session:
        batch = find_batch(session, deps, actor, batch_id)
        signed = session.scalar(
            select(BatchRow.id).join(Decree, Decree.id == BatchRow.decree_id)
            .where(BatchRow.batch_id == batch.id, BatchRow.state != "excluded", Decree.signed_sha256.is_not(None))
            .limit(1))
        if signed is None:
            raise NothingSigned
        return f"{_file_name(batch.title)}.zip"


def archive(deps: Deps, actor: Actor, batch_id: str) -> Iterator[bytes]:
    """The archive piece by piece: every signed document under its number, and a list of all rows (``daftar.csv``).

    :raises NotFound: no batch for this actor. :raises StorageUnavailable: :raises IntegrityViolation: while reading;
        what was sent so far is then no whole archive, and no program opens it as one
    """
    pipe = _Pipe()
    listing = io.StringIO()
    table = csv.writer(listing)
    table.writerow(("baris", "nama", "nip", "nomor", "hasil", "keterangan", "sha256", "verifikasi"))
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as bundle:
        for one in _outcomes(deps, actor, batch_id):
            table.writerow([_plain(cell) for cell in (
                one.row_no, one.label, one.subject_key, one.number, _OUTCOMES.get(one.status, one.status), one.reason,
                one.sha256, f"{deps.settings.base_url}/v/{one.code}" if one.sha256 else "")])
            if one.sha256:
                name = f"{one.row_no:05d}-{_file_name(one.number)}-{_file_name(one.label)}.pdf"
                bundle.writestr(name, read_file(deps, one.object_key, one.sha256))
                yield pipe.take()
        bundle.writestr("daftar.csv", listing.getvalue().encode("utf-8-sig"), zipfile.ZIP_DEFLATED)
    yield pipe.take()


def receipt(deps: Deps, actor: Actor, batch_id: str) -> Receipt:
    """The outcome of every row as a signed PDF (PDF/A-2a, PAdES B-T), in Indonesian.

    :raises NotFound: no batch for this actor
    :raises ServiceUnavailable: it cannot be laid out, signed or time-stamped now
    """
    organisation = f"Pemerintah Provinsi {deps.settings.province}"
    now = deps.clock.now()
    with deps.db.read_session() as session:
        batch = find_batch(session, deps, actor, batch_id)
        facts = _facts(deps, batch)
    lines = tuple(ReceiptLine(
        str(one.row_no), one.number, one.label, one.reason or _OUTCOMES.get(one.status, one.status), one.sha256)
        for one in _outcomes(deps, actor, batch_id))
    signed = sum(bool(line.sha256) for line in lines)
    facts = (*facts, ("Baris", str(len(lines))), ("Ditandatangani", str(signed)))
    try:
        laid_out = deps.renderer.receipt(ReceiptRequest(organisation.upper(), batch.title, facts, lines, now))
        signer = LocalSigner(deps.pki.audit.certificate, deps.pki.audit.key, deps.pki.chain)
        done = sign_pdf(laid_out.pdf, SignRequest(
            signed_at=now, signer_name=organisation, reason="Tanda terima penandatanganan kelompok",
            contact=deps.settings.base_url, certify=True, level=Level.B_T), signer, deps.tsa)
    except (RenderFailed, CertsError) as error:
        raise ServiceUnavailable from error
    return Receipt(done.pdf, hashlib.sha256(done.pdf).hexdigest(), f"tanda-terima-{_file_name(batch.title)}.pdf")


def _facts(deps: Deps, batch: Batch) -> tuple[tuple[str, str], ...]:
    return (
        ("Kelompok", batch.title), ("Jenis naskah", kind_of_batch(deps, batch).title),
        ("Nomor kelompok", batch.public_id), ("Sidik daftar (SHA-256)", batch.list_sha256 or "-"))


def _outcomes(deps: Deps, actor: Actor, batch_id: str) -> Iterator[_Outcome]:
    """Every row with what became of it, in pages, so that memory stays flat."""
    after = 0
    while True:
        with deps.db.read_session() as session:
            batch = find_batch(session, deps, actor, batch_id)
            page = _page(session, batch, after)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].row_no


def _page(session: Session, batch: Batch, after: int) -> list[_Outcome]:
    rows = session.execute(
        select(BatchRow, Decree, StoredFile.object_key)
        .outerjoin(Decree, Decree.id == BatchRow.decree_id)
        .outerjoin(StoredFile, (StoredFile.decree_id == Decree.id) & (StoredFile.purpose == "signed")
                   & (StoredFile.sha256 == Decree.signed_sha256))
        .where(BatchRow.batch_id == batch.id, BatchRow.row_no > after).order_by(BatchRow.row_no).limit(_PAGE))
    return [_outcome(*row) for row in rows]


def _outcome(row: BatchRow, decree: Decree | None, object_key: str | None) -> _Outcome:
    if decree is None or row.state == "excluded":  # what becomes of a decree outside the batch is not of the batch
        status = "draft" if decree is None else row.state
        return _Outcome(row.row_no, row.label, row.subject_key, "", status, "", "", "", row.excluded_reason or "")
    sha256 = decree.signed_sha256 or "" if object_key else ""
    reason = f"gagal: {row.error_code}" if row.state == "failed" and not sha256 else ""
    return _Outcome(row.row_no, row.label, row.subject_key, decree.number or "", decree.status, decree.verify_code,
                    sha256, object_key or "", reason)


def _file_name(text: str) -> str:
    """A name that every system takes."""
    return _UNSAFE.sub("-", text).strip("-.")[:80] or "naskah"


def _plain(cell: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = str(cell)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@"} else text
