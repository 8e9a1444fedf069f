"""The full judgement over every file of a batch, without the parsers that one file of it has met.

:func:`make_model` validates one file of a signer with :func:`certs.validation.validate_pdf`; :func:`check` then judges
each of the others by bytes. What full validation would refuse cannot pass, because

* the file begins with the frozen original, whose outer shape is looked at again: one revision of objects without gap
  between them, none of which holds a form, annotations, permissions or a security store;
* everything behind it but the container's hexadecimal digits equals, byte for byte, the update that belongs to this
  original and this request. So cross-reference table, trailer, ByteRange, offsets, certification and widget are right
  for this file, and nothing else is there. Its lexical structure equals the model's, which every parser and both
  judges of structure have accepted; all that differs are numbers and texts, each a well-formed token;
* the container is DER that consists of the model's, with three things of its own: the digest, which is computed anew
  from the file's bytes; the signature, which is verified with the certificate's key over the signed attributes that
  are in the file; and the time-stamp token, which consists of the model's with an imprint of that signature, a serial
  number, a nonce, a time at which signer and authority were valid and which is not ahead, and a signature that is
  verified with the key of the model's time-stamp unit. Behind it are zeros;
* of the certificates, their chains, trust, revocation and algorithms, which are the model's, nothing depends on the
  document. What depends on the time is held against the time for which the model's judgement lasts;
* what full validation counts before it reads (size, revisions, signatures, other formats) is counted.

That the objects of the original itself are sound is the renderer's promise, and whoever freezes a document keeps its
hash; so ``frozen`` must be what was frozen, bytes whose hash was compared.
"""

from __future__ import annotations

import hashlib
import re
from binascii import hexlify, unhexlify
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from certs._der import INTEGER, NotDer, read_element
from certs._tokens import imprint_of
from certs.fast.container import Parts
from certs.fast.errors import CheckFailed, ModelOutdated, ModelUnfit, NotOurShape
from certs.fast.model import Model, PublicKey, StampModel, build_model, reduce_tokens
from certs.fast.shape import read_shape
from certs.fast.signer import BatchSigner
from certs.fast.store import build_store_update
from certs.fast.update import Update, build_signature_update, ensure_plain
from certs.pades import SignedDocument, SignRequest
from certs.structure import precheck
from certs.trust import TrustStore
from certs.validation import SignatureReport

_HASHES: Final = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
_IDENTIFIER: Final = re.compile(rb"/ID \[ <[0-9a-f]{2,128}> <([0-9a-f]{32})> \]\n/Prev \d{1,10}\n>>\nstartxref\n")
_TAIL_BYTES: Final = 400


def make_model(
    frozen: bytes, signed: SignedDocument, request: SignRequest, signer: BatchSigner, trust: TrustStore, now: datetime
) -> Model:
    """Validate a file of this signer in full, and make it the model of the others: it takes as long as full validation.

    :raises ModelUnfit: it does not pass, or :func:`check` would not say the same of it
    """
    model = build_model(signed, signer, trust, now)
    try:
        report = check(frozen, signed, request, model, now)
    except CheckFailed as error:
        raise ModelUnfit(f"the cheap check does not follow: {error}") from error
    if report != model.report:
        raise ModelUnfit("the cheap check comes to another report")
    return model


def check(
    frozen: bytes, signed: SignedDocument, request: SignRequest, model: Model, now: datetime
) -> SignatureReport:
    """The report that full validation at ``now`` would give for the file's signature, which has passed.

    :param frozen: the original, whose hash the caller has compared with what was authorised
    :param request: what was asked for
    :raises CheckFailed: the file is not what it must be
    :raises ModelOutdated: make a new model
    """
    if not model.judged_at <= now < model.valid_until:
        raise ModelOutdated("the model was judged for another time")
    if (signed.level, signed.field_name) != (model.level, request.field_name):
        raise CheckFailed("the file is said to be something else")
    pdf = signed.pdf
    if precheck(pdf):
        raise CheckFailed("the file would not be looked into")
    try:
        end, update, parts = _check_bytes(frozen, pdf, request, model)
        _check_hashes(signed, end - len(update.after), update, parts, model)
        stamped_at = _check_container(parts, model, now)
    except (NotDer, NotOurShape, ModelUnfit, ValueError) as error:
        raise CheckFailed(f"the file is not as it must be: {error}") from error
    return _report(request, model, end, stamped_at, now)


def _check_bytes(frozen: bytes, pdf: bytes, request: SignRequest, model: Model) -> tuple[int, Update, Parts]:
    """Compare every byte outside the container; the end of the signed part, the update, and the container's parts."""
    if not pdf.startswith(frozen):
        raise CheckFailed("the original is not its beginning")
    shape = read_shape(frozen, ensure_plain(request).page)
    identifiers = _identifiers(pdf, len(frozen), 1 if model.store is None else 2)
    update = build_signature_update(len(frozen), shape, request, model.reserved, identifiers[0])
    start = len(frozen) + len(update.before)
    stop = start + 2 * model.reserved + 2
    end = stop + len(update.after)
    rest = b""
    if model.store is not None:
        rest = build_store_update(end, shape, update, model.store, identifiers[1])
    if pdf[len(frozen) : start] != update.before or pdf[stop:] != update.after + rest:
        raise CheckFailed("the update is not the one that belongs to this document")
    objects = update.before + update.after[: update.after.index(b"\nxref\n")]
    if reduce_tokens(objects) != model.skeleton:
        raise CheckFailed("the update has another structure than the model's")
    space = unhexlify(pdf[start + 1 : stop - 1])
    if pdf[start:stop] != b"<" + hexlify(space).upper() + b">":
        raise CheckFailed("the container is written in another way")
    return end, update, model.template.take_apart(space)


def _check_hashes(signed: SignedDocument, stop: int, update: Update, parts: Parts, model: Model) -> None:
    """The file's hash, and the digest of all of it but the container, from the same bytes."""
    view = memoryview(signed.pdf)
    start = stop - 2 * model.reserved - 2
    whole = hashlib.sha256(view[:start])
    algorithm = model.template.digest_algorithm
    digest = whole.copy() if algorithm == "sha256" else hashlib.new(algorithm, view[:start])
    whole.update(view[start:])
    digest.update(view[stop : stop + len(update.after)])
    if whole.hexdigest() != signed.sha256:
        raise CheckFailed("the file is not the one that was made")
    if parts.attributes != model.template.attributes_for(digest.digest()):
        raise CheckFailed("the signed digest is another document's")


def _check_container(parts: Parts, model: Model, now: datetime) -> datetime | None:
    """Signature and time stamp; the stamp's time."""
    _verify(model.key, parts.signature, parts.attributes, model.template.digest_algorithm)
    if (model.stamps is None) != (not parts.token):
        raise CheckFailed("a time stamp is missing, or there is one too many")
    if model.stamps is None:
        return None
    return _check_stamp(parts, model.stamps, max(model.not_before, model.stamps.not_before), now)


def _check_stamp(parts: Parts, model: StampModel, not_before: datetime, now: datetime) -> datetime:
    stamp = model.template.take_apart(parts.token)
    algorithm, digest = imprint_of(stamp.imprint)
    if algorithm != model.imprint_algorithm or digest != hashlib.new(algorithm, parts.signature).digest():
        raise CheckFailed("the time stamp is about something else")
    for number in (stamp.serial, stamp.nonce):
        if number and not 0 < len(read_element(number).expect(INTEGER).content) <= 64:
            raise CheckFailed("the time stamp has an odd number")
    if not not_before <= stamp.at <= now:
        raise CheckFailed("the time stamp is of a time that cannot be")
    _verify(model.key, stamp.signature, model.template.attributes_of(stamp), model.hash)
    return stamp.at


def _verify(key: PublicKey, signature: bytes, data: bytes, algorithm: str) -> None:
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), _HASHES[algorithm])
        else:
            key.verify(signature, data, ec.ECDSA(_HASHES[algorithm]))
    except InvalidSignature as error:
        raise CheckFailed("a signature does not verify") from error


def _identifiers(pdf: bytes, start: int, updates: int) -> list[bytes]:
    """The second parts of the updates' /ID: the only bytes outside the container that nobody can foretell."""
    found = [bytes.fromhex(one.decode("ascii")) for one in _IDENTIFIER.findall(pdf, start)]
    if len(found) != updates:
        raise CheckFailed("it has more or fewer updates than its level needs")
    return found


def _report(
    request: SignRequest, model: Model, end: int, stamped_at: datetime | None, now: datetime
) -> SignatureReport:
    is_proven = stamped_at is not None and stamped_at < now
    return replace(
        model.report,
        field_name=request.field_name,
        claimed_at=request.signed_at.astimezone(UTC).replace(microsecond=0),
        timestamp_at=stamped_at,
        proven_at=stamped_at if is_proven else None,
        proven_by="timestamp" if is_proven else "",
        covered_bytes=end,
    )
