"""Fonts, colours and boxes of which every reader has the same idea.

A font that a file names but does not hold is another one on every machine, and so may its figures be. A colour named
*None* is painted by some, a profile that is none is guessed, ink that lets other ink through shows on few screens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pikepdf

from certs import errors

_FACES = frozenset({"/Type1", "/MMType1", "/TrueType", "/CIDFontType0", "/CIDFontType2"})
_FILES = ("/FontFile", "/FontFile2", "/FontFile3")
# Every reader has these, or one of the same letters and widths (ISO 32000-2, 9.6.2.2 and annex D); word processors
# leave out the second kind, which readers take for the first.
_EVERYWHERE = re.compile(
    r"/(Courier|Helvetica)(-(Bold)?(Oblique)?)?|/Times-(Roman|Bold|Italic|BoldItalic)|"
    r"/(Arial|TimesNewRoman|CourierNew)(PS)?(MT)?([,-](Bold)?(Italic)?(MT)?)?")
_SIGNS = frozenset({"/Symbol", "/ZapfDingbats"})
_ENCODINGS = frozenset({"/StandardEncoding", "/WinAnsiEncoding", "/MacRomanEncoding"})
_BLENDS = frozenset(f"/{mode}" for mode in (
    "Normal", "Compatible", "Multiply", "Screen", "Overlay", "Darken", "Lighten", "ColorDodge", "ColorBurn",
    "HardLight", "SoftLight", "Difference", "Exclusion", "Hue", "Saturation", "Color", "Luminosity"))
_PROFILES = {b"GRAY": 1, b"RGB ": 3, b"Lab ": 3, b"CMYK": 4}
_SIGNATURE, _SPACE = slice(36, 40), slice(16, 20)  # of an ICC profile's header


def of_item(item: Any) -> Iterator[type[errors.UploadRefused]]:
    """What one dictionary, stream or array has of it."""
    if isinstance(item, pikepdf.Array):
        if _is_unprinted_ink(item) or _is_false_profile(item):
            yield errors.UploadAmbiguous
        return
    if item.get("/Subtype") in _FACES and "/BaseFont" in item and not _is_at_hand(item):
        yield errors.UploadFontsMissing
    if item.get("/UserUnit", 1) != 1:  # half of the readers do not know of it
        yield errors.UploadAmbiguous
    blend = item.get("/BM")
    if isinstance(blend, pikepdf.Name | pikepdf.Array) and str(blend) not in _BLENDS:
        yield errors.UploadAmbiguous
    if item.get("/OP") is True or item.get("/op") is True:
        yield errors.UploadAmbiguous


def is_seen(page: pikepdf.Page) -> bool:
    """Whether any of the page lies on its sheet."""
    sheets = [[float(one) for one in box] for box in (page.mediabox, page.cropbox)]
    low = [max(min(box[at], box[at + 2]) for box in sheets) for at in (0, 1)]
    high = [min(max(box[at], box[at + 2]) for box in sheets) for at in (0, 1)]
    return high[0] - low[0] >= 1 and high[1] - low[1] >= 1


def _is_at_hand(font: Any) -> bool:
    descriptor = font.get("/FontDescriptor")
    if isinstance(descriptor, pikepdf.Dictionary) and any(
            isinstance(descriptor.get(name), pikepdf.Stream) for name in _FILES):
        return True
    encoding, face = font.get("/Encoding"), str(font.get("/BaseFont"))
    is_known = _EVERYWHERE.fullmatch(face) is not None or (face in _SIGNS and encoding is None)
    # With letters of the file's own choice behind its codes, each reader looks for them in another way.
    is_plain = encoding is None or (isinstance(encoding, pikepdf.Name) and str(encoding) in _ENCODINGS)
    return font.get("/Subtype") in {"/Type1", "/TrueType"} and is_known and is_plain


def _is_unprinted_ink(space: Any) -> bool:
    if len(space) < 3 or not isinstance(space[0], pikepdf.Name):
        return False
    if space[0] == "/Separation":
        return bool(space[1] == "/None")
    return bool(space[0] == "/DeviceN") and isinstance(space[1], pikepdf.Array) and "/None" in [
        str(one) for one in space[1]]


def _is_false_profile(space: Any) -> bool:
    if len(space) != 2 or space[0] != "/ICCBased":
        return False
    if not isinstance(space[1], pikepdf.Stream):
        return True
    head = space[1].read_bytes()[:128]
    return head[_SIGNATURE] != b"acsp" or _PROFILES.get(head[_SPACE]) != space[1].get("/N")
