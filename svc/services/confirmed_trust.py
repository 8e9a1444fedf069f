"""What administrators confirmed as anchors and what revocation data is kept, read from the database once."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

from cryptography import x509
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from certs.trust import TrustStore
from svc.db import Database
from svc.deps import Deps
from svc.models import RevocationData, TrustAnchor

_PER_SOURCE = 3  # the newest, and some before it that may speak of earlier moments
_MOST = 300
_MOST_BYTES = 24 * 1024 * 1024  # all of it goes to the cage in one frame


@dataclass(frozen=True)
class ConfirmedTrust:
    """Each certificate for what it was confirmed for, and no more. Lists and responses are DER."""

    signer: tuple[x509.Certificate, ...] = ()
    timestamp: tuple[x509.Certificate, ...] = ()
    intermediates: tuple[x509.Certificate, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()

    def added_to(self, own: TrustStore) -> TrustStore:
        """``own`` with these. Anchors of one purpose are kept from serving the other."""
        timestamp = own.tsa_anchors
        if self.signer or self.timestamp:
            timestamp = (*own.timestamp_anchors, *self.timestamp)  # empty would mean: as for signers
        return replace(own, anchors=(*own.anchors, *self.signer), tsa_anchors=timestamp,
                       intermediates=(*own.intermediates, *self.intermediates)).with_revocation(self.crls, self.ocsps)


@dataclass(frozen=True)
class _Known:
    state: tuple[Any, ...]
    trust: ConfirmedTrust


_known: WeakKeyDictionary[Database, _Known] = WeakKeyDictionary()
_known_lock = threading.Lock()


def confirmed_trust(deps: Deps) -> ConfirmedTrust:
    """The confirmed anchors and the kept lists; read anew only after one of them changed."""
    with deps.db.read_session() as session:
        state = _state(session)
        with _known_lock:
            known = _known.get(deps.db)
        if known is not None and known.state == state:
            return known.trust
        trust = _read(session) if any(state) else ConfirmedTrust()  # nothing confirmed, nothing fetched
    with _known_lock:
        _known[deps.db] = _Known(state, trust)
    return trust


def _state(session: Session) -> tuple[Any, ...]:
    anchors = session.execute(
        select(func.count(), func.max(TrustAnchor.id), func.max(TrustAnchor.decided_at), func.sum(TrustAnchor.id))
        .where(TrustAnchor.status == "confirmed")).one()
    lists = session.execute(select(func.count(), func.max(RevocationData.id))).one()
    return (*anchors, *lists)


def _read(session: Session) -> ConfirmedTrust:
    rows = session.scalars(select(TrustAnchor).where(TrustAnchor.status == "confirmed").order_by(TrustAnchor.id)).all()
    loaded = [(row.purpose, x509.load_pem_x509_certificate(row.pem.encode())) for row in rows]
    lists = _newest(session)  # anchors in var/trust need them as those here do
    return ConfirmedTrust(
        signer=tuple(one for purpose, one in loaded if purpose in {"signer", "both"}),
        timestamp=tuple(one for purpose, one in loaded if purpose in {"timestamp", "both"}),
        intermediates=tuple(one for purpose, one in loaded if purpose == "intermediate"),
        crls=tuple(row.der for row in lists if row.kind == "crl"),
        ocsps=tuple(row.der for row in lists if row.kind == "ocsp"))


def _newest(session: Session) -> list[RevocationData]:
    """The latest three of each source (an authority may publish several lists), the latest ones first in line."""
    ranks: Counter[tuple[str, str, str, str]] = Counter()
    ranked: list[tuple[int, int, int]] = []
    heads = session.execute(
        select(RevocationData.id, RevocationData.kind, RevocationData.issuer, RevocationData.serial,
               RevocationData.url, func.length(RevocationData.der))
        .order_by(RevocationData.issued_at.desc(), RevocationData.id.desc()))
    for row_id, kind, issuer, serial, url, size in heads:
        source = (kind, issuer, serial or "", url)
        ranks[source] += 1
        if ranks[source] <= _PER_SOURCE:
            ranked.append((ranks[source], row_id, size))
    chosen, left = [], _MOST_BYTES
    for _rank, row_id, size in sorted(ranked, key=lambda one: one[0])[:_MOST]:
        if size <= left:
            chosen.append(row_id)
            left -= size
    return list(session.scalars(
        select(RevocationData).where(RevocationData.id.in_(chosen)).order_by(RevocationData.issued_at.desc())))
