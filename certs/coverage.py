"""Which bytes of a file a signature covers, judged by the bytes themselves."""

from __future__ import annotations

import binascii
from io import BytesIO

from asn1crypto import parser as asn1_parser
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from certs._reader import ForgivingReader

_BROKEN = (PdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)


class NothingSigned(Exception):
    """The file has no signature that covers it from its first byte on, or cannot be read."""


def covers_whole_file(pdf: bytes, signature: EmbeddedPdfSignature) -> bool:
    """Whether all bytes are signed, but for the hexadecimal string that is the signature itself."""
    return covered_end(pdf, signature) == len(pdf) > 0


def covered_end(pdf: bytes, signature: EmbeddedPdfSignature) -> int:
    """Where the signed part ends, if it begins with the file and leaves out nothing but the signature itself; else 0.

    pyHanko compares lengths only; here the gap must begin and end exactly at that string, so that no unsigned byte
    hides beside it, and what proves these bytes proves the signature between them.
    """
    numbers = [int(number) for number in signature.byte_range]
    if len(numbers) != 4 or numbers[0] != 0 or min(numbers) < 0:
        return 0
    _, first_length, second_start, second_length = numbers
    end = second_start + second_length
    if end > len(pdf) or second_start < first_length + 2:
        return 0
    gap = pdf[first_length:second_start]
    if gap[:1] != b"<" or gap[-1:] != b">":
        return 0
    try:
        container = binascii.unhexlify(gap[1:-1])
        header, content, trailer = (len(part) for part in asn1_parser.parse(container)[3:6])
    except (binascii.Error, ValueError):
        return 0
    # The rest of the reserved space is zeros (ISO 32000-2 12.8.1): nothing may be hidden there either.
    padding = container[header + content + trailer :]
    return end if container == signature.pkcs7_content and not padding.strip(b"\0") else 0


def update_is_legitimate(signature: EmbeddedPdfSignature) -> bool:
    """Whether pyHanko's analysis finds what follows the signed revision allowed: further signatures, time stamps,
    validation data; and the signature's own DocMDP and FieldMDP permit them.

    It counts changed metadata as harmless, so it is only half of the judgement
    (``certs.structure.compare_revisions`` is the other).
    """
    if signature.reader.xrefs.hybrid_xrefs_present:  # readers may disagree on what the update changed
        return False
    summary = signature.summarise_integrity_info()
    difference = summary["diff_result"]
    if summary["coverage"] is not SignatureCoverageLevel.ENTIRE_REVISION or not summary["docmdp_ok"]:
        return False
    if not isinstance(difference, DiffResult):
        return False
    return difference.modification_level in {ModificationLevel.LTA_UPDATES, ModificationLevel.FORM_FILLING}


def signed_end(signature: EmbeddedPdfSignature) -> int:
    """Where the signed part of the file ends, as the signature's ByteRange has it; 0 if that is odd."""
    numbers = [int(number) for number in signature.byte_range]
    return numbers[2] + numbers[3] if len(numbers) == 4 and min(numbers) >= 0 else 0


def signed_part(pdf: bytes) -> bytes:
    """The file as the last of its signatures covers it: without what was added behind, time stamps over the document
    included. Whether that signature is worth anything is not judged here.

    :raises NothingSigned:
    """
    try:
        reader = ForgivingReader(BytesIO(pdf), strict=False)
        ends = [signed_end(one) for one in reader.embedded_regular_signatures if one.byte_range[0] == 0]
    except _BROKEN as error:
        raise NothingSigned(type(error).__name__) from error
    end = max((one for one in ends if one <= len(pdf)), default=0)
    if end == 0:
        raise NothingSigned("no signature")
    return pdf[:end]
