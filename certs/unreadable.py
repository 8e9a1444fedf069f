"""Why a file cannot be judged at all: what it is instead of a whole PDF that opens without a password.

People upload photos of a decree, its draft from a word processor, a download that broke off. Each has a finding of
its own (``Finding.code``), so that screens can say in one sentence what to do about it.
"""

from __future__ import annotations

from typing import Final

from certs.anatomy.findings import Finding

EMPTY: Final = "file_empty"
PICTURE: Final = "file_is_picture"
WORD: Final = "file_is_word"
TEXT: Final = "file_is_text"
OTHER: Final = "file_is_no_pdf"
TRUNCATED: Final = "file_truncated"
ENCRYPTED: Final = "encrypted"

EXPLANATIONS: Final = {
    EMPTY: "The file is empty (0 bytes).",
    PICTURE: "The file is a picture, not a PDF; a photo or a scan carries no electronic signature.",
    WORD: "The file is a word processor's, not a PDF.",
    TEXT: "The file is plain text, not a PDF.",
    OTHER: "The file is not a PDF.",
    TRUNCATED: "The PDF is truncated, or its end is damaged. Download or copy it again.",
    ENCRYPTED: "The PDF is protected with a password. Ask for the original without one.",
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
