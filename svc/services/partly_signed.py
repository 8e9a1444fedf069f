"""Documents of ours that not all of their signers have signed yet."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import exists, func, select

from svc.deps import Deps
from svc.errors import IntegrityViolation
from svc.models import Decree, DecreeSigner, StoredFile
from svc.services import verdict_words as words
from svc.services.examination import judge
from svc.services.files import read_file
from svc.services.signature_blocks import NamedSigner, shown_signers

_SECRET = frozenset({"R", "SR"})


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


def judge_unfinished(deps: Deps, decree: Decree) -> tuple[words.Sentence, tuple[NamedSigner, ...]]:
    """What the public is told of a decree that not all have signed: the sentence, and whose signatures it has and
    lacks. Of a secret decree (R, SR), and of signatures that do not pass, only the sentence is told.

    Who is missing is told by position alone: somebody else may hold it by then.

    :raises StorageUnavailable: no answer
    """
    if decree.status in {"rejected", "discarded"}:
        return words.grey(words.NOT_PURSUED), ()
    with deps.db.read_session() as session:
        blocks = shown_signers(session, decree.id)
        file = session.scalars(
            select(StoredFile).join(DecreeSigner, DecreeSigner.signed_sha256 == StoredFile.sha256)
            .where(DecreeSigner.decree_id == decree.id, StoredFile.decree_id == decree.id,
                   StoredFile.purpose == "frozen").order_by(DecreeSigner.ordinal.desc()).limit(1)).one_or_none()
    signed = sum(block.signed_at is not None for block in blocks)
    if not signed:
        return words.grey(words.NOT_SIGNED), ()
    if file is None:
        return words.grey(words.STORED_DIFFERS), ()
    try:
        report = judge(deps, read_file(deps, file.object_key, file.sha256))
    except IntegrityViolation:
        return words.grey(words.STORED_DIFFERS), ()
    if not report.passed:
        return words.of_failure(report), ()
    told = tuple(block if block.signed_at else replace(block, name="") for block in blocks)
    return (words.of_partly_signed(signed, len(blocks), is_complete=False),
            () if decree.security in _SECRET else told)
