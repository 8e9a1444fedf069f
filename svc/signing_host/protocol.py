"""What is asked of a signing host and what it answers, and how both are written: one question a connection."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from certs.authorisation import Authorisation, Owner
from certs.pades import Level, SignedDocument, SignRequest
from svc.cage.codec import CodecError, from_json, to_json
from svc.ports import Activation, ElsewhereKey, KeyElsewhere, NotSigned, StoredKey, ToSign
from svc.signing_host.transport import MAX_BODY

MAX_DOCUMENTS = 64
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenStored:
    """Blobs: certificate, chain, key (PKCS#8), all DER."""

    authorisation: Authorisation
    owner: Owner


@dataclass(frozen=True)
class OpenElsewhere:
    """Blobs: certificate (if there is one), chain; ``config`` is JSON."""

    authorisation: Authorisation
    owner: Owner
    backend: str
    config: str
    has_certificate: bool
    identity: str = field(repr=False)
    passphrase: str = field(repr=False)
    code: str = field(repr=False)


@dataclass(frozen=True)
class Sign:
    """Blobs: the frozen bytes, one of each request."""

    authorisation_id: str
    requests: tuple[SignRequest, ...]


@dataclass(frozen=True)
class Forget:
    authorisation_id: str
    hashes: tuple[str, ...]


@dataclass(frozen=True)
class Close:
    authorisation_id: str


@dataclass(frozen=True)
class IsOpen:
    authorisation_id: str


@dataclass(frozen=True)
class Done:
    pass


@dataclass(frozen=True)
class Held:
    is_open: bool


@dataclass(frozen=True)
class SignedHead:
    sha256: str
    level: Level
    field_name: str
    reference: str


@dataclass(frozen=True)
class FailedHead:
    """``has_received``: what a service gave back instead is the next blob."""

    code: str
    is_unknown: bool
    reference: str
    stops: bool
    has_received: bool


@dataclass(frozen=True)
class Outcome:
    """Of one document: signed (its bytes are the next blob) or not."""

    signed: SignedHead | None
    failed: FailedHead | None


@dataclass(frozen=True)
class Signed:
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class Over:
    """No key is held under that authorisation."""


@dataclass(frozen=True)
class Busy:
    """Too many keys are held."""


Question: TypeAlias = OpenStored | OpenElsewhere | Sign | Forget | Close | IsOpen
Answer: TypeAlias = Done | Held | Signed | Over | Busy
_KINDS: dict[str, type[Question | Answer]] = {
    "open_stored": OpenStored, "open_elsewhere": OpenElsewhere, "sign": Sign, "forget": Forget,
    "close": Close, "is_open": IsOpen,
    "done": Done, "held": Held, "signed": Signed, "over": Over, "busy": Busy}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def write(message: Question | Answer) -> dict[str, Any]:
    """A question or an answer as JSON."""
    return {"kind": _NAMES[type(message)], "value": to_json(message)}


def read(head: Any) -> Question | Answer:
    """A question or an answer from JSON. :raises ValueError: it is none"""
    if type(head) is not dict or head.keys() != {"kind", "value"} or type(head["kind"]) is not str:
        raise CodecError("not a tagged value")
    if head["kind"] not in _KINDS:
        raise CodecError("unknown kind")
    message: Question | Answer = from_json(_KINDS[head["kind"]], head["value"])
    return message


def write_key(authorisation: Authorisation, key: StoredKey | ElsewhereKey
              ) -> tuple[OpenStored | OpenElsewhere, list[bytes | bytearray]]:
    """The question that hands a key over, with its blobs."""
    if isinstance(key, StoredKey):
        der = bytearray(key.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
        return OpenStored(authorisation, key.owner), [*map(_der, (key.certificate, *key.chain)), der]
    where, typed = key.key, key.activation
    certificates = ([where.certificate] if where.certificate is not None else []) + list(where.chain)
    question = OpenElsewhere(authorisation, key.owner, where.backend, json.dumps(dict(where.config)),
                             where.certificate is not None, where.identity, typed.passphrase, typed.code)
    return question, [_der(one) for one in certificates]


def read_key(question: OpenStored | OpenElsewhere, blobs: Sequence[memoryview]) -> StoredKey | ElsewhereKey:
    """The key that was handed over. :raises ValueError: it is none"""
    if isinstance(question, OpenStored):
        if len(blobs) < 2:
            raise CodecError("no key")
        certificate, *chain = (x509.load_der_x509_certificate(bytes(one)) for one in blobs[:-1])
        try:
            key = load_der_private_key(blobs[-1], password=None)
        except (TypeError, UnsupportedAlgorithm) as error:
            raise CodecError("a key that cannot be read") from error
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise CodecError("a key of an unknown kind")
        return StoredKey(question.owner, certificate, tuple(chain), key)
    config = json.loads(question.config)
    if type(config) is not dict or (question.has_certificate and not blobs):
        raise CodecError("no configuration, or no certificate")
    loaded = [x509.load_der_x509_certificate(bytes(one)) for one in blobs]
    own = loaded.pop(0) if question.has_certificate else None
    where = KeyElsewhere(question.backend, config, own, tuple(loaded), question.identity)
    return ElsewhereKey(question.owner, where, Activation(question.passphrase, question.code))


def read_documents(question: Sign, blobs: Sequence[memoryview]) -> tuple[ToSign, ...]:
    """The documents of a question. :raises ValueError: too many, or without their bytes"""
    if len(question.requests) > MAX_DOCUMENTS:
        raise CodecError("too many documents")
    pairs = zip(blobs, question.requests, strict=True)
    return tuple(ToSign(bytes(frozen), request) for frozen, request in pairs)


def write_results(results: Sequence[SignedDocument | NotSigned]) -> tuple[Signed, list[bytes | bytearray]]:
    """The answer to :class:`Sign`, with its blobs. Signatures come first: of what services gave back instead, as
    much goes along as one message has room for, and what does not is logged by its hash."""
    room = MAX_BODY - sum(len(one.pdf) for one in results if isinstance(one, SignedDocument))
    outcomes, blobs = list[Outcome](), list[bytes | bytearray]()
    for one in results:
        if isinstance(one, SignedDocument):
            outcomes.append(Outcome(SignedHead(one.sha256, one.level, one.field_name, one.reference), None))
            blobs.append(one.pdf)
            continue
        has_room = 0 < len(one.received) <= room
        if has_room:
            room -= len(one.received)
            blobs.append(one.received)
        elif one.received:
            logger.error("evidence is too large for the answer: sha256=%s size=%s",
                         hashlib.sha256(one.received).hexdigest(), len(one.received))
        outcomes.append(Outcome(None, FailedHead(one.code, one.is_unknown, one.reference, one.stops, has_room)))
    return Signed(tuple(outcomes)), blobs


def read_results(answer: Signed, blobs: Sequence[memoryview]) -> tuple[SignedDocument | NotSigned, ...]:
    """What an answer says of each document. :raises ValueError: bytes are missing or left over"""
    rest = [bytes(one) for one in reversed(blobs)]
    results = tuple(_result(outcome, rest) for outcome in answer.outcomes)
    if rest:
        raise CodecError("bytes are left over")
    return results


def _result(outcome: Outcome, rest: list[bytes]) -> SignedDocument | NotSigned:
    match outcome:
        case Outcome(signed=SignedHead() as head, failed=None) if rest:
            return SignedDocument(rest.pop(), head.sha256, head.level, head.field_name, head.reference)
        case Outcome(signed=None, failed=FailedHead(has_received=True) as head) if rest:
            return NotSigned(head.code, head.is_unknown, head.reference, head.stops, rest.pop())
        case Outcome(signed=None, failed=FailedHead(has_received=False) as head):
            return NotSigned(head.code, head.is_unknown, head.reference, head.stops)
    raise CodecError("a document without an outcome, or without its bytes")


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)
