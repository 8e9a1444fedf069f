"""What the data of a picture say of themselves, held against what its dictionary says."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

import pikepdf
from PIL import Jpeg2KImagePlugin

from certs.upload import fax, jpeg
from certs.upload.book import DamagedPictureError, NotByTheBookError, TooMuchError, UncheckedPictureError

KINDS: Final = frozenset({"/DCTDecode", "/JPXDecode", "/CCITTFaxDecode", "/JBIG2Decode"})
_END_OF_PICTURE = b"\xff\xd9"
_JPX_SIZE = b"\xff\x4f\xff\x51"
_MOST_POINTS = 30_000_000  # of a JPEG 2000 picture: each takes a dozen bytes


def ensure_same(picture: Any, filters: list[str], count: int, *, is_mask: bool) -> None:
    """Hold an image XObject's data against its size and its number of colours.

    :param count: how many numbers a point has, 0 where the dictionary does not say
    :raises NotByTheBookError: they differ, or the data are not what the filter says, damaged, or of a kind that cannot
        be decoded here
    """
    last = filters[-1] if filters else ""
    size = (int(picture.Width), int(picture.Height))
    parameters = parameters_of(picture, len(filters))
    if last == "/CCITTFaxDecode":
        fax.ensure_whole(_data(picture, filters), size, parameters)
    elif last == "/DCTDecode":
        jpeg.ensure_whole(_data(picture, filters), size, count, parameters.get("/ColorTransform"))
    elif last == "/JPXDecode":
        _ensure_jpx(picture, _data(picture, filters), size, count, is_mask=is_mask)
    elif last == "/JBIG2Decode":
        raise UncheckedPictureError("a JBIG2 picture")


def parameters_of(picture: Any, filters: int) -> Any:
    """Those of the last filter. :raises NotByTheBookError: there are more or fewer of them than filters"""
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
    _ensure_jpx_decodes(data, size)


def _ensure_jpx_decodes(data: bytes, size: tuple[int, int]) -> None:
    if size[0] * size[1] > _MOST_POINTS:
        raise TooMuchError("a JPEG 2000 picture of too many points")
    try:
        with Jpeg2KImagePlugin.Jpeg2KImageFile(BytesIO(data)) as decoded:
            decoded.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise DamagedPictureError("a JPEG 2000 picture that cannot be decoded") from error
