"""What the data of a picture say of themselves, held against what its dictionary says."""

from __future__ import annotations

from typing import Any, Final

import pikepdf

from certs.upload import jpeg
from certs.upload.book import NotByTheBookError

KINDS: Final = frozenset({"/DCTDecode", "/JPXDecode", "/CCITTFaxDecode", "/JBIG2Decode"})
_END_OF_PICTURE = b"\xff\xd9"
_JPX_SIZE = b"\xff\x4f\xff\x51"
_PAGE_INFORMATION, _STRIPED = 48, 0xFFFFFFFF
_FAX_COLUMNS = 1728


def ensure_same(picture: Any, filters: list[str], count: int, *, is_mask: bool) -> None:
    """Hold an image XObject's data against its size and its number of colours.

    :param count: how many numbers a point has, 0 where the dictionary does not say
    :raises NotByTheBookError: they differ, or the data are not what the filter says
    """
    last = filters[-1] if filters else ""
    size = (int(picture.Width), int(picture.Height))
    parameters = _parameters(picture, len(filters))
    if last == "/CCITTFaxDecode":
        if parameters.get("/Columns", _FAX_COLUMNS) != size[0] or parameters.get("/Rows", 0) not in {0, size[1]}:
            raise NotByTheBookError("a fax of another size")
    elif last == "/DCTDecode":
        jpeg.ensure_whole(_data(picture, filters), size, count, parameters.get("/ColorTransform"))
    elif last == "/JPXDecode":
        _ensure_jpx(picture, _data(picture, filters), size, count, is_mask=is_mask)
    elif last == "/JBIG2Decode":
        _ensure_jbig2(_data(picture, filters), size)


def _parameters(picture: Any, filters: int) -> Any:
    given = picture.get("/DecodeParms")
    if isinstance(given, pikepdf.Array):
        if len(given) != filters:
            raise NotByTheBookError("parameters of other filters")
        given = given[-1] if filters else None
    elif given is not None and filters > 1:
        raise NotByTheBookError("parameters of one of several filters")
    return given if isinstance(given, pikepdf.Dictionary) else pikepdf.Dictionary()


def _data(picture: Any, filters: list[str]) -> bytes:
    raw: bytes = picture.read_raw_bytes()
    if len(filters) == 1:
        return raw
    with pikepdf.new() as scratch:
        packed = scratch.make_stream(b"")
        packed.write(raw, filter=pikepdf.Array([pikepdf.Name(one) for one in filters[:-1]]))
        return bytes(packed.read_bytes())


def _ensure_jpx(picture: Any, data: bytes, size: tuple[int, int], count: int, *, is_mask: bool) -> None:
    at = data.find(_JPX_SIZE)
    if data.find(_END_OF_PICTURE, max(at, 0)) < 0 or at < 0:
        raise NotByTheBookError("a JPEG 2000 picture that is none, or is cut off")
    if is_mask or any(key in picture for key in ("/Mask", "/Decode")):
        raise NotByTheBookError("a JPEG 2000 picture that is changed before it is shown")
    head = data[at + 8:at + 42]  # Xsiz, Ysiz, XOsiz, YOsiz, four of its tiles, Csiz
    right, lower, left, upper = (int.from_bytes(head[one:one + 4], "big") for one in range(0, 16, 4))
    found = int.from_bytes(head[32:34], "big")
    if (right - left, lower - upper) != size or (found != count if count else found not in {1, 3}):
        raise NotByTheBookError("a JPEG 2000 picture of another size or other colours")


def _ensure_jbig2(data: bytes, size: tuple[int, int]) -> None:
    at = 0
    while at + 11 <= len(data):
        flags, referred = data[at + 4], data[at + 5] >> 5
        number = int.from_bytes(data[at:at + 4], "big")
        if referred > 4:
            break
        at += 6 + referred * (1 if number <= 256 else 2 if number <= 65_536 else 4) + (4 if flags & 0x40 else 1)
        length, at = int.from_bytes(data[at:at + 4], "big"), at + 4
        if flags & 0x3F == _PAGE_INFORMATION:
            width, height = int.from_bytes(data[at:at + 4], "big"), int.from_bytes(data[at + 4:at + 8], "big")
            if width == size[0] and height in {size[1], _STRIPED}:
                return
            break
        at += length
    raise NotByTheBookError("a JBIG2 picture that is none, or of another size")
