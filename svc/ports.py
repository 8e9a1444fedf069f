"""Protocols between services and the outside world. Implementations live in ``svc.adapters``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from cryptography import x509

from certs.signers.port import CallLog, DocumentSigner


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class ObjectMissing(Exception):
    """No object under that key."""


class ObjectConflict(Exception):
    """Another object already stands under that key with other bytes; objects are never overwritten."""


class StoreUnavailable(Exception):
    """The object store did not answer or answered with a fault of its own."""


@dataclass(frozen=True)
class StoredObject:
    key: str
    size: int
    sha256: str


class ObjectStore(Protocol):
    """Immutable objects under keys. A ``put`` that returned survives a power cut."""

    def put(
        self, key: str, data: bytes, *, media_type: str, retain_until: datetime | None = None
    ) -> StoredObject:
        """Store; the same bytes twice are fine. :raises ObjectConflict: other bytes stand there.
        :raises StoreUnavailable: nothing is known to be stored."""
        ...

    def get(self, key: str) -> bytes:
        """Read whole. :raises ObjectMissing: no such key. :raises StoreUnavailable: no answer."""
        ...

    def stat(self, key: str) -> StoredObject:
        """Size and SHA-256. :raises ObjectMissing: no such key. :raises StoreUnavailable: no answer."""
        ...

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Every object under the prefix, by key."""
        ...

    def ping(self) -> None:
        """:raises StoreUnavailable: the store does not answer."""
        ...


class MailFailed(Exception):
    """The message was not taken. ``is_permanent``: trying again is useless (5xx)."""

    def __init__(self, text: str, *, is_permanent: bool) -> None:
        super().__init__(text)
        self.is_permanent = is_permanent


@dataclass(frozen=True)
class Mail:
    """``message_id`` is stable over retries, so that a doubled delivery can be told."""

    message_id: str
    to: str
    subject: str
    text: str
    html: str | None = None


class Mailer(Protocol):
    def send(self, mail: Mail) -> None:
        """Hand over one message. :raises MailFailed: it was not taken."""
        ...


class FetchFailed(Exception):
    """Nothing came from that address, or it may not be asked; the text says why in a few words."""


class RevocationClient(Protocol):
    def fetch(self, url: str, body: bytes | None = None) -> bytes:
        """What an address in a certificate answers: a list, or (to a request in ``body``) an OCSP response.

        :raises FetchFailed: refused, silent, too long, or not found
        """
        ...


@dataclass(frozen=True)
class KeyElsewhere:
    """A signing key that lies in a token or with a remote service.

    ``config`` names it there (token and label, or the remote credential); ``identity`` is what BSrE knows the signer
    by, never printed. ``certificate`` is None until BSrE has told it.
    """

    backend: str  # pkcs11 | csc | bsre
    config: Mapping[str, Any]
    certificate: x509.Certificate | None
    chain: tuple[x509.Certificate, ...]
    identity: str = field(default="", repr=False)


@dataclass(frozen=True)
class Activation:
    """What the signer typed for this one act; never printed, stored or logged."""

    passphrase: str = field(repr=False)
    code: str = field(default="", repr=False)


class BackendNotConfigured(Exception):
    """The operator has not set up this kind of backend."""


class SigningBackends(Protocol):
    """Signing with keys that are not ours. Errors of signing are those of ``certs.signers.port``."""

    def is_offered(self, backend: str) -> bool:
        """Whether the operator has set it up."""
        ...

    def signer(self, key: KeyElsewhere, activation: Activation, log: CallLog) -> DocumentSigner:
        """A signer for one act. :raises BackendNotConfigured: :raises certs.errors.CertsError: not to be had"""
        ...

    def request_code(self, key: KeyElsewhere, count: int, log: CallLog) -> None:
        """Have the backend send the signer a one-time code for so many signatures. Errors as for signing."""
        ...

    def look_up(self, backend: str, remote_id: str, log: CallLog
                ) -> tuple[x509.Certificate, tuple[x509.Certificate, ...]]:
        """The certificate of a remote credential with its chain. Errors as for signing."""
        ...

    def retrieve(self, key: KeyElsewhere, reference: str, log: CallLog) -> bytes | None:
        """A result whose answer was lost, or None. :raises certs.signers.port.BackendUnavailable: ask later"""
        ...
