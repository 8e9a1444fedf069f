"""The operators of a content stream and their operands (ISO 32000-2, annex A), and where each may stand (figure 9)."""

from __future__ import annotations

from typing import Final

# One letter an operand: n number, N name, s string, a array, p property list (name or dictionary), "*" any number of
# numbers, "?" any number of numbers with a name behind or not.
OPERANDS: Final = {
    **dict.fromkeys(("q", "Q", "h", "S", "s", "f", "F", "f*", "B", "B*", "b", "b*", "n", "W", "W*", "BT", "ET", "T*",
                     "EMC"), ""),
    **dict.fromkeys(("w", "J", "j", "M", "i", "G", "g", "Tc", "Tw", "Tz", "TL", "Tr", "Ts"), "n"),
    **dict.fromkeys(("m", "l", "Td", "TD", "d0"), "nn"),
    **dict.fromkeys(("RG", "rg"), "nnn"), **dict.fromkeys(("re", "v", "y", "K", "k"), "nnnn"),
    **dict.fromkeys(("cm", "c", "Tm", "d1"), "nnnnnn"),
    **dict.fromkeys(("ri", "gs", "CS", "cs", "sh", "Do", "MP", "BMC"), "N"),
    **dict.fromkeys(("DP", "BDC"), "Np"), **dict.fromkeys(("SC", "sc"), "*"), **dict.fromkeys(("SCN", "scn"), "?"),
    "d": "an", "Tf": "Nn", "Tj": "s", "TJ": "a", "'": "s", '"': "nns"}

METRICS: Final = frozenset({"d0", "d1"})  # of a drawn glyph
COLOURING: Final = frozenset({"g", "G", "rg", "RG", "k", "K", "cs", "CS", "sc", "SC", "scn", "SCN", "sh", "ri"})
CONSTRUCTION: Final = frozenset({"m", "l", "c", "v", "y", "h", "re"})
PAINTING: Final = frozenset({"S", "s", "f", "F", "f*", "B", "B*", "b", "b*", "n"})
CONTINUING: Final = frozenset({"l", "c", "v", "y", "W", "W*"})  # of a path that is there
IN_PATH: Final = CONSTRUCTION | PAINTING | {"W", "W*"}
SHOWING: Final = frozenset({"Tj", "TJ", "'", '"'})
COLOURED: Final = SHOWING | {"Do"}  # a stencil or a form takes the colour, too
IN_TEXT: Final = SHOWING | {
    "ET", "Tc", "Tw", "Tz", "TL", "Tf", "Tr", "Ts", "Td", "TD", "Tm", "T*", "w", "J", "j", "M", "d", "ri", "i", "gs",
    "CS", "cs", "SC", "SCN", "sc", "scn", "G", "g", "RG", "rg", "K", "k", "MP", "DP", "BMC", "BDC", "EMC"}
# In which dictionary of the resources an operator's name stands.
RESOURCE: Final = {"Tf": "/Font", "Do": "/XObject", "gs": "/ExtGState", "sh": "/Shading", "CS": "/ColorSpace",
                   "cs": "/ColorSpace", "SCN": "/Pattern", "scn": "/Pattern", "DP": "/Properties",
                   "BDC": "/Properties"}
DEVICE_SPACES: Final = frozenset({"/DeviceGray", "/DeviceRGB", "/DeviceCMYK", "/Pattern"})
# The least and the greatest value of the only operand; with a greatest one, whole numbers only.
RANGES: Final[dict[str, tuple[int, int | None]]] = {"w": (0, None), "J": (0, 2), "j": (0, 2), "Tr": (0, 7)}
STATES: Final = {"LW": "w", "LC": "J", "LJ": "j"}  # the same in a graphics state
