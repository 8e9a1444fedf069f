"""Fetching revocation lists and OCSP responses, and keeping them with the time at which they were first here.

Only addresses in certificates that chain to a confirmed anchor are asked, and only what that certificate's issuer
signed is kept. Our own authority is not asked: we make its list.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography import x509
from sqlalchemy import select

from certs.carried import certificates_in
from certs.names import readable_name
from certs.revocation import fingerprint, is_web, sources_of
from certs.revocation_answers import (
    Link,
    RevocationAnswer,
    RevocationAnswerRefused,
    ask_status,
    chain_to_anchor,
    read_list,
    read_status,
)
from certs.trust import TrustStore
from svc.deps import Deps
from svc.models import Credential, RevocationData
from svc.ports import FetchFailed
from svc.services.trust import trust_store
from svc.services.upsert import insert_missing

_LONGEST_NAME, _LONGEST_URL = 300, 500
# A round ends well before the worker's lease on it (five minutes): no address is asked after LONGEST_ROUND, and one
# answer takes a minute at most. Meanwhile the worker does nothing else.
LONGEST_ROUND = timedelta(minutes=2)
_MOST_ADDRESSES = 60
_TOO_SLOW = timedelta(seconds=4)
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FetchReport:
    """How many lists and responses were new, how many were here already, and what failed (address and why).

    ``is_complete``: everything was asked for; otherwise the time of one round was over. ``unnamed`` are the subjects
    of certificates that name no address to ask at.
    """

    new: int = 0
    known: int = 0
    failed: tuple[str, ...] = ()
    is_complete: bool = True
    unnamed: tuple[str, ...] = ()


@dataclass
class _Round:
    """One round of asking; no address is asked twice for the same, nor a host that kept it waiting for nothing."""

    deps: Deps
    trust: TrustStore
    since: datetime | None = None
    new: int = 0
    known: int = 0
    failed: list[str] = field(default_factory=list)
    unnamed: dict[str, None] = field(default_factory=dict)
    lists: dict[tuple[str, bytes], RevocationAnswer | None] = field(default_factory=dict)
    asked: int = 0
    silent_hosts: set[str] = field(default_factory=set)
    is_complete: bool = True
    ends_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.ends_at = self.deps.clock.now() + LONGEST_ROUND

    def may_ask(self) -> bool:
        """Whether one more address may be asked."""
        if self.asked >= _MOST_ADDRESSES or self.deps.clock.now() >= self.ends_at:
            self.is_complete = False
        return self.is_complete

    def report(self) -> FetchReport:
        return FetchReport(self.new, self.known, tuple(self.failed), self.is_complete, tuple(self.unnamed))


def refresh(deps: Deps) -> FetchReport:
    """Fetch anew what speaks of the confirmed authorities and of the credentials that others issued.

    An address that fails is reported and stops no other. A round that cannot ask for everything in its time says
    so; the next begins elsewhere, so that slow servers keep nobody waiting for good.
    """
    trust = trust_store(deps)
    one_round = _Round(deps, trust)
    none: tuple[x509.Certificate, ...] = ()
    everything = dict.fromkeys((*trust.anchors, *trust.timestamp_anchors, *trust.intermediates), none)
    everything |= dict(_foreign_credentials(deps))
    begun_at = deps.clock.now().isoformat().encode()
    for certificate in sorted(everything, key=lambda one: hashlib.sha256(begun_at + fingerprint(one)).digest()):
        _ask_about(one_round, certificate, everything[certificate])
    if not one_round.is_complete:
        logger.warning("revocation data: the time was over after %d addresses; the rest next time", one_round.asked)
    return one_round.report()


def fetch_for(deps: Deps, pdf: bytes, since: datetime | None = None) -> FetchReport:
    """Fetch what speaks of one file's signers and time stamps, and of the authorities above them.

    :param since: a signer's list that is older is not enough; its responder is asked too
    :raises certs.errors.DocumentUnsignable: the file cannot be read
    """
    carried = certificates_in(pdf)
    one_round = _Round(deps, trust_store(deps), since)
    for leaf in (*carried.signers, *carried.stampers):
        _ask_about(one_round, leaf, carried.known)
    return one_round.report()


def _foreign_credentials(deps: Deps) -> Iterator[tuple[x509.Certificate, tuple[x509.Certificate, ...]]]:
    with deps.db.read_session() as session:
        rows = session.execute(
            select(Credential.certificate_pem, Credential.chain_pem).where(
                Credential.status.in_(("active", "locked")), Credential.is_own_issue.is_(False),
                Credential.certificate_pem != "")).all()
    for certificate, chain in rows:
        try:
            above = x509.load_pem_x509_certificates(chain.encode()) if chain else []
            yield x509.load_pem_x509_certificate(certificate.encode()), tuple(above)
        except ValueError:
            logger.exception("a credential's certificate cannot be read")


def _ask_about(one_round: _Round, leaf: x509.Certificate, known: Iterable[x509.Certificate]) -> None:
    trust = one_round.trust
    anchors = (*trust.anchors, *trust.timestamp_anchors)
    pool = tuple(dict.fromkeys((*anchors, *trust.intermediates, *known)))
    own = one_round.deps.pki.chain
    ours = {fingerprint(one) for one in own}
    for link in chain_to_anchor(leaf, pool, anchors):
        if fingerprint(link.issuer) in ours:
            continue
        sources = sources_of(link.certificate)
        if not sources.is_askable:
            one_round.unnamed[readable_name(link.certificate.subject)] = None
        since = one_round.since if link.certificate == leaf else None
        answer = _first_list(one_round, link, sources.crl_urls)
        if answer is None or (since is not None and answer.issued_at < since):
            _first_status(one_round, link, sources.ocsp_urls)


def _first_list(one_round: _Round, link: Link, urls: tuple[str, ...]) -> RevocationAnswer | None:
    for url in filter(is_web, urls):
        key = (url, fingerprint(link.issuer))
        if key not in one_round.lists:
            data = _fetch(one_round, url, None)
            one_round.lists[key] = _keep_list(one_round, url, data, link) if data is not None else None
        if (found := one_round.lists[key]) is not None:
            return found
    return None


def _first_status(one_round: _Round, link: Link, urls: tuple[str, ...]) -> None:
    for url in filter(is_web, urls):
        data = _fetch(one_round, url, ask_status(link))
        if data is None:
            continue
        try:
            answer = read_status(data, link, one_round.deps.clock.now())
        except RevocationAnswerRefused as error:
            _fail(one_round, url, str(error))
            continue
        _keep(one_round, url, answer)
        return


def _fetch(one_round: _Round, url: str, body: bytes | None) -> bytes | None:
    host, clock = urlsplit(url).netloc, one_round.deps.clock
    if host in one_round.silent_hosts or not one_round.may_ask():
        return None
    one_round.asked += 1
    begun_at = clock.now()
    try:
        return one_round.deps.revocation.fetch(url, body)
    except FetchFailed as error:
        if clock.now() - begun_at >= _TOO_SLOW:
            one_round.silent_hosts.add(host)
        _fail(one_round, url, str(error))
        return None


def _keep_list(one_round: _Round, url: str, data: bytes, link: Link) -> RevocationAnswer | None:
    try:
        answer = read_list(data, link.issuer, one_round.deps.clock.now())
    except RevocationAnswerRefused as error:
        _fail(one_round, url, str(error))
        return None
    _keep(one_round, url, answer)
    return answer


def _fail(one_round: _Round, url: str, why: str) -> None:
    one_round.failed.append(f"{url}: {why}")
    logger.warning("revocation data not fetched: host=%s why=%s", urlsplit(url).netloc, why)


def _keep(one_round: _Round, url: str, answer: RevocationAnswer) -> None:
    sha256, deps = hashlib.sha256(answer.der).hexdigest(), one_round.deps
    with deps.db.read_session() as session:
        if session.scalar(select(RevocationData.id).where(RevocationData.sha256 == sha256)) is not None:
            one_round.known += 1
            return
    with deps.db.unit_of_work() as session:
        insert_missing(session, RevocationData, ("sha256",), {
            "kind": answer.kind, "sha256": sha256, "der": answer.der, "issuer": answer.issuer[:_LONGEST_NAME],
            "serial": answer.serial or None, "issued_at": answer.issued_at, "next_at": answer.next_at,
            "url": url[:_LONGEST_URL], "seen_at": deps.clock.now()})
    one_round.new += 1
