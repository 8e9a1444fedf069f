"""Authorities that stand on a trusted list (ETSI TS 119 612), taken in and kept in step with its later issues."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from certs.trusted_list import TrustedListRefused, TrustedListsUnsupported, read_trusted_list
from svc.deps import Deps
from svc.errors import InvalidInput, ServiceUnavailable
from svc.models import TrustAnchor
from svc.services.anchors import AnchorView, decide, load_certificates, offer_one, view_of


class ListRefused(InvalidInput):
    code = "trusted_list_refused"
    message = "Daftar ini tidak dapat dipakai: %(why)s."


class ListsUnsupported(ServiceUnavailable):
    code = "trusted_lists_unsupported"
    message = ("Pustaka untuk daftar tepercaya belum terpasang: pip install 'paraf[eutl]', atau dari klon: "
               ".venv/bin/pip install -e '.[eutl]'.")


@dataclass(frozen=True)
class ListTaken:
    """What came of a list: entries that stand on it, entries of its earlier issues that do no more (withdrawn now),
    and how many services were left out, for no certificate of an authority stands for them."""

    territory: str
    sequence: int
    issued_at: datetime
    next_update: datetime
    listed: tuple[AnchorView, ...]
    withdrawn: tuple[AnchorView, ...]
    left_out: int


def take_in(deps: Deps, xml: bytes, operator: bytes, *, is_confirmed: bool) -> ListTaken:
    """From the command line: put a list's granted authorities on ours as candidates, and withdraw what an earlier
    issue of it had brought and this one does not have. All of it is one transaction.

    :param operator: certificate of the scheme operator who signs the list, PEM or DER; the caller vouches for it
    :param is_confirmed: trust them at once, by the list's signature; else each waits for its confirmation
    :raises InvalidInput: ``operator`` is not one certificate. :raises ListRefused: not this operator's, or out of date
    :raises ListsUnsupported: the extra is not installed
    """
    operators = load_certificates(operator)
    if len(operators) != 1:
        raise InvalidInput(fields={"operator": "Harus tepat satu sertifikat."})
    try:
        found = read_trusted_list(xml, operators[0], deps.clock.now())
    except TrustedListRefused as error:
        raise ListRefused(params={"why": str(error)}) from error
    except TrustedListsUnsupported as error:
        raise ListsUnsupported from error
    of_list = f"trusted list {found.territory}, number "
    with deps.db.unit_of_work() as session:
        earlier = session.scalars(select(TrustAnchor).where(
            TrustAnchor.source.startswith(of_list, autoescape=True), TrustAnchor.status != "withdrawn")
            .with_for_update()).all()
        newest = max((int(row.source.removeprefix(of_list)) for row in earlier), default=0)
        if newest > found.sequence:
            raise ListRefused(params={"why": f"number {newest} was taken in already, this is {found.sequence}"})
        listed = [offer_one(session, deps, None, one, f"{of_list}{found.sequence}") for one in found.authorities]
        for row in listed:
            if row.source.startswith(of_list):
                row.source = f"{of_list}{found.sequence}"
            if is_confirmed and row.status != "confirmed":
                decide(session, deps, None, row, "confirmed")
        gone = [row for row in earlier if row not in listed]
        for row in gone:
            decide(session, deps, None, row, "withdrawn")
        return ListTaken(found.territory, found.sequence, found.issued_at, found.next_update,
                         tuple(map(view_of, listed)), tuple(map(view_of, gone)), found.left_out)
