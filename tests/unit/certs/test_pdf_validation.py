"""What a file's signatures are worth: every way in which a file can be less than it seems."""

from __future__ import annotations

import hashlib
import io
import re
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pikepdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from certs import validation
from certs.ca import Revocation, SignerSubject, build_crl, create_development_pki, issue_signer_certificate
from certs.pades import Level, LocalSigner, SignedDocument, sign_pdf
from certs.trust import TrustStore
from certs.tsa import TimeStampAuthority
from certs.validation import NO_SIGNATURE, Indication, Proof, Report, is_extension, validate_pdf
from tests.attacks.craft import flipped
from tests.unit.certs.conftest import World


def verdict(report: Report) -> tuple[str, str | None]:
    return (report.indication.value, report.sub_indication)


def update(pdf: bytes, change: Callable[[IncrementalPdfFileWriter], object]) -> bytes:
    """An incremental update, as an editor would append it."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    change(writer)
    writer.update_root()  # type: ignore[no-untyped-call]
    output = io.BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    return output.getvalue()


def gap(pdf: bytes) -> tuple[int, int]:
    """Where the signature's own hexadecimal string lies."""
    numbers = re.search(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\]", pdf)
    assert numbers is not None
    _, first, second, _ = (int(number) for number in numbers.groups())
    return first, second


def test_an_untouched_file_passes(world: World, signed: SignedDocument) -> None:
    report = validate_pdf(signed.pdf, world.trust(), world.later)
    assert report.passed
    assert verdict(report) == ("TOTAL-PASSED", None)
    (one,) = report.signatures
    assert one.field_name == "Signature1"
    assert one.signer_name == "Sari Contoh Utama"
    assert "190001011925012001" in one.signer_dn
    assert int(one.serial, 16) == world.certificate.serial_number
    assert "Issuing CA" in one.issuer
    assert one.claimed_at == one.timestamp_at == world.now
    assert one.level == "B-T"
    assert one.covers_whole_file
    assert one.certifies
    assert one.digest_algorithm == "sha256"


def test_without_revocation_data_it_is_try_later(world: World, signed: SignedDocument) -> None:
    report = validate_pdf(signed.pdf, world.pki.trust_store(), world.later)
    assert verdict(report) == ("INDETERMINATE", "TRY_LATER")
    assert "revoked cannot be told" in report.explanation


def test_a_list_out_of_date_is_no_revocation_data(world: World, signed: SignedDocument) -> None:
    old = build_crl(world.pki.issuing, (), world.now - timedelta(hours=3), world.now - timedelta(hours=1))
    report = validate_pdf(signed.pdf, world.pki.trust_store([old]), world.later)
    assert verdict(report) == ("INDETERMINATE", "TRY_LATER")


def test_a_list_made_after_the_proven_signing_time_speaks_of_it_for_good(world: World, signed: SignedDocument) -> None:
    assert validate_pdf(signed.pdf, world.trust(), world.later + timedelta(days=3)).passed


def test_an_altered_byte_fails(world: World, signed: SignedDocument) -> None:
    for altered in (
        signed.pdf.replace(b"(Mandala)", b"(Mendala)"),
        signed.pdf.replace(b"/Lang(id)", b"/Lang(en)"),
    ):
        assert altered != signed.pdf
        assert verdict(validate_pdf(altered, world.trust(), world.later)) == ("TOTAL-FAILED", "HASH_FAILURE")


def test_a_stream_byte_altered_fails(world: World, signed: SignedDocument) -> None:
    at = signed.pdf.index(b"stream") + 40
    altered = signed.pdf[:at] + bytes([signed.pdf[at] ^ 1]) + signed.pdf[at + 1 :]
    assert verdict(validate_pdf(altered, world.trust(), world.later)) == ("TOTAL-FAILED", "HASH_FAILURE")


def test_a_signature_that_fails_claims_neither_level_nor_time(world: World, signed: SignedDocument) -> None:
    (whole,) = validate_pdf(signed.pdf, world.trust(), world.later).signatures
    assert (whole.level, whole.proven_by, whole.certificate_then, whole.certificate_now) == (
        "B-T", "timestamp", "valid", "valid")
    bad = flipped(signed.pdf)
    proofs = [Proof(hashlib.sha256(bad).hexdigest(), len(bad), world.now)]
    (failed,) = validate_pdf(bad, world.trust(), world.later, proofs).signatures
    assert (failed.level, failed.proven_by, failed.certificate_then, failed.certificate_now) == (
        "", "", "unknown", "unknown")
    assert (failed.timestamp_at, failed.proven_at) == (None, None)


def test_a_signature_value_of_another_key_fails(world: World, signed: SignedDocument) -> None:
    other = sign_pdf(world.page, world.request(level=Level.B_B), world.signer, None).pdf
    first, second = gap(other)
    container = bytearray.fromhex(other[first + 1 : second - 1].decode())
    end = len(container.rstrip(b"\0"))
    container[end - 5] ^= 1  # within the RSA value, which is the last field of a B-B container
    altered = other[: first + 1] + container.hex().upper().encode() + other[second - 1 :]
    report = validate_pdf(altered, world.trust(), world.later)
    assert verdict(report) == ("TOTAL-FAILED", "SIG_CRYPTO_FAILURE")


@pytest.mark.parametrize("tail", [b"\n", b"%stray", b"x" * 5000, b"\nstartxref\n0\n%%EOF\n"])
def test_stray_bytes_after_the_end_never_pass(world: World, signed: SignedDocument, tail: bytes) -> None:
    report = validate_pdf(signed.pdf + tail, world.trust(), world.later)
    assert report.indication is not Indication.TOTAL_PASSED
    assert not any(one.covers_whole_file for one in report.signatures)


@pytest.mark.parametrize("certify", [True, False])
def test_an_update_that_changes_the_document_never_passes(world: World, certify: bool) -> None:
    pdf = world.sign(world.request(certify=certify)).pdf
    changes: list[Callable[[IncrementalPdfFileWriter], object]] = [
        lambda writer: writer.root.update({pdf_name("/Lang"): pdf_string("en")}),
        lambda writer: writer.root.update({pdf_name("/Foo"): pdf_string("bar")}),
        lambda writer: None,  # only what every editor does: its name and the time in the metadata
    ]
    for change in changes:
        changed = update(pdf, change)
        assert is_extension(pdf, changed)
        report = validate_pdf(changed, world.trust(), world.later)
        assert verdict(report) == ("INDETERMINATE", "SIG_CONSTRAINTS_FAILURE")
        assert not report.signatures[0].covers_whole_file
        assert "does not cover" in report.explanation


def test_bytes_hidden_in_the_reserved_space_are_not_overlooked(world: World, signed: SignedDocument) -> None:
    _, second = gap(signed.pdf)
    hidden = signed.pdf[: second - 5] + b"BEEF" + signed.pdf[second - 1 :]
    report = validate_pdf(hidden, world.trust(), world.later)
    assert not report.passed
    assert not report.signatures[0].covers_whole_file


def test_revoked_before_signing(world: World, signed: SignedDocument) -> None:
    revocation = Revocation(world.certificate.serial_number, world.now - timedelta(hours=1))
    report = validate_pdf(signed.pdf, world.trust(revocation), world.later)
    assert verdict(report) == ("INDETERMINATE", "REVOKED_NO_POE")
    assert "revoked" in report.explanation


def test_revoked_after_a_proven_signing_time_still_passes(world: World, signed: SignedDocument) -> None:
    revocation = Revocation(world.certificate.serial_number, world.now + timedelta(minutes=10))
    assert validate_pdf(signed.pdf, world.trust(revocation), world.later).passed


def test_revoked_later_without_a_time_stamp_does_not_pass(world: World) -> None:
    signed = sign_pdf(world.page, world.request(level=Level.B_B), world.signer, None)
    revocation = Revocation(world.certificate.serial_number, world.now + timedelta(minutes=10))
    report = validate_pdf(signed.pdf, world.trust(revocation), world.later)
    assert verdict(report) == ("INDETERMINATE", "REVOKED_NO_POE")


def test_expired_at_signing(world: World) -> None:
    at = world.certificate.not_valid_after_utc + timedelta(days=1)
    for level, expected in ((Level.B_B, "OUT_OF_BOUNDS_NO_POE"), (Level.B_T, "EXPIRED")):
        signed = world.sign(world.request(level=level, at=at))
        report = validate_pdf(signed.pdf, world.trust(at=at), at + timedelta(hours=1))
        assert verdict(report) == ("INDETERMINATE", expected)


def test_expired_since_is_not_passed_without_long_term_data(world: World, signed: SignedDocument) -> None:
    at = world.certificate.not_valid_after_utc + timedelta(days=1)
    report = validate_pdf(signed.pdf, world.trust(at=at), at)
    assert verdict(report) == ("INDETERMINATE", "OUT_OF_BOUNDS_NO_POE")


def test_signed_before_the_certificate_began(world: World) -> None:
    certificate = issue_signer_certificate(
        world.pki.issuing, SignerSubject("Sari", "Nusa"), world.key.public_key(), world.now + timedelta(minutes=5)
    )
    signer = LocalSigner(certificate, world.key, world.pki.chain)
    signed = sign_pdf(world.page, world.request(), signer, world.tsa)
    report = validate_pdf(signed.pdf, world.trust(), world.later)
    assert verdict(report) == ("INDETERMINATE", "NOT_YET_VALID")


def test_an_unknown_authority(world: World, signed: SignedDocument) -> None:
    stranger = create_development_pki("Lain", world.now - timedelta(days=1))
    crl = build_crl(stranger.issuing, (), world.now, world.later + timedelta(days=1))
    report = validate_pdf(signed.pdf, stranger.trust_store([crl]), world.later)
    assert verdict(report) == ("INDETERMINATE", "NO_CERTIFICATE_CHAIN_FOUND")
    empty = validate_pdf(signed.pdf, TrustStore(anchors=()), world.later)
    assert verdict(empty) == ("INDETERMINATE", "NO_CERTIFICATE_CHAIN_FOUND")


def test_a_stranger_with_the_same_names_is_a_stranger(world: World) -> None:
    """A PKI that anybody can make: all names as ours, other keys."""
    forged = create_development_pki("Pemerintah Provinsi Nusa Mandala", world.now - timedelta(days=1))
    certificate = issue_signer_certificate(
        forged.issuing,
        SignerSubject("Sari Contoh Utama", "Pemerintah Provinsi Nusa Mandala"),
        world.key.public_key(),
        world.now - timedelta(hours=1),
    )
    signer = LocalSigner(certificate, world.key, forged.chain)
    tsa = TimeStampAuthority(forged.tsa.certificate, forged.tsa.key, (forged.root.certificate,))
    report = validate_pdf(
        sign_pdf(world.page, world.request(), signer, tsa).pdf, world.trust(), world.later
    )
    assert report.indication is not Indication.TOTAL_PASSED


def test_an_untrusted_time_stamp_proves_nothing(world: World) -> None:
    stranger = create_development_pki("Lain", world.now - timedelta(days=1))
    tsa = TimeStampAuthority(stranger.tsa.certificate, stranger.tsa.key, (stranger.root.certificate,))
    signed = sign_pdf(world.page, world.request(), world.signer, tsa)
    report = validate_pdf(signed.pdf, world.trust(), world.later)
    assert report.indication is Indication.INDETERMINATE
    assert report.signatures[0].timestamp_at is None
    both = replace(
        world.trust(),
        tsa_anchors=(stranger.root.certificate,),
        crls=(*world.trust().crls, stranger.root_crl),
    )
    assert validate_pdf(signed.pdf, both, world.later).passed


def test_a_file_without_a_signature(world: World) -> None:
    report = validate_pdf(world.page, world.trust(), world.later)
    assert verdict(report) == ("INDETERMINATE", NO_SIGNATURE)
    assert report.signatures == ()


def test_one_bad_signature_spoils_the_file(world: World, other_key: object) -> None:
    stranger = create_development_pki("Lain", world.now - timedelta(days=1))
    key = world.key
    certificate = issue_signer_certificate(
        stranger.issuing, SignerSubject("Orang Lain", "Lain"), key.public_key(), world.now - timedelta(hours=1)
    )
    first = world.sign(world.request(certify=False))
    second = sign_pdf(
        first.pdf,
        world.request(certify=False, field_name="Signature2"),
        LocalSigner(certificate, key, stranger.chain),
        world.tsa,
    )
    report = validate_pdf(second.pdf, world.trust(), world.later)
    assert [one.indication for one in report.signatures] == [Indication.TOTAL_PASSED, Indication.INDETERMINATE]
    assert verdict(report) == ("INDETERMINATE", "NO_CERTIFICATE_CHAIN_FOUND")


def encrypted(pdf: bytes) -> bytes:
    output = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as document:
        document.save(output, encryption=pikepdf.Encryption(owner="x", user=""))
    return output.getvalue()


def bomb(megabytes: int = 200) -> bytes:
    """An object stream that inflates to a thousand times its size."""
    packer = zlib.compressobj(9)
    data = packer.compress(b"1 0 << /Type /Catalog /Pages 3 0 R >>")
    data += b"".join(packer.compress(b" " * 1_000_000) for _ in range(megabytes)) + packer.flush()
    output = io.BytesIO()
    output.write(b"%PDF-1.7\n")
    head = f"2 0 obj\n<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length {len(data)} >>\nstream\n"
    start = output.tell()
    output.write(head.encode() + data + b"\nendstream\nendobj\n")
    table = output.tell()
    rows = [(0, 0, 65535), (2, 2, 0), (1, start, 0), (1, table, 0)]
    body = b"".join(bytes([kind]) + at.to_bytes(4, "big") + more.to_bytes(2, "big") for kind, at, more in rows)
    head = f"3 0 obj\n<< /Type /XRef /Size 4 /W [1 4 2] /Root 1 0 R /Length {len(body)} >>\nstream\n"
    output.write(head.encode() + body + f"\nendstream\nendobj\nstartxref\n{table}\n%%EOF\n".encode())
    return output.getvalue()


@pytest.mark.parametrize(
    "make",
    [
        lambda pdf: b"",
        lambda pdf: b"not a PDF at all",
        lambda pdf: b"%PDF-1.7\n" + b"junk" * 1000,
        lambda pdf: b"%PDF-1.7\n" + b"[" * 100_000,
        lambda pdf: b"%PDF-1.7\n" + b"<<" * 100_000 + b"\nstartxref\n9\n%%EOF",
        lambda pdf: pdf[: len(pdf) // 2],
        lambda pdf: pdf[:-200],
        encrypted,
        lambda pdf: bomb(),
        lambda pdf: pdf + bytes(validation.MAX_BYTES),
        lambda pdf: re.sub(rb"/ByteRange \[\d+", b"/ByteRange [x", pdf),
        lambda pdf: pdf.replace(b"/Contents <30", b"/Contents <FF"),
    ],
    ids=[
        *("empty", "text", "junk", "deep arrays", "deep dictionaries", "half", "cut tail", "encrypted", "bomb"),
        *("huge", "byte range", "container"),
    ],
)
def test_what_no_parser_reads_is_a_format_failure(
    world: World, signed: SignedDocument, make: Callable[[bytes], bytes]
) -> None:
    report = validate_pdf(make(signed.pdf), world.trust(), world.later)
    assert verdict(report) == ("INDETERMINATE", "FORMAT_FAILURE")
    assert report.explanation


@given(data=st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_change_anywhere_passes_or_raises(world: World, signed: SignedDocument, data: st.DataObject) -> None:
    """Any byte but those of the signature's own string; and any cut, insertion or tail."""
    first, second = gap(signed.pdf)
    at = data.draw(st.one_of(st.integers(0, first), st.integers(second, len(signed.pdf) - 1)))
    kind = data.draw(st.sampled_from(["flip", "cut", "insert", "tail"]))
    junk = data.draw(st.binary(min_size=1, max_size=20))
    pdf = signed.pdf
    changed = {
        "flip": pdf[:at] + bytes([pdf[at] ^ (junk[0] or 1)]) + pdf[at + 1 :],
        "cut": pdf[:at] + pdf[at + len(junk) :],
        "insert": pdf[:at] + junk + pdf[at:],
        "tail": pdf + junk,
    }[kind]
    report = validate_pdf(changed, world.trust(), world.later)
    assert report.indication is not Indication.TOTAL_PASSED


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_container_raises(world: World, signed: SignedDocument, data: st.DataObject) -> None:
    first, second = gap(signed.pdf)
    container = bytearray.fromhex(signed.pdf[first + 1 : second - 1].decode())
    at = data.draw(st.integers(0, len(container.rstrip(b"\0")) - 1))
    container[at] ^= data.draw(st.integers(1, 255))
    changed = signed.pdf[: first + 1] + container.hex().upper().encode() + signed.pdf[second - 1 :]
    assert validate_pdf(changed, world.trust(), world.later).explanation


def test_a_naive_time_is_a_mistake(world: World, signed: SignedDocument) -> None:
    with pytest.raises(ValueError, match="aware"):
        validate_pdf(signed.pdf, world.trust(), world.later.replace(tzinfo=None))


def test_is_extension() -> None:
    assert is_extension(b"abc", b"abcd")
    assert not is_extension(b"abc", b"abc")
    assert not is_extension(b"abc", b"xabcd")
    assert not is_extension(b"abc", b"ab")


def test_a_signature_of_a_form_that_is_not_judged_is_told_and_not_taken_for_none(
    world: World, signed: SignedDocument
) -> None:
    other = signed.pdf.replace(b"/SubFilter /ETSI.CAdES.detached", b"/SubFilter /adbe.pkcs7.sha1    ")
    report = validate_pdf(other, world.trust(), world.later)
    assert verdict(report) == ("INDETERMINATE", "FORMAT_FAILURE")
    assert "signature_odd" in {one.code for one in report.findings}
