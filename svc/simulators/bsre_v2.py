"""API v2 of the simulated service: JSON, arrays of files, seals. The API's own typos are kept."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding
from flask import Flask, Response, jsonify, request

from certs.pades import SignatureBox
from certs.validation import Report, SignatureReport
from svc.simulators.bsre_codes import CodeOver, CodeWrong
from svc.simulators.bsre_desk import BsreDesk, Refusal, Signing
from svc.simulators.bsre_marks import MarkMissing, find_mark, page_count
from svc.simulators.bsre_people import SimulatedUser

Call = Callable[[str, Callable[[], Response]], Response]
Body = Mapping[str, object]


def add_v2(app: Flask, desk: BsreDesk, call: Call) -> None:
    """Add the calls of v2; ``call`` does a call's work under access control and faults."""
    view = _V2(desk)

    def add(path: str, work: Callable[[Body], Response]) -> None:
        app.add_url_rule(f"/{path}", path, lambda: call(path, lambda: work(_body())), methods=["POST"])

    add("api/v2/sign/pdf", view.sign)
    add("api/v2/sign/get/totp", view.sign_totp)
    add("api/v2/seal/get/activation", view.seal_activation)
    add("api/v2/seal/revoke/activation", view.seal_revoke)
    add("api/v2/seal/get/totp", view.seal_totp)
    add("api/v2/seal/pdf", view.seal)
    add("api/v2/user/check/status", view.status)
    add("api/v2/user/registration", view.register)
    add("api/v2/user/certificate/chain", view.chain)
    add("api/v2/verify/pdf", view.verify)


class _V2:
    def __init__(self, desk: BsreDesk) -> None:
        self._desk = desk

    def sign(self, body: Body) -> Response:
        pdfs = _files(body)
        signings = _signings(body, pdfs)
        totp = _text(body, "totp") or _text(body, "otp")
        user = self._desk.authorise(self._user(body), _text(body, "passphrase"), totp, len(pdfs))
        return _signed(self._desk.sign(user, pdfs, signings))

    def sign_totp(self, body: Body) -> Response:
        self._desk.request_code(self._user(body), _count(body))
        return jsonify(success=True, message="TOTP berhasil dikirim")

    def seal_activation(self, body: Body) -> Response:
        known = self._desk.seal_activation(_text(body, "idSubscriber"), _text(body, "totp"))
        if known is None:
            return jsonify(success=True, message="TOTP Aktivasi berhasil dikirim", data=None)
        return jsonify(success=True, message="OK", data=_code("TOTP Aktivasi masih berlaku", *known))

    def seal_revoke(self, body: Body) -> Response:
        self._desk.seal_revoke(_text(body, "idSubscriber"), _text(body, "totp"))
        return jsonify(success=True, message="Aktivasi berhasil dicabut", data=None)

    def seal_totp(self, body: Body) -> Response:
        try:
            made = self._desk.seal_code(_text(body, "idSubscriber"), _text(body, "totp"), _count(body))
        except (CodeWrong, CodeOver):  # a failure with status 200, as clients have seen it
            return jsonify(message="TOTP Aktivasi tidak valid", totp=None, expires=None, result=False)
        return jsonify(_code("TOTP berhasil dibuat", *made))

    def seal(self, body: Body) -> Response:
        pdfs = _files(body)
        signings = _signings(body, pdfs)
        seal = self._desk.authorise_seal(_text(body, "idSubscriber"), _text(body, "totp"), len(pdfs))
        return _signed(self._desk.sign(seal, pdfs, signings))

    def status(self, body: Body) -> Response:
        user = self._user(body)
        status = user.status if user else "NOT_REGISTERED"
        return jsonify(status=status, message=f"Status user {status}")

    def register(self, body: Body) -> Response:
        name, email = _text(body, "nama"), _text(body, "email")
        if not name or "@" not in email:
            raise Refusal(400, {"error": "nama dan email harus diisi", "status_code": 400})
        self._desk.register(name, email)
        return jsonify(success=True, message="Registrasi berhasil, silakan cek email")

    def chain(self, body: Body) -> Response:
        user = self._user(body)
        if user is None or user.key is None:
            raise Refusal(400, {"error": "User tidak memiliki sertifikat", "status_code": 400})
        chain = (user.key.certificate, *self._desk.pki.chain)
        return jsonify(data=[one.public_bytes(Encoding.PEM).decode() for one in chain])

    def verify(self, body: Body) -> Response:
        pdf = _decoded(body.get("file"))
        report = self._desk.judge(pdf)
        if not report.signatures:
            return jsonify(conclusion="NO_SIGNATURE", description="Dokumen tidak memiliki tanda tangan elektronik",
                           signatureCount=0, signatureInformations=[])
        return jsonify(
            conclusion=report.indication.value.replace("-", "_"), description=report.explanation,
            signatureCount=len(report.signatures),
            signatureInformations=[self._information(report, number) for number in range(len(report.signatures))])

    def _user(self, body: Body) -> SimulatedUser | None:
        return self._desk.find(_text(body, "nik"), _text(body, "email"))

    def _information(self, report: Report, number: int) -> dict[str, object]:
        one = report.signatures[number]
        stamp = None
        if one.timestamp_at is not None:
            stamp = {"id": f"T-{number:08X}", "signerName": "Simulasi TSA", "timestampDate": _date(one.timestamp_at)}
        return {
            "id": f"S-{number:08X}", "signatureFormat": one.level, "signerName": one.signer_name,
            "signatureDate": _date(one.claimed_at), "fieldName": one.field_name, "reason": "", "location": "",
            "certLevelCode": 0, "signatureAlgorithm": "RSA", "digestAlgorithm": one.digest_algorithm.upper(),
            "timestampInfomation": stamp, "certificateDetails": [_certificate(one, number)],
            "integrityValid": one.indication.value != "TOTAL-FAILED",
            "certificateTrusted": one.indication.value == "TOTAL-PASSED",
            "lastSignature": number == len(report.signatures) - 1}


def _certificate(one: SignatureReport, number: int) -> dict[str, object]:
    return {"id": f"C-{number:08X}", "commonName": one.signer_name, "issuerName": one.issuer,
            "serialNumber": one.serial, "notAfterDate": _date(one.valid_to), "notBeforeDate": _date(one.valid_from),
            "signatureAlgoritm": "SHA256withRSA", "keyUsages": ["digitalSignature", "nonRepudiation"]}


def _date(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+00:00") if moment else None


def _code(message: str, totp: str, expires_at: datetime) -> dict[str, object]:
    return {"message": message, "totp": totp, "expires": _date(expires_at), "result": True}


def _signed(pdfs: Sequence[bytes]) -> Response:
    return jsonify(time=1000, file=[base64.b64encode(one).decode() for one in pdfs])


def _body() -> Body:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Refusal(400, {"error": "Required request body is missing", "status_code": 400})
    return body


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _count(body: Body) -> int:
    try:
        count = int(str(body.get("data", "")))
    except ValueError as error:
        raise Refusal(400, {"error": "data harus berupa angka", "status_code": 400}) from error
    if not 0 < count <= 1000:
        raise Refusal(400, {"error": "data harus berupa jumlah dokumen", "status_code": 400})
    return count


def _decoded(value: object) -> bytes:
    try:
        return base64.b64decode(value if isinstance(value, str) else "-", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal(400, {"error": "file harus base64", "status_code": 400}) from error


def _files(body: Body) -> list[bytes]:
    files = body.get("file")
    if not isinstance(files, list) or not files:
        raise Refusal(400, {"error": "file harus berupa array", "status_code": 400})
    return [_decoded(one) for one in files]


def _signings(body: Body, pdfs: Sequence[bytes]) -> list[Signing]:
    """Properties: one for all files, or one for each."""
    listed = body.get("signatureProperties")
    properties = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    if len(properties) not in {1, len(pdfs)}:
        raise Refusal(400, {"error": "signatureProperties harus 1 atau sejumlah file", "status_code": 400})
    spread = properties * len(pdfs) if len(properties) == 1 else properties
    return [_signing(one, pdf) for one, pdf in zip(spread, pdfs, strict=True)]


def _signing(one: Body, pdf: bytes) -> Signing:
    stated = (_text(one, "reason"), _text(one, "location"), _text(one, "contactInfo"))
    shown = _text(one, "tampilan")
    if shown not in {"VISIBLE", "INVISIBLE"}:
        raise Refusal(400, {"error": "tampilan harus VISIBLE atau INVISIBLE", "status_code": 400})
    if shown == "INVISIBLE":
        return Signing(*stated)
    return Signing(*stated, _box(one, pdf), _decoded(one.get("imageBase64")))


def _box(one: Body, pdf: bytes) -> SignatureBox:
    try:
        width, height = (float(str(one.get(name, ""))) for name in ("width", "height"))
        if _text(one, "tag_koordinat"):
            return find_mark(pdf, _text(one, "tag_koordinat"), width, height)
        x, y = (float(str(one.get(name, ""))) for name in ("originX", "originY"))
        number = int(str(one.get("page", ""))) - 1
        if not 0 <= number < page_count(pdf) or width <= 0 or height <= 0:
            raise Refusal(400, {"error": "Koordinat salah", "status_code": 400})
        return SignatureBox(number, x, y, x + width, y + height)
    except MarkMissing as error:
        raise Refusal(400, {"error": "Tag koordinat tidak ditemukan", "status_code": 400}) from error
    except ValueError as error:
        raise Refusal(400, {"error": "Koordinat salah", "status_code": 400}) from error
