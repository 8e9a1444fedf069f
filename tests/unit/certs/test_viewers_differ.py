"""What PDFium and Poppler show differently, each as a file: none may be signed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pypdfium2
import pytest
from pikepdf import Array, Dictionary, Name, Pdf
from PIL import Image, ImageChops

from certs import errors
from certs.intake import inspect_upload

MakePdf = Callable[[Callable[[Pdf], object]], bytes]
Change = Callable[[Pdf], None]
needs_poppler = pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="poppler-utils is not installed")
_NOTICED, _SCALE = 70, 0.5  # of 255; and pixels a point


def page(content: bytes, **resources: object) -> Change:
    """One page with this content; a resource may be a function of the document."""
    def change(document: Pdf) -> None:
        sheet = document.pages[0].obj
        sheet.Contents = document.make_stream(content)
        sheet.Resources = Dictionary({
            f"/{kind}": value(document) if callable(value) else value for kind, value in resources.items()})

    return change


def share_that_differs(pdf: bytes) -> float:
    """Of the first page's points, from 0 to 1."""
    with pypdfium2.PdfDocument(pdf) as document:
        ours = document[0].render(scale=_SCALE).to_pil().convert("RGB")
    drawn = subprocess.run(["pdftoppm", "-r", str(72 * _SCALE), "-singlefile", "-"],
                           input=pdf, capture_output=True, check=True).stdout
    with Image.open(BytesIO(drawn)) as theirs:
        difference = ImageChops.difference(ours, theirs.convert("RGB")).convert("L")
    return sum(difference.histogram()[_NOTICED:]) / (difference.width * difference.height)


def _spot(document: Pdf) -> Dictionary:
    tint = Dictionary(FunctionType=2, N=1, Domain=Array([0, 1]), C0=Array([1]), C1=Array([0]))
    return Dictionary(C=Array([Name.Separation, Name.Biru, Name.DeviceGray, document.make_indirect(tint)]))


FONTS = Path(__file__).parents[3] / "templates" / "fonts"
TRUETYPE = (FONTS / "LiberationSans-Regular.ttf").read_bytes()
COMPACT = (FONTS / "texgyrebonum-regular.otf").read_bytes()


def _without(program: bytes, *tables: bytes) -> bytes:
    """The font without these tables, which it calls otherwise."""
    head = program[:400]
    for name in tables:
        head = head.replace(name, name.upper(), 1)
    return head + program[400:]


def _text(program: bytes, text: bytes = b"ABCabc", flags: int = 32, **entries: object) -> Change:
    def font(document: Pdf) -> Dictionary:
        key, kind = ("/FontFile2", Name.TrueType) if program[:4] != b"OTTO" else ("/FontFile3", Name.Type1)
        held = document.make_stream(program, Subtype=Name.OpenType)
        descriptor = Dictionary({
            "/Type": Name.FontDescriptor, "/FontName": Name("/ABCDEF+Xyz"), "/Flags": flags, "/ItalicAngle": 0,
            "/FontBBox": Array([0, -200, 1000, 900]), "/Ascent": 900, "/Descent": -200, "/CapHeight": 700,
            "/StemV": 80, key: document.make_indirect(held)})
        return Dictionary(F=document.make_indirect(Dictionary(
            Type=Name.Font, Subtype=kind, BaseFont=Name("/ABCDEF+Xyz"), FirstChar=0, LastChar=255,
            Widths=Array([700] * 256), FontDescriptor=document.make_indirect(descriptor), **entries)))

    return page(b"BT /F 130 Tf 10 500 Td (" + text + b") Tj ET", Font=font)


def _named(*names: str) -> Dictionary:
    return Dictionary(Type=Name.Encoding, Differences=Array([65, *(Name(f"/{one}") for one in names)]))


BOX = b" 50 50 400 700 re f"
DIFFERENT: dict[str, Change] = {
    "no pattern, stencil": page(
        b"1 0 0 rg /Pattern cs q 400 0 0 700 50 50 cm BI /W 8 /H 1 /IM true ID \0\nEI Q"),
    "no colour of a spot colour": page(b"1 0 0 rg /C cs" + BOX, ColorSpace=_spot),
    "no gray": page(b"1 0 0 rg /DeviceGray cs" + BOX),
    "no table of codes": _text(_without(TRUETYPE, b"cmap", b"post"), flags=4),
    "guessed names": _text(TRUETYPE, b"ABCABC", Encoding=_named("c66", "g40", "x45")),
    "signs by name": _text(_without(TRUETYPE, b"post"), b"ABCABC", flags=4, Encoding=_named("X", "Y", "Z")),
    "expert letters": _text(COMPACT, b"abcdef", Encoding=Name.MacExpertEncoding),
}


@needs_poppler
@pytest.mark.poppler
@pytest.mark.parametrize("change", DIFFERENT.values(), ids=DIFFERENT.keys())
def test_what_two_viewers_show_differently_is_refused(make_pdf: MakePdf, change: Change) -> None:
    pdf = make_pdf(change)
    assert share_that_differs(pdf) > 0.01
    with pytest.raises(errors.UploadRefused):
        inspect_upload(pdf)


@needs_poppler
@pytest.mark.poppler
def test_what_is_plain_they_show_alike(make_pdf: MakePdf) -> None:
    for change in (page(b"/C cs 1 scn" + BOX, ColorSpace=_spot), _text(COMPACT, Encoding=_named("X", "f_k", "uni0301")),
                   _text(TRUETYPE, Encoding=Name.WinAnsiEncoding), _text(TRUETYPE, Encoding=_named("X", "H18533"))):
        pdf = make_pdf(change)
        assert share_that_differs(pdf) < 0.006
        assert inspect_upload(pdf).pages == 1
