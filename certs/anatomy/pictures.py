"""What a later signature may show: a picture of its own in the box of its own widget, and nothing that anybody shares.

ISO 32000-2 lets a signature that follows another add a field, its widget and the widget's appearance (12.8.2.2.2
counts them as filling a form). Appearances are what shadow attacks are made of, so the rule here is narrow:

* only ``/N``, one form XObject that the same update brings, with resources that it brings too (a font that was signed
  may be used again);
* nothing in it acts, is fetched from outside, is swapped when printed, or is reached from anywhere else: not from
  another widget, and not from a reference in the signed revision that led nowhere until now;
* the widget lies on one page, is seen and printed alike, covers with all that came with it a quarter of the page at
  most, and no earlier signature's picture;
* the form has a frame (/BBox), by which viewers place and clip it: without one PDFium draws over the whole page. Where
  the widget or the frame has no area, nothing is drawn.

It may lie over signed text, as agencies' stamps do: that is why :mod:`certs.validation` believes it only from a
signature that is itself valid, and says in words that it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

import pikepdf

from certs.anatomy.parsers import open_qpdf
from certs.anatomy.roles import Key, children, is_dictionary

MOST_OF_A_PAGE = 0.25
_PLAIN_FLAGS = 4 | 64 | 128 | 512  # print, read only, locked, locked contents
_SWAPPED = frozenset({"/F", "/Alternates", "/PS"})
_MOST = 20_000
_SMALL = 64
_DEEPEST = 16
_TOUCHING = 1.0  # points by which neighbours may overlap

Fault: TypeAlias = tuple[str, Any, str]
_Box: TypeAlias = tuple[float, float, float, float]


@dataclass
class Picture:
    """The appearance that an update gave a signature's widget, and the added objects that make it up."""

    widget: Any
    tree: set[Key] = field(default_factory=set)


def read_picture(widget: Any, added: frozenset[Key]) -> tuple[Picture, list[Fault]]:
    """A widget's appearance, and what is wrong with it by itself."""
    picture = Picture(widget)
    faults: list[Fault] = []
    appearance = widget.get("/AP", None)
    if not is_dictionary(appearance):
        return picture, [("widget_odd", widget, "/AP")]
    faults += [("widget_odd", widget, key) for key in appearance.keys() if key != "/N"]  # noqa: SIM118
    normal = appearance.get("/N", None)
    if not isinstance(normal, pikepdf.Stream) or str(normal.get("/Subtype", "")) != "/Form":
        faults.append(("widget_odd", widget, "/N"))
    else:
        faults += _frame_faults(widget, normal)
    if int(widget.get("/F", 0)) & ~_PLAIN_FLAGS:
        faults.append(("widget_odd", widget, "/F"))
    faults += _walk(picture, appearance, added)
    return picture, faults


def _frame_faults(widget: Any, form: Any) -> Iterator[Fault]:
    if not has_frame(form):
        yield "widget_odd", widget, "/BBox or /Matrix"
    elif not (has_area(widget) and _area(_numbers(form.BBox)) > 0) and _draws(form):
        yield "widget_odd", widget, "a picture without an area"


def has_frame(form: Any) -> bool:
    """Whether a form XObject has the rectangle by which it is placed and clipped, and a matrix of six numbers or none:
    what readers do otherwise, nobody knows."""
    matrix = form.get("/Matrix", None)
    return _is_numbers(form.get("/BBox", None), 4) and (matrix is None or _is_numbers(matrix, 6))


def _is_numbers(value: Any, count: int) -> bool:
    return isinstance(value, pikepdf.Array) and len(value) == count and all(
        isinstance(one, int | float | Decimal) for one in value)


def _walk(picture: Picture, start: Any, added: frozenset[Key]) -> Iterator[Fault]:
    waiting: list[Any] = [start]
    while waiting and len(picture.tree) < _MOST:
        one = waiting.pop()
        if not isinstance(one, pikepdf.Object):
            continue
        if one.is_indirect:
            if one.objgen in picture.tree:
                continue
            if one.objgen not in added:
                if not (is_dictionary(one) and str(one.get("/Type", "")) == "/Font"):
                    yield "appearance_shared", one, "with what was signed"
                continue
            picture.tree.add(one.objgen)
        if isinstance(one, pikepdf.Stream):
            if str(one.get("/Subtype", "")) == "/PS":
                yield "widget_odd", one, "/PS"
            yield from (("widget_odd", one, key) for key in one.keys() if key in _SWAPPED)  # noqa: SIM118
        waiting += [child for _, child in children(one)]


def check_pictures(older: Any, newer: Any, pictures: list[Picture]) -> Iterator[Fault]:
    """What is wrong with the pictures as part of the document."""
    if not pictures:
        return
    yield from _shared(newer, pictures)
    places = _places(newer)
    covered: dict[int, float] = {}
    earlier = _earlier(older)
    for picture in pictures:
        pages = places.get(picture.widget.objgen, [])
        box = box_of(picture.widget)
        if len(pages) > 1 or (pages and _stands_elsewhere(picture.widget, newer.pages[pages[0]].obj)):
            yield "widget_odd", picture.widget, "on another page, too"
        for page in pages:
            covered[page] = covered.get(page, 0.0) + _area(box)
            if covered[page] > MOST_OF_A_PAGE * _area(_shown(newer.pages[page])):
                yield "widget_covers_page", picture.widget, f"page {page + 1}"
            if any(_overlap(box, one) for one in earlier.get(page, ())):
                yield "widget_covers_signature", picture.widget, f"page {page + 1}"


def _shared(document: Any, pictures: Iterable[Picture]) -> Iterator[Fault]:
    """Objects of a picture that are reached in another way than through its widget."""
    trees: set[Key] = set()
    for picture in pictures:
        if picture.tree & trees:
            yield "appearance_shared", picture.widget, "with another signature"
        trees |= picture.tree
    owners = {picture.widget.objgen for picture in pictures}
    waiting, seen = [document.trailer.get("/Info", None), document.Root], set[Key]()
    while waiting:
        one = waiting.pop()
        if not isinstance(one, pikepdf.Object):
            continue
        if one.is_indirect:
            if one.objgen in seen:
                continue
            seen.add(one.objgen)
            if one.objgen in trees:
                yield "appearance_shared", one, "with something else"
                continue
        is_owner = one.is_indirect and one.objgen in owners
        waiting += [child for key, child in children(one) if not (is_owner and key == "/AP")]


def _places(document: Any) -> dict[Key, list[int]]:
    """The pages, counted from 0, on which an annotation lies."""
    found: dict[Key, list[int]] = {}
    for number, page in enumerate(document.pages):
        for one in page.obj.get("/Annots", ()):
            found.setdefault(one.objgen, []).append(number)
    return found


def _earlier(document: Any) -> dict[int, list[_Box]]:
    """Where pictures of signatures lie that the older revision has, by page."""
    found: dict[int, list[_Box]] = {}
    for number, page in enumerate(document.pages):
        for one in page.obj.get("/Annots", ()):
            if is_dictionary(one) and has_picture(one):
                found.setdefault(number, []).append(box_of(one))
    return found


def has_picture(widget: Any) -> bool:
    """Whether a widget is one of a signature that was made, has an area, and shows something."""
    held = _field_of(widget)
    kinds = {str(one.get("/FT", "")) for one in (widget, held, held.get("/Parent", None)) if is_dictionary(one)}
    if "/Sig" not in kinds or "/V" not in held or not has_area(widget):
        return False
    appearance = widget.get("/AP", None)
    normal = appearance.get("/N", None) if is_dictionary(appearance) else None
    if not isinstance(normal, pikepdf.Stream):
        return is_drawn_by_viewers(widget)
    return _draws(normal)


def _draws(form: Any) -> bool:
    """Whether a form has any content."""
    raw = form.read_raw_bytes()
    if "/Filter" not in form:
        return bool(raw.strip())
    return len(raw) > _SMALL or bool(form.read_bytes().strip())  # nothing large is unpacked for this


def _field_of(widget: Any) -> Any:
    """The field that holds a widget's value, mostly itself; what else a widget says of itself does not matter."""
    held = widget
    for _ in range(_DEEPEST):
        parent = held.get("/Parent", None)
        if "/V" in held or not is_dictionary(parent):
            break
        held = parent
    return held


def is_drawn_by_viewers(widget: Any) -> bool:
    """Whether a widget without an appearance tells a viewer what to draw: a border, a colour, a caption."""
    return "/AP" not in widget and any(key in widget for key in ("/MK", "/BS")) and has_area(widget)


def has_area(widget: Any) -> bool:
    """Whether there is anything of it to be seen."""
    return is_dictionary(widget) and _area(box_of(widget)) > 0


def pictured(pdf: bytes) -> dict[Key, tuple[int, ...]]:
    """On which pages, counted from 1, the signature with this object number shows a picture.

    :raises pikepdf.PdfError: unreadable
    """
    found: dict[Key, tuple[int, ...]] = {}
    with open_qpdf(pdf) as document:
        for number, page in enumerate(document.pages, start=1):
            for one in page.obj.get("/Annots", ()):
                if is_dictionary(one) and has_picture(one):
                    value = _field_of(one).V.objgen
                    found[value] = tuple(dict.fromkeys((*found.get(value, ()), number)))
    return found


def box_of(widget: Any) -> _Box:
    """The widget's rectangle; without area where it has none."""
    rectangle = widget.get("/Rect", None)
    return _numbers(rectangle) if rectangle is not None and len(rectangle) == 4 else (0.0, 0.0, 0.0, 0.0)


def _numbers(rectangle: Any) -> _Box:
    first, second, third, fourth = (float(one) for one in rectangle)
    return min(first, third), min(second, fourth), max(first, third), max(second, fourth)


def _shown(page: Any) -> _Box:
    """What viewers show of a page: what is cut out of it, as far as it is there."""
    cut, sheet = _numbers(page.cropbox), _numbers(page.mediabox)
    left, lower = max(cut[0], sheet[0]), max(cut[1], sheet[1])
    return left, lower, max(min(cut[2], sheet[2]), left), max(min(cut[3], sheet[3]), lower)


def _area(box: _Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _overlap(one: _Box, other: _Box) -> bool:
    width = min(one[2], other[2]) - max(one[0], other[0])
    return width > _TOUCHING and min(one[3], other[3]) - max(one[1], other[1]) > _TOUCHING


def _stands_elsewhere(widget: Any, page: Any) -> bool:
    said = widget.get("/P", None)
    return isinstance(said, pikepdf.Object) and said.objgen != page.objgen
