"""Port of the renderer: decree data in, the PDF that will be signed out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Protocol

from svc.catalogues import N_

Stage = Literal["draft", "final"]
Emblem = Literal["garuda", "region"]


class RenderFailed(Exception):
    """No PDF could be made. ``detail`` is for the log and never shown to the public."""

    def __init__(self, text: str, *, detail: str = "") -> None:
        super().__init__(text)
        self.detail = detail


@dataclass(frozen=True)
class Letterhead:
    """Head of the page. ``organisation`` is the region ("PEMERINTAH PROVINSI …"), ``unit_name`` the office;
    an empty ``unit_name`` gives the head of the Governor. ``place`` stands before the date."""

    organisation: str
    unit_name: str = ""
    address: str = ""
    phone: str = ""
    email: str = ""
    website: str = ""
    place: str = ""
    emblem: Emblem = "region"


@dataclass(frozen=True)
class SignatureBlock:
    """``lines`` say the capacity, top down: ("a.n. GUBERNUR NUSA MANDALA", "KEPALA BADAN …,"). ``title`` and
    ``office`` say in running text as what and for which agency he signs."""

    lines: tuple[str, ...]
    name: str
    rank: str | None = None
    nip: str | None = None
    title: str | None = None
    office: str | None = None


@dataclass(frozen=True)
class SignatureBox:
    """Where the signature widget goes: ``page`` counts from 0; pt, origin at the bottom left."""

    page: int
    llx: float
    lly: float
    urx: float
    ury: float


@dataclass(frozen=True)
class RenderRequest:
    """``final`` needs ``number``, ``issued_on`` and ``verify_url``; a ``draft`` shows ``…`` in their place.
    ``further_blocks`` are those of the signers after the first, in their order.

    ``created_at`` (aware) becomes the PDF's creation time; without it midnight of ``issued_on`` (a draft:
    of 1 January 2000) stands there, so that the same request always gives the same bytes."""

    kind_id: str
    data: Mapping[str, Any]
    letterhead: Letterhead
    signature_block: SignatureBlock
    number: str | None = None
    issued_on: date | None = None
    place: str = ""
    verify_url: str | None = None
    stage: Stage = "draft"
    created_at: datetime | None = None
    further_blocks: tuple[SignatureBlock, ...] = ()


@dataclass(frozen=True)
class StampRequest:
    """What a finished PDF gets on its added signature page (``lembar pengesahan elektronik``)."""

    title: str
    subject: str
    letterhead: Letterhead
    signature_block: SignatureBlock
    number: str | None = None
    issued_on: date | None = None
    place: str = ""
    verify_url: str | None = None
    stage: Stage = "final"
    created_at: datetime | None = None
    further_blocks: tuple[SignatureBlock, ...] = ()


@dataclass(frozen=True)
class ReportSection:
    """A heading and rows of label and text below it."""

    heading: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ReportLabels:
    """The fixed words of a verification's report, Indonesian as they stand. ``page`` has a place for two numbers."""

    language: str = "id"
    title: str = N_("Laporan pemeriksaan tanda tangan elektronik")
    validity: str = N_("Laporan ini ditandatangani secara elektronik oleh layanan dan berlaku untuk berkas dengan "
                       "SHA-256 di atas saja.")
    page: str = N_("Halaman %(page)s dari %(pages)s")
    checked: str = N_("Yang diperiksa")
    how_to_read: str = N_("Cara membaca laporan ini")
    reading: str = N_(
        "Pemeriksaan mengikuti ETSI EN 319 102-1 dan menyatakan keadaan pada waktu diperiksa; status sertifikat dan "
        "status hukum dapat berubah sesudahnya. Nama penandatangan dan penerbit dikutip dari sertifikat di dalam "
        "berkas. Hasil TOTAL-PASSED berarti tanda tangan terbukti sah; INDETERMINATE berarti tidak dapat dibuktikan; "
        "TOTAL-FAILED berarti terbukti tidak sah. Huruf yang tidak dapat dicetak ditulis sebagai tanda tanya.")

    def in_words(self, language: str, gettext: Callable[[str], str]) -> ReportLabels:
        """The same in that language."""
        return ReportLabels(language, *(gettext(text) for text in (
            self.title, self.validity, self.page, self.checked, self.how_to_read, self.reading)))


@dataclass(frozen=True)
class ReportRequest:
    """What a verification found, in words: the sentence with what explains it, then facts, then one section for
    each signature and time stamp. ``created_at`` (aware) becomes the PDF's creation time."""

    organisation: str
    sentence: str
    explanation: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[ReportSection, ...]
    created_at: datetime
    labels: ReportLabels = ReportLabels()


@dataclass(frozen=True)
class ReceiptLine:
    """One document of a batch: its row, number, whom it is about, what became of it, and the SHA-256 of what was
    signed (empty: nothing was)."""

    row: str
    number: str
    label: str
    outcome: str
    sha256: str


@dataclass(frozen=True)
class ReceiptRequest:
    """What became of a batch: facts about it, then one line for each document."""

    organisation: str
    title: str
    facts: tuple[tuple[str, str], ...]
    lines: tuple[ReceiptLine, ...]
    created_at: datetime


@dataclass(frozen=True)
class RenderedPdf:
    """``sha256`` is the lower-case hex digest of ``pdf``; ``signature_boxes`` has one for each block, in order."""

    pdf: bytes
    sha256: str
    pages: int
    signature_boxes: tuple[SignatureBox, ...]

    @property
    def signature_box(self) -> SignatureBox:
        """The first, and most often the only one."""
        return self.signature_boxes[0]


class Renderer(Protocol):
    """Thread-safe; opens no network connection and uses no font of the machine."""

    def render(self, request: RenderRequest) -> RenderedPdf:
        """Lay out a decree as tagged PDF/A-2 (ISO 19005-2). :raises RenderFailed: unknown kind, a final
        rendition without number, date or verify URL, a template that does not compile, or one that has not
        exactly one place for each signature block."""
        ...

    def stamp(self, pdf: bytes, request: StampRequest) -> RenderedPdf:
        """Append a signature page to an uploaded PDF; its own pages keep every mark and get none.

        :raises RenderFailed: the PDF cannot be read, or the request is incomplete."""
        ...

    def receipt(self, request: ReceiptRequest) -> RenderedPdf:
        """Lay out the outcome of a batch as tagged PDF/A-2. :raises RenderFailed: it cannot be laid out"""
        ...

    def report(self, request: ReportRequest) -> RenderedPdf:
        """Lay out a verification's findings as tagged PDF/A-2 (ISO 19005-2), without a place for a signature.
        Characters that the fonts have not are replaced by ``?``. :raises RenderFailed: it does not compile."""
        ...
