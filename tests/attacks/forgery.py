"""Universal signature forgery: the signature is there, but cannot be checked against anything."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.attacks.craft import Attack, Sample, attack, gap, overwrite, signature_body, signature_number, update

_RANGE = re.compile(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\]")


def attacks(sample: Sample) -> Iterator[Attack]:
    pdf = sample.certified
    found = _RANGE.search(pdf)
    assert found is not None
    numbers = [int(one) for one in found.groups()]
    for name, value in _ranges(numbers).items():
        changed = overwrite(pdf, pdf[found.start() : found.end() + 30], value)
        yield attack(
            f"ByteRange {name}",
            changed,
            pdf,
            "byterange_odd",
            "byterange_missing",
            "malformed_object",
            "signature_loose",
        )
    start, end = gap(pdf)
    size = end - start
    for name, contents in {
        "null": b"null", "empty": b"<>", "zero byte": b"<00>", "no hexadecimal": b"(forged)", "odd digits": b"<123>",
        "no CMS": b"<DEADBEEF>", "all zeros": b"<" + b"0" * (size - 2) + b">",
    }.items():  # fmt: skip
        changed = pdf[:start] + contents + b" " * (size - len(contents)) + pdf[end:]
        yield attack(
            f"Contents {name}", changed, pdf, "byterange_odd", "contents_odd", "contents_not_cms", "contents_missing"
        )
    yield attack("Contents renamed", pdf.replace(b"/Contents <30", b"/Xontents <30"), pdf, "contents_missing")
    yield attack("ByteRange renamed", pdf.replace(b"/ByteRange", b"/XyteRange"), pdf, "byterange_missing")
    escaped = pdf.replace(b"/Location (Mandala)", b"/Byte#52ange [0 0] ")
    yield attack("ByteRange twice", escaped, pdf, "signature_keys_twice")
    twice = pdf.replace(b"/Location (Mandala)", b"/Contents <3003> ".ljust(19))
    yield attack("Contents twice", twice, pdf, "signature_keys_twice")
    yield from _by_update(sample)


def _ranges(numbers: list[int]) -> dict[str, bytes]:
    _, first, second, rest = numbers
    written = {
        "overlapping": [0, second + 5, second, rest], "negative": [0, -first, second, rest],
        "beyond the end": [0, first, second, rest + 10**6], "short": [0, first, second, rest - 100],
        "all": [0, second + rest, second + rest, 0], "nothing": [0, 0, 0, 0], "two numbers": [0, first],
        "six numbers": [0, 10, 20, first - 20, second, rest], "not at the start": [1, first - 1, second, rest],
        "wide gap": [0, first - 50, second, rest], "late gap": [0, first, second + 20, rest - 20],
        "huge": [0, first, 2**63, 2**63],
    }  # fmt: skip
    values = {name: b"/ByteRange [%s]" % b" ".join(b"%d" % one for one in row) for name, row in written.items()}
    return values | {
        "null": b"/ByteRange null", "a name": b"/ByteRange /All", "of reals": b"/ByteRange [0.0 1.0 2.0 3.0]",
        "of references": b"/ByteRange [1 0 R 1 0 R 1 0 R 1 0 R]",
    }  # fmt: skip


def _by_update(sample: Sample) -> Iterator[Attack]:
    """The same by an update that replaces the signature dictionary, so that the signed bytes stay whole."""
    for kind, pdf in sample.victims.items():
        number, whole = signature_number(pdf), signature_body(pdf)
        without_range = re.sub(rb"/ByteRange \[[^\]]*\]", b"", whole)
        for name, text in {
            "no ByteRange": without_range,
            "no Contents": re.sub(rb"/Contents <[^>]*>", b"", whole),
            "Contents zero": re.sub(rb"/Contents <[^>]*>", b"/Contents <00>", whole),
            "neither": re.sub(rb"/Contents <[^>]*>", b"", without_range),
            "as it was": whole,
        }.items():
            changed = update(pdf, {number: text})
            yield attack(f"{kind}: update, {name}", changed, pdf, "signature_changed", "signature_loose")
