"""One key for one authorisation, and the rules by which it is used."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from certs.authorisation import (
    Authorisation,
    AuthorisationExpired,
    AuthorisationSpent,
    AuthorisedSigner,
    ItemNotSigned,
    ItemNotTried,
    ItemOutcome,
    ItemSigned,
    NotAuthorised,
)
from certs.errors import CertsError, DocumentUnsignable, SigningError, TimestampUnavailable
from certs.pades import SignedDocument, SignRequest
from certs.signers.port import BackendUnavailable, DocumentSigner, OutcomeUnknown, ResultRefused
from svc.ports import CAN_BE_UNKNOWN, BackendNotConfigured, ElsewhereKey, NotSigned, StoredKey, ToSign
from svc.signing_host.signers import Means, signer_for

logger = logging.getLogger(__name__)

MAX_DOCUMENT_BYTES = 25 * 1024 * 1024
CLOCKS_APART = timedelta(seconds=30)  # between the hosts of web server, worker and keys
_SPENT = NotSigned(AuthorisationSpent.code)
_NOT_CONFIGURED = "backend_not_configured"
_USED_UP = "used_up"
_MOST_STAMPLESS = 3
_FAULTS = (ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True)
class _Answer:
    """What became of a document, with as little of it as is needed to say it again: a signed one holds what was
    appended to its frozen bytes."""

    result: SignedDocument | NotSigned

    @classmethod
    def of(cls, frozen: bytes, result: SignedDocument | NotSigned) -> _Answer:
        if isinstance(result, SignedDocument):
            return cls(replace(result, pdf=result.pdf[len(frozen):]))
        return cls(result)

    def again(self, frozen: bytes) -> SignedDocument | NotSigned:
        if isinstance(self.result, SignedDocument):
            return replace(self.result, pdf=frozen + self.result.pdf)
        return self.result


@dataclass
class _State:
    """What changes; ``ended`` is the code of what ended it, or empty. By hash: ``begun`` are all that reached the key,
    ``making`` those of them that a thread is at, ``answers`` what was answered and is not on record anywhere yet."""

    begun: set[str] = field(default_factory=set)
    making: dict[str, int] = field(default_factory=dict)
    answers: dict[str, _Answer] = field(default_factory=dict)
    idle: list[AuthorisedSigner] = field(default_factory=list)
    ended: str = ""
    stampless: int = 0  # documents in a row that got no time stamp


class Grant:
    """Checks every document where the key is used: listed, not signed before, in time. Used by many threads.

    With a key elsewhere they stand in line; with a stored one they sign side by side. A document that was begun
    before reaches the key no more: with a key that is here its answer is given again.
    """

    def __init__(self, authorisation: Authorisation, key: StoredKey | ElsewhereKey, means: Means) -> None:
        self.authorisation = authorisation
        self._means = means
        self._key: StoredKey | ElsewhereKey | None = key
        self._is_elsewhere = isinstance(key, ElsewhereKey)
        self._answers_again = not (isinstance(key, ElsewhereKey) and key.key.backend in CAN_BE_UNKNOWN)
        self._turn = threading.Lock() if self._is_elsewhere else None
        self._lock = threading.Lock()
        self._told = threading.Condition(self._lock)
        self._state = _State()

    @property
    def ended(self) -> str:
        """Why it is over, as a code; empty while the key is held."""
        return self._state.ended

    @property
    def used(self) -> int:
        """How many documents were begun."""
        return len(self._state.begun)

    @property
    def is_over(self) -> bool:
        """Whether it is of no more use: a list that is used up still has answers to give."""
        state = self._state
        has_answers = state.ended == _USED_UP and (state.making or state.answers)
        return bool(state.ended and not has_answers) or self._means.clock.now() >= self.authorisation.expires_at

    def end(self, code: str) -> None:
        """Forget the key; what is being signed at this moment is the last."""
        with self._lock:
            self._state.ended = self._state.ended or code
            self._state.idle.clear()
            self._key = None
            if code != _USED_UP:
                self._state.making.clear()
                self._state.answers.clear()
                self._told.notify_all()

    def forget(self, digests: Iterable[str]) -> None:
        """These are on record: their answers are given no more."""
        with self._lock:
            for digest in digests:
                self._state.answers.pop(digest, None)

    def sign(self, documents: Sequence[ToSign]) -> tuple[SignedDocument | NotSigned, ...]:
        """One result for each, in their order."""
        results: dict[int, SignedDocument | NotSigned] = {}
        for index, document in enumerate(documents):
            refusal = self._refusal(document)
            if refusal:
                results[index] = NotSigned(refusal)
        places = [index for index in range(len(documents)) if index not in results]
        if places:
            with self._turn or nullcontext():
                made = self._sign_listed([documents[index] for index in places])
            results |= zip(places, made, strict=True)
        for index, result in results.items():
            if self._answers_again and result == _SPENT:
                results[index] = self._again(documents[index].frozen)
        if self.used >= self.authorisation.count:
            self.end(_USED_UP)
        return tuple(results[index] for index in range(len(documents)))

    def _sign_listed(self, documents: Sequence[ToSign]) -> list[SignedDocument | NotSigned]:
        made: list[SignedDocument | NotSigned] = []
        try:
            with self._signer() as signer:
                items = [(one.frozen, one.request) for one in documents]
                for outcome in signer.sign_many(items, most=len(items)):
                    made.append(self._result(outcome))
                    self._remember(outcome.sha256, documents[outcome.index].frozen, made[-1])
        except _NoSignerError as error:
            made = [error.why]
        except _FAULTS as error:
            logger.error("signing fault: authorisation=%s error=%s",  # noqa: TRY400 - its text may hold the document's
                         self.authorisation.authorisation_id, type(error).__name__)
            self.end(SigningError.code)
            made.append(NotSigned(SigningError.code, is_unknown=self._is_elsewhere, stops=True))
        finally:
            self._put_down()
        return made + [made[-1]] * (len(documents) - len(made))

    @contextmanager
    def _signer(self) -> Iterator[AuthorisedSigner]:
        signer = self._take()
        try:
            yield signer
        finally:
            with self._lock:
                if not self._state.ended:
                    self._state.idle.append(signer)

    def _take(self) -> AuthorisedSigner:
        """A signer that no other thread has: what it is made of is not safe to share. :raises _NoSignerError:"""
        with self._lock:
            if self._state.idle:
                return self._state.idle.pop()
            key = self._key
        if key is None:
            raise _NoSignerError(self._over())
        return AuthorisedSigner(self._make(key), key.owner, self.authorisation, self._now, self._claim)

    def _make(self, key: StoredKey | ElsewhereKey) -> DocumentSigner:
        try:
            made = signer_for(key, self._means)
        except BackendNotConfigured as error:
            raise _NoSignerError(self._stop(_NOT_CONFIGURED)) from error
        except OutcomeUnknown as error:  # of what was asked before anything was asked to be signed
            raise _NoSignerError(self._stop(BackendUnavailable.code)) from error
        except CertsError as error:
            raise _NoSignerError(self._stop(error.code)) from error
        return made if self._is_elsewhere else _Sturdy(made)

    def _result(self, outcome: ItemOutcome) -> SignedDocument | NotSigned:
        match outcome:
            case ItemSigned():
                self._state.stampless = 0
                return outcome.document
            case ItemNotTried():
                return self._over() if self._is_cut_off else self._stop(outcome.because.code)
            case ItemNotSigned(error=OutcomeUnknown() as error):
                self.end(error.code)
                return NotSigned(error.code, is_unknown=True, reference=error.reference, stops=True)
            case ItemNotSigned(error=TimestampUnavailable() as error):
                return self._stop(error.code) if self._lacks_stamps() else NotSigned(error.code)
            case ItemNotSigned(error=ResultRefused() as error):
                return NotSigned(error.code, received=error.received)
            case ItemNotSigned():
                return self._stop(outcome.error.code) if outcome.stops else NotSigned(outcome.error.code)

    def _refusal(self, document: ToSign) -> str:
        """What the list does not say: size, and that the claimed time is that of the act."""
        if len(document.frozen) > MAX_DOCUMENT_BYTES:
            return DocumentUnsignable.code
        began, ends = self.authorisation.given_at - CLOCKS_APART, self.authorisation.expires_at + CLOCKS_APART
        return "" if began <= document.request.signed_at <= ends else NotAuthorised.code

    def _lacks_stamps(self) -> bool:
        """Whether the authorities are down: what is left of the list need not fail document by document."""
        with self._lock:
            self._state.stampless += 1
            return self._state.stampless >= _MOST_STAMPLESS

    def _claim(self, digest: str) -> bool:
        with self._lock:
            if digest in self._state.begun:
                return False
            self._state.begun.add(digest)
            if self._answers_again and not self._is_cut_off:
                self._state.making[digest] = threading.get_ident()
            return True

    def _remember(self, digest: str, frozen: bytes, result: SignedDocument | NotSigned) -> None:
        """Keep what a document that this thread was at has come to, and tell those who wait for it."""
        with self._lock:
            if self._state.making.get(digest) != threading.get_ident() or result == _SPENT:
                return
            del self._state.making[digest]
            if isinstance(result, SignedDocument) or not result.stops:
                self._state.answers[digest] = _Answer.of(frozen, result)
            self._told.notify_all()

    def _put_down(self) -> None:
        """This thread is at none any more, however it came off."""
        with self._lock:
            for digest in [one for one, thread in self._state.making.items() if thread == threading.get_ident()]:
                del self._state.making[digest]
            self._told.notify_all()

    def _again(self, frozen: bytes) -> SignedDocument | NotSigned:
        """What was answered for a document that was begun before, once whoever is at it is done."""
        digest = hashlib.sha256(frozen).hexdigest()
        with self._told:
            self._told.wait_for(lambda: digest not in self._state.making)
            answer = self._state.answers.get(digest)
        if answer is None:
            return self._over() if self._is_cut_off else _SPENT
        return answer.again(frozen)

    @property
    def _is_cut_off(self) -> bool:
        """Ended before its documents were: a list that is used up has its last ones still being signed."""
        return self._state.ended not in {"", _USED_UP}

    def _now(self) -> datetime:
        """The authorisation may come from a host whose clock is a little ahead; cut off, its time is over."""
        if self._is_cut_off:
            return self.authorisation.expires_at
        return max(self._means.clock.now(), self.authorisation.given_at)

    def _stop(self, code: str) -> NotSigned:
        self.end(code)
        return NotSigned(code, stops=True)

    def _over(self) -> NotSigned:
        code = self._state.ended
        if code == _USED_UP:
            return _SPENT
        return NotSigned(AuthorisationExpired.code if code in {"closed", "time_is_over"} else code, stops=True)


@dataclass(frozen=True)
class _Sturdy:
    """A document that trips over a fault in a library must not take those beside it along."""

    inner: DocumentSigner

    def sign(self, pdf: bytes, request: SignRequest) -> SignedDocument:
        try:
            return self.inner.sign(pdf, request)
        except _FAULTS as error:  # its text may hold the document's
            logger.error("signing fault: %s", type(error).__name__)  # noqa: TRY400
            raise SigningError("a fault while signing") from error


class _NoSignerError(Exception):
    """No signer is to be had."""

    def __init__(self, why: NotSigned) -> None:
        super().__init__(why.code)
        self.why = why
