"""JPEG pictures of an upload: decoded to the last point, or refused in words that name the picture."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from pikepdf import Dictionary, Name, Pdf
from PIL import Image

from certs import errors
from certs.intake import inspect_upload
from certs.upload import jpeg

MakePdf = Callable[[Callable[[Pdf], object]], bytes]
SPACES = {"L": Name.DeviceGray, "RGB": Name.DeviceRGB, "CMYK": Name.DeviceCMYK}
NOISE = Image.effect_noise((90, 70), 60)


def _encoded(picture: Image.Image, **options: Any) -> bytes:
    written = BytesIO()
    picture.save(written, "JPEG", **options)
    return written.getvalue()


def _placed(data: bytes, picture: Image.Image = NOISE) -> Callable[[Pdf], None]:
    def change(document: Pdf) -> None:
        document.pages[0].obj.Resources = Dictionary(XObject=Dictionary(I=document.make_indirect(document.make_stream(
            data, Type=Name.XObject, Subtype=Name.Image, Width=picture.width, Height=picture.height,
            BitsPerComponent=8, ColorSpace=SPACES[picture.mode], Filter=Name.DCTDecode))))

    return change


def _is_refused(pdf: bytes) -> bool:
    try:
        inspect_upload(pdf)
    except errors.UploadPictureDamaged as error:
        return bool(error.detail)
    return False


@pytest.mark.parametrize("mode", SPACES)
@pytest.mark.parametrize("options", [
    {}, {"progressive": True}, {"optimize": True}, {"restart_marker_rows": 1}, {"restart_marker_blocks": 3},
    {"quality": 98, "subsampling": 0}, {"quality": 1}, {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"}])
def test_what_programs_write_is_accepted(make_pdf: MakePdf, mode: str, options: dict[str, Any]) -> None:
    for picture in (NOISE.convert(mode), Image.new(mode, (1, 1)), Image.new(mode, (300, 17), "white")):
        assert inspect_upload(make_pdf(_placed(_encoded(picture, **options), picture))).pages == 1


def _cut(data: bytes, share: float) -> bytes:
    """Short by this share of the last scan, and ended as if it were whole."""
    begin = data.rindex(b"\xff\xda") + 14
    return data[:begin + int((len(data) - 2 - begin) * (1 - share))].rstrip(b"\xff") + b"\xff\xd9"


@pytest.mark.parametrize("is_progressive", [False, True])
@pytest.mark.parametrize("share", [0.05, 0.5, 1])
def test_a_picture_cut_short_is_refused(make_pdf: MakePdf, is_progressive: bool, share: float) -> None:
    assert _is_refused(make_pdf(_placed(_cut(_encoded(NOISE, progressive=is_progressive), share))))


def _without_a_scan(data: bytes, number: int) -> bytes:
    scans = [at for at in range(len(data)) if data[at:at + 2] == b"\xff\xda"]
    end = min(at for mark in (b"\xff\xc4", b"\xff\xda", b"\xff\xd9") if (at := data.find(mark, scans[number] + 2)) > 0)
    return data[:scans[number]] + data[end:]


@pytest.mark.parametrize("number", range(5))
def test_a_progressive_picture_that_lacks_a_scan_is_refused(make_pdf: MakePdf, number: int) -> None:
    whole = _encoded(NOISE, progressive=True)
    assert _is_refused(make_pdf(_placed(_without_a_scan(whole, number))))


@pytest.mark.parametrize("damage", [
    lambda data: data.replace(b"\xff\xd1", b"", 1), lambda data: data.replace(b"\xff\xd1", b"\xff\xd2", 1),
    lambda data: data.replace(b"\xff\xd9", b"\xff\xd0\xff\xd9"),
    lambda data: data.replace(b"\xff\xdd\0\4", b"\xff\xdd\0\5"),
    lambda data: data.replace(b"\xff\xc4", b"\xff\xfe"), lambda data: data[:-2] + data[20:], lambda data: data[:-2],
    lambda data: data.replace(b"\xff\xda\0\x08\1\1", b"\xff\xda\0\x08\1\7"), lambda data: data[2:]], ids=range(9))
def test_a_damaged_picture_is_refused(make_pdf: MakePdf, damage: Callable[[bytes], bytes]) -> None:
    whole = _encoded(NOISE, restart_marker_blocks=5)
    assert damage(whole) != whole
    assert _is_refused(make_pdf(_placed(damage(whole))))


def test_more_points_than_can_be_decoded_are_refused_in_their_own_words(
    make_pdf: MakePdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jpeg, "_MOST_POINTS", 99)
    with pytest.raises(errors.UploadTooComplex):
        inspect_upload(make_pdf(_placed(_encoded(NOISE))))
