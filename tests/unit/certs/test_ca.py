"""The development PKI, held against OpenSSL."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs import errors
from certs.ca import DevelopmentPki, Issued, Revocation, SignerSubject, issue_signer_certificate
from tests.unit.certs.conftest import World

WritePem = Callable[[str, x509.Certificate], str]


def verify(world: World, write_pem: WritePem, certificate: x509.Certificate, *options: str) -> str:
    """``openssl verify``, strict, at the world's time."""
    result = subprocess.run(
        [
            *("openssl", "verify", "-x509_strict", "-attime", str(int(world.later.timestamp())), *options),
            *("-CAfile", write_pem("root.pem", world.pki.root.certificate)),
            *("-untrusted", write_pem("issuing.pem", world.pki.issuing.certificate)),
            write_pem("certificate.pem", certificate),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout + result.stderr


def test_openssl_accepts_every_certificate_strictly(world: World, write_pem: WritePem) -> None:
    units = (world.pki.issuing.certificate, world.pki.ocsp.certificate, world.certificate)
    for certificate in units:
        assert "certificate.pem: OK" in verify(world, write_pem, certificate)
    assert "OK" in verify(world, write_pem, world.pki.tsa.certificate, "-purpose", "timestampsign")


def test_the_signer_certificate_cannot_pose_as_a_ca(world: World, write_pem: WritePem, other_key: object) -> None:
    rogue = issue_signer_certificate(
        Issued(world.certificate, world.key),
        SignerSubject("Penipu", "Palsu"),
        world.pki.root.key.public_key(),
        world.now,
    )
    chain = write_pem("middle.pem", world.certificate)
    assert "OK" not in verify(world, write_pem, rogue, "-untrusted", chain).splitlines()[-1]


def test_openssl_sees_a_revocation(world: World, write_pem: WritePem, tmp_path: Path) -> None:
    revocation = Revocation(world.certificate.serial_number, world.now, x509.ReasonFlags.key_compromise)
    crl = x509.load_der_x509_crl(world.crl(revocation))
    path = tmp_path / "list.pem"
    from cryptography.hazmat.primitives.serialization import Encoding

    path.write_bytes(crl.public_bytes(Encoding.PEM))
    options = ("-crl_check", "-CRLfile", str(path), "-attime", str(int(world.later.timestamp()) + 60))
    assert "certificate revoked" in verify(world, write_pem, world.certificate, *options)


def test_a_crl_grows_and_names_the_reason(world: World) -> None:
    revocation = Revocation(world.certificate.serial_number, world.now, x509.ReasonFlags.key_compromise)
    first = x509.load_der_x509_crl(world.crl())
    second = x509.load_der_x509_crl(world.crl(revocation, at=world.later + timedelta(seconds=1)))
    number = [crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for crl in (first, second)]
    assert number[0] < number[1]
    entry = second.get_revoked_certificate_by_serial_number(world.certificate.serial_number)
    assert entry is not None
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.key_compromise


def test_the_signer_certificate_says_who_and_what_for(world: World) -> None:
    certificate = world.certificate
    subject = certificate.subject
    assert subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "Sari Contoh Utama"
    assert subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)[0].value == "190001011925012001"
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert usage.value.content_commitment
    assert not usage.value.key_cert_sign
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lifetime == timedelta(days=730, seconds=-1)


def test_the_time_stamp_purpose_is_critical_and_alone(world: World) -> None:
    usage = world.pki.tsa.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert usage.critical
    assert list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING]


def test_a_certificate_never_outlives_its_issuer(world: World) -> None:
    late = issue_signer_certificate(
        world.pki.issuing, SignerSubject("Sari", "Nusa"), world.key.public_key(), world.now, valid_days=36500
    )
    assert late.not_valid_after_utc == world.pki.issuing.certificate.not_valid_after_utc


def test_long_names_and_addresses_fit(world: World) -> None:
    long = SignerSubject("N" * 90, "O" * 90, unit="U" * 90, title="T" * 90)
    certificate = issue_signer_certificate(
        world.pki.issuing,
        long,
        world.key.public_key(),
        world.now,
        crl_url="http://pki.example.test/issuing.crl",
        ocsp_url="http://pki.example.test/ocsp",
    )
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert points[0].full_name is not None
    assert points[0].full_name[0].value == "http://pki.example.test/issuing.crl"


def test_the_pki_is_kept_sealed(world: World) -> None:
    sealed = world.pki.to_sealed(b"k" * 32)
    again = DevelopmentPki.from_sealed(sealed, b"k" * 32)
    assert again.issuing.certificate == world.pki.issuing.certificate
    assert again.tsa.key.private_numbers() == world.pki.tsa.key.private_numbers()
    assert again.root_crl == world.pki.root_crl
    with pytest.raises(errors.WrongServerKey):
        DevelopmentPki.from_sealed(sealed, b"x" * 32)
    one = world.pki.tsa.to_sealed(b"k" * 32, "tsa")
    assert Issued.from_sealed(one, b"k" * 32, "tsa").certificate == world.pki.tsa.certificate
    with pytest.raises(errors.EnvelopeMismatch):
        Issued.from_sealed(one, b"k" * 32, "issuing")
