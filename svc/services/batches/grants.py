"""Keys that the signing host holds for authorisations: closed as soon as what they were given for is over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from svc.deps import Deps
from svc.models import Batch, Credential, Holding, Person, SigningAttempt, SigningAuthorisation
from svc.ports import SigningHostDown
from svc.services.batches.model import stop_work, touch

CERTIFICATE_REVOKED, HOLDING_ENDED = "certificate_revoked", "holding_ended"


def close_grants(deps: Deps, authorisation_ids: Iterable[str]) -> None:
    """Have the host forget the keys of these authorisations (public ids)."""
    try:
        for one in authorisation_ids:
            deps.signing_host.close(one)
    except SigningHostDown:
        return  # with the process the keys are gone


def close_outlived(deps: Deps, authorisation_id: int | None) -> None:
    """Close an authorisation that another one has taken the place of, unless documents are being signed under it:
    whoever is at them closes it afterwards."""
    with deps.db.read_session() as session:
        found = session.get(SigningAuthorisation, authorisation_id or 0)
        at_work = session.scalar(select(SigningAttempt.id).where(
            SigningAttempt.authorisation_id == (authorisation_id or 0), SigningAttempt.state == "claimed").limit(1))
        is_current = session.scalar(select(Batch.id).where(Batch.authorisation_id == (authorisation_id or 0)).limit(1))
    if found is not None and at_work is None and is_current is None:
        close_grants(deps, [found.public_id])


def end_grants(session: Session, code: str, now: datetime, *, credential_id: int | None = None,
               person_id: int | None = None) -> list[str]:
    """Stop every batch that is signed with a credential, or by a person, in the caller's transaction; why stands in
    the code. Returns the living authorisations, which the caller closes once that is committed."""
    whose: ColumnElement[bool] = (SigningAuthorisation.person_id == person_id if credential_id is None
                                  else SigningAuthorisation.credential_id == credential_id)
    found = {row.id: row.public_id for row in session.execute(
        select(SigningAuthorisation.id, SigningAuthorisation.public_id)
        .where(whose, SigningAuthorisation.expires_at > now))}
    for batch in session.scalars(select(Batch).where(Batch.authorisation_id.in_(found), Batch.work == "sign")
                                 .order_by(Batch.id).with_for_update()):
        stop_work(batch, code, now)
        touch(batch, now)
    return list(found.values())


def why_over(session: Session, batch: Batch, authorisation: SigningAuthorisation, today: date) -> str:
    """Why nothing may be signed any more under an authorisation that has not expired; empty: nothing is wrong."""
    if session.scalar(select(Credential.status).where(Credential.id == authorisation.credential_id)) == "revoked":
        return CERTIFICATE_REVOKED
    holds = select(Holding.id).join(Person, Person.id == Holding.person_id).where(
        Person.id == authorisation.person_id, Person.is_active, Holding.position_id == batch.work_position_id,
        Holding.capacity == batch.work_capacity, Holding.valid_from <= today,
        or_(Holding.valid_to.is_(None), Holding.valid_to >= today))
    return HOLDING_ENDED if session.scalar(holds.limit(1)) is None else ""
