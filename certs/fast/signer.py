"""Signs many documents of one signer; the result is byte for byte what :func:`certs.pades.sign_pdf` makes.

:meth:`BatchSigner.prepare` gives what is to be signed, :meth:`BatchSigner.finish` takes the signature: between them
hashes alone may travel to wherever the key lies.
"""

from __future__ import annotations

import hashlib
import secrets
from binascii import hexlify
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from cryptography import x509

from certs import errors
from certs._der import BOOLEAN, INTEGER, NotDer, encode, encode_integer, read_element
from certs._der import OCTETS as OCTET_STRING
from certs._der import SEQUENCE as SEQ
from certs._tokens import read_parts
from certs.fast.container import Parts, make_template
from certs.fast.errors import NotOurShape
from certs.fast.shape import Shape, read_shape
from certs.fast.store import build_store_update
from certs.fast.update import IDENTIFIER_BYTES, Update, build_signature_update, ensure_plain
from certs.knowledge import StoreContents
from certs.pades import TOKEN_BYTES, Level, SignedDocument, SignRequest
from certs.signer import container_size
from certs.tsa import TimeStampService

_LEVELS: Final = (Level.B_B, Level.B_T, Level.B_LT)
_GRANTED: Final = (b"\x00", b"\x01")
_DIGESTS: Final = {
    "sha256": bytes.fromhex("300d06096086480165030402010500"),
    "sha384": bytes.fromhex("300d06096086480165030402020500"),
    "sha512": bytes.fromhex("300d06096086480165030402030500"),
}


@dataclass(frozen=True)
class Prepared:
    """A document up to its signature. ``to_sign`` are the DER-encoded signed attributes, ``digest`` their hash by
    ``digest_algorithm``: one of both goes to whoever has the key."""

    pdf: bytes
    request: SignRequest
    shape: Shape
    update: Update
    reserved: int
    to_sign: bytes
    digest: bytes
    digest_algorithm: str
    hashed: _Hash = field(compare=False, repr=False)  # SHA-256 of the file as far as the container


class _Hash(Protocol):
    def copy(self) -> _Hash: ...

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...

    def hexdigest(self) -> str: ...


class BatchSigner:
    """Makes B-B, B-T and B-LT signatures of one signer; thread-safe if its time-stamp service is.

    :param chain: CA certificates, nearest first, as :class:`certs.signer.LocalSigner` takes them
    :param store: for B-LT, what every file gets: :attr:`certs.fast.check.Model.store` of a validated file
    :raises LevelUnsupported: another level
    :raises TimestampUnavailable: B-T or B-LT without a time-stamp service
    :raises ValueError: B-LT without a store
    """

    def __init__(
        self,
        certificate: x509.Certificate,
        chain: Sequence[x509.Certificate],
        level: Level,
        tsa: TimeStampService | None = None,
        store: StoreContents | None = None,
    ) -> None:
        if level not in _LEVELS:
            raise errors.LevelUnsupported(f"level {level} is not made here")
        if level is not Level.B_B and tsa is None:
            raise errors.TimestampUnavailable(f"level {level} needs a time-stamp service")
        if level is Level.B_LT and store is None:
            raise ValueError("B-LT needs the content of the security store")
        self.certificate = certificate
        self.chain = tuple(chain)
        self.level = level
        self.template = make_template(certificate, chain)
        self.digest_algorithm = self.template.digest_algorithm
        self.store = store
        self._tsa = tsa
        self._reserved = container_size(certificate, chain) + (TOKEN_BYTES if level is not Level.B_B else 0)

    def prepare(self, pdf: bytes, request: SignRequest, identifier: bytes | None = None) -> Prepared:
        """Everything up to the signature. The request's own level does not matter here.

        :param identifier: the second part of the file's /ID, 16 bytes; normally random
        :raises NotOurShape: take the ordinary path
        """
        box = ensure_plain(request)
        shape = read_shape(pdf, box.page)
        chosen = secrets.token_bytes(IDENTIFIER_BYTES) if identifier is None else identifier
        update = build_signature_update(len(pdf), shape, request, self._reserved, chosen)
        hashed = _hash(pdf, update.before)
        is_same = self.digest_algorithm == "sha256"
        digest = hashed.copy() if is_same else _hash(pdf, update.before, self.digest_algorithm)
        digest.update(update.after)
        to_sign = self.template.attributes_for(digest.digest())
        return Prepared(pdf, request, shape, update, self._reserved, to_sign,
                        hashlib.new(self.digest_algorithm, to_sign).digest(), self.digest_algorithm, hashed)

    def finish(self, prepared: Prepared, signature: bytes, identifier: bytes | None = None) -> SignedDocument:
        """Put the signature, and above B-B a time stamp over it, into the document.

        :param identifier: for B-LT, the second part of the second update's /ID
        :raises TimestampUnavailable: refused, or the answer is for something else; the document may be tried again
        :raises NotOurShape: the container needs more room than is kept; take the ordinary path
        """
        token = b"" if self.level is Level.B_B else self._stamp(signature, prepared.request)
        rest = fill(prepared, self.template.assemble(Parts(prepared.to_sign, signature, token)))
        if self.level is Level.B_LT and self.store is not None:
            chosen = secrets.token_bytes(IDENTIFIER_BYTES) if identifier is None else identifier
            length = len(prepared.pdf) + len(prepared.update.before) + len(rest)
            rest += build_store_update(length, prepared.shape, prepared.update, self.store, chosen)
        hashed = prepared.hashed.copy()
        hashed.update(rest)
        pdf = b"".join((prepared.pdf, prepared.update.before, rest))
        return SignedDocument(pdf, hashed.hexdigest(), self.level, prepared.request.field_name)

    def sign(self, pdf: bytes, request: SignRequest, sign: Callable[[bytes], bytes]) -> SignedDocument:
        """Both at once; ``sign`` makes a signature value over the bytes it is given. Errors as for both."""
        prepared = self.prepare(pdf, request)
        return self.finish(prepared, sign(prepared.to_sign))

    def _stamp(self, signature: bytes, request: SignRequest) -> bytes:
        if self._tsa is None:
            raise errors.TimestampUnavailable("there is no time-stamp service")
        imprint = encode(SEQ, _DIGESTS[self.digest_algorithm],
                         encode(OCTET_STRING, hashlib.new(self.digest_algorithm, signature).digest()))
        nonce = encode_integer(secrets.randbits(63) | 1 << 62)
        asked = encode(SEQ, encode_integer(1), imprint, nonce, encode(BOOLEAN, b"\xff"))
        return _read_answer(self._tsa.respond(asked, request.signed_at), imprint, nonce)


def fill(prepared: Prepared, container: bytes) -> bytes:
    """What follows up to the end of the signed part.

    :raises NotOurShape: the container is larger than the space kept for it
    """
    if len(container) > prepared.reserved:
        raise NotOurShape("the signature container is unusually large")
    update = prepared.update
    contents = hexlify(container).upper().ljust(2 * prepared.reserved, b"0")
    return b"".join((b"<", contents, b">", update.after))


def _hash(pdf: bytes, before: bytes, algorithm: str = "sha256") -> _Hash:
    hashed = hashlib.new(algorithm, pdf)
    hashed.update(before)
    return hashed


def _read_answer(answer: bytes, imprint: bytes, nonce: bytes) -> bytes:
    """The token in a TimeStampResp (RFC 3161 2.4.2); its signature is judged when the file is checked."""
    try:
        status, *rest = read_element(answer).expect(SEQ).children()
        if status.expect(SEQ).children()[0].expect(INTEGER).content not in _GRANTED or len(rest) != 1:
            raise errors.TimestampUnavailable("the time-stamp authority refused")
        token = rest[0].whole
        parts = read_parts(token)
    except (NotDer, IndexError, ValueError) as error:
        raise errors.TimestampUnavailable("the time-stamp authority's answer is not one that is known here") from error
    if parts.imprint != imprint or parts.nonce != nonce:
        raise errors.TimestampUnavailable("the time-stamp authority answered another request")
    return token
