"""A file is signed with a certificate for signing files, or it is not signed as it should be."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose
from cryptography.x509.oid import NameOID

from certs.ca import Issued
from certs.pades import LocalSigner, sign_pdf
from certs.profiles import ADOBE_PDF_SIGNING, authority_extensions, key_usage
from certs.validation import Indication, SignatureReport, validate_pdf
from tests.unit.certs.conftest import World


def judge(world: World, signer: Issued) -> SignatureReport:
    signed = sign_pdf(world.page, world.request(), LocalSigner(signer.certificate, signer.key, world.pki.chain),
                      world.tsa)
    return validate_pdf(signed.pdf, world.trust(), world.later).signatures[0]


def issue(world: World, purposes: list[x509.ObjectIdentifier], is_authority: bool = False) -> Issued:
    public, issuing = world.key.public_key(), world.pki.issuing
    builder = x509.CertificateBuilder(
        issuer_name=issuing.certificate.subject, public_key=public, serial_number=x509.random_serial_number(),
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sari Contoh")])).not_valid_before(
        world.now - timedelta(hours=2)).not_valid_after(world.now + timedelta(days=300))
    builder = authority_extensions(builder, public, issuing.key.public_key()).add_extension(
        x509.BasicConstraints(is_authority, None), True).add_extension(
        key_usage(digital_signature=True, content_commitment=True, key_cert_sign=is_authority), True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), False)
    return Issued(builder.sign(issuing.key, hashes.SHA256()), world.key)


@pytest.mark.parametrize("purposes", [
    [Purpose.SERVER_AUTH], [Purpose.OCSP_SIGNING], [Purpose.CODE_SIGNING], [Purpose.CLIENT_AUTH, Purpose.SERVER_AUTH]])
def test_a_certificate_for_something_else_does_not_pass(
    world: World, purposes: list[x509.ObjectIdentifier]
) -> None:
    found = judge(world, issue(world, purposes))
    assert (found.indication, found.sub_indication) == (Indication.INDETERMINATE, "CHAIN_CONSTRAINTS_FAILURE")
    assert "not one for signing documents" in found.message


def test_neither_a_time_stamping_unit_s_nor_an_authority_s_certificate_passes(world: World) -> None:
    for one in (world.pki.tsa, issue(world, [], is_authority=True)):
        found = judge(world, one)
        assert (found.indication, found.sub_indication) == (Indication.INDETERMINATE, "CHAIN_CONSTRAINTS_FAILURE")


@pytest.mark.parametrize("purposes", [
    [], [ADOBE_PDF_SIGNING], [Purpose.CLIENT_AUTH, Purpose.EMAIL_PROTECTION], [Purpose.ANY_EXTENDED_KEY_USAGE]])
def test_what_authorities_issue_for_documents_passes(world: World, purposes: list[x509.ObjectIdentifier]) -> None:
    assert judge(world, issue(world, purposes)).indication is Indication.TOTAL_PASSED
