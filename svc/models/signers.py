"""Whose names stand in the signature blocks of a frozen document."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from svc.models.base import Base, HasId, Sha256


class DecreeSigner(HasId, Base):
    """One signature block of the frozen document, ``ordinal`` counting from 1 in the order of signing.

    A block whose position is vacant names nobody. What was signed stays: ``signed_at`` and ``signed_sha256`` (of the
    document that bears this signature and those before it) are set once. Rows go when the document is given back
    unsigned, and are written anew when it is frozen again.
    """

    __tablename__ = "decree_signer"
    __table_args__ = (
        UniqueConstraint("decree_id", "ordinal"),
        CheckConstraint("ordinal >= 1", name="ordinal"),
        CheckConstraint("(person_id IS NULL) = (capacity IS NULL)", name="named"),
        CheckConstraint("(signed_at IS NULL) = (signed_sha256 IS NULL)", name="signed"),
    )

    decree_id: Mapped[int] = mapped_column(ForeignKey("decree.id"))
    ordinal: Mapped[int]
    position_id: Mapped[int] = mapped_column(ForeignKey("position.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    capacity: Mapped[str | None] = mapped_column(String(12))
    signed_at: Mapped[datetime | None]
    signed_sha256: Mapped[str | None] = mapped_column(Sha256)
