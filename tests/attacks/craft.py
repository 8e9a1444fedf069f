"""Tools of the forger: incremental updates byte by byte, and places within a signed file."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pikepdf

from tests.unit.certs.conftest import World

Change = Callable[[pikepdf.Pdf], object]


@dataclass(frozen=True)
class Attack:
    """A forged file; ``signed_length`` is what of it the victim signed (0: nothing is left whole).

    ``codes``: the examination or the comparison must find at least one of these.
    """

    name: str
    pdf: bytes
    signed_length: int
    codes: frozenset[str]


@dataclass(frozen=True)
class Sample:
    """Decrees of one page: certified against changes, certified with signatures to come, merely signed."""

    world: World
    page: bytes
    certified: bytes
    open: bytes
    plain: bytes

    @property
    def victims(self) -> dict[str, bytes]:
        return {"certified": self.certified, "open": self.open, "plain": self.plain}


def attack(name: str, pdf: bytes, victim: bytes, *codes: str) -> Attack:
    length = len(victim) if pdf.startswith(victim) else 0
    assert pdf != victim, name
    return Attack(name, pdf, length, frozenset(codes))


@dataclass(frozen=True)
class Facts:
    """What an updater must know of a file that ends in a classic table."""

    size: int
    root: bytes
    info: bytes
    identifier: bytes
    startxref: int


def facts(pdf: bytes) -> Facts:
    trailer = pdf[pdf.rindex(b"trailer") :]
    found = {key: re.search(pattern, trailer) for key, pattern in _PATTERNS.items()}
    start, root = found["start"], found["root"]
    assert found["size"]
    assert root
    assert start
    others = [b"" if found[key] is None else found[key].group(1) for key in ("info", "id")]
    return Facts(int(found["size"].group(1)), root.group(1), others[0], others[1], int(start.group(1)))


_PATTERNS = {
    "size": rb"/Size (\d+)",
    "root": rb"/Root (\d+ 0 R)",
    "info": rb"/Info (\d+ 0 R)",
    "id": rb"/ID\s*(\[[^\]]*\])",
    "start": rb"startxref\s+(\d+)",
}


def serialised(objects: Mapping[int, bytes], at: int) -> tuple[bytes, dict[int, int]]:
    """Objects one after another, and where each begins if the first byte stands at ``at``."""
    output, places = b"", {}
    for number, body in objects.items():
        places[number] = at + len(output)
        output += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    return output, places


def freeing(pdf: bytes, number: int) -> bytes:
    """The file with an update that frees an object and does nothing else."""
    return closed(pdf, b"xref\n%d 1\n0000000000 00001 f \n" % number)


def closed(pdf: bytes, section: bytes, root: bytes = b"") -> bytes:
    """The file with a cross-reference section appended as it is given, and an honest trailer."""
    known = facts(pdf)
    tail = b"trailer\n<</Size %d/Root %s%s/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
    values = (known.size, root or known.root, same_trailer(known), known.startxref, len(pdf))
    return pdf + section + tail % values


EMPTY_TABLE = b"xref\n0 1\n0000000000 65535 f \n"


def table(places: Mapping[int, int]) -> bytes:
    return EMPTY_TABLE + b"".join(b"%d 1\n%010d 00000 n \n" % (number, at) for number, at in sorted(places.items()))


def same_trailer(known: Facts) -> bytes:
    """What an honest update takes over from the trailer before it."""
    info = b"/Info " + known.info if known.info else b""
    return info + (b"/ID " + known.identifier if known.identifier else b"")


def update(
    pdf: bytes,
    objects: Mapping[int, bytes],
    *,
    xref: bool = True,
    trailer: bool = True,
    startxref: int | None = None,
    eof: bool = True,
    between: bytes = b"",
    points: Mapping[int, int] | None = None,
    more: bytes = b"",
) -> bytes:
    """Append an update; each of its parts can be left out or bent, as the published attacks do."""
    known = facts(pdf)
    body = between
    written, places = serialised(objects, len(pdf) + len(body))
    body += written
    at = len(pdf) + len(body)
    if xref:
        body += table(dict(places) | dict(points or {}))
    if trailer:
        size = max([known.size, *(number + 1 for number in objects)])
        body += b"trailer\n<</Size %d/Root %s%s/Prev %d%s>>\n" % (
            size, known.root, same_trailer(known), known.startxref, more
        )  # fmt: skip
    target = at if startxref is None else startxref
    if target >= 0:
        body += b"startxref\n%d\n" % target
    return pdf + body + (b"%%EOF\n" if eof else b"")


def rewritten(pdf: bytes, change: Change) -> dict[int, bytes]:
    """The objects that a change to the opened document touches or adds, for :func:`update`."""
    with pikepdf.open(io.BytesIO(pdf), inherit_page_attributes=False) as document:
        before = {one.objgen[0]: body(one) for one in document.objects}
        change(document)
        after = {one.objgen[0]: body(one) for one in document.objects}
    return {number: text for number, text in after.items() if before.get(number) != text}


def body(value: pikepdf.Object) -> bytes:
    """An object as it stands between obj and endobj."""
    if not isinstance(value, pikepdf.Stream):
        return value.unparse(resolved=True)
    data = value.read_raw_bytes()
    dictionary = pikepdf.Dictionary({key: value.get(key) for key in value.keys() if key != "/Length"})  # noqa: SIM118
    head = dictionary.unparse().rstrip()
    assert head.endswith(b">>")
    return head[:-2] + b"/Length %d>>\nstream\n%s\nendstream" % (len(data), data)


def edited(pdf: bytes, change: Change) -> bytes:
    """The file with the change appended as a well-formed update."""
    return update(pdf, rewritten(pdf, change))


def gap(pdf: bytes) -> tuple[int, int]:
    """Where the first signature's hexadecimal string begins and ends."""
    numbers = re.search(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\]", pdf)
    assert numbers is not None
    return int(numbers.group(2)), int(numbers.group(3))


def signature_number(pdf: bytes) -> int:
    """The object number of the (only) signature dictionary."""
    at = pdf.index(b"/ByteRange")
    heads = list(re.finditer(rb"(\d+) 0 obj", pdf[:at]))
    return int(heads[-1].group(1))


def signature_body(pdf: bytes) -> bytes:
    """The signature dictionary as written."""
    at = pdf.index(b"/ByteRange")
    start = list(re.finditer(rb"\d+ 0 obj\s*", pdf[:at]))[-1].end()
    return pdf[start : pdf.index(b"endobj", at)].rstrip()


def overwrite(pdf: bytes, old: bytes, new: bytes) -> bytes:
    """Replace bytes in place; the new ones are padded, so that nothing moves."""
    assert len(new) <= len(old)
    assert pdf.count(old) == 1, old
    return pdf.replace(old, new + b" " * (len(old) - len(new)))


def overlay(text: str) -> bytes:
    """Page content that hides what is there and writes something else."""
    return b"q 1 1 1 rg 50 600 500 200 re f 0 g BT /F1 14 Tf 60 700 Td (%s) Tj ET Q" % text.encode()


def paint_over(document: pikepdf.Pdf) -> None:
    """The first page turns red."""
    document.pages[0].contents_add(pikepdf.Stream(document, b"q 1 0 0 rg 0 0 2000 2000 re f Q"))


def flipped(pdf: bytes) -> bytes:
    """One bit is another, where any reader still reads the file."""
    assert b"/Lang(id" in pdf
    return pdf.replace(b"/Lang(id", b"/Lang(ie", 1)
