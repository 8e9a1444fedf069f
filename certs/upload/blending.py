"""Masks of a graphics state, gradients, and functions that calculate colours, as every reader takes them."""

from __future__ import annotations

from typing import Any

import pikepdf

from certs.anatomy.pictures import has_frame
from certs.upload import calculating
from certs.upload.book import NotByTheBookError

_GRADIENTS, _CALCULATED, _PLANE = range(1, 8), (1, 2, 3), 1  # by their types: 1 has a plane, 2 a line, 3 two circles
_COORDS = {2: 4, 3: 6}


def ensure_plain(item: Any) -> None:
    """Look at one object of the file, wherever it hangs.

    :raises NotByTheBookError: a gradient or a function that readers take differently
    """
    if isinstance(item, pikepdf.Dictionary | pikepdf.Stream) and "/ShadingType" in item:
        _ensure_gradient(item)
    if isinstance(item, pikepdf.Stream) and item.get("/FunctionType") == 4:
        calculating.ensure_calculable(item.read_bytes(), item.get("/Domain", ()), len(item.get("/Range", ())) // 2)


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
