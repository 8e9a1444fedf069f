"""Functions of pyHanko and asn1crypto that do the same in less time, put in place of theirs by :func:`install`.

Both libraries are slow where every signature passes: a signature's ``/Contents`` is read one digit at a time, and
names are prepared for comparison (RFC 4518) again and again, letter by letter. Together that is half of what
validating a small document costs. Each function here promises the results and the errors of the one that it stands
for. None keeps anything but bytes and text, since asn1crypto's values are parsed while they are read and must not be
shared by threads.

With :mod:`certs._strict` the only place where others' code is replaced. ``tests/unit/certs/test_swift.py`` compares old
and new on many inputs, and fails when a library changes a function that is replaced here.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from inspect import getattr_static
from typing import IO, Any

from asn1crypto import cms, core, crl, x509
from pyhanko.pdf_utils import generic, misc, reader, xref
from pyhanko.pdf_utils.misc import PDF_DELIMITERS, PDF_WHITESPACE, PdfReadError
from pyhanko.sign import general
from pyhanko.sign.validation import generic_cms
from pyhanko_certvalidator.revinfo import validate_crl

from certs._asn1 import recall_certificate

_BLOCK = 16_384
_WORD = 64
_NO_REGULAR = re.compile(b"[" + re.escape(PDF_WHITESPACE + PDF_DELIMITERS) + b"]")
_PLAIN_NAME = re.compile(rb"[!\"$&'*-.0-;=?-Z\\^-z|~]*")
_PLAIN = re.compile(r"[ -~]*")
_SPACES = re.compile(" +")
_TABLE_BLOCK = 65_536  # bytes of a table of objects; about three thousand
_TABLE = re.compile(rb"[\r\n ]*((?:\d{1,9} \d{1,9} ?[\r\n]+(?:\d{10} \d{5} [nf](?: \r| \n|\r\n))*+)++)"
                    rb"trailer[\r\n ]*+(?=<)")
_SUBSECTION = re.compile(rb"(\d{1,9}) (\d{1,9}) ?[\r\n]+((?:\d{10} \d{5} [nf]..)*+)", re.DOTALL)
_ENTRY = 20  # bytes
_ENCODED = "_encoded_for_comparison"
_SORTED = "_sorted_for_validation"
_NAMED = "_known_to_name"
_LONGEST_END_LINE = 4096
_LINE_END = re.compile(rb"[^\r\n][\r\n]")
_LONGEST_IDENTIFIER = 32  # bytes
_LONGEST_KEPT = 4096  # bytes of a name; no honest one comes near

# What is replaced.
slow_hex_string = generic.read_hex_string_from_stream
slow_prepare = x509.NameTypeAndValue._ldap_string_prep
slow_hashable = x509.Name.hashable.fget
slow_equal = x509.Name.__eq__
slow_match = general.match_issuer_serial
slow_word = misc.read_until_delimiter
slow_name = generic._decode_name
slow_dotted = core.ObjectIdentifier.dotted.fget
slow_table = xref.parse_xref_table
slow_certificates = generic_cms.extract_certs_for_validation
slow_end_line: Any = reader.read_next_end_line
slow_find: Any = validate_crl.find_cert_in_list
slow_check: Any = generic_cms._check_signing_certificate


def read_hex_string(stream: IO[bytes]) -> Any:
    """What lies between ``<`` and the first ``>``, read in blocks; anything but digits and white space is pyHanko's."""
    start = stream.tell()
    stream.seek(start + 1)
    blocks: list[bytes] = []
    while (at := (block := stream.read(_BLOCK)).find(b">")) < 0:
        if not block:
            stream.seek(start)
            return slow_hex_string(stream)
        blocks.append(block)
    blocks.append(block[:at])
    text = b"".join(blocks)
    digits = text.translate(None, PDF_WHITESPACE)
    try:
        value = binascii.unhexlify(digits + b"0" if len(digits) % 2 else digits)
    except binascii.Error:  # a comment, which pyHanko passes over, or nothing that belongs there
        stream.seek(start)
        return slow_hex_string(stream)
    stream.seek(start + 1 + len(text) + 1)
    return generic.pdf_string(value)


def prepare(self: x509.NameTypeAndValue, string: str) -> str:
    """RFC 4518 does no more to printable ASCII than fold its case and its spaces."""
    if _PLAIN.fullmatch(string) is None:
        return str(slow_prepare(self, string))
    return f" {_SPACES.sub('  ', string.lower()).strip()} "


def hashable(self: x509.Name) -> str:
    """The name's prepared form, remembered by its bytes."""
    encoded = _encoded(self)
    if len(encoded) > _LONGEST_KEPT or encoded[:1] != b"\x30":
        return str(slow_hashable(self))
    return _hashable(encoded)


@lru_cache(maxsize=1024)
def _hashable(encoded: bytes) -> str:
    return str(x509.RDNSequence.load(encoded).hashable)


def equal(self: x509.Name, other: object) -> bool:
    """RFC 5280 7.1. Names of the same bytes are equal, if they can be prepared at all."""
    if not isinstance(other, x509.Name):
        return False
    one = _encoded(self)
    two = one if other is self else _encoded(other)
    if max(len(one), len(two)) > _LONGEST_KEPT or one[:1] != b"\x30" or two[:1] != b"\x30":
        return bool(slow_equal(self, other))
    if one == two:
        _hashable(one)  # as there, a name that cannot be prepared raises ValueError
        return True
    return _equal(one, two)


def _encoded(name: x509.Name) -> bytes:
    """Its bytes, asked once a name: asn1crypto looks through all its parts each time whether one was changed. It keeps
    a name's hashes in the same way, so names are not to be changed once they were looked at."""
    found: bytes | None = name.__dict__.get(_ENCODED)
    if found is None:
        found = name.__dict__[_ENCODED] = name.chosen.dump()
    return found


@lru_cache(maxsize=1024)
def _equal(one: bytes, two: bytes) -> bool:
    return bool(x509.RDNSequence.load(one) == x509.RDNSequence.load(two))


def match_issuer_serial(expected: Any, cert: x509.Certificate) -> bool:
    """The serial number first: names are long, and most certificates at hand are others."""
    if expected["serial_number"] != cert["tbs_certificate"]["serial_number"]:
        return False
    return bool(slow_match(expected, cert))


def read_word(stream: IO[bytes]) -> bytes:
    """Up to white space or a delimiter, which stays unread."""
    start = stream.tell()
    block = stream.read(_WORD)
    found = _NO_REGULAR.search(block)
    if found is None:  # long, or the end of the file
        stream.seek(start)
        return bytes(slow_word(stream))
    stream.seek(start + found.start())
    return block[:found.start()]


def decode_name(raw: bytes) -> generic.NameObject:
    """A name of printable ASCII without escapes is what it says."""
    if _PLAIN_NAME.fullmatch(raw) is None:
        return slow_name(raw)
    return generic.NameObject("/" + raw.decode("ascii"))


def dotted(self: core.ObjectIdentifier) -> str:
    """An object identifier's numbers, remembered by its bytes."""
    if self._dotted is None:
        raw = self.contents
        self._dotted = _dotted(raw) if isinstance(raw, bytes) and len(raw) <= _LONGEST_IDENTIFIER else slow_dotted(self)
    return str(self._dotted)


@lru_cache(maxsize=1024)
def _dotted(raw: bytes) -> str:
    return str(slow_dotted(core.ObjectIdentifier(contents=raw)))


def read_table(stream: IO[bytes], strict: bool) -> Iterator[xref.XRefEntry]:
    """A table of objects of which every line is as the standard has it, in one piece; any other is pyHanko's."""
    start = stream.tell()
    found = _TABLE.match(stream.read(_TABLE_BLOCK))
    subsections = [] if found is None else [
        (int(first), int(size), lines) for first, size, lines in _SUBSECTION.findall(found[1])]
    if found is None or any(len(lines) != size * _ENTRY for _, size, lines in subsections):
        stream.seek(start)
        yield from slow_table(stream, strict)
        return
    for first, _, lines in subsections:
        for at in range(0, len(lines), _ENTRY):
            is_used = lines[at + 17:at + 18] == b"n"
            entry = object.__new__(xref.XRefEntry)
            entry.__dict__.update(
                xref_type=xref.XRefType.STANDARD if is_used else xref.XRefType.FREE,
                location=int(lines[at:at + 10]) if is_used else None,
                idnum=first + at // _ENTRY, generation=int(lines[at + 11:at + 16]))
            yield entry
    stream.seek(start + found.end())


def read_end_line(stream: IO[bytes]) -> bytes:
    """The line that ends here. pyHanko reads backwards a byte at a time, for seconds where a line or the empty ones
    before it have millions, and for ever where the file begins with them: what is longer than the end of any PDF is
    refused unread, the one case in which the result is another."""
    here = stream.tell()
    for longest in (_WORD, _LONGEST_END_LINE):  # few lines at the end are longer than a word
        before = min(here, longest)
        stream.seek(here - before)
        block = stream.read(before + 1)
        stream.seek(here)
        if _LINE_END.search(block) is not None:
            return bytes(slow_end_line(stream))
    if before == _LONGEST_END_LINE or b"\n" in block or b"\r" in block:
        raise PdfReadError("EOL marker not found")
    return bytes(slow_end_line(stream))


def certificates_for_validation(signed_data: cms.SignedData) -> general.SignedDataCerts:
    """Sorted out once a container; those of authorities that the trust store has, and of signers who were met before
    and believed, are not parsed once more."""
    found: general.SignedDataCerts | None = signed_data.__dict__.get(_SORTED)
    if found is None:
        for choice in signed_data["certificates"] or ():
            known = recall_certificate(choice.dump())
            if known is not None and choice.name == "certificate":
                choice._parsed = known
        found = signed_data.__dict__[_SORTED] = slow_certificates(signed_data)
    return found


def check_signing_certificate(cert: x509.Certificate, signed_attrs: cms.CMSAttributes) -> None:
    """Not twice in a row for the same attributes, by their bytes; what does not hold is asked again."""
    content = signed_attrs.contents
    if content is None or cert.__dict__.get(_NAMED) != content:
        slow_check(cert, signed_attrs)
        cert.__dict__[_NAMED] = content


def find_in_list(cert: Any, issuer: x509.Name, listed: crl.CertificateList, authority: x509.Name) -> Any:
    """Since when and why a list revokes a certificate, or twice None; where its number is nowhere in the list's bytes
    no entry is looked at, nor is whatever may be wrong with one."""
    number = cert["tbs_certificate"]["serial_number"].dump() if isinstance(cert, x509.Certificate) else b""
    return slow_find(cert, issuer, listed, authority) if number in listed.contents else (None, None)


_PLACES: tuple[tuple[Any, str, Any], ...] = (
    (generic, "read_hex_string_from_stream", read_hex_string),
    (generic, "read_until_delimiter", read_word),
    (generic, "_decode_name", decode_name),
    (xref, "parse_xref_table", read_table),
    (reader, "read_next_end_line", read_end_line),
    (general, "match_issuer_serial", match_issuer_serial),
    (generic_cms, "extract_certs_for_validation", certificates_for_validation),
    (core.ObjectIdentifier, "dotted", property(dotted)),
    (x509.NameTypeAndValue, "_ldap_string_prep", prepare),
    (x509.Name, "hashable", property(hashable)),
    (x509.Name, "__eq__", equal),
    (validate_crl, "find_cert_in_list", find_in_list),
    (generic_cms, "_check_signing_certificate", check_signing_certificate),
)


_SHIPPED = tuple((owner, name, getattr_static(owner, name)) for owner, name, _ in _PLACES)


def install() -> None:
    """Put them in place, for the whole process; again does nothing more."""
    _put(_PLACES)


@contextmanager
def as_shipped() -> Iterator[None]:
    """The libraries as they are without us, in the whole process, while the block lasts: to be measured against."""
    _put(_SHIPPED)
    try:
        yield
    finally:
        _put(_PLACES)


def _put(functions: tuple[tuple[Any, str, Any], ...]) -> None:
    for owner, name, function in functions:
        setattr(owner, name, function)
