"""e-Sign Client Service, API v1: multipart requests, one PDF a call."""

from __future__ import annotations

from urllib.parse import quote

from certs.signers.bsre_gateway import FilePart, Gateway, Request, secrets_of
from certs.signers.bsre_model import (
    REGISTERED_CODE,
    BsreActivation,
    BsreBox,
    BsreConfig,
    BsreImage,
    BsreProfile,
    BsreProperties,
    BsreSubject,
    BsreTag,
    BsreUserStatus,
    JsonObject,
    V1Signature,
    V1Signed,
    V1Verification,
    flag_of,
    number_of,
    object_of,
    objects_of,
    text_of,
)
from certs.signers.http import HttpCaller
from certs.signers.port import BackendRefused, BackendUnavailable, OutcomeUnknown, SignerNotReady

_PDF = "application/pdf"
_ID_HEADER = "id_dokumen"
_GONE = 404


class BsreV1Client:
    """All calls of v1. Every method raises :class:`BackendUnavailable` and :class:`BackendRefused` beside what it
    names; nothing is tried twice."""

    def __init__(self, config: BsreConfig, caller: HttpCaller) -> None:
        self._config = config
        self._gateway = Gateway(config, caller)

    def sign_pdf(self, pdf: bytes, subject: BsreSubject, activation: BsreActivation,
                 properties: BsreProperties) -> V1Signed:
        """``POST /api/sign/pdf``. The status is not asked for before.

        :raises ValueError: v1 knows signers by NIK and passphrase alone
        :raises ActivationRefused: :raises SignerNotReady: :raises OutcomeUnknown: as the port says; ``reference`` is
            the document's id if its header came
        """
        if not subject.nik or not activation.passphrase:
            raise ValueError("v1 signs by NIK and passphrase")
        form: list[tuple[str, str | FilePart]] = [
            ("file", ("dokumen.pdf", pdf, _PDF)), ("nik", subject.nik), ("passphrase", activation.passphrase),
            *self._appearance(properties)]
        answer = self._gateway.ask(Request(
            "POST /api/sign/pdf", "/api/sign/pdf", form=form, acts=True, secrets=secrets_of(subject, activation),
            reference_header=_ID_HEADER))
        document_id = answer.headers.get(_ID_HEADER, "")
        if not answer.body.startswith(b"%PDF-"):
            raise OutcomeUnknown("the answer to POST /api/sign/pdf is no PDF", document_id)
        return V1Signed(answer.body, document_id)

    def retrieve(self, reference: str) -> bytes | None:
        """``GET /api/sign/download/{id_dokumen}``: a signed PDF once more; None if it was downloaded before.

        The service hands a document out once, so keep what comes before anything else.
        """
        if not reference:
            return None
        answer = self._gateway.ask(
            Request("GET /api/sign/download/{id_dokumen}", f"/api/sign/download/{quote(reference, safe='')}"),
            accepted=frozenset({200, _GONE}))
        if answer.status == _GONE:
            return None
        if not answer.body.startswith(b"%PDF-"):
            raise BackendRefused("the service gave no PDF for the document's id")
        return answer.body

    def verify(self, pdf: bytes) -> V1Verification:
        """``POST /api/sign/verify``: the service's own judgement, for comparison; it is not ours."""
        read = self._gateway.ask_object(Request(
            "POST /api/sign/verify", "/api/sign/verify", slow=True,
            form=[("signed_file", ("dokumen.pdf", pdf, _PDF))]))
        return V1Verification(
            document=text_of(read, "nama_dokumen"), count=number_of(read, "jumlah_signature"),
            notes=text_of(read, "notes"), summary=text_of(read, "summary"),
            signatures=tuple(_signature(one) for one in objects_of(read, "details")))

    def user_status(self, subject: BsreSubject) -> BsreUserStatus:
        """``GET /api/user/status/{nik}``. Who is not registered has a status too; nothing is raised for it."""
        try:
            answer = self._personal("GET /api/user/status/{nik}", "/api/user/status/", subject)
        except SignerNotReady as error:  # said as an error
            return BsreUserStatus(error.status)
        code, status = number_of(answer, "status_code"), text_of(answer, "status").strip().upper()
        if not status and not code:
            raise BackendUnavailable("the service's answer to the status is unreadable")
        return BsreUserStatus(status or ("ISSUE" if code == REGISTERED_CODE else str(code)), code,
                              text_of(answer, "message"))

    def user_profile(self, subject: BsreSubject) -> BsreProfile:
        """``GET /api/user/profile/{nik}``, undocumented."""
        answer = self._personal("GET /api/user/profile/{nik}", "/api/user/profile/", subject)
        data = object_of(answer, "data") or answer
        return BsreProfile(tuple((name, text_of(data, name)) for name in data if text_of(data, name)))

    def _personal(self, name: str, path: str, subject: BsreSubject) -> dict[str, object]:
        if not subject.nik:
            raise ValueError("v1 knows users by NIK")
        return self._gateway.ask_object(Request(name, f"{path}{subject.nik}", secrets=secrets_of(subject)))

    def _appearance(self, properties: BsreProperties) -> list[tuple[str, str | FilePart]]:
        stated = [(name, value) for name, value in (
            ("reason", properties.reason), ("location", properties.location), ("text", properties.text)) if value]
        if properties.shows is None:
            return [("tampilan", "invisible"), *stated]
        form: list[tuple[str, str | FilePart]] = [("tampilan", "visible")]
        if isinstance(properties.shows, BsreImage):
            kind = properties.shows.media_type
            name = "ttd.png" if kind == "image/png" else "ttd.jpg"
            form += [("image", "true"), ("imageTTD", (name, properties.shows.data, kind))]
        else:
            form += [("image", "false"), ("linkQR", properties.shows.link)]
        return [*form, *self._place(properties.place), *stated]

    def _place(self, place: BsreBox | BsreTag | None) -> list[tuple[str, str | FilePart]]:
        if isinstance(place, BsreTag):
            return [("tag_koordinat", place.mark), ("width", f"{place.width:g}"), ("height", f"{place.height:g}")]
        if place is None:
            return []
        right, upper = place.width, place.height
        if self._config.corner_sizes:
            right, upper = place.x + place.width, place.y + place.height
        page = ("halaman", self._config.halaman) if self._config.halaman else ("page", str(place.page))
        return [page, ("xAxis", f"{place.x:g}"), ("yAxis", f"{place.y:g}"),
                ("width", f"{right:g}"), ("height", f"{upper:g}")]


def _signature(one: JsonObject) -> V1Signature:
    tsa, signer, document = (object_of(one, name) for name in ("info_tsa", "info_signer", "signature_document"))
    return V1Signature(
        field_name=text_of(one, "signature_field"), signer_name=text_of(signer, "signer_name"),
        signer_dn=text_of(signer, "signer_dn"), issuer_dn=text_of(signer, "issuer_dn"),
        signer_validity=text_of(signer, "signer_cert_validity"), certified=flag_of(signer, "cert_user_certified"),
        tsa_name=text_of(tsa, "name"), tsa_validity=text_of(tsa, "tsa_cert_validity"),
        uses_tsa=flag_of(document, "signed_using_tsa"), reason=text_of(document, "reason"),
        location=text_of(document, "location"), signed_in=text_of(document, "signed_in"),
        integrity=flag_of(document, "document_integrity"), hash_value=text_of(document, "hash_value"))
