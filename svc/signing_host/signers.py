"""From a key to what signs documents with it: the one place to change when signing becomes another matter."""

from __future__ import annotations

from dataclasses import dataclass

from certs import pades
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
        return pades.lift(pades.LocalSigner(key.certificate, key.key, key.chain), means.tsa)
    return means.backends.signer(key.key, key.activation, means.log)
