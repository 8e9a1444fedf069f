"""What every renderer must keep; run on the one we have, with real PDFs read by a second library."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from svc.adapters.renderer import TypstRenderer
from svc.kinds import DECREES, Kind
from svc.rendering import (
    RenderedPdf,
    RenderFailed,
    SignatureBlock,
)
from tests.support.renderings import (
    AGREEMENT,
    KINDS,
    OFFICE,
    OTHER,
    RENDERER,
    SIGNER,
    URL,
    draft,
    final,
    qpdf_complaints,
    squeeze,
    text_of,
)

HOSTILE = [
    '#read("/etc/passwd")', "#import \"@preview/x:1.0.0\"", "$x^2$ *tebal* _miring_ `kode` @rujukan <label>",
    "\\u{41} \\ \\n \" ' \"); #panic(1) //", "= Judul\n- butir\n/ a: b", "שלום עולם", "A" * 400,
    "https://contoh.example/" + "sangat-panjang/" * 30, "{{7*7}} ${7*7} %s %(x)s", "]#[", "/* tutup",
]  # fmt: skip


@pytest.fixture(params=KINDS.all(), ids=lambda kind: kind.id)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def test_final_is_tagged_pdfa_with_title_language_and_embedded_fonts(kind: Kind) -> None:
    made = RENDERER.render(final(kind))
    assert made.sha256 == hashlib.sha256(made.pdf).hexdigest()
    with pikepdf.open(io.BytesIO(made.pdf)) as pdf:
        assert len(pdf.pages) == made.pages
        assert pdf.Root.MarkInfo.Marked
        assert "/StructTreeRoot" in pdf.Root
        assert str(pdf.Root.Lang).startswith("id")
        meta = pdf.open_metadata()
        assert (meta["pdfaid:part"], meta["pdfaid:conformance"]) == ("2", "A")
        assert kind.title in str(meta["dc:title"])
        assert not pdf.is_encrypted
        for font in (obj for obj in pdf.objects if is_font(obj)):
            assert {"/FontFile2", "/FontFile3"} & set(font.FontDescriptor.keys())
            assert "TeXGyreBonum" in str(font.BaseFont) or "LiberationSans" in str(font.BaseFont)


def is_font(obj: Any) -> bool:
    return isinstance(obj, pikepdf.Dictionary) and obj.get("/Type") == "/Font" and "/FontDescriptor" in obj


def test_final_carries_number_date_signer_and_footer_on_every_page(kind: Kind) -> None:
    made = RENDERER.render(final(kind))
    pages = text_of(made.pdf)
    whole = squeeze("".join(pages))
    for part in ("800/12/BKD/2026", "2 Februari 2026", "Tanjung Mandala", *SIGNER.lines):
        assert squeeze(part) in whole
    assert all(squeeze(URL) in squeeze(page) for page in pages)
    assert "KONSEP" not in whole


def test_what_was_laid_out_before_leaves_no_trace(kind: Kind) -> None:
    """Documents share what they have in common, and nothing else."""
    first = RENDERER.render(final(kind))
    other_url = URL[:-4] + "lain"
    second = RENDERER.render(final(kind, number="800/77/BKD/2026", verify_url=other_url))
    with pikepdf.open(io.BytesIO(second.pdf)) as pdf:
        assert "800/77/BKD/2026" in str(pdf.docinfo.Keywords)
    for page in map(squeeze, text_of(second.pdf)):
        assert squeeze(other_url) in page
        assert squeeze(URL) not in page
        assert squeeze("800/12/BKD/2026") not in page
    assert "KONSEP" in squeeze("".join(text_of(RENDERER.render(draft(kind)).pdf)))
    assert RENDERER.render(final(kind)).pdf == first.pdf


def test_the_address_at_the_foot_stands_in_one_line(kind: Kind) -> None:
    for page in text_of(RENDERER.render(final(kind)).pdf):
        assert URL in page
    longer = URL.replace("paraf.", "pemeriksaan-naskah-dinas.pemerintah-provinsi.")
    for page in text_of(RENDERER.render(final(kind, verify_url=longer)).pdf):
        assert longer in page


def test_the_box_holds_the_drawn_block_and_lies_on_its_page(kind: Kind) -> None:
    made = RENDERER.render(final(kind))
    box = made.signature_box
    inside = squeeze(text_of(made.pdf, box)[0])
    # Of several signers, all blocks stand there when only the first has signed.
    says = "Tanda tangan elektronik:" if kind.id == AGREEMENT else "Ditandatangani secara elektronik oleh:"
    assert inside.startswith(squeeze(says))
    assert squeeze("Dr. Surya ContohPembina, IV/aNIP 190001011986031007") in inside
    with pikepdf.open(io.BytesIO(made.pdf)) as pdf:
        left, bottom, right, top = (float(edge) for edge in pdf.pages[box.page].mediabox)
    assert left < box.llx < box.urx < right
    assert bottom < box.lly < box.ury < top
    outside = replace(box, lly=box.ury + 1, ury=box.ury + 12)
    assert "elektronik" not in text_of(made.pdf, outside)[0]


def test_an_agreement_has_a_box_for_each_party_side_by_side() -> None:
    made = RENDERER.render(final(KINDS.get(AGREEMENT)))
    first, second = made.signature_boxes
    assert made.signature_box == first
    assert (first.page, first.lly, first.ury) == (second.page, second.lly, second.ury)
    assert first.urx < second.llx
    inside = [squeeze(text_of(made.pdf, box)[0]) for box in made.signature_boxes]
    assert "SuryaContoh" in inside[0]
    assert "LarasContoh" not in inside[0]
    assert "LarasContoh" in inside[1]
    assert "NIP190001011986032008" in inside[1]
    whole = squeeze(" ".join(text_of(made.pdf)))
    for part in ("PIHAK KESATU,", "PIHAK KEDUA,", "Plt. KEPALA DINAS CONTOH,", "untuk dan atas nama Dinas Contoh",
                 "Senin, tanggal dua bulan Februari tahun dua ribu dua puluh enam (2 Februari 2026)", "Pasal 6"):
        assert squeeze(part) in whole


def test_a_block_without_its_place_in_the_template_is_refused() -> None:
    for kind, blocks in (("kgb", (OTHER,)), ("kgb", (OTHER, OTHER))):
        with pytest.raises(RenderFailed, match="corners for"):
            RENDERER.render(final(KINDS.get(kind), further_blocks=blocks))


def test_hostile_parties_stay_in_their_boxes() -> None:
    kind = KINDS.get(AGREEMENT)
    for text in HOSTILE:
        hostile = SignatureBlock((text,), text, text, text, title=text, office=text)
        made = RENDERER.render(final(kind, further_blocks=(hostile,)))
        assert [box.page for box in made.signature_boxes].count(made.signature_box.page) == 2
        assert made.signature_boxes[1].urx < 596


def test_draft_has_no_number_no_qr_and_says_that_it_is_one(kind: Kind) -> None:
    made = RENDERER.render(draft(kind))
    pages = text_of(made.pdf)
    assert all("KONSEP" in page for page in pages)
    assert f"{kind.classification}/…" in squeeze("".join(pages))
    assert "paraf.nusamandala" not in "".join(pages)


def test_draft_of_hardly_anything_can_be_previewed(kind: Kind) -> None:
    assert RENDERER.render(draft(kind, data={})).pages >= 1


def test_same_request_same_bytes(kind: Kind) -> None:
    assert RENDERER.render(final(kind)).pdf == TypstRenderer(KINDS).render(final(kind)).pdf


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_read_as_markup(kind: Kind, text: str) -> None:
    def fill(value: Any) -> Any:
        if isinstance(value, str) and not value[:4].isdigit() and len(value) > 7:
            return text
        if isinstance(value, dict):
            return {key: fill(item) for key, item in value.items()}
        return [fill(item) for item in value] if isinstance(value, list) else value

    made = RENDERER.render(final(kind, data=fill(dict(kind.example))))
    shown = squeeze("".join(text_of(made.pdf))).lower()
    if text != "שלום עולם":  # extracted from right to left
        assert squeeze(text.replace("\n", "")).lower()[:60] in shown
    assert "root:" not in shown


def test_hostile_letterhead_and_signer() -> None:
    kind = KINDS.get("kgb")
    for text in HOSTILE:
        made = RENDERER.render(final(
            kind, letterhead=replace(OFFICE, organisation=text, address=text), number=text[:60], place=text[:40],
            signature_block=SignatureBlock((text,), text, text, text)))
        assert made.signature_box.urx < 596


def test_long_lists_keep_the_signature_in_one_piece() -> None:
    kind = KINDS.get("keputusan")
    row = {"nama": "Contoh", "nip": "190001011986031007", "golongan": "III/a"}
    data = {**kind.example, "mengingat": ["Undang-Undang Contoh;"] * 25, "lampiran": [row] * 120}
    made = RENDERER.render(final(kind, data=data))
    assert made.pages > 5
    assert "Surya" in text_of(made.pdf, made.signature_box)[0]


@pytest.mark.parametrize("missing", ["number", "issued_on", "verify_url"])
def test_final_without_what_must_stand_in_it_is_refused(missing: str) -> None:
    with pytest.raises(RenderFailed):
        RENDERER.render(final(KINDS.get("kgb"), **{missing: None}))


def test_unknown_kind_and_letters_without_a_glyph_are_told() -> None:
    with pytest.raises(RenderFailed, match="unknown kind"):
        RENDERER.render(final(KINDS.get("kgb"), kind_id="../_shared"))
    with pytest.raises(RenderFailed):
        RENDERER.render(final(KINDS.get("kgb"), place="\U0001f600"))


def test_threads_do_not_mix_their_documents() -> None:
    kind = KINDS.get("kgb")
    barrier = threading.Barrier(4)

    def make(index: int) -> tuple[int, RenderedPdf]:
        if index < 4:
            barrier.wait(10)
        return index, RENDERER.render(final(kind, number=f"800/{index:04d}/BKD/2026"))

    with ThreadPoolExecutor(4) as pool:
        for index, made in pool.map(make, range(24)):
            assert f"800/{index:04d}/BKD/2026" in squeeze("".join(text_of(made.pdf)))


def test_a_province_may_print_on_f4(tmp_path: Path) -> None:
    folder = tmp_path / "decrees"
    shutil.copytree(DECREES, folder)
    layout = folder / "layout.toml"
    chosen = re.sub(r'^paper = .*$', 'width = "215mm"\nheight = "330mm"', layout.read_text("utf-8"), flags=re.MULTILINE)
    layout.write_text(chosen, "utf-8")
    made = TypstRenderer(KINDS, folder).render(final(KINDS.get("kgb")))
    with pikepdf.open(io.BytesIO(made.pdf)) as pdf:
        assert [round(float(edge) / 72 * 25.4) for edge in pdf.pages[0].mediabox] == [0, 0, 215, 330]
    assert squeeze("Dr. Surya Contoh") in squeeze(text_of(made.pdf, made.signature_box)[0])


@pytest.mark.qpdf
def test_qpdf_finds_nothing(kind: Kind) -> None:
    assert qpdf_complaints(RENDERER.render(final(kind)).pdf) == ""
