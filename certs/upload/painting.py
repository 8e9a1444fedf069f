"""Content streams as the standard has them, and nothing else.

Viewers repair what is wrong in a content stream, each in its own way: an operator nobody knows, an operand too many or
too few, a number like ``3-00``, a resource that is not there. Then one shows a page and another shows another one. So
whatever is not written by the book is told; a program that prints to PDF writes nothing of the kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import count
from typing import Any

import pikepdf
from pikepdf.models.image import PdfInlineImage

from certs.anatomy.pictures import has_frame
from certs.upload import blending, colours, inline, pictures, reading
from certs.upload import operators as ops
from certs.upload.book import NotByTheBookError

_UNCOLOURED = 2  # the paint type of a tiling pattern that takes the colour of its user
_LARGEST = 2**31 - 1
_NUMBERS_ONLY = frozenset({one for one in ops.OPERANDS.values() if not one.strip("n")})
_NUMBERS = frozenset({int, Decimal})  # true and false are none


def ensure_plain(document: pikepdf.Pdf) -> None:
    """Look at what every page, form, pattern, drawn glyph and picture of the file paints.

    :raises NotByTheBookError: at the first thing that readers may take differently
    """
    counter = count()
    for page in document.pages:
        _ensure(_parts(page.obj.get("/Contents")), _Walk(page.resources, needs_font=True), counter)
    for item in document.objects:
        if isinstance(item, pikepdf.Stream) and item.get("/Subtype") == "/Image":
            pictures.ensure_plain(item)
        blending.ensure_plain(item)
        for stream, walk in _painted_by(item):
            _ensure([stream], walk, counter)


def _parts(contents: Any) -> Sequence[Any]:
    if contents is None:
        return ()
    return list(contents) if isinstance(contents, pikepdf.Array) else [contents]


def _painted_by(item: Any) -> Iterator[tuple[Any, _Walk]]:
    """Forms, patterns and drawn glyphs, wherever they hang; they may begin with the font of who calls them."""
    if isinstance(item, pikepdf.Stream) and (item.get("/Subtype") == "/Form" or item.get("/PatternType") == 1):
        if not has_frame(item):
            raise NotByTheBookError("a form without a frame")
        if item.get("/PatternType") == 1 and not (item.get("/XStep") and item.get("/YStep")):
            raise NotByTheBookError("a pattern without a step")
        yield item, _Walk(item.get("/Resources"))
    elif isinstance(item, pikepdf.Dictionary) and item.get("/Subtype") == "/Type3":
        glyphs = item.get("/CharProcs", pikepdf.Dictionary())
        for name in glyphs.keys():  # noqa: SIM118 - not a mapping
            yield glyphs[name], _Walk(item.get("/Resources"), is_glyph=True)


def _ensure(streams: Sequence[Any], walk: _Walk, counter: Iterator[int]) -> None:
    if any(_is_predicted(one) for one in streams):
        raise NotByTheBookError("content that is packed like a picture")
    reading.read(b"\n".join(one.read_bytes() for one in streams), walk, counter)


def _is_predicted(stream: Any) -> bool:
    """Readers do not agree on rows of a kind that is none, and nobody packs content in rows."""
    given = stream.get("/DecodeParms", ())
    return any(isinstance(one, pikepdf.Dictionary) and one.get("/Predictor", 1) != 1
               for one in (given if isinstance(given, pikepdf.Array) else [given]))


class _Walk:
    """Where in a content stream one is: on the page, in a path, in a text object; how deep in states and marks."""

    def __init__(self, resources: Any, *, needs_font: bool = False, is_glyph: bool = False) -> None:
        self._resources = resources if isinstance(resources, pikepdf.Dictionary) else pikepdf.Dictionary()
        self._lacks_font, self._awaits_measure = needs_font, is_glyph
        self._is_path = self._is_text = self._is_shape = False
        self._marks = 0
        self._colours = colours.Colours(
            self._resources.get("/ColorSpace", pikepdf.Dictionary()), is_called=not needs_font)

    def step(self, operator: str, operands: Any) -> None:
        """The next instruction. :raises NotByTheBookError: it does not belong here"""
        wanted = ops.OPERANDS.get(operator)
        if wanted is None or not _fits(wanted, operands):
            raise NotByTheBookError(f"operator {operator[:10]} with {len(operands)} operands")
        if self._is_path and operator in ops.CONSTRUCTION:
            return  # a map has a million of them, and nothing else bears on them
        self._measure(operator)
        if (self._is_path and operator not in ops.IN_PATH) or (self._is_text and operator not in ops.IN_TEXT):
            raise NotByTheBookError(f"operator {operator} in a path or text")
        if operator in ops.CONTINUING and not self._is_path:
            raise NotByTheBookError(f"operator {operator} without a path")
        if operator in ops.IN_PATH:
            self._draw(operator)
            return
        if not _is_in_range(operator, operands):
            raise NotByTheBookError(f"operator {operator} with a value out of range")
        self._turn(operator)
        self._name(operator, operands)
        if operator in ops.COLOURED and not (operator == "Do" and self._is_picture(operands[0])):
            self._colours.ensure_chosen(operator)
        self._colours.step(operator, operands)

    def picture(self, picture: PdfInlineImage) -> None:
        """A picture within the content. :raises NotByTheBookError: not here, or not such a one"""
        if self._is_path or self._is_text:
            raise NotByTheBookError("a picture in a path or text")
        self._measure("BI")
        inline.ensure_plain(picture, self._resources.get("/ColorSpace", pikepdf.Dictionary()))
        is_stencil = picture.image_mask
        if self._is_shape and not is_stencil:
            raise NotByTheBookError("a coloured picture in a drawn glyph that has the colour of the text")
        if is_stencil:
            self._colours.ensure_chosen("f")

    def end(self) -> None:
        """:raises NotByTheBookError: a text, a path or a mark is still open"""
        if self._is_text or self._is_path or self._marks:
            raise NotByTheBookError("content that is not closed")

    def _measure(self, operator: str) -> None:
        """A drawn glyph begins with its measure; one that is a mere shape (d1) has the colour of the text."""
        if (operator in ops.METRICS) is not self._awaits_measure or (self._is_shape and operator in ops.COLOURING):
            raise NotByTheBookError(f"operator {operator} in a drawn glyph, or a measure elsewhere")
        self._awaits_measure = False
        self._is_shape = self._is_shape or operator == "d1"

    def _draw(self, operator: str) -> None:
        if operator in ops.PAINTING:
            self._is_path = False
            if operator != "n":
                self._colours.ensure_chosen(operator)
        elif operator in ops.CONSTRUCTION:
            self._is_path = True

    def _turn(self, operator: str) -> None:
        if operator in {"BT", "ET"}:
            if self._is_text is (operator == "BT"):
                raise NotByTheBookError("ET without BT")
            self._is_text = operator == "BT"
        elif operator in {"BMC", "BDC", "EMC"}:
            self._marks += -1 if operator == "EMC" else 1
        if self._marks < 0:
            raise NotByTheBookError(f"operator {operator} too often")

    def _is_picture(self, name: Any) -> bool:
        """With colours of its own, unlike a stencil or a form."""
        drawn = self._resources.XObject[name]
        return bool(drawn.get("/Subtype") == "/Image" and drawn.get("/ImageMask", False) is False)

    def _name(self, operator: str, operands: Any) -> None:
        if operator == "Tf":
            self._lacks_font = False
        elif operator in ops.SHOWING and self._lacks_font:
            raise NotByTheBookError("text without a font")
        kind = ops.RESOURCE.get(operator)
        name = _resource_name(operator, operands) if kind else ""
        if kind == "/ColorSpace" and name in ops.DEVICE_SPACES:
            return
        if kind and name and name not in self._resources.get(kind, pikepdf.Dictionary()):
            raise NotByTheBookError(f"{kind} that is not there")
        if kind == "/Pattern" and name:
            is_coloured_here = len(operands) > 1
            if (self._resources.Pattern[name].get("/PaintType", 1) == _UNCOLOURED) is not is_coloured_here:
                raise NotByTheBookError("a pattern whose colour is told twice, or nowhere")
        if operator == "gs":
            _ensure_state(self._resources.ExtGState[name])
        if operator in {"BMC", "BDC"} and str(operands[0]) == "/OC":
            raise NotByTheBookError("optional content")


def _resource_name(operator: str, operands: Any) -> str:
    """The name to be looked up; empty where none is."""
    if operator in {"SCN", "scn", "DP", "BDC"}:
        return str(operands[-1]) if len(operands) and isinstance(operands[-1], pikepdf.Name) else ""
    return str(operands[0])


def _fits(wanted: str, operands: Any) -> bool:
    if wanted in _NUMBERS_ONLY:
        return len(operands) == len(wanted) and all(map(_is_number, operands))
    if wanted in {"*", "?"}:
        given = list(operands)
        if wanted == "?" and given and isinstance(given[-1], pikepdf.Name):
            given.pop()
            return all(map(_is_number, given))
        return bool(given) and all(map(_is_number, given))
    return len(operands) == len(wanted) and all(
        _is(letter, operand) for letter, operand in zip(wanted, operands, strict=True))


def _is_in_range(operator: str, operands: Any) -> bool:
    if operator == "d":
        return _is_dash(operands[0])
    lowest, highest = ops.RANGES.get(operator, (None, None))
    return lowest is None or (operands[0] >= lowest and (
        highest is None or (operands[0] <= highest and operands[0] == int(operands[0]))))


def _ensure_state(state: Any) -> None:
    if not isinstance(state, pikepdf.Dictionary):
        raise NotByTheBookError("a graphics state that is none")
    widths: list[tuple[str, Any]] = [(operator, state.get(f"/{key}")) for key, operator in ops.STATES.items()]
    opacities: list[Any] = [state.get(key) for key in ("/ca", "/CA")]
    dash: Any = state.get("/D")
    if not (
        all(one is None or (_is_number(one) and _is_in_range(operator, [one])) for operator, one in widths)
        and all(one is None or (_is_number(one) and 0 <= one <= 1) for one in opacities)
        and (dash is None or (
            isinstance(dash, pikepdf.Array) and len(dash) == 2 and _is("a", dash[0]) and _is_dash(dash[0])))):
        raise NotByTheBookError("a graphics state with a value out of range")
    blending.ensure_mask(state)


def _is_dash(lengths: Any) -> bool:
    """A line that is solid, or has parts of some length: of one that has none, readers draw all or nothing."""
    parts = list(lengths)
    return not parts or (all(one >= 0 for one in parts) and any(parts))


def _is(letter: str, operand: Any) -> bool:
    if letter == "n":
        return _is_number(operand)
    if letter == "a":
        return isinstance(operand, pikepdf.Array) and all(
            _is_number(one) or isinstance(one, pikepdf.String) for one in operand)
    kinds = {"N": pikepdf.Name, "s": pikepdf.String, "p": pikepdf.Name | pikepdf.Dictionary}
    return isinstance(operand, kinds[letter])


def _is_number(value: Any) -> bool:
    return type(value) in _NUMBERS and -_LARGEST <= value <= _LARGEST
