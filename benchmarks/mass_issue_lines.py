"""The production lines that are compared. Each runs in processes of its own and is given numbers of decrees."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from statistics import median

import typst

from benchmarks.mass_issue_data import PASSPHRASE, make_request, read_office
from certs.fast import BatchSigner, Model, check, gather_store, make_model
from certs.pades import Level, SignatureBox, SignRequest, sign_pdf
from svc.adapters.local_store import LocalStore
from svc.adapters.renderer import FONTS, TypstRenderer
from svc.adapters.typesetting import Typesetter
from svc.kinds import DECREES, KindCatalogue
from svc.ports import NewObject
from svc.rendering import RenderedPdf, RenderRequest


@dataclass(frozen=True)
class Took:
    """Seconds by the clock, and of the processors (all threads and finished child processes)."""

    clock: float
    processor: float


Line = Callable[[Sequence[int]], Callable[[], Took]]
"""Makes up the data of the decrees with these numbers; what comes back issues them and says what that took."""


class Watch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._clock, self._processor = time.perf_counter(), self._used()

    def read(self) -> Took:
        """What has gone by."""
        return Took(time.perf_counter() - self._clock, self._used() - self._processor)

    @staticmethod
    def _used() -> float:
        return sum(os.times()[:4])

_AT = datetime(2026, 2, 2, tzinfo=UTC)
_CHUNK = 50


class DurableFolder:
    """Writes files so that they survive a crash: written, synchronised, renamed. Waiting for the disk goes on beside
    the work on the next documents; :meth:`settle` comes back when all are safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(2)
        self._pending: list[Future[None]] = []

    def write(self, name: str, content: bytes) -> None:
        self._pending.append(self._pool.submit(self._write, name, content))

    def settle(self) -> None:
        for one in self._pending:
            one.result()
        self._pending.clear()
        handle = os.open(self._folder, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)

    def _write(self, name: str, content: bytes) -> None:
        part = self._folder / f"{name}.part"
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.rename(self._folder / name)


class Issuing:
    """Ours: layout, preparation, signature, completion, check of every file, file system; without what a service keeps
    of it in its database."""

    def __init__(self, folder: Path, level: Level) -> None:
        self.kinds = KindCatalogue.load()
        self.renderer = TypstRenderer(self.kinds)
        self.office = read_office(folder)
        self.level = level
        self.store = LocalStore(_own_folder(folder, f"ours-{level}"))
        self.local = self.office.signer
        self.signer, self.model = self._first()

    def issue(self, numbers: Sequence[int]) -> Callable[[], Took]:
        requests = [make_request(self.kinds, number) for number in numbers]

        def run() -> Took:
            watch = Watch()
            for first in range(0, len(numbers), _CHUNK):
                self._issue_chunk(numbers[first : first + _CHUNK], requests[first : first + _CHUNK])
            return watch.read()

        return run

    def _issue_chunk(self, numbers: Sequence[int], requests: Sequence[RenderRequest]) -> None:
        """As a batch goes: all pages are laid out before the first is signed."""
        laid_out = [self.renderer.render(request) for request in requests]
        done = []
        for number, frozen in zip(numbers, laid_out, strict=True):
            asked = self.ask(frozen)
            signed = self.signer.sign(frozen.pdf, asked, self.local.sign_attributes)
            check(frozen.pdf, signed, asked, self.model, datetime.now(UTC))
            done.append(NewObject(f"{number}.pdf", signed.pdf, "application/pdf"))
        self.store.put_many(done)

    def _first(self) -> tuple[BatchSigner, Model]:
        """The file that is validated in full, once for an authorisation."""
        office = self.office
        frozen = self.renderer.render(make_request(self.kinds, os.getpid()))
        request = self.ask(frozen, Level.B_T)
        store = None
        if self.level is Level.B_LT:
            probe = sign_pdf(frozen.pdf, request, self.local, office.tsa)
            store = gather_store(probe.pdf, office.tsa, office.trust, office.now)
        signer = BatchSigner(office.certificate, office.chain, self.level, office.tsa, store)
        signed = signer.sign(frozen.pdf, request, self.local.sign_attributes)
        return signer, make_model(frozen.pdf, signed, request, signer, office.trust, datetime.now(UTC))

    def ask(self, frozen: RenderedPdf, level: Level = Level.B_B) -> SignRequest:
        """The signature that belongs on these pages."""
        box = frozen.signature_box
        return SignRequest(
            datetime.now(UTC).replace(microsecond=0), "Surya Contoh", reason="Menandatangani naskah",
            location="Tanjung Mandala", level=level,
            box=SignatureBox(box.page, box.llx, box.lly, box.urx, box.ury))


def make_ours(folder: Path, level: Level = Level.B_B) -> Line:
    return Issuing(folder, level).issue


def make_limit(folder: Path) -> Line:
    """What cannot be gone below with this layout and this key: Typst alone, and one raw signature a document."""
    kinds = KindCatalogue.load()
    renderer = TypstRenderer(kinds)
    signer = read_office(folder).signer
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONTS)])
    typesetter = Typesetter(DECREES / "main.typ", DECREES, fonts)

    def prepare(numbers: Sequence[int]) -> Callable[[], Took]:
        inputs = [renderer.inputs_of(make_request(kinds, number)) for number in numbers]

        def run() -> Took:
            watch = Watch()
            for one in inputs:
                typesetter.typeset(one, _AT)
                signer.sign_attributes(repr(one).encode()[:330])
            return watch.read()

        return run

    return prepare


def make_naive(folder: Path) -> Line:
    """The loop that everybody writes first: WeasyPrint, and pyHanko as its manual has it, with a visible stamp."""
    import weasyprint  # type: ignore[import-not-found, unused-ignore]
    from pyhanko import stamp
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import fields, signers

    from benchmarks.mass_issue_html import write_html

    kinds = KindCatalogue.load()
    out = DurableFolder(_own_folder(folder, "naive"))
    signer = signers.SimpleSigner.load(  # type: ignore[no-untyped-call]
        str(folder / "own.key"), str(folder / "own.pem"), (str(folder / "issuing.pem"), str(folder / "root.pem")),
        key_passphrase=PASSPHRASE.encode())
    if signer is None:
        raise RuntimeError("pyHanko does not read the key")
    style = stamp.QRStampStyle(stamp_text="Ditandatangani oleh: %(signer)s\n%(ts)s")

    def sign(pdf: bytes, url: str) -> bytes:
        made = signers.PdfSigner(
            signers.PdfSignatureMetadata(
                field_name="Signature1", certify=True, subfilter=fields.SigSeedSubFilter.PADES,
                embed_validation_info=False),
            signer=signer, stamp_style=style,
            new_field_spec=fields.SigFieldSpec("Signature1", box=(295, 100, 540, 180)),
        ).sign_pdf(IncrementalPdfFileWriter(BytesIO(pdf)), appearance_text_params={"url": url})
        return bytes(made.getvalue())

    def prepare(numbers: Sequence[int]) -> Callable[[], Took]:
        requests = [make_request(kinds, number) for number in numbers]

        def run() -> Took:
            watch = Watch()
            for number, request in zip(numbers, requests, strict=True):
                pdf = weasyprint.HTML(string=write_html(kinds, request)).write_pdf(pdf_variant="pdf/a-2b")
                out.write(f"{number}.pdf", sign(pdf, request.verify_url or ""))
            out.settle()
            return watch.read()

        return run

    return prepare


def make_pdfsig(folder: Path) -> Line:
    """poppler's tool on finished pages, one process a file as it is used; layout is not counted."""
    tool, certutil, pk12util = (shutil.which(name) for name in ("pdfsig", "certutil", "pk12util"))
    if not (tool and certutil and pk12util):
        raise RuntimeError("pdfsig, certutil and pk12util (poppler-utils, libnss3-tools) are needed")
    kinds = KindCatalogue.load()
    renderer = TypstRenderer(kinds)
    work = _own_folder(folder, "pdfsig")
    database = work / "nss"
    database.mkdir()
    (work / "word").write_text(PASSPHRASE)
    bundle = work / "own.p12"
    _run("openssl", "pkcs12", "-export", "-in", folder / "own.pem", "-inkey", folder / "own.key", "-name", "own",
         "-passin", f"pass:{PASSPHRASE}", "-passout", f"pass:{PASSPHRASE}", "-out", bundle)
    _run(certutil, "-N", "-d", f"sql:{database}", "-f", work / "word")
    _run(pk12util, "-i", bundle, "-d", f"sql:{database}", "-k", work / "word", "-w", work / "word")
    for name, trust in (("root", "CT,C,C"), ("issuing", ",,")):
        _run(certutil, "-A", "-d", f"sql:{database}", "-n", name, "-t", trust, "-i", folder / f"{name}.pem",
             "-f", work / "word")

    def prepare(numbers: Sequence[int]) -> Callable[[], Took]:
        for number in numbers:
            (work / f"{number}.in").write_bytes(renderer.render(make_request(kinds, number)).pdf)

        def run() -> Took:
            watch = Watch()
            for number in numbers:
                _run(tool, "-nssdir", f"sql:{database}", "-nss-pwd", PASSPHRASE, "-nick", "own", "-add-signature",
                     "-digest", "SHA256", work / f"{number}.in", work / f"{number}.pdf")
            return watch.read()

        return run

    return prepare


def measure_signing(folder: Path, count: int) -> tuple[float, float]:
    """Milliseconds a document for a raw RSA signature, and for signing a finished page with it, in turns of fifty.

    Of each turn the processor's time counts, so that other work on the machine does not; medians of the turns.
    """
    issuing = Issuing(folder, Level.B_B)
    raw: list[float] = []
    whole: list[float] = []
    for first in range(0, count, 50):
        pages = [issuing.renderer.render(make_request(issuing.kinds, 900_000_000 + first + number))
                 for number in range(50)]
        started = time.thread_time()
        for page in pages:
            issuing.signer.sign(page.pdf, issuing.ask(page), issuing.local.sign_attributes)
        between = time.thread_time()
        for page in pages:
            issuing.local.sign_attributes(page.pdf[:330])
        raw.append((time.thread_time() - between) * 20)
        whole.append((between - started) * 20)
    return median(raw), median(whole)


def _own_folder(folder: Path, name: str) -> Path:
    own = folder / f"{name}-{os.getpid()}"
    own.mkdir(exist_ok=True)
    return own


def _run(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr.decode(errors='replace')[-300:]}")
