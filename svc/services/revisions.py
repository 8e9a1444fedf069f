"""The states that a PDF went through, as the register knows them: by their digests."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

_END_OF_REVISION = re.compile(rb"%%EOF[ \t]*(?:\r\n|\n|\r)?")
_MAX_REVISIONS = 64


def revision_digests(pdf: bytes) -> Iterator[str]:
    """SHA-256 of each revision of the file (up to each ``%%EOF``), the whole last; each byte is hashed once."""
    running, position = hashlib.sha256(), 0
    ends = [match.end() for match in _END_OF_REVISION.finditer(pdf)]
    starts = [match.start() + len(b"%%EOF") for match in _END_OF_REVISION.finditer(pdf)]
    for end in sorted({*ends[:_MAX_REVISIONS], *starts[:_MAX_REVISIONS]}):
        running.update(pdf[position:end])
        position = end
        yield running.copy().hexdigest()
    running.update(pdf[position:])
    yield running.hexdigest()
