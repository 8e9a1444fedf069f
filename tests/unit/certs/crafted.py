"""Certificates, lists, responses, tokens and containers that no honest tool writes, made by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import cms, core, crl, ocsp, tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from certs._asn1 import to_asn1
from certs.profiles import PDF_SIGNING, key_usage
from tests.attacks.craft import facts, gap, update

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
DAY = timedelta(days=1)
CA_USAGE = key_usage(key_cert_sign=True, crl_sign=True)
ASKED = x509.AuthorityInformationAccess([x509.AccessDescription(
    AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://ca.example/ocsp"))])


@dataclass(frozen=True)
class Holder:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def issue(
    name: str, key: Key, issuer: Holder | None, since: datetime, until: datetime, *extensions: x509.ExtensionType,
    usage: x509.KeyUsage | None = None, is_authority: bool = False,
    purposes: Sequence[x509.ObjectIdentifier] = (), is_critical: bool = False,
) -> Holder:
    """A certificate; by itself where there is no issuer."""
    above = named(name) if issuer is None else issuer.certificate.subject
    builder = x509.CertificateBuilder(
        issuer_name=above, subject_name=named(name), public_key=key.public_key(),
        serial_number=x509.random_serial_number(), not_valid_before=since, not_valid_after=until,
    ).add_extension(x509.BasicConstraints(is_authority, None), True)
    builder = builder.add_extension(usage or (CA_USAGE if is_authority else key_usage(
        digital_signature=True, content_commitment=True)), True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), is_critical)
    for extension in extensions:
        builder = builder.add_extension(extension, False)
    return Holder(builder.sign(key if issuer is None else issuer.key, hashes.SHA256()), key)


def listed(
    issuer: Holder, at: datetime, *extensions: x509.ExtensionType, life: timedelta = DAY, revoked: Iterable[int] = ()
) -> bytes:
    """A list in the issuer's name."""
    builder = x509.CertificateRevocationListBuilder(issuer.certificate.subject, at, at + life)
    for number in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder(number, at - timedelta(minutes=5)).build())
    for extension in extensions:
        builder = builder.add_extension(extension, True)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def answered(
    certificate: x509.Certificate, issuer: Holder, responder: Holder, at: datetime, *, status: str = "good",
    algorithm: str = "sha1", is_by_key: bool = False, single: Sequence[tuple[str, bool]] = (),
    whole: Sequence[tuple[str, bool]] = (), is_embedded: bool = False,
) -> bytes:
    """A response about one certificate; ``single`` and ``whole`` are extensions with their criticality."""
    own, above = to_asn1(responder.certificate), to_asn1(issuer.certificate)
    said = ocsp.CertStatus("good") if status == "good" else ocsp.CertStatus(
        "revoked", ocsp.RevokedInfo({"revocation_time": at - timedelta(minutes=90)}))
    body = ocsp.ResponseData({
        "responder_id": (ocsp.ResponderId("by_key", own.public_key.sha1) if is_by_key
                         else ocsp.ResponderId("by_name", own.subject)),
        "produced_at": at,
        "responses": [{
            "cert_id": {
                "hash_algorithm": {"algorithm": algorithm},
                "issuer_name_hash": hashlib.new(algorithm, above.subject.dump()).digest(),
                "issuer_key_hash": hashlib.new(algorithm, above.public_key["public_key"].contents[1:]).digest(),
                "serial_number": certificate.serial_number},
            "cert_status": said, "this_update": at, "next_update": at + DAY,
            **({"single_extensions": _extensions(single)} if single else {})}],
        **({"response_extensions": _extensions(whole)} if whole else {})})
    basic = {"tbs_response_data": body, "signature_algorithm": {"algorithm": _algorithm(responder.key)},
             "signature": signed_by(responder.key)(body.dump()), **({"certs": [own]} if is_embedded else {})}
    return bytes(ocsp.OCSPResponse({"response_status": "successful", "response_bytes": {
        "response_type": "basic_ocsp_response", "response": ocsp.BasicOCSPResponse(basic)}}).dump())


def attribute(kind: str, *values: Any) -> cms.CMSAttribute:
    return cms.CMSAttribute({"type": kind, "values": list(values)})


def reference(*certificates: x509.Certificate, algorithm: str = "sha256") -> cms.CMSAttribute:
    """signing-certificate-v2."""
    return attribute("signing_certificate_v2", tsp.SigningCertificateV2({"certs": [
        {"hash_algorithm": {"algorithm": algorithm}, "cert_hash": hashlib.new(algorithm, one).digest()}
        for one in (each.public_bytes(Encoding.DER) for each in certificates)]}))


def old_reference(*certificates: x509.Certificate) -> cms.CMSAttribute:
    """signing-certificate."""
    return attribute("signing_certificate", tsp.SigningCertificate({"certs": [
        {"cert_hash": hashlib.sha1(one.public_bytes(Encoding.DER), usedforsecurity=False).digest()}
        for one in certificates]}))


def signed_by(key: Key) -> Callable[[bytes], bytes]:
    if isinstance(key, rsa.RSAPrivateKey):
        return lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    return lambda data: key.sign(data, ec.ECDSA(hashes.SHA256()))


def contained(
    signer: Holder, others: Sequence[Holder], attributes: Sequence[cms.CMSAttribute], *, unsigned: Any = None,
    sign: Callable[[bytes], bytes] | None = None, algorithm: Any = None, content: Any = None,
    versions: tuple[str, str] = ("v1", "v1"), lists: Sequence[bytes] = (),
) -> cms.ContentInfo:
    """A container; ``versions`` are SignedData's and SignerInfo's, ``unsigned`` makes attributes of the value,
    ``lists`` go with the certificates."""
    revoked = [cms.RevocationInfoChoice("crl", crl.CertificateList.load(one)) for one in lists]
    own = to_asn1(signer.certificate)
    signed = cms.CMSAttributes(attributes)
    value = (sign or signed_by(signer.key))(signed.dump())
    info = {
        "version": versions[1], "sid": cms.SignerIdentifier({"issuer_and_serial_number": cms.IssuerAndSerialNumber(
            {"issuer": own.issuer, "serial_number": own.serial_number})}),
        "digest_algorithm": {"algorithm": "sha256"}, "signed_attrs": signed,
        "signature_algorithm": algorithm or {"algorithm": _algorithm(signer.key)}, "signature": value,
        **({"unsigned_attrs": unsigned(value)} if unsigned else {})}
    certificates = [cms.CertificateChoices("certificate", to_asn1(one.certificate)) for one in (signer, *others)]
    return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData({
        "version": versions[0], "digest_algorithms": [{"algorithm": "sha256"}],
        "encap_content_info": content or {"content_type": "data"}, "certificates": certificates,
        **({"crls": revoked} if revoked else {}),
        "signer_infos": [cms.SignerInfo(info)]})})


def replaced(
    pdf: bytes, signer: Holder, others: Sequence[Holder] = (), *attributes: cms.CMSAttribute, **odd: Any
) -> bytes:
    """The signed file with another container in its space; without ``attributes``, one that names the signer."""
    start, end = gap(pdf)
    given = attributes or (reference(signer.certificate),)
    digest = hashlib.sha256(pdf[:start] + pdf[end:]).digest()
    made = contained(signer, others, [
        attribute("content_type", "data"), attribute("message_digest", digest), *given], **odd)
    text = made.dump().hex().upper().encode()
    assert len(text) <= end - start - 2
    return bytes(pdf[: start + 1] + text.ljust(end - start - 2, b"0") + pdf[end - 1 :])


def stamped(unit: Holder, at: datetime, *, is_named: bool = True, **odd: Any) -> Callable[[bytes], cms.CMSAttributes]:
    """Unsigned attributes with a token over the signature's value; ``odd`` are fields of its TSTInfo."""
    def stamp(value: bytes) -> cms.CMSAttributes:
        imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": hashlib.sha256(value).digest()}
        body = tsp.TSTInfo({"version": 1, "policy": "1.2.3.4.5", "serial_number": 77, "gen_time": at,
                            "message_imprint": imprint, **odd}).dump()
        attributes = [attribute("content_type", "tst_info"), attribute("message_digest", hashlib.sha256(body).digest())]
        attributes += [reference(unit.certificate)] if is_named else []
        token = contained(unit, (), attributes, versions=("v3", "v1"), content={
            "content_type": "tst_info", "content": core.ParsableOctetString(body)})
        return cms.CMSAttributes([attribute("signature_time_stamp_token", token)])
    return stamp


def stored(pdf: bytes, certificates: Sequence[Holder] = (), lists: Sequence[bytes] = (), responses: Sequence[bytes] = ()
           ) -> bytes:
    """The file with a security store that anybody could have appended."""
    known = facts(pdf)
    root, catalogue = int(known.root.split()[0]), b""
    objects: dict[int, bytes] = {}
    number = known.size + 1
    body = b""
    for kind, ders in ((b"Certs", [one.der for one in certificates]), (b"CRLs", lists), (b"OCSPs", responses)):
        body += b"/%s[" % kind
        for der in ders:
            objects[number] = b"<</Length %d>>\nstream\n%s\nendstream" % (len(der), der)
            body += b"%d 0 R " % number
            number += 1
        body += b"]"
    catalogue = pdf[pdf.rindex(b"\n%d 0 obj" % root):].split(b"obj", 1)[1].split(b"endobj")[0].rstrip()[:-2]
    return update(pdf, {root: catalogue + b"/DSS %d 0 R>>" % known.size,
                        known.size: b"<</Type/DSS%s>>" % body, **objects})


DOCUMENTS, STAMPS, RESPONSES = PDF_SIGNING, (ExtendedKeyUsageOID.TIME_STAMPING,), (ExtendedKeyUsageOID.OCSP_SIGNING,)


def _algorithm(key: Key) -> str:
    return "sha256_rsa" if isinstance(key, rsa.RSAPrivateKey) else "sha256_ecdsa"


def _extensions(given: Sequence[tuple[str, bool]]) -> list[dict[str, Any]]:
    return [{"extn_id": kind, "critical": is_critical, "extn_value": b"\x05\x00"} for kind, is_critical in given]
