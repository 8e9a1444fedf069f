"""Fax pictures of an upload: read to the last row, or refused in words that say why."""

from __future__ import annotations

import random
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pypdfium2
import pytest
import typst
from pikepdf import Dictionary, Name, Pdf
from PIL import Image, ImageDraw

from certs import errors
from certs.intake import inspect_upload
from certs.upload import fax

MakePdf = Callable[[Callable[[Pdf], object]], bytes]


def _packed(picture: Image.Image) -> bytes:
    written = BytesIO()
    picture.save(written, "TIFF", compression="group4", tiffinfo={278: picture.height})
    with Image.open(written) as read:
        (start,), (length,) = read.tag_v2[273], read.tag_v2[279]  # type: ignore[attr-defined]
    return written.getvalue()[start:start + length]


def _striped(width: int, seed: int) -> Image.Image:
    """Stripes of all lengths, some rows shifted a little."""
    chance, picture = random.Random(seed), Image.new("1", (width, 90), 1)
    drawing = ImageDraw.Draw(picture)
    for row in range(90):
        at = 0
        while at < width:
            length = chance.choice((chance.randint(1, 9), chance.randint(1, 99), chance.randint(1, 3000)))
            drawing.line((at, row, at + length - 1, row), fill=chance.randint(0, 1))
            at += length
        if row and chance.random() < 0.5:
            picture.paste(picture.crop((0, row - 1, width, row)), (chance.randint(-3, 3), row))
    return picture


def _placed(data: bytes, size: tuple[int, int], kind: Name = Name.CCITTFaxDecode, **parameters: Any) -> Callable[
        [Pdf], None]:
    def change(document: Pdf) -> None:
        given = Dictionary(**{"K": -1, "Columns": size[0], **parameters})
        document.pages[0].obj.Resources = Dictionary(XObject=Dictionary(I=document.make_indirect(document.make_stream(
            data, Type=Name.XObject, Subtype=Name.Image, Width=size[0], Height=size[1], BitsPerComponent=1,
            ColorSpace=Name.DeviceGray, Filter=kind, DecodeParms=given))))

    return change


def _refusal(pdf: bytes) -> type[errors.UploadRefused]:
    with pytest.raises(errors.UploadRefused) as caught:
        inspect_upload(pdf)
    return type(caught.value)


@pytest.mark.parametrize("width", [1, 7, 64, 1728, 2560, 2623, 5300])
def test_stripes_of_all_lengths_are_accepted(make_pdf: MakePdf, width: int) -> None:
    picture = _striped(width, width)
    assert inspect_upload(make_pdf(_placed(_packed(picture), picture.size, Rows=90, BlackIs1=False))).pages == 1


def test_a_scanned_page_is_accepted(make_pdf: MakePdf) -> None:
    with pypdfium2.PdfDocument(typst.compile(b"#lorem(400)", format="pdf")) as document:
        page = document[0].render(scale=200 / 72).to_pil().convert("1")
    for picture in (page, page.convert("L").effect_spread(2).convert("1"), Image.new("1", (99, 99))):
        assert inspect_upload(make_pdf(_placed(_packed(picture), picture.size))).pages == 1


def test_more_or_fewer_rows_are_refused(make_pdf: MakePdf) -> None:
    picture = _striped(400, 1)
    data = _packed(picture)
    for height in (89, 91):
        assert _refusal(make_pdf(_placed(data, (400, height)))) is errors.UploadPictureDamaged
    for odd in (data[:-20], data + b"more than enough", b"", b"\0" * 40):
        assert _refusal(make_pdf(_placed(odd, picture.size))) is errors.UploadPictureDamaged


def test_damaged_codes_are_refused(make_pdf: MakePdf) -> None:
    """One bit in the midst of it: what comes behind is no picture any more. Few such bits make another whole one."""
    picture, chance = _striped(400, 2), random.Random(3)
    data = _packed(picture)
    refused = 0
    for _ in range(40):
        odd = bytearray(data)
        odd[chance.randrange(len(odd) // 2)] ^= 1 << chance.randrange(8)
        try:
            inspect_upload(make_pdf(_placed(bytes(odd), picture.size)))
        except errors.UploadPictureDamaged:
            refused += 1
    assert refused >= 32


@pytest.mark.parametrize(("kind", "parameters"), [
    (Name.CCITTFaxDecode, {"K": 0}), (Name.CCITTFaxDecode, {"K": 4}), (Name.JBIG2Decode, {})])
def test_kinds_that_are_not_decoded_here_are_refused_in_their_own_words(
    make_pdf: MakePdf, kind: Name, parameters: dict[str, int]
) -> None:
    data = _packed(_striped(64, 4))
    assert _refusal(make_pdf(_placed(data, (64, 90), kind, **parameters))) is errors.UploadPictureUnchecked


def test_more_than_can_be_read_is_refused_in_its_own_words(
    make_pdf: MakePdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fax, "_MOST", 9)
    data = _packed(_striped(64, 4))
    assert _refusal(make_pdf(_placed(data, (64, 90)))) is errors.UploadTooComplex
