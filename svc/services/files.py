"""Reading and storing a decree's files through the object store, with errors in the user's terms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.deps import Deps
from svc.errors import IntegrityViolation, StorageUnavailable
from svc.models import Decree, StoredFile
from svc.ports import NewObject, ObjectConflict, ObjectMissing, StoreUnavailable

PDF = "application/pdf"


def read_file(deps: Deps, object_key: str, sha256: str) -> bytes:
    """Read an object and check it against its recorded hash.

    :raises StorageUnavailable: the store does not answer. :raises IntegrityViolation: missing or changed.
    """
    try:
        data = deps.store.get(object_key)
    except StoreUnavailable as error:
        raise StorageUnavailable from error
    except ObjectMissing as error:
        raise IntegrityViolation from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise IntegrityViolation
    return data


def object_key(decree: Decree, purpose: str, sha256: str) -> str:
    return f"decrees/{decree.public_id}/{purpose}/{sha256}.pdf"


def signature_boxes(file: StoredFile) -> tuple[tuple[int, float, float, float, float], ...]:
    """Where the signatures go, in the order of signing: page (0-based), llx, lly, urx, ury in pt; none without."""
    raw = file.signature_box or []
    boxes = raw if raw and isinstance(raw[0], list) else [raw] if raw else []
    return tuple((int(page), float(llx), float(lly), float(urx), float(ury)) for page, llx, lly, urx, ury in boxes)


def put_pdf(deps: Deps, key: str, data: bytes, *, retain_until: datetime | None = None) -> None:
    """Store bytes. :raises StorageUnavailable: not stored. :raises IntegrityViolation: others stand there."""
    try:
        deps.store.put(key, data, media_type=PDF, retain_until=retain_until)
    except StoreUnavailable as error:
        raise StorageUnavailable from error
    except ObjectConflict as error:
        raise IntegrityViolation from error


def put_pdfs(deps: Deps, files: Iterable[tuple[str, bytes]], *, retain_until: datetime | None = None) -> None:
    """Store many under their keys; errors as for :func:`put_pdf`, and then some may be stored."""
    try:
        deps.store.put_many([NewObject(key, data, PDF, retain_until) for key, data in files])
    except StoreUnavailable as error:
        raise StorageUnavailable from error
    except ObjectConflict as error:
        raise IntegrityViolation from error


def retention_of(deps: Deps, purpose: str, now: datetime) -> datetime | None:
    """Until when the object store must refuse to delete a file of this purpose."""
    days = deps.settings.s3_retention_days
    return now + timedelta(days=days) if days and purpose in {"signed", "scan"} else None


def store_pdf(session: Session, deps: Deps, decree: Decree, purpose: str, data: bytes, now: datetime, *,
              pages: int | None = None, signature_box: list[Any] | None = None) -> StoredFile:
    """Store the object, then add its row (once per content) in the caller's transaction.

    :raises StorageUnavailable: :raises IntegrityViolation: as for ``put_pdf``
    """
    sha256 = hashlib.sha256(data).hexdigest()
    known = session.scalars(
        select(StoredFile).where(StoredFile.decree_id == decree.id, StoredFile.purpose == purpose,
                                 StoredFile.sha256 == sha256)).one_or_none()
    if known is not None:
        return known
    key = object_key(decree, purpose, sha256)
    put_pdf(deps, key, data, retain_until=retention_of(deps, purpose, now))
    row = StoredFile(decree_id=decree.id, version_no=decree.version_no, purpose=purpose, sha256=sha256,
                     size=len(data), object_key=key, pages=pages, signature_box=signature_box, created_at=now)
    session.add(row)
    return row
