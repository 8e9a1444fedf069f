"""Decrees, their versions, their files and the number registers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from svc.models.base import Base, HasId, HasPublicId, PublicId, Sha256


class Decree(HasPublicId, Base):
    """One decree, permit or letter from its draft to its revocation.

    ``lock_version`` changes with every event; a command made on an older one is stale. ``audit_head`` and
    ``audit_seq`` are the end of this decree's own hash chain.
    """

    __tablename__ = "decree"
    __table_args__ = (
        CheckConstraint(
            "status IN ('draft','in_review','ready_to_sign','signing','signed','issued',"
            "'rejected','discarded')",
            name="status"),
        CheckConstraint("legal_status IN ('none','in_force','amended','revoked')", name="legal_status"),
        CheckConstraint("medium IN ('electronic','paper')", name="medium"),
        Index("ix_decree_list", "unit_id", "kind", "status", "created_at", "id"),
        Index("ix_decree_status", "status", "created_at", "id"),
        Index("ix_decree_agency", "agency_id", "created_at", "id"),
        Index("ix_decree_drafter", "drafter_id", "created_at", "id"),
        Index("ix_decree_created", "created_at", "id"),
    )

    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(500))
    # Lower-case haystack of number, subject, names and NIPs for the search box.
    search_text: Mapped[str] = mapped_column(String(2000), default="")
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    # The top-level unit (perangkat daerah) above ``unit_id``: owns the registers, bounds who may look.
    agency_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    drafter_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    drafter_position_id: Mapped[int] = mapped_column(ForeignKey("position.id"))
    status: Mapped[str] = mapped_column(String(16), default="draft")
    medium: Mapped[str] = mapped_column(String(12), default="electronic")
    source: Mapped[str] = mapped_column(String(12), default="template")  # template | upload | scan
    version_no: Mapped[int] = mapped_column(default=1)
    lock_version: Mapped[int] = mapped_column(default=1)
    route_id: Mapped[str] = mapped_column(String(40))
    route_sha256: Mapped[str | None] = mapped_column(Sha256)
    assignments: Mapped[list[Any]] = mapped_column(default=list)  # [[step_index, position_id], …]
    number: Mapped[str | None] = mapped_column(String(120), index=True)
    issued_on: Mapped[date | None]  # the date printed on it
    verify_code: Mapped[str] = mapped_column(PublicId, unique=True)
    # The document that waits for its next signature: of several, with those on it that were given.
    frozen_sha256: Mapped[str | None] = mapped_column(Sha256)
    # Whose name and capacity stand in the block that waits for its signature: nobody else may sign next. All
    # blocks stand in ``decree_signer``.
    signer_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    signer_capacity: Mapped[str | None] = mapped_column(String(12))
    signed_sha256: Mapped[str | None] = mapped_column(Sha256, index=True)  # with all its signatures
    valid_until: Mapped[date | None]  # last day of a permit; empty: no end
    legal_status: Mapped[str] = mapped_column(String(12), default="none")
    legal_note: Mapped[str | None] = mapped_column(String(500))
    superseded_by_id: Mapped[int | None] = mapped_column(ForeignKey("decree.id"))
    security: Mapped[str] = mapped_column(String(2), default="B")  # B, T, R, SR (naskah dinas)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    signed_at: Mapped[datetime | None]
    issued_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]  # rejected or discarded
    # While set, it goes its route with others: what happens to it is ordered on the batch.
    batch_id: Mapped[int | None] = mapped_column(
        ForeignKey("batch.id", name="fk_decree_batch_id_batch", use_alter=True))
    # The collective decree of which it is an excerpt (petikan) or copy (salinan).
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("decree.id"), index=True)
    audit_head: Mapped[str | None] = mapped_column(Sha256)
    audit_seq: Mapped[int] = mapped_column(default=0)


class DecreeVersion(HasId, Base):
    """What was submitted once: kept for ever, also when a later version replaced it."""

    __tablename__ = "decree_version"
    __table_args__ = (UniqueConstraint("decree_id", "version_no"),)

    decree_id: Mapped[int] = mapped_column(ForeignKey("decree.id"))
    version_no: Mapped[int]
    data: Mapped[dict[str, Any]]
    # Hash of what the paraf stand for: canonical data for templates, the bytes for an uploaded PDF.
    content_sha256: Mapped[str] = mapped_column(Sha256)
    pdf_sha256: Mapped[str | None] = mapped_column(Sha256)  # the draft rendition shown to reviewers
    created_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    change_note: Mapped[str | None] = mapped_column(String(500))


class StoredFile(HasId, Base):
    """A file in the object store. The object is written before this row.

    ``frozen`` is what waits for a signature: also the document that bears some of its signatures and waits for the
    next. ``signed`` bears all.
    """

    __tablename__ = "stored_file"
    __table_args__ = (
        CheckConstraint("purpose IN ('upload','draft','frozen','signed','scan')", name="purpose"),
        Index(None, "decree_id", "purpose", "id"),
        Index(None, "sha256"),  # anybody may ask whose a file is
        UniqueConstraint("decree_id", "purpose", "sha256"),
    )

    decree_id: Mapped[int] = mapped_column(ForeignKey("decree.id"))
    version_no: Mapped[int]
    purpose: Mapped[str] = mapped_column(String(12))
    sha256: Mapped[str] = mapped_column(Sha256)
    size: Mapped[int]
    object_key: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(80), default="application/pdf")
    pages: Mapped[int | None]
    # Where the signature widget goes: page (0-based), llx, lly, urx, ury in pt; of several signers a list of such
    # lists, in the order of signing (``svc.services.files.signature_boxes`` reads both).
    signature_box: Mapped[list[Any] | None]
    created_at: Mapped[datetime]


class Register(HasId, Base):
    """A number register: one row per book, unit and year; ``next_seq`` is taken in a transaction."""

    __tablename__ = "register"
    __table_args__ = (UniqueConstraint("book", "unit_id", "year"),)

    book: Mapped[str] = mapped_column(String(40))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    year: Mapped[int]
    next_seq: Mapped[int] = mapped_column(default=1)


class RegisterEntry(HasId, Base):
    """A number that was taken: ``held`` by a decree, ``used`` once signed, ``void`` with its reason."""

    __tablename__ = "register_entry"
    __table_args__ = (
        UniqueConstraint("register_id", "seq"),
        CheckConstraint("state IN ('held','used','void')", name="state"),
        CheckConstraint("state <> 'void' OR void_reason IS NOT NULL", name="void_reason"),
        # One decree has at most one number that is not void.
        Index("uq_register_entry_live", "decree_id", unique=True,
              sqlite_where=text("state <> 'void'"), postgresql_where=text("state <> 'void'")),
        Index(None, "decree_id"),
    )

    register_id: Mapped[int] = mapped_column(ForeignKey("register.id"))
    seq: Mapped[int]
    formatted: Mapped[str] = mapped_column(String(120), index=True)
    decree_id: Mapped[int] = mapped_column(ForeignKey("decree.id"))
    state: Mapped[str] = mapped_column(String(8), default="held")
    taken_at: Mapped[datetime]
    void_reason: Mapped[str | None] = mapped_column(String(500))
    voided_at: Mapped[datetime | None]
