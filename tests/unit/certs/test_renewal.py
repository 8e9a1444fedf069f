"""What stood on the root's list stands on the next one: a revocation is final."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cryptography import x509

from certs.ca import DevelopmentPki, Revocation, build_crl, create_development_pki
from certs.renewal import extend_authority, renew

NOW = datetime(2026, 6, 1, tzinfo=UTC)
REASON = x509.ReasonFlags.key_compromise


def listed(pki: DevelopmentPki) -> list[tuple[int, datetime, x509.ReasonFlags]]:
    return [(line.serial_number, line.revocation_date_utc,
             line.extensions.get_extension_for_class(x509.CRLReason).value.reason)
            for line in x509.load_der_x509_crl(pki.root_crl)]


def test_renewal_keeps_what_was_revoked() -> None:
    pki = create_development_pki("Provinsi Contoh", NOW)
    stolen = Revocation(pki.tsa.certificate.serial_number, NOW, REASON)
    pki = replace(pki, root_crl=build_crl(pki.root, [stolen], NOW, pki.root.certificate.not_valid_after_utc))
    later = NOW + timedelta(days=30)
    for renewed in (renew(pki, ["tsa"], later), extend_authority(pki, later)):
        assert listed(renewed) == [(stolen.serial, NOW, REASON)]
        assert x509.load_der_x509_crl(renewed.root_crl).last_update_utc == later
