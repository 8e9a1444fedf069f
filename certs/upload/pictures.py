"""Pictures of which every reader has the same idea: their dictionaries, and what their data say of themselves.

Readers make up for what a picture lacks, each in its own way: one shows it and the next leaves it out, one cuts it off
where its dictionary ends and the next where its data end. Then a line of text is there for one and not for another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pikepdf

from certs.upload import encoded
from certs.upload.book import NotByTheBookError

DEVICES = {"/DeviceGray": 1, "/DeviceRGB": 3, "/DeviceCMYK": 4}
_FAMILIES = {"/CalGray": 1, "/CalRGB": 3, "/Lab": 3, "/Separation": 1, "/Indexed": 1}
_SHORT = {"/DeviceGray": "/G", "/DeviceRGB": "/RGB", "/DeviceCMYK": "/CMYK"}
_ABBREVIATED = frozenset({"/W", "/H", "/BPC", "/CS", "/IM", "/D", "/DP"})  # for pictures within content only
_PACKINGS = frozenset({"/FlateDecode", "/LZWDecode", "/ASCIIHexDecode", "/ASCII85Decode", "/RunLengthDecode"})
_DEPTHS = frozenset({1, 2, 4, 8, 16})
_MOST = 65_536


def ensure_plain(picture: Any, spaces: Any = None) -> None:
    """Look at an image XObject, or at the dictionary of a picture within content.

    :param spaces: the colour spaces of the resources, by which a picture within content may call its own
    :raises NotByTheBookError: readers may show it differently
    """
    if any(key in picture for key in _ABBREVIATED):
        raise NotByTheBookError("a picture with abbreviated keys")
    for key in ("/Width", "/Height"):
        if not _is_whole(picture.get(key)) or not 0 < picture.get(key) <= _MOST:
            raise NotByTheBookError(f"a picture's {key}")
    filters, last = _filters(picture)
    space = _space(picture.get("/ColorSpace"), spaces)
    is_mask = picture.get("/ImageMask", False)
    if is_mask is True:
        _ensure_stencil(picture)
    elif is_mask is not False or (space is None and last != "/JPXDecode"):
        raise NotByTheBookError("a picture without colours")
    depth = _depth(picture, last, bool(is_mask))
    count = 1 if is_mask else _components(space)
    _ensure_decoded(picture, space, depth, count)
    if not is_mask:
        _ensure_masked(picture, depth, count)
    if isinstance(picture, pikepdf.Stream):
        if space is not None and family(space) == "/Indexed" and last in _PACKINGS | {""}:
            _ensure_within(picture, space, depth)
        if last in encoded.KINDS:
            encoded.ensure_same(picture, filters, count, is_mask=bool(is_mask))
        else:
            _ensure_enough(picture, depth * count)


def components_of(space: Any, spaces: Any = None) -> int:
    """How many numbers a point has in this colour space; 0 where there is none."""
    return _components(_space(space, spaces))


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _filters(picture: Any) -> tuple[list[str], str]:
    given = picture.get("/Filter", ())
    filters = [str(given)] if isinstance(given, pikepdf.Name) else [str(one) for one in given]
    if not set(filters[:-1]) <= _PACKINGS or not set(filters) <= _PACKINGS | encoded.KINDS:
        raise NotByTheBookError("a picture's filters")
    return filters, filters[-1] if filters else ""


def _space(space: Any, spaces: Any) -> Any:
    """:raises NotByTheBookError: a name that is no space, or means two"""
    if spaces is None or not isinstance(space, pikepdf.Name):
        return space
    name = str(space)
    if name in _SHORT and (name in spaces or _SHORT[name] in spaces):
        raise NotByTheBookError("a colour space's name that means two")
    return spaces.get(name, space)


def family(space: Any) -> str:
    """The kind of a colour space."""
    return str(space[0]) if isinstance(space, pikepdf.Array) and len(space) else str(space)


def _components(space: Any) -> int:
    """How many numbers a point has; 0 where the data alone say so."""
    if space is None:
        return 0
    kind = family(space)
    if isinstance(space, pikepdf.Name) and kind in DEVICES:
        return DEVICES[kind]
    if isinstance(space, pikepdf.Array) and len(space) == 1 and kind in DEVICES:
        return DEVICES[kind]
    if isinstance(space, pikepdf.Array) and len(space) > 1:
        if kind == "/ICCBased" and isinstance(space[1], pikepdf.Stream):
            return int(space[1].get("/N", 0))
        if kind == "/DeviceN":
            return len(space[1])
        if kind == "/Indexed":
            _ensure_table(space)
        if kind in _FAMILIES:
            return _FAMILIES[kind]
    raise NotByTheBookError("a picture's colours")


def _ensure_table(space: Any) -> None:
    if len(space) != 4 or not _is_whole(space[2]) or not 0 <= space[2] <= 255 or family(space[1]) == "/Indexed":
        raise NotByTheBookError("a table of colours")
    table = space[3].read_bytes() if isinstance(space[3], pikepdf.Stream) else bytes(space[3])
    if len(table) < (space[2] + 1) * _components(space[1]):
        raise NotByTheBookError("a table of colours that is too short")


def _ensure_stencil(picture: Any) -> None:
    if "/SMask" in picture or "/Mask" in picture:
        raise NotByTheBookError("a stencil behind a mask")


def _depth(picture: Any, last: str, is_mask: bool) -> int:
    depth = picture.get("/BitsPerComponent")
    wanted = 1 if is_mask or last in {"/CCITTFaxDecode", "/JBIG2Decode"} else 8 if last == "/DCTDecode" else None
    if last == "/JPXDecode":
        return 8
    if wanted is not None and depth is None:
        return wanted
    if not _is_whole(depth) or depth not in _DEPTHS or depth != (wanted or depth):
        raise NotByTheBookError("a picture's bits")
    return int(depth)


def _ensure_decoded(picture: Any, space: Any, depth: int, count: int) -> None:
    """Colours as they are or reversed, as every reader knows it."""
    decode = picture.get("/Decode")
    if decode is None or (space is not None and family(space) in {"/Lab", "/ICCBased"} and len(decode) == 2 * count):
        return
    top = 2**depth - 1 if space is not None and family(space) == "/Indexed" else 1
    pairs = {(decode[at], decode[at + 1]) for at in range(0, len(decode) - 1, 2)}
    if len(decode) % 2 or (count and len(decode) != 2 * count) or not pairs <= {(0, top), (top, 0)}:
        raise NotByTheBookError("a picture's /Decode")
    if (top, 0) in pairs and (isinstance(picture.get("/Mask"), pikepdf.Array) or not count or (
            top > 1 and space[2] != top)):
        raise NotByTheBookError("reversed colours that also hide, or that are not there")


def _ensure_masked(picture: Any, depth: int, count: int) -> None:
    mask: Any = picture.get("/Mask")
    soft: Any = picture.get("/SMask")
    if isinstance(mask, pikepdf.Array):
        ranges = list(mask)
        if len(ranges) != 2 * count or not all(_is_whole(one) and 0 <= one < 2**depth for one in ranges):
            raise NotByTheBookError("colours that hide")
    elif mask is not None and not (isinstance(mask, pikepdf.Stream) and bool(mask.get("/ImageMask", False) is True)):
        raise NotByTheBookError("a mask that is none")
    if soft is not None and not (
            isinstance(soft, pikepdf.Stream) and soft.get("/Subtype") == "/Image" and "/ImageMask" not in soft
            and "/SMask" not in soft and "/Mask" not in soft and _is_gray(soft.get("/ColorSpace"))):
        raise NotByTheBookError("a soft mask that is none")
    if picture.get("/SMaskInData", 0) != 0:
        raise NotByTheBookError("a soft mask within the data")


def _is_gray(space: Any) -> bool:
    return space is not None and (family(space) in {"/DeviceGray", "/CalGray"} or (
        family(space) == "/ICCBased" and _components(space) == 1))


def _ensure_within(picture: Any, space: Any, depth: int) -> None:
    """Where the table has fewer colours than the bits could tell: no point may ask for another."""
    if depth > 8 or space[2] + 1 >= 2**depth:
        return
    if picture.read_bytes().translate(None, bytes(_within(space[2], depth))):
        raise NotByTheBookError("colours beyond the table")


def _ensure_enough(picture: Any, bits: int) -> None:
    """A picture whose data end before its last row is left out by one reader, and shown as far as it goes by others.

    :param bits: of a point
    """
    row = (int(picture.Width) * bits + 7) // 8
    if len(picture.read_bytes()) < row * int(picture.Height):
        raise NotByTheBookError("a picture with too little data")


def _within(highest: int, depth: int) -> Sequence[int]:
    mask = 2**depth - 1
    return [one for one in range(256) if all((one >> shift) & mask <= highest for shift in range(0, 8, depth))]
