"""PDFs that are refused for what they hold, as offices have them."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable

import pikepdf
import PIL.Image
from pikepdf import Array, Dictionary, Name

FIELD = (100, 600, 300, 640)
"""Where :func:`form_pdf` has its field, in points from below."""


def odd_pdf(
    change: Callable[[pikepdf.Pdf], object], *, size: tuple[float, float] = (595, 842), pages: int = 1
) -> bytes:
    """Empty pages that are changed before they are saved."""
    document = pikepdf.new()
    for _ in range(pages):
        document.add_blank_page(page_size=size)
    change(document)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def form_pdf(value: str = "Rp4.500.000", *, pages: int = 1) -> bytes:
    """A form whose one field was filled in, and is drawn by nobody but the viewer."""
    def fill(document: pikepdf.Pdf) -> None:
        font = document.make_indirect(Dictionary(
            Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, Encoding=Name.WinAnsiEncoding))
        field = document.make_indirect(Dictionary(
            Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T=pikepdf.String("gaji"), V=pikepdf.String(value), F=4,
            Rect=Array(FIELD), DA=pikepdf.String("/F 20 Tf 0 g")))
        document.pages[0].obj.Annots = Array([field])
        document.Root.AcroForm = Dictionary(
            Fields=Array([field]), NeedAppearances=True, DR=Dictionary(Font=Dictionary(F=font)))

    return odd_pdf(fill, pages=pages)


def script_pdf(document: pikepdf.Pdf) -> None:
    """Give a document a script that runs when it is opened."""
    document.Root.OpenAction = Dictionary(S=Name.JavaScript, JS=pikepdf.String("app.alert(1)"))


def image_on(document: pikepdf.Pdf, data: bytes, width: int, height: int, *, packed: bool = False) -> None:
    """Fill every page with the same picture in colour."""
    image = document.make_stream(
        b"" if packed else data, Type=Name.XObject, Subtype=Name.Image, Width=width, Height=height,
        ColorSpace=Name.DeviceRGB, BitsPerComponent=8)
    if packed:
        image.write(data, filter=Name.FlateDecode)
    for page in document.pages:
        _, _, wide, high = (float(one) for one in page.mediabox)
        page.obj.Resources = Dictionary(XObject=Dictionary(I=image))
        page.obj.Contents = document.make_stream(f"q {wide} 0 0 {high} 0 0 cm /I Do Q".encode())


def bomb_pdf() -> bytes:
    """A script, and a picture that would take ten gigabytes."""
    def change(document: pikepdf.Pdf) -> None:
        script_pdf(document)
        image_on(document, zlib.compress(bytes(50_000_000)), 60_000, 60_000, packed=True)

    return odd_pdf(change)


def photo_pdf(pages: int = 1, points: tuple[int, int] = (400, 560)) -> bytes:
    """A script, and the grain of a photograph on every page."""
    def change(document: pikepdf.Pdf) -> None:
        script_pdf(document)
        grain = PIL.Image.merge("RGB", [PIL.Image.effect_noise(points, 24) for _ in range(3)])
        image_on(document, grain.tobytes(), *grain.size)

    return odd_pdf(change, pages=pages)
