"""The cage itself: a bounded queue before a zygote, and answers that are read with suspicion."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import structlog

from certs import errors as refusals
from certs.intake import MAX_PAGES, PdfFacts
from certs.trust import TrustStore
from certs.validation import Proof, Report
from svc.cage.codec import CodecError
from svc.cage.frames import Frame
from svc.cage.gate import Gate
from svc.cage.pictures import PagePicture, Pictured, picture_all
from svc.cage.port import (
    MAX_DPI,
    MIN_DPI,
    SHEET_LIMITS,
    CageCrashed,
    CageFacts,
    CageLimits,
    CageTimeout,
    CageUnavailable,
    PageUndrawable,
    PicturesImpossible,
)
from svc.cage.protocol import (
    Answer,
    BindPictures,
    Bound,
    DrawFirstPage,
    Drawn,
    DrawPage,
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
    read_answer,
    write_task,
)
from svc.cage.trust_blob import TrustBlob, write_trust
from svc.cage.zygote import PROGRAM, Zygote, ZygoteGone
from svc.sheets import MIB, SheetLimits, SheetRefused, SheetTable, read_table, refusal_from

log = structlog.get_logger(__name__)
_PNG = b"\x89PNG\r\n\x1a\n"
_REFUSALS: dict[str, type[refusals.UploadRefused]] = {
    one.code: one for one in refusals.UploadRefused.__subclasses__()}


class WorkerCage:
    """Starts its zygote at the first task, or at :meth:`warm`; safe to use from many threads."""

    def __init__(self, limits: CageLimits, program: Path = PROGRAM) -> None:
        self._limits = limits
        self._program = program
        self._gate = Gate(limits.workers, limits.queue)
        self._zygote: Zygote | None = None
        self._starting = threading.Lock()

    def validate(self, pdf: bytes, trust: TrustStore, now: datetime, proofs: Iterable[Proof] = ()) -> Report:
        if now.tzinfo is None:
            raise ValueError("now must be aware")
        answer, _ = self._perform(Validate(now, tuple(proofs)), pdf, write_trust(trust))
        if isinstance(answer, Report):
            return answer
        raise CageCrashed

    def inspect(self, pdf: bytes, max_bytes: int, max_pages: int = MAX_PAGES) -> PdfFacts:
        if len(pdf) > max_bytes:  # nothing is parsed for that, and such a file need not travel
            raise refusals.UploadTooLarge(f"{len(pdf)} bytes, at most {max_bytes}")
        answer, _ = self._perform(Inspect(max_bytes, max_pages), pdf)
        if isinstance(answer, PdfFacts):
            return answer
        if isinstance(answer, Refused):
            raise _refusal(answer)
        raise CageCrashed

    def first_page(self, pdf: bytes, *, signed_only: bool = False) -> bytes:
        return self._picture(DrawFirstPage(signed_only), pdf)

    def render_page(self, pdf: bytes, page: int, dpi: int) -> bytes:
        return self._picture(DrawPage(page, min(max(dpi, MIN_DPI), MAX_DPI)), pdf)

    def picture_pages(self, pdf: bytes, max_bytes: int, max_pages: int = MAX_PAGES) -> bytes:
        def draw(page: int, most_bytes: int) -> tuple[Pictured, bytes]:
            answer, body = self._perform(PicturePage(page, most_bytes), pdf)
            if isinstance(answer, Pictured) and answer.picture.size == len(body):
                return answer, body
            if isinstance(answer, Refused):
                raise _refusal(answer)
            if isinstance(answer, Undrawable | Unpicturable):
                raise PicturesImpossible(answer.code if isinstance(answer, Unpicturable) else "undrawable")
            raise CageCrashed

        def bind(pictures: tuple[PagePicture, ...], data: bytes) -> bytes:
            answer, bound = self._perform(BindPictures(pictures), data)
            if isinstance(answer, Bound) and answer.size == len(bound):
                return bound
            raise CageCrashed

        return picture_all(draw, bind, max_bytes, max_pages)

    def read_sheet(self, data: bytes, limits: SheetLimits = SHEET_LIMITS) -> SheetTable:
        if len(data) > limits.file_bytes:
            raise SheetRefused("sheet_too_large", {"limit": limits.file_bytes // MIB})
        answer, table = self._perform(ReadSheet(limits), data)
        try:
            if isinstance(answer, Tabled) and answer.size == len(table):
                return read_table(table, limits)
            if isinstance(answer, SheetUnfit):
                raise refusal_from(answer.code, dict(answer.params))
        except ValueError as error:
            raise CageCrashed from error
        raise CageCrashed

    def facts(self) -> CageFacts:
        return self._living_zygote().facts

    def warm(self) -> None:
        threading.Thread(target=self._warm, name="cage-start", daemon=True).start()

    def close(self) -> None:
        with self._starting:
            if self._zygote is not None:
                self._zygote.end()
                self._zygote = None

    def _warm(self) -> None:
        try:
            facts = self.facts()
        except CageUnavailable:
            log.exception("cage_does_not_start")
            return
        if not facts.is_complete:
            log.warning("cage_has_gaps", missing=facts.missing)

    def _picture(self, task: Task, pdf: bytes) -> bytes:
        answer, picture = self._perform(task, pdf)
        if isinstance(answer, Undrawable):
            raise PageUndrawable(answer.reason)
        if isinstance(answer, Drawn) and answer.size == len(picture) and picture.startswith(_PNG):
            return picture
        raise CageCrashed

    def _perform(self, task: Task, pdf: bytes, trust: TrustBlob | None = None) -> tuple[Answer, bytes]:
        # A cage that is still starting is no reason to turn away those who came together.
        with self._gate.entered(self._limits.seconds, self._living_zygote):
            try:
                frame = self._run(task, pdf, trust)
                return read_answer(frame.head), frame.body
            except CodecError as error:
                self._report(task, pdf, CageCrashed.code)
                raise CageCrashed from error
            except (CageTimeout, CageCrashed) as error:
                self._report(task, pdf, error.code)
                raise

    def _run(self, task: Task, pdf: bytes, trust: TrustBlob | None) -> Frame:
        zygote = self._living_zygote()
        try:
            return zygote.run(write_task(task), pdf, trust)
        except ZygoteGone:
            self._discard(zygote)  # nothing of the task was done: once more, with a new one
        try:
            return self._living_zygote().run(write_task(task), pdf, trust)
        except ZygoteGone as error:
            raise CageUnavailable from error

    def _discard(self, zygote: Zygote) -> None:
        with self._starting:
            zygote.end()
            if self._zygote is zygote:
                self._zygote = None

    def _living_zygote(self) -> Zygote:
        with self._starting:
            if self._zygote is not None and not self._zygote.is_alive:
                log.error("cage_ended")
                self._zygote.end()
                self._zygote = None
            if self._zygote is None:
                self._zygote = Zygote(self._limits, self._program)
            return self._zygote

    @staticmethod
    def _report(task: Task, pdf: bytes, outcome: str) -> None:
        log.warning("cage_task_ended", task=type(task).__name__, outcome=outcome, size=len(pdf),
                    sha256=hashlib.sha256(pdf).hexdigest())


def _refusal(answer: Refused) -> refusals.UploadRefused:
    return _REFUSALS.get(answer.code, refusals.UploadBroken)(answer.detail)
