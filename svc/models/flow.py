"""Routes as they were pinned, tasks and paraf."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from svc.models.base import Base, HasId, HasPublicId, Sha256


class RouteVersion(HasId, Base):
    """The exact source of a route definition; decrees pin it by hash."""

    __tablename__ = "route_version"

    sha256: Mapped[str] = mapped_column(Sha256, unique=True)
    route_id: Mapped[str] = mapped_column(String(40), index=True)
    version: Mapped[int]
    source: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]


class Task(HasPublicId, Base):
    """Something that waits for the holder of a position. At most one is open per decree."""

    __tablename__ = "task"
    __table_args__ = (
        CheckConstraint("status IN ('open','done','void')", name="status"),
        CheckConstraint("kind IN ('paraf','sign','distribute')", name="kind"),
        Index("ix_task_inbox", "assignee_id", "due_at", "id", "kind",
              sqlite_where=text("status = 'open' AND batch_id IS NULL"),
              postgresql_where=text("status = 'open' AND batch_id IS NULL")),
        Index("uq_task_open", "decree_id", unique=True,
              sqlite_where=text("status = 'open'"), postgresql_where=text("status = 'open'")),
        Index(None, "decree_id", "id"),
    )

    decree_id: Mapped[int] = mapped_column(ForeignKey("decree.id"))
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("batch.id"))  # waits with the batch, not by itself
    version_no: Mapped[int]
    step_index: Mapped[int]
    step_title: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(12))
    assignee_id: Mapped[int] = mapped_column(ForeignKey("position.id"))  # a position, not a person
    status: Mapped[str] = mapped_column(String(8), default="open")
    # approved | returned | rejected | withdrawn | reassigned | signed | distributed
    outcome: Mapped[str | None] = mapped_column(String(16))
    note: Mapped[str | None] = mapped_column(String(2000))
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    norm_minutes: Mapped[int]
    done_at: Mapped[datetime | None]
    done_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    done_capacity: Mapped[str | None] = mapped_column(String(12))


class Paraf(HasId, Base):
    """Evidence of an initial: who, in which capacity, on which content. Voided, never deleted."""

    __tablename__ = "paraf"
    __table_args__ = (Index(None, "decree_id", "version_no"),)

    decree_id: Mapped[int] = mapped_column(ForeignKey("decree.id"))
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"), unique=True)
    step_id: Mapped[str] = mapped_column(String(40))
    version_no: Mapped[int]
    content_sha256: Mapped[str] = mapped_column(Sha256)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    position_id: Mapped[int] = mapped_column(ForeignKey("position.id"))
    capacity: Mapped[str] = mapped_column(String(12))
    given_at: Mapped[datetime]
    voided_at: Mapped[datetime | None]
