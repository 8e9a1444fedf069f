"""Pages as pictures that fill them, and a PDF made of such pages and nothing else. Runs in the cage."""

from __future__ import annotations

import io
from typing import Any

import pikepdf
from PIL import (
    Image,
    ImageChops,
    JpegImagePlugin,  # noqa: F401 - as in svc.cage.drawing
)

from certs import errors
from svc.cage import drawing
from svc.cage.pictures import DPI, PagePicture, Pictured
from svc.cage.port import PicturesImpossible

_MAX_PIXELS = 25_000_000  # A1 at 150 dpi has 17 million; more than this the memory of a worker does not hold
_LEAST_SIDE, _LONGEST_SIDE = 3, 14_400  # in points: what is no page any more (ISO 32000-2, annex C)
_QUALITY = 85
_LOSSLESS_WORTH = 2  # so many times the JPEG's size; text is small without loss, and blurred with it
_BYTE_RANGE = b"/ByteRange"
_PNG_HEAD, _CHUNK_HEAD, _CHUNK_FRAME = 8, 4, 12
_BLACK_AND_WHITE = frozenset({0, 255})


def picture_page(pdf: bytes, page: int, most_bytes: int) -> tuple[Pictured, bytes]:
    """A page (from 0) as viewers show it, fields and notes included: the finest picture within ``most_bytes``, or
    else the smallest.

    :raises certs.errors.UploadRefused: the document is signed or enciphered
    :raises PicturesImpossible: its pages are not in it, or this one is too large or too small
    :raises svc.cage.drawing.DrawingFailed: there is no such page, or it cannot be drawn
    """
    if _BYTE_RANGE in pdf:
        raise errors.UploadAlreadySigned("it has a byte range")
    with drawing.opened(pdf) as document:
        _ensure_open(document)
        sheet = document[page]
        drawing.unpack_images(sheet)
        wide, high = (round(side, 3) for side in sheet.get_size())
        if min(wide, high) < _LEAST_SIDE:
            raise PicturesImpossible("undrawable")
        if max(wide, high) > _LONGEST_SIDE:
            raise PicturesImpossible("page_too_large")
        best: tuple[PagePicture, bytes] | None = None
        for dpi in DPI:
            if wide * high * (dpi / drawing.POINTS_PER_INCH) ** 2 > _MAX_PIXELS:
                continue
            best = _packed(_without_colours(drawing.draw_whole(sheet, dpi)), (wide, high), most_bytes)
            if best[0].size <= most_bytes:
                break
        if best is None:
            raise PicturesImpossible("page_too_large")
        return Pictured(best[0], len(document)), best[1]


def bind_pictures(pictures: tuple[PagePicture, ...], data: bytes) -> bytes:
    """A PDF with a page for each picture, and the picture on it; ``data`` is theirs, one behind the other."""
    at = 0
    with pikepdf.new() as document:
        for one in pictures:
            page = document.add_blank_page(page_size=(one.points_wide, one.points_high))
            page.obj.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(
                Page=_image(document, one, data[at:at + one.size])))
            page.obj.Contents = document.make_stream(
                f"q {one.points_wide:.4f} 0 0 {one.points_high:.4f} 0 0 cm /Page Do Q".encode())
            at += one.size
        out = io.BytesIO()
        document.save(out, deterministic_id=True)
    return out.getvalue()


def _ensure_open(document: Any) -> None:
    if drawing.is_locked(document):
        raise errors.UploadEncrypted("its permissions are restricted by a password")
    if drawing.is_signed(document):
        raise errors.UploadAlreadySigned("it has a signed field")
    if drawing.is_dynamic(document):
        raise PicturesImpossible("dynamic_form")


def _without_colours(image: Image.Image) -> Image.Image:
    """The same picture in shades of grey, or in black and white, if there is nothing else in it."""
    red, green, blue = image.split()
    if ImageChops.difference(red, green).getbbox() or ImageChops.difference(red, blue).getbbox():
        return image
    shades = red.getcolors(len(_BLACK_AND_WHITE))
    if shades is not None and {shade for _, shade in shades} <= _BLACK_AND_WHITE:
        return red.convert("1", dither=Image.Dither.NONE)
    return red


def _packed(image: Image.Image, points: tuple[float, float], most_bytes: int) -> tuple[PagePicture, bytes]:
    is_jpeg, bits, data = _smallest(image, most_bytes)
    return PagePicture(is_jpeg, bits, len(image.getbands()), image.width, image.height, *points, len(data)), data


def _smallest(image: Image.Image, most_bytes: int) -> tuple[bool, int, bytes]:
    """Without loss where there is room for it, and a photograph as a JPEG: whether it is one, its bits, its data."""
    exact = _deflated(image)
    if image.mode == "1":
        return False, 1, exact
    out = io.BytesIO()
    image.save(out, "JPEG", quality=_QUALITY)
    lossy = out.getvalue()
    if len(exact) > _LOSSLESS_WORTH * len(lossy):
        return True, 8, lossy
    if len(exact) <= most_bytes:
        return False, 8, exact
    small = (False, 4, _deflated(_in_few_shades(image), bits=4)) if image.mode == "L" else (False, 8, exact)
    return min((True, 8, lossy), small, key=lambda one: len(one[2]))


def _in_few_shades(image: Image.Image) -> Image.Image:
    """Sixteen shades of grey: text looks the same."""
    step = 255 // 15
    few = Image.frombytes("P", image.size, image.point([(shade + step // 2) // step for shade in range(256)]).tobytes())
    few.putpalette(bytes(shade * step for shade in range(16) for _ in range(3)))
    return few


def _deflated(image: Image.Image, **options: int) -> bytes:
    """The rows as PNG packs them, which PDF knows too."""
    out = io.BytesIO()
    image.save(out, "PNG", **options)
    png, parts, at = out.getvalue(), [], _PNG_HEAD
    while at < len(png):
        length = int.from_bytes(png[at:at + _CHUNK_HEAD], "big")
        if png[at + _CHUNK_HEAD:at + 2 * _CHUNK_HEAD] == b"IDAT":
            parts.append(png[at + 2 * _CHUNK_HEAD:at + 2 * _CHUNK_HEAD + length])
        at += length + _CHUNK_FRAME
    return b"".join(parts)


def _image(document: pikepdf.Pdf, one: PagePicture, data: bytes) -> Any:
    image = document.make_stream(
        b"", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=one.width, Height=one.height,
        BitsPerComponent=one.bits, ColorSpace=pikepdf.Name.DeviceRGB if one.colours > 1 else pikepdf.Name.DeviceGray)
    if one.is_jpeg:
        image.write(data, filter=pikepdf.Name.DCTDecode)
    else:
        image.write(data, filter=pikepdf.Name.FlateDecode, decode_parms=pikepdf.Dictionary(
            Predictor=15, Colors=one.colours, BitsPerComponent=one.bits, Columns=one.width))
    return image
