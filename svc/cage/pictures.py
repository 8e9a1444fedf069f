"""A document whose pages are pictures: what a page's picture is, and how they are asked for, one page at a time.

Each page is a task of its own, so that a long document needs no more time and memory at once than a short one, and
other files come in between. Knows no parser.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from svc.cage.port import CageCrashed, CageTimeout, PicturesImpossible

DPI = (200, 150)
"""How finely pages are drawn: the first that stays within the room which a page has."""
_MOST_BYTES = 30 * 1024 * 1024  # an answer out of the cage holds little more
_MOST_SECONDS, _PATIENCE = 120.0, 15.0
_FRAME = 1024  # what a page takes beside its picture


@dataclass(frozen=True)
class PagePicture:
    """One page as a picture: a JPEG, or rows as PNG packs them, ``size`` bytes. ``bits`` of a colour and ``colours`` of
    a point; ``width`` and ``height`` in points of its own, ``points_wide`` and ``points_high`` those of the page as it
    is shown (turned, cropped).
    """

    is_jpeg: bool
    bits: int
    colours: int
    width: int
    height: int
    points_wide: float
    points_high: float
    size: int


@dataclass(frozen=True)
class Pictured:
    """A page's picture, whose data stand behind the head of the frame, and how many pages there are."""

    picture: PagePicture
    pages: int


Draw = Callable[[int, int], tuple[Pictured, bytes]]
Bind = Callable[[tuple[PagePicture, ...], bytes], bytes]


def picture_all(draw: Draw, bind: Bind, max_bytes: int, max_pages: int) -> bytes:
    """Draw every page and bind the pictures to one PDF.

    :param draw: a page (from 0), and how many bytes it should keep to
    :raises PicturesImpossible: a page cannot be drawn or is too large, there are too many, or it takes too long
    """
    began = time.monotonic()
    left = min(max_bytes, _MOST_BYTES) - _FRAME
    pages, pictures, data = 1, list[PagePicture](), list[bytes]()
    while len(pictures) < pages:
        number = len(pictures)
        drawn, body = _drawn(draw, number, _room(left, pages - number))
        is_news, pages = pages == 1 < drawn.pages, drawn.pages
        if not number < pages <= max_pages:  # too few is what a parser says that was taken over
            raise PicturesImpossible("too_many_pages")
        if is_news and len(body) > _room(left, pages):
            continue  # the first page took what is for all
        left -= len(body) + _FRAME
        if left < 0:
            raise PicturesImpossible("too_large")
        if _is_too_slow(time.monotonic() - began, number + 1, pages):
            raise PicturesImpossible("too_slow")
        pictures.append(drawn.picture)
        data.append(body)
    return bind(tuple(pictures), b"".join(data))


def _room(left: int, pages: int) -> int:
    """What the next of so many pages may take."""
    return max(left // pages - _FRAME, 0)


def _is_too_slow(spent: float, done: int, pages: int) -> bool:
    """Whether it takes too long, or will: nobody is to wait two minutes to hear it."""
    return spent > max(_PATIENCE, _MOST_SECONDS * done / pages)


def _drawn(draw: Draw, number: int, room: int) -> tuple[Pictured, bytes]:
    try:
        return draw(number, room)
    except PicturesImpossible as error:
        raise PicturesImpossible(error.code, number + 1) from error
    except (CageTimeout, CageCrashed) as error:
        raise PicturesImpossible("undrawable", number + 1) from error
