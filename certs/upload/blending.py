"""Masks of a graphics state, gradients, and functions that calculate colours, as every reader takes them."""

from __future__ import annotations

import re
from typing import Any, Final

import pikepdf

from certs.anatomy.pictures import has_frame
from certs.upload.book import NotByTheBookError

_GRADIENTS, _CALCULATED, _PLANE = range(1, 8), (1, 2, 3), 1  # by their types: 1 has a plane, 2 a line, 3 two circles
_COORDS = {2: 4, 3: 6}
_TOKEN = re.compile(rb"%[^\r\n]*|[{}]|[^\s{}%]+")
_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)")
# Of those that the standard has (annex B): not the ones that readers round, divide or turn each in its own way.
_CALCULATING: Final = frozenset(
    b"abs add atan ceiling cos cvi cvr div exp floor ln log mod mul neg sin sqrt sub truncate and eq false ge gt le lt "
    b"ne or true xor if ifelse copy dup exch index pop roll".split())


def ensure_plain(item: Any) -> None:
    """Look at one object of the file, wherever it hangs.

    :raises NotByTheBookError: a gradient or a function that readers take differently
    """
    if isinstance(item, pikepdf.Dictionary | pikepdf.Stream) and "/ShadingType" in item:
        _ensure_gradient(item)
    if isinstance(item, pikepdf.Stream) and item.get("/FunctionType") == 4:
        _ensure_calculable(item.read_bytes())


def ensure_mask(state: Any) -> None:
    """Look at the soft mask of a graphics state. :raises NotByTheBookError: readers may mask more or less with it"""
    mask: Any = state.get("/SMask")
    if mask is None or mask == pikepdf.Name("/None"):
        return
    form = mask.get("/G") if isinstance(mask, pikepdf.Dictionary) else None
    if not isinstance(form, pikepdf.Stream) or not has_frame(form) or not _has_area(form):
        raise NotByTheBookError("a mask that is none")
    group: Any = form.get("/Group")
    behind = list(mask.get("/BC", ()))
    if not isinstance(group, pikepdf.Dictionary) or mask.get("/S") not in {"/Alpha", "/Luminosity"} or (
            behind and ("/CS" not in group or any(behind[:3]))):
        raise NotByTheBookError("a mask with a ground of its own")


def _ensure_gradient(shading: Any) -> None:
    kind: Any = shading.get("/ShadingType")
    if kind not in _GRADIENTS or (kind in _CALCULATED and not _functions(shading.get("/Function"))):
        raise NotByTheBookError("a gradient that is none")
    if kind == _PLANE or kind not in _CALCULATED:
        return
    coords = [float(one) for one in shading.get("/Coords", ())]
    start, end = (float(one) for one in shading.get("/Domain", (0, 1)))
    half = len(coords) // 2
    if len(coords) != _COORDS[kind] or coords[:half] == coords[half:] or not start < end:
        raise NotByTheBookError("a gradient without a length")


def _functions(given: Any) -> list[Any]:
    functions = list(given) if isinstance(given, pikepdf.Array) else [given]
    return functions if all(isinstance(one, pikepdf.Dictionary | pikepdf.Stream) for one in functions) else []


def _has_area(form: Any) -> bool:
    left, lower, right, upper = (float(one) for one in form.BBox)
    return left != right and lower != upper


def _ensure_calculable(written: bytes) -> None:
    depth = 0
    tokens = [one for one in _TOKEN.findall(written) if not one.startswith(b"%")]
    for at, token in enumerate(tokens):
        depth += {b"{": 1, b"}": -1}.get(token, 0)
        if (depth <= 0 and at != len(tokens) - 1) or not (
                token in b"{}" or token in _CALCULATING or _NUMBER.fullmatch(token)):
            raise NotByTheBookError("a function that readers calculate differently")
    if depth or not tokens:
        raise NotByTheBookError("a function that is not closed")
