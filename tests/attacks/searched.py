"""What a viewer shows who finds the cross-reference data damaged and searches the bytes: objects that were laid there.

Each file but the last few adds validation data and nothing else, as whoever follows the tables sees it. Seen with them
when they passed: PDFium (rows of 19 bytes), MuPDF (two blanks, a stream's ``/XRefStm``), pdf.js (an object 0 in use,
a certificate that holds an object).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime

import pikepdf
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from tests.attacks.craft import Attack, Sample, attack, body, closed, facts, overlay, serialised, update
from tests.attacks.streamed import packed_update

_FREE = b"0000000000 65535 f \n"


def attacks(sample: Sample) -> Iterator[Attack]:
    pdf = sample.plain
    content, forged = _content(sample.page)
    for name, laid in {
        "an object": b"\n%d 0 obj\n%s\nendobj\n" % (content, forged),
        "an object behind a comment": b"\n%d 0%%%s\nobj\n%s\nendobj\n" % (content, b"x" * 900, forged),
        "an object, numbers apart": b"%d\x00\x000%%x\robj<<>>endobj\n" % content,
        "a trailer": b"\ntrailer\n<</Root %d 0 R>>\n" % content,
    }.items():
        yield attack(f"{name} in a certificate", stored(pdf, _certificate(laid)), pdf, "object_hidden")
    honest = stored(pdf, _certificate(b"x"))
    for name, old, new in (
        ("object 0 in use", _FREE, b"%010d 00000 n \n" % len(pdf)),
        ("rows of 19 bytes", b" 00000 n \n", b" 00000 n\n"),
        ("two blanks", b"xref\n0 1\n", b"xref\n0  1\n"),
        ("an empty part", b"xref\n0 1\n", b"xref\n0 0\n0 1\n"),
        ("an empty line", b"xref\n0 1\n", b"xref\n\n0 1\n"),
    ):
        bent = pdf + honest[len(pdf) :].replace(old, new)
        yield attack(name, bent, pdf, "xref_untidy")
    yield attack("a hybrid part of a stream", beside_a_stream(pdf), pdf, "xref_malformed")
    yield from _linearised(sample)
    yield from _twins(sample, content, forged)


def _content(pdf: bytes) -> tuple[int, bytes]:
    """The first page's content, and what the forger would have there."""
    with pikepdf.open(io.BytesIO(pdf)) as document:
        text = overlay("Palsu")
        return document.pages[0].obj.Contents.objgen[0], b"<</Length %d>>\nstream\n%s\nendstream" % (len(text), text)


def _certificate(within: bytes) -> bytes:
    """A certificate that holds these bytes in an extension that nobody knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Siapa saja")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 5, datetime(2026, 1, 1, tzinfo=UTC),
                                      datetime(2027, 1, 1, tzinfo=UTC))
    extended = builder.add_extension(x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), within), critical=False)
    return extended.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def _with_store(pdf: bytes, number: int) -> tuple[int, bytes]:
    with pikepdf.open(io.BytesIO(pdf), inherit_page_attributes=False) as document:
        return document.Root.objgen[0], body(document.Root).rstrip()[:-2] + b"/DSS<</Certs[%d 0 R]>>>>" % number


def stored(pdf: bytes, certificate: bytes) -> bytes:
    """The file with a certificate in its security store."""
    number = facts(pdf).size
    root, catalogue = _with_store(pdf, number)
    held = b"<</Length %d>>\nstream\n%s\nendstream" % (len(certificate), certificate)
    return update(pdf, {number: held, root: catalogue})


def beside_a_stream(pdf: bytes) -> bytes:
    """A cross-reference stream that names another one beside it, as only tables may."""
    free = facts(pdf).size
    root, catalogue = _with_store(pdf, free + 5)
    known = facts(pdf)
    trailer = b"/Root %s/Info %s/ID %s/XRefStm %d" % (known.root, known.info, known.identifier, known.startxref)
    return packed_update(pdf, free, trailer, [(root, catalogue.replace(b"%d 0 R" % (free + 5), b""))], {root: 0})


def _linearised(sample: Sample) -> Iterator[Attack]:
    """What calls itself linearised, once its length is as long as it says, begins for some with other tables."""
    from tests.attacks.conftest import request

    for name, told in (("whose length is signed", 0), ("whose length an update makes true", 1)):
        length, certificate = 0, _certificate(b"x")
        for _ in range(9):  # until it tells its own length
            page = _in_name_only(length)
            pdf = sample.world.sign(request(sample.world, certify=False), page).pdf
            made = stored(pdf, certificate) if told else pdf
            if len(made) == length:
                break
            length = len(made)
        assert len(made) == length
        yield attack(f"a linearised one, {name}", made, pdf if told else page, "xref_disagrees")


def _in_name_only(length: int) -> bytes:
    """A page behind the head of a linearised file."""
    objects = [b"<</Linearized 1/L %010d/O 4/E 900/N 1/T 900/H[800 20]>>" % length,
               b"<</Type/XRef/Size 1/Root 3 0 R/W[1 4 2]/Length 7>>\nstream\n\0\0\0\0\0\0\0\nendstream",
               b"<</Type/Catalog/Pages 5 0 R>>", b"<</Type/Page/Parent 5 0 R/MediaBox[0 0 595 842]>>",
               b"<</Type/Pages/Kids[4 0 R]/Count 1>>"]
    head = b"%PDF-1.7\n"
    written, places = serialised(dict(enumerate(objects, 1)), len(head))
    rows = b"".join(b"%010d 00000 n \n" % places[number] for number in sorted(places))
    tail = b"xref\n0 6\n%s%strailer\n<</Size 6/Root 3 0 R/ID[<00><00>]>>\nstartxref\n%d\n%%%%EOF\n"
    return head + written + tail % (_FREE, rows, len(head + written))


def _twins(sample: Sample, content: int, forged: bytes) -> Iterator[Attack]:
    """Two objects with one number in what was signed, the one that is not used last."""
    from tests.attacks.conftest import request

    twin = b"\n%d 0 obj\n%s\nendobj\n" % (content, forged)
    page = update(sample.page, {}, between=twin)
    pdf = sample.world.sign(request(sample.world, certify=False), page).pdf
    yield attack("a twin", pdf, page, "object_twice")
    yield attack("a twin, and a store", stored(pdf, _certificate(b"x")), page, "object_twice")
    written, places = serialised({content: forged}, len(sample.page))
    back = closed(sample.page + written, b"xref\n%d 1\n%010d 00000 n \n" % (content, places[content]))
    restored = closed(back, b"xref\n%d 1\n%010d 00000 n \n" % (content, _place(sample.page, content)))
    signed = sample.world.sign(request(sample.world, certify=False), restored).pdf
    yield attack("a twin that was in use", signed, restored, "object_twice")
    with pikepdf.open(io.BytesIO(sample.page)) as document:
        info, said = document.trailer.Info.objgen[0], document.trailer.Info.unparse(resolved=True)
    known = facts(sample.page)
    trailer = b"/Root %s/Info %s/ID %s" % (known.root, known.info, known.identifier)
    pairs = [(info, said.replace(b"Contoh", b"PALSU!")), (known.size + 5, b"1")]
    packed = packed_update(sample.page, known.size, trailer, pairs, {known.size + 5: 1}, own=known.size + 6)
    signed = sample.world.sign(request(sample.world, certify=False), packed).pdf
    yield attack("a twin in an object stream", signed, packed, "object_twice")


def _place(pdf: bytes, number: int) -> int:
    with pikepdf.open(io.BytesIO(pdf)) as document:
        return int(document.get_xref_table()[(number, 0)].offset)
