"""Pictures within content (BI, ID, EI): nothing tells where their data end but the data, and readers look in two ways.

Some count the bytes that width, height and bits ask for, others search for ``EI``. Where both do not come to the same
place, what is data for one reader is a page's text for another.
"""

from __future__ import annotations

import re
import zlib
from typing import Any

import pikepdf
from pikepdf.models.image import PdfInlineImage

from certs.upload import encoded, fax, pictures
from certs.upload.book import NotByTheBookError

_LETTERS = {"/ASCIIHexDecode": b">", "/ASCII85Decode": b"~>"}  # and what ends them
_SPACE = b"\0\t\n\f\r "
# What those who search take for the end: EI, white space, and something like content behind it.
_SEEMING_END = re.compile(rb"EI[\0\t\n\f\r ][\t\n\f\r -~]{0,9}(?:[\t\n\f\r -~]|\Z)", re.DOTALL)
_MOST = 64 * 1024 * 1024
_ADDED_AT_MOST = 2  # white space before EI


def ensure_plain(picture: PdfInlineImage, spaces: Any) -> None:
    """Look at a picture within content.

    :param spaces: the colour spaces of the resources
    :raises NotByTheBookError: readers may differ on how it looks or where it ends
    """
    dictionary: Any = picture.obj
    data: bytes = picture.read_raw_bytes()
    pictures.ensure_plain(dictionary, spaces)
    given = dictionary.get("/Filter", ())
    filters = [str(given)] if isinstance(given, pikepdf.Name) else [str(one) for one in given]
    if (not filters or filters[0] not in _LETTERS) and _SEEMING_END.search(data):
        raise NotByTheBookError("a picture whose data seem to end")
    if filters and filters[-1] in encoded.KINDS and filters != ["/CCITTFaxDecode"]:
        raise NotByTheBookError("a picture of a kind that does not stand in content")
    _ensure_whole(dictionary, filters, data, spaces)


def _ensure_whole(dictionary: Any, filters: list[str], data: bytes, spaces: Any) -> None:
    first = filters[0] if filters else ""
    if not first:
        wanted = _wanted(dictionary, spaces)
        if not wanted <= len(data) <= wanted + _ADDED_AT_MOST or data[wanted:].strip(_SPACE):
            raise NotByTheBookError("a picture longer or shorter than it says")
    elif first in _LETTERS:
        mark = _LETTERS[first]
        if data.find(mark) != len(data.rstrip(_SPACE)) - len(mark):
            raise NotByTheBookError("a picture whose letters do not end")
    elif first == "/CCITTFaxDecode":
        size = (int(dictionary.Width), int(dictionary.Height))
        fax.ensure_whole(data, size, encoded.parameters_of(dictionary, len(filters)))
    elif first == "/FlateDecode":
        unpacked = zlib.decompressobj()
        try:
            unpacked.decompress(data, _MOST)
        except zlib.error as error:
            raise NotByTheBookError("a picture that cannot be unpacked") from error
        if not unpacked.eof or unpacked.unused_data.strip(_SPACE):
            raise NotByTheBookError("a picture that ends elsewhere")


def _wanted(dictionary: Any, spaces: Any) -> int:
    bits = 1 if dictionary.get("/ImageMask") is True else int(
        dictionary.BitsPerComponent) * pictures.components_of(dictionary.ColorSpace, spaces)
    return (int(dictionary.Width) * bits + 7) // 8 * int(dictionary.Height)
