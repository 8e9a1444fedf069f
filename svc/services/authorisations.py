"""The signer's authorisations in the database: given in the claim's transaction, used up hash by hash.

What ``certs.authorisation`` checks where the key is used, these rows make hold over all processes and for ever:
a hash is claimed by inserting its row, and the row is unique.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from certs.authorisation import Authorisation, authorise
from svc.actors import Actor
from svc.deps import Deps
from svc.ids import new_public_id
from svc.models import AuthorisedDocument, Credential, SigningAuthorisation
from svc.services.upsert import insert_missing_rows


def give(session: Session, actor: Actor, credential: Credential, hashes: Iterable[str], factors: str,
         now: datetime) -> tuple[int, Authorisation]:
    """Write down what the actor authorises now; returns the row's id and the value that the key is guarded with."""
    authorisation = authorise(new_public_id(), actor.person_public_id, credential.public_id, hashes, now)
    row = SigningAuthorisation(
        public_id=authorisation.authorisation_id, person_id=actor.person_id, credential_id=credential.id,
        digest=authorisation.digest, hashes=list(authorisation.hashes), count=authorisation.count, factors=factors,
        given_at=authorisation.given_at, expires_at=authorisation.expires_at)
    session.add(row)
    session.flush()
    return row.id, authorisation


def ledger(deps: Deps, authorisation: Authorisation) -> Callable[[str], bool]:
    """Claims hashes of this authorisation in the database, each once over all processes."""

    def claim(sha256: str) -> bool:
        try:
            with deps.db.unit_of_work() as session:
                row = session.scalars(select(SigningAuthorisation).where(
                    SigningAuthorisation.public_id == authorisation.authorisation_id)).one()
                session.add(AuthorisedDocument(
                    authorisation_id=row.id, sha256=sha256, claimed_at=deps.clock.now()))
        except IntegrityError:
            return False
        return True

    return claim


def bulk_ledger(deps: Deps, authorisation: Authorisation) -> Callable[[Sequence[str]], frozenset[str]]:
    """As :func:`ledger` for several hashes in one transaction: tells those that it claimed."""

    def claim_many(digests: Sequence[str]) -> frozenset[str]:
        now = deps.clock.now()
        with deps.db.unit_of_work() as session:
            row_id = session.scalars(select(SigningAuthorisation.id).where(
                SigningAuthorisation.public_id == authorisation.authorisation_id)).one()
            rows = [{"authorisation_id": row_id, "sha256": one, "claimed_at": now} for one in sorted(set(digests))]
            return insert_missing_rows(session, AuthorisedDocument, ("authorisation_id", "sha256"), rows, "sha256")

    return claim_many


def covered_hashes(session: Session, row: SigningAuthorisation) -> frozenset[str]:
    """What an authorisation covers; it never changes, so a process reads a long list once."""
    found = _COVERED.get(row.public_id)
    if found is None:
        listed = session.scalars(select(SigningAuthorisation.hashes).where(SigningAuthorisation.id == row.id)).one()
        found = frozenset(listed)
        while len(_COVERED) >= _MOST_COVERED:
            _COVERED.pop(next(iter(_COVERED)), None)
        _COVERED[row.public_id] = found
    return found


_MOST_COVERED = 8
_COVERED: dict[str, frozenset[str]] = {}
