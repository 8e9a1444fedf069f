"""Looking into a file in the cage, with an answer whatever becomes of it there."""

from __future__ import annotations

from collections.abc import Iterable

from certs import unreadable
from certs.structure import Finding
from certs.trust import TrustStore
from certs.validation import Indication, Proof, Report
from svc.cage.port import CageCrashed, CageTimeout
from svc.deps import Deps
from svc.services.trust import trust_store


def judge(deps: Deps, pdf: bytes, trust: TrustStore | None = None, proofs: Iterable[Proof] = ()) -> Report:
    """The verdict on a file now; what no parser survives is INDETERMINATE/FORMAT_FAILURE (ETSI EN 319 102-1).

    :param trust: what to check against; None: what the service trusts
    :raises svc.cage.port.CageBusy: too many wait. :raises svc.cage.port.CageUnavailable: nobody can look
    """
    try:
        return deps.cage.validate(pdf, trust or trust_store(deps), deps.clock.now(), proofs)
    except CageTimeout:
        return _given_up(unreadable.TOO_LONG)
    except CageCrashed:
        return _given_up(unreadable.TOO_MUCH)


def _given_up(code: str) -> Report:
    return Report(Indication.INDETERMINATE, "FORMAT_FAILURE", (), unreadable.EXPLANATIONS[code],
                  findings=(Finding(code, 0),))
