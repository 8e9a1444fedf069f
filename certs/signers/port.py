"""The ports of signing: what signs a document, and what signs a hash and is lifted to that.

BSrE takes a PDF and gives a PDF; stored keys, PKCS#11 and CSC sign a hash. Services know
:class:`DocumentSigner` alone; :func:`certs.pades.lift` makes one of a :class:`HashSigner`.

A signer object is made for one act: it holds what the signer typed (never printed, never kept) and what the
backend gave for it, and is thrown away afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from cryptography import x509

from certs.errors import CertsError, SigningError

if TYPE_CHECKING:  # pades needs this module
    from pyhanko.sign.signers.pdf_cms import Signer

    from certs.pades import SignedDocument, SignRequest


class HashSigner(Protocol):
    """A certificate whose key, wherever it lies, signs hashes. Errors: those of :class:`DocumentSigner`."""

    @property
    def certificate(self) -> x509.Certificate:
        """The signer's certificate."""
        ...

    @property
    def chain(self) -> Sequence[x509.Certificate]:
        """CA certificates to put into the signature, nearest first; possibly none."""
        ...

    @property
    def digest_algorithm(self) -> str:
        """``sha256``, ``sha384`` or ``sha512``."""
        ...

    @property
    def cms_signer(self) -> Signer:
        """What pyHanko is given."""
        ...

    @property
    def cms_size(self) -> int:
        """About how many bytes the signature container takes without a time stamp, on the large side."""
        ...


class DocumentSigner(Protocol):
    """Signs whole PDFs."""

    def sign(self, pdf: bytes, request: SignRequest) -> SignedDocument:
        """Sign; ``pdf`` is a prefix of what comes back. Nothing is tried twice.

        :raises ActivationRefused: passphrase, PIN, TOTP or activation data is wrong or spent
        :raises SignerNotReady: the backend knows no usable certificate of this signer
        :raises BackendUnavailable: nothing was signed; the same act may be tried again later
        :raises BackendRefused: the backend looked at it and said no
        :raises OutcomeUnknown: the request left and no answer came: there may be a signature
        :raises SigningError: anything else that failed
        """
        ...


@runtime_checkable
class ChunkSigner(DocumentSigner, Protocol):
    """A document signer whose backend takes several documents in one call."""

    @property
    def most(self) -> int:
        """How many documents one call takes; at least one."""
        ...

    @property
    def most_bytes(self) -> int:
        """How large they may be together; one that is larger goes alone."""
        ...

    def sign_chunk(self, items: Sequence[tuple[bytes, SignRequest]]) -> Sequence[SignedDocument | CertsError]:
        """One call for all: a signed document or an error of :meth:`DocumentSigner.sign` for each, in their order.

        A document that cannot be sent is left out and the others go; what befalls the call befalls all that were
        in it. Nothing is tried twice, and nothing is raised for what the backend does.
        """
        ...


@runtime_checkable
class SessionSigner(DocumentSigner, Protocol):
    """A document signer that can be let in once for several documents, which it signs one by one."""

    def session(self) -> AbstractContextManager[None]:
        """Within it, ``sign`` is let in already. Short: others may be waiting for the same key.

        :raises BackendError: not let in; as :meth:`DocumentSigner.sign`
        """
        ...


@runtime_checkable
class HoldsSession(Protocol):
    """The same of a :class:`HashSigner`."""

    def session(self) -> AbstractContextManager[None]:
        """As :meth:`SessionSigner.session`."""
        ...


class RetrievesResults(Protocol):
    """A backend that can still hand out what it signed when the answer was lost."""

    def retrieve(self, reference: str) -> bytes | None:
        """The signed PDF of an earlier request, or None if the backend has it no more (or never had).

        :raises BackendUnavailable: it did not answer; ask again later
        """
        ...


class BackendError(SigningError):
    """A signing backend did not sign. ``backend_code`` is its own number or word, possibly empty."""

    code: ClassVar[str] = "backend_error"

    def __init__(self, text: str, backend_code: str = "") -> None:
        self.backend_code = backend_code
        super().__init__(text)


class ActivationRefused(BackendError):
    """Passphrase, PIN, TOTP or activation data is wrong or spent. ``factor`` is passphrase, pin, totp or sad;
    ``attempts_left`` is what the backend tells, or None."""

    code = "activation_refused"

    def __init__(
        self, text: str, factor: str, backend_code: str = "", attempts_left: int | None = None
    ) -> None:
        self.factor = factor
        self.attempts_left = attempts_left
        super().__init__(text, backend_code)


class SignerNotReady(BackendError):
    """The backend has no usable certificate of this signer; ``status`` is its word (``EXPIRED``, ``SUSPEND`` …)."""

    code = "signer_not_ready"

    def __init__(self, text: str, status: str, backend_code: str = "") -> None:
        self.status = status
        super().__init__(text, backend_code)


class BackendUnavailable(BackendError):
    """Not reached, or it answered that it cannot just now (5xx before work, circuit open): nothing was signed."""

    code = "backend_unavailable"


class BackendRefused(BackendError):
    """The backend refuses this request (bad PDF, forbidden, unknown): the same request would be refused again."""

    code = "backend_refused"


class ResultRefused(BackendRefused):
    """The backend gave back something that is not what was sent with a signature. ``received`` is what came, as
    evidence: it may have been made only once."""

    def __init__(self, text: str, received: bytes, backend_code: str = "") -> None:
        self.received = received
        super().__init__(text, backend_code)


class OutcomeUnknown(BackendError):
    """The request left (or began to leave) and no whole answer came. Never retried by itself.

    ``reference`` is what the backend can be asked with later (``RetrievesResults``), or empty.
    """

    code = "outcome_unknown"

    def __init__(self, text: str, reference: str = "", backend_code: str = "") -> None:
        self.reference = reference
        super().__init__(text, backend_code)


@dataclass(frozen=True)
class CallRecord:
    """One call to a remote backend, as its request log wants it.

    ``status`` is the HTTP status, 0 if none came. ``answer`` is JSON-ready with every file replaced by
    ``{"sha256": …, "size": …}``; no secret is ever in it. ``outcome`` is answered, not_sent or unknown.
    """

    backend: str
    endpoint: str
    status: int
    duration_ms: int
    outcome: str
    request: dict[str, object]
    answer: dict[str, object]


class CallLog(Protocol):
    """Where calls are recorded; must not raise."""

    def record(self, call: CallRecord) -> None: ...
