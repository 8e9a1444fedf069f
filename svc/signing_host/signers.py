"""From a key to what signs documents with it: the one place to change when signing becomes another matter."""

from __future__ import annotations

from dataclasses import dataclass

from certs import pades
from certs.errors import TimestampUnavailable
from certs.fast import BatchSigner, NotOurShape
from certs.pades import Level, LocalSigner, SignedDocument, SignRequest
from certs.signers.port import CallLog, DocumentSigner
from certs.tsa import TimeStampService
from svc.ports import Clock, ElsewhereKey, SigningBackends, StoredKey


@dataclass(frozen=True)
class Means:
    """What a holder of keys needs besides them. ``log`` is told of calls to remote backends."""

    clock: Clock
    tsa: TimeStampService
    backends: SigningBackends
    log: CallLog


def signer_for(key: StoredKey | ElsewhereKey, means: Means) -> DocumentSigner:
    """A signer with this key, for one thread at a time.

    :raises KeyMismatch: a stored key is not the certificate's
    :raises BackendNotConfigured: :raises certs.errors.CertsError: a key elsewhere is not to be had
    """
    if isinstance(key, StoredKey):
        return StoredSigner(key, means.tsa)
    return means.backends.signer(key.key, key.activation, means.log)


class StoredSigner:
    """Signs the fast way what that knows, which is the same to the byte, and the ordinary way what it does not.

    :raises KeyMismatch: the key is not the certificate's
    """

    def __init__(self, key: StoredKey, tsa: TimeStampService) -> None:
        self._key = key
        self._tsa = tsa
        self._local = LocalSigner(key.certificate, key.key, key.chain)
        self._ordinary = pades.lift(self._local, tsa)
        self._fast: dict[Level, BatchSigner] = {}
        self._knows_stamps = True

    def sign(self, pdf: bytes, request: SignRequest) -> SignedDocument:
        """As :meth:`certs.signers.port.DocumentSigner.sign`."""
        if request.level not in {Level.B_B, Level.B_T} or not (self._knows_stamps or request.level is Level.B_B):
            return self._ordinary.sign(pdf, request)
        try:
            return self._fast_signer(request.level).sign(pdf, request, self._local.sign_attributes)
        except NotOurShape:
            return self._ordinary.sign(pdf, request)
        except TimestampUnavailable:  # perhaps not silent, but of a kind that only the ordinary way can read
            signed = self._ordinary.sign(pdf, request)
            self._knows_stamps = False
            return signed

    def _fast_signer(self, level: Level) -> BatchSigner:
        if level not in self._fast:
            self._fast[level] = BatchSigner(self._key.certificate, self._key.chain, level, self._tsa)
        return self._fast[level]
