"""Units, positions, persons and who holds which position from when to when."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from svc.models.base import Base, HasPublicId


class Unit(HasPublicId, Base):
    """A unit of the organisation (perangkat daerah, bidang, subbag); the tree hangs on ``parent_id``."""

    __tablename__ = "unit"

    code: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"), index=True)
    # Printed on letters of this unit; inherited from the parent where empty.
    letter_code: Mapped[str | None] = mapped_column(String(32))
    address: Mapped[str | None] = mapped_column(String(300))
    phone: Mapped[str | None] = mapped_column(String(60))
    email: Mapped[str | None] = mapped_column(String(120))
    website: Mapped[str | None] = mapped_column(String(120))
    place: Mapped[str | None] = mapped_column(String(80))
    is_active: Mapped[bool] = mapped_column(default=True)


class Position(HasPublicId, Base):
    """A position (jabatan). ``roles`` is a sorted, comma-separated subset of ``svc.roles.Role``."""

    __tablename__ = "position"

    code: Mapped[str] = mapped_column(String(64), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    superior_id: Mapped[int | None] = mapped_column(ForeignKey("position.id"), index=True)
    roles: Mapped[str] = mapped_column(String(120), default="")
    # Lines above the title in the signature block, e.g. "a.n. GUBERNUR NUSA MANDALA".
    on_behalf_of: Mapped[str | None] = mapped_column(String(200))
    is_active: Mapped[bool] = mapped_column(default=True)

    unit: Mapped[Unit] = relationship(lazy="raise")


class Person(HasPublicId, Base):
    """A person with an account. The NIP (18 digits) is personal data and never logged."""

    __tablename__ = "person"

    nip: Mapped[str | None] = mapped_column(String(18), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    rank: Mapped[str | None] = mapped_column(String(80))
    email: Mapped[str] = mapped_column(String(200), unique=True)
    username: Mapped[str] = mapped_column(String(80), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    totp_secret: Mapped[bytes | None]  # sealed under the server key
    totp_last_step: Mapped[int | None]  # a TOTP code is accepted once (RFC 6238 section 5.2)
    locale: Mapped[str] = mapped_column(String(8), default="id")
    is_active: Mapped[bool] = mapped_column(default=True)
    failed_logins: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    # Changes whenever password, second factor or activity change: ends all open sessions.
    session_epoch: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]


class Holding(HasPublicId, Base):
    """A person holds a position in a capacity (definitive, plt, plh, pj) between two dates."""

    __tablename__ = "holding"
    __table_args__ = (
        CheckConstraint("capacity IN ('definitive','plt','plh','pj')", name="capacity"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="window"),
        Index(None, "person_id", "valid_from"),
        Index(None, "position_id", "valid_from"),
    )

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    position_id: Mapped[int] = mapped_column(ForeignKey("position.id"))
    capacity: Mapped[str] = mapped_column(String(12), default="definitive")
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]  # inclusive, in the province's zone
    instrument: Mapped[str | None] = mapped_column(String(200))  # number of the appointing decree

    person: Mapped[Person] = relationship(lazy="raise")
    position: Mapped[Position] = relationship(lazy="raise")
