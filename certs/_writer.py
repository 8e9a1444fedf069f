"""Incremental updates as this package makes them: strict reading, and nothing touched that was not asked for."""

from __future__ import annotations

from io import BytesIO
from typing import IO, Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from certs import errors
from certs.anatomy.vain import said_numbers


class PlainWriter(IncrementalPdfFileWriter):
    """Leaves document information and XMP alone, and object numbers that the file speaks of without having them.

    pyHanko would rewrite document information and XMP with its own name and the machine's clock, which PDF/A
    validators are touchy about (the two must agree) and which a signature has no business to change.

    A reference to an object that is not there is null (ISO 32000-2, 7.3.10). Would a new object take that number,
    what was signed before would refer to it: no validator could tell that from an attack, and ours does not.
    """

    def __init__(self, stream: IO[bytes], *, strict: bool = True) -> None:
        super().__init__(stream, strict=strict)
        self._spoken_of = _numbers_in(stream, self.prev)

    def allocate_placeholder(self) -> generic.IndirectObject:
        self._pass_over_spoken_of()
        return super().allocate_placeholder()

    def add_object(self, obj: Any, obj_stream: Any = None, idnum: int | None = None) -> generic.IndirectObject:
        if idnum is None:
            self._pass_over_spoken_of()
        return super().add_object(obj, obj_stream, idnum)

    def _populate_trailer(self, trailer: Any) -> None:
        if self.stream_xrefs:  # the trailer becomes an object, too
            self._pass_over_spoken_of()
        super()._populate_trailer(trailer)  # type: ignore[no-untyped-call]

    def _pass_over_spoken_of(self) -> None:
        while self._lastobj_id + 1 in self._spoken_of:
            self._lastobj_id += 1

    def _update_meta(self) -> None:
        pass


def _numbers_in(stream: IO[bytes], reader: Any) -> frozenset[int]:
    """The numbers of a file, and of its object streams, that may be references."""
    stream.seek(0)
    said = said_numbers(stream.read())
    for revision in range(reader.xrefs.total_revisions):
        for place in reader.xrefs.object_streams_used_in(revision):
            said |= said_numbers(reader.get_object(place, revision).data)
    return frozenset(said)


def open_writer(pdf: bytes) -> PlainWriter:
    """A writer that appends to these bytes; what a strict reader refuses now would not be validated later either.

    An update begins on a line of its own, as PDF/A demands of its first object (ISO 19005-2, 6.1.9): what ends at
    its ``%%EOF`` gets an end of line first.

    :raises DocumentUnsignable: encrypted
    """
    ended = pdf if pdf.endswith((b"\n", b"\r")) else pdf + b"\n"
    writer = PlainWriter(BytesIO(ended), strict=True)
    if writer.prev.encrypted:
        raise errors.DocumentUnsignable("the document is encrypted")
    return writer


def field_names(writer: IncrementalPdfFileWriter) -> set[str]:
    """The names of the form's top-level fields."""
    if "/AcroForm" not in writer.root:
        return set()
    form_fields = writer.root["/AcroForm"].get("/Fields", ())
    return {str(field.get_object().get("/T", "")) for field in form_fields}
