"""Names of certificates are shown in words."""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import NameOID

from certs.names import readable_name


def test_attributes_beyond_rfc_4514_have_words_and_not_numbers() -> None:
    name = x509.Name([
        x509.NameAttribute(NameOID.COUNTRY_NAME, "ID"), x509.NameAttribute(NameOID.SERIAL_NUMBER, "1900"),
        x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, "NTRID-1"), x509.NameAttribute(NameOID.TITLE, "Kepala"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Contoh, S.H.")])
    assert readable_name(name) == (
        "CN=Contoh\\, S.H.,title=Kepala,organizationIdentifier=NTRID-1,serialNumber=1900,C=ID")
