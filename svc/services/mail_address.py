"""The one rule for a person's address for notices, whoever enters it."""

from __future__ import annotations

import re

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from svc.models import Person

UNREADABLE = "Alamat surel tidak dapat dibaca."
TAKEN = "Alamat surel ini sudah dipakai akun lain."
_LONGEST = 200
_ADDRESS = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s]+|[^@\s]{1,64}@localhost")


def address_fault(address: str) -> str:
    """What is wrong with the form of an address, or nothing."""
    is_good = len(address) <= _LONGEST and address.isprintable() and _ADDRESS.fullmatch(address)
    return "" if is_good else UNREADABLE


def is_taken(session: Session, address: str, own_id: int | None) -> bool:
    """Whether another person has this address, in whatever case."""
    return session.scalar(select(Person.id).where(
        func.lower(Person.email) == address.casefold(), Person.id != (own_id or 0)).limit(1)) is not None
