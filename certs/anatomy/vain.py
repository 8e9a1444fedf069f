"""References in vain: to objects that are not there, which readers take for null (ISO 32000-2, 7.3.10).

Harmless, until an update brings an object of that number: then what was signed would speak of it. Its generation is
not asked, for there are viewers that look at the number alone (pdfium), and what qpdf tells as null they then show.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Set

from certs.anatomy.findings import Limits, Notebook
from certs.anatomy.revisions import Revision
from certs.anatomy.sections import Entry
from certs.anatomy.tiling import Tiler
from certs.anatomy.tokens import BLANKS, REGULAR, VERTICAL_TAB, W

_END = re.compile(rb"%(?<=[" + W + rb"\x0b+\-.0-9]%)|R(?<=[" + W + rb"\x0b]R)(?!" + REGULAR + rb")")
_BACKWARDS = re.compile(rb"[" + W + rb"\x0b]*+[+\-.0-9]++(?:[" + W + rb"\x0b]++[+\-.0-9]++)?")
_LEADING = re.compile(rb"(?<![+\-.0-9])[+\-]*+0*+(\d{1,10})")
_WINDOW = 64
_WHITE = BLANKS + VERTICAL_TAB


def said_numbers(data: bytes) -> set[int]:
    """The object numbers of all that a reader could take for a reference, also where none is meant (in a text, in a
    picture): however lenient he is with numbers. A number before a comment is one, too: what follows may stand behind
    it. The time grows with the size."""
    return set(count_numbers(data))


def count_numbers(data: bytes) -> Counter[int]:
    """How often :func:`said_numbers` finds each of them."""
    found: Counter[int] = Counter()
    for end in _END.finditer(data):
        found.update(map(int, _LEADING.findall(_numbers_before(data, end.start()))))
    return found


def _numbers_before(data: bytes, end: int) -> bytes:
    """The last one or two numbers before a place, with the white space between."""
    reach = _WINDOW
    while True:
        window = data[max(end - reach, 0) : end][::-1]
        found = _BACKWARDS.match(window)
        length = found.end() if found else len(window) - len(window.lstrip(_WHITE))
        if length < len(window) or reach >= end:
            return found.group()[::-1] if found else b""
        reach *= 8


def awaited_numbers(
    pdf: bytes, end: int, revisions: Iterable[Revision], said: tuple[Counter[int], Counter[int]],
    wanted: Set[int], limits: Limits,
) -> set[int]:
    """Those of the ``wanted`` numbers to which the first ``end`` bytes refer, outside the data of streams.

    :param said: the numbers that the bytes say, and those that the content of their object streams says
    """
    in_bytes, in_packed = said
    found = in_packed.keys() & wanted
    if in_bytes.keys().isdisjoint(wanted):  # streams included: what is not there need not be placed
        return found
    at = 0
    for start, stop in sorted(_streams(pdf, end, revisions, limits)):
        found |= said_numbers(pdf[at:start]) & wanted
        at = max(at, stop)
    return found | said_numbers(pdf[at:end]) & wanted


def _streams(pdf: bytes, end: int, revisions: Iterable[Revision], limits: Limits) -> Iterable[tuple[int, int]]:
    known: dict[int, Entry] = {}
    for revision in revisions:
        if revision.start < end:
            tiles = Tiler(pdf, revision, known, limits).tiles(Notebook())
            yield from ((one.body_end, one.end) for one in tiles if one.body_end < one.end)
            known |= revision.entries
