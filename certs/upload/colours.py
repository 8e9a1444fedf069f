"""How many numbers a colour has at each place of a content stream; with more or fewer of them, readers guess.

A colour space alone chooses no colour either: by the book its first one is black or the like, but PDFium goes on with
the colour before, and no reader has a pattern then.
"""

from __future__ import annotations

from typing import Any

import pikepdf

from certs.upload import pictures
from certs.upload.book import NotByTheBookError

_DEFAULTS = frozenset({"/DefaultGray", "/DefaultRGB", "/DefaultCMYK"})
_REPLACED_BY = frozenset({"/ICCBased", *pictures.DEVICES})
_SET = {"g": 1, "rg": 3, "k": 4}
_UNKNOWN, _PATTERN = -1, 0


class Colours:
    """The numbers of the current colours, filling and stroking, in the current graphics state.

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
        self._kept: list[tuple[dict[str, int], dict[str, bool]]] = []
        self._now = dict.fromkeys(("fill", "stroke"), _UNKNOWN if is_called else 1)
        self._chosen = dict.fromkeys(("fill", "stroke"), True)

    def step(self, operator: str, operands: Any) -> None:
        """The next instruction. :raises NotByTheBookError: a colour of another space, or a state restored too often"""
        side = "fill" if operator.islower() else "stroke"
        if operator == "q":
            self._kept.append((dict(self._now), dict(self._chosen)))
        elif operator == "Q":
            if not self._kept:
                raise NotByTheBookError("operator Q too often")
            self._now, self._chosen = self._kept.pop()
        elif operator.lower() in _SET:
            self._now[side], self._chosen[side] = _SET[operator.lower()], True
        elif operator.lower() == "cs":
            self._now[side], self._chosen[side] = self._count(str(operands[0])), False
        elif operator.lower() in {"sc", "scn"}:
            self._ensure(self._now[side], operands)
            self._chosen[side] = True

    def ensure_chosen(self) -> None:
        """Before something is painted. :raises NotByTheBookError: there is a colour space, and no colour of it"""
        if not all(self._chosen.values()):
            raise NotByTheBookError("painted in a colour that was not chosen")

    def _count(self, name: str) -> int:
        space = pikepdf.Name(name) if name in {*pictures.DEVICES, "/Pattern"} else self._spaces[name]
        return _PATTERN if pictures.family(space) == "/Pattern" else pictures.components_of(space)

    @staticmethod
    def _ensure(count: int, operands: Any) -> None:
        is_pattern = isinstance(operands[-1], pikepdf.Name)
        if count != _UNKNOWN and (is_pattern is not (count == _PATTERN) or (count and len(operands) != count)):
            raise NotByTheBookError("a colour of another space")
