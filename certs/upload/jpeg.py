"""JPEG pictures that every reader decodes to the same points, or that are refused.

Of data that are cut short or damaged, one reader shows a gray rest, another the rows before it, the next nothing. The
library decodes them without a word, too. So it is asked again with something else behind the last point: that must not
matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise
from typing import Any, Final, NamedTuple

# All that is needed, now: where pictures are decoded, no module can be loaded later.
from PIL import Image, JpegImagePlugin, TiffImagePlugin  # noqa: F401

from certs.upload.book import DamagedPictureError, NotByTheBookError, TooMuchError

_FRAMES, _PROGRESSIVE = frozenset({0xC0, 0xC1, 0xC2}), 0xC2  # baseline, extended and progressive
_CODES, _END, _SCAN, _RESTART, _ADOBE, _JFIF = 0xC4, 0xD9, 0xDA, 0xDD, 0xEE, 0xE0
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # that is more than a place to begin anew
_RESTARTS = re.compile(rb"\xff([\xd0-\xd7])")
_COEFFICIENTS, _BLOCK = 64, 8
_MOST_POINTS, _MOST_PROGRESSIVE = 250_000_000, 80_000_000
_MOST_IN_FULL = 16_000_000  # points; of a scan that makes others finer, too little is seen in small
_BEHIND: Final = (b"\x9d\x35\x6e" * 8, b"\x2d\xb6\x5b" * 8)


class _Segment(NamedTuple):
    marker: int
    content: bytes
    after: int


def ensure_whole(data: bytes, size: tuple[int, int], count: int, transform: Any) -> None:
    """Hold a picture's data against its size and its number of colours, and decode it.

    :param transform: the dictionary's word on whether the colours are transformed; None where it has none
    :raises NotByTheBookError: they differ, or are told in two ways
    :raises DamagedPictureError: it is no JPEG, or one that is damaged or cut short
    :raises TooMuchError: more points than can be decoded
    """
    at = data.find(b"\xff\xd8")
    if at < 0:
        raise DamagedPictureError("no JPEG")
    data = data[at:]
    segments = list(_segments(data))
    frame = next((one for one in segments if one.marker in _FRAMES), None)
    if frame is None or len(frame.content) < 6 or len(frame.content) != 6 + 3 * frame.content[5]:
        raise DamagedPictureError("a JPEG without a frame")
    height, width = int.from_bytes(frame.content[1:3], "big"), int.from_bytes(frame.content[3:5], "big")
    if frame.content[0] != 8 or (width, height) != size or frame.content[5] != count:
        raise NotByTheBookError("a JPEG of another size or other colours")
    _ensure_one_transform(segments, count, transform)
    is_progressive = frame.marker == _PROGRESSIVE
    if width * height > (_MOST_PROGRESSIVE if is_progressive else _MOST_POINTS):
        raise TooMuchError("a JPEG of too many points")
    _ensure_all_scans(segments, frame, is_progressive)
    _ensure_tables(segments, is_progressive)
    _ensure_restarts(data, segments, frame)
    _ensure_decodes(data, segments, size, count, is_progressive)


def _ensure_one_transform(segments: list[_Segment], count: int, transform: Any) -> None:
    """Which of two words counts, readers do not agree on."""
    adobe = next((one.content[11] for one in segments if one.marker == _ADOBE and one.content[:5] == b"Adobe"
                  and len(one.content) > 11), None)
    is_jfif = any(one.marker == _JFIF and one.content[:4] == b"JFIF" for one in segments)
    if (is_jfif and adobe == 0 and count == 3) or (
            transform is not None and adobe is None and transform != int(count == 3)):
        raise NotByTheBookError("a JPEG whose colours are told in two ways")


def _segments(data: bytes) -> Iterator[_Segment]:
    """All with their contents, to the end of the picture."""
    at = 2
    while at + 2 <= len(data):
        if data[at] != 0xFF:
            raise DamagedPictureError("a JPEG with something between its markers")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == _END:
            yield _Segment(marker, b"", at)
            return
        end = at + 2 + int.from_bytes(data[at + 2:at + 4], "big")
        if marker in {0, 1, *range(0xD0, 0xD9)} or end > len(data):
            raise DamagedPictureError("a JPEG with a marker that does not belong there")
        yield _Segment(marker, data[at + 4:end], end)
        at = end
        if marker == _SCAN:
            behind = _MARKER.search(data, end)
            if behind is None:
                break
            at = behind.start()
    raise DamagedPictureError("a JPEG that is cut off")


def _ensure_all_scans(segments: list[_Segment], frame: _Segment, is_progressive: bool) -> None:
    """Every component comes, with every coefficient, to the last bit."""
    left = {frame.content[at]: dict.fromkeys(range(_COEFFICIENTS), -1) for at in range(6, len(frame.content), 3)}
    for one in segments:
        if one.marker != _SCAN:
            continue
        count = one.content[0] if one.content else 0
        if len(one.content) != 4 + 2 * count:
            raise DamagedPictureError("a JPEG with a scan that is none")
        first, last, bits = one.content[-3:] if is_progressive else (0, _COEFFICIENTS - 1, 0)
        for component in one.content[1:1 + 2 * count:2]:
            if component not in left or last >= _COEFFICIENTS:
                raise DamagedPictureError("a JPEG with a scan of another picture")
            for coefficient in range(first, last + 1):
                if left[component][coefficient] != (bits >> 4 or -1):
                    raise DamagedPictureError("a JPEG with a scan out of order")
                left[component][coefficient] = bits & 15
    if any(set(bits.values()) != {0} for bits in left.values()):
        raise DamagedPictureError("a JPEG that lacks a scan")


def _ensure_tables(segments: list[_Segment], is_progressive: bool) -> None:
    """The codes of every scan are told before it; some readers take usual ones where none are told."""
    told: set[int] = set()
    for one in segments:
        at = 0
        while one.marker == _CODES and at + 17 <= len(one.content):
            told.add(one.content[at])
            at += 17 + sum(one.content[at + 1:at + 17])
        if one.marker == _SCAN:
            first, last, bits = one.content[-3:] if is_progressive else (0, 1, 0)
            chosen = one.content[2:-3:2]
            if (first == 0 and bits >> 4 == 0 and not {table >> 4 for table in chosen} <= told) or (
                    last and not {16 + (table & 15) for table in chosen} <= told):
                raise DamagedPictureError("a JPEG that lacks a table")


def _ensure_restarts(data: bytes, segments: list[_Segment], frame: _Segment) -> None:
    """Where decoding begins anew is told as often as it must, in order."""
    interval = 0
    for one, following in pairwise(segments):
        if one.marker == _RESTART:
            interval = int.from_bytes(one.content, "big")
        if one.marker != _SCAN:
            continue
        behind = _MARKER.search(data, one.after)
        found = [mark[0] for mark in _RESTARTS.findall(data, one.after, behind.start() if behind else following.after)]
        units = _units(frame.content, one.content)
        wanted = (units - 1) // interval if interval else 0
        if found != [0xD0 + at % 8 for at in range(wanted)]:
            raise DamagedPictureError("a JPEG that begins anew too often, or too seldom")


def _units(frame: bytes, scan: bytes) -> int:
    """How many parts a scan has that are decoded as one."""
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    factors = {frame[at]: (frame[at + 1] >> 4, frame[at + 1] & 15) for at in range(6, len(frame), 3)}
    across, down = max(one[0] for one in factors.values()), max(one[1] for one in factors.values())
    if scan[0] == 1:
        own = factors[scan[1]]
        return -(-width * own[0] // (across * _BLOCK)) * -(-height * own[1] // (down * _BLOCK))
    return -(-width // (across * _BLOCK)) * -(-height // (down * _BLOCK))


def _ensure_decodes(
    data: bytes, segments: list[_Segment], size: tuple[int, int], count: int, is_progressive: bool
) -> None:
    is_full = is_progressive and size[0] * size[1] <= _MOST_IN_FULL
    shown = _points(data, size, count, is_full=is_full)
    end = segments[-1].after
    if any(_points(data[:end] + more + data[end:], size, count, is_full=is_full) != shown for more in _BEHIND):
        raise DamagedPictureError("a JPEG that is cut short")


def _points(data: bytes, size: tuple[int, int], count: int, *, is_full: bool) -> bytes:
    """All, or one for each block of eight, which takes little memory and yet all of the data."""
    try:
        with JpegImagePlugin.JpegImageFile(BytesIO(data)) as picture:
            is_as_said = picture.size == size and len(picture.getbands()) == count
            if not is_full:
                picture.draft(None, (max(size[0] // _BLOCK, 1), max(size[1] // _BLOCK, 1)))
            points: bytes = picture.tobytes()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DamagedPictureError("a JPEG that cannot be decoded") from error
    if not is_as_said:
        raise NotByTheBookError("a JPEG of another size or other colours")
    return points
