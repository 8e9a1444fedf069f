"""A complete and well-formed update that changes something the signer did not sign."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pikepdf import Array, Dictionary, Name, String

from tests.attacks.craft import Attack, Sample, attack, edited, overlay


def attacks(sample: Sample) -> Iterator[Attack]:
    for kind, pdf in sample.victims.items():
        for name, (change, *codes) in CHANGES.items():
            yield attack(f"{kind}: {name}", edited(pdf, change), pdf, *codes)


def _replace_content(document: Any) -> None:
    document.pages[0].Contents = document.make_stream(overlay("Diangkat"))


def _append_content(document: Any) -> None:
    page = document.pages[0]
    page.Contents = Array([page.obj.Contents, document.make_indirect(document.make_stream(overlay("Diangkat")))])


def _content_stream(document: Any) -> None:
    document.pages[0].Contents.write(overlay("Diangkat"))


def _resources(document: Any) -> None:
    page = document.pages[0].obj
    page.Resources = Dictionary({**dict(page.Resources.items()), "/ExtGState": Dictionary(G=Dictionary(ca=0))})


def _title(document: Any) -> None:
    document.docinfo["/Title"] = String("Keputusan lain")


def _metadata(document: Any) -> None:
    document.Root.Metadata.write(document.Root.Metadata.read_bytes().replace(b"Contoh", b"Palsu"))


def _metadata_new(document: Any) -> None:
    document.Root.Metadata = document.make_stream(b"<x:xmpmeta/>", Type=Name.Metadata, Subtype=Name.XML)


def _outlines(document: Any) -> None:
    document.Root.Outlines.First.Title = String("Bab palsu")


def _font_file(document: Any) -> None:
    font = next(iter(dict(document.pages[0].obj.Resources.Font.items()).values()))
    below = font.DescendantFonts[0] if "/DescendantFonts" in font else font
    descriptor = below.FontDescriptor
    key = next(key for key in descriptor.keys() if key.startswith("/FontFile"))  # noqa: SIM118
    descriptor.get(key).write(b"another font")


def _font_widths(document: Any) -> None:
    font = next(iter(dict(document.pages[0].obj.Resources.Font.items()).values()))
    font.ToUnicode = document.make_stream(b"begincmap endcmap")


def _annotation(subtype: str, **more: Any) -> Any:
    def change(document: Any) -> None:
        picture = document.make_stream(overlay("Diangkat"), Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 500, 200])
        entries = {
            "/Type": Name.Annot, "/Subtype": Name(f"/{subtype}"), "/Rect": Array([50, 600, 550, 800]), "/F": 4,
            "/AP": Dictionary(N=picture), **more,
        }  # fmt: skip
        _add(document, "/Annots", document.pages[0].obj, document.make_indirect(Dictionary(entries)))

    return change


def _add(document: Any, key: str, holder: Any, item: Any) -> None:
    holder[key] = Array([*holder.get(key, ()), item])


def _add_field(document: Any, **entries: Any) -> None:
    field = document.make_indirect(
        Dictionary(
            {
                "/Type": Name.Annot, "/Subtype": Name.Widget, "/Rect": Array([50, 600, 550, 800]), "/F": 4,
                "/P": document.pages[0].obj, "/T": String("Tambahan"),
                **{f"/{key}": value for key, value in entries.items()},
            }
        )
    )  # fmt: skip
    _add(document, "/Fields", document.Root.AcroForm, field)
    _add(document, "/Annots", document.pages[0].obj, field)


def _text_field(document: Any) -> None:
    picture = document.make_stream(overlay("Diangkat"), Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 500, 200])
    _add_field(document, FT=Name.Tx, V=String("Diangkat"), AP=Dictionary(N=picture))


def _empty_signature_field(document: Any) -> None:
    _add_field(document, FT=Name.Sig)


def _painted_signature_field(document: Any) -> None:
    picture = document.make_stream(overlay("Diangkat"), Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 500, 200])
    _add_field(document, FT=Name.Sig, AP=Dictionary(N=picture))


def same_name(document: Any) -> None:
    """Another field of the name of the signed one, with the same value."""
    _add_field(document, FT=Name.Sig)
    fields = document.Root.AcroForm.Fields
    fields[-1].T, fields[-1].V = fields[0].T, fields[0].V


def _unlisted_widget(document: Any) -> None:
    field = Dictionary(
        Type=Name.Annot, Subtype=Name.Widget, FT=Name.Sig, T=String("X"), Rect=Array([0, 0, 500, 800]), F=4
    )
    _add(document, "/Annots", document.pages[0].obj, document.make_indirect(field))


def _widget_moved(document: Any) -> None:
    document.Root.AcroForm.Fields[0].Rect = Array([0, 0, 500, 800])


def _widget_painted(document: Any) -> None:
    picture = document.make_stream(overlay("Diangkat"), Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 500, 200])
    document.Root.AcroForm.Fields[0].AP = Dictionary(N=picture)


def _widget_acting(document: Any) -> None:
    document.Root.AcroForm.Fields[0].A = Dictionary(S=Name.URI, URI=String("https://example.invalid/"))


def _widget_removed(document: Any) -> None:
    for page in document.pages:
        if "/Annots" in page.obj:
            del page.obj["/Annots"]


def _layers(document: Any) -> None:
    group = document.make_indirect(Dictionary(Type=Name.OCG, Name=String("lapisan")))
    document.Root.OCProperties = Dictionary(OCGs=Array([group]), D=Dictionary(OFF=Array([group])))


def _root(key: str, value: Any) -> Any:
    def change(document: Any) -> None:
        document.Root[key] = value

    return change


def _action(document: Any) -> None:
    document.Root.OpenAction = Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))


def _names(document: Any) -> None:
    document.Root.Names = Dictionary(JavaScript=Dictionary(Names=Array([String("x"), Dictionary(S=Name.JavaScript)])))


def _perms(document: Any) -> None:
    if "/Perms" in document.Root:
        del document.Root["/Perms"]
    else:
        document.Root.Perms = Dictionary(DocMDP=document.Root.AcroForm.Fields[0].V)


def _permission(document: Any) -> None:
    value = document.Root.AcroForm.Fields[0].V
    value.Reference = Array(
        [Dictionary(Type=Name.SigRef, TransformMethod=Name.DocMDP, TransformParams=Dictionary(P=3, V=Name("/1.2")))]
    )


def _reason(document: Any) -> None:
    document.Root.AcroForm.Fields[0].V.Reason = String("alasan lain")


def _page_added(document: Any) -> None:
    document.add_blank_page(page_size=(595, 842))


def _page_removed(document: Any) -> None:
    del document.pages[-1]


def _page_turned(document: Any) -> None:
    document.pages[0].obj.Rotate = 180


def _page_cropped(document: Any) -> None:
    document.pages[0].obj.CropBox = Array([0, 0, 100, 100])


def _appearances(document: Any) -> None:
    document.Root.AcroForm.NeedAppearances = True


def _unreachable(document: Any) -> None:
    document.make_indirect(document.make_stream(overlay("nanti")))


CHANGES: dict[str, tuple[Any, ...]] = {
    "page content replaced": (_replace_content, "page_content_changed"),
    "page content appended": (_append_content, "page_content_changed"),
    "content stream rewritten": (_content_stream, "page_content_changed"),
    "resources": (_resources, "resources_changed"),
    "font program swapped": (_font_file, "font_changed"),
    "font mapping": (_font_widths, "font_changed"),
    "title": (_title, "doc_info_changed"),
    "XMP edited": (_metadata, "metadata_changed"),
    "XMP replaced": (_metadata_new, "metadata_changed"),
    "outline": (_outlines, "outlines_changed"),
    "FreeText": (_annotation("FreeText", **{"/Contents": String("Diangkat")}), "annotation_added"),
    "Stamp": (_annotation("Stamp"), "annotation_added"),
    "Redact": (_annotation("Redact", **{"/OverlayText": String("x")}), "annotation_added"),
    "Highlight": (_annotation("Highlight"), "annotation_added"),
    "Square": (_annotation("Square"), "annotation_added"),
    "Link": (_annotation("Link"), "annotation_added"),
    "text field over the text": (_text_field, "field_added"),
    "empty signature field": (_empty_signature_field, "added_empty_field"),
    "painted empty signature field": (_painted_signature_field, "added_empty_field"),
    "widget in no form": (_unlisted_widget, "annotation_added"),
    "signature widget moved": (_widget_moved, "form_field_changed"),
    "signature widget painted": (_widget_painted, "form_field_changed"),
    "signature widget acting": (_widget_acting, "form_field_changed"),
    "signature widget off the page": (_widget_removed, "annotation_removed"),
    "layers": (_layers, "optional_content_changed"),
    "open action": (_action, "open_action_changed"),
    "names": (_names, "names_changed"),
    "language": (_root("/Lang", String("en")), "catalog_changed"),
    "strange key": (_root("/Foo", String("bar")), "catalog_changed"),
    "permissions": (_perms, "perms_changed"),
    "DocMDP P raised": (_permission, "signature_changed"),
    "reason": (_reason, "signature_changed"),
    "page added": (_page_added, "pages_changed"),
    "page removed": (_page_removed, "pages_changed"),
    "page turned": (_page_turned, "page_changed"),
    "page cropped": (_page_cropped, "page_changed"),
    "NeedAppearances": (_appearances, "form_changed"),
    "an object in reserve": (_unreachable, "object_added"),
}
