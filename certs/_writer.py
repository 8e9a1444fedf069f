"""Incremental updates as this package makes them: strict reading, and nothing touched that was not asked for."""

from __future__ import annotations

from io import BytesIO

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from certs import errors


class PlainWriter(IncrementalPdfFileWriter):
    """Leaves document information and XMP alone.

    pyHanko would rewrite both with its own name and the machine's clock, which PDF/A validators are touchy
    about (the two must agree) and which a signature has no business to change.
    """

    def _update_meta(self) -> None:
        pass


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
