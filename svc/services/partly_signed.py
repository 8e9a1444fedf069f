"""Documents of ours that not all of their signers have signed yet."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import exists, func, select

from svc.deps import Deps
from svc.models import Decree, DecreeSigner, StoredFile


@dataclass(frozen=True)
class PartlySigned:
    """How many of how many have signed in that file; ``is_complete``: by now there is one that all have signed."""

    signed: int
    total: int
    is_complete: bool


def find_partly_signed(deps: Deps, sha256: str) -> PartlySigned | None:
    """What a file was between two signatures, if it is one of ours in that state; None for any other file."""
    ours = exists().where(StoredFile.decree_id == DecreeSigner.decree_id, StoredFile.purpose == "frozen",
                          StoredFile.sha256 == sha256)
    with deps.db.read_session() as session:
        row = session.execute(
            select(DecreeSigner.decree_id, DecreeSigner.ordinal, Decree.signed_sha256)
            .join(Decree, Decree.id == DecreeSigner.decree_id)
            .where(DecreeSigner.signed_sha256 == sha256, ours).limit(1)).one_or_none()
        if row is None:
            return None
        total = session.scalar(select(func.count()).where(DecreeSigner.decree_id == row.decree_id)) or 0
    return PartlySigned(row.ordinal, total, row.signed_sha256 is not None)
