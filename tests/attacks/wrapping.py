"""Signature wrapping: the signed bytes are kept somewhere else in the file, and others shown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.attacks.craft import Attack, Sample, attack, gap, overlay, rewritten, update


def attacks(sample: Sample) -> Iterator[Attack]:
    pdf = sample.certified
    start, end = gap(pdf)
    block = pdf[end:]
    yield attack("second block moved behind an insertion", _moved(pdf, start, end, _objects(pdf)), pdf, *_CODES)
    room = b"\n" + b" " * 2000 + b"\n"
    yield attack("blank room before the second block", _moved(pdf, start, end, room), pdf, *_CODES)
    spare = _shifted_range(pdf, start, end, len(block))
    yield attack("the block twice", spare + block, pdf, *_CODES)
    extra = re.sub(rb"/ByteRange \[[^\]]*\]", b"/ByteRange [0 1 2 3] /ByteRange [0 4 5 6]", pdf, count=1)
    yield attack("two byte ranges", extra, pdf, *_CODES, "signature_keys_twice")
    # White space in the reserved string: the gap is filled with an object that a lax reader would find.
    hidden = pdf[: end - 61] + b">\n9 0 obj (shown) endobj\n".ljust(60, b"0") + pdf[end - 1 :]
    yield attack("an object within the reserved space", hidden, pdf, *_CODES, "contents_odd")
    whole = pdf.replace(b"%PDF-1.7", b"%PDF-1.7\n%PDF-1.4", 1)
    yield attack("everything shifted", whole, pdf, *_CODES, "xref_disagrees", "xref_malformed")
    yield attack("the signed file within another", sample.page + pdf, pdf, *_CODES)
    yield attack("another file behind", pdf + sample.page, pdf, *_CODES)


_CODES = (
    "byterange_odd", "xref_malformed", "xref_disagrees", "bytes_after_end", "revision_without_xref",
    "garbage_between_revisions", "malformed_object", "missing_eof", "objects_overlap",
)  # fmt: skip


def _objects(pdf: bytes) -> bytes:
    def change(document: object) -> None:
        document.pages[0].Contents = document.make_stream(overlay("Diangkat"))  # type: ignore[attr-defined]

    return update(pdf, rewritten(pdf, change))[len(pdf) :]


def _moved(pdf: bytes, start: int, end: int, inserted: bytes) -> bytes:
    """The end of the gap moves, the signed bytes stay the same, and what is inserted is signed by nobody."""
    return _shifted_range(pdf[:end] + inserted + pdf[end:], start, end, len(inserted))


def _shifted_range(pdf: bytes, start: int, end: int, by: int) -> bytes:
    found = re.search(rb"/ByteRange \[\d+ \d+ \d+ (\d+)\]", pdf)
    assert found is not None
    text = b"/ByteRange [0 %d %d %s]" % (start, end + by, found.group(1))
    return pdf[: found.start()] + text + pdf[found.end() :]
