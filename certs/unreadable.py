"""Why a file cannot be judged at all: what it is instead of a whole PDF that opens without a password.

People upload photos of a decree, its draft from a word processor, a download that broke off. Each has a finding of
its own (``Finding.code``), so that screens can say in one sentence what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pyhanko.sign.validation.errors import SignatureValidationError

from certs.anatomy.findings import Finding
from certs.pool import CopiedSignature, Entangled

EMPTY: Final = "file_empty"
PICTURE: Final = "file_is_picture"
WORD: Final = "file_is_word"
TEXT: Final = "file_is_text"
OTHER: Final = "file_is_no_pdf"
TRUNCATED: Final = "file_truncated"
ENCRYPTED: Final = "encrypted"
TOO_LONG: Final = "file_took_too_long"
TOO_MUCH: Final = "file_took_too_much"

EXPLANATIONS: Final = {
    EMPTY: "The file is empty (0 bytes).",
    PICTURE: "The file is a picture, not a PDF; a photo or a scan carries no electronic signature.",
    WORD: "The file is a word processor's, not a PDF.",
    TEXT: "The file is plain text, not a PDF.",
    OTHER: "The file is not a PDF.",
    TRUNCATED: "The PDF is truncated, or its end is damaged. Download or copy it again.",
    ENCRYPTED: "The PDF is protected with a password. Ask for the original without one.",
    TOO_LONG: "The file took longer to read than any honest file does; the attempt was stopped.",
    TOO_MUCH: "The file brought down the process that read it, or used up its memory.",
}
"""A sentence in English for each, for logs and the command line."""

_HEAD: Final = 1024  # a header may stand behind other bytes up to here (Adobe's readers)
_TAIL: Final = 1024  # and the end mark before as many
_SAMPLE: Final = 65_536
_PICTURES: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*", b"BM")
_BRANDS: Final = (b"heic", b"heix", b"mif1", b"avif")
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Word until 2003
_ZIP: Final = b"PK\x03\x04"
_IN_WORD: Final = (b"word/document", b"application/vnd.oasis.opendocument.text")
_RICH_TEXT: Final = b"{\\rtf"

# Why a file is not given to any parser, by the code of its finding (certs.structure).
REFUSED: Final = {
    "file_too_large": "it is too large",
    "header_not_at_start": "other data stands before the beginning of the PDF",
    "polyglot": "it is a file of another format too, not a PDF alone",
    **dict.fromkeys((
        "too_many_revisions", "too_many_signatures", "too_many_objects", "too_many_findings", "nested_too_deep",
        "token_too_long", "xref_size_absurd", "xref_width_absurd"),
        "it has far more parts, or deeper ones, than an honest document"),
}
_BROKEN: Final[tuple[tuple[type[Exception], str], ...]] = (
    (CopiedSignature, "Two certificates in the file bear the same signature of their authority; one is forged."),
    (Entangled, "Authorities in the file have certified each other so often that nobody can try all chains."),
    (SignatureValidationError, "A signature in the file is not built as one: its data or what it covers is malformed."),
)
_BROKEN_OTHERWISE: Final = "The file or a signature in it is damaged, so that no reader makes sense of it."


def tell_refused(codes: Iterable[str]) -> str:
    """A sentence on why a file is not looked into."""
    return f"The file is not looked into: {'; '.join(dict.fromkeys(REFUSED[code] for code in codes))}."


def tell_broken(error: Exception) -> str:
    """A sentence on what stopped a validation; the error's own name is for the log."""
    return next((told for kind, told in _BROKEN if isinstance(error, kind)), _BROKEN_OTHERWISE)


def tell_other(data: bytes) -> Finding | None:
    """What a file is that has no PDF header; None: it has one."""
    if not data:
        return Finding(EMPTY, 0)
    if b"%PDF-" in data[:_HEAD]:
        return None
    for code, is_it in ((PICTURE, _is_picture), (WORD, _is_word), (TEXT, _is_text)):
        if is_it(data):
            return Finding(code, 0)
    return Finding(OTHER, 0)


def tell_truncated(data: bytes) -> Finding | None:
    """A PDF whose end mark is not where it must be has lost its end (or was given another); None: it is there."""
    return None if b"%%EOF" in data[-_TAIL:] else Finding(TRUNCATED, len(data))


def _is_picture(data: bytes) -> bool:
    return (data.startswith(_PICTURES) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
            or (data[4:8] == b"ftyp" and data[8:12] in _BRANDS))


def _is_word(data: bytes) -> bool:
    # A package's list of names stands at its end, the first names at its start.
    in_package = data.startswith(_ZIP) and any(
        mark in part for mark in _IN_WORD for part in (data[:_SAMPLE], data[-_SAMPLE:]))
    return in_package or data.startswith((_OLE, _RICH_TEXT))


def _is_text(data: bytes) -> bool:
    sample = data[:_SAMPLE]
    if any(byte < 32 and byte not in b"\t\n\v\f\r\x1b" for byte in sample):
        return False
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character cut by the sample's end is no fault; anything earlier makes it another encoding or no text.
        return len(data) > _SAMPLE and error.start >= _SAMPLE - 4
    return True
