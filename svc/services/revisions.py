"""The states that a PDF went through, as the register knows them: by their digests."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from itertools import islice

_END_OF_REVISION = re.compile(rb"%%EOF[ \t]*(?:\r\n|\n|\r)?")
_MAX_REVISIONS = 64


def revision_digests(pdf: bytes) -> Iterator[str]:
    """SHA-256 of each revision of the file (up to each ``%%EOF``), the whole last; each byte is hashed once.

    Of a file with more than 64 of them only the first 64 are told apart: this runs outside the cage, so that a stranger
    with millions of them must not hold up everybody else.
    """
    running, position, whole = hashlib.sha256(), 0, memoryview(pdf)
    ends: set[int] = set()
    for match in islice(_END_OF_REVISION.finditer(pdf), _MAX_REVISIONS):
        ends |= {match.start() + len(b"%%EOF"), match.end()}
    for end in sorted(ends):
        running.update(whole[position:end])
        position = end
        yield running.copy().hexdigest()
    running.update(whole[position:])
    yield running.hexdigest()
