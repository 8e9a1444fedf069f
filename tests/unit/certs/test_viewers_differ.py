"""What PDFium and Poppler show differently, each as a file: none may be signed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from io import BytesIO

import pypdfium2
import pytest
from pikepdf import Array, Dictionary, Name, Pdf
from PIL import Image, ImageChops

from certs import errors
from certs.intake import inspect_upload

MakePdf = Callable[[Callable[[Pdf], object]], bytes]
Change = Callable[[Pdf], None]
needs_poppler = pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="poppler-utils is not installed")
_NOTICED, _SCALE = 64, 0.5  # of 255; and pixels a point


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


BOX = b" 50 50 400 700 re f"
DIFFERENT: dict[str, Change] = {
    "no pattern, stencil": page(
        b"1 0 0 rg /Pattern cs q 400 0 0 700 50 50 cm BI /W 8 /H 1 /IM true ID \0\nEI Q"),
    "no colour of a spot colour": page(b"1 0 0 rg /C cs" + BOX, ColorSpace=_spot),
    "no gray": page(b"1 0 0 rg /DeviceGray cs" + BOX),
}


@needs_poppler
@pytest.mark.poppler
@pytest.mark.parametrize("change", DIFFERENT.values(), ids=DIFFERENT.keys())
def test_what_two_viewers_show_differently_is_refused(make_pdf: MakePdf, change: Change) -> None:
    pdf = make_pdf(change)
    assert share_that_differs(pdf) > 0.02
    with pytest.raises(errors.UploadRefused):
        inspect_upload(pdf)


@needs_poppler
@pytest.mark.poppler
def test_what_is_plain_they_show_alike(make_pdf: MakePdf) -> None:
    pdf = make_pdf(page(b"/C cs 1 scn" + BOX, ColorSpace=_spot))
    assert share_that_differs(pdf) < 0.01
    assert inspect_upload(pdf).pages == 1
