"""Facts for the bureau: derived from audit events, never the other way round, and rebuilt at will."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from svc.models.base import Base, HasId


class CycleFact(Base):
    """One row per signed decree: how long it took. Medians of a month need the rows themselves."""

    __tablename__ = "cycle_fact"
    __table_args__ = (Index(None, "day", "unit_id", "kind"),)

    decree_id: Mapped[int] = mapped_column(ForeignKey("decree.id"), primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    kind: Mapped[str] = mapped_column(String(40))
    day: Mapped[date]  # of signing, in the province's zone
    medium: Mapped[str] = mapped_column(String(12))
    working_minutes: Mapped[int | None]  # submit → signed; empty for paper without a submission
    norm_minutes: Mapped[int | None]


class DayFact(HasId, Base):
    """Counts per day, unit and kind."""

    __tablename__ = "day_fact"
    __table_args__ = (Index("uq_day_fact_cell", "day", "unit_id", "kind", unique=True),)

    day: Mapped[date]
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    kind: Mapped[str] = mapped_column(String(40))
    created: Mapped[int] = mapped_column(default=0)
    submitted: Mapped[int] = mapped_column(default=0)
    signed: Mapped[int] = mapped_column(default=0)
    signed_electronic: Mapped[int] = mapped_column(default=0)
    signed_paper: Mapped[int] = mapped_column(default=0)
    within_norm: Mapped[int] = mapped_column(default=0)
    with_norm: Mapped[int] = mapped_column(default=0)
    returned: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
