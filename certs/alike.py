"""Whether the pages of an upload look alike in every reader, by what stands in the file.

A signature covers bytes, and the signer has seen one picture of them. Where readers must guess (a font that is not in
the file, a form without a frame, a colour that is none) each guesses for itself, and one shows another figure than the
next. :mod:`certs.changeable` is about what they are free to show or to leave out.
"""

from __future__ import annotations

import re
from typing import Any

import pikepdf

from certs.anatomy.pictures import has_frame
from certs.anatomy.roles import is_dictionary

_SIMPLE = frozenset({"/Type1", "/TrueType", "/MMType1"})
_COMPOSITE = frozenset({"/CIDFontType0", "/CIDFontType2"})
_PROGRAMS = ("/FontFile", "/FontFile2", "/FontFile3")
_ENCODINGS = frozenset({"/WinAnsiEncoding", "/MacRomanEncoding", "/StandardEncoding"})
# The fonts that every reader has (ISO 32000-1, 9.6.2.2), and their usual other names.
_EVERYWHERE = re.compile(
    r"/(Helvetica|Courier|Arial(MT)?|CourierNew(PS)?(MT)?|TimesNewRoman(PS)?(MT)?|Times)"
    r"([-,](Roman|Bold|Italic|Oblique|BoldItalic|BoldOblique)(MT)?)?|/Symbol|/ZapfDingbats")


def tell_guess(value: Any) -> str:
    """What readers must guess in a dictionary, stream or array, in an English phrase for logs; empty: nothing."""
    if isinstance(value, pikepdf.Array):
        return "a colour that is none" if _is_no_colour(value) else ""
    kind = _name(value, "/Subtype")
    if kind == "/Form" and isinstance(value, pikepdf.Stream):
        return "" if has_frame(value) else "a form without a frame"
    return "a font that is not in the file" if _is_missing_font(value, kind) else ""


def is_seen(page: pikepdf.Page) -> bool:
    """Whether any of the page lies on its sheet."""
    sheets = [[float(one) for one in box] for box in (page.mediabox, page.cropbox)]
    low = [max(min(box[at], box[at + 2]) for box in sheets) for at in (0, 1)]
    high = [min(max(box[at], box[at + 2]) for box in sheets) for at in (0, 1)]
    return high[0] - low[0] >= 1 and high[1] - low[1] >= 1


def _is_no_colour(value: Any) -> bool:
    if len(value) < 4 or value[0] not in ("/Separation", "/DeviceN"):
        return False
    names = [value[1]] if isinstance(value[1], pikepdf.Name) else list(value[1])
    return all(one == "/None" for one in names)


def _is_missing_font(font: Any, kind: str) -> bool:
    """A font without a program that not every reader has, or with characters of its own: a name like ``/c57`` for one
    is a 9 to some and what the code says to others."""
    if "/BaseFont" not in font or kind not in _SIMPLE | _COMPOSITE:
        return False
    descriptor = font.get("/FontDescriptor", None)
    if is_dictionary(descriptor) and any(isinstance(descriptor.get(key, None), pikepdf.Stream) for key in _PROGRAMS):
        return False
    encoding = font.get("/Encoding", None)
    is_plain = encoding is None or (isinstance(encoding, pikepdf.Name) and str(encoding) in _ENCODINGS)
    return not (kind in _SIMPLE and is_plain and _EVERYWHERE.fullmatch(_name(font, "/BaseFont")))


def _name(dictionary: Any, key: str) -> str:
    value = dictionary.get(key, None)
    return str(value) if isinstance(value, pikepdf.Name) else ""
