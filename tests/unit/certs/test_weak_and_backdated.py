"""What a trusted authority should not have certified or stamped, and pyHanko does not ask: short curves, and tokens
with an impossible time or a broken hash."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from asn1crypto import algos, crl, tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.algorithms import NO_ENDS
from certs.ca import Revocation, build_crl
from certs.longterm import _hold_against_token
from certs.pades import LocalSigner
from certs.profiles import PDF_SIGNING, end_entity_extensions, key_usage
from certs.tsa import TimeStampAuthority
from certs.validation import validate_pdf
from certs.verdicts import PASSED, TIMESTAMP_ORDER_FAILURE
from svc.services.verdict_words import of_failure
from tests.unit.certs.conftest import World
from tests.unit.certs.crafted import DAY


def issued(
    world: World, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, since: datetime,
    purposes: tuple[x509.ObjectIdentifier, ...] = PDF_SIGNING,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Contoh Lain")]))
        .issuer_name(world.pki.issuing.certificate.subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(since)
        .not_valid_after(since + timedelta(days=300))
    )  # fmt: skip
    usage = key_usage(digital_signature=True, content_commitment=True)
    return end_entity_extensions(builder, usage, purposes).sign(world.pki.issuing.key, hashes.SHA256())


@pytest.mark.parametrize(("curve", "sub_indication"), [
    (ec.SECP224R1(), "CRYPTO_CONSTRAINTS_FAILURE"), (ec.SECP256R1(), None), (ec.BrainpoolP256R1(), None),
])  # fmt: skip
def test_a_short_curve_is_too_weak_and_others_pass(
    world: World, curve: ec.EllipticCurve, sub_indication: str | None
) -> None:
    key = ec.generate_private_key(curve)
    certificate = issued(world, key, world.now - timedelta(hours=1))
    own = replace(world, signer=LocalSigner(certificate, key, world.pki.chain))
    report = validate_pdf(own.sign(world.request(), world.page).pdf, world.trust(), world.later)
    assert (report.passed, report.sub_indication) == (sub_indication is None, sub_indication)


def test_a_time_before_the_authority_s_certificate_proves_nothing(world: World) -> None:
    key = world.pki.tsa.key
    unit = issued(world, key, world.now + timedelta(minutes=1), (ExtendedKeyUsageOID.TIME_STAMPING,))
    own = replace(world, tsa=TimeStampAuthority(unit, key, world.pki.chain))
    report = validate_pdf(own.sign(world.request(), world.page).pdf, world.trust(), world.later)
    assert (report.passed, report.sub_indication) == (False, TIMESTAMP_ORDER_FAILURE)
    assert report.signatures[0].proven_at is None


@pytest.mark.parametrize(("algorithm", "length", "believed"), [("sha1", 20, False), ("md5", 16, False),
                                                               ("sha256", 32, True)])
def test_a_token_over_a_broken_hash_proves_nothing(
    world: World, algorithm: str, length: int, believed: bool
) -> None:
    asked = tsp.TimeStampReq({"version": "v1", "cert_req": True, "message_imprint": {
        "hash_algorithm": {"algorithm": algorithm}, "hashed_message": bytes(length)}})
    token = world.tsa._token(asked, world.now)
    assert _hold_against_token(token["content"], PASSED, NO_ENDS, world.now).passed is believed


@pytest.mark.parametrize(("is_revoked", "sub_indication"), [(False, "TRY_LATER"), (True, "REVOKED_NO_POE")])
def test_a_list_over_a_broken_hash_says_nothing_good_but_revokes(
    world: World, is_revoked: bool, sub_indication: str
) -> None:
    revoked = [Revocation(world.certificate.serial_number, world.now - timedelta(minutes=1))] if is_revoked else []
    body = crl.CertificateList.load(world.crl(*revoked))["tbs_cert_list"]
    body["signature"] = algos.SignedDigestAlgorithm({"algorithm": "sha1_rsa"})
    broken = crl.CertificateList({
        "tbs_cert_list": body, "signature_algorithm": {"algorithm": "sha1_rsa"},
        "signature": world.pki.issuing.key.sign(body.dump(), padding.PKCS1v15(), hashes.SHA1())})  # noqa: S303
    trust = world.pki.trust_store([broken.dump()])
    report = validate_pdf(world.sign(world.request(), world.page).pdf, trust, world.later)
    assert (report.passed, report.sub_indication) == (False, sub_indication)


def test_a_revoked_time_stamp_authority_is_not_told_as_the_signer(world: World) -> None:
    gone = Revocation(world.pki.tsa.certificate.serial_number, world.now - timedelta(minutes=5))
    known = world.trust()
    trust = replace(known, crls=(*known.crls, build_crl(world.pki.root, (gone,), world.later, world.later + DAY)))
    report = validate_pdf(world.sign(world.request(), world.page).pdf, trust, world.later)
    assert (report.passed, report.signatures[0].proven_at, report.signatures[0].revoked_at) == (False, None, None)
    assert report.explanation.startswith("The signature's time stamp is not believed: ")
    assert "stempel waktunya dicabut" in of_failure(report).text
