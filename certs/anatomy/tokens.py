"""The smallest reader of PDF syntax (ISO 32000-2 7.2 and 7.3) that tells where each thing begins and ends.

All regular expressions are possessive: no input makes them backtrack.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TypeAlias

from certs.anatomy.findings import Limits, Refused

W = rb"\x00\t\n\x0c\r "
REGULAR = rb"[^\x00\t\n\x0c\r ()<>\[\]{}/%]"
_GAP = rb"(?>[" + W + rb"]++|%[^\r\n]*+)*+"
_TOKEN = re.compile(
    _GAP + rb"(?:(<<)|(>>)|(\[)|(\])|(<[0-9A-Fa-f" + W + rb"]*+>)|(\()|(/" + REGULAR + rb"*+)"
    rb"|(\d{1,10}[" + W + rb"]++\d{1,5}[" + W + rb"]++R(?!" + REGULAR + rb"))|(" + REGULAR + rb"++))"
)
_PARENTHESES = re.compile(rb"[()\\]")
_SKIM = re.compile(
    rb"<<|>>|[\[\](%\x0b]|<[^<>]*+>"
    rb"|(?<![^" + W + rb"()<>\[\]{}%])(?:endobj|stream|endstream|obj)(?!" + REGULAR + rb")"
)
# No white space (ISO 32000-2 7.2.3), but qpdf takes it for some.
VERTICAL_TAB = b"\x0b"
_LINE_END = re.compile(rb"[\r\n]")
_NAME_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
_DIGITS = re.compile(rb"\d+")
_INTEGER = re.compile(rb"[+-]?\d{1,20}")
_REAL = re.compile(rb"[+-]?(?:\d{1,20}\.\d{0,20}|\.\d{1,20})")
BLANKS = b"\x00\t\n\x0c\r "
WHITESPACE = re.compile(rb"[" + W + rb"]*+")
BLANK_OR_COMMENT = re.compile(_GAP)
OBJECT_HEADER = re.compile(rb"(\d{1,10})[" + W + rb"]++(\d{1,5})[" + W + rb"]++obj(?!" + REGULAR + rb")")
STREAM_START = re.compile(rb"stream(\r\n|\n)")
STREAM_END = re.compile(rb"(?:\r\n|\n|\r)?endstream[" + W + rb"]++endobj(?!" + REGULAR + rb")")


def spelled(name: bytes) -> re.Pattern[bytes]:
    """Where the name begins, however its letters are written (ISO 32000-2 7.3.5); longer ones begin so, too."""
    return re.compile(b"/" + b"".join(b"(?:%c|#(?i:%02x))" % (letter, letter) for letter in name))


BYTE_RANGE = spelled(b"ByteRange")


@dataclass(frozen=True)
class Name:
    """A name without its solidus, escapes resolved."""

    text: bytes


@dataclass(frozen=True)
class Reference:
    number: int
    generation: int


@dataclass(frozen=True)
class Text:
    """A string: where it stands, delimiters included, and whether it is hexadecimal. Not decoded."""

    start: int
    end: int
    hexadecimal: bool


@dataclass(frozen=True)
class Keyword:
    """``true``, ``null``, a real number, or something that should not be there."""

    text: bytes


@dataclass(frozen=True)
class Entries:
    """A dictionary as written: keys may occur twice, and order is kept."""

    pairs: tuple[tuple[bytes, Value], ...]

    def get(self, key: bytes) -> Value | None:
        """The last value of the key, as most readers take it; None if there is none."""
        return next((value for name, value in reversed(self.pairs) if name == key), None)

    def integer(self, key: bytes) -> int | None:
        """The value of the key if it is an integer written here."""
        value = self.get(key)
        return value if isinstance(value, int) else None

    def repeated(self) -> frozenset[bytes]:
        """Keys that occur more than once."""
        counted = Counter(key for key, _ in self.pairs)
        return frozenset(key for key, times in counted.items() if times > 1)


Value: TypeAlias = "int | Name | Reference | Text | Keyword | Entries | tuple[Value, ...]"


def literal_end(data: bytes, start: int, end: int, most: int) -> int:
    """Where the literal string that opens at ``start`` ends.

    :raises Refused: it does not end (malformed_object), or not within ``most`` bytes (token_too_long)
    """
    depth, position = 1, start + 1
    stop = min(end, start + most + 2)
    while depth:
        found = _PARENTHESES.search(data, position, stop)
        if found is None:
            raise Refused("malformed_object" if stop == end else "token_too_long", start, "string without end")
        mark = found.group()
        position = found.end() + (mark == b"\\")
        depth += (mark == b"(") - (mark == b")")
    return position


class Reader:
    """Reads values out of ``data[:end]``; nested deeper than the limit is refused."""

    def __init__(self, data: bytes, end: int, limits: Limits) -> None:
        self._data, self._end, self._limits = data, end, limits

    def dictionary(self, position: int) -> tuple[Entries, int]:
        """The dictionary at ``position`` and where it ends; ``Refused`` if none is there."""
        value, end = self.value(position)
        if not isinstance(value, Entries):
            raise Refused("malformed_object", position, "no dictionary")
        return value, end

    def value(self, position: int, depth: int = 0) -> tuple[Value, int]:
        """The value at ``position`` (white space before it skipped) and where it ends."""
        value, end = self._next(position, depth)
        if value is _CLOSE_ARRAY or value is _CLOSE_DICTIONARY:
            raise Refused("malformed_object", position, "unbalanced brackets")
        return value, end

    def _next(self, position: int, depth: int) -> tuple[Value, int]:
        found = _TOKEN.match(self._data, position, self._end)
        if found is None:
            raise Refused("malformed_object", position, "no token")
        if depth > self._limits.depth:
            raise Refused("nested_too_deep", position)
        kind = found.lastindex or 0
        start, end = found.span(kind)
        if kind == 1:
            return self._pairs(end, depth + 1)
        if kind == 3:
            return self._items(end, depth + 1)
        if kind == 2:
            return _CLOSE_DICTIONARY, end
        if kind == 4:
            return _CLOSE_ARRAY, end
        if kind == 5:
            return Text(start, end, hexadecimal=True), end
        if kind == 6:
            end = literal_end(self._data, start, self._end, self._limits.string)
            return Text(start, end, hexadecimal=False), end
        return self._word(kind, start, end), end

    def _word(self, kind: int, start: int, end: int) -> Value:
        if end - start > self._limits.token:
            raise Refused("token_too_long", start)
        word = self._data[start:end]
        if VERTICAL_TAB in word:
            raise Refused("malformed_object", start, "a byte that some readers take for white space")
        if kind == 7:
            return Name(_NAME_ESCAPE.sub(lambda one: bytes.fromhex(one.group(1).decode()), word[1:]))
        if kind == 8:
            number, generation = _DIGITS.findall(word)
            return Reference(int(number), int(generation))
        if _INTEGER.fullmatch(word):
            return int(word)
        if _REAL.fullmatch(word) or word in {b"true", b"false", b"null"}:
            return Keyword(word)
        raise Refused("malformed_object", start, "a word that is no value")

    def _items(self, position: int, depth: int) -> tuple[Value, int]:
        items: list[Value] = []
        while True:
            value, position = self._next(position, depth)
            if value is _CLOSE_ARRAY:
                return tuple(items), position
            if value is _CLOSE_DICTIONARY:
                raise Refused("malformed_object", position, "unbalanced brackets")
            items.append(value)

    def _pairs(self, position: int, depth: int) -> tuple[Value, int]:
        pairs: list[tuple[bytes, Value]] = []
        while True:
            key, position = self._next(position, depth)
            if key is _CLOSE_DICTIONARY:
                return Entries(tuple(pairs)), position
            if not isinstance(key, Name):
                raise Refused("malformed_object", position, "a key that is no name")
            value, position = self.value(position, depth)
            pairs.append((key.text, value))


_CLOSE_ARRAY, _CLOSE_DICTIONARY = Keyword(b"]"), Keyword(b">>")


@dataclass(frozen=True)
class Skimmed:
    """Where an object's body ends: before ``stream`` if it has one (``has_stream``), else after ``endobj``."""

    end: int
    has_stream: bool


_LONG: dict[int, re.Pattern[bytes]] = {}


def _long_token(length: int) -> re.Pattern[bytes]:
    if length not in _LONG:
        _LONG[length] = re.compile(REGULAR + b"{%d}" % length)
    return _LONG[length]


def skim(data: bytes, start: int, end: int, limits: Limits) -> Skimmed:
    """Pass over an object's body without building it: brackets are balanced, strings and tokens not too long.

    :raises Refused: malformed_object, nested_too_deep, token_too_long
    """
    position, open_brackets = start, bytearray()
    while True:
        found = _SKIM.search(data, position, end)
        if found is None:
            raise Refused("malformed_object", start, "no endobj")
        at, mark = found.start(), found.group()
        if at - position >= limits.token and _long_token(limits.token).search(data, position, at):
            raise Refused("token_too_long", position)
        position = found.end()
        if mark in _OPENING:
            open_brackets += mark[:1]
            if len(open_brackets) > limits.depth:
                raise Refused("nested_too_deep", at)
        elif mark in _CLOSING:
            if not open_brackets or open_brackets.pop() != _CLOSING[mark]:
                raise Refused("malformed_object", at, "unbalanced brackets")
        elif mark[:1] in b"(%<":
            position = _pass_text(data, at, position, end, limits)
        elif mark == VERTICAL_TAB:
            raise Refused("malformed_object", at, "a byte that some readers take for white space")
        elif open_brackets or mark in {b"obj", b"endstream"}:
            raise Refused("malformed_object", at, "a keyword out of place")
        else:
            return Skimmed(at if mark == b"stream" else position, mark == b"stream")


_OPENING = frozenset({b"<<", b"["})
_CLOSING = {b">>": ord("<"), b"]": ord("[")}


def _pass_text(data: bytes, at: int, position: int, end: int, limits: Limits) -> int:
    """Where the string or comment at ``at`` ends; ``position`` is that end for a hexadecimal string."""
    kind = data[at]
    if kind == ord("%"):
        line = _LINE_END.search(data, position, end)
        return line.start() if line else end
    if kind == ord("("):
        return literal_end(data, at, end, limits.string)
    if position - at > 2 * max(limits.string, limits.cms):
        raise Refused("token_too_long", at)
    return position
