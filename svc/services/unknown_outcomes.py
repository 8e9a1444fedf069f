"""Which decrees an act of signing has left in the dark."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, literal_column, select

from svc.models import Decree, SigningAttempt

# Written as a literal, since a partial index is used only where its own condition stands in the query.
STATE_UNKNOWN: ColumnElement[bool] = literal_column("signing_attempt.state = 'unknown'")


def outcome_is_unknown() -> ColumnElement[bool]:
    """Condition over decrees: an act on it ended, and nobody knows whether it made a signature."""
    return and_(Decree.status == "signing", exists(select(SigningAttempt.id).where(
        SigningAttempt.decree_id == Decree.id, STATE_UNKNOWN).correlate(Decree)))
