"""Go through a content stream, one instruction after the other.

A map has a million strokes. A list of them takes half a kilobyte each, more than the process may have; so nothing is
kept of an instruction that was looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Protocol

import pikepdf
from pikepdf.models.image import PdfInlineImage

from certs.upload.book import NotByTheBookError, TooMuchError

_END = "n"  # put behind every stream: what was not closed swallows it, and what was left over becomes its operand
_MOST_BYTES = 64 * 1024 * 1024
_MOST_INSTRUCTIONS = 1_500_000  # of a document; a second for every quarter of a million on a busy machine
_MOST_OPERANDS = 64
_PLAIN = frozenset({int, Decimal})


class Taker(Protocol):
    """What is done with the instructions. :raises NotByTheBookError: one does not belong where it stands"""

    def step(self, operator: str, operands: Any) -> None: ...
    def picture(self, picture: PdfInlineImage) -> None: ...
    def end(self) -> None: ...


def read(written: bytes, taker: Taker, counter: Iterator[int]) -> None:
    """Tell the taker of every instruction, and of the end.

    :param counter: counts the instructions of the whole document
    :raises NotByTheBookError: no content stream, or one of which something is left over
    :raises TooMuchError: more than can be looked at
    """
    if len(written) > _MOST_BYTES:
        raise TooMuchError("content of too many bytes")
    with pikepdf.new() as scratch:  # one for each, or all that was looked at stays in memory to the last
        page = scratch.add_blank_page()
        page.obj.Contents = scratch.make_stream(written + f"\n{_END}".encode())
        reader = _Reader(taker, counter)
        try:
            page.parse_contents(reader)
        except pikepdf.PdfError as error:
            raise NotByTheBookError(f"content: {type(error).__name__}") from error
        if not reader.is_closed or scratch.get_warnings():
            raise NotByTheBookError("content that is not closed")
    taker.end()


class _Reader(pikepdf.StreamParser):
    """Always one instruction behind, since the last is no part of the content."""

    def __init__(self, taker: Taker, counter: Iterator[int]) -> None:
        super().__init__()
        self._taker, self._counter = taker, counter
        self._operands: list[Any] = []
        self._last: tuple[str, list[Any]] | None = None
        self._image: tuple[Any, ...] | None = None  # the entries of a picture within the content

    @property
    def is_closed(self) -> bool:
        """Whether the instruction that was put behind has come last, and alone."""
        return self._last == (_END, []) and not self._operands

    def handle_object(self, item: Any, _offset: int, _length: int) -> None:
        if type(item) not in _PLAIN and isinstance(item, pikepdf.Operator):
            self._instruct(str(item))
        elif len(self._operands) < _MOST_OPERANDS:
            self._operands.append(item)
        else:
            raise NotByTheBookError("too many operands")

    def handle_eof(self) -> None:
        """Nothing: what is left over shows in :attr:`is_closed`."""

    def _instruct(self, operator: str) -> None:
        operands, self._operands = self._operands, []
        if operator in {"ID", "EI"} or self._image is not None:
            self._step_image(operator, operands)
            return
        if self._last is not None:
            self._taker.step(*self._last)
        self._last = (operator, operands)
        if next(self._counter) >= _MOST_INSTRUCTIONS:
            raise TooMuchError("content of too many instructions")

    def _step_image(self, operator: str, operands: list[Any]) -> None:
        if operator == "ID" and self._last == ("BI", []):
            self._last, self._image = None, tuple(operands)
            return
        if operator != "EI" or self._image is None or len(operands) != 1:
            raise NotByTheBookError("a picture that does not begin or end")
        try:
            picture = PdfInlineImage(image_data=operands[0], image_object=self._image)
        except pikepdf.PdfError as error:  # a key that stands twice, in full and in short
            raise NotByTheBookError("a picture whose keys stand twice") from error
        self._image = None
        self._taker.picture(picture)
