"""Signing with keys that a CSC service holds (Cloud Signature Consortium API v2.0.0.2), by pyHanko's CSC signer.

The signature activation data (SAD) is bound to the very hashes that the key signs: those of the CMS signed
attributes, which hold the document's. One :class:`CscSigner` is one act of its signer: one authorisation, so many
signatures as were declared, and nothing after the first failure. Whatever goes wrong, nothing is tried twice.

A lost answer of ``signatures/signHash`` leaves no document behind, for the signature value is lost with it. But the
key may have signed and the SAD is spent, so it is reported as unknown all the same, and the signer acts anew.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from cryptography import x509
from pyhanko.sign.signers.pdf_cms import Signer

from certs.errors import CertsError, SigningError
from certs.pades import SignedDocument, SignRequest
from certs.signers.csc_client import CscClient
from certs.signers.csc_model import (
    CscActivation,
    CscAuthObject,
    CscConfig,
    CscCredentialInfo,
    CscSad,
    certificate_bytes,
)
from certs.signers.csc_together import RemoteSigner, Together
from certs.signers.port import ActivationRefused, BackendRefused, SignerNotReady
from certs.tsa import TimeStampService

__all__ = [
    "CscActivation",
    "CscAuthObject",
    "CscClient",
    "CscConfig",
    "CscCredentialInfo",
    "CscDocuments",
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
        self.cms_signer: Signer = RemoteSigner(client.config, info, self._sign_one)

    def __repr__(self) -> str:
        return f"CscSigner({self._info.credential_id!r}, documents={self._documents})"

    @property
    def cms_size(self) -> int:
        """About how many bytes the signature container takes without a time stamp, on the large side."""
        return certificate_bytes(self._info) + _ROOM

    def sign_many(self, items: Sequence[tuple[bytes, SignRequest]], tsa: TimeStampService | None
                  ) -> tuple[SignedDocument | CertsError, ...]:
        """Sign several documents under one SAD that is bound to all their hashes; results in their order.

        All are prepared before anything is sent: if one cannot be, or the service does not sign, none is signed
        and the error is raised. An error in the result is of a document whose signature was made but could not
        be finished (no time stamp).

        :raises SigningError: as :meth:`certs.signers.port.DocumentSigner.sign`; also if there are not exactly as
            many as declared, or two are the same
        """
        if len(items) != self._documents or len(set(items)) != len(items):
            raise SigningError("the documents are not those that were declared")
        return Together(self._client.config, self._info, self._act.sign, self.cms_size, tsa).all_or_none(items)

    def _sign_one(self, digest: bytes) -> bytes:
        return self._act.sign([digest])[0]


class CscDocuments:
    """A ``ChunkSigner``: each chunk is one authorisation whose SAD is bound to the chunk's hashes, and one call.

    What the signer typed is kept for the further chunks, until it is refused. A one-time code opens one chunk.

    :raises SignerNotReady: the credential cannot sign
    """

    most_bytes = 64 * 1024 * 1024  # of memory: only hashes are sent

    def __init__(self, client: CscClient, info: CscCredentialInfo, activation: CscActivation,
                 tsa: TimeStampService | None, description: str = "") -> None:
        info.ensure_ready(client.now())
        self._client = client
        self._info = info
        self._activation: CscActivation | None = activation
        self._tsa = tsa
        self._description = description
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"CscDocuments({self._info.credential_id!r})"

    @property
    def most(self) -> int:
        """Of the credential (``multisign``) and of our config (``max_batch``) what is less."""
        return max(1, min(self._info.multisign, self._client.config.max_batch))

    def sign(self, pdf: bytes, request: SignRequest) -> SignedDocument:
        """As the port says; one authorisation for the one document."""
        (outcome,) = self.sign_chunk([(pdf, request)])
        if isinstance(outcome, CertsError):
            raise outcome
        return outcome

    def sign_chunk(self, items: Sequence[tuple[bytes, SignRequest]]) -> tuple[SignedDocument | CertsError, ...]:
        """As :meth:`certs.signers.port.ChunkSigner.sign_chunk`.

        :raises BackendRefused: more documents than ``most``
        """
        if not 1 <= len(items) <= self.most:
            raise BackendRefused(f"the credential signs at most {self.most} documents under one authorisation",
                                 "multisign")
        size = certificate_bytes(self._info) + _ROOM
        return Together(self._client.config, self._info, self._sign, size, self._tsa).those_that_can(items)

    def _sign(self, digests: Sequence[bytes]) -> list[bytes]:
        with self._lock:
            activation = self._activation
            if activation is None:
                raise ActivationRefused("the authorisation is over", "sad", "spent")
            if self._info.needs_otp:
                self._activation = None
            try:
                return _Act(self._client, self._info, activation, len(digests), self._description).sign(digests)
            except (ActivationRefused, SignerNotReady):
                self._activation = None
                raise


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
