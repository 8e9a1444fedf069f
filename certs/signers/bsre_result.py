"""Whether what came back from BSrE is what was sent, with one more signature over all of it."""

from __future__ import annotations

import hashlib
import logging
from io import BytesIO

from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields
from pyhanko.sign.general import UnacceptableSignerError, extract_signer_info
from pyhanko.sign.validation import generic_cms
from pyhanko.sign.validation.errors import SignatureValidationError

from certs.coverage import covers_whole_file
from certs.pades import Level, SignedDocument
from certs.signers.port import BackendRefused, OutcomeUnknown, ResultRefused
from certs.structure import is_readable

logger = logging.getLogger(__name__)
_BROKEN = (PdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError,
           UnacceptableSignerError, SignatureValidationError)


def accept(sent: bytes, got: bytes, reference: str = "") -> SignedDocument:
    """The signed document, with the level and field name read off its newest signature.

    Only the form is looked at: whether the signature is good, and whose it is, is for validation to say.

    :raises OutcomeUnknown: the file ends too early
    :raises ResultRefused: it is not what was sent with exactly one more signature that covers all of it; it is
        kept in the error
    """
    try:
        return _accept(sent, got, reference)
    except BackendRefused as error:  # it may be a signature all the same
        logger.error("not what was asked for, and not taken: document=%s sha256=%s size=%s code=%s",  # noqa: TRY400
                     reference or "-", hashlib.sha256(got).hexdigest(), len(got), error.backend_code)
        raise ResultRefused(str(error), got, error.backend_code) from error


def _accept(sent: bytes, got: bytes, reference: str) -> SignedDocument:
    if len(got) <= len(sent) or not got.rstrip().endswith(b"%%EOF"):
        if sent.startswith(got) or got.startswith(sent):
            raise OutcomeUnknown("the file that came back is cut off", reference)
        raise BackendRefused("what came back is not the document that was sent", "NOT_AN_EXTENSION")
    if not got.startswith(sent):
        raise BackendRefused("what came back is not the document that was sent", "NOT_AN_EXTENSION")
    if not is_readable(got):  # a service that has been taken over must not take this process with it
        raise BackendRefused("what came back is larger, deeper or more entangled than a document is", "UNREADABLE")
    try:
        level, name = _newest(sent, got)
    except _BROKEN as error:
        raise BackendRefused(f"what came back is unreadable ({type(error).__name__})", "UNREADABLE") from error
    return SignedDocument(got, hashlib.sha256(got).hexdigest(), level, name, reference)


def _newest(sent: bytes, got: bytes) -> tuple[Level, str]:
    before = sum(1 for _ in PdfFileReader(BytesIO(sent), strict=False).embedded_regular_signatures)
    found = list(PdfFileReader(BytesIO(got), strict=False).embedded_regular_signatures)
    if len(found) != before + 1 or not covers_whole_file(got, found[-1]):
        raise BackendRefused("what came back has not exactly one more signature over all of it", "NOT_AS_ASKED")
    newest = found[-1]
    kind = newest.sig_object.get("/SubFilter")
    signer = extract_signer_info(newest.signed_data)
    has_token = next(iter(generic_cms.extract_tst_data_iter(signer, signed=False)), None) is not None
    if kind == fields.SigSeedSubFilter.PADES.value:
        return (Level.B_T if has_token else Level.B_B), str(newest.field_name)
    if kind == fields.SigSeedSubFilter.ADOBE_PKCS7_DETACHED.value:
        return (Level.PKCS7_T if has_token else Level.PKCS7_B), str(newest.field_name)
    raise BackendRefused("what came back has a signature of an unknown form", "NOT_AS_ASKED")
