"""A certificate's names as people read them."""

from __future__ import annotations

from typing import Final

from asn1crypto.x509 import Name
from cryptography import x509
from cryptography.x509.oid import NameOID

# RFC 4514 has short names for few attributes and leaves the others as numbers; these are X.520's and PKCS #9's.
_WORDS: Final = {
    NameOID.SERIAL_NUMBER: "serialNumber", NameOID.TITLE: "title", NameOID.GIVEN_NAME: "givenName",
    NameOID.SURNAME: "surname", NameOID.EMAIL_ADDRESS: "emailAddress", NameOID.PSEUDONYM: "pseudonym",
    NameOID.ORGANIZATION_IDENTIFIER: "organizationIdentifier", NameOID.POSTAL_CODE: "postalCode",
    NameOID.BUSINESS_CATEGORY: "businessCategory", NameOID.DN_QUALIFIER: "dnQualifier",
    NameOID.GENERATION_QUALIFIER: "generationQualifier", NameOID.INITIALS: "initials",
    x509.ObjectIdentifier("2.5.4.13"): "description",
}


_LONGEST: Final = 1000
_REPLACEMENT: Final = "\ufffd"


def shown(text: str, longest: int = _LONGEST) -> str:
    """What a file or a certificate calls something, as it may be put on any page, paper or terminal: in one line, and
    without characters that are not seen but turn or hide what stands around them. To be shown, not compared."""
    if not text.isprintable():
        text = "".join(one if one.isprintable() else " " if one.isspace() else _REPLACEMENT for one in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def readable_name(name: x509.Name) -> str:
    """The whole name after RFC 4514, with words for attributes where that has numbers. To be shown, not compared."""
    return shown(name.rfc4514_string(_WORDS))


def readable_serial(number: int) -> str:
    """A certificate's number in whole bytes, lower-case hexadecimal, as other tools print it. To be shown."""
    digits = f"{number:x}"
    return digits.zfill(len(digits) + len(digits) % 2)


def friendly_name(name: Name) -> str:
    """The whole name with long words, as reports have it, also where asn1crypto knows only a number. To be shown."""
    return shown(str(name.human_friendly).replace("2.5.4.13: ", "Description: "))
