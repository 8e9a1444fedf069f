"""What is trusted, what revocation data is kept, and what keeps signatures provable."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from svc.models.base import Base, HasId, HasPublicId, Sha256


class TrustAnchor(HasPublicId, Base):
    """A certificate that somebody may confirm as an anchor, for one purpose; trusted only while confirmed."""

    __tablename__ = "trust_anchor"
    __table_args__ = (
        CheckConstraint("purpose IN ('signer','timestamp','both','intermediate')", name="purpose"),
        CheckConstraint("status IN ('candidate','confirmed','withdrawn')", name="status"),
        UniqueConstraint("sha256", "purpose"),
    )

    pem: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(Sha256)  # of the DER
    subject: Mapped[str] = mapped_column(String(300))
    valid_to: Mapped[datetime]
    purpose: Mapped[str] = mapped_column(String(12))
    status: Mapped[str] = mapped_column(String(12), default="candidate")
    source: Mapped[str] = mapped_column(String(300))  # where it came from: a file's name, an address, a list
    added_at: Mapped[datetime]
    added_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))


class RevocationData(HasId, Base):
    """A CRL or OCSP response that was fetched or given, kept with the time at which it was first here."""

    __tablename__ = "revocation_data"
    __table_args__ = (
        CheckConstraint("kind IN ('crl','ocsp')", name="kind"),
        Index(None, "issuer", "issued_at"),
    )

    kind: Mapped[str] = mapped_column(String(4))
    sha256: Mapped[str] = mapped_column(Sha256, unique=True)
    der: Mapped[bytes]
    issuer: Mapped[str] = mapped_column(String(300))  # of the list, or of the certificate the response is about
    serial: Mapped[str | None] = mapped_column(String(64))  # responses only, hexadecimal
    issued_at: Mapped[datetime]  # thisUpdate
    next_at: Mapped[datetime | None]  # nextUpdate
    url: Mapped[str] = mapped_column(String(500), default="")
    seen_at: Mapped[datetime]


class ArchivedDocument(HasPublicId, Base):
    """A document signed elsewhere or earlier, taken into safe keeping as it is.

    ``entry`` is the register entry (canonical JSON: name, size, SHA-256, time), ``token`` an RFC 3161 token over
    it: together the proof that these bytes existed at ``recorded_at``.
    """

    __tablename__ = "archived_document"
    __table_args__ = (Index(None, "recorded_at", "id"),)

    name: Mapped[str] = mapped_column(String(300))
    sha256: Mapped[str] = mapped_column(Sha256, unique=True)
    size: Mapped[int]
    object_key: Mapped[str] = mapped_column(String(200))
    entry: Mapped[bytes]
    token: Mapped[bytes]
    recorded_at: Mapped[datetime]
    recorded_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    decree_id: Mapped[int | None] = mapped_column(ForeignKey("decree.id"))
    indication: Mapped[str] = mapped_column(String(16))
    sub_indication: Mapped[str] = mapped_column(String(60), default="")
    checked_at: Mapped[datetime]


class Preservation(HasId, Base):
    """How long one signed file stays provable, and what is being done about it; one row a document."""

    __tablename__ = "preservation"
    __table_args__ = (
        CheckConstraint("state IN ('waiting','held','stuck')", name="state"),
        CheckConstraint("(decree_id IS NULL) <> (archived_document_id IS NULL)", name="one_document"),
        UniqueConstraint("decree_id"),
        UniqueConstraint("archived_document_id"),
        Index("ix_preservation_due", "due_at", "id",
              sqlite_where=text("state <> 'stuck'"), postgresql_where=text("state <> 'stuck'")),
    )

    decree_id: Mapped[int | None] = mapped_column(ForeignKey("decree.id"))
    archived_document_id: Mapped[int | None] = mapped_column(ForeignKey("archived_document.id"))
    sha256: Mapped[str] = mapped_column(Sha256)  # of the present, best file
    size: Mapped[int]
    object_key: Mapped[str] = mapped_column(String(200))
    level: Mapped[str] = mapped_column(String(9))
    provable_until: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(String(8), default="waiting")
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(String(300))
    done_at: Mapped[datetime | None]
