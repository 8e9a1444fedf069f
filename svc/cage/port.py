"""What services ask of the cage, and how it fails."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from certs.intake import MAX_PAGES, PdfFacts
from certs.trust import TrustStore
from certs.validation import Proof, Report
from svc.errors import ServiceUnavailable
from svc.sheets import SheetLimits, SheetTable

MIN_DPI, MAX_DPI = 36, 300
SHEET_LIMITS = SheetLimits()


class CageBusy(ServiceUnavailable):
    """As many files as may wait are waiting already."""

    code = "cage_busy"
    message = "Pemeriksaan berkas sedang penuh. Coba lagi satu menit lagi."


class CageUnavailable(ServiceUnavailable):
    """The processes that look into files cannot be started."""

    code = "cage_unavailable"
    message = "Pemeriksaan berkas sedang tidak tersedia. Coba lagi beberapa saat lagi."


class CageTimeout(ServiceUnavailable):
    """The file took longer than any honest one does; it says nothing of other files."""

    code = "cage_timeout"
    message = "Berkas ini terlalu lama diperiksa, jadi pemeriksaannya dihentikan."


class CageCrashed(ServiceUnavailable):
    """The parser died of the file: memory, a fault, or an answer that cannot be read."""

    code = "cage_crashed"
    message = "Berkas ini tidak dapat diperiksa."


class PageUndrawable(Exception):
    """The page is not there, or the renderer cannot read the file."""


class PicturesImpossible(Exception):
    """Pages cannot become pictures; ``code`` says why, ``page`` (from 1) where: 0 if at no certain page.

    Codes: ``undrawable``, ``page_too_large``, ``dynamic_form``, ``too_many_pages``, ``too_large``, ``too_slow``.
    """

    def __init__(self, code: str, page: int = 0) -> None:
        self.code, self.page = code, page
        super().__init__(f"{code}, page {page}" if page else code)


@dataclass(frozen=True)
class CageLimits:
    """``workers`` run at once and ``queue`` wait, in one process; each for ``seconds`` and ``memory_mb`` at most."""

    workers: int = 2
    queue: int = 16
    seconds: float = 10
    memory_mb: int = 768


@dataclass(frozen=True)
class CageFacts:
    """Which bars are in force, as the worker itself found out; the kernel may lack some.

    ``is_apart``: in a process of its own, with an empty environment and the limits. ``own_network``: in a network
    namespace without interfaces. ``landlock``: version of the kernel's interface that keeps files away (0: none).
    ``seccomp``: no sockets, programs, processes, signals. ``no_capabilities``: none even if the service runs as root.
    """

    is_apart: bool
    no_new_privileges: bool = False
    no_capabilities: bool = False
    own_network: bool = False
    landlock: int = 0
    seccomp: bool = False
    limits: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether no bar is missing."""
        return not self.missing

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the bars that are not in force."""
        if not self.is_apart:
            return ("process",)
        return tuple(name for name in ("no_new_privileges", "no_capabilities", "own_network", "landlock", "seccomp",
                                       "limits") if not getattr(self, name))


class Cage(Protocol):
    """Looks into bytes that anybody may have made.

    Every method raises CageBusy (too many wait), CageUnavailable (no worker to be had), CageTimeout and CageCrashed
    (this file is at fault), beside what it names itself.
    """

    def validate(self, pdf: bytes, trust: TrustStore, now: datetime, proofs: Iterable[Proof] = ()) -> Report:
        """As :func:`certs.validation.validate_pdf`."""
        ...

    def inspect(self, pdf: bytes, max_bytes: int, max_pages: int = MAX_PAGES) -> PdfFacts:
        """As :func:`certs.intake.inspect_upload`. :raises certs.errors.UploadRefused: one of its subclasses"""
        ...

    def first_page(self, pdf: bytes, *, signed_only: bool = False) -> bytes:
        """The first page as a small PNG, 900 pixels wide.

        :param signed_only: of the file as its last signature covers it, whatever was added behind
        :raises PageUndrawable: it cannot be drawn, or nothing of it is signed
        """
        ...

    def render_page(self, pdf: bytes, page: int, dpi: int) -> bytes:
        """A page (counted from 0) as PNG; ``dpi`` is kept within 36 and 300, and huge pages are drawn smaller.

        :raises PageUndrawable: there is no such page, or it cannot be drawn
        """
        ...

    def picture_pages(self, pdf: bytes, max_bytes: int, max_pages: int = MAX_PAGES) -> bytes:
        """A PDF each of whose pages is a picture of a page of this one, as viewers show it and in the same size, and
        has nothing else. What comes back is not inspected yet.

        :raises certs.errors.UploadRefused: it is signed or enciphered. :raises PicturesImpossible: it cannot be done
        """
        ...

    def read_sheet(self, data: bytes, limits: SheetLimits = SHEET_LIMITS) -> SheetTable:
        """The table in a CSV or XLSX file. :raises svc.sheets.SheetRefused: it cannot be used; its code says why"""
        ...

    def facts(self) -> CageFacts:
        """Which bars are in force. Starts the cage if need be. :raises CageUnavailable: it does not start"""
        ...

    def warm(self) -> None:
        """Start now, without waiting for it, so that the first visitor need not."""
        ...

    def close(self) -> None:
        """End all workers; the cage may be used again, and starts anew then."""
        ...
