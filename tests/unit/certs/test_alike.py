"""Uploads of which readers must guess how they look are refused before they are signed."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Pdf

from certs import errors
from certs.intake import inspect_upload

Change = Callable[[Pdf], object]


def made(change: Change) -> bytes:
    document = pikepdf.new()
    document.add_blank_page(page_size=(595, 842))
    change(document)
    output = io.BytesIO()
    document.save(output)
    return output.getvalue()


def frameless(document: Pdf, **more: Any) -> Any:
    return document.make_indirect(
        document.make_stream(b"0 0 1 rg 0 0 300 100 re f", Type=Name.XObject, Subtype=Name.Form, **more))


def resource(kind: str, make: Callable[[Pdf], Any]) -> Change:
    def change(document: Pdf) -> None:
        document.pages[0].obj.Resources = Dictionary({f"/{kind}": Dictionary(X=make(document))})

    return change


def root(key: str, value: Any) -> Change:
    return lambda document: document.Root.__setitem__(f"/{key}", value)


def font(base: str, encoding: Any = None, kind: str = "TrueType") -> Change:
    entries: dict[str, Any] = {"/Type": Name.Font, "/Subtype": Name(f"/{kind}"), "/BaseFont": Name(f"/{base}")}
    return resource("Font", lambda document: document.make_indirect(
        Dictionary(entries | ({"/Encoding": encoding} if encoding is not None else {}))))


def embedded(document: Pdf) -> Any:
    program = document.make_indirect(document.make_stream(b"of no concern"))
    return document.make_indirect(Dictionary(
        Type=Name.Font, Subtype=Name.TrueType, BaseFont=Name.Foo, Encoding=NINE,
        FontDescriptor=document.make_indirect(Dictionary(Type=Name.FontDescriptor, FontFile2=program))))


def colour(*names: Any) -> Change:
    return resource("ColorSpace", lambda document: Array([*names, Name.DeviceRGB, document.make_indirect(
        document.make_stream(b"{pop 0 0 1}", FunctionType=4, Domain=Array([0, 1]), Range=Array([0, 1] * 3)))]))


NINE = Dictionary(Type=Name.Encoding, Differences=Array([49, Name("/c57")]))
GUESSED: dict[str, Change] = {
    "a form without a frame": resource("XObject", frameless),
    "a frame of five numbers": resource("XObject", lambda document: frameless(document, BBox=Array([0, 0, 9, 9, 9]))),
    "a colour that is none": colour(Name.Separation, Name("/None")),
    "several colours that are none": colour(Name.DeviceN, Array([Name("/None")])),
    "a font of its own digits": font("Helvetica", NINE),
    "a font that nobody has": font("Foo", Name.WinAnsiEncoding),
    "a composite font": font("Arial", kind="CIDFontType2"),
    "nothing of the page": lambda document: document.pages[0].obj.__setitem__(
        "/CropBox", Array([1000, 1000, 2000, 2000])),
}
HONEST: dict[str, Change] = {
    "a form with a frame": resource("XObject", lambda document: frameless(document, BBox=Array([0, 0, 300, 100]))),
    "a font that everybody has": font("Helvetica-Bold", Name.WinAnsiEncoding, "Type1"),
    "its other name": font("TimesNewRomanPS-BoldMT"),
    "a font in the file": resource("Font", embedded),
    "a colour of the printer's": colour(Name.Separation, Name("/Biru")),
    "where to begin": lambda document: root("OpenAction", Array([document.pages[0].obj, Name.Fit]))(document),
}


@pytest.mark.parametrize("name", GUESSED)
def test_what_readers_must_guess_is_refused(name: str) -> None:
    with pytest.raises(errors.UploadAmbiguous) as caught:
        inspect_upload(made(GUESSED[name]))
    assert caught.value.detail


@pytest.mark.parametrize("name", HONEST)
def test_what_looks_alike_everywhere_is_accepted(name: str) -> None:
    assert inspect_upload(made(HONEST[name])).pages == 1


def test_validation_data_without_a_signature_and_forms_to_be_drawn_are_refused() -> None:
    with pytest.raises(errors.UploadAlreadySigned):
        inspect_upload(made(root("DSS", Dictionary(Certs=Array([])))))
    with pytest.raises(errors.UploadHasXfa):
        inspect_upload(made(root("NeedsRendering", True)))
