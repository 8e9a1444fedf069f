"""Plain CMS signatures in PDFs (ISO 32000-1, 12.8.3.3) as BSrE's service makes them, for simulators and tests.

The service itself signs as PAdES (``certs.pades``) and never with this.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from io import BytesIO

from asn1crypto import algos, cms, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from PIL import Image
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.images import PdfImage
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import BoxConstraints
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign import fields
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject

from certs import errors
from certs._asn1 import to_asn1
from certs._writer import PlainWriter, field_names
from certs.pades import SignatureBox
from certs.tsa import TimeStampResponse, TimeStampService

CONTENTS_BYTES = 16_384
_JAKARTA = timezone(timedelta(hours=7))
_PRINTED_AND_LOCKED = 132  # /F of the widget


@dataclass(frozen=True)
class LegacyKey:
    """Certificate, its key, and the one CA certificate that goes into the signature."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    issuer: x509.Certificate


@dataclass(frozen=True)
class LegacyRequest:
    """``at`` (aware) is the claimed time and that of the time stamp; ``image`` (PNG or JPEG) fills the ``box``."""

    at: datetime
    software: str
    reason: str = ""
    location: str = ""
    contact: str = ""
    box: SignatureBox | None = None
    image: bytes = b""


def sign_pkcs7(pdf: bytes, request: LegacyRequest, key: LegacyKey, tsa: TimeStampService) -> bytes:
    """Append an ``/adbe.pkcs7.detached`` signature; ``pdf`` is a prefix of what comes back.

    Signed attributes are content type and message digest alone (no signing time, no signing certificate); the
    time stamp is an unsigned attribute, nothing about revocation is in the file, the claimed time is ``/M`` at
    UTC+7, the field is named ``sig_<milliseconds>``.

    :raises DocumentUnsignable: no PDF, broken, encrypted, or without the box's page; the text is the parser's
    :raises TimestampUnavailable: the time-stamp service refused
    """
    try:
        writer = PlainWriter(BytesIO(pdf), strict=False)
        if writer.prev.encrypted:
            raise errors.DocumentUnsignable("PdfReader not opened with owner password")
        name = _append_field(writer, request)
        return _embed(writer, name, request, key, tsa)
    except (PdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OSError) as error:
        raise errors.DocumentUnsignable(f"{type(error).__name__}: {error}") from error


def _append_field(writer: IncrementalPdfFileWriter, request: LegacyRequest) -> str:
    box = request.box
    if box is not None and box.page >= int(writer.root["/Pages"]["/Count"]):
        raise errors.DocumentUnsignable(f"the document has no page {box.page + 1}")
    taken = field_names(writer)
    number = int(request.at.timestamp() * 1000)
    while f"sig_{number}" in taken:
        number += 1
    spec = fields.SigFieldSpec(
        f"sig_{number}", on_page=box.page if box else 0,
        box=(box.llx, box.lly, box.urx, box.ury) if box else None,  # type: ignore[arg-type]  # any number will do
        empty_field_appearance=True)
    fields.append_signature_field(writer, spec)
    return spec.sig_field_name


def _embed(writer: IncrementalPdfFileWriter, name: str, request: LegacyRequest, key: LegacyKey,
           tsa: TimeStampService) -> bytes:
    placeholder = SignatureObject(
        timestamp=request.at.astimezone(_JAKARTA).replace(microsecond=0),
        subfilter=fields.SigSeedSubFilter.ADOBE_PKCS7_DETACHED, bytes_reserved=2 * CONTENTS_BYTES)
    for entry, text in (("/Reason", request.reason), ("/Location", request.location),
                        ("/ContactInfo", request.contact)):
        placeholder[pdf_name(entry)] = generic.pdf_string(text)
    placeholder[pdf_name("/Prop_Build")] = _dictionary({
        "/App": _dictionary({"/Name": pdf_name(f"/{request.software}")})})
    embedding = PdfCMSEmbedder().write_cms(name, writer, existing_fields_only=True)
    field = next(embedding).get_object()
    field[pdf_name("/F")] = generic.NumberObject(_PRINTED_AND_LOCKED)  # type: ignore[no-untyped-call]
    if request.box is not None and request.image:
        _draw(writer, field, request.box, request.image)
    embedding.send(SigObjSetup(sig_placeholder=placeholder, mdp_setup=None, appearance_setup=None))
    prepared, output = embedding.send(SigIOSetup(md_algorithm="sha256", in_place=True))
    container = _container(prepared.document_digest, key, tsa, request.at)
    if len(container) > CONTENTS_BYTES:
        raise errors.SigningError("the signature container is too large")
    embedding.send(container)
    return bytes(output.getvalue())


def _draw(writer: IncrementalPdfFileWriter, field: generic.DictionaryObject, box: SignatureBox, data: bytes) -> None:
    width, height = box.urx - box.llx, box.ury - box.lly
    with Image.open(BytesIO(data)) as image:
        picture = PdfImage(image.convert("RGB"), writer=writer, box=BoxConstraints(width=width, height=height))
        content = picture.render()
    form = generic.StreamObject({
        pdf_name("/Type"): pdf_name("/XObject"), pdf_name("/Subtype"): pdf_name("/Form"),
        pdf_name("/BBox"): generic.ArrayObject(
            generic.FloatObject(f"{one:g}") for one in (0, 0, width, height)),  # type: ignore[no-untyped-call]
        pdf_name("/Resources"): picture.resources.as_pdf_object(),
    }, stream_data=content)
    if "/AP" in field:  # that of the empty field, which would be left behind and reached from nowhere
        empty = field["/AP"].raw_get("/N")
        writer.objects[(empty.generation, empty.idnum)] = form
    else:
        field[pdf_name("/AP")] = _dictionary({"/N": writer.add_object(form)})


def _dictionary(entries: dict[str, generic.PdfObject]) -> generic.DictionaryObject:
    named = {pdf_name(name): value for name, value in entries.items()}
    return generic.DictionaryObject(named)  # type: ignore[no-untyped-call]


def _container(digest: bytes, key: LegacyKey, tsa: TimeStampService, at: datetime) -> bytes:
    attributes = cms.CMSAttributes([
        cms.CMSAttribute({"type": "content_type", "values": ("data",)}),
        cms.CMSAttribute({"type": "message_digest", "values": (digest,)}),
    ])
    signature = key.key.sign(attributes.dump(), padding.PKCS1v15(), hashes.SHA256())
    own: asn1_x509.Certificate = to_asn1(key.certificate)
    sha256 = algos.DigestAlgorithm({"algorithm": "sha256"})
    signer = cms.SignerInfo({
        "version": "v1",
        "sid": {"issuer_and_serial_number": cms.IssuerAndSerialNumber(
            {"issuer": own.issuer, "serial_number": own.serial_number})},
        "digest_algorithm": sha256,
        "signature_algorithm": {"algorithm": "rsassa_pkcs1v15"},
        "signed_attrs": attributes,
        "signature": signature,
        "unsigned_attrs": [
            {"type": "signature_time_stamp_token", "values": (_token(signature, tsa, at),)}],
    })
    signed = cms.SignedData({
        "version": "v1", "digest_algorithms": [sha256], "encap_content_info": {"content_type": "data"},
        "certificates": [own, to_asn1(key.issuer)], "signer_infos": [signer]})
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump())


def _token(signature: bytes, tsa: TimeStampService, at: datetime) -> cms.ContentInfo:
    request = tsp.TimeStampReq({
        "version": "v1", "cert_req": True,
        "message_imprint": {"hash_algorithm": {"algorithm": "sha256"},
                            "hashed_message": hashlib.sha256(signature).digest()}})
    answer = TimeStampResponse.load(tsa.respond(request.dump(), at))
    if answer["status"]["status"].native != "granted":
        raise errors.TimestampUnavailable("the time-stamp authority refused")
    return answer["time_stamp_token"]
