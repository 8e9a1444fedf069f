"""e-Sign Client Service, API v2: JSON, arrays of files, codes by mail, electronic seals."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence

from cryptography import x509

from certs.signers.bsre_gateway import Gateway, Request, secrets_of, subject_fields
from certs.signers.bsre_model import (
    BsreActivation,
    BsreBox,
    BsreCode,
    BsreConfig,
    BsreImage,
    BsreProperties,
    BsreQr,
    BsreSubject,
    BsreTag,
    BsreUserStatus,
    JsonObject,
    V2Verification,
    object_of,
    text_of,
)
from certs.signers.bsre_v2_reports import read_verification
from certs.signers.call_records import blot
from certs.signers.http import HttpCaller
from certs.signers.port import ActivationRefused, BackendRefused, BackendUnavailable, OutcomeUnknown, SignerNotReady

_DEEPEST = 6


class BsreV2Client:
    """All calls of v2. Every method raises :class:`BackendUnavailable` and :class:`BackendRefused` beside what it
    names; nothing is tried twice."""

    def __init__(self, config: BsreConfig, caller: HttpCaller) -> None:
        self._config = config
        self._gateway = Gateway(config, caller)

    @property
    def max_files(self) -> int:
        """How many files one call takes."""
        return self._config.max_files

    def sign_pdf(self, files: Sequence[bytes], subject: BsreSubject, activation: BsreActivation,
                 properties: Sequence[BsreProperties]) -> tuple[bytes, ...]:
        """``/api/v2/sign/pdf``: the signed files in their order. The status is not asked for before.

        :raises ValueError: properties are neither one for all files nor one for each
        :raises ActivationRefused: :raises SignerNotReady: :raises OutcomeUnknown: as the port says
        """
        typed: dict[str, object] = {"passphrase": activation.passphrase}
        if activation.totp:
            typed = {self._config.totp_name: activation.totp}
        return self._sign("/api/v2/sign/pdf", {**subject_fields(subject), **typed}, files, properties,
                          secrets_of(subject, activation))

    def request_totp(self, subject: BsreSubject, count: int) -> str:
        """``/api/v2/sign/get/totp``: a code for ``count`` files goes to the signer's mail. The service's message.

        :raises SignerNotReady: the service does not know him, or he cannot sign
        """
        answer = self._gateway.ask_object(Request(
            "POST /api/v2/sign/get/totp", "/api/v2/sign/get/totp", {**subject_fields(subject), "data": count},
            secrets=secrets_of(subject)))
        if answer.get("success") is False or answer.get("result") is False:
            raise BackendRefused(f"no code was sent: {text_of(answer, 'message')[:200]}")
        return text_of(answer, "message")

    def user_status(self, subject: BsreSubject) -> BsreUserStatus:
        """``/api/v2/user/check/status``. Who is not registered has a status too; nothing is raised for it."""
        try:
            answer = self._gateway.ask_object(Request(
                "POST /api/v2/user/check/status", "/api/v2/user/check/status", subject_fields(subject),
                secrets=secrets_of(subject)))
        except SignerNotReady as error:  # said as an error
            return BsreUserStatus(error.status)
        data = object_of(answer, "data") or answer
        status = text_of(data, "status").strip().upper()
        if not status:
            raise BackendUnavailable("the service's answer to the status is unreadable")
        return BsreUserStatus(status, message=text_of(data, "message"))

    def register(self, name: str, email: str) -> str:
        """``/api/v2/user/registration``: asks for an account; the service's message.

        :raises OutcomeUnknown: the request left and no answer came
        """
        answer = self._gateway.ask_object(Request(
            "POST /api/v2/user/registration", "/api/v2/user/registration", {"nama": name, "email": email}, acts=True,
            secrets=(email,)))
        return text_of(answer, "message")

    def certificate_chain(self, subject: BsreSubject) -> tuple[x509.Certificate, ...]:
        """``/api/v2/user/certificate/chain``, undocumented: whatever certificates the answer holds, in order."""
        answer = self._gateway.ask_object(Request(
            "POST /api/v2/user/certificate/chain", "/api/v2/user/certificate/chain", subject_fields(subject),
            secrets=secrets_of(subject)))
        return tuple(one for text in _texts(answer) for one in _certificates(text))

    def verify(self, pdf: bytes, password: str = "") -> V2Verification:
        """``/api/v2/verify/pdf``: the service's own judgement, for comparison; it is not ours."""
        data: dict[str, object] = {"file": _b64(pdf)}
        if password:
            data["password"] = password
        return read_verification(self._gateway.ask_object(Request(
            "POST /api/v2/verify/pdf", "/api/v2/verify/pdf", data, slow=True, secrets=(password,))))

    def seal_activation(self, subscriber: str, totp: str = "") -> BsreCode | None:
        """``/api/v2/seal/get/activation``: None when the code was sent by mail (first call), else the one still good.

        :raises ActivationRefused: the code given is wrong or over
        """
        data = {"idSubscriber": subscriber} | ({"totp": totp} if totp else {})
        answer = self._seal("POST /api/v2/seal/get/activation", "/api/v2/seal/get/activation", data)
        inner = object_of(answer, "data") or answer
        return _code(inner) if text_of(inner, "totp") else None

    def seal_revoke(self, subscriber: str, totp: str) -> str:
        """``/api/v2/seal/revoke/activation``; the service's message.

        :raises ActivationRefused: the code is wrong or over. :raises OutcomeUnknown: no answer came
        """
        answer = self._seal("POST /api/v2/seal/revoke/activation", "/api/v2/seal/revoke/activation",
                            {"idSubscriber": subscriber, "totp": totp}, acts=True)
        return text_of(answer, "message")

    def seal_totp(self, subscriber: str, activation_totp: str, count: int) -> BsreCode:
        """``/api/v2/seal/get/totp``: a code for sealing ``count`` files, for an activation code.

        :raises ActivationRefused: the activation code is wrong or over
        """
        answer = self._seal("POST /api/v2/seal/get/totp", "/api/v2/seal/get/totp",
                            {"idSubscriber": subscriber, "data": str(count), "totp": activation_totp})
        if not text_of(answer, "totp"):
            raise BackendRefused("the service gave no code for sealing")
        return _code(answer)

    def seal_pdf(self, files: Sequence[bytes], subscriber: str, totp: str,
                 properties: Sequence[BsreProperties]) -> tuple[bytes, ...]:
        """``/api/v2/seal/pdf``: the sealed files in their order. Errors as for :meth:`sign_pdf`."""
        return self._sign("/api/v2/seal/pdf", {"idSubscriber": subscriber, "totp": totp}, files, properties,
                          (subscriber, totp))

    def _seal(self, name: str, path: str, data: dict[str, object] | dict[str, str],
              acts: bool = False) -> dict[str, object]:
        secrets = tuple(str(data[one]) for one in ("idSubscriber", "totp") if data.get(one))
        answer = self._gateway.ask_object(Request(name, path, dict(data), acts=acts, secrets=secrets))
        inner = object_of(answer, "data") or answer
        # 200 does not mean yes: result and success do
        if answer.get("success") is False or inner.get("result") is False:
            message = text_of(inner, "message") or text_of(answer, "message")
            raise ActivationRefused(f"the service refused: {blot(message, secrets, '…')[:200]}", "totp")
        return answer

    def _sign(self, path: str, who: dict[str, object], files: Sequence[bytes], properties: Sequence[BsreProperties],
              secrets: tuple[str, ...]) -> tuple[bytes, ...]:
        if not files or len(properties) not in {1, len(files)}:
            raise ValueError("properties are for all files or for each")
        name = f"POST {path}"
        passwords = tuple(one.pdf_password for one in properties if one.pdf_password)
        answer = self._gateway.ask_object(Request(name, path, {
            **who, "signatureProperties": [_properties(one) for one in properties],
            "file": [_b64(one) for one in files]}, acts=True, secrets=(*secrets, *passwords)))
        made = answer.get("file")
        if not isinstance(made, list) or len(made) != len(files):
            raise OutcomeUnknown(f"the answer to {name} has not one file for each")
        try:
            return tuple(base64.b64decode(str(one), validate=True) for one in made)
        except (binascii.Error, ValueError) as error:
            raise OutcomeUnknown(f"the files in the answer to {name} are unreadable") from error


def _properties(one: BsreProperties) -> dict[str, object]:
    stated: dict[str, object] = {name: value for name, value in (
        ("location", one.location), ("reason", one.reason), ("contactInfo", one.contact),
        ("pdfPassword", one.pdf_password)) if value}
    if one.shows is None:
        return {"tampilan": "INVISIBLE", **stated}
    if isinstance(one.shows, BsreQr):
        raise BackendRefused("v2 draws no QR code: give it as a picture")
    return {"tampilan": "VISIBLE", **_image(one.shows), **_place(one.place), **stated}


def _image(image: BsreImage) -> dict[str, object]:
    return {"imageBase64": _b64(image.data)}


def _place(place: BsreBox | BsreTag | None) -> dict[str, object]:
    if isinstance(place, BsreTag):
        return {"tag_koordinat": place.mark, "width": place.width, "height": place.height}
    if place is None:
        return {}
    return {"page": place.page, "originX": place.x, "originY": place.y, "width": place.width, "height": place.height}


def _code(data: JsonObject) -> BsreCode:
    return BsreCode(text_of(data, "totp"), text_of(data, "expires"), text_of(data, "message"))


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _texts(value: object, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list) and depth < _DEEPEST:
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one, depth + 1)


def _certificates(text: str) -> list[x509.Certificate]:
    try:
        if "-----BEGIN CERTIFICATE-----" in text:
            return x509.load_pem_x509_certificates(text.encode())
        return [x509.load_der_x509_certificate(base64.b64decode("".join(text.split()), validate=True))]
    except (ValueError, binascii.Error):
        return []
