"""Whose a file is, and which file counts for the public: what verification asks of the register, in one statement."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, or_, select
from sqlalchemy.orm import Session, aliased

from svc.deps import Deps
from svc.errors import NotFound
from svc.models import Decree, DecreeVersion, StoredFile, Unit

_CODE = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True)
class Entry:
    """What the public page needs of a decree's row."""

    id: int
    verify_code: str
    kind: str
    number: str | None
    subject: str
    security: str
    medium: str
    issued_on: date | None
    valid_until: date | None
    legal_status: str
    legal_note: str | None
    signed_sha256: str | None
    parent_id: int | None


@dataclass(frozen=True)
class File:
    """A stored file, as far as it is read and shown."""

    id: int
    purpose: str
    sha256: str
    size: int
    object_key: str


@dataclass(frozen=True)
class Above:
    """The decree of which this is an excerpt or a copy, as far as it is told; not where to find it, since whoever
    holds an excerpt is not shown everybody else's row."""

    kind: str
    number: str
    issued_on: date | None
    legal_status: str
    superseded_by: str


@dataclass(frozen=True)
class Found:
    """A decree with the file that counts for the public."""

    decree: Entry
    unit_name: str
    superseded_by: str
    file: File | None
    paper_signer: str
    is_past_its_end: bool
    above: Above | None = None

    @property
    def legal_status(self) -> str:
        """The recorded status, or ``expired`` for one in force whose last day has gone by."""
        recorded = self.decree.legal_status
        return "expired" if recorded == "in_force" and self.is_past_its_end else recorded


def _ensure_code(code: str) -> str:
    if not _CODE.fullmatch(code):
        raise NotFound
    return code


_ENTRY = tuple(getattr(Decree, one.name) for one in fields(Entry))
_FILE = tuple(getattr(StoredFile, one.name) for one in fields(File))


@cache
def _statement() -> Select[*tuple[Any, ...]]:
    """A decree's row, its agency's name, the number of what replaced it, and the files that count for the public: the
    one with all signatures, or the scans."""
    later = aliased(Decree)
    is_signed = and_(Decree.medium != "paper", StoredFile.purpose == "signed",
                     StoredFile.sha256 == Decree.signed_sha256)
    is_scan = and_(Decree.medium == "paper", StoredFile.purpose == "scan")
    return (select(*_ENTRY, *_FILE, Unit.name, later.number)
            .join_from(Decree, Unit, Unit.id == Decree.agency_id)
            .outerjoin(later, later.id == Decree.superseded_by_id)
            .outerjoin(StoredFile, and_(StoredFile.decree_id == Decree.id, or_(is_signed, is_scan)))
            .order_by(StoredFile.id))


@cache
def _by_code_statement() -> Select[*tuple[Any, ...]]:
    return _statement().where(Decree.verify_code == bindparam("code"))


@cache
def _by_digests_statement() -> Select[*tuple[Any, ...]]:
    """Whose files have one of the digests, signed or scanned, now or before archive time stamps were added."""
    ours = aliased(StoredFile)
    return (_statement().add_columns(ours.size, ours.sha256)
            .join(ours, and_(ours.decree_id == Decree.id, ours.purpose.in_(("signed", "scan"))))
            .where(ours.sha256.in_(bindparam("digests", expanding=True))))


def find(session: Session, deps: Deps, code: str) -> Found:
    rows = session.execute(_by_code_statement(), {"code": _ensure_code(code)}).all()
    if not rows:
        raise NotFound
    return _complete(session, deps, tuple(rows[-1]))


def _complete(session: Session, deps: Deps, row: Sequence[Any]) -> Found:
    decree = Entry(*row[:len(_ENTRY)])
    file, names = row[len(_ENTRY):len(_ENTRY) + len(_FILE)], row[len(_ENTRY) + len(_FILE):]
    signer = ""
    if decree.medium == "paper":
        data = session.scalar(select(DecreeVersion.data).where(DecreeVersion.decree_id == decree.id).limit(1))
        signer = str((data or {}).get("penandatangan", ""))
    today = deps.clock.now().astimezone(deps.settings.tzinfo).date()
    is_past = decree.valid_until is not None and decree.valid_until < today
    return Found(decree, names[0], names[1] or "", None if file[0] is None else File(*file), signer, is_past,
                 _above(session, decree.parent_id))


def _above(session: Session, parent_id: int | None) -> Above | None:
    if parent_id is None:
        return None
    later = aliased(Decree)
    row = session.execute(
        select(Decree.kind, Decree.number, Decree.issued_on, Decree.legal_status, later.number)
        .outerjoin(later, later.id == Decree.superseded_by_id).where(Decree.id == parent_id)).one()
    return Above(row[0], row[1] or "", row[2], row[3], row[4] or "")


def look_up(deps: Deps, digests: Sequence[str]) -> tuple[str, Found | None, int]:
    """Whether the register has the very file with these revisions (the whole last), or one that it begins with; and
    how many of its bytes are the register's."""
    with deps.db.read_session() as session:
        known = {row[-1]: row for row in session.execute(_by_digests_statement(), {"digests": list(digests)})}
        match = next((digest for digest in reversed(digests) if digest in known), None)
        found = _complete(session, deps, known[match][:-2]) if match is not None else None
    if found is None or found.file is None:
        return "unknown", None, 0
    # An earlier state of the file, before archive time stamps were added, is as much ours as the present one.
    return ("identical" if match == digests[-1] else "extends"), found, int(known[match or ""][-2])
