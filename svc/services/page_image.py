"""The first page of a stored PDF as a small image, for people who compare it with the paper in their hand."""

from __future__ import annotations

import io
import threading

import pypdfium2

from svc.errors import IntegrityViolation

WIDTH = 900
_MAX_HEIGHT = 1600
# PDFium is not thread-safe, not even over different documents.
_pdfium = threading.Lock()


def first_page(pdf: bytes) -> bytes:
    """The first page as PNG, ``WIDTH`` pixels wide. :raises IntegrityViolation: it cannot be drawn"""
    with _pdfium:
        try:
            document = pypdfium2.PdfDocument(pdf)
            try:
                page = document[0]
                width, height = page.get_size()
                scale = min(WIDTH / max(width, 1), _MAX_HEIGHT / max(height, 1))
                image = page.render(scale=scale, may_draw_forms=False).to_pil().convert("RGB")
            finally:
                document.close()
        except (pypdfium2.PdfiumError, ValueError, IndexError) as error:
            raise IntegrityViolation from error
    out = io.BytesIO()
    image.quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()
