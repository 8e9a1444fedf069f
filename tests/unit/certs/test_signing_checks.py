"""Refusals before signing: each reason has its own error."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs import errors, profiles
from certs.ca import Revocation, SignerSubject, build_crl, create_development_pki, issue_signer_certificate
from certs.checks import ensure_can_sign
from tests.unit.certs.conftest import World

SIGNING = profiles.key_usage(digital_signature=True, content_commitment=True)


def issue(
    world: World,
    public_key: rsa.RSAPublicKey | ed25519.Ed25519PublicKey | None = None,
    usage: x509.KeyUsage | None = SIGNING,
    purposes: tuple[x509.ObjectIdentifier, ...] = profiles.PDF_SIGNING,
    is_ca: bool = False,
) -> x509.Certificate:
    """A certificate of the issuing CA with some other content."""
    issuing = world.pki.issuing
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(issuing.certificate.subject)
        .public_key(public_key or world.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(world.now)
        .not_valid_after(world.now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
    )
    if usage:
        builder = builder.add_extension(usage, critical=True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return builder.sign(issuing.key, hashes.SHA256())


def test_a_fit_certificate_passes(world: World) -> None:
    ensure_can_sign(world.certificate, world.key, world.trust(), world.now)
    ensure_can_sign(world.certificate, None, world.pki.trust_store(), world.now)


def test_expired(world: World) -> None:
    late = world.certificate.not_valid_after_utc + timedelta(seconds=1)
    with pytest.raises(errors.CertificateExpired) as caught:
        ensure_can_sign(world.certificate, world.key, world.trust(), late)
    assert caught.value.at == world.certificate.not_valid_after_utc


def test_not_yet_valid(world: World) -> None:
    early = world.certificate.not_valid_before_utc - timedelta(seconds=1)
    with pytest.raises(errors.CertificateNotYetValid) as caught:
        ensure_can_sign(world.certificate, world.key, world.trust(), early)
    assert caught.value.at == world.certificate.not_valid_before_utc


def test_revoked(world: World) -> None:
    revocation = Revocation(world.certificate.serial_number, world.now, x509.ReasonFlags.key_compromise)
    with pytest.raises(errors.CertificateRevoked) as caught:
        ensure_can_sign(world.certificate, world.key, world.trust(revocation), world.later)
    assert caught.value.at == world.now
    assert caught.value.reason == "keyCompromise"


def test_another_certificate_revoked_does_not_matter(world: World) -> None:
    ensure_can_sign(world.certificate, world.key, world.trust(Revocation(12345, world.now)), world.later)


def test_a_list_signed_by_somebody_else_does_not_revoke(world: World) -> None:
    stranger = create_development_pki("Pemerintah Provinsi Nusa Mandala", world.now - timedelta(days=1))
    revocation = Revocation(world.certificate.serial_number, world.now)
    forged = build_crl(stranger.issuing, [revocation], world.now, world.later + timedelta(days=1))
    ensure_can_sign(world.certificate, world.key, world.pki.trust_store([forged]), world.later)


def test_a_revoked_issuing_ca_is_not_trusted(world: World) -> None:
    revocation = Revocation(world.pki.issuing.certificate.serial_number, world.now)
    root_list = build_crl(world.pki.root, [revocation], world.now, world.later + timedelta(days=1))
    trust = replace(world.pki.trust_store(), crls=(root_list, world.crl()))
    with pytest.raises(errors.CertificateUntrusted):
        ensure_can_sign(world.certificate, world.key, trust, world.later)


def test_another_key(world: World, other_key: rsa.RSAPrivateKey) -> None:
    with pytest.raises(errors.KeyMismatch):
        ensure_can_sign(world.certificate, other_key, world.trust(), world.now)


@pytest.mark.parametrize(
    ("usage", "purposes", "is_ca"),
    [
        (None, profiles.PDF_SIGNING, False),
        (profiles.key_usage(key_cert_sign=True), profiles.PDF_SIGNING, False),
        (profiles.key_usage(digital_signature=True), (ExtendedKeyUsageOID.SERVER_AUTH,), False),
        (profiles.key_usage(digital_signature=True), (ExtendedKeyUsageOID.TIME_STAMPING,), False),
        (profiles.key_usage(digital_signature=True), profiles.PDF_SIGNING, True),
    ],
    ids=["no usage", "CA usage", "for web servers", "for time stamps", "a CA"],
)
def test_unfit_key_usage(
    world: World, usage: x509.KeyUsage | None, purposes: tuple[x509.ObjectIdentifier, ...], is_ca: bool
) -> None:
    certificate = issue(world, usage=usage, purposes=purposes, is_ca=is_ca)
    with pytest.raises(errors.KeyUsageUnfit):
        ensure_can_sign(certificate, world.key, world.trust(), world.now)


def test_the_authorities_own_certificates_cannot_sign(world: World) -> None:
    for issued in (world.pki.issuing, world.pki.tsa, world.pki.ocsp):
        with pytest.raises(errors.KeyUsageUnfit):
            ensure_can_sign(issued.certificate, issued.key, world.trust(), world.now)


def test_weak_keys(world: World) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    with pytest.raises(errors.WeakKey):
        ensure_can_sign(issue(world, short.public_key()), short, world.trust(), world.now)
    other_kind = ed25519.Ed25519PrivateKey.generate().public_key()
    with pytest.raises(errors.WeakKey):
        ensure_can_sign(issue(world, other_kind), None, world.trust(), world.now)


def test_a_curve_key_passes(world: World) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = issue_signer_certificate(
        world.pki.issuing, SignerSubject("Sari", "Nusa"), key.public_key(), world.now
    )
    ensure_can_sign(certificate, key, world.trust(), world.now)


def test_an_unknown_issuer(world: World) -> None:
    stranger = create_development_pki("Lain", world.now - timedelta(days=1))
    with pytest.raises(errors.CertificateUntrusted):
        ensure_can_sign(world.certificate, world.key, stranger.trust_store(), world.now)


def test_every_refusal_has_its_own_code() -> None:
    kinds = errors.CannotSign.__subclasses__()
    assert len({kind.code for kind in kinds}) == len(kinds) == 7
