"""PAdES signatures (ETSI EN 319 142-1): the only place that builds pyHanko's signature objects."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign import fields
from pyhanko.sign import general as pyhanko_general
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigMDPSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.timestamps.common_utils import TimestampRequestError
from pyhanko.sign.validation import read_certification_data

from certs import errors
from certs._aio import run_sync
from certs._writer import field_names, open_writer
from certs.signer import LocalSigner, ServiceTimeStamper, encode_container
from certs.signers.port import DocumentSigner, HashSigner, HoldsSession
from certs.tsa import TimeStampService

__all__ = [
    "FurtherField",
    "Level",
    "LocalSigner",
    "SignRequest",
    "SignatureBox",
    "SignedDocument",
    "lift",
    "sign_pdf",
]

TOKEN_BYTES = 6144  # a token with its chain is 3 to 6 KiB
_MAX_CONTAINER_BYTES = 256 * 1024
_LOCK = fields.FieldMDPSpec(fields.FieldMDPAction.ALL)


class Level(StrEnum):
    """Signature levels of ETSI EN 319 142-1, and what plain CMS signatures in PDFs (ISO 32000-1) come to.

    The names of the latter are EU DSS's: the service finds and augments them, and never makes them itself.
    """

    B_B = "B-B"
    B_T = "B-T"
    B_LT = "B-LT"
    B_LTA = "B-LTA"
    PKCS7_B = "PKCS7-B"
    PKCS7_T = "PKCS7-T"
    PKCS7_LT = "PKCS7-LT"
    PKCS7_LTA = "PKCS7-LTA"

    @property
    def is_pades(self) -> bool:
        return self.value.startswith("B-")

    @property
    def rank(self) -> int:
        """0 for B, 1 for T, 2 for LT, 3 for LTA."""
        return ("B", "T", "LT", "LTA").index(self.value.rsplit("-", 1)[1])


@dataclass(frozen=True)
class SignatureBox:
    """Where the widget lies: page counted from 0, corners in points from the page's lower left."""

    page: int
    llx: float
    lly: float
    urx: float
    ury: float


@dataclass(frozen=True)
class FurtherField:
    """An empty field for a later signer: a certifying signature should have it in what it certifies, since readers
    differ on whether P=2 lets fields be added. ``locks``: that signature will close all fields."""

    name: str
    box: SignatureBox | None
    locks: bool = False


@dataclass(frozen=True)
class SignRequest:
    """What a signature states and where its widget lies; ``box`` None is an invisible field.

    ``signed_at`` (aware) is the claimed time, and the time at which the time stamp is asked for.
    ``link`` is where the document can be checked; a backend that draws a QR code shows it.
    ``certify`` makes it a certifying signature (DocMDP); only the first may be. It allows no changes (P=1), or
    with ``further`` their fields filled (P=2). ``locks`` closes all fields with this signature (FieldMDP)
    and allows no changes from then on: for the last of several. ``level`` is B-B or B-T here; higher ones are
    reached by :func:`certs.augment.augment`.

    :raises ValueError: ``signed_at`` is naive, the field's name is empty or has a full stop, or the box has
        no area
    """

    signed_at: datetime
    signer_name: str
    field_name: str = "Signature1"
    reason: str = ""
    location: str = ""
    contact: str = ""
    box: SignatureBox | None = None
    certify: bool = True
    further: tuple[FurtherField, ...] = ()
    locks: bool = False
    level: Level = Level.B_T
    link: str = ""

    def __post_init__(self) -> None:
        if self.signed_at.tzinfo is None:
            raise ValueError("signed_at must be aware")
        if not self.field_name or "." in self.field_name:  # a full stop would nest the field
            raise ValueError("the field's name must not be empty nor hold a full stop")
        box = self.box
        if box is not None and (box.page < 0 or box.urx <= box.llx or box.ury <= box.lly):
            raise ValueError("the box must have an area and a page")


@dataclass(frozen=True)
class SignedDocument:
    """A signed PDF, its SHA-256 (lower-case hexadecimal), the level reached and the field's name.

    ``reference`` is what the service that made it can be asked with for it once more, or empty.
    """

    pdf: bytes
    sha256: str
    level: Level
    field_name: str
    reference: str = ""


class _ContainerTooSmall(Exception):
    """The space kept for the signature was too small for it."""


def sign_pdf(
    pdf: bytes, request: SignRequest, signer: HashSigner, tsa: TimeStampService | None
) -> SignedDocument:
    """Sign a PDF as ``/ETSI.CAdES.detached`` in an incremental update: ``pdf`` is a prefix of the result.

    The widget's appearance is empty, since the visible block is part of the page (and so PDF/A stays PDF/A).

    :raises LevelUnsupported: neither B-B nor B-T
    :raises TimestampUnavailable: B-T without a time-stamp service, or it refused
    :raises DocumentUnsignable: broken, encrypted, certified against changes, or lacks the box's page
    :raises FieldNameTaken: the document has a form field of that name
    :raises AlreadySigned: ``certify`` on a document that has a signature
    :raises SigningError: anything else that failed; never with key material in its text
    """
    stamper = _time_stamper(request, tsa)
    reserved = signer.cms_size + (TOKEN_BYTES if stamper else 0)
    while True:
        try:
            signed = _sign_once(pdf, request, signer, stamper, reserved)
        except _ContainerTooSmall as error:
            reserved *= 2
            if reserved > _MAX_CONTAINER_BYTES:
                raise errors.SigningError("the signature container is unreasonably large") from error
        else:
            return SignedDocument(
                signed, hashlib.sha256(signed).hexdigest(), request.level, request.field_name
            )


@dataclass(frozen=True)
class _LiftedSigner:
    signer: HashSigner
    tsa: TimeStampService | None

    def sign(self, pdf: bytes, request: SignRequest) -> SignedDocument:
        return sign_pdf(pdf, request, self.signer, self.tsa)


@dataclass(frozen=True)
class _LiftedSessionSigner(_LiftedSigner):
    holder: HoldsSession

    def session(self) -> AbstractContextManager[None]:
        return self.holder.session()


def lift(signer: HashSigner, tsa: TimeStampService | None) -> DocumentSigner:
    """A document signer of a hash signer; errors as for :func:`sign_pdf` and those of the hash signer.

    One that holds sessions becomes a :class:`certs.signers.port.SessionSigner`.
    """
    if isinstance(signer, HoldsSession):
        return _LiftedSessionSigner(signer, tsa, signer)
    return _LiftedSigner(signer, tsa)


def _time_stamper(request: SignRequest, tsa: TimeStampService | None) -> TimeStamper | None:
    if request.level is Level.B_B:
        return None
    if request.level is not Level.B_T:
        raise errors.LevelUnsupported(f"level {request.level} is not made here")
    if tsa is None:
        raise errors.TimestampUnavailable("level B-T needs a time-stamp service")
    return ServiceTimeStamper(tsa, request.signed_at)


def _sign_once(
    pdf: bytes, request: SignRequest, signer: HashSigner, stamper: TimeStamper | None, reserved: int
) -> bytes:
    try:
        writer = _open_writer(pdf, request)
        _append_fields(writer, request)
        return _embed(writer, request, signer, stamper, reserved)
    except TimestampRequestError as error:
        raise errors.TimestampUnavailable("the time-stamp authority gave no token") from error
    except pyhanko_general.SigningError as error:
        raise errors.SigningError(f"the signature could not be made: {error}") from error
    except (PdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise errors.DocumentUnsignable(f"the document cannot be read: {type(error).__name__}") from error


def _open_writer(pdf: bytes, request: SignRequest) -> IncrementalPdfFileWriter:
    writer = open_writer(pdf)
    reader = writer.prev
    certification = read_certification_data(reader)
    if certification is not None and certification.permission is fields.MDPPerm.NO_CHANGES:
        raise errors.DocumentUnsignable("the document is certified against changes")
    if request.certify and next(iter(reader.embedded_signatures), None) is not None:
        raise errors.AlreadySigned("only the first signature can certify")
    if request.field_name in field_names(writer) and not _is_waiting(writer, request.field_name):
        raise errors.FieldNameTaken(f"the document has a field {request.field_name}")
    if request.box is not None and request.box.page >= int(writer.root["/Pages"]["/Count"]):
        raise errors.DocumentUnsignable("the document lacks the page of the signature box")
    return writer


def _is_waiting(writer: IncrementalPdfFileWriter, name: str) -> bool:
    """Whether the document has an empty signature field of that name, made for a later signer."""
    return any(found == name for found, _value, _reference in fields.enumerate_sig_fields(writer, filled_status=False))


def _append_fields(writer: IncrementalPdfFileWriter, request: SignRequest) -> None:
    label = f"Tanda tangan elektronik {request.signer_name}".strip()
    if request.field_name not in field_names(writer):
        _append_field(writer, FurtherField(request.field_name, request.box, request.locks), label)
    for one in request.further:
        _append_field(writer, one, "Tanda tangan elektronik")


def _append_field(writer: IncrementalPdfFileWriter, field: FurtherField, label: str) -> None:
    box = field.box
    spec = fields.SigFieldSpec(
        field.name,
        on_page=box.page if box else 0,
        # pyHanko says int and writes any number, rounded to a hundredth of a point
        box=(box.llx, box.lly, box.urx, box.ury) if box else None,  # type: ignore[arg-type]
        empty_field_appearance=False,
        readable_field_name=label,
        field_mdp_spec=_LOCK if field.locks else None,
        doc_mdp_update_value=fields.MDPPerm.NO_CHANGES if field.locks else None,
    )
    fields.append_signature_field(writer, spec)


def _embed(
    writer: IncrementalPdfFileWriter,
    request: SignRequest,
    signer: HashSigner,
    stamper: TimeStamper | None,
    reserved: int,
) -> bytes:
    """pyHanko's embedding protocol: field, signature dictionary, digest of the file, container."""
    digest_algorithm = signer.digest_algorithm
    embedding = PdfCMSEmbedder().write_cms(request.field_name, writer, existing_fields_only=True)
    next(embedding)
    embedding.send(
        SigObjSetup(
            sig_placeholder=_signature_dictionary(request, reserved),
            mdp_setup=SigMDPSetup(
                md_algorithm=digest_algorithm,
                certify=request.certify,
                docmdp_perms=_permission(request),
                field_lock=_LOCK if request.locks else None,
            ),
            appearance_setup=None,
        )
    )
    prepared, output = embedding.send(SigIOSetup(md_algorithm=digest_algorithm, in_place=True))
    signed = run_sync(
        signer.cms_signer.async_sign(
            data_digest=prepared.document_digest,
            digest_algorithm=digest_algorithm,
            use_pades=True,
            timestamper=stamper,
        )
    )
    container = encode_container(signed)
    if len(container) > reserved:
        raise _ContainerTooSmall
    embedding.send(container)
    return bytes(output.getvalue())


def _permission(request: SignRequest) -> fields.MDPPerm | None:
    if request.locks:
        return fields.MDPPerm.NO_CHANGES
    if not request.certify:
        return None
    return fields.MDPPerm.FILL_FORMS if request.further else fields.MDPPerm.NO_CHANGES


def _signature_dictionary(request: SignRequest, reserved: int) -> SignatureObject:
    return SignatureObject(
        timestamp=request.signed_at,
        subfilter=fields.SigSeedSubFilter.PADES,
        name=request.signer_name or None,
        location=request.location or None,
        reason=request.reason or None,
        contact_info=request.contact or None,
        bytes_reserved=2 * reserved,  # pyHanko counts hexadecimal digits
    )
