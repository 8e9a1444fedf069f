"""One contract for whatever signs: stored keys, PKCS#12 files, PKCS#11 tokens, a CSC service and BSrE, all real."""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest

from certs import pades
from certs.errors import CertsError, DocumentUnsignable, TimestampUnavailable
from certs.pades import Level, SignatureBox
from certs.signers.port import BackendRefused, BackendUnavailable
from certs.validation import validate_pdf
from tests.support.bsre import chain_of
from tests.support.clock import FrozenClock
from tests.support.signers_port import NEEDS_TOKEN, VARIANTS, Backend, PortKeys, make_keys, open_backend, page

_TOKEN = (pytest.mark.softhsm, pytest.mark.skipif(
    shutil.which("softhsm2-util") is None, reason="SoftHSM2 is not installed (Debian: softhsm2)"))
ALL = [pytest.param(name, marks=_TOKEN if name in NEEDS_TOKEN else ()) for name in VARIANTS]
OF_HASHES = [one for one in ALL if not str(one.values[0]).startswith("bsre")]
ELSEWHERE = [one for one in ALL if str(one.values[0]).startswith(("pkcs11", "csc", "bsre"))]
BOX = SignatureBox(0, 100, 120, 250, 180)


@pytest.fixture(scope="module")
def keys() -> PortKeys:
    return make_keys(FrozenClock())


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return page()


@pytest.fixture
def backend(request: pytest.FixtureRequest, keys: PortKeys) -> Iterator[Backend]:
    with open_backend(str(request.param), keys) as opened:
        yield opened


def on(variants: Sequence[object]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("backend", variants, indirect=True)


@on(ALL)
def test_what_is_signed_extends_the_document_and_passes(backend: Backend, keys: PortKeys, pdf: bytes) -> None:
    signed = backend.signer(backend.secret).sign(pdf, keys.request())
    assert signed.pdf.startswith(pdf)
    report = validate_pdf(signed.pdf, keys.trust(), keys.soon)
    assert report.passed, report.explanation
    assert report.explained, report.findings
    (signature,) = report.signatures
    assert (signature.level, signature.field_name) == (signed.level, signed.field_name)
    assert signature.proven_by == "timestamp"


@on(ALL)
@pytest.mark.poppler
@pytest.mark.skipif(not shutil.which("pdfsig"), reason="pdfsig (poppler-utils) is not installed")
def test_pdfsig_finds_it_valid(backend: Backend, keys: PortKeys, pdf: bytes, tmp_path: Path) -> None:
    path = tmp_path / "signed.pdf"
    path.write_bytes(backend.signer(backend.secret).sign(pdf, keys.request()).pdf)
    told = subprocess.run(["pdfsig", "-nocert", str(path)], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid." in told
    assert "Total document signed" in told


@on(ALL)
def test_a_wrong_secret_signs_nothing_and_the_right_one_does_afterwards(
    backend: Backend, keys: PortKeys, pdf: bytes
) -> None:
    with pytest.raises(backend.refusal):
        backend.signer(backend.wrong_secret).sign(pdf, keys.request())
    assert backend.made() == 0
    assert backend.signer(backend.secret).sign(pdf, keys.request()).pdf


@on(ELSEWHERE)
def test_a_backend_that_is_gone_is_unavailable(backend: Backend, keys: PortKeys, pdf: bytes) -> None:
    signer = backend.signer(backend.secret)
    assert backend.go_away is not None
    backend.go_away()
    with pytest.raises(BackendUnavailable):
        signer.sign(pdf, keys.request())
    assert backend.made() == 0


@on(ALL)
def test_two_signatures_at_once_are_both_good(backend: Backend, keys: PortKeys, pdf: bytes) -> None:
    def act(_: int) -> bytes:
        return backend.signer(backend.secret).sign(pdf, keys.request()).pdf

    with ThreadPoolExecutor(2) as pool:
        signed = list(pool.map(act, range(4)))
    if backend.name.startswith(("csc", "bsre")):
        assert backend.made() == 4
    for one in signed:
        report = validate_pdf(one, keys.trust(), keys.soon)
        assert report.passed, report.explanation


@on(ALL)
def test_a_broken_document_is_refused(backend: Backend, keys: PortKeys) -> None:
    with pytest.raises((DocumentUnsignable, BackendRefused)):
        backend.signer(backend.secret).sign(b"%PDF-1.7 rusak", keys.request())
    assert backend.made() == 0


@on(ALL)
def test_what_was_typed_is_told_to_nobody(
    backend: Backend, keys: PortKeys, pdf: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    with pytest.raises(CertsError) as wrong:
        backend.signer(backend.wrong_secret).sign(pdf, keys.request())
    told.append(chain_of(wrong.value))
    signer = backend.signer(backend.secret)
    told += [repr(signer), str(signer)]
    signed = signer.sign(pdf, keys.request())
    told += [signed.pdf.decode("latin-1"), repr(backend)]
    with pytest.raises(CertsError) as broken:
        backend.signer(backend.secret).sign(b"%PDF-1.7 rusak", keys.request())
    told += [chain_of(broken.value), backend.kept(), caplog.text]
    if backend.hash_signer is not None:
        told.append(repr(backend.hash_signer(backend.secret)))
    for secret in (backend.secret, backend.wrong_secret):
        assert [one[:200] for one in told if secret in one] == []


# --- what only signers of hashes promise -----------------------------------------------------------------
@on(OF_HASHES)
def test_certifying_and_the_box_are_as_asked(backend: Backend, keys: PortKeys, pdf: bytes) -> None:
    for certify in (True, False):
        signed = backend.signer(backend.secret).sign(pdf, keys.request(box=BOX, certify=certify))
        with pikepdf.open(BytesIO(signed.pdf)) as document:
            (field,) = document.Root.AcroForm.Fields
            assert [float(one) for one in field.Rect] == [BOX.llx, BOX.lly, BOX.urx, BOX.ury]
            assert ("/Perms" in document.Root) is certify
        (signature,) = validate_pdf(signed.pdf, keys.trust(), keys.soon).signatures
        assert signature.certifies is certify


@on(OF_HASHES)
def test_certificate_hash_and_size_are_told_beforehand(backend: Backend, keys: PortKeys, pdf: bytes) -> None:
    assert backend.hash_signer is not None
    signer = backend.hash_signer(backend.secret)
    assert tuple(signer.chain) == keys.authority.chain
    report = validate_pdf(pades.sign_pdf(pdf, keys.request(Level.B_B), signer, None).pdf, keys.trust(), keys.soon)
    (signature,) = report.signatures
    assert signature.serial == f"{signer.certificate.serial_number:x}"
    assert signature.digest_algorithm == signer.digest_algorithm
    assert signature.level == "B-B"
    assert signer.cms_size >= 2048


@on(OF_HASHES)
def test_no_time_stamp_is_no_document(backend: Backend, keys: PortKeys, pdf: bytes) -> None:
    class Down:
        def respond(self, request_der: bytes, now: datetime) -> bytes:
            raise TimestampUnavailable("down")

    assert backend.hash_signer is not None
    with pytest.raises(TimestampUnavailable):
        pades.lift(backend.hash_signer(backend.secret), Down()).sign(pdf, keys.request())
