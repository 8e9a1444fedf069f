"""The outer shape of the PDFs that our renderer makes, read without a PDF parser.

One revision with a classical cross-reference table, objects one after the other without gap, a catalog without form,
permissions or security store, pages without annotations. Whatever else a PDF may be is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from operator import lt
from typing import Final

from certs.fast.errors import NotOurShape
from certs.fast.syntax import Items, read_dictionary

_HEADER: Final = re.compile(rb"%PDF-1\.7\n%[\x80-\xff]{4}\n\n")
_TAIL: Final = re.compile(
    rb"trailer\n<</Size (\d{1,7})/Root (\d{1,7}) 0 R/Info (\d{1,7}) 0 R/ID\[\(([A-Za-z0-9+/=]{8,64})\)"
    rb"\([A-Za-z0-9+/=]{8,64}\)\]>>\nstartxref\n(\d{1,9})\n%%EOF\Z")
_TAIL_BYTES: Final = 400
_ENTRY: Final = 20
_FREE: Final = b"0000000000 65535 f\r\n"
_USED: Final = re.compile(rb"(?:\d{10} 00000 n\r\n)+")
_OBJECT_END: Final = b"\nendobj\n"
_CATALOG_KEYS: Final = frozenset({
    b"/Type", b"/Pages", b"/Metadata", b"/OutputIntents", b"/Lang", b"/StructTreeRoot", b"/MarkInfo",
    b"/ViewerPreferences", b"/Outlines", b"/PageLabels", b"/Names"})
_KIDS: Final = re.compile(rb"<</Type/Pages(?:/Parent \d{1,7} 0 R)?/Count (\d{1,6})/Kids\[((?:\d{1,7} 0 R ?)+)\]"
                          rb"(?:/Parent \d{1,7} 0 R)?>>")
_MAX_LEVELS: Final = 6


@dataclass(frozen=True)
class Shape:
    """What an update needs to know. ``size`` is the trailer's; object numbers are below it."""

    size: int
    root: int
    info: int
    identifier: bytes
    startxref: int
    catalog: Items
    page_number: int
    page: Items


@lru_cache(maxsize=4)  # preparing and checking a document ask for the same
def read_shape(pdf: bytes, page: int) -> Shape:
    """:param page: the page that the widget goes on, counted from 0
    :raises NotOurShape: it is no PDF as our renderer makes them, or lacks the page
    """
    tail = _TAIL.search(pdf, max(len(pdf) - _TAIL_BYTES, 0))
    if tail is None or _HEADER.match(pdf) is None:
        raise NotOurShape("not a PDF as the renderer makes them")
    size, root, info, start = (int(tail[group]) for group in (1, 2, 3, 5))
    if not 0 < root < size or not 0 < info < size:
        raise NotOurShape("an odd trailer")
    objects = _Objects(pdf, size, start, tail.start())
    catalog = read_dictionary(objects.text(root))
    if not catalog.keys() <= _CATALOG_KEYS or catalog.get(b"/Type") != b"/Catalog":
        raise NotOurShape("the catalog has more than the renderer writes")
    number = objects.find_page(_referenced(catalog, b"/Pages"), page)
    leaf = read_dictionary(objects.text(number))
    if leaf.get(b"/Type") != b"/Page" or b"/Annots" in leaf:
        raise NotOurShape("the page has more than the renderer writes")
    return Shape(size, root, info, tail[4], start, catalog, number, leaf)


class _Objects:
    """The objects by number; that they follow each other without gap is looked at for all of them."""

    def __init__(self, pdf: bytes, size: int, start: int, end: int) -> None:
        head = b"xref\n0 %d\n" % size
        table = pdf[start + len(head) : end]
        if not pdf.startswith(head, start) or not table.startswith(_FREE) or len(table) != size * _ENTRY:
            raise NotOurShape("an odd cross-reference table")
        if _USED.fullmatch(table, _ENTRY) is None:
            raise NotOurShape("an odd cross-reference table")
        offsets = [int(offset) for offset in table[_ENTRY:].split()[::3]]
        header = _HEADER.match(pdf)
        if header is None or not offsets or offsets[0] != header.end() or not pdf.startswith(b"1 0 obj\n", offsets[0]):
            raise NotOurShape("the first object is not where it should be")
        ends = [*offsets[1:], start]
        # Each begins where the one before ends: bytes between them would be nobody's.
        seams = [end - len(_OBJECT_END) for end in ends]
        if not all(map(pdf.startswith, _borders(size), seams)) or not all(map(lt, offsets, seams)):
            raise NotOurShape("an object does not end where the next one begins")
        self._pdf, self._offsets, self._ends = pdf, (0, *offsets), ends

    def text(self, number: int) -> bytes:
        if not 0 < number < len(self._offsets):
            raise NotOurShape("a reference to nowhere")
        head = len(b"%d 0 obj\n" % number)
        return self._pdf[self._offsets[number] + head : self._ends[number - 1] - len(_OBJECT_END)]

    def find_page(self, node: int, index: int) -> int:
        count, kids = self._node(node)
        if not 0 <= index < count:
            raise NotOurShape("the document lacks the page of the signature box")
        for _ in range(_MAX_LEVELS):
            if len(kids) == count:  # all are leaves
                return kids[index]
            for kid in kids:
                below, further = self._node(kid)
                if index < below:
                    count, kids = below, further
                    break
                index -= below
            else:
                raise NotOurShape("an odd page tree")
        raise NotOurShape("the page tree is too deep")

    def _node(self, number: int) -> tuple[int, list[int]]:
        found = _KIDS.fullmatch(self.text(number))
        if found is None:
            raise NotOurShape("an odd page tree")
        return int(found[1]), [int(one) for one in re.findall(rb"(\d+) 0 R", found[2])]


@lru_cache(maxsize=16)
def _borders(size: int) -> tuple[bytes, ...]:
    """What stands between an object and the next one, or the table."""
    return (*(_OBJECT_END + b"%d 0 obj\n" % number for number in range(2, size)), _OBJECT_END + b"xref\n")


def _referenced(items: Items, key: bytes) -> int:
    found = re.fullmatch(rb"(\d{1,7}) 0 R", items.get(key, b""))
    if found is None:
        raise NotOurShape("a reference was expected")
    return int(found[1])
