"""The public pages: what a citizen sees who scanned a code or has a file, and what is not shown to him."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pikepdf
import pytest
from asn1crypto import cms
from cryptography import x509

from certs._der import encode
from certs.ca import SignerSubject, create_development_pki, generate_signer_key, issue_signer_certificate
from certs.pades import Level, LocalSigner, SignRequest, sign_pdf
from svc.services import credentials, decree_page, preservation
from tests.attacks.craft import flipped
from tests.support.acts import blank_pdf
from tests.support.clock import FrozenClock
from tests.support.signers import give_certificates
from tests.support.world import World
from tests.unit.certs import crafted
from tests.web.conftest import Visitor


@pytest.fixture
def issued(world: World) -> tuple[World, str]:
    give_certificates(world, "kepala")
    return world, world.walk("issued")


def upload(visitor: Visitor, data: bytes, name: str = "naskah.pdf") -> str:
    answer = visitor.post("/verify", {"file": (io.BytesIO(data), name)}, content_type="multipart/form-data")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_a_citizen_sees_the_sentence_first_and_the_proof_below(visitor: Visitor, issued: tuple[World, str]) -> None:
    world, decree_id = issued
    view = world.view(decree_id)
    page = visitor.get(f"/v/{view.verify_code}").get_data(as_text=True)
    for text in ("Asli dan berlaku", view.number or "?", view.subject, "Fajar Contoh Nugraha", "TOTAL-PASSED",
                 "KEPALA BADAN KEPEGAWAIAN DAERAH a.n. GUBERNUR NUSA MANDALA", view.pdf_sha256 or "?"):
        assert text in page
    assert page.index("Asli dan berlaku") < page.index(view.subject)


def test_image_and_file_are_served_for_an_ordinary_decree(visitor: Visitor, issued: tuple[World, str]) -> None:
    world, decree_id = issued
    code = world.view(decree_id).verify_code
    image = visitor.get(f"/v/{code}/page.png")
    assert (image.status_code, image.mimetype) == (200, "image/png")
    file = visitor.get(f"/v/{code}/file.pdf")
    assert file.data == decree_page.load_pdf(world.deps, world.actor("analis"), decree_id).data
    assert file.headers["Content-Disposition"].startswith("attachment")


def test_a_decree_that_is_not_signed_tells_nothing(visitor: Visitor, world: World) -> None:
    give_certificates(world, "kepala")
    view = world.view(world.walk("ready_to_sign"))
    page = visitor.get(f"/v/{view.verify_code}").get_data(as_text=True)
    assert "belum ditandatangani" in page
    assert view.subject not in page
    assert (view.number or "?") not in page
    for path in ("page.png", "file.pdf"):
        assert visitor.get(f"/v/{view.verify_code}/{path}").status_code == 404


@pytest.mark.parametrize("code", ["tidak-ada", "A" * 22])
def test_an_unknown_code_is_a_calm_404(visitor: Visitor, code: str) -> None:
    assert visitor.get(f"/v/{code}").status_code == 404


def test_an_uploaded_file_is_judged(visitor: Visitor, issued: tuple[World, str]) -> None:
    world, decree_id = issued
    pdf = decree_page.load_pdf(world.deps, world.actor("analis"), decree_id).data
    page = upload(visitor, pdf)
    assert "Asli dan berlaku" in page
    assert "sama persis dengan yang tercatat" in page
    text = upload(visitor, pdf + b"\n%x\n")
    assert "Asli dengan tambahan: unduh yang asli" in text
    assert f"{len(pdf):,} B pertama; 4 B ditambahkan sesudahnya".replace(",", ".") in text
    assert "ada data di belakang akhir berkas" in text
    assert "Tidak dapat dibuktikan, karena berkas ini teks biasa, bukan PDF" in upload(visitor, b"teks")


def test_a_hostile_file_name_is_only_text(visitor: Visitor, world: World) -> None:
    page = upload(visitor, b"teks", "<script>alert(1)</script>.pdf")
    assert "<script>alert(1)" not in page


def test_no_file_is_told_at_the_field(visitor: Visitor, world: World) -> None:
    answer = visitor.post("/verify", {}, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "Pilih berkas PDF terlebih dahulu." in answer.get_data(as_text=True)


def test_an_empty_file_is_told_at_the_field(visitor: Visitor, world: World) -> None:
    answer = visitor.post("/verify", {"file": (io.BytesIO(b""), "sk.pdf")}, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "Berkas ini kosong (0 byte)." in answer.get_data(as_text=True)


def test_oddities_are_told_in_english_too(visitor: Visitor, world: World) -> None:
    visitor.get("/locale/en")
    page = upload(visitor, b"teks")
    assert "Cannot be proven, because this file is plain text, not a PDF" in page
    assert "this file is plain text, not a PDF</li>" in page


def test_the_page_speaks_english_too(visitor: Visitor, issued: tuple[World, str]) -> None:
    world, decree_id = issued
    assert visitor.get("/verify").status_code == 200
    assert visitor.get(f"/v/{world.view(decree_id).verify_code}?lang=en").status_code in {200, 302}


def test_others_find_our_root_and_revocation_list(visitor: Visitor, world: World) -> None:
    root = x509.load_pem_x509_certificate(visitor.get("/pki/root.pem").data)
    crl = x509.load_der_x509_crl(visitor.get("/pki/issuing.crl").data)
    assert root.subject == root.issuer
    assert crl.issuer == world.deps.pki.issuing.certificate.subject


def test_guessing_codes_is_slowed_down(visitor: Visitor, world: World) -> None:
    answers = [visitor.get(f"/v/{number:022d}").status_code for number in range(62)]
    assert answers[0] == 404
    assert answers[-1] == 429


def test_signed_in_people_see_the_same_page(log_in: Callable[[str], Visitor], issued: tuple[World, str]) -> None:
    world, decree_id = issued
    page = log_in("analis").get(f"/v/{world.view(decree_id).verify_code}").get_data(as_text=True)
    assert "Asli dan berlaku" in page


def test_the_page_tells_what_proves_the_signature(visitor: Visitor, issued: tuple[World, str]) -> None:
    world, decree_id = issued
    address = f"/v/{world.view(decree_id).verify_code}"
    page = visitor.get(address).get_data(as_text=True)
    for text in ("Terbukti ada sejak", "dibuktikan oleh stempel waktu pada tanda tangannya", "PAdES B-T",
                 "seluruh berkas", f"{address}/report.pdf"):
        assert text in page


def test_an_archive_time_stamp_is_told_with_its_end(visitor: Visitor, issued: tuple[World, str],
                                                    clock: FrozenClock) -> None:
    world, decree_id = issued
    clock.advance(hours=1)
    assert preservation.preserve_due(world.deps).augmented == 1
    page = visitor.get(f"/v/{world.view(decree_id).verify_code}").get_data(as_text=True)
    for text in ("Stempel waktu dokumen", "Sertifikatnya berlaku sampai", "PAdES B-LTA", "Asli dan berlaku"):
        assert text in page


def test_a_signature_that_fails_claims_nothing(visitor: Visitor, issued: tuple[World, str],
                                               clock: FrozenClock) -> None:
    world, decree_id = issued
    clock.advance(hours=1)
    assert preservation.preserve_due(world.deps).augmented == 1
    whole = decree_page.load_pdf(world.deps, world.actor("analis"), decree_id).data
    good, bad = upload(visitor, whole), upload(visitor, flipped(whole))
    assert "Berubah setelah ditandatangani" in bad
    assert "Tanda tangan tidak sah atas nama Fajar Contoh Nugraha" in bad
    assert "tanda tangan ini tidak membuktikan apa pun" in bad
    for claim in ("Terbukti ada sejak", "PAdES", "B-LTA", "seluruh berkas", "sekarang: berlaku",
                  "saat menandatangani", "Sertifikatnya berlaku sampai"):
        assert claim in good
        assert claim not in bad, claim


def test_a_claimed_time_that_cannot_be_is_not_told_as_if_it_were_true(
    visitor: Visitor, world: World, clock: FrozenClock
) -> None:
    pki, key = create_development_pki("Instansi Lain", clock.now() - timedelta(days=1)), generate_signer_key()
    certificate = issue_signer_certificate(
        pki.issuing, SignerSubject("Sari Contoh", "Instansi Lain"), key.public_key(), clock.now() - timedelta(hours=2))
    request = SignRequest(clock.now() + timedelta(days=100), "Sari Contoh", level=Level.B_B)
    page = upload(visitor, sign_pdf(blank_pdf(), request, LocalSigner(certificate, key, pki.chain), None).pdf)
    assert "tidak dapat dipercaya: " in page
    assert "masih di masa depan" in page


@pytest.mark.parametrize("claimed", [b"99991231235959Z", b"00000101000000Z", b""])
def test_a_claim_at_the_calendars_ends_is_told_like_any_other(
    visitor: Visitor, clock: FrozenClock, claimed: bytes
) -> None:
    """A time zone or an hour later there is no such day; and a certificate may have no end (RFC 5280, 4.1.2.5)."""
    key = generate_signer_key()
    until = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    holder = crafted.issue("Sari Contoh", key, None, clock.now() - timedelta(days=1), until)
    request = SignRequest(clock.now(), "Sari Contoh", level=Level.B_B)
    signed = sign_pdf(blank_pdf(), request, LocalSigner(holder.certificate, key, ()), None).pdf
    if claimed:
        plain = crafted.attribute("signing_time", cms.Time({"utc_time": clock.now()}))
        raw = encode(0x30, plain["type"].dump() + encode(0x31, encode(0x18, claimed)))
        signed = crafted.replaced(
            signed, holder, (), crafted.reference(holder.certificate), cms.CMSAttribute.load(raw))
    page = upload(visitor, signed)
    assert "Common Name: Sari Contoh" in page
    assert ("tidak dapat dipercaya: " in page) is bool(claimed)
    report = visitor.post("/verify/report", {"file": (io.BytesIO(signed), "x.pdf")}, content_type="multipart/form-data")
    assert report.mimetype == "application/pdf"


def test_a_certificate_revoked_since_is_told_with_the_time(visitor: Visitor, issued: tuple[World, str],
                                                          clock: FrozenClock) -> None:
    world, decree_id = issued
    clock.advance(hours=1)
    signer = world.actor("kepala")
    (own,) = credentials.list_for(world.deps, signer, signer.person_public_id)
    credentials.revoke(world.deps, signer, own.public_id, "affiliation_changed")
    clock.advance(minutes=1)
    page = visitor.get(f"/v/{world.view(decree_id).verify_code}").get_data(as_text=True)
    assert "dicabut sejak" in page
    assert "Asli dan berlaku" in page


def test_reports_are_downloaded(visitor: Visitor, issued: tuple[World, str]) -> None:
    world, decree_id = issued
    pdf = decree_page.load_pdf(world.deps, world.actor("analis"), decree_id).data
    answers = [
        visitor.get(f"/v/{world.view(decree_id).verify_code}/report.pdf"),
        visitor.post("/verify/report", {"file": (io.BytesIO(pdf), "naskah.pdf")}, content_type="multipart/form-data")]
    for answer in answers:
        assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Ini laporan pemeriksaan dari layanan ini" in upload(visitor, answer.data)


def test_a_report_follows_the_language_of_the_page(visitor: Visitor, issued: tuple[World, str]) -> None:
    world, decree_id = issued
    address = f"/v/{world.view(decree_id).verify_code}/report.pdf"
    title = {}
    for language in ("id", "en"):
        visitor.get(f"/locale/{language}")
        with pikepdf.open(io.BytesIO(visitor.get(address).data)) as document:
            title[language] = (str(document.Root.Lang).partition("-")[0], str(document.docinfo["/Title"]))
    assert title == {"id": ("id", "Laporan pemeriksaan tanda tangan elektronik"),
                     "en": ("en", "Report on the verification of electronic signatures")}


def test_a_report_needs_a_file_and_a_token(visitor: Visitor, world: World) -> None:
    answer = visitor.post("/verify/report", {}, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "Pilih berkas PDF terlebih dahulu." in answer.get_data(as_text=True)
    assert visitor.client.post("/verify/report", data={"file": (io.BytesIO(b"x"), "x.pdf")}).status_code == 400


def test_no_report_on_what_is_not_signed(visitor: Visitor, world: World) -> None:
    give_certificates(world, "kepala")
    code = world.view(world.walk("ready_to_sign")).verify_code
    assert visitor.get(f"/v/{code}/report.pdf").status_code == 404
