"""What every renderer must keep; run on the one we have, with real PDFs read by a second library."""

from __future__ import annotations

import gc
import hashlib
import io
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest

from certs.anatomy.vain import said_numbers
from svc.adapters import typesetting
from svc.adapters.renderer import TypstRenderer
from svc.kinds import DECREES, Kind, KindCatalogue
from svc.rendering import (
    Letterhead,
    RenderedPdf,
    RenderFailed,
    RenderRequest,
    SignatureBlock,
    SignatureBox,
    StampRequest,
)

KINDS = KindCatalogue.load()
RENDERER = TypstRenderer(KINDS)
URL = "https://paraf.nusamandala.example/v/Zk3xQ9r2LmN8pT5vWb7yCd"
OFFICE = Letterhead(
    "Pemerintah Provinsi Nusa Mandala", "Badan Kepegawaian Daerah", "Jalan Persatuan 1", "(0999) 123456",
    "bkd@nusamandala.example", "bkd.nusamandala.example", "Tanjung Mandala",
)  # fmt: skip
SIGNER = SignatureBlock(
    ("a.n. GUBERNUR NUSA MANDALA", "KEPALA BADAN KEPEGAWAIAN DAERAH,"), "Dr. Surya Contoh", "Pembina, IV/a",
    "190001011986031007",
)  # fmt: skip
OTHER = SignatureBlock(
    ("Plt. KEPALA DINAS CONTOH,",), "Laras Contoh", "Pembina, IV/a", "190001011986032008",
    title="Plt. Kepala Dinas Contoh", office="Dinas Contoh",
)  # fmt: skip
AGREEMENT = "perjanjian-kerja-sama"
HOSTILE = [
    '#read("/etc/passwd")', "#import \"@preview/x:1.0.0\"", "$x^2$ *tebal* _miring_ `kode` @rujukan <label>",
    "\\u{41} \\ \\n \" ' \"); #panic(1) //", "= Judul\n- butir\n/ a: b", "שלום עולם", "A" * 400,
    "https://contoh.example/" + "sangat-panjang/" * 30, "{{7*7}} ${7*7} %s %(x)s", "]#[", "/* tutup",
]  # fmt: skip


def final(kind: Kind, **changes: Any) -> RenderRequest:
    letterhead = replace(OFFICE, unit_name="", emblem="garuda") if kind.id == "keputusan" else OFFICE
    request = RenderRequest(
        kind.id, kind.example, letterhead, SIGNER, "800/12/BKD/2026", date(2026, 2, 2), "", URL, "final",
        further_blocks=(OTHER,) if kind.id == AGREEMENT else (),
    )
    return replace(request, **changes)


def draft(kind: Kind, **changes: Any) -> RenderRequest:
    return final(kind, **{"number": None, "issued_on": None, "verify_url": None, "stage": "draft"} | changes)


def text_of(pdf: bytes, box: SignatureBox | None = None) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        if box is not None:
            page = document[box.page].get_textpage()
            return [page.get_text_bounded(box.llx, box.lly, box.urx, box.ury)]
        return [page.get_textpage().get_text_bounded() for page in document]
    finally:
        document.close()


def squeeze(text: str) -> str:
    return "".join(char for char in text if not char.isspace() and char not in "\u200b\ufffe\x02-")


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


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the data of a document lie while it is laid out; the disk is beside it."""
    for name in ("memory", "disk"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(typesetting, "_MEMORY", tmp_path / "memory")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "disk"))
    return tmp_path / "memory"


def test_what_it_was_given_is_nowhere_afterwards(memory: Path) -> None:
    renderer = TypstRenderer(KINDS)
    renderer.render(final(KINDS.get("kgb"), place="Kota Rahasia"))
    with pytest.raises(RenderFailed):
        renderer.render(final(KINDS.get("kgb"), place="Kota Rahasia \U0001f600"))
    (folder,) = memory.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    kept = [path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()]
    assert kept
    assert not any("Rahasia" in text for text in kept)
    child = os.fork()
    if not child:
        del renderer
        gc.collect()
        os._exit(0)
    os.waitpid(child, 0)
    assert folder.exists()  # a child that ends takes nothing from its parent
    renderer.render(final(KINDS.get("kgb")))
    del renderer
    gc.collect()
    assert not list(memory.iterdir())
    assert not list((memory.parent / "disk").iterdir())


def test_what_a_killed_process_left_goes_and_what_a_living_one_has_stays(memory: Path) -> None:
    renderer = TypstRenderer(KINDS)
    renderer.render(final(KINDS.get("kgb")))
    (living,) = memory.iterdir()
    subprocess.run([sys.executable, "-c", _KILLED, str(memory)], check=True)
    (left,) = set(memory.iterdir()) - {living}
    assert "Rahasia" in next(left.rglob("request.json")).read_text("utf-8")
    assert TypstRenderer(KINDS).render(final(KINDS.get("kgb"))).pages == 1
    assert not left.exists()
    assert renderer.render(final(KINDS.get("kgb"))).pages == 1
    assert living.exists()


_KILLED = """
import os, sys, pathlib
from svc.adapters import typesetting
from svc.adapters import typesetting
from svc.adapters.renderer import TypstRenderer
from svc.kinds import KindCatalogue
typesetting._MEMORY = pathlib.Path(sys.argv[1])
setter = TypstRenderer(KindCatalogue.load())._typesetter()
setter._write("Rahasia")
os._exit(0)
"""


def test_the_disk_serves_where_memory_is_missing_or_full(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled = TypstRenderer(KINDS)
    expected = filled.render(final(KINDS.get("kgb"))).pdf
    (request,) = (path.with_name("request.json") for path in memory.rglob("lib.typ"))
    request.symlink_to("/dev/full")  # what is written there finds no room
    assert filled.render(final(KINDS.get("kgb"))).pdf == expected
    assert not request.is_symlink()
    monkeypatch.setattr(typesetting, "_MEMORY", memory / "missing")
    assert TypstRenderer(KINDS).render(final(KINDS.get("kgb"))).pdf == expected
    assert not list((memory.parent / "disk").rglob("request.json"))


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
def test_qpdf_finds_nothing(tmp_path: Path) -> None:
    qpdf = shutil.which("qpdf")
    if qpdf is None:
        pytest.skip("qpdf is not installed")
    makers: list[Callable[[], RenderedPdf]] = [
        *(lambda kind=kind: RENDERER.render(final(kind)) for kind in KINDS.all()),
        lambda: RENDERER.stamp(uploaded(), stamp_request()),
    ]
    for index, make in enumerate(makers):
        path = tmp_path / f"{index}.pdf"
        path.write_bytes(make().pdf)
        checked = subprocess.run([qpdf, "--check", str(path)], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr
