"""Pages as images, by PDFium: the only place that knows it. Runs in the cage."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pypdfium2
import pypdfium2.raw
from PIL import Image, PngImagePlugin  # noqa: F401 - Pillow would load it from disk at the first picture, in every child

from certs.coverage import NothingSigned, signed_part

WIDTH = 900
_MAX_HEIGHT = 1600
_MAX_PIXELS = 16_000_000
_COLOURS = 64
POINTS_PER_INCH = 72
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
    wanted = dpi / POINTS_PER_INCH
    return _draw(pdf, page, lambda width, height: min(wanted, (_MAX_PIXELS / (width * height)) ** 0.5), 0)


@contextmanager
def opened(pdf: bytes) -> Iterator[Any]:
    """The document as PDFium reads it, with its fields. :raises DrawingFailed: whatever PDFium failed at meanwhile"""
    with _pdfium:
        try:
            document = pypdfium2.PdfDocument(pdf)
            try:
                document.init_forms()  # viewers draw fields too, and nobody is to see less here
                yield document
            finally:
                document.close()
        except (pypdfium2.PdfiumError, ValueError, IndexError) as error:
            raise DrawingFailed(type(error).__name__) from error


def is_locked(document: Any) -> bool:
    """Whether it is enciphered, be it without a password to open it."""
    return bool(pypdfium2.raw.FPDF_GetSecurityHandlerRevision(document) != -1)


def is_signed(document: Any) -> bool:
    """Whether a signature field has a signature."""
    fields = (pypdfium2.raw.FPDF_GetSignatureObject(document, number)
              for number in range(pypdfium2.raw.FPDF_GetSignatureCount(document)))
    return any(pypdfium2.raw.FPDFSignatureObj_GetContents(field, None, 0) for field in fields)


def is_dynamic(document: Any) -> bool:
    """Whether its pages are made by the program for such forms (XFA), and are not in it."""
    return bool(document.get_formtype() == pypdfium2.raw.FORMTYPE_XFA_FULL)


def unpack_images(sheet: Any) -> None:
    """Unpack what pictures a page has: one that PDFium cannot unpack it would leave out without a word.

    :raises pypdfium2.PdfiumError: there is such a one; within :func:`opened` it becomes DrawingFailed
    """
    for one in sheet.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE]):
        one.get_bitmap()


def draw_whole(sheet: Any, dpi: int) -> Image.Image:
    """A page in colours."""
    image: Image.Image = sheet.render(scale=dpi / POINTS_PER_INCH, rev_byteorder=True).to_pil().convert("RGB")
    return image


def _draw(pdf: bytes, page: int, scale_of: Any, colours: int) -> bytes:
    with opened(pdf) as document:
        if not 0 <= page < len(document):
            raise DrawingFailed("no such page")
        sheet = document[page]
        width, height = sheet.get_size()
        scale = scale_of(max(width, 1), max(height, 1))
        image = sheet.render(scale=scale).to_pil().convert("RGB")
    out = io.BytesIO()
    (image.quantize(colours) if colours else image).save(out, "PNG", optimize=bool(colours))
    return out.getvalue()
