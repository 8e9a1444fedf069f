"""The work that is done in the cage.

Importing this module imports everything that the tasks need, so that a forked child loads nothing from disk.
"""

from __future__ import annotations

from certs.errors import UploadRefused
from certs.intake import inspect_upload
from certs.trust import TrustStore
from certs.validation import validate_pdf
from svc.cage.drawing import DrawingFailed, draw_first_page, draw_page
from svc.cage.picturing import bind_pictures, picture_page
from svc.cage.port import PicturesImpossible
from svc.cage.protocol import (
    Answer,
    BindPictures,
    Bound,
    DrawFirstPage,
    Drawn,
    DrawPage,
    Fault,
    Inspect,
    PicturePage,
    ReadSheet,
    Refused,
    SheetUnfit,
    Tabled,
    Task,
    Undrawable,
    Unpicturable,
    Validate,
)
from svc.sheets import SheetRefused, write_table
from svc.sheets_read import read_sheet

_MAX_DETAIL = 500


def perform(task: Task, pdf: bytes, trust: TrustStore | None) -> tuple[Answer, bytes]:
    """Do it; refusals come back as answers, and so does every error."""
    try:
        match task:
            case Validate(now, proofs):
                return (Fault("no trust") if trust is None else validate_pdf(pdf, trust, now, proofs)), b""
            case Inspect(max_bytes, max_pages):
                return inspect_upload(pdf, max_bytes, max_pages), b""
            case DrawFirstPage(signed_only):
                return _picture(draw_first_page(pdf, signed_only=signed_only))
            case DrawPage(page, dpi):
                return _picture(draw_page(pdf, page, dpi))
            case PicturePage(page, most_bytes):
                return picture_page(pdf, page, most_bytes)
            case BindPictures(pictures):
                bound = bind_pictures(pictures, pdf)
                return Bound(len(bound)), bound
            case ReadSheet(limits):
                table = write_table(read_sheet(pdf, limits))
                return Tabled(len(table)), table
    except UploadRefused as refused:
        return Refused(refused.code, refused.detail[:_MAX_DETAIL]), b""
    except SheetRefused as unfit:
        return SheetUnfit(unfit.code, tuple(unfit.params.items())), b""
    except PicturesImpossible as impossible:
        return Unpicturable(impossible.code), b""
    except DrawingFailed as failed:
        return Undrawable(str(failed)[:_MAX_DETAIL]), b""
    # Parsers fail on hostile bytes in ways that nobody can list, and the parent waits for a word.
    except Exception as error:  # noqa: BLE001
        return Fault(type(error).__name__), b""


def _picture(png: bytes) -> tuple[Drawn, bytes]:
    return Drawn(len(png)), png
