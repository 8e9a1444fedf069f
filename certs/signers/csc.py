"""Signing with keys that a CSC service holds (Cloud Signature Consortium API v2.0.0.2), by pyHanko's CSC signer.

The signature activation data (SAD) is bound to the very hashes that the key signs: those of the CMS signed
attributes, which hold the document's. One :class:`CscSigner` is one act of its signer: one authorisation, so many
signatures as were declared, and nothing after the first failure. Whatever goes wrong, nothing is tried twice.

A lost answer of ``signatures/signHash`` leaves no document behind, for the signature value is lost with it. But the
key may have signed and the SAD is spent, so it is reported as unknown all the same, and the signer acts anew.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from pyhanko.sign.signers.csc_signer import (
    CSCAuthorizationManager,
    CSCCredentialInfo,
    CSCServiceSessionInfo,
    CSCSigner,
    _CSCBatchInfo,
)
from pyhanko.sign.signers.pdf_cms import Signer

from certs._asn1 import to_asn1
from certs.errors import SigningError
from certs.pades import SignedDocument, SignRequest, sign_pdf
from certs.signers.csc_client import CscClient
from certs.signers.csc_model import (
    CscActivation,
    CscAuthObject,
    CscConfig,
    CscCredentialInfo,
    CscSad,
    certificate_bytes,
)
from certs.signers.port import ActivationRefused, BackendRefused
from certs.tsa import TimeStampService

__all__ = [
    "CscActivation",
    "CscAuthObject",
    "CscClient",
    "CscConfig",
    "CscCredentialInfo",
    "CscSigner",
]

# Room beside the certificates. Generous, for a container that does not fit would ask for a second signature.
_ROOM = 8192


class CscSigner:
    """One act of a signer with a remote key; a ``HashSigner``.

    :func:`certs.pades.lift` signs documents one by one: the first authorises, each further one extends the
    transaction to its own hash. :meth:`sign_many` authorises all hashes at once.

    :raises SignerNotReady: the credential cannot sign
    :raises BackendRefused: more documents than the credential signs under one authorisation
    """

    def __init__(self, client: CscClient, info: CscCredentialInfo, activation: CscActivation, documents: int = 1,
                 description: str = "") -> None:
        info.ensure_ready(client.now())
        limit = min(info.multisign, client.config.max_batch)
        if not 1 <= documents <= limit:
            raise BackendRefused(f"the credential signs at most {limit} documents under one authorisation", "multisign")
        self.certificate: x509.Certificate = info.certificate
        self.chain: Sequence[x509.Certificate] = info.chain
        self.digest_algorithm = info.algorithm.digest
        self._client = client
        self._info = info
        self._documents = documents
        self._act = _Act(client, info, activation, documents, description)
        self.cms_signer: Signer = _RemoteSigner(client.config, info, self._sign_one)

    def __repr__(self) -> str:
        return f"CscSigner({self._info.credential_id!r}, documents={self._documents})"

    @property
    def cms_size(self) -> int:
        """About how many bytes the signature container takes without a time stamp, on the large side."""
        return certificate_bytes(self._info) + _ROOM

    def sign_many(self, items: Sequence[tuple[bytes, SignRequest]], tsa: TimeStampService | None
                  ) -> tuple[SignedDocument | SigningError, ...]:
        """Sign several documents under one SAD that is bound to all their hashes; results in their order.

        All are prepared before anything is sent: if one cannot be, or the service does not sign, none is signed
        and the error is raised. An error in the result is of a document whose signature was made but could not
        be finished (no time stamp).

        :raises SigningError: as :meth:`certs.signers.port.DocumentSigner.sign`; also if there are not exactly as
            many as declared, or two are the same
        """
        if len(items) != self._documents or len(set(items)) != len(items):
            raise SigningError("the documents are not those that were declared")
        meeting = _Meeting(len(items), self._act.sign)
        with ThreadPoolExecutor(max_workers=len(items)) as pool:
            waiting = [pool.submit(self._sign_member, meeting, place, pdf, request, tsa)
                       for place, (pdf, request) in enumerate(items)]
        if meeting.failure is not None:
            raise meeting.failure
        return tuple(_outcome(one) for one in waiting)

    def _sign_member(self, meeting: _Meeting, place: int, pdf: bytes, request: SignRequest,
                     tsa: TimeStampService | None) -> SignedDocument:
        try:
            remote = _RemoteSigner(self._client.config, self._info, lambda digest: meeting.sign(place, digest))
            member = _Member(self.certificate, self.chain, self.digest_algorithm, remote, self.cms_size)
            return sign_pdf(pdf, request, member, tsa)
        except BaseException as error:  # whatever it is, the others must not wait for this one
            meeting.leave(error)
            raise

    def _sign_one(self, digest: bytes) -> bytes:
        return self._act.sign([digest])[0]


@dataclass(frozen=True)
class _Member:
    """A ``HashSigner`` of one document of a batch."""

    certificate: x509.Certificate
    chain: Sequence[x509.Certificate]
    digest_algorithm: str
    cms_signer: Signer
    cms_size: int


class _Act:
    """One authorisation, and the signatures made under it. What the signer typed is forgotten once it was sent."""

    def __init__(self, client: CscClient, info: CscCredentialInfo, activation: CscActivation, count: int,
                 description: str) -> None:
        self._client = client
        self._info = info
        self._activation: CscActivation | None = activation
        self._count = count
        self._left = count
        self._description = description
        self._sad: CscSad | None = None
        self._lock = threading.Lock()

    def sign(self, digests: Sequence[bytes]) -> list[bytes]:
        """:raises ActivationRefused: the act is over; errors of the service as they are"""
        with self._lock:
            activation, sad = self._activation, self._sad
            self._activation = self._sad = None  # any failure from here on ends the act
            if len(digests) > self._left:
                raise ActivationRefused("the authorisation is used up", "sad", "spent")
            self._left -= len(digests)
            if activation is not None:
                fresh = self._client.authorize(self._info, digests, self._count, activation, self._description)
            elif sad is not None:
                fresh = self._client.extend(self._info, sad, digests)
            else:
                raise ActivationRefused("the authorisation is over", "sad", "spent")
            signatures = self._client.sign_hashes(self._info, fresh, digests)
            self._sad = fresh
            return signatures


class _LeftOut(SigningError):
    """Another document of the batch failed before anything was sent."""


class _Meeting:
    """Where the hashes of a batch come together: whoever comes last has them signed, and all go on."""

    def __init__(self, count: int, sign: Callable[[Sequence[bytes]], list[bytes]]) -> None:
        self._count = count
        self._sign = sign
        self._digests: dict[int, bytes] = {}
        self._signatures: dict[int, bytes] = {}
        self._moved = threading.Condition()
        self.failure: BaseException | None = None

    def sign(self, place: int, digest: bytes) -> bytes:
        """The signature of one member's hash. :raises ActivationRefused: it had one already"""
        with self._moved:
            if place in self._digests:
                raise ActivationRefused("a document of a batch is signed once", "sad", "spent")
            self._digests[place] = digest
            if len(self._digests) == self._count and self.failure is None:
                self._settle()
            self._moved.wait_for(lambda: bool(self._signatures) or self.failure is not None)
            if place not in self._signatures:
                raise _LeftOut("the batch was not signed")
            return self._signatures[place]

    def leave(self, error: BaseException) -> None:
        """A member failed; before the signatures are there, that ends it for all."""
        with self._moved:
            if not self._signatures and self.failure is None:
                self.failure = error
            self._moved.notify_all()

    def _settle(self) -> None:
        places = sorted(self._digests)
        try:
            made = self._sign([self._digests[place] for place in places])
        except BaseException as error:
            self.failure = error
            self._moved.notify_all()
            raise
        self._signatures = dict(zip(places, made, strict=True))
        self._moved.notify_all()


def _outcome(work: Future[SignedDocument]) -> SignedDocument | SigningError:
    try:
        return work.result()
    except SigningError as error:
        return error


class _RemoteSigner(CSCSigner):
    """pyHanko's signer with this package's HTTP in place of aiohttp: one stack, one call log, one circuit breaker."""

    def __init__(self, config: CscConfig, info: CscCredentialInfo, sign: Callable[[bytes], bytes]) -> None:
        session = CSCServiceSessionInfo(config.base_url, info.credential_id, api_ver="v2")
        known = CSCCredentialInfo(
            to_asn1(info.certificate), [to_asn1(one) for one in info.chain], frozenset({info.algorithm.mechanism}),
            info.multisign, info.scal == 2, {})
        no_session: Any = None
        super().__init__(no_session, CSCAuthorizationManager(session, known),
                         prefer_pss=bool(info.algorithm.parameters), embed_roots=True)
        self._sign = sign

    async def _do_commit(self, batch: _CSCBatchInfo) -> None:
        try:
            batch.results = [self._sign(base64.b64decode(one)) for one in batch.b64_hashes]
        finally:
            self._current_batch = None
            batch.notifier.set()
