"""What a signature and a time stamp say about themselves must be true, and the same to every reader."""

from __future__ import annotations

from typing import Any

import pytest
from asn1crypto import algos, cms
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose

from certs.ca import SignerSubject, issue_signer_certificate
from certs.pades import SignedDocument
from certs.profiles import key_usage
from certs.validation import validate_pdf
from tests.unit.certs.conftest import World
from tests.unit.certs.crafted import (
    DAY,
    STAMPS,
    Holder,
    attribute,
    issue,
    old_reference,
    reference,
    replaced,
    stamped,
)


@pytest.fixture(scope="module")
def signer(world: World) -> Holder:
    return Holder(world.certificate, world.key)


@pytest.fixture(scope="module")
def issuing(world: World) -> Holder:
    return Holder(world.pki.issuing.certificate, world.pki.issuing.key)


def judged(world: World, pdf: bytes) -> tuple[bool, str | None]:
    report = validate_pdf(pdf, world.trust(), world.later)
    return report.passed, report.sub_indication


def test_references_to_certificates_must_agree(
    world: World, signed: SignedDocument, signer: Holder, issuing: Holder
) -> None:
    same_key = issue_signer_certificate(
        world.pki.issuing, SignerSubject("Orang Lain", "Nusa"), world.key.public_key(), world.now - DAY)
    mine, other, above = signer.certificate, same_key, issuing.certificate
    for references, is_right in (
        ((reference(mine),), True), ((old_reference(mine),), True), ((reference(mine), old_reference(mine)), True),
        ((reference(mine, above),), True), ((reference(mine), old_reference(other)), False),
        ((reference(other), old_reference(mine)), False), ((reference(mine, other),), False),
        ((old_reference(mine, other),), False), ((reference(other, mine),), False),
        ((reference(mine, algorithm="md5"),), False),
    ):
        passed, sub_indication = judged(world, replaced(signed.pdf, signer, (issuing,), *references))
        assert passed is is_right, references
        assert is_right or sub_indication in {"SIG_CONSTRAINTS_FAILURE", "FORMAT_FAILURE"}


@pytest.mark.parametrize("odd", [{"versions": ("v0", "v1")}, {"versions": ("v1", "v0")}, {"versions": ("v1", "v5")}])
def test_a_version_that_there_is_not_is_no_container(
    world: World, signed: SignedDocument, signer: Holder, issuing: Holder, odd: dict[str, Any]
) -> None:
    assert judged(world, replaced(signed.pdf, signer, (issuing,), **odd)) == (False, "FORMAT_FAILURE")


def test_an_attribute_of_one_value_has_one(
    world: World, signed: SignedDocument, signer: Holder, issuing: Holder
) -> None:
    def claimed(*days: int) -> cms.CMSAttribute:
        return attribute("signing_time", *[cms.Time({"utc_time": world.now + day * DAY}) for day in days])

    own = reference(signer.certificate)
    assert judged(world, replaced(signed.pdf, signer, (issuing,), own, claimed(0)))[0]
    two = replaced(signed.pdf, signer, (issuing,), own, claimed(0, 1))
    assert judged(world, two) == (False, "FORMAT_FAILURE")


@pytest.mark.parametrize(("mask", "trailer", "sub_indication"), [
    (hashes.SHA256(), 1, None), (hashes.MD5(), 1, "CRYPTO_CONSTRAINTS_FAILURE"),  # noqa: S303
    (hashes.SHA1(), 1, "CRYPTO_CONSTRAINTS_FAILURE"), (hashes.SHA256(), 2, "CRYPTO_CONSTRAINTS_FAILURE"),  # noqa: S303
])  # fmt: skip
def test_pss_with_another_mask_or_trailer_is_not_believed(
    world: World, signed: SignedDocument, issuing: Holder, signer: Holder, mask: hashes.HashAlgorithm, trailer: int,
    sub_indication: str | None,
) -> None:
    key = signer.key
    assert isinstance(key, rsa.RSAPrivateKey)
    said = algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": algos.RSASSAPSSParams({
        "hash_algorithm": {"algorithm": "sha256"}, "salt_length": 32, "trailer_field": trailer,
        "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": mask.name}}})})
    pdf = replaced(signed.pdf, signer, (issuing,), algorithm=said, sign=lambda data: key.sign(
        data, padding.PSS(padding.MGF1(mask), 32), hashes.SHA256()))
    assert judged(world, pdf) == (sub_indication is None, sub_indication)


def test_a_token_is_built_as_one_and_names_its_authority(
    world: World, signed: SignedDocument, signer: Holder, issuing: Holder
) -> None:
    unit = Holder(world.pki.tsa.certificate, world.pki.tsa.key)
    critical = {"extensions": [{"extn_id": "1.2.3.4", "critical": True, "extn_value": b"\x05\x00"}]}
    for odd, is_right in (({}, True), (critical, False), ({"version": 2}, False), ({"is_named": False}, False)):
        report = validate_pdf(replaced(
            signed.pdf, signer, (issuing,), unsigned=stamped(unit, world.now, **odd)), world.trust(), world.later)
        assert report.passed is is_right
        assert (report.signatures[0].timestamp_at == world.now) is is_right
        assert is_right or report.sub_indication == "FORMAT_FAILURE"


@pytest.mark.parametrize(("changes", "is_right"), [
    ({}, True), ({"is_critical": False}, False), ({"purposes": (*STAMPS, Purpose.SERVER_AUTH)}, False),
    ({"usage": key_usage(crl_sign=True)}, False), ({"usage": key_usage(content_commitment=True)}, True),
    ({"is_authority": True, "usage": key_usage(digital_signature=True, key_cert_sign=True)}, False),
])  # fmt: skip
def test_only_a_certificate_for_time_stamps_alone_stamps(
    world: World, signed: SignedDocument, signer: Holder, issuing: Holder, changes: dict[str, Any], is_right: bool
) -> None:
    unit = issue("Penanda waktu", world.key, issuing, world.now - DAY, world.now + 99 * DAY,
                 **{"purposes": STAMPS, "is_critical": True, **changes})
    pdf = replaced(signed.pdf, signer, (issuing,), unsigned=stamped(unit, world.now))
    assert judged(world, pdf) == (is_right, None if is_right else "CHAIN_CONSTRAINTS_FAILURE")
