"""What a viewer shows who searches the bytes: objects that nobody uses, in what was signed.

Seen with them when they passed: Poppler, which searches as soon as something is referred to that is not there, or
where the kinds of a cross-reference stream are of more than four bytes; it and MuPDF where ``startxref`` is not in the
last kilobyte; pdf.js where a form feed stands behind it. MuPDF and PDFium, once they search, take the objects out of
every stream that holds some, also where no cross-reference data leads into it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import pikepdf

from tests.attacks.craft import EMPTY_TABLE, Attack, Sample, attack, closed, facts, same_trailer, serialised, update
from tests.attacks.searched import _certificate, _content, _with_store, stored

_VAIN = 900


def attacks(sample: Sample) -> Iterator[Attack]:
    from tests.attacks.conftest import request

    for name, page in _pages(sample.page):
        yield attack(name, sample.world.sign(request(sample.world, certify=False), page).pdf, page, "object_hidden")
    pdf = sample.plain
    honest = stored(pdf, _certificate(b"x"))
    for name, gap in {"a form feed": b"\x0c", "many blanks": b" " * 1015}.items():
        bent = honest.replace(b"startxref\n%d" % facts(honest).startxref, b"startxref\n%s%d" % (
            gap, facts(honest).startxref))
        yield attack(f"{name} behind startxref", bent, pdf, "xref_untidy")
    yield attack("kinds of five bytes", _wide(pdf), pdf, "xref_untidy")
    yield attack("a table that begins with a free object 1", *_shifted(sample))


def _pages(page: bytes) -> Iterator[tuple[str, bytes]]:
    """What is drawn up before it is signed."""
    number, forged = _content(page)
    known = facts(page)
    with pikepdf.open(io.BytesIO(page), inherit_page_attributes=False) as document:
        root, catalogue = document.Root.objgen[0], document.Root.unparse(resolved=True).rstrip()[:-2]
    vain = catalogue + b"/URI %d 0 R>>" % _VAIN
    twin = b"\n%d 0 obj\n%s\nendobj\n" % (number, forged)
    stream = b"<</Length %d>>\nstream\n%s\nendstream"
    yield "another content in a stream", update(page, {known.size: stream % (len(twin), twin), root: vain})
    yield "another content in a text", update(page, {known.size: b"(%s)" % twin, root: vain})
    trailer = b"\ntrailer\n<</Root %d 0 R>>\n" % known.size
    yield "a trailer in a stream", update(page, {known.size: stream % (len(trailer), trailer)})
    words = b"1 obj " * 10_001
    yield "too many words to look at", update(page, {known.size: stream % (len(words), words)})
    loose = b"\n%d 0 obj\n%s\nendobj\n"
    yield "a forgotten object that is referred to", update(page, {root: vain}, between=loose % (_VAIN, forged))
    freed = closed(update(page, {known.size: forged}), b"xref\n%d 1\n0000000000 00001 f \n" % known.size)
    yield "a freed object that is referred to", update(
        freed, {root: catalogue + b"/URI %d 0 R>>" % known.size})
    packed = b"<</Type/ObjStm/N 1/First 6/Length 10>>\nstream\n%d 0 null\nendstream" % _VAIN
    yield "a forgotten stream of objects", update(page, {}, between=loose % (_VAIN + 1, packed))
    yield "a stream of objects in the table, into which nothing leads", update(page, {known.size: packed})
    yield "a stream of places in the table, which is no section", update(
        page, {known.size: packed.replace(b"ObjStm", b"#58Ref")})
    yield "a stream of objects whose type is kept elsewhere", update(
        page, {known.size: packed.replace(b"/ObjStm", b" %d 0 R" % (known.size + 1)), known.size + 1: b"/ObjStm"})


def _wide(pdf: bytes) -> bytes:
    """An update that adds an empty store, by a stream whose rows are wider than they need be."""
    known = facts(pdf)
    own = known.size
    root, catalogue = _with_store(pdf, own)
    written, places = serialised({root: catalogue.replace(b"%d 0 R" % own, b"")}, len(pdf))
    at = len(pdf) + len(written)
    rows = b"".join((1).to_bytes(5, "big") + place.to_bytes(4, "big") + b"\0" for place in (places[root], at))
    head = b"%d 0 obj\n<</Type/XRef/Size %d/W[5 4 1]/Index[%d 1 %d 1]/Root %s%s/Prev %d/Length %d>>\nstream\n%s" % (
        own, own + 1, root, own, known.root, same_trailer(known), known.startxref, len(rows), rows)
    return pdf + written + head + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % at


def _shifted(sample: Sample) -> tuple[bytes, bytes, str]:
    """A store in a file whose object 1 is free; the table of the update says so first."""
    from tests.attacks.conftest import request

    objects = {2: b"<</Type/Catalog/Pages 3 0 R>>", 3: b"<</Type/Pages/Kids[4 0 R]/Count 1>>",
               4: b"<</Type/Page/Parent 3 0 R/MediaBox[0 0 595 842]>>"}
    head = b"%PDF-1.7\n"
    written, places = serialised(objects, len(head))
    rows = b"".join(b"%010d 00000 n \n" % places[one] for one in sorted(places))
    page = head + written + b"xref\n0 5\n0000000001 65535 f \n0000000000 65535 f \n%s" % rows
    page += b"trailer\n<</Size 5/Root 2 0 R/ID[<00><00>]>>\nstartxref\n%d\n%%%%EOF\n" % len(head + written)
    pdf = sample.world.sign(request(sample.world, certify=False), page).pdf
    honest = stored(pdf, _certificate(b"x"))
    shifted = honest[len(pdf):].replace(EMPTY_TABLE + b"2 1\n", b"xref\n1 2\n0000000000 65535 f \n")
    return pdf + shifted, pdf, "xref_untidy"
