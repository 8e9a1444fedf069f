"""How many numbers a colour has at each place of a content stream; with more or fewer of them, readers guess.

A colour space alone chooses no colour either: by the book its first one is black or the like, but PDFium goes on with
the colour before, and no reader has a pattern then.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pikepdf

from certs.upload import pictures
from certs.upload.book import NotByTheBookError

_DEFAULTS = frozenset({"/DefaultGray", "/DefaultRGB", "/DefaultCMYK"})
_REPLACED_BY = frozenset({"/ICCBased", *pictures.DEVICES})
_SET = {"g": 1, "rg": 3, "k": 4}
_FILLING, _STROKING = frozenset({"f", "F", "f*"}), frozenset({"S", "s"})  # and all else does both
_UNKNOWN, _PATTERN = -1, 0


class _Colour(NamedTuple):
    """``numbers`` is how many tell it; ``is_first``: nothing was chosen yet, and a page begins with black."""

    numbers: int
    is_chosen: bool = True
    is_first: bool = False


class Colours:
    """The current colours, filling and stroking, in the current graphics state.

    :param spaces: the colour spaces of the resources
    :param is_called: whether a form, pattern or glyph is drawn, which begins with the colours of who calls it
    :raises NotByTheBookError: the resources rename what every reader knows
    """

    def __init__(self, spaces: Any, *, is_called: bool) -> None:
        for name in spaces.keys():  # noqa: SIM118 - not a mapping
            is_renamed = (name in pictures.DEVICES or name == "/Pattern") and spaces[name] != name
            if is_renamed or (name in _DEFAULTS and pictures.family(spaces[name]) not in _REPLACED_BY):
                raise NotByTheBookError(f"another meaning of {name}")
        self._spaces = spaces
        self._fill = self._stroke = _Colour(_UNKNOWN) if is_called else _Colour(1, is_first=True)
        self._kept: list[tuple[_Colour, _Colour]] = []

    def step(self, operator: str, operands: Any) -> None:
        """The next instruction. :raises NotByTheBookError: a colour of another space, or a state restored too often"""
        if operator == "q":
            self._kept.append((self._fill, self._stroke))
        elif operator == "Q":
            if not self._kept:
                raise NotByTheBookError("operator Q too often")
            self._fill, self._stroke = self._kept.pop()
        elif operator.islower():
            self._fill = self._next(self._fill, operator, operands)
        else:
            self._stroke = self._next(self._stroke, operator.lower(), operands)

    def ensure_chosen(self, operator: str) -> None:
        """Before something is painted. :raises NotByTheBookError: there is a colour space, and no colour of it"""
        if not ((self._fill.is_chosen or operator in _STROKING) and (self._stroke.is_chosen or operator in _FILLING)):
            raise NotByTheBookError("painted in a colour that was not chosen")

    def _next(self, now: _Colour, operator: str, operands: Any) -> _Colour:
        if operator in _SET:
            return _Colour(_SET[operator])
        if operator == "cs":
            name = str(operands[0])
            is_black = now.is_first and name in pictures.DEVICES  # as it was before
            return _Colour(self._count(name), is_black, is_black)
        if operator in {"sc", "scn"}:
            self._ensure(now.numbers, operands)
            return _Colour(now.numbers)
        return now

    def _count(self, name: str) -> int:
        space = pikepdf.Name(name) if name in {*pictures.DEVICES, "/Pattern"} else self._spaces[name]
        return _PATTERN if pictures.family(space) == "/Pattern" else pictures.components_of(space)

    @staticmethod
    def _ensure(count: int, operands: Any) -> None:
        is_pattern = isinstance(operands[-1], pikepdf.Name)
        if count != _UNKNOWN and (is_pattern is not (count == _PATTERN) or (count and len(operands) != count)):
            raise NotByTheBookError("a colour of another space")
