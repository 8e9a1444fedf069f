"""Keys that are not ours: one opener a kind of backend, chosen by the settings that the operator gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from certs.signers.port import CallLog, DocumentSigner
from svc.ports import Activation, BackendNotConfigured, KeyElsewhere


class Opener(Protocol):
    """One kind of backend (see :class:`svc.ports.SigningBackends` for what each method promises)."""

    def signer(self, key: KeyElsewhere, activation: Activation, log: CallLog) -> DocumentSigner: ...

    def request_code(self, key: KeyElsewhere, count: int, log: CallLog) -> None: ...

    def retrieve(self, key: KeyElsewhere, reference: str, log: CallLog) -> bytes | None: ...


class Backends:
    """The :class:`svc.ports.SigningBackends` of a service."""

    def __init__(self, openers: Mapping[str, Opener]) -> None:
        self._openers = dict(openers)

    def is_offered(self, backend: str) -> bool:
        return backend in self._openers

    def signer(self, key: KeyElsewhere, activation: Activation, log: CallLog) -> DocumentSigner:
        return self._opener(key).signer(key, activation, log)

    def request_code(self, key: KeyElsewhere, count: int, log: CallLog) -> None:
        self._opener(key).request_code(key, count, log)

    def retrieve(self, key: KeyElsewhere, reference: str, log: CallLog) -> bytes | None:
        return self._opener(key).retrieve(key, reference, log)

    def _opener(self, key: KeyElsewhere) -> Opener:
        try:
            return self._openers[key.backend]
        except KeyError as error:
            raise BackendNotConfigured(key.backend) from error
