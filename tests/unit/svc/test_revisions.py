"""The states of a PDF by digest, also of one made to hold up whoever looks for them."""

from __future__ import annotations

import tracemalloc
from hashlib import sha256

from svc.services.revisions import revision_digests


def test_each_revision_is_known_with_and_without_its_last_line_end() -> None:
    first, second = b"%PDF-1.7\none\n%%EOF\r\n", b"two\n%%EOF"
    assert list(revision_digests(first + second + b"\ntail")) == [
        sha256(part).hexdigest() for part in (
            first[:-2], first, first + second, first + second + b"\n", first + second + b"\ntail")]


def test_a_million_ends_of_revisions_are_not_collected() -> None:
    pdf = b"%%EOF\n" * 1_000_000
    tracemalloc.start()
    try:
        found = list(revision_digests(pdf))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found[-1] == sha256(pdf).hexdigest()
    assert most < 1_000_000  # the places of all would take a hundred times as much
