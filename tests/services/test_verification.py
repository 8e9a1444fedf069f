"""What a verification says, and that it never says more than was computed."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pikepdf
import pytest
from sqlalchemy import select, update

from certs.augment import augment
from certs.pades import Level
from svc.errors import InvalidInput, NotFound
from svc.models import Decree, StoredFile
from svc.seed.walk import PKS_CAST
from svc.services import credentials, decree_page, legal, paper, verification
from svc.services.files import put_pdf
from svc.services.trust import trust_store
from svc.services.verdict_words import Tone
from svc.services.verification import PublicVerdict
from tests.attacks.craft import edited, paint_over
from tests.services.test_routing import finished_pdf
from tests.services.test_two_signatures import KIND, best
from tests.support.clock import FrozenClock
from tests.support.signers import give_certificates
from tests.support.world import World


@pytest.fixture
def issued(world: World) -> tuple[World, str]:
    give_certificates(world, "kepala")
    return world, world.walk("issued")


def code_of(world: World, decree_id: str) -> str:
    return world.view(decree_id).verify_code


def verdict_on(world: World, decree_id: str) -> PublicVerdict:
    return verification.by_code(world.deps, code_of(world, decree_id))


def pdf_of(world: World, decree_id: str) -> bytes:
    return decree_page.load_pdf(world.deps, world.actor("analis"), decree_id).data


def set_security(world: World, decree_id: str, level: str) -> None:
    with world.deps.db.unit_of_work() as session:
        session.execute(update(Decree).where(Decree.public_id == decree_id).values(security=level))


# ---- by code


def test_an_issued_decree_is_genuine_and_in_force(issued: tuple[World, str]) -> None:
    world, decree_id = issued
    verdict = verdict_on(world, decree_id)
    assert (verdict.sentence.tone, verdict.sentence.text) == (Tone.GREEN, "Asli dan berlaku")
    assert (verdict.indication, verdict.sub_indication) == ("TOTAL-PASSED", "")
    assert verdict.number == world.view(decree_id).number
    assert verdict.subject
    (signer,) = verdict.signers
    assert signer.name == "Fajar Contoh Nugraha"
    assert signer.position_title == "KEPALA BADAN KEPEGAWAIAN DAERAH a.n. GUBERNUR NUSA MANDALA"
    assert (signer.certificate_then, signer.certificate_now) == ("valid", "valid")
    assert (verdict.has_image, verdict.has_download) == (True, True)


@pytest.mark.parametrize("status", ["draft", "in_review", "ready_to_sign"])
def test_before_the_signature_nothing_is_told(world: World, status: str) -> None:
    give_certificates(world, "kepala")
    verdict = verdict_on(world, world.walk(status))
    assert verdict.sentence.tone is Tone.GREY
    assert "belum ditandatangani" in verdict.sentence.text
    assert (verdict.is_told, verdict.number, verdict.subject, verdict.sha256) == (False, "", "", "")


def test_a_signed_decree_that_is_not_issued_is_not_called_in_force(world: World) -> None:
    give_certificates(world, "kepala")
    decree_id = world.walk("signed")
    if world.view(decree_id).status != "signed":
        pytest.skip("this route issues with the signature")
    verdict = verdict_on(world, decree_id)
    assert (verdict.sentence.tone, verdict.indication) == (Tone.GREY, "TOTAL-PASSED")
    assert "belum terbit" in verdict.sentence.text


@pytest.mark.parametrize(("status", "word"), [("revoked", "dicabut"), ("amended", "diubah")])
def test_a_revoked_or_amended_decree_says_by_which(issued: tuple[World, str], status: str, word: str) -> None:
    world, decree_id = issued
    later = world.walk("issued")
    number = world.view(later).number or ""
    legal.set_status(world.deps, world.actor("kepala"), decree_id, status, "Ada yang baru", number)
    verdict = verdict_on(world, decree_id)
    assert verdict.sentence.tone is Tone.BLUE
    assert verdict.sentence.text % verdict.sentence.params == f"Asli, tetapi telah {word} oleh {number}"


def test_a_changed_stored_file_is_not_called_genuine(issued: tuple[World, str]) -> None:
    world, decree_id = issued
    with world.deps.db.read_session() as session:
        key = session.scalars(select(StoredFile.object_key).where(StoredFile.purpose == "signed")).one()
    path = world.deps.settings.var_dir / "store" / key
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b"\n% lebih")
    verdict = verdict_on(world, decree_id)
    assert verdict.sentence.tone is Tone.GREY
    assert "tidak sama dengan yang tercatat" in verdict.sentence.text
    assert (verdict.signers, verdict.has_image, verdict.has_download) == ((), False, False)
    path.unlink()
    assert verdict_on(world, decree_id).sentence.tone is Tone.GREY


def test_a_certificate_revoked_later_is_told_and_the_signature_stays(issued: tuple[World, str],
                                                                    clock: FrozenClock) -> None:
    world, decree_id = issued
    clock.advance(hours=1)
    signer = world.actor("kepala")
    (own,) = credentials.list_for(world.deps, signer, signer.person_public_id)
    credentials.revoke(world.deps, signer, own.public_id, "affiliation_changed")
    clock.advance(minutes=1)
    verdict = verdict_on(world, decree_id)
    assert verdict.sentence.tone is Tone.GREEN
    assert (verdict.signers[0].certificate_then, verdict.signers[0].certificate_now) == ("valid", "revoked")


@pytest.mark.parametrize(("level", "is_secret", "has_download"), [
    ("B", False, True), ("T", False, False), ("R", True, False), ("SR", True, False)])
def test_what_is_secret_stays_so(issued: tuple[World, str], level: str, is_secret: bool, has_download: bool) -> None:
    world, decree_id = issued
    set_security(world, decree_id, level)
    verdict = verdict_on(world, decree_id)
    assert (verdict.subject == "", verdict.has_download, verdict.has_image) == (is_secret, has_download, has_download)
    assert verdict.sentence.tone is Tone.GREEN
    code = code_of(world, decree_id)
    if not has_download:
        for fetch in (verification.signed_file, verification.first_page_image):
            with pytest.raises(NotFound):
                fetch(world.deps, code)


def test_the_download_is_the_signed_file_and_the_image_a_picture(issued: tuple[World, str]) -> None:
    world, decree_id = issued
    data, name = verification.signed_file(world.deps, code_of(world, decree_id))
    assert data == pdf_of(world, decree_id)
    assert name.endswith(".pdf")
    assert "/" not in name
    image = verification.first_page_image(world.deps, code_of(world, decree_id))
    assert image.startswith(b"\x89PNG")
    assert len(image) < 400_000


def test_the_image_shows_what_was_signed_even_of_a_stored_file_with_additions(issued: tuple[World, str]) -> None:
    world, decree_id = issued
    code, signed = code_of(world, decree_id), pdf_of(world, decree_id)
    original = verification.first_page_image(world.deps, code)
    painted = edited(signed, paint_over)
    upload = verification.of_upload(world.deps, painted)
    assert upload.sentence.text == "Asli dengan tambahan: unduh yang asli"
    assert upload.registered is not None
    assert verification.first_page_image(world.deps, upload.registered.code) == original
    sha256, key = hashlib.sha256(painted).hexdigest(), "decrees/kelabu.pdf"
    put_pdf(world.deps, key, painted)
    with world.deps.db.unit_of_work() as session:
        session.execute(update(StoredFile).where(StoredFile.purpose == "signed").values(
            sha256=sha256, size=len(painted), object_key=key))
        session.execute(update(Decree).values(signed_sha256=sha256))
    assert verification.by_code(world.deps, code).sentence.tone is Tone.GREY
    assert verification.first_page_image(world.deps, code) == original
    assert world.deps.cage.first_page(painted) != original


@pytest.mark.parametrize("code", ["", "x", "A" * 22, "../../etc/passwd", "A" * 23])
def test_an_unknown_code_is_not_found(world: World, code: str) -> None:
    with pytest.raises(NotFound):
        verification.by_code(world.deps, code)


def test_a_paper_decree_says_that_it_has_no_electronic_signature(world: World) -> None:
    scan = finished_pdf()
    decree_id = paper.register_paper(
        world.deps, world.actor("analis"), kind_id="kgb", subject="Naskah kertas", number="800/1/BKD/2026",
        signed_on=date(2026, 11, 20), signer_name="Kepala Badan", scan_pdf=scan)
    verdict = verdict_on(world, decree_id)
    assert verdict.sentence.tone is Tone.GREY
    assert "ditandatangani di atas kertas; tidak ada tanda tangan elektronik" in verdict.sentence.text
    assert (verdict.paper_signer, verdict.indication, verdict.has_download) == ("Kepala Badan", "", False)
    upload = verification.of_upload(world.deps, scan)
    assert (upload.registry, upload.sentence.tone) == ("identical", Tone.GREY)


# ---- by upload


def test_the_same_file_is_genuine(issued: tuple[World, str]) -> None:
    world, decree_id = issued
    verdict = verification.of_upload(world.deps, pdf_of(world, decree_id))
    assert (verdict.registry, verdict.sentence.tone) == ("identical", Tone.GREEN)
    assert verdict.registered is not None
    assert verdict.registered.number == world.view(decree_id).number


def test_a_file_with_additions_is_told_from_one_that_is_not_issued_yet(world: World) -> None:
    decree_id = world.walk("signed")
    pdf = pdf_of(world, decree_id)
    assert "belum terbit" in verification.of_upload(world.deps, pdf).sentence.text
    verdict = verification.of_upload(world.deps, pdf + b"% catatan\n")
    assert (verdict.registry, verdict.sentence.tone) == ("extends", Tone.AMBER)
    assert verdict.sentence.text == "Belum terbit, dan berkas ini memuat tambahan setelah tanda tangan"


@pytest.mark.parametrize("addition", [b"\n", b"% catatan\n", b"\n1 0 obj\n<<>>\nendobj\n%%EOF\n" * 70])
def test_a_file_with_additions_is_told_from_the_original(issued: tuple[World, str], addition: bytes) -> None:
    world, decree_id = issued
    verdict = verification.of_upload(world.deps, pdf_of(world, decree_id) + addition)
    assert (verdict.registry, verdict.sentence.tone) == ("extends", Tone.AMBER)
    assert verdict.sentence.text == "Asli dengan tambahan: unduh yang asli"
    original = len(pdf_of(world, decree_id))
    assert (verdict.original_size, verdict.size) == (original, original + len(addition))
    assert verdict.indication != "TOTAL-PASSED"


def test_additions_do_not_hide_that_the_original_is_revoked(issued: tuple[World, str]) -> None:
    world, decree_id = issued
    legal.set_status(world.deps, world.actor("kepala"), decree_id, "revoked", "Ada yang baru")
    verdict = verification.of_upload(world.deps, pdf_of(world, decree_id) + b"% catatan\n")
    assert (verdict.registry, verdict.sentence.tone) == ("extends", Tone.AMBER)
    assert verdict.sentence.text == "Asli dengan tambahan, dan naskahnya tidak berlaku lagi seperti semula"
    assert verdict.registered is not None
    assert verdict.registered.legal_status == "revoked"


def test_a_changed_file_is_called_changed(issued: tuple[World, str]) -> None:
    world, decree_id = issued
    pdf = bytearray(pdf_of(world, decree_id))
    position = pdf.index(b"stream") + 40
    pdf[position] ^= 1
    verdict = verification.of_upload(world.deps, bytes(pdf))
    assert (verdict.registry, verdict.registered) == ("unknown", None)
    assert (verdict.sentence.tone, verdict.sentence.text) == (Tone.RED, "Berubah setelah ditandatangani")
    assert verdict.indication == "TOTAL-FAILED"


@pytest.mark.parametrize(("pdf", "why"), [
    (b"%PDF-1.7\nrusak\n%%EOF\n", "tidak dapat dibaca"), (finished_pdf(), "tidak memuat tanda tangan")])
def test_what_proves_nothing_is_grey_and_says_why(world: World, pdf: bytes, why: str) -> None:
    verdict = verification.of_upload(world.deps, pdf)
    assert (verdict.sentence.tone, verdict.registry) == (Tone.GREY, "unknown")
    assert why in verdict.sentence.text


def _locked(user: str) -> bytes:
    output = io.BytesIO()
    with pikepdf.open(io.BytesIO(finished_pdf())) as document:
        document.save(output, encryption=pikepdf.Encryption(user=user, owner="pemilik"))
    return output.getvalue()


def _word() -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as package:
        package.writestr("[Content_Types].xml", "<Types/>")
        package.writestr("word/document.xml", "<w:document/>")
    return output.getvalue()


@pytest.mark.parametrize(("pdf", "code", "why", "english"), [
    (_locked("rahasia"), "encrypted", "dilindungi sandi", "protected with a password"),
    (_locked(""), "encrypted", "dilindungi sandi", "protected with a password"),
    (b"\x89PNG\r\n\x1a\n" + bytes(900), "file_is_picture", "gambar, bukan PDF", "picture"),
    (b"\xff\xd8\xff\xe0" + bytes(900), "file_is_picture", "gambar, bukan PDF", "picture"),
    ("Surat Keputusan – isi\n".encode() * 9000, "file_is_text", "teks biasa", "plain text"),
    (_word(), "file_is_word", "pengolah kata", "word processor"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(900), "file_is_word", "pengolah kata", "word processor"),
    (bytes(900), "file_is_no_pdf", "bukan PDF", "not a PDF"),
    (finished_pdf()[:-10], "file_truncated", "terpotong", "truncated"),
    (finished_pdf()[:300], "file_truncated", "terpotong", "truncated")])
def test_what_is_no_whole_pdf_is_called_what_it_is(
    world: World, tmp_path: Path, pdf: bytes, code: str, why: str, english: str
) -> None:
    verdict = verification.of_upload(world.deps, pdf)
    assert (verdict.sub_indication, verdict.findings) == ("FORMAT_FAILURE", (code,))
    assert why in verdict.sentence.text
    (tmp_path / "berkas.pdf").write_bytes(pdf)
    (told,) = verification.verify_files(world.deps, [tmp_path / "berkas.pdf"])
    assert told.findings == (code,)
    assert english in told.explanation


def test_an_empty_file_is_called_empty(world: World, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        verification.of_upload(world.deps, b"")
    assert "kosong" in refused.value.fields["file"]
    (tmp_path / "kosong.pdf").write_bytes(b"")
    (told,) = verification.verify_files(world.deps, [tmp_path / "kosong.pdf"])
    assert (told.findings, told.explanation) == (("file_empty",), "The file is empty (0 bytes).")


def test_a_signed_decree_that_lost_its_end_is_called_truncated(issued: tuple[World, str]) -> None:
    world, decree_id = issued
    verdict = verification.of_upload(world.deps, pdf_of(world, decree_id)[:-3000])
    assert (verdict.findings, verdict.registry) == (("file_truncated",), "unknown")


def test_a_valid_signature_that_is_not_in_the_register_is_not_called_ours(issued: tuple[World, str]) -> None:
    world, decree_id = issued
    pdf = pdf_of(world, decree_id)
    with world.deps.db.unit_of_work() as session:
        session.execute(update(StoredFile).where(StoredFile.purpose == "signed").values(sha256="0" * 64))
    verdict = verification.of_upload(world.deps, pdf)
    assert (verdict.registry, verdict.indication, verdict.sentence.tone) == ("unknown", "TOTAL-PASSED", Tone.GREY)
    assert "tidak terdaftar" in verdict.sentence.text


def test_a_file_that_one_of_two_has_signed_is_told_as_such(world: World, clock: FrozenClock) -> None:
    world.give_certificates("kepala", "kadis")
    agreement = world.walk("ready_to_sign", KIND, PKS_CAST)
    world.sign(agreement, "kepala")
    half, _ = best(world, agreement)
    verdict = verification.of_upload(world.deps, half)
    assert (verdict.registry, verdict.indication, verdict.registered) == ("partial", "TOTAL-PASSED", None)
    assert verdict.sentence.tone is Tone.GREY
    said = verdict.sentence.text % verdict.sentence.params
    assert said == "1 dari 2 tanda tangan; naskah belum terbit"
    tailed = verification.of_upload(world.deps, half + b"% lebih\n")
    assert (tailed.registry, tailed.indication) == ("unknown", "INDETERMINATE")
    clock.advance(minutes=1)
    world.sign(agreement, "kadis")
    later = verification.of_upload(world.deps, half)
    assert (later.registry, later.sentence.tone) == ("partial", Tone.GREY)
    assert "mintalah naskah yang sudah lengkap" in later.sentence.text


def test_an_unknown_file_with_an_unsigned_tail_is_told_apart(issued: tuple[World, str]) -> None:
    world, decree_id = issued
    store = trust_store(world.deps)
    longer = augment(pdf_of(world, decree_id), Level.B_LT, world.deps.tsa, store, world.deps.clock.now())
    with world.deps.db.unit_of_work() as session:
        session.execute(update(StoredFile).where(StoredFile.purpose == "signed").values(sha256="0" * 64))
    verdict = verification.of_upload(world.deps, longer.pdf)
    assert (verdict.registry, verdict.indication, verdict.sentence.tone) == ("unknown", "TOTAL-PASSED", Tone.GREY)
    assert verdict.findings == ("unsigned_update",)
    assert "tidak dicakup tanda tangan mana pun" in verdict.sentence.text


def test_the_frozen_unsigned_file_is_not_taken_for_the_decree(world: World) -> None:
    give_certificates(world, "kepala")
    verdict = verification.of_upload(world.deps, pdf_of(world, world.walk("ready_to_sign")))
    assert (verdict.registry, verdict.sub_indication) == ("unknown", "NO_SIGNATURE")


def test_empty_and_oversized_uploads_are_refused(world: World) -> None:
    for pdf in (b"", b"%PDF-1.7" + b"0" * (world.deps.settings.max_upload_bytes + 2 * 1024 * 1024)):
        with pytest.raises(InvalidInput):
            verification.of_upload(world.deps, pdf)


# ---- by files


def test_files_are_judged_one_by_one_and_can_be_written_as_json(issued: tuple[World, str], tmp_path: Path) -> None:
    world, decree_id = issued
    pdf = pdf_of(world, decree_id)
    contents = {"same.pdf": pdf, "more.pdf": pdf + b"\n%%EOF\n", "none.pdf": finished_pdf(), "text.pdf": b"text"}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    paths = [*(tmp_path / name for name in contents), tmp_path / "missing.pdf"]
    verdicts = verification.verify_files(world.deps, paths)
    assert [(one.registry, one.indication, one.legal_status) for one in verdicts] == [
        ("identical", "TOTAL-PASSED", "in_force"), ("extends", "INDETERMINATE", "in_force"),
        ("unknown", "INDETERMINATE", None), ("unknown", "INDETERMINATE", None), ("unknown", "INDETERMINATE", None)]
    assert verdicts[2].sub_indication == "NO_SIGNATURE"
    assert json.loads(json.dumps([asdict(one) for one in verdicts], default=str))[0]["signatures"][0]["level"] == "B-T"
