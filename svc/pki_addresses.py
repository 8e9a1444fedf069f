"""Where the service's own authority is found. The addresses stand in certificates: they never change."""

from __future__ import annotations

from certs.profiles import Addresses

ROOT_CER = "/pki/root.cer"
ROOT_CRL = "/pki/root.crl"
ISSUING_CER = "/pki/issuing.cer"
ISSUING_CRL = "/pki/issuing.crl"
OCSP = "/pki/ocsp"
TSA = "/pki/tsa"


def root_addresses(base_url: str) -> Addresses:
    """For certificates that the root issued. It answers no OCSP, so that its key can rest."""
    return Addresses(f"{base_url}{ROOT_CRL}", None, f"{base_url}{ROOT_CER}")


def issuing_addresses(base_url: str) -> Addresses:
    """For certificates that the issuing CA issued: signers', the OCSP and the audit signer's."""
    return Addresses(f"{base_url}{ISSUING_CRL}", f"{base_url}{OCSP}", f"{base_url}{ISSUING_CER}")
