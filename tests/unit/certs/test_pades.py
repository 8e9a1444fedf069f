"""Making PAdES signatures: what stands in the file, and what independent tools say of it."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pikepdf
import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certs import errors
from certs.ca import SignerSubject, issue_signer_certificate
from certs.pades import Level, LocalSigner, SignatureBox, SignedDocument, SignRequest, sign_pdf
from certs.tsa import TimeStampAuthority
from certs.validation import Indication, is_extension, validate_pdf
from tests.unit.certs.conftest import World

MakePdf = Callable[[Callable[[pikepdf.Pdf], object]], bytes]


def container_of(pdf: bytes) -> cms.SignedData:
    with pikepdf.open(io.BytesIO(pdf)) as document:
        content = bytes(document.Root.AcroForm.Fields[0].V.Contents)
    return cms.ContentInfo.load(content)["content"]


def attribute_names(attributes: cms.CMSAttributes) -> set[str]:
    return {one["type"].native for one in attributes}


def test_the_original_is_a_prefix_and_the_hash_is_told(world: World, signed: SignedDocument) -> None:
    assert is_extension(world.page, signed.pdf)
    assert signed.sha256 == hashlib.sha256(signed.pdf).hexdigest()
    assert signed.level is Level.B_T
    assert signed.field_name == "Signature1"


def test_it_is_pades(signed: SignedDocument) -> None:
    with pikepdf.open(io.BytesIO(signed.pdf)) as document:
        assert document.Root.AcroForm.Fields[0].V.SubFilter == pikepdf.Name("/ETSI.CAdES.detached")
    signer = container_of(signed.pdf)["signer_infos"][0]
    names = attribute_names(signer["signed_attrs"])
    assert names == {"content_type", "message_digest", "signing_certificate_v2"}  # no signing-time: EN 319 142-1
    assert attribute_names(signer["unsigned_attrs"]) == {"signature_time_stamp_token"}


def test_all_certificates_up_to_the_root_are_inside(world: World, signed: SignedDocument) -> None:
    serials = {one.chosen.serial_number for one in container_of(signed.pdf)["certificates"]}
    chain = (world.certificate, world.pki.issuing.certificate, world.pki.root.certificate)
    assert serials == {one.serial_number for one in chain}


def test_what_the_signer_says_is_written_down(signed: SignedDocument) -> None:
    document = pikepdf.open(io.BytesIO(signed.pdf))
    signature = document.Root.AcroForm.Fields[0].V
    assert str(signature.Name) == "Sari Contoh Utama"
    assert str(signature.Reason) == "Menandatangani naskah"
    assert str(signature.Location) == "Mandala"
    assert str(signature.M).startswith("D:20260601020000")


def test_a_sole_signature_certifies_against_changes(signed: SignedDocument, world: World) -> None:
    document = pikepdf.open(io.BytesIO(signed.pdf))
    reference = document.Root.Perms.DocMDP.Reference[0]
    assert reference.TransformMethod == pikepdf.Name("/DocMDP")
    assert int(reference.TransformParams.P) == 1
    plain = world.sign(world.request(certify=False))
    assert "/Perms" not in pikepdf.open(io.BytesIO(plain.pdf)).Root


def test_the_widget_lies_in_its_box_and_shows_nothing(signed: SignedDocument) -> None:
    document = pikepdf.open(io.BytesIO(signed.pdf))
    widget = document.pages[1].Annots[0]
    assert [float(corner) for corner in widget.Rect] == [300, 100, 450.5, 180]
    assert widget.AP.N.read_bytes().strip() == b""
    assert "/Font" not in widget.AP.N.get("/Resources", {})
    assert int(widget.F) & 4  # printed, as PDF/A demands
    assert "/Annots" not in document.pages[0]


def test_nothing_that_makes_it_pdfa_is_touched(world: World, signed: SignedDocument) -> None:
    before, after = (pikepdf.open(io.BytesIO(pdf)) for pdf in (world.page, signed.pdf))
    assert after.Root.Metadata.read_raw_bytes() == before.Root.Metadata.read_raw_bytes()
    assert dict(after.docinfo) == dict(before.docinfo)
    fonts = [one for one in after.objects if isinstance(one, pikepdf.Dictionary) and one.get("/Type") == "/Font"]
    assert not [one for one in fonts if one.get("/BaseFont") == "/Courier"]
    assert "/DR" not in after.Root.AcroForm
    assert not after.Root.AcroForm.get("/NeedAppearances", False)


def test_level_b_b_has_no_time_stamp(world: World) -> None:
    signed = sign_pdf(world.page, world.request(level=Level.B_B), world.signer, None)
    assert container_of(signed.pdf)["signer_infos"][0]["unsigned_attrs"].native is None
    assert validate_pdf(signed.pdf, world.trust(), world.later).signatures[0].level == "B-B"


@pytest.mark.parametrize("level", [Level.B_LT, Level.B_LTA])
def test_levels_not_made_here_are_refused(world: World, level: Level) -> None:
    with pytest.raises(errors.LevelUnsupported):
        world.sign(world.request(level=level))


def test_b_t_without_a_time_stamp_service_is_refused(world: World) -> None:
    with pytest.raises(errors.TimestampUnavailable):
        sign_pdf(world.page, world.request(), world.signer, None)


class Refuses:
    """A service that answers every request with what it answers to junk."""

    def __init__(self, tsa: TimeStampAuthority) -> None:
        self.tsa = tsa

    def respond(self, request_der: bytes, now: datetime) -> bytes:
        return self.tsa.respond(b"junk", now)


class Replays(Refuses):
    """A service that hands out an old token."""

    def respond(self, request_der: bytes, now: datetime) -> bytes:
        from tests.unit.certs.test_tsa import request

        return self.tsa.respond(request(nonce=1), now)


@pytest.mark.parametrize("service", [Refuses, Replays])
def test_a_time_stamp_that_does_not_come_or_fit_stops_the_signature(
    world: World, service: type[Refuses]
) -> None:
    with pytest.raises(errors.TimestampUnavailable):
        sign_pdf(world.page, world.request(), world.signer, service(world.tsa))


def test_an_invisible_field(world: World) -> None:
    signed = world.sign(world.request(box=None))
    assert validate_pdf(signed.pdf, world.trust(), world.later).passed


def test_a_chain_larger_than_expected_still_fits(world: World) -> None:
    tsa = TimeStampAuthority(world.tsa.certificate, world.tsa.key, (world.pki.root.certificate,) * 12)
    signed = sign_pdf(world.page, world.request(), world.signer, tsa)
    assert validate_pdf(signed.pdf, world.trust(), world.later).passed


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()], ids=lambda curve: curve.name)
def test_curve_keys_sign_too(world: World, curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    certificate = issue_signer_certificate(
        world.pki.issuing, SignerSubject("Sari", "Nusa"), key.public_key(), world.now
    )
    signer = LocalSigner(certificate, key, world.pki.chain)
    signed = sign_pdf(world.page, world.request(), signer, world.tsa)
    report = validate_pdf(signed.pdf, world.trust(), world.later)
    assert report.passed, report
    assert report.signatures[0].digest_algorithm == signer.digest_algorithm


def test_a_file_with_object_streams_is_signed(world: World, make_pdf: MakePdf) -> None:
    output = io.BytesIO()
    source = pikepdf.open(io.BytesIO(world.page))
    source.save(output, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    signed = world.sign(pdf=output.getvalue())
    assert validate_pdf(signed.pdf, world.trust(), world.later).passed


def test_several_sign_one_after_another(world: World) -> None:
    first = world.sign(world.request(certify=False))
    second = world.sign(world.request(certify=False, field_name="Signature2"), pdf=first.pdf)
    report = validate_pdf(second.pdf, world.trust(), world.later)
    assert [one.covers_whole_file for one in report.signatures] == [False, True]
    assert report.indication is Indication.TOTAL_PASSED


def test_a_certified_document_takes_no_second_signature(world: World, signed: SignedDocument) -> None:
    with pytest.raises(errors.DocumentUnsignable):
        world.sign(world.request(certify=False, field_name="Signature2"), pdf=signed.pdf)


def test_a_second_signature_cannot_certify(world: World) -> None:
    first = world.sign(world.request(certify=False))
    with pytest.raises(errors.AlreadySigned):
        world.sign(world.request(certify=True, field_name="Signature2"), pdf=first.pdf)


def test_a_field_name_is_used_once(world: World) -> None:
    first = world.sign(world.request(certify=False))
    with pytest.raises(errors.FieldNameTaken):
        world.sign(world.request(certify=False), pdf=first.pdf)


def test_documents_that_cannot_be_signed(world: World, make_pdf: MakePdf) -> None:
    encrypted = io.BytesIO()
    pikepdf.open(io.BytesIO(world.page)).save(encrypted, encryption=pikepdf.Encryption(owner="x", user=""))
    for pdf in (b"junk", world.page[:500], world.page[: len(world.page) // 2], encrypted.getvalue()):
        with pytest.raises(errors.DocumentUnsignable):
            world.sign(pdf=pdf)
    with pytest.raises(errors.DocumentUnsignable, match="page"):
        world.sign(world.request(box=SignatureBox(7, 0, 0, 10, 10)))


@pytest.mark.parametrize(
    "changes",
    [
        {"signed_at": datetime(2026, 6, 1)},  # naive on purpose
        {"field_name": ""},
        {"field_name": "a.b"},
        {"box": SignatureBox(0, 10, 10, 10, 20)},
        {"box": SignatureBox(-1, 0, 0, 10, 10)},
    ],
)
def test_senseless_requests_are_mistakes(changes: dict[str, object]) -> None:
    request = SignRequest(signed_at=datetime(2026, 6, 1, tzinfo=UTC), signer_name="Sari")
    with pytest.raises(ValueError, match="must"):
        replace(request, **changes)  # type: ignore[arg-type]


def test_a_signer_needs_its_own_key(world: World, other_key: rsa.RSAPrivateKey) -> None:
    with pytest.raises(errors.KeyMismatch):
        LocalSigner(world.certificate, other_key, world.pki.chain)


def test_the_key_is_not_parsed_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """pyHanko's own signer loads the key at every signature, for 40 ms each."""
    from cryptography.hazmat.primitives import serialization

    def loaded(*_: object, **__: object) -> None:
        raise AssertionError("a key was parsed")

    monkeypatch.setattr(serialization, "load_der_private_key", loaded)
    assert world.sign().level is Level.B_T


@pytest.mark.poppler
@pytest.mark.skipif(not shutil.which("pdfsig"), reason="pdfsig (poppler-utils) is not installed")
def test_pdfsig_finds_it_valid(world: World, signed: SignedDocument, tmp_path: Path) -> None:
    path = tmp_path / "signed.pdf"
    path.write_bytes(signed.pdf)
    shown = subprocess.run(["pdfsig", "-nocert", str(path)], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid." in shown
    assert "Total document signed" in shown
    assert "ETSI.CAdES.detached" in shown
    path.write_bytes(signed.pdf.replace(b"(Mandala)", b"(Mendala)"))
    shown = subprocess.run(["pdfsig", "-nocert", str(path)], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid." not in shown


@pytest.mark.qpdf
@pytest.mark.skipif(not shutil.which("qpdf"), reason="qpdf is not installed")
def test_qpdf_finds_no_fault(world: World, signed: SignedDocument, tmp_path: Path) -> None:
    path = tmp_path / "signed.pdf"
    path.write_bytes(signed.pdf)
    checked = subprocess.run(["qpdf", "--check", str(path)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "No syntax or stream encoding errors" in checked.stdout


def test_openssl_verifies_the_container(world: World, signed: SignedDocument, tmp_path: Path) -> None:
    """The CMS over the two byte ranges, with no PDF library in between."""
    numbers = re.search(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\]", signed.pdf)
    assert numbers is not None
    first, length, second, rest = (int(number) for number in numbers.groups())
    (tmp_path / "content").write_bytes(
        signed.pdf[first : first + length] + signed.pdf[second : second + rest]
    )
    container = bytes.fromhex(signed.pdf[length + 1 : second - 1].decode())
    (tmp_path / "cms.der").write_bytes(cms.ContentInfo.load(container).dump())
    from cryptography.hazmat.primitives.serialization import Encoding

    (tmp_path / "root.pem").write_bytes(world.pki.root.certificate.public_bytes(Encoding.PEM))
    verified = subprocess.run(
        [
            *("openssl", "cms", "-verify", "-inform", "DER", "-in", "cms.der", "-content", "content"),
            *("-binary", "-CAfile", "root.pem", "-purpose", "any", "-cades"),
            *("-attime", str(int(world.later.timestamp())), "-out", "out"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stderr


def test_no_size_of_certificate_makes_signing_slow(world: World) -> None:
    """asn1crypto takes a length that ends in 0x80 for indefinite and may then need half a minute."""
    lengths = set()
    for extra in range(62):
        subject = SignerSubject("Sari", "Nusa", title="x" * (extra + 1))
        certificate = issue_signer_certificate(world.pki.issuing, subject, world.key.public_key(), world.now)
        signer = LocalSigner(certificate, world.key, world.pki.chain)
        started = time.perf_counter()
        signed = sign_pdf(world.page, world.request(), signer, world.tsa)
        assert time.perf_counter() - started < 5
        lengths.add(len(signed.pdf))
    assert len(lengths) > 10
