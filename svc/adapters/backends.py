"""Keys that are not ours: one opener a kind of backend, chosen by the settings that the operator gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from cryptography import x509

from certs.signers.port import CallLog, CallRecord, DocumentSigner
from svc import failpoints
from svc.ports import Activation, BackendNotConfigured, KeyElsewhere


class NoLog:
    """The log of a caller that all acts share and that makes no calls itself: each act's does, with its own log."""

    def record(self, call: CallRecord) -> None:
        """Nothing."""


class Opener(Protocol):
    """One kind of backend (see :class:`svc.ports.SigningBackends` for what each method promises)."""

    @property
    def takes_code(self) -> bool: ...

    def signer(self, key: KeyElsewhere, activation: Activation, log: CallLog) -> DocumentSigner: ...

    def request_code(self, key: KeyElsewhere, count: int, log: CallLog) -> None: ...

    def retrieve(self, key: KeyElsewhere, reference: str, log: CallLog) -> bytes | None: ...


@runtime_checkable
class LooksUp(Protocol):
    """A backend that tells certificates by the credential's id."""

    def look_up(self, remote_id: str, log: CallLog) -> tuple[x509.Certificate, tuple[x509.Certificate, ...]]: ...


class Backends:
    """The :class:`svc.ports.SigningBackends` of a service."""

    def __init__(self, openers: Mapping[str, Opener]) -> None:
        self._openers = dict(openers)

    def is_offered(self, backend: str) -> bool:
        return backend in self._openers

    def takes_code(self, backend: str) -> bool:
        return backend in self._openers and self._openers[backend].takes_code

    def signer(self, key: KeyElsewhere, activation: Activation, log: CallLog) -> DocumentSigner:
        failpoints.reach("remote.before_call")
        return self._opener(key).signer(key, activation, log)

    def request_code(self, key: KeyElsewhere, count: int, log: CallLog) -> None:
        self._opener(key).request_code(key, count, log)

    def look_up(self, backend: str, remote_id: str, log: CallLog
                ) -> tuple[x509.Certificate, tuple[x509.Certificate, ...]]:
        opener = self._openers.get(backend)
        if not isinstance(opener, LooksUp):
            raise BackendNotConfigured(backend)
        return opener.look_up(remote_id, log)

    def retrieve(self, key: KeyElsewhere, reference: str, log: CallLog) -> bytes | None:
        return self._opener(key).retrieve(key, reference, log)

    def _opener(self, key: KeyElsewhere) -> Opener:
        try:
            return self._openers[key.backend]
        except KeyError as error:
            raise BackendNotConfigured(key.backend) from error
