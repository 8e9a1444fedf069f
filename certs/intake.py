"""Look at an uploaded PDF before it may become a decree."""

from __future__ import annotations

from dataclasses import dataclass

MAX_BYTES = 20 * 1024 * 1024
MAX_PAGES = 500


@dataclass(frozen=True)
class PdfFacts:
    """What is told of an accepted upload. Page sizes in points, one (width, height) a page, rotation applied."""

    pages: int
    title: str
    page_sizes: tuple[tuple[float, float], ...]
    pdf_version: str
    sha256: str


def inspect_upload(pdf: bytes, max_bytes: int = MAX_BYTES, max_pages: int = MAX_PAGES) -> PdfFacts:
    """Accept a plain document; refuse what acts, hides or is signed already.

    :raises UploadRefused: one of its subclasses, each with its own code: too large, not a PDF, broken, encrypted,
        JavaScript, XFA, launch action, attachment, rich media, already signed, too many or no pages
    """
    raise NotImplementedError
