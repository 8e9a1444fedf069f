"""Polyglots and padding: the file is something else too, or carries bytes where nothing is read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

from tests.attacks.craft import Attack, Sample, attack, gap


def attacks(sample: Sample) -> Iterator[Attack]:
    pdf = sample.certified
    for name, head in {
        "program": b"MZ\x90\x00", "GIF": b"GIF89a", "PNG": b"\x89PNG\r\n\x1a\n", "JPEG": b"\xff\xd8\xff\xe0",
        "HTML": b"<html><script>", "script": b"#!/bin/sh\nexit\n", "ELF": b"\x7fELF", "ZIP": b"PK\x03\x04",
    }.items():  # fmt: skip
        yield attack(f"{name} in front", head + pdf, pdf, "polyglot")
    for name, head in {"line": b"\n", "mark": b"\xef\xbb\xbf", "junk": b"junk\n", "header": b"%!PS\n"}.items():
        yield attack(f"{name} in front", head + pdf, pdf, "header_not_at_start")
    yield attack("no version", pdf.replace(b"%PDF-1.7", b"%PDF-x.7", 1), pdf, "header_not_at_start")
    yield attack("archive behind", pdf + _archive(b""), pdf, "polyglot")
    yield attack("archive around", _archive(pdf), pdf, "polyglot")
    yield attack("program behind", pdf + b"MZ\x90\x00" + bytes(500), pdf, "bytes_after_end")
    yield attack("page behind", pdf + b"<html>", pdf, "bytes_after_end")
    start, end = gap(pdf)
    for name, at, text in (("end", end - 5, b"BEEF"), ("lower case", end - 9, b"00ff0000"), ("far", end - 2001, b"01")):
        padded = pdf[:at] + text + pdf[at + len(text) :]
        yield attack(f"padding: {name}", padded, pdf, "contents_padding_nonzero")
    for name, at in (("blank", end - 6), ("bracket", end - 6)):
        text = b"    " if name == "blank" else b"><00"
        yield attack(f"padding: {name}", pdf[:at] + text + pdf[at + 4 :], pdf, *_ODD)
    yield attack("padding: a comment", pdf[: end - 20] + b">%hidden hidden".ljust(20) + pdf[end:], pdf, *_ODD)
    assert start < end


_ODD = ("contents_odd", "byterange_odd", "contents_not_cms", "malformed_object", "contents_padding_nonzero")


def _archive(inner: bytes) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("a.pdf", inner or b"payload")
    return output.getvalue()
