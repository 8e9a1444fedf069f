"""The signer's act as a value: which documents, with which credential, until when; each of them once.

After the signature activation data of CSC API v2 (8.4) and EN 419 241-1 (sole control): what a signer
authorised is a fixed list of hashes, and the check stands where the key is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, TypeAlias

from certs.errors import CertsError, SigningError
from certs.pades import SignedDocument, SignRequest
from certs.signers.port import (
    ActivationRefused,
    BackendUnavailable,
    ChunkSigner,
    DocumentSigner,
    OutcomeUnknown,
    SessionSigner,
    SignerNotReady,
)

LONGEST = timedelta(minutes=5)
CHUNK = 25  # documents that are claimed together
Item: TypeAlias = tuple[bytes, SignRequest]


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
class Owner:
    """Whose key, and which of his: compared with the authorisation where the key is used."""

    user_id: str
    credential_id: str


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
    def owner(self) -> Owner:
        """The only key that it is for."""
        return Owner(self.user_id, self.credential_id)

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


@dataclass(frozen=True)
class ItemSigned:
    """A document of a batch that is signed; ``index`` counts the batch from 0, ``sha256`` is of what was authorised."""

    index: int
    sha256: str
    document: SignedDocument = field(repr=False)


@dataclass(frozen=True)
class ItemNotSigned:
    """A document whose turn came and that is not signed for ``error``, or of which that is not known."""

    index: int
    sha256: str
    error: CertsError

    @property
    def is_unknown(self) -> bool:
        """Whether there may be a signature: its request left and was not answered."""
        return isinstance(self.error, OutcomeUnknown)

    @property
    def stops(self) -> bool:
        """Whether no further document of the batch was tried."""
        return isinstance(self.error, _STOPPING)


@dataclass(frozen=True)
class ItemNotTried:
    """A document that never reached the key, since the batch ended before, for ``because``.

    ``is_claimed``: it was claimed with those that were tried, so a new authorisation is needed for it. One that is
    not claimed can be handed in again under the same one while it lives.
    """

    index: int
    sha256: str
    because: CertsError
    is_claimed: bool = False


ItemOutcome: TypeAlias = ItemSigned | ItemNotSigned | ItemNotTried
_STOPPING = (ActivationRefused, SignerNotReady, BackendUnavailable, OutcomeUnknown, AuthorisationExpired)


class AuthorisedSigner:
    """A document signer that signs what an authorisation covers, each once, and nothing else.

    ``claim`` is asked for every hash before the key is used and must be atomic over all processes: it returns
    False when the hash was claimed before. A hash stays claimed when signing fails, for the outcome may be
    unknown; the signer's new act is a new authorisation. ``claim_many`` does the same for several hashes at once
    and tells those that it claimed; without it they are claimed one by one.

    :raises NotAuthorised: ``inner`` signs with a key of another ``owner`` than was authorised
    """

    def __init__(self, inner: DocumentSigner, owner: Owner, authorisation: Authorisation,
                 clock: Callable[[], datetime], claim: Callable[[str], bool],
                 claim_many: Callable[[Sequence[str]], Set[str]] | None = None) -> None:
        if owner != authorisation.owner:
            raise NotAuthorised(_OTHER_KEY)
        self._inner = inner
        self._authorisation = authorisation
        self._covered = frozenset(authorisation.hashes)
        self._clock = clock
        self._claim = claim
        self._claim_many = claim_many or self._claim_each

    def sign(self, pdf: bytes, request: SignRequest) -> SignedDocument:
        """As the signer within. :raises AuthorisationError: these bytes are not, or no longer, authorised"""
        digest = hashlib.sha256(pdf).hexdigest()
        if digest not in self._covered:
            raise NotAuthorised(_FOREIGN)
        if not self._is_alive():
            raise AuthorisationExpired(_OVER)
        if not self._claim(digest):
            raise AuthorisationSpent(_SPENT)
        return self._inner.sign(pdf, request)

    def sign_many(self, items: Iterable[Item], most: int = CHUNK) -> Iterator[ItemOutcome]:
        """Sign several documents under the one act: an outcome for each, in their order, as they come.

        Documents are taken from ``items`` and claimed in chunks of at most ``most``, or of what one call to the
        backend takes, so no more than a chunk is held; whoever stops asking for outcomes leaves the next chunk
        untouched. A chunk is one call where the backend takes several documents (BSrE v2, a CSC service), one
        session where it is entered once (PKCS#11), and one document after the other elsewhere.

        What concerns one document (not listed, claimed before, unsignable, no time stamp) is its own outcome, and
        the others go on. What concerns the signer or the backend (:class:`ActivationRefused`,
        :class:`SignerNotReady`, :class:`BackendUnavailable`, :class:`OutcomeUnknown`, the authorisation's end) is
        the outcome of those that were being signed, and all further ones are :class:`ItemNotTried`: a wrong
        passphrase costs one attempt. Nothing is tried twice.

        :raises ValueError: ``most`` is less than one
        """
        if most < 1:
            raise ValueError("a chunk has at least one document")
        inner = self._inner
        if isinstance(inner, ChunkSigner):
            return self._outcomes(_chunks(items, min(most, inner.most), inner.most_bytes))
        return self._outcomes(_chunks(items, most))

    def _outcomes(self, chunks: Iterable[list[_Entry]]) -> Iterator[ItemOutcome]:
        stopped: CertsError | None = None
        for chunk in chunks:
            if stopped is None and not self._is_alive():
                stopped = AuthorisationExpired(_OVER)
            if stopped is not None:
                yield from (one.not_tried(stopped) for one in chunk)
                continue
            for outcome in self._sign_chunk(chunk, self._refused(chunk)):
                stopped = stopped or _stop_of(outcome)
                yield outcome

    def _sign_chunk(self, chunk: list[_Entry], refused: dict[int, CertsError]) -> Iterable[ItemOutcome]:
        if isinstance(self._inner, ChunkSigner):
            return self._in_one_call(self._inner, chunk, refused)
        if isinstance(self._inner, SessionSigner):
            return self._in_one_session(self._inner, chunk, refused)
        return self._one_by_one(chunk, refused)

    def _one_by_one(self, chunk: list[_Entry], refused: dict[int, CertsError]) -> Iterator[ItemOutcome]:
        stopped: CertsError | None = None
        for one in chunk:
            if one.index in refused:
                yield ItemNotSigned(one.index, one.sha256, refused[one.index])
                continue
            if stopped is None and not self._is_alive():
                stopped = AuthorisationExpired(_OVER)
            outcome = self._attempt(one) if stopped is None else one.not_tried(stopped, is_claimed=True)
            stopped = stopped or _stop_of(outcome)
            yield outcome

    def _attempt(self, one: _Entry) -> ItemOutcome:
        try:
            return ItemSigned(one.index, one.sha256, self._inner.sign(one.pdf, one.request))
        except CertsError as error:
            return ItemNotSigned(one.index, one.sha256, error)

    def _in_one_session(self, inner: SessionSigner, chunk: list[_Entry], refused: dict[int, CertsError]
                        ) -> Iterable[ItemOutcome]:
        """All of it before the first outcome is told, so that nobody's reading keeps the session open."""
        fresh = [one.index for one in chunk if one.index not in refused]
        if not fresh:
            return list(self._one_by_one(chunk, refused))
        try:
            with inner.session():
                return list(self._one_by_one(chunk, refused))
        except CertsError as error:  # not let in: the first one's attempt is spent
            told = {fresh[0]: error} | refused
            return [ItemNotSigned(one.index, one.sha256, told[one.index]) if one.index in told
                    else one.not_tried(error, is_claimed=True) for one in chunk]

    def _in_one_call(self, inner: ChunkSigner, chunk: list[_Entry], refused: dict[int, CertsError]
                     ) -> Iterator[ItemOutcome]:
        fresh = [one for one in chunk if one.index not in refused]
        results: dict[int, SignedDocument | CertsError] = dict(refused)
        if fresh and self._is_alive():
            made = inner.sign_chunk([(one.pdf, one.request) for one in fresh])
            results |= zip((one.index for one in fresh), made, strict=True)
        for one in chunk:
            result = results.get(one.index)
            if result is None:
                yield one.not_tried(AuthorisationExpired(_OVER), is_claimed=True)
            elif isinstance(result, SignedDocument):
                yield ItemSigned(one.index, one.sha256, result)
            else:
                yield ItemNotSigned(one.index, one.sha256, result)

    def _refused(self, chunk: list[_Entry]) -> dict[int, CertsError]:
        """Claims a chunk; tells, by index, what is not to be signed and why."""
        refused: dict[int, CertsError] = {}
        first: dict[str, int] = {}
        for one in chunk:
            if one.sha256 not in self._covered:
                refused[one.index] = NotAuthorised(_FOREIGN)
            elif first.setdefault(one.sha256, one.index) != one.index:
                refused[one.index] = AuthorisationSpent(_SPENT)
        claimed = self._claim_many(tuple(first)) if first else frozenset[str]()
        return refused | {index: AuthorisationSpent(_SPENT) for digest, index in first.items() if digest not in claimed}

    def _claim_each(self, digests: Sequence[str]) -> Set[str]:
        return {one for one in digests if self._claim(one)}

    def _is_alive(self) -> bool:
        return self._authorisation.given_at <= self._clock() < self._authorisation.expires_at


_FOREIGN = "the document is not among those authorised"
_OTHER_KEY = "the key is not the one that was authorised"
_OVER = "the authorisation is over"
_SPENT = "the document was claimed under this authorisation before"


@dataclass(frozen=True)
class _Entry:
    """One document on its way."""

    index: int
    sha256: str
    pdf: bytes
    request: SignRequest

    def not_tried(self, because: CertsError, *, is_claimed: bool = False) -> ItemNotTried:
        return ItemNotTried(self.index, self.sha256, because, is_claimed)


def _chunks(items: Iterable[Item], most: int, most_bytes: int = 0) -> Iterator[list[_Entry]]:
    chunk: list[_Entry] = []
    size = 0
    for index, (pdf, request) in enumerate(items):
        if chunk and (len(chunk) == most or 0 < most_bytes < size + len(pdf)):
            yield chunk
            chunk, size = [], 0
        chunk.append(_Entry(index, hashlib.sha256(pdf).hexdigest(), pdf, request))
        size += len(pdf)
    if chunk:
        yield chunk


def _stop_of(outcome: ItemOutcome) -> CertsError | None:
    """What ends the batch after this outcome, if it does."""
    if isinstance(outcome, ItemNotTried):
        return outcome.because
    return outcome.error if isinstance(outcome, ItemNotSigned) and outcome.stops else None
