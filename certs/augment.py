"""Raise a stored signature's level: validation data (B-LT), archive time stamps (B-LTA), again and again.

ETSI EN 319 142-1, 5.4 and 6.3. Nothing of what is there is touched; the old file is a prefix of the new one.
For B-LTA the validation data and the document time stamp are one update, so that the time stamp covers the
file to its last byte; repeated before the last time stamp's certificate or algorithm ends, it keeps a signature
provable for as long as somebody does so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from io import BytesIO

from asn1crypto import cms
from cryptography import x509
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields
from pyhanko.sign import general as pyhanko_general
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp
from pyhanko.sign.timestamps.common_utils import TimestampRequestError
from pyhanko.sign.validation import generic_cms
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from certs import errors
from certs._aio import run_sync
from certs._asn1 import freeze_crl, freeze_ocsp, to_asn1
from certs._writer import PlainWriter, field_names, open_writer
from certs.algorithms import AlgorithmEnds, End
from certs.knowledge import read_store
from certs.pades import Level
from certs.revocation import Material, gather
from certs.signer import ServiceTimeStamper
from certs.trust import TrustStore
from certs.tsa import TimeStampService
from certs.validation import Indication, TimestampReport

_TOKEN_BYTES = 8192
_FIELD = "StempelWaktu"
CERTIFICATE = "certificate"
"""``End.by`` of a time stamp whose certificate ends before its algorithms."""
_BROKEN = (PdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError,
           pyhanko_general.SigningError)


@dataclass(frozen=True)
class Augmented:
    """A file at a higher level. ``end`` is that of its last time stamp's certificate or algorithms, whichever comes
    first; ``signatures`` are those that the file had before, time stamps not counted."""

    pdf: bytes
    sha256: str
    level: Level
    end: End
    signatures: int

    @property
    def provable_until(self) -> datetime:
        """When its last time stamp stops to count (UTC)."""
        return self.end.at


def augment(
    pdf: bytes,
    level: Level,
    tsa: TimeStampService,
    trust: TrustStore,
    now: datetime,
    since: datetime | None = None,
    margin: timedelta = timedelta(0),
) -> Augmented:
    """Append what the level needs; a file that is at B-LTA already gets a further archive time stamp.

    A signature without a time stamp is brought to B-LTA only: the archive time stamp proves that it was there from
    then on, and nothing in between would.

    :param level: B-LT or B-LTA, or the PKCS7 levels of that rank; the result tells which it became
    :param trust: where certificates, lists and responses come from; nothing is fetched here
    :param since: revocation data of the signers must be issued then or later (normally the proven signing time)
    :param margin: how long from now the digest of a new time stamp must last (``trust.ends``)
    :raises RevocationDataMissing: a list or response is missing; each certificate is named with its addresses
    :raises TimestampUnavailable: no time stamp was to be had; try again later
    :raises DocumentUnsignable: it cannot be read, has no signature, or for B-LT a signature without a time stamp
    """
    if level.rank < Level.B_LT.rank:
        raise ValueError("only B-LT and B-LTA are reached by augmentation")
    try:
        writer = open_writer(pdf)
        reader = PdfFileReader(BytesIO(pdf), strict=True)
        material = _material(reader, _with_store(trust, reader), since, is_stamped=level.rank > Level.B_LT.rank)
        _append_store(writer, material)
        is_pades = _is_pades(reader)
        if level.rank == Level.B_LT.rank:
            output = BytesIO()
            writer.write(output)  # type: ignore[no-untyped-call]
            result = output.getvalue()
        else:
            result = _append_time_stamp(writer, tsa, now, trust.ends.stamp_digest(now + margin))
        # Of an archive time stamp the last one is ours, made this moment; a security store adds none.
        end = _end_of(PdfFileReader(BytesIO(result), strict=True), trust.ends,
                      lambda _stamp: level.rank > Level.B_LT.rank)
        return Augmented(result, hashlib.sha256(result).hexdigest(), _named(level, is_pades), end,
                         len(reader.embedded_regular_signatures))
    except TimestampRequestError as error:
        raise errors.TimestampUnavailable("the time-stamp authority gave no token") from error
    except _BROKEN as error:
        raise errors.DocumentUnsignable(f"the document cannot be read: {type(error).__name__}") from error


def provable_until(pdf: bytes, stamps: Iterable[TimestampReport], ends: AlgorithmEnds) -> datetime:
    """When certificate or algorithms of the last time stamp that is believed end (UTC): by then it needs a further one.

    :param stamps: what validation says of this very file's document time stamps. Without one that passed, the first
        of the signatures' own that ends counts
    :raises DocumentUnsignable: it has no time stamp
    """
    believed = {one.field_name for one in stamps if one.indication is Indication.TOTAL_PASSED}
    return _end_of(PdfFileReader(BytesIO(pdf), strict=True), ends, lambda stamp: stamp.field_name in believed).at


def _end_of(reader: PdfFileReader, ends: AlgorithmEnds, is_believed: Callable[[EmbeddedPdfSignature], bool]) -> End:
    stamps = [one.signed_data for one in reader.embedded_timestamp_signatures if is_believed(one)]
    if stamps:
        return _token_end(stamps[-1], ends)
    own = [token for one in reader.embedded_regular_signatures for token in _tokens(one.signer_info)]
    if not own:
        raise errors.DocumentUnsignable("the document has no time stamp")
    return min((_token_end(token, ends) for token in own), key=lambda end: end.at)


def _token_end(token: cms.SignedData, ends: AlgorithmEnds) -> End:
    leaf = _leaf(token)
    return min(End(leaf.not_valid_after_utc, CERTIFICATE), ends.of_token(token, to_asn1(leaf).public_key),
               key=lambda end: end.at)


def _named(level: Level, is_pades: bool) -> Level:
    names = (Level.B_LT, Level.B_LTA) if is_pades else (Level.PKCS7_LT, Level.PKCS7_LTA)
    return names[level.rank - Level.B_LT.rank]


def _is_pades(reader: PdfFileReader) -> bool:
    return all(one.sig_object.get("/SubFilter") == fields.SigSeedSubFilter.PADES.value
               for one in reader.embedded_regular_signatures)


def _material(reader: PdfFileReader, trust: TrustStore, since: datetime | None, *, is_stamped: bool) -> Material:
    """Everything for all signers, and for all time stamps so far; ``is_stamped``: a further one follows."""
    signers: list[x509.Certificate] = []
    stampers: list[x509.Certificate] = []
    known: list[x509.Certificate] = []
    for signature in reader.embedded_regular_signatures:
        tokens = list(_tokens(signature.signer_info))
        if not (tokens or is_stamped):
            raise errors.DocumentUnsignable("a signature has no time stamp")
        signers.append(_leaf(signature.signed_data))
        known += _certificates(signature.signed_data)
        for token in tokens:
            stampers.append(_leaf(token))
            known += _certificates(token)
    if not signers:
        raise errors.DocumentUnsignable("the document has no signature")
    for stamp in reader.embedded_timestamp_signatures:
        stampers.append(_leaf(stamp.signed_data))
        known += _certificates(stamp.signed_data)
    first = gather(signers, known, trust, since)
    second = gather(stampers, known, trust)
    return Material(
        tuple(dict.fromkeys((*first.certificates, *second.certificates))),
        tuple(dict.fromkeys((*first.crls, *second.crls))),
        tuple(dict.fromkeys((*first.ocsps, *second.ocsps))))


def _with_store(trust: TrustStore, reader: PdfFileReader) -> TrustStore:
    """The same trust that also knows what the file's security store holds already."""
    store = read_store(reader)
    known = tuple(x509.load_der_x509_certificate(one) for one in store.certificates)
    return replace(trust, intermediates=(*trust.intermediates, *known)).with_revocation(store.crls, store.ocsps)


def _tokens(signer_info: cms.SignerInfo) -> Iterable[cms.SignedData]:
    return generic_cms.extract_tst_data_iter(signer_info, signed=False)


def _certificates(signed_data: cms.SignedData) -> list[x509.Certificate]:
    return [x509.load_der_x509_certificate(choice.chosen.dump()) for choice in signed_data["certificates"]
            if choice.name == "certificate"]


def _leaf(signed_data: cms.SignedData) -> x509.Certificate:
    """The signer's certificate of a CMS. :raises DocumentUnsignable: it does not bring it"""
    identifier = signed_data["signer_infos"][0]["sid"]
    for certificate in _certificates(signed_data):
        issuer_and_serial = identifier.chosen
        if identifier.name != "issuer_and_serial_number":
            try:
                own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
            except x509.ExtensionNotFound:
                continue
            if own == identifier.chosen.native:
                return certificate
        elif certificate.serial_number == issuer_and_serial["serial_number"].native:
            return certificate
    raise errors.DocumentUnsignable("a signature does not bring its signer's certificate")


def _append_store(writer: PlainWriter, material: Material) -> None:
    DocumentSecurityStore.supply_dss_in_writer(
        writer,
        None,
        certs=[to_asn1(one) for one in material.certificates],
        crls=[freeze_crl(one) for one in material.crls],
        ocsps=[freeze_ocsp(one) for one in material.ocsps],
    )


def _append_time_stamp(writer: PlainWriter, tsa: TimeStampService, now: datetime, digest: str) -> bytes:
    taken = field_names(writer)
    name = next(f"{_FIELD}{number}" for number in range(1, 10_000) if f"{_FIELD}{number}" not in taken)
    spec = fields.SigFieldSpec(name, readable_field_name="Stempel waktu arsip", empty_field_appearance=False)
    fields.append_signature_field(writer, spec)
    stamper = ServiceTimeStamper(tsa, now)
    embedding = PdfCMSEmbedder().write_cms(name, writer, existing_fields_only=True)
    next(embedding)
    placeholder = DocumentTimestamp(bytes_reserved=2 * _TOKEN_BYTES)  # type: ignore[no-untyped-call]
    embedding.send(SigObjSetup(sig_placeholder=placeholder))
    prepared, output = embedding.send(SigIOSetup(md_algorithm=digest, in_place=True))
    embedding.send(run_sync(stamper.async_timestamp(prepared.document_digest, digest)).dump())
    return bytes(output.getvalue())
