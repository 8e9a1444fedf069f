"""What a finished batch leaves in the hand: all signed documents in one archive, with a list of all rows."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator

from sqlalchemy import select

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict
from svc.models import BatchRow, Decree
from svc.services.batches.model import find_batch
from svc.services.batches.outcomes import file_name, outcome_words, outcomes
from svc.services.files import read_file

_ADDRESS = rb"https?://[A-Za-z0-9._~:/\[\]@-]{1,300}/v/%b"


class NothingSigned(Conflict):
    code = "nothing_signed"
    message = "Belum ada naskah kelompok ini yang ditandatangani."


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
        return f"{file_name(batch.title)}.zip"


def archive(deps: Deps, actor: Actor, batch_id: str) -> Iterator[bytes]:
    """The archive piece by piece: every signed document under its number, and a list of all rows (``daftar.csv``).

    :raises NotFound: no batch for this actor. :raises StorageUnavailable: :raises IntegrityViolation: while reading;
        what was sent so far is then no whole archive, and no program opens it as one
    """
    pipe = _Pipe()
    listing = io.StringIO()
    table = csv.writer(listing)
    table.writerow(("baris", "nama", "nip", "nomor", "hasil", "keterangan", "sha256", "verifikasi"))
    with deps.db.read_session() as session:
        inner_id = find_batch(session, deps, actor, batch_id).id
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as bundle:
        for one in outcomes(deps, inner_id):
            pdf = read_file(deps, one.object_key, one.sha256) if one.sha256 else b""
            table.writerow([_plain(cell) for cell in (
                one.row_no, one.label, one.subject_key, one.number, outcome_words(one.status), one.reason,
                one.sha256, _verify_address(deps, one.code, pdf) if pdf else "")])
            if pdf:
                bundle.writestr(f"{one.row_no:05d}-{file_name(one.number)}-{file_name(one.label)}.pdf", pdf)
                yield pipe.take()
        bundle.writestr("daftar.csv", listing.getvalue().encode("utf-8-sig"), zipfile.ZIP_DEFLATED)
    yield pipe.take()


def _verify_address(deps: Deps, code: str, pdf: bytes) -> str:
    """The address that the document itself bears, beside its QR code; where it cannot be read there, the one that
    would be written today."""
    found = re.search(_ADDRESS % re.escape(code.encode()), pdf)
    return found[0].decode("ascii") if found else f"{deps.settings.base_url}/v/{code}"


def _plain(cell: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = str(cell)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@"} else text
