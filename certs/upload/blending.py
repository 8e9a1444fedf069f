"""Masks of a graphics state, and functions that calculate colours, as every reader takes them."""

from __future__ import annotations

import re
from typing import Any, Final

import pikepdf

from certs.anatomy.pictures import has_frame
from certs.upload.book import NotByTheBookError

_TOKEN = re.compile(rb"%[^\r\n]*|[{}]|[^\s{}%]+")
_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)")
# Of those that the standard has (annex B): not the ones that readers round, divide or turn each in its own way.
_CALCULATING: Final = frozenset(
    b"abs add atan ceiling cos cvi cvr div exp floor ln log mod mul neg sin sqrt sub truncate and eq false ge gt le lt "
    b"ne or true xor if ifelse copy dup exch index pop roll".split())


def ensure_plain(item: Any) -> None:
    """Look at one object of the file, wherever it hangs.

    :raises NotByTheBookError: a mask or a function that readers take differently
    """
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
