"""The same work in the caller's own process: for tests, and for systems without the means for a cage."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from certs.intake import MAX_PAGES, PdfFacts, inspect_upload
from certs.trust import TrustStore
from certs.validation import Proof, Report, validate_pdf
from svc.cage.drawing import DrawingFailed, draw_first_page, draw_page
from svc.cage.pictures import Pictured, picture_all
from svc.cage.picturing import bind_pictures, picture_page
from svc.cage.port import MAX_DPI, MIN_DPI, SHEET_LIMITS, CageFacts, PageUndrawable, PicturesImpossible
from svc.sheets import SheetLimits, SheetTable
from svc.sheets_read import read_sheet


class InlineCage:
    """A cage with its door open: every hostile byte is parsed right here."""

    def validate(self, pdf: bytes, trust: TrustStore, now: datetime, proofs: Iterable[Proof] = ()) -> Report:
        return validate_pdf(pdf, trust, now, proofs)

    def inspect(self, pdf: bytes, max_bytes: int, max_pages: int = MAX_PAGES) -> PdfFacts:
        return inspect_upload(pdf, max_bytes, max_pages)

    def first_page(self, pdf: bytes, *, signed_only: bool = False) -> bytes:
        try:
            return draw_first_page(pdf, signed_only=signed_only)
        except DrawingFailed as error:
            raise PageUndrawable(str(error)) from error

    def render_page(self, pdf: bytes, page: int, dpi: int) -> bytes:
        try:
            return draw_page(pdf, page, min(max(dpi, MIN_DPI), MAX_DPI))
        except DrawingFailed as error:
            raise PageUndrawable(str(error)) from error

    def picture_pages(self, pdf: bytes, max_bytes: int, max_pages: int = MAX_PAGES) -> bytes:
        def draw(page: int, most_bytes: int) -> tuple[Pictured, bytes]:
            try:
                return picture_page(pdf, page, most_bytes)
            except DrawingFailed as error:
                raise PicturesImpossible("undrawable") from error

        return picture_all(draw, bind_pictures, max_bytes, max_pages)

    def read_sheet(self, data: bytes, limits: SheetLimits = SHEET_LIMITS) -> SheetTable:
        return read_sheet(data, limits)

    def facts(self) -> CageFacts:
        return CageFacts(is_apart=False)

    def warm(self) -> None:
        pass

    def close(self) -> None:
        pass
