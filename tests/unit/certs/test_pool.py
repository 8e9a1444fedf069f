"""Certificates that a file brings: a forger's with an honest authority's signature value, and very many chains."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pikepdf
import pytest
from asn1crypto import core, crl, keys, ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certs.pades import Level, LocalSigner, SignedDocument, sign_pdf
from certs.validation import validate_pdf
from tests.attacks.craft import edited
from tests.unit.certs.conftest import World

_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_ALGORITHM = {"algorithm": "sha256_rsa"}


def _sign(data: bytes) -> bytes:
    return _KEY.sign(data, padding.PKCS1v15(), hashes.SHA256())


def _issuing(world: World) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(world.pki.issuing.certificate.public_bytes(Encoding.DER))


def forged(world: World, number: int | None = None) -> asn1_x509.Certificate:
    """The issuing authority's certificate with another key, and its signature as it was."""
    honest = _issuing(world)
    said = asn1_x509.TbsCertificate.load(honest["tbs_certificate"].dump())
    said["subject_public_key_info"] = keys.PublicKeyInfo.load(
        _KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    if number is not None:
        said["serial_number"] = number
    return asn1_x509.Certificate.load(asn1_x509.Certificate({
        "tbs_certificate": said, "signature_algorithm": honest["signature_algorithm"],
        "signature_value": honest["signature_value"]}).dump(force=True))


def _list(world: World) -> bytes:
    said = crl.TbsCertList({
        "version": "v2", "signature": _ALGORITHM, "issuer": _issuing(world).subject,
        "this_update": crl.Time({"utc_time": core.UTCTime(world.later)}),
        "next_update": crl.Time({"utc_time": core.UTCTime(world.later + timedelta(days=1))}),
        "crl_extensions": [{"extn_id": "crl_number", "extn_value": core.ParsableOctetString(core.Integer(9).dump())}]})
    return bytes(crl.CertificateList({
        "tbs_cert_list": said, "signature_algorithm": _ALGORITHM, "signature": _sign(said.dump())}).dump())


def _response(world: World) -> bytes:
    issuing = _issuing(world)
    said = ocsp.ResponseData({
        "responder_id": ocsp.ResponderId("by_name", issuing.subject), "produced_at": world.later,
        "responses": [{
            "cert_id": {"hash_algorithm": {"algorithm": "sha1"}, "issuer_name_hash": issuing.subject.sha1,
                        "issuer_key_hash": issuing.public_key.sha1, "serial_number": world.certificate.serial_number},
            "cert_status": ocsp.CertStatus("good"), "this_update": world.later,
            "next_update": world.later + timedelta(days=1)}]})
    basic = ocsp.BasicOCSPResponse({
        "tbs_response_data": said, "signature_algorithm": _ALGORITHM, "signature": _sign(said.dump()),
        "certs": [forged(world)]})
    return bytes(ocsp.OCSPResponse({
        "response_status": "successful",
        "response_bytes": {"response_type": "basic_ocsp_response", "response": basic}}).dump())


@pytest.mark.parametrize("kind", ["list", "response"])
def test_revocation_data_of_a_forged_authority_prove_nothing(
    world: World, signed: SignedDocument, kind: str
) -> None:
    """Without the authority's own list nobody knows whether the certificate is revoked; anybody can write this file."""
    entries = ({"/CRLs": [_list(world)], "/Certs": [forged(world, 4711).dump()]} if kind == "list"
               else {"/OCSPs": [_response(world)]})

    def add(document: Any) -> None:
        document.Root["/DSS"] = document.make_indirect(pikepdf.Dictionary({
            name: pikepdf.Array([document.make_indirect(pikepdf.Stream(document, one)) for one in ders])
            for name, ders in entries.items()}))

    report = validate_pdf(edited(signed.pdf, add), world.pki.trust_store([]), world.later)
    assert not report.passed
    assert report.explanation == (
        "Two certificates in the file bear the same signature of their authority; one is forged.")


def _certificate(world: World, subject: int, issuer: int, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    def name(number: int) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"CA {number}")])

    return (
        x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(world.now - timedelta(days=1))
        .not_valid_after(world.now + timedelta(days=99))
        .add_extension(x509.BasicConstraints(subject < 99, None), True).sign(key, hashes.SHA256()))


def test_authorities_that_certify_each_other_keep_nobody_at_work(world: World) -> None:
    """Six that do so offer more chains than anybody can try."""
    key = ec.generate_private_key(ec.SECP256R1())
    authorities = tuple(_certificate(world, one, other, key) for one, other in permutations(range(6), 2))
    signer = LocalSigner(_certificate(world, 99, 0, key), key, authorities)
    signed = sign_pdf(world.page, world.request(certify=False, level=Level.B_B), signer, None)
    report = validate_pdf(signed.pdf, world.trust(), world.later)
    assert not report.passed
    assert "certified each other so often" in report.explanation
