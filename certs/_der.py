"""Distinguished encoding (X.690) for structures that are put together from parts, and taken apart again.

asn1crypto does both for everything else; where thousands of containers differ in a few values, this is what makes
them cheap.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

SEQUENCE, SET, INTEGER, OCTETS, BOOLEAN = 0x30, 0x31, 0x02, 0x04, 0x01
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
CONTEXT_0, CONTEXT_1 = 0xA0, 0xA1


class NotDer(ValueError):
    """The bytes are not the encoding that was expected."""


class Element(NamedTuple):
    """One element of ``data``: its tag, where it begins, where its content does, and where both end."""

    data: bytes
    tag: int
    start: int
    inner: int
    end: int

    @property
    def whole(self) -> bytes:
        return self.data[self.start : self.end]

    @property
    def content(self) -> bytes:
        return self.data[self.inner : self.end]

    def children(self) -> list[Element]:
        """:raises NotDer: the content is no list of elements"""
        return list(_read_all(self.data, self.inner, self.end))

    def expect(self, tag: int) -> Element:
        """The same. :raises NotDer: it has another tag"""
        if self.tag != tag:
            raise NotDer(f"tag {self.tag:#x} where {tag:#x} belongs")
        return self


def encode(tag: int, *parts: bytes) -> bytes:
    """An element with this content."""
    content = b"".join(parts)
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + content


def encode_integer(number: int) -> bytes:
    """A non-negative INTEGER."""
    return encode(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def read_element(data: bytes) -> Element:
    """The one element that these bytes are. :raises NotDer: they are not one, or more"""
    element = _read(data, 0, len(data))
    if element.end != len(data):
        raise NotDer("something stands behind the element")
    return element


def read_first(data: bytes) -> Element:
    """The element at the beginning. :raises NotDer: there is none"""
    return _read(data, 0, len(data))


def _read_all(data: bytes, at: int, end: int) -> Iterator[Element]:
    while at < end:
        element = _read(data, at, end)
        yield element
        at = element.end


def _read(data: bytes, at: int, end: int) -> Element:
    if at + 2 > end or data[at] & 0x1F == 0x1F:
        raise NotDer("no element")
    length, inner = data[at + 1], at + 2
    if length >= 0x80:
        size = length & 0x7F
        inner += size
        length = int.from_bytes(data[at + 2 : inner], "big")
        if not 0 < size <= 4 or inner > end or length < 0x80 or data[at + 2] == 0:
            raise NotDer("an odd length")
    if inner + length > end:
        raise NotDer("an element runs over its end")
    return Element(data, data[at], at, inner, inner + length)
