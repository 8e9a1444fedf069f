"""Protocols between services and the outside world. Implementations live in ``svc.adapters``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from cryptography import x509

from certs.authorisation import Authorisation, Owner
from certs.pades import SignedDocument, SignRequest
from certs.signers.port import CallLog, DocumentSigner
from certs.vault import PrivateKey


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


@dataclass(frozen=True)
class NewObject:
    """What is to be stored, under which key."""

    key: str
    data: bytes = field(repr=False)
    media_type: str
    retain_until: datetime | None = None


class ObjectStore(Protocol):
    """Immutable objects under keys. A ``put`` that returned survives a power cut."""

    def put_many(self, objects: Sequence[NewObject]) -> None:
        """Store all of them, as safely as each by itself and with far less waiting. After an error some may be there.
        :raises ObjectConflict: :raises StoreUnavailable: as for ``put``"""
        ...

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

    def sweep(self, before: datetime) -> int:
        """Remove what writers that died left half done before that time, never an object; returns how many.
        :raises StoreUnavailable: no answer"""
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


CAN_BE_UNKNOWN = frozenset({"bsre", "csc"})  # signs beyond a network


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

    def takes_code(self, backend: str) -> bool:
        """Whether its signers may have a one-time code sent to them."""
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


@dataclass(frozen=True)
class StoredKey:
    """A key that was unsealed for one authorisation; never printed, stored or queued."""

    owner: Owner
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)


@dataclass(frozen=True)
class ElsewhereKey:
    """A key in a token or with a remote service, and what its owner typed to have it used."""

    owner: Owner
    key: KeyElsewhere
    activation: Activation = field(repr=False)


class GrantOver(Exception):
    """No key is held for that authorisation: its time is over, it was closed, or the process that held it ended."""


@dataclass(frozen=True)
class ToSign:
    """Frozen bytes, and what their signature shall state."""

    frozen: bytes = field(repr=False)
    request: SignRequest


@dataclass(frozen=True)
class NotSigned:
    """Why one document was not signed. ``code`` is that of the error in ``certs.errors`` or ``certs.authorisation``.

    ``is_unknown``: a signature may exist with a service beyond the network, which can be asked with ``reference``.
    ``stops``: nothing more will be signed under this authorisation (refused passphrase or PIN, a
    service or all time-stamp authorities not reached, expired, gone).
    ``received``: what a service gave back in place of the signed document, as evidence; mostly empty.
    """

    code: str
    is_unknown: bool = False
    reference: str = ""
    stops: bool = False
    received: bytes = field(default=b"", repr=False)


class SigningHost(Protocol):
    """Holds signing keys for as long as one authorisation lives, and signs with them what it covers, each document
    once, and nothing else. Keys reach it in memory and end there; any process may send it documents.

    Who asks again for a document gets the answer that was given before, to the byte, for the worker that asked first
    may have died; not so with a key beyond a network (``CAN_BE_UNKNOWN``).
    """

    def open(self, authorisation: Authorisation, key: StoredKey | ElsewhereKey) -> None:
        """Hold the key until the authorisation is over, closed or used up; the same again changes nothing.

        :raises GrantOver: it is one of these already, or lies in the future. :raises SigningHostDown: not held
        """
        ...

    def sign(self, authorisation_id: str, documents: Sequence[ToSign]) -> tuple[SignedDocument | NotSigned, ...]:
        """Sign documents in their order, one result for each.

        :raises GrantOver: nothing was signed. :raises SigningHostDown: it ended meanwhile: with a key beyond a network
            the outcome of every document is unknown, with all others nothing was signed that anybody has
        """
        ...

    def forget(self, authorisation_id: str, hashes: Sequence[str]) -> None:
        """What became of these documents is on record: nobody asks for them again, and who does is refused.

        :raises SigningHostDown: it does not answer; what it remembers ends with the authorisation's time
        """
        ...

    def close(self, authorisation_id: str) -> None:
        """Forget the key now, and what was answered; fine when it is forgotten already."""
        ...

    def is_open(self, authorisation_id: str) -> bool:
        """Whether the key is held. :raises SigningHostDown: it does not answer"""
        ...


class SigningHostDown(Exception):
    """The process that holds keys does not answer."""


SIGNING_HOST_DOWN = "signing_host_down"
"""The code of documents of which this is all that is known, where others of their list were answered before."""


class EngineDown(Exception):
    """The broker between this process and the workers does not answer."""


class Engine(Protocol):
    """How batch workers learn that there is work. The rows in the database are the truth: a nudge that is lost costs
    seconds, one that is doubled nothing."""

    @property
    def name(self) -> str: ...

    @property
    def is_swept(self) -> bool:
        """Whether somebody must look for batches that nobody works on; else workers look by themselves."""
        ...

    def nudge(self, batch_id: str, work: str) -> None:
        """Have workers look at this batch soon, as long as it has this work. It never fails: a fault is logged.

        To be called after the commit that began the work.
        """
        ...

    def waiting(self) -> int:
        """Nudges that no worker has taken yet. :raises EngineDown: nobody can tell"""
        ...
