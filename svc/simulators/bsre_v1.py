"""API v1 of the simulated service: multipart in, PDF out."""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509
from flask import Flask, Response, jsonify, request

from certs.pades import SignatureBox
from certs.validation import Report
from svc.simulators.bsre_desk import BsreDesk, Refusal, Signing
from svc.simulators.bsre_marks import MarkMissing, draw_qr, find_mark, page_count

Call = Callable[[str, Callable[[], Response]], Response]
_FIRST = {"first": 0, "last": -1}


def add_v1(app: Flask, desk: BsreDesk, call: Call) -> None:
    """Add the calls of v1; ``call`` does a call's work under access control and faults."""
    view = _V1(desk)
    app.add_url_rule("/api/sign/pdf", "v1_sign", lambda: call("api/sign/pdf", view.sign), methods=["POST"])
    app.add_url_rule("/api/sign/verify", "v1_verify", lambda: call("api/sign/verify", view.verify), methods=["POST"])
    app.add_url_rule("/api/sign/download/<document_id>", "v1_download",
                     lambda document_id: call("api/sign/download", lambda: view.download(document_id)))
    app.add_url_rule("/api/user/status/<nik>", "v1_status",
                     lambda nik: call("api/user/status", lambda: view.status(nik)))
    app.add_url_rule("/api/user/profile/<nik>", "v1_profile",
                     lambda nik: call("api/user/profile", lambda: view.profile(nik)))


class _V1:
    def __init__(self, desk: BsreDesk) -> None:
        self._desk = desk

    def sign(self) -> Response:
        pdf = _file("file")
        user = self._desk.find(nik=_field("nik"))
        signing = _signing(pdf)
        self._desk.authorise(user, _field("passphrase"), "", 1)
        if user is None:  # authorise refuses that
            raise Refusal(400, {"error": "User tidak terdaftar 2011", "status_code": 400})
        signed = self._desk.sign(user, [pdf], [signing])[0]
        return Response(signed, 200, {"Content-Type": "application/pdf", "id_dokumen": self._desk.keep(signed)})

    def download(self, document_id: str) -> Response:
        return Response(self._desk.hand_out(document_id), 200, {"Content-Type": "application/pdf"})

    def status(self, nik: str) -> Response:
        user = self._desk.find(nik=nik)
        if user is None:
            return jsonify(status_code=1110, status="NOT_REGISTERED", message="User belum terdaftar")
        if user.status == "ISSUE":
            return jsonify(status_code=1111, status="ISSUE",
                           message="User sudah terdaftar dan memiliki sertifikat dengan status ISSUE")
        # What number v1 gives here is not known, so none is.
        return jsonify(status=user.status, message=f"User sudah terdaftar, status {user.status}")

    def profile(self, nik: str) -> Response:
        user = self._desk.find(nik=nik)
        if user is None:
            raise Refusal(404, {"error": "User tidak terdaftar 2011", "status_code": 404})
        return jsonify(nik=user.nik, nama=user.name, email=user.email, status=user.status)

    def verify(self) -> Response:
        pdf = _file("signed_file")
        upload = request.files["signed_file"]
        report = self._desk.judge(pdf)
        good = report.indication.value == "TOTAL-PASSED"
        notes = ("Tanda tangan elektronik valid dan dokumen merupakan dokumen asli sejak ditandatangani" if good
                 else "Konten Dokumen mengalami perubahan oleh pihak yang tidak berhak")
        summary = None if not report.signatures else "DOCUMENT VALID !!!" if good else "DOCUMENT NOT VALID !!!"
        return jsonify(nama_dokumen=upload.filename, jumlah_signature=len(report.signatures), notes=notes,
                       summary=summary, details=_details(report, self._desk.pki.tsa.certificate))


def _details(report: Report, tsa: x509.Certificate) -> list[dict[str, object]]:
    return [{
        "info_tsa": {"name": tsa.subject.rfc4514_string(),
                     "tsa_cert_validity": f"{tsa.not_valid_before_utc:%Y-%m-%d} to {tsa.not_valid_after_utc:%Y-%m-%d}"},
        "signature_field": one.field_name,
        "info_signer": {"issuer_dn": one.issuer, "signer_name": one.signer_name, "signer_dn": one.signer_dn,
                        "signer_cert_validity": f"{one.valid_from:%Y-%m-%d} to {one.valid_to:%Y-%m-%d}",
                        "cert_user_certified": one.indication.value == "TOTAL-PASSED"},
        "signature_document": {
            "signed_using_tsa": one.timestamp_at is not None, "reason": "", "location": "", "hash_value": "",
            "document_integrity": one.indication.value != "TOTAL-FAILED", "signature_value": "",
            "signed_in": f"{one.claimed_at:%Y-%m-%d %H:%M:%S}" if one.claimed_at else ""},
    } for one in report.signatures]


def _file(name: str) -> bytes:
    upload = request.files.get(name)
    if upload is None:
        raise Refusal(400, {"error": f"Required request part '{name}' is not present", "status_code": 400})
    return upload.stream.read()


def _field(name: str) -> str:
    value = request.form.get(name, "")
    if not value:
        raise Refusal(400, {"error": f"Required String parameter '{name}' is not present", "status_code": 400})
    return value


def _number(name: str) -> float:
    try:
        return float(_field(name))
    except ValueError as error:
        raise Refusal(400, {"error": f"{name} harus berupa angka", "status_code": 400}) from error


def _signing(pdf: bytes) -> Signing:
    form = request.form
    stated = (form.get("reason", ""), form.get("location", ""), "")
    shown = _field("tampilan")
    if shown not in {"visible", "invisible"}:
        raise Refusal(400, {"error": "tampilan harus visible atau invisible", "status_code": 400})
    if shown == "invisible":
        return Signing(*stated)
    image = _file("imageTTD") if form.get("image") == "true" else draw_qr(_field("linkQR"))
    return Signing(*stated, _box(pdf), image)


def _box(pdf: bytes) -> SignatureBox:
    """``width`` and ``height`` beside axes are the upper right corner; beside a mark they are a size."""
    form = request.form
    width, height = _number("width"), _number("height")
    try:
        if form.get("tag_koordinat"):
            return find_mark(pdf, form["tag_koordinat"], width, height)
        pages = page_count(pdf)
    except MarkMissing as error:
        raise Refusal(400, {"error": "Tag koordinat tidak ditemukan", "status_code": 400}) from error
    page = _FIRST.get(form.get("halaman", ""), -2)
    number = (page % pages) if page != -2 else int(_number("page")) - 1
    try:
        box = SignatureBox(number, _number("xAxis"), _number("yAxis"), width, height)
    except ValueError as error:
        raise Refusal(400, {"error": "Koordinat salah", "status_code": 400}) from error
    if not 0 <= number < pages or box.urx <= box.llx or box.ury <= box.lly:
        raise Refusal(400, {"error": "Koordinat salah", "status_code": 400})
    return box
