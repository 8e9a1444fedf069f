"""Audit, outbox, notices, tokens and the bookkeeping of jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from svc.models.base import Base, HasId, HasPublicId, Sha256


class AuditStream(HasId, Base):
    """A hash chain that belongs to no decree (administration, accounts); its head stands here."""

    __tablename__ = "audit_stream"

    name: Mapped[str] = mapped_column(String(60), unique=True)
    head: Mapped[str | None] = mapped_column(Sha256)
    seq: Mapped[int] = mapped_column(default=0)


class AuditEvent(HasId, Base):
    """An append-only event. ``stream`` is ``decree:<public id>`` or the name of an audit stream."""

    __tablename__ = "audit_event"
    __table_args__ = (
        UniqueConstraint("stream", "seq"),
        Index(None, "at", "id"),
        Index(None, "decree_id", "id"),
    )

    stream: Mapped[str] = mapped_column(String(60))
    seq: Mapped[int]
    decree_id: Mapped[int | None] = mapped_column(ForeignKey("decree.id"))
    type: Mapped[str] = mapped_column(String(60))
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))  # empty: the system
    actor_name: Mapped[str] = mapped_column(String(200))
    actor_capacity: Mapped[str | None] = mapped_column(String(300))
    payload: Mapped[dict[str, Any]]
    prev_hash: Mapped[str | None] = mapped_column(Sha256)
    hash: Mapped[str] = mapped_column(Sha256)


class AuditCheckpoint(HasId, Base):
    """A signed, time-stamped statement of all heads. The document itself is in the object store."""

    __tablename__ = "audit_checkpoint"

    at: Mapped[datetime] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(8))  # hour | day
    heads: Mapped[int]
    sha256: Mapped[str] = mapped_column(Sha256)  # of the document
    prev_sha256: Mapped[str | None] = mapped_column(Sha256)
    object_key: Mapped[str] = mapped_column(String(200))
    token: Mapped[bytes]  # RFC 3161 time-stamp token over the signature
    signature: Mapped[bytes]  # detached CMS over the document


class OutboxMessage(HasId, Base):
    """An effect to be had after the commit that wrote it; delivered at least once."""

    __tablename__ = "outbox_message"
    __table_args__ = (
        CheckConstraint("state IN ('waiting','done','dead')", name="state"),
        Index("ix_outbox_waiting", "due_at", "id",
              sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'")),
    )

    kind: Mapped[str] = mapped_column(String(40))
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(8), default="waiting")
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(String(300))
    done_at: Mapped[datetime | None]


class Notice(HasPublicId, Base):
    """A line in somebody's bell. ``message`` is a gettext msgid, ``params`` fill it."""

    __tablename__ = "notice"
    __table_args__ = (
        Index("ix_notice_unread", "person_id", "id",
              sqlite_where=text("read_at IS NULL"), postgresql_where=text("read_at IS NULL")),
        Index(None, "person_id", "id"),
    )

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    decree_id: Mapped[int | None] = mapped_column(ForeignKey("decree.id"))
    message: Mapped[str] = mapped_column(String(300))
    params: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class ApiToken(HasPublicId, Base):
    """A bearer token; only its SHA-256 is kept. ``scopes`` is sorted and comma-separated."""

    __tablename__ = "api_token"

    name: Mapped[str] = mapped_column(String(120))
    token_sha256: Mapped[str] = mapped_column(Sha256, unique=True)
    scopes: Mapped[str] = mapped_column(String(200))
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class JobRun(HasId, Base):
    """When a periodic job last began and ended; also the lease that keeps two workers apart."""

    __tablename__ = "job_run"

    name: Mapped[str] = mapped_column(String(60), unique=True)
    leased_until: Mapped[datetime | None]
    last_started_at: Mapped[datetime | None]
    last_done_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(String(300))
