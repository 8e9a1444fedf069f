"""Short, simple objects, known by one regular expression: most of a file, and what every reader reads alike.

What is found here the careful reader of :mod:`certs.anatomy.tokens` finds as well; what is not found here it decides.
The grammar is narrower than the standard's, so that nothing in it is open to taste: no comment, no escape in a name or
string, no letter beyond printable ASCII in a name, no number that overflows, no loose word. All expressions are
possessive: no input makes them backtrack.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from certs.anatomy.findings import Limits
from certs.anatomy.tokens import OBJECT_HEADER, REGULAR, W

_GAP = rb"[" + W + rb"]*+"
_SEPARATE = rb"(?!" + REGULAR + rb")"
_NAME = rb"/(?:(?![#%()/<>\[\]{}])[!-~])++"
_SCALAR = (
    rb"[1-9]\d{0,7}+[" + W + rb"]++\d{1,4}+[" + W + rb"]++R" + _SEPARATE
    + rb"|[+-]?+(?>\d{1,9}+(?>\.\d{0,9}+)?+|\.\d{1,9}+)" + _SEPARATE
    + rb"|" + _NAME + rb"|(?>true|false|null)" + _SEPARATE
    + rb"|\([^()\\]*+\)|<[0-9A-Fa-f" + W + rb"]*+>"
)


def _array(item: bytes) -> bytes:
    return rb"\[(?>[" + W + rb"]++|" + item + rb")*+\]"


def _pair(value: bytes) -> bytes:
    return _NAME + _GAP + rb"(?>" + value + rb")" + _GAP


def _dictionary(value: bytes) -> bytes:
    return rb"<<" + _GAP + rb"(?>" + _pair(value) + rb")*+>>"


def _nested(levels: int) -> bytes:
    """A dictionary or array, nested as deep."""
    value = _SCALAR
    for _ in range(levels):
        containers = _dictionary(value) + rb"|" + _array(value)
        value = _SCALAR + rb"|" + containers
    return rb"(?>" + containers + rb")"


_LEVELS = 4
_LENGTH = 2048  # what is longer has its tokens measured
_FLAT_VALUE = _SCALAR + rb"|" + _array(_SCALAR)
_HEAD = _GAP + OBJECT_HEADER.pattern + rb"()" + _GAP
_OBJECT = re.compile(_HEAD + _nested(_LEVELS) + _GAP + rb"endobj" + _SEPARATE)
_FLAT = re.compile(rb"(" + _GAP + rb"<<" + _GAP + rb")(?>" + _pair(_FLAT_VALUE) + rb")*+>>" + _GAP + rb"endobj")
_PAIRS = re.compile(rb"(" + _NAME + rb")" + _GAP + rb"(" + _FLAT_VALUE + rb")" + _GAP)
_NAMES = re.compile(rb"/" + REGULAR + rb"*+")
_STREAM = re.compile(_HEAD + rb"(" + _dictionary(_FLAT_VALUE) + rb")" + _GAP + rb"()stream(?:\r\n|\n)")
_INTEGER = re.compile(rb"\d{1,9}")


class PlainObject(NamedTuple):
    """An object without stream: where it begins, where its body does, and where it ends, after ``endobj``.

    ``clear``: no dictionary in it has a key twice. False says nothing.
    """

    start: int
    body: int
    end: int
    number: int
    generation: int
    clear: bool


class PlainStream(NamedTuple):
    """A stream object up to its data: where it begins, its body does, its ``stream`` stands and its data begins.

    No key stands twice in its dictionary. ``clear``: it keeps its data here and not in another file.
    """

    start: int
    body: int
    keyword: int
    data: int
    length: int
    number: int
    generation: int
    clear: bool


class PlainReader:
    """Knows the plain objects in ``data[:end]``; none beyond what the limits allow by its length alone."""

    def __init__(self, data: bytes, end: int, limits: Limits) -> None:
        self._data, self._end = data, end
        self._reach = min(_LENGTH, limits.token, limits.string, limits.cms) if limits.depth >= _LEVELS else 0

    def object(self, start: int) -> PlainObject | None:
        """The short, simple object without stream at ``start`` (white space before it skipped). None says nothing:
        :func:`certs.anatomy.tokens.skim` decides, and finds all that is found here sound as well."""
        found = _OBJECT.match(self._data, start, min(self._end, start + self._reach))
        if found is None:
            return None
        end = found.end()
        if end == start + self._reach < self._end:  # there may be more of its last word
            return None
        body = found.end(3)
        return PlainObject(found.start(1), body, end, int(found.group(1)), int(found.group(2)),
                           _no_key_twice(self._data, body, end))

    def stream(self, start: int) -> PlainStream | None:
        """The head of a stream at ``start`` whose dictionary is short and simple, no key twice, its length a number.
        None says nothing: :class:`certs.anatomy.tokens.Reader` decides, and reads the same."""
        found = _STREAM.match(self._data, start, min(self._end, start + self._reach))
        if found is None:
            return None
        pairs = _PAIRS.findall(found.group(4))
        values = dict(pairs)
        length = values.get(b"/Length", b"")
        if len(values) != len(pairs) or _INTEGER.fullmatch(length) is None:
            return None
        return PlainStream(found.start(1), found.end(3), found.start(5), found.end(), int(length),
                           int(found.group(1)), int(found.group(2)), b"/F" not in values)


def _no_key_twice(data: bytes, body: int, end: int) -> bool:
    names = _NAMES.findall(data, body, end)
    if len(set(names)) == len(names):  # whatever is a key among them
        return True
    flat = _FLAT.match(data, body, end)
    if flat is None:
        return data.find(b"<<", body, end) < 0
    keys = [key for key, _ in _PAIRS.findall(data, flat.end(1), end)]
    return len(set(keys)) == len(keys)
