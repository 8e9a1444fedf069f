"""Of a key that stands twice one reader takes the first value, another the last: nobody signs or believes such a file.

The signer's own part of the file is no exception, since he saw but one of the two.
"""

from __future__ import annotations

import io
import re

import pikepdf
import pytest

from certs import errors
from certs.intake import inspect_upload
from certs.structure import examine
from tests.attacks.craft import closed, facts, update
from tests.attacks.streamed import packed_update


def blank() -> bytes:
    document, output = pikepdf.new(), io.BytesIO()
    document.add_blank_page(page_size=(595, 842))
    document.save(output, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return output.getvalue()


BASE = blank()
with pikepdf.open(io.BytesIO(BASE)) as opened:
    CATALOGUE, PAGES, PAGE = (one.objgen[0] for one in (opened.Root, opened.Root.Pages, opened.pages[0].obj))
NEW = facts(BASE).size


def body(number: int) -> bytes:
    found = re.search(rb"(?<!\d)%d 0 obj\s*(.*?)>>\s*endobj" % number, BASE, re.DOTALL)
    assert found
    return found.group(1)


def stream(entries: bytes) -> bytes:
    return b"<<" + entries + b"/Length 1>>\nstream\n \nendstream"


TWICE = {
    "page box": {PAGE: body(PAGE) + b"/MediaBox[0 0 1 1]>>"},
    "page content, escaped": {PAGE: body(PAGE) + b"/Con#74ents 9 0 R>>"},
    "null": {PAGE: body(PAGE) + b"/MediaBox null>>"},
    "page tree": {CATALOGUE: body(CATALOGUE) + b"/Pages %d 0 R>>" % PAGES},
    "nested": {PAGE: body(PAGE) + b"/Group<</S/Transparency/S/Foo>>>>"},
    "nested in arrays": {PAGE: body(PAGE) + b"/Foo[[<</S/A/S/B>>]]>>"},
    "nested in a stream's dictionary": {NEW: stream(b"/A<</S/A/S/B>>")},
    "where nothing leads to": {NEW: b"<</A 1/A 2>>"},
}


@pytest.mark.parametrize("place", TWICE)
def test_a_key_that_stands_twice_is_found_wherever_it_is_and_refused_before_signing(place: str) -> None:
    pdf = update(BASE, TWICE[place])
    assert "duplicate_keys" in examine(pdf).codes
    with pytest.raises(errors.UploadBroken):
        inspect_upload(pdf)


def test_a_key_that_stood_twice_is_found_though_a_later_update_has_cleared_it_away() -> None:
    later = update(update(BASE, TWICE["page box"]), {PAGE: body(PAGE) + b">>"})
    assert "duplicate_keys" in examine(later).codes


def test_content_that_stands_in_another_file_is_found_and_refused_before_signing() -> None:
    pdf = update(BASE, {NEW: stream(b"/F(http://example/page)"), PAGE: body(PAGE).replace(b"4 0 R", b"%d 0 R" % NEW)
                        + b">>"})
    assert "external_stream" in examine(pdf).codes
    with pytest.raises(errors.UploadHasAttachment):
        inspect_upload(pdf)


def test_the_plain_file_is_explained_and_accepted() -> None:
    assert examine(BASE).findings == ()
    assert inspect_upload(BASE).pages == 1


DISPUTED = {
    "another generation": ({PAGE: body(PAGE).replace(b"4 0 R", b"4 1 R") + b">>"}, "reference_odd"),
    "another generation, zeros before it": ({PAGE: body(PAGE).replace(b"4 0 R", b"04 01 R") + b">>"}, "reference_odd"),
    "a length that is a real": (
        {NEW: b"<</Length %d 0 R>>\nstream\n \nendstream" % (NEW + 1), NEW + 1: b"1.0"}, "stream_length_wrong"),
    "a length that is a reference": (
        {NEW: b"<</Length %d 0 R>>\nstream\n \nendstream" % (NEW + 1), NEW + 1: b"1 0 R"}, "stream_length_wrong"),
    "a page with kids": ({PAGE: body(PAGE) + b"/Kids[%d 0 R]/Count 1>>" % NEW,
                          NEW: body(PAGE).replace(b"4 0 R", b"null") + b">>"}, "parser_complains"),
    "a page that calls itself otherwise": (
        {PAGE: body(PAGE).replace(b"/Type /Page", b"/Type /Foo") + b">>"}, "parser_complains"),
    "content in a list within a list": (
        {PAGE: body(PAGE).replace(b"4 0 R", b"[[4 0 R]]") + b">>"}, "parser_complains"),
    "content in a list with nothing": ({PAGE: body(PAGE).replace(b"4 0 R", b"[4 0 R null]") + b">>"},
                                       "parser_complains"),
    "a page that inherits from elsewhere": (
        {PAGE: body(PAGE).replace(b"/Parent %d 0 R" % PAGES, b"/Parent %d 0 R" % NEW) + b">>",
         NEW: b"<</Type/Pages/Kids[%d 0 R]/Count 1/Rotate 90>>" % PAGE}, "parser_complains"),
    "a page that inherits from nowhere": (
        {PAGE: body(PAGE).replace(b"/Parent %d 0 R" % PAGES, b"") + b">>"}, "parser_complains"),
    "pages that are counted otherwise": (
        {PAGES: body(PAGES).replace(b"/Count 1", b"/Count 0") + b">>"}, "parser_complains"),
}  # fmt: skip


@pytest.mark.parametrize("name", DISPUTED)
def test_what_one_viewer_shows_and_another_does_not_is_found_and_refused_before_signing(name: str) -> None:
    objects, code = DISPUTED[name]
    pdf = update(BASE, objects)
    assert code in examine(pdf).codes
    with pytest.raises((errors.UploadAmbiguous, errors.UploadBroken)):
        inspect_upload(pdf)


def _referring(generation: int) -> dict[int, bytes]:
    return {PAGE: body(PAGE) + b"/PieceInfo<</A %d %d R>>>>" % (NEW, generation)}


def _given_away(pdf: bytes) -> bytes:
    """The file with its new object freed, and another one of its number, of the next generation."""
    freed = closed(pdf, b"xref\n%d 1\n0000000000 00001 f \n" % NEW)
    return closed(freed + b"%d 1 obj\n(baru)\nendobj\n" % NEW, b"xref\n%d 1\n%010d 00001 n \n" % (NEW, len(freed)))


def test_what_an_object_was_once_called_is_said_of_it_only_where_nobody_looks() -> None:
    older = update(BASE, {NEW: b"(lama)"} | _referring(0))
    stale = _given_away(older)
    assert "reference_odd" in examine(stale).codes
    with pytest.raises(errors.UploadAmbiguous):
        inspect_upload(stale)
    assert "reference_odd" not in examine(older).codes
    assert "reference_odd" not in examine(update(stale, _referring(1))).codes


def test_twins_are_refused_before_signing() -> None:
    twin = b"4 0 obj\n<</Length 1>>\nstream\n \nendstream\nendobj\n"
    at = BASE.rindex(b"xref\n0")
    doubled = BASE[:at] + twin + BASE[at:].replace(b"startxref\n%d" % at, b"startxref\n%d" % (at + len(twin)))
    with pytest.raises(errors.UploadAmbiguous, match="object_twice"):
        inspect_upload(doubled)


def test_a_reference_of_another_generation_is_found_in_an_object_stream_and_not_in_a_picture() -> None:
    known = facts(BASE)
    trailer = b"/Root " + known.root + b"/ID " + known.identifier
    for said, is_odd in ((b"[4 1 R]", True), (b"[4 0 R]", False)):
        packed = packed_update(BASE, NEW, trailer, [(900, said)], {900: 0}, own=901)
        assert ("reference_odd" in examine(packed).codes) is is_odd
    picture = b"<</Length 7>>\nstream\n[4 1 R]\nendstream"
    assert "reference_odd" not in examine(update(BASE, {NEW: picture})).codes
