"""BSrE as a document signer: the status of the user first, then the PDF there and back.

A signer object is made for one act (see :mod:`certs.signers.port`). ``BsreV1Client`` and ``BsreV2Client`` hold no
secret of a signer and serve all threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from certs.errors import SigningError
from certs.pades import SignedDocument, SignRequest
from certs.signers.bsre_model import (
    MAX_BYTES,
    BsreActivation,
    BsreBox,
    BsreConfig,
    BsreImage,
    BsreProperties,
    BsreQr,
    BsreSubject,
    BsreTag,
    BsreUserStatus,
)
from certs.signers.bsre_result import accept
from certs.signers.bsre_v1 import BsreV1Client
from certs.signers.bsre_v2 import BsreV2Client
from certs.signers.port import (
    ActivationRefused,
    BackendRefused,
    BackendUnavailable,
    OutcomeUnknown,
    SignerNotReady,
)

__all__ = [
    "BsreActivation",
    "BsreAppearance",
    "BsreClient",
    "BsreConfig",
    "BsreImage",
    "BsreQr",
    "BsreResults",
    "BsreSigner",
    "BsreSubject",
    "BsreV1Client",
    "BsreV2Client",
    "Outcome",
]

BsreClient: TypeAlias = BsreV1Client | BsreV2Client
Outcome: TypeAlias = SignedDocument | SigningError


@dataclass(frozen=True)
class BsreAppearance:
    """What the service is to draw, at the request's box or, with ``mark``, at that mark in the text. Without one the
    signature is invisible: Paraf's pages show the block themselves.

    ``width`` and ``height`` in points; 0 is the box's own. A QR code without a link is given the request's.
    ``draws`` makes a PNG of a link's QR code for v2, which draws none itself.
    """

    shows: BsreImage | BsreQr
    mark: str = ""
    width: float = 0
    height: float = 0
    draws: Callable[[str], bytes] | None = None

    def picture(self, request: SignRequest, *, draws_itself: bool) -> BsreImage | BsreQr:
        """What to send for one document."""
        if not isinstance(self.shows, BsreQr):
            return self.shows
        code = self.shows if self.shows.link else BsreQr(request.link or request.contact)
        return code if draws_itself or self.draws is None else BsreImage(self.draws(code.link))


class BsreSigner:
    """Implements ``ChunkSigner``, and ``RetrievesResults`` (v2 hands nothing out twice, so it finds nothing).

    :raises ValueError: v1 with a code or an e-mail address
    """

    def __init__(self, client: BsreClient, subject: BsreSubject, activation: BsreActivation,
                 appearance: BsreAppearance | None = None) -> None:
        if isinstance(client, BsreV1Client) and (activation.totp or subject.email):
            raise ValueError("v1 signs by NIK and passphrase")
        self._client = client
        self._subject = subject
        self._activation = activation
        self._appearance = appearance
        self._is_ready = False

    def sign(self, pdf: bytes, request: SignRequest) -> SignedDocument:
        """Sign one PDF; what of ``request`` is PAdES's own (certifying, locks, field name, level) has no meaning here.

        The level and the field's name are those found in what came back.
        """
        if not _is_signable(pdf):
            raise _not_a_pdf()
        self._ensure_ready()
        return self._sign_one(pdf, self._properties(request))

    @property
    def most(self) -> int:
        """v1 takes one document a call."""
        return 1 if isinstance(self._client, BsreV1Client) else self._client.max_files

    @property
    def most_bytes(self) -> int:
        return MAX_BYTES

    def sign_chunk(self, items: Sequence[tuple[bytes, SignRequest]]) -> tuple[Outcome, ...]:
        """As :meth:`certs.signers.port.ChunkSigner.sign_chunk`; the status is asked for before the act's first call.

        What is plainly no PDF is left out. One bad PDF among the others makes v2 refuse its whole call.
        """
        results: list[Outcome] = [_not_a_pdf() for _ in items]
        sent = [index for index, (pdf, _) in enumerate(items) if _is_signable(pdf)]
        made = self._call([items[index] for index in sent]) if sent else []
        for index, outcome in zip(sent, made, strict=True):
            results[index] = outcome
        return tuple(results)

    def sign_many(self, pdfs: Sequence[bytes], request: SignRequest) -> tuple[Outcome, ...]:
        """Sign several with one act: a result or an error for each, in their order.

        v2 takes them in calls of at most 25 files or 20 MB, v1 one by one. After a failure that concerns the signer
        or the service (passphrase, status, not reached, unknown) nothing more is sent, and the rest have that
        failure too (:class:`BackendUnavailable` after an unknown outcome: they were not sent). One bad PDF makes v2
        refuse its whole call; the others of that call can be sent again.
        """
        results: list[Outcome] = []
        stopped: SigningError | None = None
        for chunk in _chunks(pdfs, self.most):
            if stopped is None:
                outcomes = self.sign_chunk([(pdf, request) for pdf in chunk])
                stopped = next((one for one in outcomes if isinstance(one, SigningError) and _stops(one)), None)
            else:
                outcomes = (_of_the_rest(stopped),) * len(chunk)
            results += outcomes
        return tuple(results)

    def retrieve(self, reference: str) -> bytes | None:
        """As :meth:`BsreV1Client.retrieve`; always None for v2."""
        return self._client.retrieve(reference) if isinstance(self._client, BsreV1Client) else None

    def status(self) -> BsreUserStatus:
        """What the service says of the signer."""
        return self._client.user_status(self._subject)

    def _ensure_ready(self) -> None:
        status = self.status()
        if not status.can_sign:
            raise SignerNotReady(f"the service says {status.status} of the signer", status.status,
                                 str(status.code or ""))

    def _sign_one(self, pdf: bytes, properties: BsreProperties) -> SignedDocument:
        if isinstance(self._client, BsreV1Client):
            signed = self._client.sign_pdf(pdf, self._subject, self._activation, properties)
            return accept(pdf, signed.pdf, signed.document_id)
        return accept(pdf, self._client.sign_pdf([pdf], self._subject, self._activation, [properties])[0])

    def _call(self, items: Sequence[tuple[bytes, SignRequest]]) -> list[Outcome]:
        """One call; its failure is each file's."""
        try:
            if not self._is_ready:
                self._ensure_ready()
                self._is_ready = True
            if isinstance(self._client, BsreV1Client):
                return [self._sign_one(pdf, self._properties(request)) for pdf, request in items]
            pdfs = [pdf for pdf, _ in items]
            made = self._client.sign_pdf(pdfs, self._subject, self._activation,
                                         [self._properties(request) for _, request in items])
        except SigningError as error:
            return [error] * len(items)
        return [_accepted(sent, got) for sent, got in zip(pdfs, made, strict=True)]

    def _properties(self, request: SignRequest) -> BsreProperties:
        box, appearance = request.box, self._appearance
        shows: BsreImage | BsreQr | None = None
        place: BsreBox | BsreTag | None = None
        if appearance is not None and box is not None:
            width, height = appearance.width or box.urx - box.llx, appearance.height or box.ury - box.lly
            shows = appearance.picture(request, draws_itself=isinstance(self._client, BsreV1Client))
            place = (BsreTag(appearance.mark, width, height) if appearance.mark
                     else BsreBox(box.page + 1, box.llx, box.lly, width, height))
        return BsreProperties(shows, place, request.reason, request.location, request.contact)


@dataclass(frozen=True)
class BsreResults:
    """``RetrievesResults`` for an application that no longer has the act's signer."""

    client: BsreClient = field(repr=False)

    def retrieve(self, reference: str) -> bytes | None:
        """As :meth:`BsreV1Client.retrieve`; always None for v2."""
        return self.client.retrieve(reference) if isinstance(self.client, BsreV1Client) else None


def _not_a_pdf() -> BackendRefused:
    return BackendRefused("not a PDF", "PDF_INVALID")


def _is_signable(pdf: bytes) -> bool:
    return pdf.startswith(b"%PDF-")


def _accepted(sent: bytes, got: bytes) -> Outcome:
    try:
        return accept(sent, got)
    except SigningError as error:
        return error


def _stops(error: SigningError) -> bool:
    return isinstance(error, ActivationRefused | SignerNotReady | BackendUnavailable | OutcomeUnknown)


def _of_the_rest(stopped: SigningError) -> SigningError:
    if isinstance(stopped, OutcomeUnknown):
        return BackendUnavailable("not sent: the outcome of an earlier document is unknown")
    return stopped


def _chunks(pdfs: Sequence[bytes], most: int) -> Iterator[list[bytes]]:
    """The files of each call; a file beyond the limit goes alone."""
    chunk: list[bytes] = []
    size = 0
    for pdf in pdfs:
        if chunk and (len(chunk) == most or size + len(pdf) > MAX_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(pdf)
        size += len(pdf)
    if chunk:
        yield chunk
