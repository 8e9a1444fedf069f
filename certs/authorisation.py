"""The signer's act as a value: which documents, with which credential, until when; each of them once.

After the signature activation data of CSC API v2 (8.4) and EN 419 241-1 (sole control): what a signer
authorised is a fixed list of hashes, and the check stands where the key is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from certs.errors import SigningError
from certs.pades import SignedDocument, SignRequest
from certs.signers.port import DocumentSigner

LONGEST = timedelta(minutes=5)


class AuthorisationError(SigningError):
    """The authorisation does not cover this signature."""

    code: ClassVar[str] = "authorisation_error"


class AuthorisationExpired(AuthorisationError):
    """Its time is over: the signer authorises what is left anew."""

    code = "authorisation_expired"


class NotAuthorised(AuthorisationError):
    """These bytes are not among what was authorised."""

    code = "not_authorised"


class AuthorisationSpent(AuthorisationError):
    """These bytes were signed under it already."""

    code = "authorisation_spent"


@dataclass(frozen=True)
class Authorisation:
    """What one person authorised with one credential. ``hashes`` are SHA-256 in lower-case hexadecimal, sorted."""

    authorisation_id: str
    user_id: str
    credential_id: str
    hashes: tuple[str, ...]
    given_at: datetime
    expires_at: datetime

    def __post_init__(self) -> None:
        if not self.hashes or list(self.hashes) != sorted(set(self.hashes)):
            raise ValueError("the hashes must be sorted, each once, and at least one")
        if not timedelta(0) < self.expires_at - self.given_at <= LONGEST:
            raise ValueError("an authorisation lives at most five minutes")

    @property
    def count(self) -> int:
        return len(self.hashes)

    @property
    def digest(self) -> str:
        """SHA-256 over everything it is bound to: what an audit event or a signer names it by."""
        parts = (self.user_id, self.credential_id, str(self.count), self.expires_at.isoformat(), *self.hashes)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def authorise(authorisation_id: str, user_id: str, credential_id: str, hashes: Iterable[str], now: datetime,
              life: timedelta = LONGEST) -> Authorisation:
    """An authorisation of these hashes from now on. :raises ValueError: none, or it would live too long"""
    return Authorisation(authorisation_id, user_id, credential_id, tuple(sorted(set(hashes))), now, now + life)


class AuthorisedSigner:
    """A document signer that signs what an authorisation covers, each once, and nothing else.

    ``claim`` is asked for every hash before the key is used and must be atomic over all processes: it returns
    False when the hash was claimed before. A hash stays claimed when signing fails, for the outcome may be
    unknown; the signer's new act is a new authorisation.
    """

    def __init__(self, inner: DocumentSigner, authorisation: Authorisation, clock: Callable[[], datetime],
                 claim: Callable[[str], bool]) -> None:
        self._inner = inner
        self._authorisation = authorisation
        self._clock = clock
        self._claim = claim

    def sign(self, pdf: bytes, request: SignRequest) -> SignedDocument:
        """As the signer within. :raises AuthorisationError: these bytes are not, or no longer, authorised"""
        digest = hashlib.sha256(pdf).hexdigest()
        if digest not in self._authorisation.hashes:
            raise NotAuthorised("the document is not among those authorised")
        now = self._clock()
        if not self._authorisation.given_at <= now < self._authorisation.expires_at:
            raise AuthorisationExpired("the authorisation is over")
        if not self._claim(digest):
            raise AuthorisationSpent("the document was claimed under this authorisation before")
        return self._inner.sign(pdf, request)
