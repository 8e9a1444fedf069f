"""Swifter functions in place of the libraries': they say the same, and notice when what they replace changes."""

from __future__ import annotations

import hashlib
import inspect
import random
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from asn1crypto import cms, core, crl, x509
from cryptography.x509 import ReasonFlags
from pyhanko.pdf_utils import generic, misc
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader

from certs import _swift
from certs._asn1 import known_certificate, to_asn1
from certs.ca import Revocation, build_crl
from certs.pades import SignedDocument
from tests.unit.certs.conftest import World

# Where one of these changes: read what changed, follow it in certs/_swift.py, then write the new digest here.
_UPSTREAM = {
    "slow_hex_string": "2004d63b8e1ce3d9",
    "slow_prepare": "1e534b7794dcfc3f",
    "slow_hashable": "5f59e0d1a65a619e",
    "slow_equal": "7b7709c4f15eba0b",
    "slow_match": "4d729b369bc28106",
    "slow_word": "1c951935fdb8d4b7",
    "slow_name": "963405df0a1e5d06",
    "slow_dotted": "fa158b8ff92e03a3",
    "slow_table": "f8538c1b53dac4d9",
    "slow_certificates": "5d3207f7a0b9b3d2",
    "slow_end_line": "e1df797f1d7427e7",
    "slow_find": "440272e218a4c3f6",
    "slow_check": "206b8ce32013249f",
}


@pytest.mark.parametrize("name", sorted(_UPSTREAM))
def test_what_is_replaced_is_what_was_read(name: str) -> None:
    source = inspect.getsource(getattr(_swift, name))
    assert hashlib.sha256(source.encode()).hexdigest()[:16] == _UPSTREAM[name]


def test_they_are_in_place() -> None:
    _swift.install()
    for owner, name, function in _swift._PLACES:
        assert inspect.getattr_static(owner, name) is function
    with _swift.as_shipped():
        assert misc.read_until_delimiter is inspect.getattr_static(generic, "read_until_delimiter") is _swift.slow_word
        assert x509.Name.__eq__ is _swift.slow_equal
    assert x509.Name.__eq__ is _swift.equal


def outcome(work: Callable[..., Any], *given: object) -> tuple[str, Any]:
    try:
        return "value", work(*given)
    except (PdfError, ValueError) as error:
        return type(error).__name__, str(error)


def read(function: Callable[[BytesIO], Any], data: bytes) -> tuple[Any, ...]:
    stream = BytesIO(data)
    kind, value = outcome(function, stream)
    original = getattr(value, "original_bytes", value)
    return kind, type(value), original, stream.tell() if kind == "value" else None


def hexadecimal() -> list[bytes]:
    chance = random.Random(7)
    words = [b"", b"4", b"41", b"4 1", b"41\n42", b"feff0041", b"4%41>\n2", b"%>", b"4G", b"4)", b"<41", b"\x0b41",
             b"30" * 9000, b"3 0\n" * 9000, b"0" * 16_383, b"0" * 16_384, b"0" * 16_385, b"00\x0000"]
    words += [bytes(chance.choices(b"0123456789abcdefABCDEF \n\r\t\x00%>G", k=chance.randrange(12)))
              for _ in range(3000)]
    return [b"<" + word + end for word in words for end in (b">", b"> /Next 1", b"")]


def test_hexadecimal_strings_are_read_alike() -> None:
    for data in hexadecimal():
        assert read(_swift.read_hex_string, data) == read(_swift.slow_hex_string, data), data[:40]


def test_a_string_is_read_from_where_it_stands() -> None:
    stream = BytesIO(b"/Contents <4142> /M")
    stream.seek(10)
    assert _swift.read_hex_string(stream) == "AB"
    assert stream.read() == b" /M"


def test_words_and_names_are_read_alike() -> None:
    chance = random.Random(3)
    words = [bytes([number]) for number in range(256)] + [b"A" + bytes([number]) + b"B" for number in range(256)]
    words += [b"", b"Type", b"A#20B", b"A#2", b"A#zz", b"x" * 63, b"x" * 64, b"x" * 65, b"x" * 5000]
    words += [bytes(chance.choices(b"abZ09#+-.<>()/% \n", k=chance.randrange(9))) for _ in range(2000)]
    for word in words:
        assert outcome(_swift.decode_name, word) == outcome(_swift.slow_name, word), word
        for end in (b"", b" ", b"/Next", b">>" + b"x" * 200, b"\r\n" + b"y" * 200):
            assert read(_swift.read_word, word + end) == read(_swift.slow_word, word + end), word


def tables() -> list[bytes]:
    chance = random.Random(13)
    lines = [b"0000000000 65535 f \n", b"0000000015 00000 n\r\n", b"0000000199 00003 n \r", b"0000000001 99999 n \n"]
    odd = [b"0000000015 00000 n\n", b"       15 00000 n \n", b"0000000015 00000 x \n", b"\r0000000015 00000 n \n", b"",
           b"0000000015 00000 nn\n", b"00000000150 00000 n\n", b"000000001a 00000 n \n", b"trailer", b"%"]
    made = [b"0 0\n", b"0 1\n" + lines[0],
            b"0 4\r\n" + b"".join(lines), b"5 2 \n" + lines[1] * 3, b"5 3\n" + lines[1] * 2,
            b"\n 7 1\n" + lines[1] + b"9 2\n" + lines[1] * 2, b"0 1\n\n" + lines[0], b"+1 1\n" + lines[1],
            b"0 3300\n" + lines[1] * 3300, b"1 1 % a\n" + lines[1], b"1\n1\n" + lines[1], b"1 1" + lines[1]]
    for _ in range(3000):
        some = chance.choices(lines, k=chance.randrange(6))
        if chance.random() < 0.5:
            some.insert(chance.randrange(len(some) + 1), chance.choice(odd))
        size = len(some) + chance.choice((0, 0, 0, 0, 1, -1))
        made.append(b"%d %d\n" % (chance.randrange(9), max(size, 0)) + b"".join(some))
    ends = (b"trailer\n<</Size 4>>",
            b"trailer<<>>", b"trailer %x\n<<>>", b"trailer", b"trailer\n", b"1 1\n" + lines[0], b"")
    return [one + end for one in made for end in ends]


def test_tables_of_objects_are_read_alike() -> None:
    def told(function: Callable[[BytesIO, bool], Any], data: bytes, strict: bool) -> tuple[Any, ...]:
        stream, found = BytesIO(b"xref" + data), []
        stream.seek(4)
        try:
            for one in function(stream, strict):
                found.append(one)
        except (PdfError, ValueError, IndexError) as error:
            return found, type(error), str(error)
        return found, None, stream.tell()

    quick = 0
    for data in tables():
        for strict in (True, False):
            one, two = told(_swift.read_table, data, strict), told(_swift.slow_table, data, strict)
            assert one == two, (data[:200], strict)
            quick += one[1] is None
    assert quick > 5000


def test_lines_at_the_end_are_read_alike() -> None:
    chance = random.Random(9)
    endings = [bytes(chance.choices(b"%EOF79startxref\r\n", k=chance.randrange(40))) for _ in range(2000)]
    endings += [b"x" * 4000 + b"\n%%EOF", b"x\n" + b"7" * 4094, b"x", b""]
    for data in endings:
        if data[:1] in {b"\r", b"\n"}:  # where pyHanko may look for ever
            continue
        one, two = BytesIO(data), BytesIO(data)
        for stream in (one, two):
            stream.seek(max(0, len(data) - 1))
        told = outcome(_swift.read_end_line, one), outcome(_swift.slow_end_line, two)
        assert told[0] == told[1], data
        assert told[0][0] != "value" or one.tell() == two.tell(), data


@pytest.mark.parametrize("data", [b"%%EOF\n" + b"x" * 9000, b"%%EOF" + b"\n" * 9000, b"\r\n" * 9, b"\n", b"\nx"])
def test_what_ends_no_pdf_is_refused_unread(data: bytes) -> None:
    stream = BytesIO(data)
    stream.seek(-1, 2)
    assert outcome(_swift.read_end_line, stream) == ("PdfReadError", "EOL marker not found")


def test_object_identifiers_are_numbered_alike() -> None:
    chance = random.Random(5)
    raws = [b"", b"\x80", b"*\x86H\x86\xf7\r\x01\x01\x0b", b"U\x04\x03", b"\x01" * 40]
    raws += [chance.randbytes(chance.randrange(1, 40)) for _ in range(2000)]
    for raw in raws:
        one, two = core.ObjectIdentifier(contents=raw), core.ObjectIdentifier(contents=raw)
        assert _swift.dotted(one) == _swift.slow_dotted(two)


def test_values_are_prepared_alike() -> None:
    one, chance = x509.NameTypeAndValue(), random.Random(11)
    texts = [chr(number) for number in range(0x500)] + [f"a {chr(number)}  B" for number in range(0x500)]
    texts += ["", " ", "  A  b ", "Dinas Pendidikan", "\u202eabc", "\u05d0a", "\ue000", "ÅSTRÖM", "\ufb01n"]
    texts += ["".join(chance.choices("aB  zß\u0130\u00ad~\x7f\t", k=8)) for _ in range(2000)]
    for text in texts:
        assert outcome(_swift.prepare, one, text) == outcome(_swift.slow_prepare, one, text), repr(text)


def names() -> list[x509.Name]:
    written = [
        {"common_name": "Contoh Pertama"}, {"common_name": "contoh  pertama"}, {"common_name": "Contoh Kedua"},
        {"common_name": "Contoh Pertama", "country_name": "ID"}, {"organization_name": "Contoh Pertama"},
        {"country_name": "ID", "organization_name": "Nusa Mandala", "common_name": "Akar"},
        {"common_name": "ÅSTRÖM"}, {"common_name": "åström"}, {"common_name": "\ue000"}, {"common_name": "\u202ex"},
        {"common_name": "x" * 5000},
    ]
    built = [x509.Name.build(one) for one in written]
    built += [x509.Name.build(one, use_printable=True) for one in written[:4]]
    texts = [x509.DirectoryString("utf8_string", core.UTF8String(one)) for one in ("Contoh Kedua", "Contoh Pertama")]
    twice = x509.RelativeDistinguishedName([
        x509.NameTypeAndValue({"type": "common_name", "value": one}) for one in texts])
    built += [x509.Name("", x509.RDNSequence([twice])), x509.Name("", x509.RDNSequence([]))]
    tagged = [x509.GeneralName("directory_name", one).chosen for one in built]
    return [*built, *[x509.Name.load(one.dump()) for one in built], *tagged]


def test_names_are_compared_alike() -> None:
    everything = names()
    for one in everything:
        assert outcome(_swift.hashable, one) == outcome(_swift.slow_hashable, one)
        for two in everything:
            assert outcome(_swift.equal, one, two) == outcome(_swift.slow_equal, one, two), (one.native, two.native)
    assert not _swift.equal(everything[0], "Contoh Pertama")


def test_issuer_and_serial_number_are_matched_alike(world: World) -> None:
    certificates = [to_asn1(one) for one in (world.certificate, *world.pki.chain)]
    for one in certificates:
        for two in certificates:
            for serial in (one.serial_number, two.serial_number):
                expected = cms.IssuerAndSerialNumber({"issuer": one.issuer, "serial_number": serial})
                assert _swift.match_issuer_serial(expected, two) is _swift.slow_match(expected, two)


def test_lists_are_searched_alike(world: World) -> None:
    signer, issuer = to_asn1(world.certificate), to_asn1(world.pki.issuing.certificate)
    number = signer.serial_number
    for revoked in ((), (number + 1,), (number,), (number + 1, number), (number // 256,)):
        entries = [Revocation(one, world.now, ReasonFlags.key_compromise) for one in revoked]
        listed = crl.CertificateList.load(build_crl(world.pki.issuing, entries, world.now, world.later))
        asked = (signer, issuer.subject, listed, issuer.subject)
        fast, slow = _swift.find_in_list(*asked), _swift.slow_find(*asked)
        assert fast[0] == slow[0]
        assert (fast[1] and fast[1].native) == (slow[1] and slow[1].native)
        assert (fast[0] is not None) is (number in revoked)


def test_attributes_name_a_certificate_alike(world: World, signed: SignedDocument) -> None:
    (info,) = PdfFileReader(BytesIO(signed.pdf)).embedded_signatures[0].signed_data["signer_infos"]
    own, other = (x509.Certificate.load(to_asn1(one).dump())
                  for one in (world.certificate, world.pki.issuing.certificate))
    plain, nothing = info["signed_attrs"].untag(), cms.CMSAttributes([])
    for certificate, attributes in ((own, plain), (own, plain), (other, plain), (other, plain), (own, nothing),
                                    (own, plain), (other, nothing), (x509.Certificate.load(own.dump()),
                                                                     cms.CMSAttributes())):
        fast = outcome(_swift.check_signing_certificate, certificate, attributes)
        assert fast == outcome(_swift.slow_check, certificate, attributes)
    assert outcome(_swift.check_signing_certificate, other, plain) != outcome(_swift.slow_check, own, plain)


def test_certificates_of_a_signature_are_sorted_alike(world: World, signed: SignedDocument) -> None:
    container = PdfFileReader(BytesIO(signed.pdf)).embedded_signatures[0].signed_data
    known_certificate(to_asn1(world.pki.issuing.certificate).dump())
    fast, slow = _swift.certificates_for_validation(container), _swift.slow_certificates(container)
    assert fast.signer_cert.dump() == slow.signer_cert.dump()
    assert [one.dump() for one in fast.other_certs] == [one.dump() for one in slow.other_certs] != []
    assert _swift.certificates_for_validation(container) is fast
