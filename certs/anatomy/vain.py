"""References in vain: to objects that are not there, which readers take for null (ISO 32000-2, 7.3.10)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from certs.anatomy.findings import Limits, Notebook, Refused
from certs.anatomy.revisions import read_revisions
from certs.anatomy.roles import Key
from certs.anatomy.tokens import OBJECT_HEADER, WHITESPACE, Entries, Reader, Reference, Value

_W = rb"[\x00\t\n\x0c\r ]"
_SAID = re.compile(rb"(?<!\d)(\d{1,10})" + _W + rb"++(\d{1,5})" + _W + rb"++R(?![^\x00\t\n\x0c\r ()<>\[\]{}/%])")
_DIGITS = re.compile(rb"\d{1,10}")
_IN_STREAM = 2


def said_references(data: bytes) -> set[Key]:
    """All that is written like a reference, also where none is meant (in a text, in a picture)."""
    return {(int(number), int(generation)) for number, generation in _SAID.findall(data)}


def find_vain(pdf: bytes, document: Any, limits: Limits = Limits()) -> tuple[int, int] | None:  # noqa: B008 - frozen
    """An object that is referred to and is not there: its number, and that of the object that refers to it (0: the
    trailer). None if there is none that this small reader finds; what it cannot read, it passes over.

    :param document: the same file, opened by pikepdf, which itself drops such references from all it tells
    """
    table = document.get_xref_table()
    packed = {place.obj_stream_number for place in table.values() if place.type == _IN_STREAM}
    streams = {number: document.get_object((number, 0)) for number in packed}
    contents = {number: stream.read_bytes() for number, stream in streams.items()}
    if said_references(pdf).union(*map(said_references, contents.values())) <= table.keys():
        return None
    for owner, value in _values(pdf, table, streams, contents, limits):
        for reference in _references(value):
            if (reference.number, reference.generation) not in table:
                return reference.number, owner
    return None


def _values(
    pdf: bytes, table: Any, streams: dict[int, Any], contents: dict[int, bytes], limits: Limits
) -> Iterator[tuple[int, Value]]:
    """What the trailer says, and every object's value (of streams the dictionary), with its number."""
    try:
        for section in read_revisions(pdf, limits, Notebook())[-1].sections:
            yield 0, section.trailer
    except Refused:
        pass  # a reader's other checks say what is wrong with the file; here only what can be read counts
    for (number, _), place in table.items():
        if place.type == _IN_STREAM:
            continue
        space = WHITESPACE.match(pdf, place.offset)
        header = OBJECT_HEADER.match(pdf, space.end() if space else place.offset)
        if header is not None:
            yield from _value_at(pdf, header.end(), number, limits)
    for number, stream in streams.items():
        content, first = contents[number], int(stream.get("/First", 0))
        head = [int(one) for one in _DIGITS.findall(content[:first])]
        for inner, at in zip(head[::2], head[1::2], strict=False):
            yield from _value_at(content, first + at, inner, limits)


def _value_at(data: bytes, at: int, number: int, limits: Limits) -> Iterator[tuple[int, Value]]:
    try:
        value, _ = Reader(data, len(data), limits).value(at)
    except Refused:
        return  # as above
    yield number, value


def _references(value: Value) -> Iterator[Reference]:
    waiting: list[Value] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Reference):
            yield one
        elif isinstance(one, Entries):
            waiting += [inner for _, inner in one.pairs]
        elif isinstance(one, tuple):
            waiting += one


