"""All keys that are held just now, each for one authorisation."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from certs.authorisation import Authorisation
from certs.pades import SignedDocument
from svc import failpoints
from svc.ports import ElsewhereKey, GrantOver, NotSigned, SigningHostDown, StoredKey, ToSign
from svc.signing_host.grant import CLOCKS_APART, Grant
from svc.signing_host.signers import Means

log = structlog.get_logger("paraf.signing_host")

MOST_GRANTS = 256
_REMEMBERED_SECONDS = 2 * 86_400.0  # an authorisation lives for minutes, and no clock is set back by so much unnoticed


@dataclass(frozen=True)
class _Held:
    grant: Grant
    timer: threading.Timer


class KeyHolder:
    """The rules of a :class:`svc.ports.SigningHost`, for any number of threads.

    A key is forgotten when the last of its documents was begun, when it is closed, when its backend refuses what
    the signer typed, and when its time is over, by the clock and by a timer besides: a clock can be set back. What
    was signed with it is known until then, or until its taker says that it is on record. An authorisation that is
    over is never opened again. Logs tell ids and counts.
    """

    def __init__(self, means: Means, most: int = MOST_GRANTS) -> None:
        self._means = means
        self._most = most
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}
        self._over: dict[str, float] = {}  # until when (monotonic, for clocks are set back) it is known as over

    def open(self, authorisation: Authorisation, key: StoredKey | ElsewhereKey) -> None:
        """Hold the key; the same authorisation a second time changes nothing.

        :raises GrantOver: it is over, was closed or used up, or lies in the future, is another under a known id, or is
            for another key than this
        :raises SigningHostDown: too many keys are held
        """
        now = self._means.clock.now()
        self._sweep()
        name = authorisation.authorisation_id
        if key.owner != authorisation.owner:
            log.error("key_of_another", authorisation=name)
            raise GrantOver(name)
        with self._lock:
            known = self._held.get(name)
            if known is not None and known.grant.authorisation == authorisation and not known.grant.ended:
                return
            if known is not None or name in self._over or not _is_now(authorisation, now):
                raise GrantOver(name)
            if len(self._held) >= self._most:
                raise SigningHostDown("too many keys are held")
            seconds = (authorisation.expires_at - now).total_seconds()
            timer = threading.Timer(seconds, self._end, (name, "time_is_over"))
            timer.daemon = True
            self._held[name] = _Held(Grant(authorisation, key, self._means), timer)
            timer.start()
        failpoints.reach("host.opened")
        log.info("grant_opened", authorisation=name, documents=authorisation.count, key=_kind_of(key))

    def sign(self, authorisation_id: str, documents: Sequence[ToSign]) -> tuple[SignedDocument | NotSigned, ...]:
        """As :meth:`svc.ports.SigningHost.sign`. :raises GrantOver: nothing was signed"""
        self._sweep()
        with self._lock:
            held = self._held.get(authorisation_id)
        if held is None:
            raise GrantOver(authorisation_id)
        began = time.perf_counter()
        failpoints.reach("host.before_sign")
        results = held.grant.sign(documents)
        failpoints.reach("host.after_sign")
        if held.grant.is_over:
            self._end(authorisation_id, held.grant.ended)
        log.info("documents_signed", authorisation=authorisation_id, documents=len(documents),
                 signed=sum(isinstance(one, SignedDocument) for one in results),
                 ms=round((time.perf_counter() - began) * 1000))
        return results

    def forget(self, authorisation_id: str, hashes: Sequence[str]) -> None:
        """Forget what was answered for these documents; fine when it is forgotten already."""
        with self._lock:
            held = self._held.get(authorisation_id)
        if held is not None:
            held.grant.forget(hashes)
            if held.grant.is_over:
                self._end(authorisation_id, held.grant.ended)

    def close(self, authorisation_id: str) -> None:
        """Forget the key now, and what was answered; fine when it is forgotten already."""
        self._end(authorisation_id, "closed")

    def close_all(self) -> None:
        """Forget every key."""
        with self._lock:
            names = list(self._held)
        for name in names:
            self._end(name, "closed")

    def is_open(self, authorisation_id: str) -> bool:
        """Whether the key is held."""
        self._sweep()
        with self._lock:
            held = self._held.get(authorisation_id)
        return held is not None and not held.grant.ended

    def _sweep(self) -> None:
        with self._lock:
            over = [name for name, held in self._held.items() if held.grant.is_over]
            for name in [name for name, until in self._over.items() if until <= time.monotonic()]:
                del self._over[name]
        for name in over:
            self._end(name, "time_is_over")

    def _end(self, name: str, why: str) -> None:
        with self._lock:
            held = self._held.pop(name, None)
            if held is None:
                return
            self._over[name] = time.monotonic() + _REMEMBERED_SECONDS
        held.timer.cancel()
        held.grant.end(why)
        log.info("grant_over", authorisation=name, why=held.grant.ended, documents=held.grant.authorisation.count,
                 begun=held.grant.used)


def _is_now(authorisation: Authorisation, now: datetime) -> bool:
    return authorisation.given_at - CLOCKS_APART <= now < authorisation.expires_at


def _kind_of(key: StoredKey | ElsewhereKey) -> str:
    return "stored" if isinstance(key, StoredKey) else key.key.backend
