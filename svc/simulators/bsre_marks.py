"""Where a visible signature lies and what it shows: marks in the text, QR codes."""

from __future__ import annotations

from io import BytesIO

import pypdfium2
import segno

from certs.pades import SignatureBox


class MarkMissing(Exception):
    """The mark stands nowhere in the document, or the document is unreadable."""


def page_count(pdf: bytes) -> int:
    """:raises MarkMissing: unreadable"""
    try:
        document = pypdfium2.PdfDocument(pdf)
    except pypdfium2.PdfiumError as error:
        raise MarkMissing from error
    try:
        return len(document)
    finally:
        document.close()


def find_mark(pdf: bytes, mark: str, width: float, height: float) -> SignatureBox:
    """A box of that size with its lower left at the first place where the mark stands. :raises MarkMissing:"""
    try:
        document = pypdfium2.PdfDocument(pdf)
    except pypdfium2.PdfiumError as error:
        raise MarkMissing from error
    try:
        for number in range(len(document)):
            text = document[number].get_textpage()
            found = text.search(mark, match_case=True).get_next()
            if found is not None:
                left, bottom, _, _ = text.get_charbox(found[0])
                return SignatureBox(number, left, bottom, left + width, bottom + height)
    finally:
        document.close()
    raise MarkMissing


def draw_qr(link: str) -> bytes:
    """A PNG."""
    output = BytesIO()
    segno.make(link, error="m").save(output, kind="png", scale=6, border=2)
    return output.getvalue()
