"""Files that want to use up memory or time. Each is small, or as large as an upload may be."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from tests.attacks.craft import Attack, Sample, attack, edited, facts, update


def attacks(sample: Sample) -> Iterator[Attack]:
    pdf = sample.certified
    yield attack("40,000 revisions", _many_revisions(pdf, 40_000), pdf, "too_many_revisions")
    yield attack("100 revisions", _many_revisions(pdf, 100), pdf, "too_many_revisions")
    huge = pdf + _tail(pdf, b"xref\n0 0\ntrailer\n<</Size 2147483648", facts(pdf).startxref)
    yield attack("Size of 2^31", huge, pdf, "xref_size_absurd")
    count = pdf + _tail(pdf, b"xref\n0 2147483647\ntrailer\n<</Size 5", facts(pdf).startxref)
    yield attack("subsection of 2^31", count, pdf, "too_many_objects")
    yield attack("Prev of itself", pdf + _tail(pdf, b"xref\n0 0\ntrailer\n<</Size 99", len(pdf)), pdf, "xref_loop")
    beyond = pdf + _tail(pdf, b"xref\n0 0\ntrailer\n<</Size 99", 10**9)
    yield attack("Prev beyond the end", beyond, pdf, "xref_malformed")
    for name, (entries, data, code) in _streams().items():
        yield attack(f"xref stream: {name}", pdf + _xref_stream(pdf, entries, data), pdf, code)
    for name, text in {
        "arrays": b"[" * 100_000, "dictionaries": b"<</A" * 100_000, "balanced": b"[" * 5000 + b"]" * 5000,
    }.items():  # fmt: skip
        yield attack(f"nested {name}", update(pdf, {60: text}), pdf, "nested_too_deep")
    yield attack("a long number", update(pdf, {60: b"9" * 10_000_000}), pdf, "token_too_long")
    yield attack("a long name", update(pdf, {60: b"/" + b"A" * 1_000_000}), pdf, "token_too_long")
    yield attack("a long string", update(pdf, {60: b"(" + b"A" * 5_000_000 + b")"}), pdf, "token_too_long")
    yield attack("parentheses", update(pdf, {60: b"(" * 3_000_000}), pdf, "token_too_long")
    yield attack(
        "hexadecimal without end", update(pdf, {60: b"<" * 3_000_000}), pdf, "malformed_object", "nested_too_deep"
    )
    yield attack("comments", update(pdf, {60: b"% " * 3_000_000}), pdf, "unsigned_update")
    yield attack("blanks", update(pdf, {60: b" " * 10_000_000 + b"{"}), pdf, "unsigned_update")
    yield attack(
        "trailer of blanks",
        pdf + b"xref\n0 0\ntrailer\n" + b" % " * 1_000_000 + b"{\nstartxref\n%d\n%%%%EOF\n" % len(pdf),
        pdf,
        "malformed_object",
    )
    yield attack(
        "10,000 byte ranges",
        update(pdf, {60: b"[" + b"<</ByteRange[0 1 2 3]>>" * 10_000 + b"]"}),
        pdf,
        "too_many_signatures",
    )
    yield attack("deep form", edited(pdf, _deep_form), pdf, "fields_too_deep")
    yield attack("wide form", edited(pdf, _wide_form), pdf, "too_many_fields")
    yield attack(
        "many objects",
        update(pdf, dict.fromkeys(range(60, 60_060), b"0")),
        pdf,
        "unsigned_update",
        "too_many_changes",
    )
    yield attack("more than may be uploaded", pdf + bytes(33 * 1024 * 1024), pdf, "file_too_large")


def _many_revisions(pdf: bytes, count: int) -> bytes:
    known = facts(pdf)
    output, previous = bytearray(pdf), known.startxref
    for _ in range(count):
        at = len(output)
        output += b"xref\n0 0\ntrailer\n<</Size %d/Root %s/Prev %d>>\n" % (known.size, known.root, previous)
        output += b"startxref\n%d\n%%%%EOF\n" % at
        previous = at
    return bytes(output)


def _tail(pdf: bytes, head: bytes, previous: int) -> bytes:
    return head + b"/Root %s/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (facts(pdf).root, previous, len(pdf))


def _streams() -> dict[str, tuple[bytes, bytes, str]]:
    bomb = zlib.compress(bytes(100_000_000), 9)
    return {
        "absurd widths": (b"/Size 60/W[1 1000000 1]", b"", "xref_width_absurd"),
        "no width": (b"/Size 60/W[0 0 0]", b"", "xref_width_absurd"),
        "negative width": (b"/Size 60/W[1 -4 1]", b"", "xref_width_absurd"),
        "Size of 2^31": (b"/Size 2147483648/W[1 4 1]", b"", "xref_size_absurd"),
        "Index of 2^31": (b"/Size 60/W[1 4 1]/Index[0 2147483647]", b"", "xref_malformed"),
        "inflates": (b"/Size 60/W[1 4 1]/Filter/FlateDecode", bomb, "xref_malformed"),
        "damaged": (b"/Size 60/W[1 4 1]/Filter/FlateDecode", b"xx", "xref_malformed"),
        "short": (b"/Size 60/W[1 4 1]", bytes(20), "xref_malformed"),
        "unknown filter": (b"/Size 60/W[1 4 1]/Filter/LZWDecode", bytes(360), "xref_malformed"),
    }


def _xref_stream(pdf: bytes, entries: bytes, data: bytes) -> bytes:
    known = facts(pdf)
    head = b"59 0 obj\n<</Type/XRef%s/Root %s/Prev %d/Length %d>>\nstream\n"
    head %= (entries, known.root, known.startxref, len(data))
    return head + data + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % len(pdf)


def _deep_form(document: object) -> None:
    from pikepdf import Array, Dictionary, String

    below = document.make_indirect(Dictionary(T=String("x")))  # type: ignore[attr-defined]
    for _ in range(1000):
        below = document.make_indirect(Dictionary(T=String("x"), Kids=Array([below])))  # type: ignore[attr-defined]
    document.Root.AcroForm.Fields = Array([*document.Root.AcroForm.Fields, below])  # type: ignore[attr-defined]


def _wide_form(document: object) -> None:
    from pikepdf import Array, Dictionary, String

    many = [document.make_indirect(Dictionary(T=String(f"x{index}"))) for index in range(6000)]  # type: ignore[attr-defined]
    document.Root.AcroForm.Fields = Array([*document.Root.AcroForm.Fields, *many])  # type: ignore[attr-defined]
