"""Certificate extensions of the development PKI (RFC 5280)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")  # RFC 9336
ADOBE_PDF_SIGNING = x509.ObjectIdentifier("1.2.840.113583.1.1.5")
PDF_SIGNING = (DOCUMENT_SIGNING, ADOBE_PDF_SIGNING)

# An arc that needs no registration (ITU-T X.667): it says "development" and must not be relied upon.
DEVELOPMENT_POLICY = x509.ObjectIdentifier("2.25.231905274608347220")

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True)
class Addresses:
    """Where an issuer publishes its list, answers OCSP and gives its certificate; None: not said."""

    crl_url: str | None = None
    ocsp_url: str | None = None
    ca_issuers_url: str | None = None


NOWHERE = Addresses()


def key_usage(
    digital_signature: bool = False,
    content_commitment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    """A KeyUsage with only the bits this PKI uses."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def authority_extensions(
    builder: x509.CertificateBuilder, own: PublicKey, issuer: PublicKey
) -> x509.CertificateBuilder:
    """Subject and authority key identifiers, and the policy."""
    return (
        builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(own), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
        .add_extension(
            x509.CertificatePolicies([x509.PolicyInformation(DEVELOPMENT_POLICY, None)]), critical=False
        )
    )


def ca_extensions(builder: x509.CertificateBuilder, path_length: int) -> x509.CertificateBuilder:
    """What makes a certificate a CA's: it signs certificates and lists, and nothing else."""
    return builder.add_extension(x509.BasicConstraints(True, path_length), critical=True).add_extension(
        key_usage(key_cert_sign=True, crl_sign=True), critical=True
    )


def end_entity_extensions(
    builder: x509.CertificateBuilder,
    usage: x509.KeyUsage,
    purposes: Sequence[x509.ObjectIdentifier],
    addresses: Addresses = NOWHERE,
) -> x509.CertificateBuilder:
    """What makes a certificate an end entity's; the purpose of a time-stamp unit is critical (RFC 3161 2.3)."""
    builder = (
        builder.add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage(purposes), critical=ExtendedKeyUsageOID.TIME_STAMPING in purposes
        )
    )
    return address_extensions(builder, addresses)


def address_extensions(builder: x509.CertificateBuilder, addresses: Addresses) -> x509.CertificateBuilder:
    """CRL distribution point, and authority information access in the order OCSP, CA certificate."""
    if addresses.crl_url:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(addresses.crl_url)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    methods = (
        (AuthorityInformationAccessOID.OCSP, addresses.ocsp_url),
        (AuthorityInformationAccessOID.CA_ISSUERS, addresses.ca_issuers_url),
    )
    accesses = [x509.AccessDescription(oid, x509.UniformResourceIdentifier(url)) for oid, url in methods if url]
    if accesses:
        builder = builder.add_extension(x509.AuthorityInformationAccess(accesses), critical=False)
    return builder
