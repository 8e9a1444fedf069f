"""Pages as images, by PDFium: the only place that knows it. Runs in the cage."""

from __future__ import annotations

import io
import threading
from typing import Any

import pypdfium2
from PIL import PngImagePlugin  # noqa: F401 - Pillow would load it from disk at the first picture, in every child

from certs.coverage import NothingSigned, signed_part

WIDTH = 900
_MAX_HEIGHT = 1600
_MAX_PIXELS = 16_000_000
_COLOURS = 64
_POINTS_PER_INCH = 72
# PDFium is not thread-safe, not even over different documents.
_pdfium = threading.Lock()


class DrawingFailed(Exception):
    """No such page, or PDFium cannot read the file."""


def draw_first_page(pdf: bytes, *, signed_only: bool) -> bytes:
    """The first page as PNG, ``WIDTH`` pixels wide and few colours.

    :param signed_only: draw the file as its last signature covers it, without anything that was added behind
    :raises DrawingFailed: it cannot be drawn, or nothing of it is signed
    """
    if signed_only:
        try:
            pdf = signed_part(pdf)
        except NothingSigned as error:
            raise DrawingFailed(f"nothing signed: {error}") from error
    return _draw(pdf, 0, lambda width, height: min(WIDTH / width, _MAX_HEIGHT / height), _COLOURS)


def draw_page(pdf: bytes, page: int, dpi: int) -> bytes:
    """A page (from 0) as PNG; a page too large for that resolution is drawn smaller.

    :raises DrawingFailed: it cannot be drawn
    """
    wanted = dpi / _POINTS_PER_INCH
    return _draw(pdf, page, lambda width, height: min(wanted, (_MAX_PIXELS / (width * height)) ** 0.5), 0)


def _draw(pdf: bytes, page: int, scale_of: Any, colours: int) -> bytes:
    with _pdfium:
        try:
            document = pypdfium2.PdfDocument(pdf)
            try:
                document.init_forms()  # viewers draw fields too, and nobody is to see less here
                if not 0 <= page < len(document):
                    raise DrawingFailed("no such page")
                sheet = document[page]
                width, height = sheet.get_size()
                scale = scale_of(max(width, 1), max(height, 1))
                image = sheet.render(scale=scale).to_pil().convert("RGB")
            finally:
                document.close()
        except (pypdfium2.PdfiumError, ValueError, IndexError) as error:
            raise DrawingFailed(type(error).__name__) from error
    out = io.BytesIO()
    (image.quantize(colours) if colours else image).save(out, "PNG", optimize=bool(colours))
    return out.getvalue()
