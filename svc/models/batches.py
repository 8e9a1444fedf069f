"""Batches: many decrees of one kind that go their route together."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from svc.models.base import Base, HasId, HasPublicId, PublicId, Sha256


class Batch(HasPublicId, Base):
    """Rows of a sheet that become decrees, are initialled as one, and are signed by one act.

    ``status`` is what people wait for. ``work`` is what the workers are doing to its rows, chunk by chunk; who
    ordered it and in which capacity stands beside it, and is what every decree's own record then says. Rows
    with ``pending`` are what is left of it. ``stop_code`` says why signing stopped and waits for the signer, since
    ``stopped_at``; ``idle_seconds`` are those of the present work in which it was paused, ended pauses alone.
    """

    __tablename__ = "batch"
    __table_args__ = (
        CheckConstraint(
            "status IN ('draft','in_review','ready_to_sign','signing','finished','cancelled')", name="status"),
        CheckConstraint(
            "work IN ('','check','prepare','approve','freeze','sign','issue','exclude','dissolve')", name="work"),
        Index("ix_batch_list", "agency_id", "created_at", "id"),
        Index("ix_batch_inbox", "assignee_id", "due_at", "id"),
        Index("ix_batch_work", "last_chunk_at", "id",
              sqlite_where=text("work <> ''"), postgresql_where=text("work <> ''")),
        Index("ix_batch_receipt", "receipt_wanted_at", "id",
              sqlite_where=text("receipt_wanted_at IS NOT NULL"),
              postgresql_where=text("receipt_wanted_at IS NOT NULL")),
    )

    kind: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(200))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    agency_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    drafter_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    drafter_position_id: Mapped[int] = mapped_column(ForeignKey("position.id"))
    # The collective decree of which these are excerpts or copies.
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("decree.id", name="fk_batch_parent_id_decree"))
    status: Mapped[str] = mapped_column(String(16), default="draft")
    lock_version: Mapped[int] = mapped_column(default=1)
    source_name: Mapped[str] = mapped_column(String(200), default="")
    mapping: Mapped[dict[str, Any]] = mapped_column(default=dict)  # heading of the sheet → path of the field
    route_id: Mapped[str] = mapped_column(String(40), default="")
    route_sha256: Mapped[str | None] = mapped_column(Sha256)
    assignments: Mapped[list[Any]] = mapped_column(default=list)  # [[step_index, position_id], …]
    step_index: Mapped[int | None]  # the step that waits
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("position.id"))  # for whom it waits
    due_at: Mapped[datetime | None]
    # The frozen list: hash over the sorted hashes of its documents, and the date printed on them.
    list_sha256: Mapped[str | None] = mapped_column(Sha256)
    frozen_on: Mapped[date | None]
    signer_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))  # whom the frozen documents name
    signer_capacity: Mapped[str | None] = mapped_column(String(12))
    authorisation_id: Mapped[int | None] = mapped_column(ForeignKey("signing_authorisation.id"))
    auto_issue: Mapped[bool] = mapped_column(default=True)
    work: Mapped[str] = mapped_column(String(12), default="")
    work_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))  # empty: the service itself
    work_position_id: Mapped[int | None] = mapped_column(ForeignKey("position.id"))
    work_capacity: Mapped[str | None] = mapped_column(String(12))
    work_note: Mapped[str] = mapped_column(String(2000), default="")
    work_total: Mapped[int] = mapped_column(default=0)  # rows it began with
    work_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    stop_code: Mapped[str] = mapped_column(String(60), default="")
    stopped_at: Mapped[datetime | None]
    idle_seconds: Mapped[float] = mapped_column(default=0.0)
    last_chunk_at: Mapped[datetime]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    # Since when its receipt may say something else than is so, or is missing; empty: nothing is to be done.
    receipt_wanted_at: Mapped[datetime | None]


class BatchReceipt(HasId, Base):
    """A signed statement of what became of a batch's rows. ``no`` counts from 1: a later one replaces the one before,
    which is kept. ``outcome_sha256`` is over what it says, so that the same is not said twice."""

    __tablename__ = "batch_receipt"
    __table_args__ = (UniqueConstraint("batch_id", "no"),)

    batch_id: Mapped[int] = mapped_column(ForeignKey("batch.id"))
    no: Mapped[int]
    outcome_sha256: Mapped[str] = mapped_column(Sha256)
    sha256: Mapped[str] = mapped_column(Sha256)
    size: Mapped[int]
    object_key: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


class BatchRow(HasId, Base):
    """One row of the sheet, and the decree that came of it.

    ``row_no`` counts from 1 and is the order of the numbers; ``line_no`` is the line of the sheet. ``problems`` is
    [[path, msgid, params], …]. A failed row keeps the code of what failed, and the work in which it did.
    """

    __tablename__ = "batch_row"
    __table_args__ = (
        CheckConstraint("state IN ('unchecked','invalid','ready','live','failed','excluded')", name="state"),
        UniqueConstraint("batch_id", "row_no"),
        UniqueConstraint("decree_id"),
        Index("ix_batch_row_state", "batch_id", "state", "row_no"),
        Index("ix_batch_row_key", "batch_id", "subject_key"),
        Index("ix_batch_row_pending", "batch_id", "row_no", "leased_until",
              sqlite_where=text("pending"), postgresql_where=text("pending")),
    )

    batch_id: Mapped[int] = mapped_column(ForeignKey("batch.id"))
    row_no: Mapped[int]
    line_no: Mapped[int]
    data: Mapped[dict[str, Any]]
    problems: Mapped[list[Any]] = mapped_column(default=list)
    subject_key: Mapped[str] = mapped_column(String(60), default="")  # NIP where there is one, else empty
    label: Mapped[str] = mapped_column(String(300), default="")
    email: Mapped[str] = mapped_column(String(254), default="")  # to whom the link goes; empty: to nobody by mail
    state: Mapped[str] = mapped_column(String(10))
    pending: Mapped[bool] = mapped_column(default=False)
    lease: Mapped[str | None] = mapped_column(PublicId)
    leased_until: Mapped[datetime | None]
    decree_id: Mapped[int | None] = mapped_column(ForeignKey("decree.id"))
    failed_work: Mapped[str | None] = mapped_column(String(12))
    error_code: Mapped[str | None] = mapped_column(String(60))
    excluded_reason: Mapped[str | None] = mapped_column(String(2000))
    excluded_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    excluded_at: Mapped[datetime | None]
