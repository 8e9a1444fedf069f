"""The report to file away: it says what the page says, is signed so that others accept it, and holds nothing else."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pikepdf
import pypdfium2
import pytest

from certs.errors import TimestampUnavailable
from certs.tsa import TimeStampService
from certs.validation import Report, validate_pdf
from svc.adapters.tsa_client import FailoverTsa, TsaConfig
from svc.errors import NotFound, ServiceUnavailable
from svc.rendering import RenderedPdf, ReportRequest, ReportSection
from svc.services import decree_page, preservation, verdict_report, verification
from svc.services.trust import trust_store
from tests.attacks.craft import flipped
from tests.services.test_routing import finished_pdf
from tests.support.clock import FrozenClock
from tests.support.signers import give_certificates
from tests.support.world import World


@pytest.fixture
def issued(world: World) -> tuple[World, str]:
    give_certificates(world, "kepala")
    return world, world.walk("issued")


def text_of(pdf: bytes) -> str:
    """All text, with blanks and line ends dropped, for long words break anywhere."""
    document = pypdfium2.PdfDocument(pdf)
    pages = [document[index].get_textpage().get_text_bounded() for index in range(len(document))]
    return "".join(char for char in "".join(pages) if char.isprintable() and char not in " \u200b\ufffe")


def judged(world: World, pdf: bytes) -> Report:
    return validate_pdf(pdf, trust_store(world.deps), world.deps.clock.now())


def pdf_of(world: World, decree_id: str) -> bytes:
    return decree_page.load_pdf(world.deps, world.actor("analis"), decree_id).data


def has(text: str, *parts: str) -> bool:
    return all(part.replace(" ", "") in text for part in parts)


def test_the_report_on_a_decree_says_what_the_page_says_and_is_signed(issued: tuple[World, str]) -> None:
    world, decree_id = issued
    view = world.view(decree_id)
    report = verdict_report.for_code(world.deps, view.verify_code)
    verdict = judged(world, report.pdf)
    assert (verdict.passed, verdict.explained) == (True, True), verdict.explanation
    (signature,) = verdict.signatures
    assert (signature.level, signature.certifies, signature.covers_whole_file) == ("B-T", True, True)
    assert hashlib.sha256(report.pdf).hexdigest() == report.sha256
    assert "/" not in report.name
    assert has(text_of(report.pdf), "Asli dan berlaku", view.number or "?", view.subject, "TOTAL-PASSED",
               "Fajar Contoh Nugraha", view.pdf_sha256 or "?", "stempel waktu pada tanda tangannya", "PAdES B-T",
               "seluruh berkas", f"/v/{view.verify_code}")


def test_digest_and_address_can_be_copied(issued: tuple[World, str]) -> None:
    world, decree_id = issued
    view = world.view(decree_id)
    report = verdict_report.for_code(world.deps, view.verify_code)
    text = pypdfium2.PdfDocument(report.pdf)[0].get_textpage().get_text_bounded()
    assert (view.pdf_sha256 or "?") in text
    assert f"{world.deps.settings.base_url}/v/{view.verify_code}" in text


def test_it_is_tagged_pdf_a(issued: tuple[World, str]) -> None:
    world, decree_id = issued
    report = verdict_report.for_upload(world.deps, pdf_of(world, decree_id))
    with pikepdf.open(io.BytesIO(report.pdf)) as document, document.open_metadata() as metadata:
        assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("2", "A")
        assert "/StructTreeRoot" in document.Root


@pytest.mark.parametrize(("addition", "said"), [
    (b"", ("Asli dan berlaku", "sama persis dengan yang tercatat")),
    (b"% lebih\n", ("Asli dengan tambahan", "INDETERMINATE", "ada data di belakang akhir berkas", "bytes_after_end"))])
def test_the_report_on_an_upload(issued: tuple[World, str], addition: bytes, said: tuple[str, ...]) -> None:
    world, decree_id = issued
    pdf = pdf_of(world, decree_id) + addition
    report = verdict_report.for_upload(world.deps, pdf)
    assert has(text_of(report.pdf), *said, hashlib.sha256(pdf).hexdigest()), text_of(report.pdf)
    assert judged(world, report.pdf).passed


def test_it_speaks_english_where_that_is_wanted(issued: tuple[World, str]) -> None:
    world, decree_id = issued
    pdf = pdf_of(world, decree_id)
    on_code = verdict_report.for_code(world.deps, world.view(decree_id).verify_code, "en")
    on_file, on_bad = (verdict_report.for_upload(world.deps, one, language="en") for one in (pdf, flipped(pdf)))
    for report in (on_code, on_file, on_bad):
        text = text_of(report.pdf)
        assert report.name.startswith("verification-report-")
        assert has(text, "Report on the verification of electronic signatures", "How to read this report", "Page 1 of")
        for indonesian in ("Laporan", "Halaman", "tanda tangan", "Tanda tangan", "sertifikat", "berkas", "Hasil",
                           "pukul", "Waktu", "dibuktikan", "berlaku"):
            assert not has(text, indonesian), indonesian
        with pikepdf.open(io.BytesIO(report.pdf)) as document:
            assert str(document.Root.Lang) == "en"
        assert judged(world, report.pdf).passed
    assert has(text_of(on_file.pdf), "Genuine and in force", "Fajar Contoh Nugraha", "the whole file", "PAdES B-T")
    assert has(text_of(on_bad.pdf), "TOTAL-FAILED", "invalid, in the name of Fajar Contoh Nugraha")


@pytest.mark.parametrize(("pdf", "why"), [(b"bukan pdf", "FORMAT_FAILURE"), (finished_pdf(), "NO_SIGNATURE")])
def test_what_proves_nothing_is_reported_as_such(world: World, pdf: bytes, why: str) -> None:
    report = verdict_report.for_upload(world.deps, pdf)
    assert has(text_of(report.pdf), "Tidak dapat dibuktikan", why, "bukan naskah terbitan layanan ini")


def test_a_report_is_not_taken_for_a_decree(issued: tuple[World, str]) -> None:
    world, decree_id = issued
    report = verdict_report.for_code(world.deps, world.view(decree_id).verify_code)
    verdict = verification.of_upload(world.deps, report.pdf)
    assert verdict.registry == "unknown"
    assert verdict.sentence.text == "Ini laporan pemeriksaan dari layanan ini, bukan naskah dinas"


def test_before_the_signature_there_is_no_report(world: World) -> None:
    give_certificates(world, "kepala")
    with pytest.raises(NotFound):
        verdict_report.for_code(world.deps, world.view(world.walk("ready_to_sign")).verify_code)


def test_without_a_time_stamp_there_is_no_report(world: World) -> None:
    silent: TimeStampService = FailoverTsa(TsaConfig(("http://127.0.0.1:9/",), 0.2, "", ""))
    with pytest.raises(ServiceUnavailable) as caught:
        verdict_report.for_upload(replace(world.deps, tsa=silent), b"bukan pdf")
    assert isinstance(caught.value.__cause__, TimestampUnavailable)


def test_nothing_of_an_upload_is_kept(issued: tuple[World, str]) -> None:
    world, decree_id = issued
    pdf = pdf_of(world, decree_id) + b"% lebih\n"
    store = world.deps.settings.var_dir / "store"
    before = sorted(store.rglob("*"))
    verdict_report.for_upload(world.deps, pdf)
    assert sorted(store.rglob("*")) == before


def test_a_signature_that_fails_claims_nothing_in_the_report(
    issued: tuple[World, str], clock: FrozenClock
) -> None:
    world, decree_id = issued
    clock.advance(hours=1)
    assert preservation.preserve_due(world.deps).augmented == 1
    whole = pdf_of(world, decree_id)
    good = text_of(verdict_report.for_upload(world.deps, whole).pdf)
    bad = text_of(verdict_report.for_upload(world.deps, flipped(whole)).pdf)
    assert has(bad, "Berubah setelah ditandatangani", "TOTAL-FAILED", "tidak sah, atas nama Fajar Contoh Nugraha")
    for claim in ("Terbukti ada sejak", "PAdES", "B-LTA", "seluruh berkas", "Sertifikat sekarang", "berlaku sampai"):
        assert has(good, claim)
        assert not has(bad, claim), claim


def rendered(world: World, text: str) -> RenderedPdf:
    return world.deps.renderer.report(ReportRequest(
        "PEMERINTAH", text, text, ((text, text),), (ReportSection(text, ((text, text),)),), world.deps.clock.now()))


@pytest.mark.parametrize("odd", [
    '#read("/etc/passwd") *tebal* $x$',
    "签名者 😀 \u0000\u202e\u00ad", "x" * 2000, "a\nb", "", "ﬁ \ufffe \ud7ff ҉ \u0301"])
def test_names_of_strangers_are_only_text(world: World, odd: str) -> None:
    pdf = rendered(world, odd).pdf
    assert pdf.startswith(b"%PDF-")
    if odd.startswith("#read"):
        assert has(text_of(pdf), odd)


@pytest.mark.poppler
@pytest.mark.skipif(shutil.which("pdfsig") is None, reason="poppler-utils is not installed")
def test_another_program_accepts_the_report(issued: tuple[World, str], tmp_path: Path) -> None:
    world, decree_id = issued
    path = tmp_path / "laporan.pdf"
    path.write_bytes(verdict_report.for_code(world.deps, world.view(decree_id).verify_code).pdf)
    said = subprocess.run(["pdfsig", "-nocert", str(path)], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid." in said
    assert "Total document signed" in said
    assert "ETSI.CAdES.detached" in said
