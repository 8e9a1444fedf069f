"""The incremental updates of the fast path, byte for byte those that pyHanko writes for the same input."""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pyhanko.pdf_utils.generic import pdf_date

from certs.fast.errors import NotOurShape
from certs.fast.shape import Shape
from certs.fast.syntax import (
    Items,
    write_appearance,
    write_dictionary,
    write_edge,
    write_label,
    write_text,
)
from certs.pades import SignatureBox, SignRequest

IDENTIFIER_BYTES: Final = 16
_RANGE_WIDTH: Final = 62
_REFERENCE: Final = (
    b"/Reference [ <<\n/Type /SigRef\n/TransformMethod /DocMDP\n"
    b"/TransformParams <<\n/Type /TransformParams\n/V /1.2\n/P 1\n>>\n>> ]\n>>")


@dataclass(frozen=True)
class Update:
    """What follows the original: ``before`` ends before the ``<`` of the container, ``after`` begins behind its ``>``.

    ``startxref`` and ``size`` are what a further update points to; ``catalog`` is the new one.
    """

    before: bytes
    after: bytes
    startxref: int
    size: int
    catalog: Items


def ensure_plain(request: SignRequest) -> SignatureBox:
    """The box of a sole certifying signature. :raises NotOurShape: it asks for anything else"""
    if not request.certify or request.further or request.locks or request.box is None:
        raise NotOurShape("only sole certifying signatures with a widget are made fast")
    return request.box


def build_signature_update(
    length: int, shape: Shape, request: SignRequest, reserved: int, identifier: bytes
) -> Update:
    """The update that holds a signature.

    :param length: of the original
    :param reserved: bytes kept for the container
    :param identifier: 16 random bytes that tell this file from others with the same first identifier
    """
    box = ensure_plain(request)
    form, field, appearance, signature = range(shape.size + 1, shape.size + 5)
    catalog = {
        **shape.catalog, b"/AcroForm": b"%d 0 R" % form, b"/Perms": b"<<\n/DocMDP %d 0 R\n>>" % signature}
    page = {**shape.page, b"/Annots": b"[ %d 0 R ]" % field}
    objects = [
        (shape.page_number, write_dictionary(page)),
        (shape.root, write_dictionary(catalog)),
        (form, b"<<\n/Fields [ %d 0 R ]\n/SigFlags 3\n>>" % field),
        (field, _write_field(request, box, shape.page_number, appearance, signature)),
        (appearance, write_appearance(abs(box.urx - box.llx), abs(box.ury - box.lly))),
    ]
    start = length + 1  # an end of line comes first (ISO 19005-2, 6.1.9)
    body, offsets = write_objects(objects, start)
    offsets[signature] = start + len(body)
    before = b"\n" + body + b"%d 0 obj\n<<\n/Contents " % signature
    contents_at = length + len(before)
    contents_end = contents_at + 2 * reserved + 2
    rest = _write_signature(request) + b"\nendobj\n"
    startxref = contents_end + len(b"\n/ByteRange ") + _RANGE_WIDTH + 1 + len(rest)
    ending = rest + write_ending(shape, offsets, signature + 1, shape.startxref, startxref, identifier)
    after_length = len(b"\n/ByteRange ") + _RANGE_WIDTH + 1 + len(ending)
    byte_range = b"[0 %d %d %d]" % (contents_at, contents_end, after_length)
    after = b"\n/ByteRange " + byte_range.ljust(_RANGE_WIDTH) + b"\n" + ending
    return Update(before, after, startxref, signature + 1, catalog)


def write_objects(objects: Sequence[tuple[int, bytes]], start: int) -> tuple[bytes, dict[int, int]]:
    """The objects in this order, and where each begins if the first begins at ``start``."""
    offsets: dict[int, int] = {}
    parts: list[bytes] = []
    for number, text in objects:
        offsets[number] = start
        part = b"%d 0 obj\n%b\nendobj\n" % (number, text)
        parts.append(part)
        start += len(part)
    return b"".join(parts), offsets


def write_ending(
    shape: Shape, offsets: dict[int, int], size: int, previous: int, startxref: int, identifier: bytes
) -> bytes:
    """Cross-reference table, trailer and end of an update."""
    if len(identifier) != IDENTIFIER_BYTES:
        raise ValueError("the identifier has 16 bytes")
    sections: list[bytes] = [b"xref\n0 1\n0000000000 65535 f \n"]
    numbers = sorted(offsets)
    first = 0
    for at in range(1, len(numbers) + 1):
        if at == len(numbers) or numbers[at] != numbers[at - 1] + 1:
            sections.append(b"%d %d\n" % (numbers[first], at - first))
            sections += [b"%010d 00000 n \n" % offsets[number] for number in numbers[first:at]]
            first = at
    return b"".join((
        *sections,
        b"trailer\n<<\n/Size %d\n/Root %d 0 R\n/Info %d 0 R\n" % (size, shape.root, shape.info),
        b"/ID [ <%b> <%b> ]\n" % (hexlify(shape.identifier), hexlify(identifier)),
        b"/Prev %d\n>>\nstartxref\n%d\n%%%%EOF\n" % (previous, startxref)))


def _write_field(
    request: SignRequest, box: SignatureBox, page: int, appearance: int, signature: int
) -> bytes:
    label = f"Tanda tangan elektronik {request.signer_name}".strip()
    return b"".join((
        b"<<\n/FT /Sig\n/T ", write_text(request.field_name),
        b"\n/Type /Annot\n/Subtype /Widget\n/F 132\n/Rect [ ",
        b" ".join([write_edge(edge) for edge in (box.llx, box.lly, box.urx, box.ury)]),
        b" ]\n/P %d 0 R\n/TU " % page, write_label(label),
        b"\n/AP <<\n/N %d 0 R\n>>\n/V %d 0 R\n>>" % (appearance, signature)))


def _write_signature(request: SignRequest) -> bytes:
    """The signature dictionary behind its ByteRange."""
    said = ((b"/Name ", request.signer_name), (b"/Location ", request.location),
            (b"/Reason ", request.reason), (b"/ContactInfo ", request.contact))
    return b"".join((
        b"/Type /Sig\n/Filter /Adobe.PPKLite\n/SubFilter /ETSI.CAdES.detached\n/M ",
        write_label(str(pdf_date(request.signed_at))), b"\n",
        *(key + write_text(text) + b"\n" for key, text in said if text),
        _REFERENCE))
