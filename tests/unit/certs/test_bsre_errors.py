"""What the service's refusals are taken for: number in ``status_code`` or at the end of the text, or words alone."""

from __future__ import annotations

import json

import pytest

from certs.signers.bsre_errors import failure, read_refusal
from certs.signers.http import HttpAnswer
from certs.signers.port import (
    ActivationRefused,
    BackendError,
    BackendRefused,
    BackendUnavailable,
    OutcomeUnknown,
    SignerNotReady,
)

_GAGAL = "Proses signing gagal : "
SEEN = [
    (400, {"error": "Passphrase anda salah", "status_code": 2031}, ActivationRefused, "2031"),
    (400, {"error": f"{_GAGAL}Passphrase anda salah 2031", "status_code": 400}, ActivationRefused, "2031"),
    (400, {"error": f"{_GAGAL}Passphrase anda salah 2031"}, ActivationRefused, "2031"),
    (500, {"error": "Passphrase anda salah"}, ActivationRefused, "PASSPHRASE_WRONG"),
    (400, {"error": f"{_GAGAL}User tidak terdaftar 2011", "status_code": 400}, SignerNotReady, "2011"),
    (404, {"message": "User belum terdaftar", "status_code": 1110}, SignerNotReady, "1110"),
    (400, {"error": "gagal", "status_code": "2021"}, SignerNotReady, "2021"),
    (400, {"error": f"{_GAGAL}Permintaan ditolak 2041", "status_code": 400}, BackendRefused, "2041"),
    (400, {"error": f"{_GAGAL}Sertifikat user dicabut 2041"}, SignerNotReady, "2041"),
    (500, {"error": "gagal", "status_code": 2041}, OutcomeUnknown, "2041"),
    (400, {"error": f"{_GAGAL}com.itextpdf.text.exceptions.InvalidPdfException: PDF header signature not found."},
     BackendRefused, "PDF_INVALID"),
    (400, {"error": "TOTP salah", "status_code": 400}, ActivationRefused, "TOTP_WRONG"),
    (400, {"error": "Kode OTP sudah kadaluarsa"}, ActivationRefused, "TOTP_EXPIRED"),
    (400, {"error": "galat lain", "status_code": 2999}, BackendRefused, "2999"),
    (202, {"message": "diterima"}, OutcomeUnknown, "GATEWAY_DOWN"),
    (203, None, OutcomeUnknown, "GATEWAY_DOWN"),
    (204, {}, OutcomeUnknown, "GATEWAY_DOWN"),
    (202, {"error": f"{_GAGAL}Passphrase anda salah 2031"}, ActivationRefused, "2031"),
    (401, {"error": "Unauthorized"}, BackendRefused, "ACCESS_REFUSED"),
    (403, None, BackendRefused, "ACCESS_REFUSED"),
    (413, None, BackendRefused, "REFUSED"),
    (429, None, BackendUnavailable, "GATEWAY_DOWN"),
    (500, {"error": f"{_GAGAL}koneksi ke server terputus"}, BackendUnavailable, "GATEWAY_DOWN"),
    (500, {"error": f"{_GAGAL}com.itextpdf.text.exceptions.InvalidPdfException: no header"}, BackendRefused,
     "PDF_INVALID"),
    (502, None, OutcomeUnknown, "GATEWAY_DOWN"),
    (504, {"error": "Error occurred while trying to proxy: gateway.invalid/api/sign/pdf"}, OutcomeUnknown,
     "GATEWAY_DOWN"),
    (500, {"message": "Read timed out executing POST http://core/sign/pdf"}, OutcomeUnknown, "GATEWAY_DOWN"),
    (500, {"message": "I/O error on POST request for /v2/totp: Read timed out"}, OutcomeUnknown, "GATEWAY_DOWN"),
    (502, {"message": "TOTP invalid upstream answer", "status_code": 502}, OutcomeUnknown, "GATEWAY_DOWN"),
    (504, None, OutcomeUnknown, "GATEWAY_DOWN"),
]


@pytest.mark.parametrize(("status", "body", "kind", "code"), SEEN)
def test_a_refused_signing(status: int, body: dict[str, object] | None, kind: type[BackendError], code: str) -> None:
    raw = b"<html>nginx</html>" if body is None else json.dumps(body).encode()
    error = failure(HttpAnswer(status, {}, raw), signs=True, reference="abc")
    assert (type(error), error.backend_code) == (kind, code)
    if isinstance(error, OutcomeUnknown):
        assert error.reference == "abc"


@pytest.mark.parametrize(("body", "factor"), [("Passphrase anda salah 2031", "passphrase"), ("OTP salah", "totp")])
def test_the_factor_is_told(body: str, factor: str) -> None:
    error = failure(HttpAnswer(400, {}, json.dumps({"error": body}).encode()), signs=True)
    assert isinstance(error, ActivationRefused)
    assert error.factor == factor


@pytest.mark.parametrize("status", ["EXPIRED", "SUSPEND", "REVOKE", "NO_CERTIFICATE"])
def test_the_certificates_status_is_taken_from_the_text(status: str) -> None:
    body = json.dumps({"error": f"{_GAGAL}Sertifikat user tidak aktif, status {status}", "status_code": 400})
    error = failure(HttpAnswer(400, {}, body.encode()), signs=True)
    assert isinstance(error, SignerNotReady)
    assert error.status == status


def test_a_question_that_fails_is_never_unknown() -> None:
    assert isinstance(failure(HttpAnswer(502, {}, b""), signs=False), BackendUnavailable)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 5000, b'{"error": {"a": 1}}'])
def test_whatever_it_says_is_read(body: bytes) -> None:
    assert isinstance(failure(HttpAnswer(400, {}, body), signs=True), BackendRefused)


def test_no_secret_is_repeated() -> None:
    body = json.dumps({"error": "Passphrase 'sandi rahasia' anda salah 2031"}).encode()
    assert "sandi rahasia" not in read_refusal(400, body, ("sandi rahasia",)).text
    assert "sandi rahasia" not in str(failure(HttpAnswer(400, {}, body), True, ("sandi rahasia",)))
