"""The same changes in files of cross-reference and object streams: other places, where other readers err."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pikepdf
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from tests.attacks.craft import Attack, Sample, attack, body, overlay, update


def attacks(sample: Sample) -> Iterator[Attack]:
    from tests.attacks.conftest import request

    yield from _awaited(sample)
    for how in ("generate", "linearised"):
        output = io.BytesIO()
        with pikepdf.open(io.BytesIO(sample.page)) as document:
            document.save(output, object_stream_mode=pikepdf.ObjectStreamMode.generate, linearize=how == "linearised")
        pdf = sample.world.sign(request(sample.world, certify=True, expects_more=True), output.getvalue()).pdf
        for name, (change, code) in _CHANGES.items():
            for packed in (True, False):
                yield attack(f"{how}: {name}, packed {packed}", _edited(pdf, change, packed), pdf, code)
        yield attack(f"{how}: cut", pdf[:-6], pdf, "missing_eof")
        yield attack(f"{how}: tail", pdf + b"x", pdf, "bytes_after_end")
        yield from _bent(how, pdf)
        yield from _listed_wrongly(how, pdf)


def _edited(pdf: bytes, change: Callable[[IncrementalPdfFileWriter, Any], None], packed: bool) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    writer._update_meta = lambda: None
    store = writer.prepare_object_stream() if packed else None
    change(writer, store)
    output = io.BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    return output.getvalue()


def _content(writer: IncrementalPdfFileWriter, store: Any) -> None:
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=overlay("Diangkat")))
    writer.update_container(page)


def _title(writer: IncrementalPdfFileWriter, store: Any) -> None:
    information = writer.trailer["/Info"]
    information["/Title"] = pdf_string("Keputusan lain")
    writer.update_container(information)


def _annotation(writer: IncrementalPdfFileWriter, store: Any) -> None:
    page = writer.root["/Pages"]["/Kids"][0]
    note = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name("/FreeText"),
            pdf_name("/Contents"): pdf_string("Diangkat"),
            pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (50, 600, 550, 800))),
        }
    )
    page["/Annots"] = generic.ArrayObject([*page["/Annots"], writer.add_object(note, obj_stream=store)])
    writer.update_container(page)


def _hidden(writer: IncrementalPdfFileWriter, store: Any) -> None:
    writer.add_object(generic.DictionaryObject({pdf_name("/Nanti"): pdf_string("x")}), obj_stream=store)
    writer.update_root()  # type: ignore[no-untyped-call]


def _root(writer: IncrementalPdfFileWriter, store: Any) -> None:
    writer.root["/Lang"] = pdf_string("en")
    writer.update_root()  # type: ignore[no-untyped-call]


_CHANGES = {
    "content": (_content, "page_content_changed"),
    "title": (_title, "doc_info_changed"),
    "annotation": (_annotation, "annotation_added"),
    "an object in reserve": (_hidden, "object_added"),
    "catalogue": (_root, "catalog_changed"),
}


def _bent(how: str, pdf: bytes) -> Iterator[Attack]:
    """An update whose cross-reference stream says of a signed object that it is somewhere else."""
    with pikepdf.open(io.BytesIO(pdf), inherit_page_attributes=False) as document:
        table = document.get_xref_table()
        packed = next(key for key, entry in table.items() if entry.type == 2)
        entry = table[packed]
        other = next(
            one.obj_stream_index
            for key, one in table.items()
            if one.type == 2 and one.obj_stream_number == entry.obj_stream_number and key != packed
        )
        size, root = int(document.trailer.Size), document.Root.objgen[0]
        info = document.trailer.Info.objgen[0]
        identifier = document.trailer.ID.unparse()
    start = int(pdf[pdf.rindex(b"startxref") + 9 :].split()[0])
    for name, row in {
        "another place in the stream": (2, entry.obj_stream_number, other),
        "a stream that is none": (2, root, 0),
        "in the open": (1, pdf.index(b"endobj"), 0),
        "free": (0, 0, 1),
        "unknown kind": (7, 0, 0),
    }.items():
        data = zlib.compress(row[0].to_bytes(1, "big") + row[1].to_bytes(4, "big") + row[2].to_bytes(2, "big"))
        own = b"%d 0 obj\n<</Type/XRef/Size %d/W[1 4 2]/Index[%d 1]/Root %d 0 R/Info %d 0 R/ID %s/Prev %d"
        head = own % (size, size + 1, packed[0], root, info, identifier, start)
        head += b"/Filter/FlateDecode/Length %d>>\nstream\n" % len(data)
        bent = pdf + head + data + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % len(pdf)
        yield attack(
            f"{how}: {name}", bent, pdf, "object_changed", "catalog_changed", "object_removed", "xref_disagrees",
            "xref_malformed", "parser_refuses", "tags_changed", "xref_points_elsewhere", "resources_changed",
            "outlines_changed", "font_changed", "page_changed", "doc_info_changed", "parser_complains", "pages_changed",
        )  # fmt: skip


def _listed_wrongly(how: str, pdf: bytes) -> Iterator[Attack]:
    """An update that adds validation data, whose object stream has a second version of something signed.

    One reader takes the entry's index, another the last of two equal numbers: one sees the signed version, as does who
    compares the revisions, the other the forged one.
    """
    with pikepdf.open(io.BytesIO(pdf), inherit_page_attributes=False) as document:
        root, info = document.Root, document.trailer.Info
        store = root.unparse(resolved=True).rstrip()[:-2] + b"/DSS<</Certs[]>>>>"
        mine = info.unparse(resolved=True)
        forged = mine.replace(b"Contoh", b"PALSU!")
        one, two, free = root.objgen[0], info.objgen[0], int(document.trailer.Size)
        trailer = b"/Root %d 0 R/Info %d 0 R/ID %s" % (one, two, document.trailer.ID.unparse())
    assert forged != mine
    hidden = free + 7
    for name, (pairs, entries) in {
        "forged first": ([(one, store), (two, forged), (two, mine)], {one: 0, two: 1}),
        "forged last": ([(one, store), (two, mine), (two, forged)], {one: 0, two: 1}),
        "signed by index": ([(one, store), (two, forged), (two, mine)], {one: 0, two: 2}),
        "forged under another number": ([(one, store), (hidden, forged), (two, mine)], {one: 0, two: 1}),
        "forged and not listed": ([(one, store), (two, forged)], {one: 0}),
        "an object in reserve, not listed": ([(one, store), (hidden, forged)], {one: 0}),
        "an index behind the end": ([(one, store), (two, mine)], {one: 0, two: 2}),
    }.items():
        yield attack(f"{how}: two lists, {name}", packed_update(pdf, free, trailer, pairs, entries), pdf,
                     "object_stream_odd", "unreferenced_object")
    falling = packed_update(pdf, free, trailer, [(one, store), (two, mine)], {one: 0, two: 1}, swapped=True)
    yield attack(f"{how}: two lists, places that fall", falling, pdf, "object_stream_odd")
    for name, said in (("key", b"<</A\x0b 1>>"), ("number", b"[1\x0b2]")):  # white space to qpdf, a letter to others
        odd = packed_update(pdf, free, trailer, [(one, said)], {one: 0})
        yield attack(f"{how}: a vertical tab behind a {name}", odd, pdf, "object_stream_odd")


def _awaited(sample: Sample) -> Iterator[Attack]:
    """An object stream that is page content too, under a number to which the signed page refers in vain."""
    from tests.attacks.conftest import request

    with pikepdf.open(io.BytesIO(sample.page), inherit_page_attributes=False) as document:
        size, text = int(document.trailer.Size), body(document.pages[0].obj)
        content, page = document.pages[0].obj.Contents.objgen[0], document.pages[0].obj.objgen[0]
    for name, loose in (("free", size + 1), ("beyond all", size + 400)):
        waiting = text.replace(b"/Contents %d 0 R" % content, b"/Contents [%d 0 R %d 0 R]" % (content, loose))
        assert waiting != text
        # A further object, so that the lower number lies within the signed size.
        pdf = sample.world.sign(request(sample.world, certify=True),
                                update(sample.page, {page: waiting, size + 2: b"<<>>"})).pdf
        with pikepdf.open(io.BytesIO(pdf), inherit_page_attributes=False) as document:
            root = document.Root
            store = root.unparse(resolved=True).rstrip()[:-2] + b"/DSS<</Certs[]>>>>"
            trailer = b"/Root %d 0 R/Info %d 0 R/ID %s" % (
                root.objgen[0], document.trailer.Info.objgen[0], document.trailer.ID.unparse())
            last = max(int(document.trailer.Size), loose)
        changed = packed_update(pdf, loose, trailer, [(root.objgen[0], store)], {root.objgen[0]: 0}, own=last + 1)
        yield attack(f"an object stream under a number that is {name}", changed, pdf, "object_added",
                     "page_content_changed")


def packed_update(
    pdf: bytes, free: int, trailer: bytes, pairs: list[tuple[int, bytes]], entries: dict[int, int], *,
    swapped: bool = False, own: int = 0,
) -> bytes:
    """An update of one object stream and a cross-reference stream, each as it is given."""
    places, content = [], b""
    for number, text in pairs:
        places.append(b"%d %d" % (number, len(content)))
        content += text + b" "
    head = b" ".join(reversed(places) if swapped else places) + b" "
    if swapped:
        entries = {number: len(pairs) - 1 - index for number, index in entries.items()}
    keys = b"/Type/ObjStm/N %d/First %d/Length %d" % (len(pairs), len(head), len(head + content))
    stream = b"%d 0 obj\n<<%s>>\nstream\n%s\nendstream\nendobj\n" % (free, keys, head + content)
    at = len(pdf) + len(stream)
    own = own or free + 1
    rows = {free: (1, len(pdf), 0), own: (1, at, 0)}
    rows |= {number: (2, free, index) for number, index in entries.items()}
    data = b"".join(bytes([kind]) + first.to_bytes(4, "big") + second.to_bytes(2, "big")
                    for _, (kind, first, second) in sorted(rows.items()))
    index = b" ".join(b"%d 1" % number for number in sorted(rows))
    start = int(pdf[pdf.rindex(b"startxref") + 9 :].split()[0])
    section = (b"%d 0 obj\n<</Type/XRef/Size %d%s/Prev %d/W[1 4 2]/Index[%s]/Length %d>>\n"
               b"stream\n%s\nendstream\nendobj\n")
    values = (own, own + 1, trailer, start, index, len(data), data)
    return pdf + stream + section % values + b"startxref\n%d\n%%%%EOF\n" % at
