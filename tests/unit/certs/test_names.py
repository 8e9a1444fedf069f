"""Names of certificates are shown in words, and do no harm where they are shown."""

from __future__ import annotations

import pytest
from asn1crypto.x509 import Name
from cryptography import x509
from cryptography.x509.oid import NameOID

from certs.names import friendly_name, readable_name, readable_serial, shown
from certs.pades import SignedDocument
from certs.validation import identity_of, validate_pdf
from tests.unit.certs.conftest import World
from tests.unit.certs.crafted import DAY, issue, new_key, replaced

_ODD = "\u202eamatU iraS\u200f\nditandatangani oleh Gubernur\x1b[2J\x00"


def test_attributes_beyond_rfc_4514_have_words_and_not_numbers() -> None:
    name = x509.Name([
        x509.NameAttribute(NameOID.COUNTRY_NAME, "ID"), x509.NameAttribute(NameOID.SERIAL_NUMBER, "1900"),
        x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, "NTRID-1"), x509.NameAttribute(NameOID.TITLE, "Kepala"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Contoh, S.H.")])
    assert readable_name(name) == (
        "CN=Contoh\\, S.H.,title=Kepala,organizationIdentifier=NTRID-1,serialNumber=1900,C=ID")


def test_what_is_not_seen_but_acts_is_replaced_and_what_is_long_is_cut() -> None:
    assert shown("Sari Contoh, S.H. – Çelik") == "Sari Contoh, S.H. – Çelik"
    assert shown(_ODD) == "\ufffdamatU iraS\ufffd ditandatangani oleh Gubernur\ufffd[2J\ufffd"
    assert shown("a\u0301" * 5000, 200).endswith("…")
    assert len(shown("a\u0301" * 5000, 200)) == 200


def test_a_name_in_a_signature_turns_no_page_and_clears_no_terminal(world: World, signed: SignedDocument) -> None:
    issuer = issue(_ODD, new_key(), None, world.now - DAY, world.now + DAY, is_authority=True)
    signer = issue(_ODD, world.key, issuer, world.now - DAY, world.now + DAY)
    report = validate_pdf(replaced(signed.pdf, signer, (issuer,)), world.trust(), world.later)
    (one,) = report.signatures
    assert one.signer_name == shown(_ODD)
    assert "Gubernur" in one.signer_dn
    for text in (one.signer_name, one.signer_dn, one.issuer, one.field_name, one.message, report.explanation):
        assert text.isprintable()
    assert (one.issuer, one.serial) == identity_of(signer.certificate)


def test_a_description_has_its_word_in_the_long_form_too() -> None:
    name = x509.Name([x509.NameAttribute(x509.ObjectIdentifier("2.5.4.13"), "Tanda Tangan Elektronik"),
                      x509.NameAttribute(NameOID.COMMON_NAME, "Contoh")])
    assert friendly_name(Name.load(name.public_bytes())) == "Common Name: Contoh, Description: Tanda Tangan Elektronik"


@pytest.mark.parametrize(("number", "shown"), [(0, "00"), (0xA, "0a"), (0x1F, "1f"), (0xABC, "0abc")])
def test_serial_numbers_are_shown_in_whole_bytes(number: int, shown: str) -> None:
    assert readable_serial(number) == shown
