"""Renderer by Typst: one reused compiler per thread, fonts of the package only, no network.

Data goes in as JSON and is shown as strings, so no text of a person is ever read as Typst markup; the compiler's root
is the templates' folder, so no template can read beyond it.
"""

from __future__ import annotations

import hashlib
import io
import re
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import pikepdf
import typst

from svc.adapters.typesetting import Typesetter
from svc.kinds import DECREES, Kind, KindCatalogue, KindUnknown, subject_of
from svc.qr import QrDrawer
from svc.rendering import (
    ReceiptRequest,
    RenderedPdf,
    RenderFailed,
    RenderRequest,
    ReportRequest,
    SignatureBox,
    StampRequest,
)
from svc.wording import spell_date, write_date

REPORTS: Final = Path(__file__).parents[2] / "templates" / "reports"
FONTS: Final = Path(__file__).parents[2] / "templates" / "fonts"
_ELLIPSIS: Final = "…"
_NO_DATE: Final = date(2000, 1, 1)
_MAX_STAMPED_PAGES: Final = 2000
# What the report's font surely has: certificates of strangers may hold anything, PDF/A no missing glyph.
_NO_GLYPH: Final = re.compile(r"[^\n -~\u00a0-\u00ac\u00ae-\u017f\u0391-\u03a1\u03a3-\u03c9\u0410-\u044f–—‘’“”•…]")
_FITS: Final = re.compile(r"[0-9a-f]{1,64}|https?://[a-z0-9.:-]{1,40}/v/[\w-]{22}")
_LONG_WORD: Final = re.compile(r"[^\s\u200b]{32,}")


class TypstRenderer:
    """See :class:`svc.rendering.Renderer`."""

    def __init__(self, kinds: KindCatalogue, folder: Path = DECREES, fonts: Path = FONTS) -> None:
        self._kinds = kinds
        self._folder = folder
        self._fonts = typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(fonts)]
        )
        layout = tomllib.loads((folder / "layout.toml").read_text(encoding="utf-8"))
        self._footers = sorted(layout["footer"], key=lambda footer: str(footer["valid_from"]))
        self._codes = QrDrawer()
        self._local = threading.local()

    def render(self, request: RenderRequest) -> RenderedPdf:
        return self._compile(self.inputs_of(request), _created_at(request))

    def inputs_of(self, request: RenderRequest) -> dict[str, Any]:
        """What the template is given, ready for JSON. :raises RenderFailed: as for ``render``"""
        try:
            kind = self._kinds.get(request.kind_id)
        except KindUnknown as error:
            raise RenderFailed(f"unknown kind {request.kind_id!r}") from error
        data = self._kinds.present_data(kind, request.data)
        return {
            **self._common(request, f"{kind.title} – {subject_of(kind, data)}"),
            "template": f"/{kind.id}/template.typ",
            "kind-title": kind.title,
            "number": _let_break(request.number or _blank_number(kind)),
            "font": kind.font,
            "data": _let_break(data),
        }

    def stamp(self, pdf: bytes, request: StampRequest) -> RenderedPdf:
        digest = hashlib.sha256(pdf).hexdigest()
        try:
            with pikepdf.open(io.BytesIO(pdf)) as document:
                return self._append_page(document, digest, request)
        except pikepdf.PdfError as error:
            raise RenderFailed("the uploaded PDF cannot be read", detail=str(error)) from error

    def report(self, request: ReportRequest) -> RenderedPdf:
        return self._report("verification", asdict(request), request.created_at)

    def receipt(self, request: ReceiptRequest) -> RenderedPdf:
        return self._report("batch", asdict(request), request.created_at)

    def _report(self, name: str, values: Mapping[str, Any], created_at: datetime) -> RenderedPdf:
        data = _show_plainly({**values, "created_at": ""})
        # A report is rare, and what strangers wrote stays in no compiler that is used again.
        setter = Typesetter(REPORTS / name / "report.typ", REPORTS, self._fonts)
        pdf, _ = setter.typeset(data, _whole_seconds(created_at))
        with pikepdf.open(io.BytesIO(pdf)) as document:
            return _rendered(pdf, len(document.pages), ())

    def _append_page(self, document: pikepdf.Pdf, digest: str, request: StampRequest) -> RenderedPdf:
        count = len(document.pages)
        if not 0 < count <= _MAX_STAMPED_PAGES:
            raise RenderFailed(f"the uploaded PDF has {count} pages")
        inputs = {
            **self._common(request, f"{request.title} – {request.subject}"),
            "template": "/_shared/page.typ",
            "font": "sans",
            "kind-title": request.title,
            "subject": _let_break(request.subject),
            "number": _let_break(request.number or _ELLIPSIS),
            "pages": count,
            "sha256": f"{digest[:32]}\n{digest[32:]}",
        }
        sheet = self._compile(inputs, _created_at(request))
        with pikepdf.open(io.BytesIO(sheet.pdf)) as page:
            document.pages.extend(page.pages)
            _name_document(document, inputs["title"])
            result = io.BytesIO()
            document.save(result, object_stream_mode=pikepdf.ObjectStreamMode.generate,
                          deterministic_id=True)
        placed = tuple(replace(box, page=box.page + count) for box in sheet.signature_boxes)
        return _rendered(result.getvalue(), count + sheet.pages, placed)

    def _common(self, request: RenderRequest | StampRequest, title: str) -> dict[str, Any]:
        final = request.stage == "final"
        if final and not (request.number and request.issued_on and request.verify_url):
            raise RenderFailed("a final rendition needs number, date and verify address")
        url = request.verify_url or ""
        blocks = [_let_break({key: value for key, value in vars(block).items() if value})
                  for block in (request.signature_block, *request.further_blocks)]
        return {
            "title": title,
            "final": final,
            "letterhead": _let_break(vars(request.letterhead)),
            "blocks": blocks,
            "date-spelled": spell_date(request.issued_on) if request.issued_on else _ELLIPSIS,
            "date": write_date(request.issued_on) if request.issued_on else _ELLIPSIS,
            "place": _let_break(request.place or request.letterhead.place or _ELLIPSIS),
            "url": url,
            "qr": self._codes.draw(url) if final else "",
            "footer": self._footer_on(request.issued_on, url) if final else [],
        }

    def _footer_on(self, day: date | None, url: str) -> list[str]:
        known = [footer["text"] for footer in self._footers if day and footer["valid_from"] <= day]
        return str(known[-1] if known else self._footers[0]["text"]).replace("{url}", url).splitlines()

    def _typesetter(self) -> Typesetter:
        if not hasattr(self._local, "typesetter"):
            # It holds the data of its last document, so each thread has its own; fonts are shared.
            self._local.typesetter = Typesetter(self._folder / "main.typ", self._folder, self._fonts)
        typesetter: Typesetter = self._local.typesetter
        return typesetter

    def _compile(self, inputs: Mapping[str, Any], created_at: datetime) -> RenderedPdf:
        pdf, marks = self._typesetter().typeset(inputs, created_at, "signature-box")
        return _placed(pdf, marks, len(inputs["blocks"]))


def _placed(pdf: bytes, marks: list[dict[str, Any]], blocks: int) -> RenderedPdf:
    corners = {(int(mark["index"]), str(mark["corner"])): mark for mark in marks}
    wanted = {(index, corner) for index in range(blocks) for corner in ("first", "last")}
    if len(marks) != len(wanted) or corners.keys() != wanted:
        raise RenderFailed(f"the template marks {len(marks)} corners for {blocks} signature(s)")
    boxes = tuple(_box(corners[index, "first"], corners[index, "last"]) for index in range(blocks))
    return _rendered(pdf, int(marks[0]["pages"]), boxes)


def _box(first: Mapping[str, float], last: Mapping[str, float]) -> SignatureBox:
    """From the upper left and the lower right corner, which Typst counts from the top of the page."""
    edges = (first["x"], first["top"] - last["y"], last["x"], first["top"] - first["y"])
    llx, lly, urx, ury = (round(edge, 2) for edge in edges)
    return SignatureBox(int(first["page"]) - 1, llx, lly, urx, ury)


def _rendered(pdf: bytes, pages: int, boxes: tuple[SignatureBox, ...]) -> RenderedPdf:
    return RenderedPdf(pdf=pdf, sha256=hashlib.sha256(pdf).hexdigest(), pages=pages, signature_boxes=boxes)


def _let_break(value: Any) -> Any:
    """Let very long words break, so that none runs off the page."""
    if isinstance(value, str):
        return _LONG_WORD.sub(lambda match: "\u200b".join(match[0]), value)
    if isinstance(value, Mapping):
        return {key: _let_break(item) for key, item in value.items()}
    return [_let_break(item) for item in value] if isinstance(value, list | tuple) else value


def _show_plainly(value: Any) -> Any:
    """Replace what the font may lack, and let long words break: all but digests and addresses, which people copy."""
    if isinstance(value, str):
        shown = _NO_GLYPH.sub("?", value)
        return _LONG_WORD.sub(lambda word: word[0] if _FITS.fullmatch(word[0]) else "\u200b".join(word[0]), shown)
    if isinstance(value, Mapping):
        return {key: _show_plainly(item) for key, item in value.items()}
    return [_show_plainly(item) for item in value]


def _blank_number(kind: Kind) -> str:
    return f"{kind.classification}/{_ELLIPSIS}"


def _created_at(request: RenderRequest | StampRequest) -> datetime:
    """PDF/A must have a creation time; a stable one where none is given, so that bytes repeat."""
    moment = request.created_at
    if moment is None:
        day = request.issued_on or _NO_DATE
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    return _whole_seconds(moment)


def _whole_seconds(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise RenderFailed("created_at must be aware")
    return moment.astimezone(UTC).replace(microsecond=0)  # a PDF date has whole seconds


def _name_document(document: pikepdf.Pdf, title: str) -> None:
    with document.open_metadata(set_pikepdf_as_editor=False, update_docinfo=True) as metadata:
        metadata["dc:title"] = title
    if "/Lang" not in document.Root:
        document.Root.Lang = pikepdf.String("id-ID")
    document.Root.ViewerPreferences = pikepdf.Dictionary(DisplayDocTitle=True)
