"""The page that is added to an uploaded document."""

from __future__ import annotations

import hashlib
import io
import re
import zlib
from dataclasses import replace
from datetime import date
from typing import Any

import pikepdf
import pytest

from certs.anatomy.vain import said_numbers
from svc.rendering import RenderFailed, StampRequest
from tests.support.renderings import OFFICE, OTHER, RENDERER, SIGNER, URL, qpdf_complaints, squeeze, text_of


def stamp_request(**changes: Any) -> StampRequest:
    request = StampRequest("Surat Edaran", "Jam kerja", OFFICE, SIGNER, "800/12/BKD/2026", date(2026, 2, 2), "", URL)
    return replace(request, **changes)


def uploaded(pages: int = 2) -> bytes:
    with pikepdf.new() as pdf:
        for index in range(pages):
            pdf.add_blank_page(page_size=(612, 936))
            pdf.pages[index].Contents = pdf.make_stream(b"0 0 612 936 re f")
        out = io.BytesIO()
        pdf.save(out)
    return out.getvalue()


def test_stamp_adds_a_page_and_leaves_the_others_as_they_were() -> None:
    original = uploaded()
    made = RENDERER.stamp(original, stamp_request())
    assert made.pages == 3
    assert made.signature_box.page == 2
    with pikepdf.open(io.BytesIO(made.pdf)) as pdf, pikepdf.open(io.BytesIO(original)) as before:
        for old, new in zip(before.pages, pdf.pages, strict=False):
            assert new.Contents.read_bytes() == old.Contents.read_bytes()
            assert list(new.mediabox) == list(old.mediabox)
        assert str(pdf.open_metadata()["dc:title"]) == "Surat Edaran – Jam kerja"
    sheet = squeeze(text_of(made.pdf)[2])
    digest = hashlib.sha256(original).hexdigest()
    for part in ("800/12/BKD/2026", "2 Februari 2026", digest, "Jam kerja", "Dr. Surya Contoh", URL):
        assert squeeze(part) in sheet
    assert squeeze("Dr. Surya Contoh") in squeeze(text_of(made.pdf, made.signature_box)[0])
    assert RENDERER.stamp(original, stamp_request()).pdf == made.pdf


def test_a_stamped_file_refers_to_nothing_that_it_lacks() -> None:
    """What would take that number later, were it signed so, would change what was signed."""
    original = uploaded()
    with pikepdf.open(io.BytesIO(original)) as pdf:
        pdf.Root.PieceInfo = pdf.make_indirect(pikepdf.Dictionary(Contoh=1))
        out = io.BytesIO()
        pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    vain = re.sub(rb"(/PieceInfo )(\d+)( 0 R)", lambda said: said[1] + b"9" * len(said[2]) + said[3], out.getvalue())
    assert b"/PieceInfo 9" in vain
    made = RENDERER.stamp(vain, stamp_request())
    with pikepdf.open(io.BytesIO(made.pdf)) as pdf:
        assert "/PieceInfo" not in pdf.Root
        assert said_numbers(what_may_refer(made.pdf)) <= {number for number, _ in pdf.get_xref_table()}


def what_may_refer(pdf: bytes) -> bytes:
    """A file without the data of its streams, where bytes look like anything by chance, and without the address
    of its table, but with its packed objects."""
    packed = re.findall(rb"/ObjStm[^>]*>>\s*stream\r?\n(.*?)endstream", pdf, re.DOTALL)
    assert packed
    bare = re.sub(rb"stream\r?\n.*?endstream|startxref\s+\d+", b"", pdf, flags=re.DOTALL)
    return b"\n".join([bare, *(zlib.decompressobj().decompress(one) for one in packed)])


@pytest.mark.parametrize("further", [1, 2, 3])
def test_stamp_has_a_box_for_each_of_several_signers(further: int) -> None:
    blocks = tuple(replace(OTHER, name=f"Contoh ke-{number}") for number in range(further))
    made = RENDERER.stamp(uploaded(), stamp_request(further_blocks=blocks))
    assert [box.page for box in made.signature_boxes] == [2] * (further + 1)
    for number, box in enumerate(made.signature_boxes[1:]):
        assert f"Contohke{number}" in squeeze(text_of(made.pdf, box)[0])


def test_stamp_refuses_what_is_no_pdf_or_not_ready() -> None:
    for broken in (b"", b"%PDF-1.7 nothing", b"\x00" * 100):
        with pytest.raises(RenderFailed):
            RENDERER.stamp(broken, stamp_request())
    with pytest.raises(RenderFailed):
        RENDERER.stamp(uploaded(), stamp_request(number=None))


@pytest.mark.qpdf
def test_qpdf_finds_nothing() -> None:
    assert qpdf_complaints(RENDERER.stamp(uploaded(), stamp_request()).pdf) == ""
