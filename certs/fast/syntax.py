"""Just enough of PDF syntax (ISO 32000-2, 7.3) to write a dictionary anew as pyHanko writes it.

Only structure is dealt with here; every scalar goes through pyHanko's own reader and writer, once for each value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from types import MappingProxyType
from typing import Final

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.content import RawContent
from pyhanko.pdf_utils.layout import BoxConstraints
from pyhanko.pdf_utils.misc import PdfError, rd

from certs.fast.errors import NotOurShape

_TOKEN: Final = re.compile(
    rb"\s*(<<|>>|\[|\]|\d{1,10} 0 R\b|/[A-Za-z0-9_.+-]+|[+-]?\d+(?:\.\d+)?|true|false|\([^()\\\r\n]*\))")
_REFERENCE: Final = re.compile(rb"\d{1,10} 0 R")
_MAX_DEPTH: Final = 8

Items = Mapping[bytes, bytes]
"""A dictionary: keys with their slash, values as pyHanko writes them."""


@lru_cache(maxsize=512)  # documents of one kind mostly have the same
def read_dictionary(text: bytes) -> Items:
    """The dictionary that these bytes are, and nothing else; not to be changed.

    :raises NotOurShape: it has a key twice, strings with escapes, comments, null, or deep nesting
    """
    tokens = _tokens(text)
    if not tokens or tokens[0] != b"<<":
        raise NotOurShape("a dictionary was expected")
    items, end = _read_items(tokens, 1, 0)
    if end != len(tokens):
        raise NotOurShape("something stands behind a dictionary")
    return MappingProxyType(items)


def write_dictionary(items: Items) -> bytes:
    """The dictionary as pyHanko writes it."""
    return b"<<\n" + b"".join([b"%b %b\n" % item for item in items.items()]) + b">>"


def _tokens(text: bytes) -> list[bytes]:
    tokens: list[bytes] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise NotOurShape("unknown syntax")
        tokens.append(found[1])
        at = found.end()
    return tokens


def _read_items(tokens: list[bytes], at: int, depth: int) -> tuple[Items, int]:
    if depth > _MAX_DEPTH:
        raise NotOurShape("nested too deep")
    items: dict[bytes, bytes] = {}
    while at < len(tokens) and tokens[at] != b">>":
        key = tokens[at]
        if not key.startswith(b"/") or key in items:
            raise NotOurShape("an odd key")
        items[key], at = _read_value(tokens, at + 1, depth)
    if at >= len(tokens):
        raise NotOurShape("a dictionary without end")
    return items, at + 1


def _read_value(tokens: list[bytes], at: int, depth: int) -> tuple[bytes, int]:
    if at >= len(tokens):
        raise NotOurShape("a key without value")
    token = tokens[at]
    if token == b"<<":
        items, at = _read_items(tokens, at + 1, depth + 1)
        return write_dictionary(items), at
    if token == b"[":
        values = [b"["]
        at += 1
        while at < len(tokens) and tokens[at] != b"]":
            value, at = _read_value(tokens, at, depth + 1)
            values.append(value)
        if at >= len(tokens) or depth > _MAX_DEPTH:
            raise NotOurShape("an array without end")
        return b" ".join((*values, b"]")), at + 1
    if token in {b">>", b"]"}:
        raise NotOurShape("a value was expected")
    return (token if _REFERENCE.fullmatch(token) else _write_scalar(token)), at + 1


@lru_cache(maxsize=4096)
def _write_scalar(token: bytes) -> bytes:
    # pyHanko tells where a number ends by what follows it.
    try:
        value = generic.read_object(BytesIO(token + b" "), generic.Reference(1, 0))
    except (PdfError, ValueError) as error:
        raise NotOurShape("an unreadable value") from error
    return _written(value)


def _written(value: generic.PdfObject) -> bytes:
    out = BytesIO()
    value.write_to_stream(out)
    return out.getvalue()


@lru_cache(maxsize=4096)
def write_text(text: str) -> bytes:
    """A text string as pyHanko writes it."""
    return _written(generic.pdf_string(text))


@lru_cache(maxsize=4096)
def write_label(text: str) -> bytes:
    """A text string where pyHanko is given one, and not asked to choose."""
    return _written(generic.TextStringObject(text))


@lru_cache(maxsize=4096)
def write_edge(number: float) -> bytes:
    """A coordinate, rounded to a hundredth of a point."""
    return _written(generic.FloatObject(rd(number)))  # type: ignore[no-untyped-call]


@lru_cache(maxsize=1024)
def write_appearance(width: float, height: float) -> bytes:
    """An empty form XObject of this size."""
    constraints = BoxConstraints(width=width, height=height)
    return _written(RawContent(b"", box=constraints).as_form_xobject())
