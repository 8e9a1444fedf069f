"""Safe keeping of documents signed elsewhere or before: as they are, with proof of when they were here.

Most of what BSrE signed carries no revocation data, and certificates end. What is taken in gets a register entry
(name, size, SHA-256, time) under an RFC 3161 token; from then on a validation may rely on the document having
existed by that moment (``certs.validation.Proof``). The file is never changed: what augmentation adds is a file of
its own that begins with it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from certs.pades import Level
from certs.statement import stamp
from certs.unreadable import ENCRYPTED, TRUNCATED, tell_other
from certs.validation import Report
from svc.actors import Actor
from svc.deps import Deps
from svc.errors import AppError, Forbidden, InvalidInput, NotFound
from svc.ids import new_public_id
from svc.models import ArchivedDocument
from svc.roles import is_allowed
from svc.services.audit_log import AuditActor, record_stream
from svc.services.examination import judge
from svc.services.files import put_pdf, read_file, retention_of
from svc.services.finding_words import WORDS
from svc.services.preservation import keep_provable
from svc.services.preservation_state import STREAM, FileToKeep, Standing, best_file, standing
from svc.services.register_proofs import proofs_of

_LONGEST_NAME = 300
logger = logging.getLogger(__name__)


class NotARegularFile(InvalidInput):
    code = "not_a_regular_file"
    message = "Ini bukan berkas biasa."


class LinkNotFollowed(InvalidInput):
    code = "link_not_followed"
    message = "Ini tautan ke tempat lain; tautan di dalam folder tidak diikuti."


@dataclass(frozen=True)
class ArchivedView:
    """A document in safe keeping. ``is_new`` is False where it was here already; ``recorded_at`` is proven."""

    public_id: str
    name: str
    sha256: str
    size: int
    recorded_at: datetime
    indication: str
    sub_indication: str
    standing: Standing | None
    is_new: bool = False


@dataclass(frozen=True)
class ImportLine:
    """What became of one file of an import; ``error`` is empty where it is in safe keeping,
    else a code, and ``reason`` says it in words."""

    path: str
    document: ArchivedView | None
    error: str = ""
    reason: str = ""


def take_in(deps: Deps, actor: Actor | None, name: str, pdf: bytes) -> ArchivedView:
    """Keep a signed document as it is and record that it was here now; twice is fine.

    Its signatures need not be provable: that is what this is for. ``actor`` None is the command line.

    :raises Forbidden: not an administrator. :raises InvalidInput: empty, too large, or no signature in it
    :raises StorageUnavailable: not kept; nothing is recorded
    """
    if actor is not None and not is_allowed("admin.certificates", actor.roles):
        raise Forbidden
    if not pdf or len(pdf) > deps.settings.max_upload_bytes:
        raise _wrong_size(deps)
    other = tell_other(pdf)
    if other is not None:
        raise InvalidInput(WORDS[other.code])
    sha256 = hashlib.sha256(pdf).hexdigest()
    known = _find(deps, sha256)
    if known is not None:
        return known
    report = judge(deps, pdf)
    if not report.signatures:
        why = next((one.code for one in report.findings if one.code in {ENCRYPTED, TRUNCATED}), "")
        raise InvalidInput(WORDS.get(why, "Berkas ini tidak memuat tanda tangan elektronik yang dapat dibaca."))
    public_id, now = new_public_id(), deps.clock.now()
    key = f"archive/{public_id}/{sha256}.pdf"
    put_pdf(deps, key, pdf, retain_until=retention_of(deps, "signed", now))
    entry = json.dumps({"name": name[:_LONGEST_NAME], "size": len(pdf), "sha256": sha256,
                        "recorded_at": now.isoformat(timespec="seconds")}, sort_keys=True, separators=(",", ":"))
    token = stamp(entry.encode(), deps.pki.tsa_service(), now)
    row = ArchivedDocument(
        public_id=public_id, name=name[:_LONGEST_NAME], sha256=sha256, size=len(pdf), object_key=key,
        entry=entry.encode(), token=token, recorded_at=now.replace(microsecond=0),
        recorded_by_id=actor.person_id if actor else None, indication=report.indication.value,
        sub_indication=report.sub_indication or "", checked_at=now)
    try:
        with deps.db.unit_of_work() as session:
            return _register(session, actor, row, _lowest_level(report), now)
    except IntegrityError:  # another import took the same bytes in meanwhile: its entry is as good
        known = _find(deps, sha256)
        if known is None:
            raise
        return known


def _register(session: Session, actor: Actor | None, row: ArchivedDocument, level: str | None,
              now: datetime) -> ArchivedView:
    session.add(row)
    session.flush()
    who = AuditActor.of(actor) if actor else AuditActor.system()
    record_stream(session, STREAM, "document_archived", who, now,
                  {"document": row.public_id, "sha256": row.sha256, "entry": hashlib.sha256(row.entry).hexdigest()})
    if level is not None:
        keep_provable(session, FileToKeep(row.sha256, row.size, row.object_key, level), now,
                      archived_document_id=row.id)
    return _view(session, row, is_new=True)


def import_files(deps: Deps, paths: Iterable[Path], say: Callable[[str], str] = str) -> Iterator[ImportLine]:
    """Take in files, and the PDFs in folders and below; one that cannot be taken in stops no other, whatever it is.

    Links in folders are told and not followed: what they point to would be taken in under another's name, or twice.

    :param say: turns a msgid into the language in which reasons are told
    """
    for path, is_named in _files(paths):
        shown = _clean(str(path))
        try:
            pdf = _read(deps, path, may_be_link=is_named)
            yield ImportLine(shown, take_in(deps, None, _clean(path.name), pdf))
        except AppError as error:
            words = say(error.text)
            yield ImportLine(shown, None, error.code, words % error.params if error.params else words)
        except OSError as error:
            yield ImportLine(shown, None, error.strerror or type(error).__name__)
        except Exception as error:  # a file that nobody foresaw keeps no other from being rescued
            logger.exception("import failed: file=%s", shown)
            yield ImportLine(shown, None, type(error).__name__)


def _read(deps: Deps, path: Path, *, may_be_link: bool) -> bytes:
    """What is in a regular file, looked at before it is opened and never read beyond the limit.

    :raises LinkNotFollowed: a link in a folder
    :raises NotARegularFile: a pipe, device, socket or folder, which may never end
    :raises InvalidInput: empty or larger than uploads may be
    """
    most = deps.settings.max_upload_bytes
    if path.is_symlink() and not may_be_link:
        raise LinkNotFollowed
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise NotARegularFile
    if found.st_size > most:
        raise _wrong_size(deps)
    # Without waiting, should it have become a pipe since; one byte more than allowed tells that it grew.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise NotARegularFile
        return file.read(most + 1)


def _clean(name: str) -> str:
    """A file's name as it can be shown and stored: bytes that are not UTF-8, and control characters, as ``\ufffd``."""
    return "".join("\ufffd" if unicodedata.category(one) in {"Cc", "Cs"} else one for one in name)


def _wrong_size(deps: Deps) -> InvalidInput:
    return InvalidInput("Berkas ini kosong atau melebihi %(mb)s MB.", params={"mb": deps.settings.max_upload_mb})


def check_again(deps: Deps, public_id: str) -> Report:
    """Validate the best file of a document now, with its register entry as proof; the outcome is recorded.

    :raises NotFound: no such document. :raises StorageUnavailable: :raises IntegrityViolation: not readable
    """
    with deps.db.read_session() as session:
        row = session.scalars(select(ArchivedDocument).where(ArchivedDocument.public_id == public_id)).one_or_none()
        if row is None:
            raise NotFound
        best = best_file(session, archived_document_id=row.id)
    key, sha256 = (best.object_key, best.sha256) if best else (row.object_key, row.sha256)
    pdf = read_file(deps, key, sha256)
    report = judge(deps, pdf, proofs=proofs_of(deps, [row]))
    with deps.db.unit_of_work() as session:
        fresh = session.get_one(ArchivedDocument, row.id)
        fresh.indication, fresh.sub_indication = report.indication.value, report.sub_indication or ""
        fresh.checked_at = deps.clock.now()
    return report


def list_documents(deps: Deps, most: int = 200) -> tuple[ArchivedView, ...]:
    """The newest first."""
    with deps.db.read_session() as session:
        rows = session.scalars(select(ArchivedDocument).order_by(
            ArchivedDocument.recorded_at.desc(), ArchivedDocument.id.desc()).limit(most)).all()
        return tuple(_view(session, row) for row in rows)


def count_documents(deps: Deps) -> int:
    with deps.db.read_session() as session:
        return session.scalar(select(func.count()).select_from(ArchivedDocument)) or 0


def _find(deps: Deps, sha256: str) -> ArchivedView | None:
    with deps.db.read_session() as session:
        row = session.scalars(select(ArchivedDocument).where(ArchivedDocument.sha256 == sha256)).one_or_none()
        return _view(session, row) if row is not None else None


def _view(session: Session, row: ArchivedDocument, *, is_new: bool = False) -> ArchivedView:
    return ArchivedView(row.public_id, row.name, row.sha256, row.size, row.recorded_at, row.indication,
                        row.sub_indication, standing(session, archived_document_id=row.id), is_new)


def _lowest_level(report: Report) -> str | None:
    """The level from which preservation starts; None where a signature is of a format that nothing can be added to."""
    levels = [one.level for one in report.signatures]
    if not all(levels):
        return None
    return min(levels, key=lambda level: Level(level).rank)


def _files(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """Each with whether it was named itself."""
    for path in paths:
        if path.is_dir():
            yield from ((one, False) for one in sorted(path.rglob("*")) if one.suffix.lower() == ".pdf" and (
                one.is_symlink() or not one.is_dir()))
        else:
            yield path, True
