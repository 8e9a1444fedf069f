"""What the register of archived documents proves: these bytes were here at that time."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable

from sqlalchemy import select

from certs.statement import StatementInvalid, check_stamp
from certs.validation import Proof
from svc.deps import Deps
from svc.models import ArchivedDocument

logger = logging.getLogger(__name__)


def proofs_for(deps: Deps, digests: Iterable[str]) -> tuple[Proof, ...]:
    """What the register proves about a file, given the SHA-256 of its revisions and of the whole."""
    with deps.db.read_session() as session:
        rows = session.scalars(select(ArchivedDocument).where(ArchivedDocument.sha256.in_(list(digests)))).all()
    return proofs_of(deps, rows)


def proofs_of(deps: Deps, rows: Iterable[ArchivedDocument]) -> tuple[Proof, ...]:
    """The entries that their own tokens prove; one whose row was altered proves nothing and is reported."""
    found = []
    for row in rows:
        try:
            stamped_at = check_stamp(row.entry, row.token, deps.pki.tsa_certificates)
            entry = json.loads(row.entry)
            is_so = (entry["sha256"], entry["size"]) == (row.sha256, row.size)
        except (StatementInvalid, ValueError, KeyError, TypeError) as error:
            is_so = False
            logger.error("register entry does not hold: document=%s error=%s",  # noqa: TRY400
                         row.public_id, type(error).__name__)
        if is_so:
            found.append(Proof(row.sha256, row.size, stamped_at))
    return tuple(found)
