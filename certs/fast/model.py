"""A file that has passed full validation, and what others of its kind must have in common with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certs._asn1 import freeze_ocsp
from certs._der import CONTEXT_0, INTEGER, SEQUENCE, NotDer, encode, read_element
from certs._tokens import StampParts, TokenTemplate, imprint_of, split_token
from certs.fast.container import ContainerTemplate, read_children
from certs.fast.errors import ModelUnfit
from certs.fast.signer import BatchSigner
from certs.knowledge import StoreContents
from certs.pades import Level, SignedDocument
from certs.trust import TrustStore
from certs.validation import UNSIGNED_UPDATE, Report, SignatureReport, validate_pdf

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_CONTENTS: Final = re.compile(rb"\n/Contents <([0-9A-F]{2,524288})>\n")
# Only what is well formed is taken for a text; anything else stays, and equals no model's.
_TEXT: Final = re.compile(rb"\([ !-'*-\[\]-~]*(?:\\[0-7]{3}[ !-'*-\[\]-~]*)*\)")


@dataclass(frozen=True)
class StampModel:
    """What the time stamps have in common; ``key`` is the time-stamp unit's, ``not_before`` its certificate's."""

    template: TokenTemplate
    imprint_algorithm: str
    key: PublicKey
    hash: str
    not_before: datetime


@dataclass(frozen=True)
class Model:
    """A fully validated file. What was judged of certificates, trust and revocation holds from ``judged_at`` to
    ``valid_until`` (UTC), as long as the trust is the same: whoever changes that makes a new model.

    ``skeleton`` is the lexical structure of its update, ``store`` the content of its security store.
    """

    level: Level
    report: SignatureReport
    template: ContainerTemplate
    key: PublicKey
    not_before: datetime
    reserved: int
    skeleton: bytes
    stamps: StampModel | None
    store: StoreContents | None
    judged_at: datetime
    valid_until: datetime


def build_model(signed: SignedDocument, signer: BatchSigner, trust: TrustStore, now: datetime) -> Model:
    """Validate a file of this signer in full, and note what others must have in common with it.

    :raises ModelUnfit: it does not pass, or not as a sole certifying signature of this level, or no current list
        (CRL) in ``trust`` speaks of its certificate
    """
    report = _passed(validate_pdf(signed.pdf, trust, now), signer.level)
    if not any(_speaks_of(signer.certificate, der, now) for der in trust.crls):
        raise ModelUnfit("no current revocation list speaks of its certificate")
    contents = _CONTENTS.search(signed.pdf, signed.pdf.rfind(b"\n/Contents <"))
    if contents is None:
        raise ModelUnfit("the signature container is not where it should be")
    try:
        parts = signer.template.take_apart(bytes.fromhex(contents[1].decode("ascii")))
        stamps = _stamp_model(*split_token(parts.token)) if parts.token else None
    except (NotDer, ValueError) as error:
        raise ModelUnfit("the signature container is put together in another way") from error
    return Model(
        level=signer.level, report=report, template=signer.template, key=fit_key(signer.certificate),
        not_before=signer.certificate.not_valid_before_utc, reserved=len(contents[1]) // 2,
        skeleton=skeleton_of(signed.pdf, report.covered_bytes), stamps=stamps,
        store=signer.store if signer.level is Level.B_LT else None,
        judged_at=now, valid_until=_until(signer, stamps, trust, now))


def skeleton_of(pdf: bytes, end: int) -> bytes:
    """The lexical structure of the objects in the last update that ends at ``end``.

    :raises ModelUnfit: it has none as it should be
    """
    start = pdf.rfind(b"%%EOF", 0, end - 6) + len(b"%%EOF")
    opening = pdf.find(b"/Contents <", start) + len(b"/Contents ")
    closing, table = pdf.find(b">", opening), pdf.find(b"\nxref\n", start)
    if not len(b"%%EOF") <= start < opening < closing < table < end:
        raise ModelUnfit("the update is not where it should be")
    return reduce_tokens(pdf[start:opening] + pdf[closing + 1 : table])


def reduce_tokens(text: bytes) -> bytes:
    """Brackets, words and names without their digits; of texts their presence, of numbers the space around them."""
    return _TEXT.sub(b"()", text).translate(None, b"0123456789.-")


def fit_key(certificate: x509.Certificate) -> PublicKey:
    """:raises ModelUnfit: a key of another kind"""
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise ModelUnfit("a key of an unknown kind")
    return key


def _passed(report: Report, level: Level) -> SignatureReport:
    odd = [one for one in report.findings if one.code != UNSIGNED_UPDATE or level is not Level.B_LT]
    if not report.passed or odd or len(report.signatures) != 1:
        raise ModelUnfit(f"it does not pass full validation: {report.explanation}")
    found = report.signatures[0]
    if found.level != level or not found.certifies or found.revoked_at is not None:
        raise ModelUnfit("it is no sole certifying signature of this level")
    if (found.certificate_then, found.certificate_now) != ("valid", "valid"):
        raise ModelUnfit("the state of its certificate is unknown")
    return found


def _stamp_model(template: TokenTemplate, parts: StampParts) -> StampModel:
    """The file has passed in full, so the time-stamp unit's certificate is in the token, and is trusted."""
    serial = _serial_of(template)
    found = [one for one in _certificates(template) if one.serial_number == serial]
    if len(found) != 1:
        raise ModelUnfit("the time-stamp unit's certificate is not told apart")
    return StampModel(template, imprint_of(parts.imprint)[0], fit_key(found[0]), _hash_of(template),
                      found[0].not_valid_before_utc)


def _certificates(template: TokenTemplate) -> list[x509.Certificate]:
    """Those in the token. :raises NotDer: there are none, or lists beside them"""
    return [x509.load_der_x509_certificate(one.whole)
            for one in read_element(template.behind_info).expect(CONTEXT_0).children()]


def _serial_of(template: TokenTemplate) -> int:
    _, identifier, _ = read_children(read_element(encode(SEQUENCE, template.signer_head)), 3)
    _, serial = read_children(identifier.expect(SEQUENCE), 2)
    return int.from_bytes(serial.expect(INTEGER).content, "big", signed=True)


def _hash_of(template: TokenTemplate) -> str:
    algorithm = cms.SignedDigestAlgorithm.load(template.algorithm)
    if algorithm.signature_algo not in {"rsassa_pkcs1v15", "ecdsa"}:
        raise ModelUnfit("time stamps are signed by an unknown algorithm")
    if algorithm["algorithm"].native == "rsassa_pkcs1v15":
        return template.digest
    return str(algorithm.hash_algo)


def _until(signer: BatchSigner, stamps: StampModel | None, trust: TrustStore, now: datetime) -> datetime:
    """Until when nothing that was looked at can have ended: certificates, lists and responses that are current."""
    certificates = [signer.certificate, *signer.chain, *trust.anchors, *trust.intermediates, *trust.tsa_anchors]
    if stamps is not None:
        certificates += _certificates(stamps.template)
    store = signer.store or StoreContents()
    ends = [*(one.not_valid_after_utc for one in certificates),
            *(end for der in (*trust.crls, *store.crls) for end in _ends_of_list(der)),
            *(end for der in (*trust.ocsps, *store.ocsps) for end in _ends_of_response(der))]
    # What had ended already was of no use to the full validation, which passed.
    return min(end for end in ends if end > now)


def _speaks_of(certificate: x509.Certificate, der: bytes, now: datetime) -> bool:
    """Whether a list tells the certificate's state at ``now`` and as long as it lasts; a response tells it of one
    moment only, and of the next document nothing is known by it."""
    crl = x509.load_der_x509_crl(der)
    end = crl.next_update_utc
    return crl.issuer == certificate.issuer and end is not None and crl.last_update_utc <= now <= end


def _ends_of_list(der: bytes) -> list[datetime]:
    end = x509.load_der_x509_crl(der).next_update_utc
    return [] if end is None else [end]


def _ends_of_response(der: bytes) -> list[datetime]:
    basic = freeze_ocsp(der).basic_ocsp_response
    ends = [one["next_update"].native for one in basic["tbs_response_data"]["responses"]]
    embedded = list(basic["certs"]) if basic["certs"].native is not None else []
    return [*(end for end in ends if end is not None), *(one.not_valid_after for one in embedded)]
