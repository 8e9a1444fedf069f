"""Pictures and fonts of an upload: dictionaries and data that say the same, or refused, since readers differ."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from pikepdf import Array, Dictionary, Name, Pdf, String
from PIL import Image

from certs import errors
from certs.intake import inspect_upload

MakePdf = Callable[[Callable[[Pdf], object]], bytes]
RED = b"\xff\0\0"
POINT = {"Width": 1, "Height": 1, "BitsPerComponent": 8}
TABLE = Array([Name.Indexed, Name.DeviceRGB, 1, String(RED + b"\0\0\xff")])


def _picture(data: bytes, **entries: Any) -> Callable[[Pdf], None]:
    def change(document: Pdf) -> None:
        made = {key: one(document) if callable(one) else one for key, one in entries.items()}
        stream = document.make_stream(data, Type=Name.XObject, Subtype=Name.Image, **made)
        _page(document, b"/I Do", XObject=Dictionary(I=document.make_indirect(stream)))

    return change


def _page(document: Pdf, content: bytes, **resources: object) -> None:
    page = document.pages[0].obj
    page.Contents = document.make_stream(content)
    page.Resources = Dictionary({f"/{kind}": value for kind, value in resources.items()})


def _content(content: bytes, **resources: object) -> Callable[[Pdf], None]:
    return lambda document: _page(document, content, **resources)


def _mask(data: bytes, **entries: Any) -> Callable[[Pdf], object]:
    return lambda document: document.make_indirect(
        document.make_stream(data, Type=Name.XObject, Subtype=Name.Image, **entries))


def _rgb(**entries: Any) -> Callable[[Pdf], None]:
    return _picture(RED, **{"ColorSpace": Name.DeviceRGB, **POINT, **entries})


def _stencil(**entries: Any) -> Callable[[Pdf], None]:
    return _picture(b"\0", **{"Width": 8, "Height": 1, "ImageMask": True, **entries})


def _encoded(form: str, mode: str = "RGB", height: int = 16) -> bytes:
    written = BytesIO()
    Image.new(mode, (16, height)).save(written, form)
    return written.getvalue()


JPEG, JPX, GRAY = _encoded("JPEG"), _encoded("JPEG2000"), _encoded("JPEG", "L")
ADOBE = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"


def _coded(data: bytes, kind: str, **entries: Any) -> Callable[[Pdf], None]:
    given = {"Width": 16, "Height": 16, "BitsPerComponent": 8, "ColorSpace": Name.DeviceRGB, **entries}
    return _picture(data, Filter=Name(f"/{kind}"), **given)


def _fax(**parameters: Any) -> Callable[[Pdf], None]:
    """White rows, each like the one before."""
    return _coded(b"\xff\xff\0\x10\x01", "CCITTFaxDecode", BitsPerComponent=1, ColorSpace=Name.DeviceGray,
                  DecodeParms=Dictionary(K=-1, **parameters))


def _inline(entries: bytes, data: bytes, **resources: object) -> Callable[[Pdf], None]:
    return _content(b"q BI " + entries + b" ID " + data + b"\nEI Q", **resources)


SOFT = {**POINT, "ColorSpace": Name.DeviceGray}
HIDDEN = b"\0\0\nEI Q\n0 0 1 rg 50 600 300 100 re f\nq BI /W 1 /H 1 /BPC 8 /CS /G ID z"
GRAY_POINT = b"/W 1 /H 1 /BPC 8 /CS /G"
ODD: dict[str, Callable[[Pdf], None]] = {
    "no width": _picture(RED, Height=1, BitsPerComponent=8, ColorSpace=Name.DeviceRGB),
    "short names": _picture(RED, W=1, H=1, BPC=8, CS=Name.RGB), "no colours": _picture(RED, **POINT),
    "three bits": _rgb(BitsPerComponent=3), "no bits": _picture(RED, Width=1, Height=1, ColorSpace=Name.DeviceRGB),
    "too little to decode": _rgb(Decode=Array([1, 0])), "decoded beyond": _rgb(Decode=Array([0, 2, 0, 1, 0, 1])),
    "filter nobody knows": _rgb(Filter=Name.Foo), "filter behind a picture's": _rgb(
        Filter=Array([Name.DCTDecode, Name.FlateDecode])),
    "colour beyond the table": _picture(b"\5", ColorSpace=TABLE, **POINT),
    "table too short": _picture(b"\0", ColorSpace=Array([Name.Indexed, Name.DeviceRGB, 3, String(RED)]), **POINT),
    "table too long": _picture(b"\0", ColorSpace=Array([Name.Indexed, Name.DeviceRGB, 300, String(RED)]), **POINT),
    "table reversed": _picture(b"\0", ColorSpace=TABLE, Decode=Array([255, 0]), **POINT),
    "hiding colours too few": _rgb(Mask=Array([255, 255])),
    "hiding colours reversed": _rgb(Mask=Array([255, 255, 0, 0, 0, 0]), Decode=Array([1, 0, 1, 0, 1, 0])),
    "mask that is none": _rgb(Mask=_mask(b"\xf0", Width=8, Height=1, BitsPerComponent=1, ColorSpace=Name.DeviceGray)),
    "soft mask in colour": _rgb(SMask=_mask(RED, **{**SOFT, "ColorSpace": Name.DeviceRGB})),
    "soft mask that is a stencil": _rgb(SMask=_mask(b"\0", Width=8, Height=1, ImageMask=True)),
    "a row too few": _rgb(Height=2), "a point too few": _rgb(Width=2), "soft mask cut off": _rgb(
        SMask=_mask(b"\0", **{**SOFT, "Height": 2})), "stencil cut off": _stencil(Width=9), "far too large": _rgb(
        Width=65_536, Height=65_536),
    "soft mask in the data": _rgb(SMaskInData=1), "stencil behind a mask": _stencil(SMask=_mask(b"\0", **SOFT)),
    "stencil of bytes": _stencil(BitsPerComponent=8), "stencil half decoded": _stencil(Decode=Array([1, 1])),
    "stencil by a string": _stencil(ImageMask=String("true"), ColorSpace=Name.DeviceGray, BitsPerComponent=1),
    "JPEG of another height": _coded(_encoded("JPEG", height=32), "DCTDecode"), "no JPEG": _coded(b"x", "DCTDecode"),
    "JPEG cut off": _coded(JPEG[:-20], "DCTDecode"), "JPEG without a scan": _coded(JPEG[:60], "DCTDecode"),
    "JPEG with other colours": _coded(GRAY, "DCTDecode"), "JPEG with junk within": _coded(
        JPEG[:20] + b"x" + JPEG[20:], "DCTDecode"),
    "JPEG told in two ways": _coded(JPEG[:20] + ADOBE + JPEG[20:], "DCTDecode"),
    "JPEG transformed otherwise": _coded(JPEG, "DCTDecode", DecodeParms=Dictionary(ColorTransform=0)),
    "no JPEG 2000": _coded(b"x", "JPXDecode"), "JPEG 2000 cut off": _coded(JPX[:-30], "JPXDecode"),
    "JPEG 2000 damaged": _coded(JPX[:-60] + JPX[-2:], "JPXDecode"),
    "JPEG 2000 of another size": _coded(JPX, "JPXDecode", Height=8), "JPEG 2000 with opacity": _coded(
        _encoded("JPEG2000", "RGBA"), "JPXDecode"),
    "JPEG 2000 reversed": _coded(JPX, "JPXDecode", Decode=Array([1, 0, 1, 0, 1, 0])),
    "fax of another width": _fax(Columns=32), "fax without a width": _fax(), "fax of other rows": _fax(
        Columns=16, Rows=4),
    "parameters of other filters": _coded(JPEG, "DCTDecode", DecodeParms=Array([Dictionary(), Dictionary()])),
    "content hidden in data": _inline(b"/W %d /H 1 /BPC 8 /CS /G" % len(HIDDEN), HIDDEN),
    "data that seem to end": _inline(b"/W 19 /H 1 /BPC 8 /CS /G", b"\x80EI 0 0 1 rg f    "),
    "data too short": _inline(b"/W 60 /H 1 /BPC 8 /CS /G", b"xx"), "data too long": _inline(GRAY_POINT, b"xyz"),
    "letters without an end": _inline(GRAY_POINT + b" /F /AHx", b"00"), "letters behind the end": _inline(
        GRAY_POINT + b" /F /AHx", b"00> 00>"),
    "packed and damaged": _inline(GRAY_POINT + b" /F /Fl", b"xx"), "packed and more": _inline(
        GRAY_POINT + b" /F /Fl", zlib.compress(b"x") + b"more"),
    "JPEG within content": _inline(b"/W 16 /H 16 /BPC 8 /CS /RGB /F /DCT", JPEG), "fax within content": _inline(
        b"/W 16 /H 16 /BPC 1 /CS /G /F /CCF /DP <</K -1 /Columns 16>>", b"\xff\0\x10\x01"),
    "key in full and in short": _inline(b"/Width 1 " + GRAY_POINT, b"x"), "key twice": _inline(
        b"/W 2 " + GRAY_POINT, b"x"),
    "short name of a space of its own": _inline(GRAY_POINT, b"x", ColorSpace=Dictionary(G=TABLE)),
}
PLAIN: dict[str, Callable[[Pdf], None]] = {
    "colours": _rgb(Interpolate=True), "reversed": _rgb(Decode=Array([1, 0, 1, 0, 1, 0])), "hiding": _rgb(
        Mask=Array([255, 255, 0, 0, 0, 0])), "masked": _rgb(Mask=_mask(b"\0", Width=8, Height=1, ImageMask=True)),
    "soft": _rgb(SMask=_mask(b"\0", Matte=Array([0, 0, 0]), **SOFT)), "stencil": _stencil(Decode=Array([1, 0])),
    "table": _picture(b"\1", ColorSpace=TABLE, **POINT), "table of bits": _picture(
        b"\0", Width=1, Height=1, BitsPerComponent=1, ColorSpace=TABLE, Decode=Array([1, 0])),
    "JPEG": _coded(JPEG, "DCTDecode"), "gray JPEG": _coded(GRAY, "DCTDecode", ColorSpace=Name.DeviceGray),
    "JPEG 2000": _coded(JPX, "JPXDecode"), "fax": _fax(Columns=16, Rows=16),
    "within content, fax": _inline(
        b"/W 16 /H 16 /BPC 1 /CS /G /F /CCF /DP <</K -1 /Columns 16>>", b"\xff\xff\0\x10\x01"),
    "within content": _inline(b"/W 2 /H 1 /BPC 8 /CS /RGB", RED + RED), "within content, packed": _inline(
        GRAY_POINT + b" /F /Fl", zlib.compress(b"x")), "within content, letters": _inline(
        GRAY_POINT + b" /F [/AHx]", b"00>"), "within content, stencil": _inline(b"/W 9 /H 1 /IM true", b"xy"),
    "within content, table": _inline(b"/W 1 /H 1 /BPC 8 /CS [/I /RGB 0 <ff0000>]", b"\0"),
    "within content, space of its own": _inline(b"/W 1 /H 1 /BPC 8 /CS /T", b"\0", ColorSpace=Dictionary(T=TABLE)),
}


def _is_refused(pdf: bytes) -> bool:
    try:
        inspect_upload(pdf)
    except (errors.UploadAmbiguous, errors.UploadPictureDamaged) as error:
        return bool(error.detail)
    return False


@pytest.mark.parametrize("change", ODD.values(), ids=ODD.keys())
def test_a_picture_that_readers_show_differently_is_refused(
    make_pdf: MakePdf, change: Callable[[Pdf], None]
) -> None:
    assert _is_refused(make_pdf(change))


@pytest.mark.parametrize("change", PLAIN.values(), ids=PLAIN.keys())
def test_a_plain_picture_is_accepted(make_pdf: MakePdf, change: Callable[[Pdf], None]) -> None:
    assert inspect_upload(make_pdf(change)).pages == 1


def test_a_jpeg_packed_once_more_is_looked_at_too(make_pdf: MakePdf) -> None:
    filters = Array([Name.ASCIIHexDecode, Name.DCTDecode])

    def packed(data: bytes) -> bytes:
        return make_pdf(_picture(data.hex().encode() + b">", Width=16, Height=16, BitsPerComponent=8,
                                 ColorSpace=Name.DeviceRGB, Filter=filters))

    assert inspect_upload(packed(JPEG)).pages == 1
    assert _is_refused(packed(_encoded("JPEG", height=32)))


@pytest.mark.parametrize("content", [
    b"[0] 0 d", b"[-1 2] 0 d", b"-1 w", b"9 J", b"2.5 Tr", b"1 1 l S", b"W n", b"/DeviceRGB cs 1 sc",
    b"/DeviceGray cs 1 0 0 sc", b"/Pattern cs 1 scn", b"/DeviceRGB cs 1 0 0 /P scn", b"/Pattern cs 1 /P scn",
    b"/State gs", b"/Dashed gs", b"q /DeviceCMYK cs Q 1 0 0 0 scn", b"/Renamed cs"])
def test_values_that_readers_take_differently_are_refused(make_pdf: MakePdf, content: bytes) -> None:
    def change(document: Pdf) -> None:
        tile = document.make_stream(b"0 0 9 9 re f", PatternType=1, PaintType=1, TilingType=1, XStep=9, YStep=9,
                                    BBox=Array([0, 0, 9, 9]))
        spaces = Dictionary(DeviceRGB=TABLE) if b"Renamed" in content else Dictionary()
        _page(document, content, Pattern=Dictionary(P=document.make_indirect(tile)), ColorSpace=spaces,
              ExtGState=Dictionary(State=Dictionary(ca=-1), Dashed=Dictionary(D=Array([Array([0]), 0]))))

    assert _is_refused(make_pdf(change))


@pytest.mark.parametrize("name", ["/Pattern", "/DeviceRGB"])
def test_a_colour_space_that_is_named_as_it_is_called_is_accepted(make_pdf: MakePdf, name: str) -> None:
    """Ghostscript writes such lists."""
    def change(document: Pdf) -> None:
        _page(document, b"/DeviceRGB cs 1 0 0 sc 0 0 9 9 re f", ColorSpace=Dictionary({name: Name(name)}))

    assert inspect_upload(make_pdf(change)).pages == 1


@pytest.mark.parametrize("entries", [
    {"ShadingType": 9}, {"Function": Array([])}, {"Function": None}, {"Coords": Array([5, 5, 5, 5])},
    {"Coords": Array([0, 0, 9])}, {"Domain": Array([1, 0])}, {"ShadingType": 3}], ids=range(7))
def test_a_gradient_that_readers_take_differently_is_refused(make_pdf: MakePdf, entries: dict[str, Any]) -> None:
    tint = Dictionary(FunctionType=2, N=1, Domain=Array([0, 1]), C0=Array([0]), C1=Array([1]))
    plain = {"ShadingType": 2, "ColorSpace": Name.DeviceGray, "Coords": Array([0, 0, 9, 0]), "Function": tint}

    def upload(given: dict[str, Any]) -> bytes:
        return make_pdf(lambda document: _page(document, b"/S sh", Shading=Dictionary(
            S=document.make_indirect(Dictionary(**{**plain, **given})))))

    assert inspect_upload(upload({})).pages == 1
    assert _is_refused(upload(entries))


def _masked(
    frame: list[int], group: dict[str, Any], kind: str = "/Luminosity", **entries: Any
) -> Callable[[Pdf], None]:
    def change(document: Pdf) -> None:
        form = document.make_indirect(document.make_stream(
            b"1 g 0 0 9 9 re f", Type=Name.XObject, Subtype=Name.Form, BBox=Array(frame), Group=Dictionary(**group)))
        mask = Dictionary(Type=Name.Mask, S=Name(kind), G=form, **entries)
        _page(document, b"/G gs", ExtGState=Dictionary(G=Dictionary(SMask=mask)))

    return change


GROUP = {"S": Name.Transparency, "CS": Name.DeviceGray}


@pytest.mark.parametrize("change", [
    _masked([0, 0, 0, 0], GROUP), _masked([0, 0, 9, 9], GROUP, BC=Array([1])), _masked([0, 0, 9, 9], GROUP, "/Foo"),
    _masked([0, 0, 9, 9], {"S": Name.Transparency}, BC=Array([0])),
    _content(b"/G gs", ExtGState=Dictionary(G=Dictionary(SMask=Dictionary(S=Name.Alpha))))], ids=range(5))
def test_a_mask_that_readers_take_differently_is_refused(
    make_pdf: MakePdf, change: Callable[[Pdf], None]
) -> None:
    assert _is_refused(make_pdf(change))


def test_masks_and_functions_as_programs_write_them_are_accepted(make_pdf: MakePdf) -> None:
    def change(document: Pdf) -> None:
        _masked([0, 0, 9, 9], GROUP, BC=Array([0]))(document)
        made = document.make_stream(b"{ % tint\n dup 0.5 gt {pop 1 0 0}{0 exch -.5 mul 0} ifelse}", FunctionType=4,
                                    Domain=Array([0, 1]), Range=Array([0, 1] * 3))
        states = document.pages[0].obj.Resources.ExtGState
        states.N = Dictionary(SMask=Name("/None"), LW=0, D=Array([Array([1, 0]), 0]), LC=1, ca=1)
        _page(document, b"/G gs /N gs /C cs 1 scn", ExtGState=states, ColorSpace=Dictionary(C=Array(
            [Name.Separation, Name.Biru, Name.DeviceRGB, document.make_indirect(made)])))

    assert inspect_upload(make_pdf(change)).pages == 1


@pytest.mark.parametrize("glyph", [
    b"0 0 9 9 re f", b"0 0 9 9 re f 9 0 d0", b"9 0 d0 9 0 d0", b"9 0 0 0 9 9 d1 1 0 0 rg 0 0 9 9 re f",
    b"9 0 0 0 9 9 d1 BI /W 1 /H 1 /BPC 8 /CS /G ID x\nEI"])
def test_a_drawn_glyph_begins_with_its_measure(make_pdf: MakePdf, glyph: bytes) -> None:
    def change(document: Pdf) -> None:
        drawn = Dictionary(a=document.make_indirect(document.make_stream(glyph)))
        _page(document, b"", Font=Dictionary(F=document.make_indirect(Dictionary(
            Type=Name.Font, Subtype=Name.Type3, CharProcs=drawn))))

    assert _is_refused(make_pdf(change))


def test_packed_content_that_is_cut_off_or_packed_like_a_picture_is_refused(make_pdf: MakePdf) -> None:
    text = b"1 0 0 rg 50 600 300 100 re f\n" * 99

    def packed(data: bytes, parameters: Dictionary | None = None) -> Callable[[Pdf], None]:
        def change(document: Pdf) -> None:
            content = document.make_stream(b"")
            content.write(data, filter=Name.FlateDecode, decode_parms=parameters)
            document.pages[0].obj.Contents = document.make_indirect(content)

        return change

    packing = zlib.compressobj()
    endless = packing.compress(text) + packing.flush(zlib.Z_SYNC_FLUSH)
    with pytest.raises(errors.UploadBroken):
        inspect_upload(make_pdf(packed(endless)))
    rows = b"".join(b"\7" + text[at:at + 29] for at in range(0, len(text), 29))
    assert _is_refused(make_pdf(packed(zlib.compress(rows), Dictionary(Predictor=15, Columns=29))))


def _truetype(*tables: tuple[int, int, dict[int, int]], lacking: bytes = b"") -> bytes:
    """The frame of a font, with these tables from codes to letters (platform, encoding, codes)."""
    head, bodies = b"", b""
    for platform, encoding, codes in tables:
        head += struct.pack(">HHI", platform, encoding, 4 + 8 * len(tables) + len(bodies))
        bodies += _segments(codes) if platform != 1 else struct.pack(">HHH", 0, 262, 0) + bytes(
            codes.get(code, 0) for code in range(256))
    names = sorted({b"glyf", b"loca", b"head", b"hhea", b"hmtx", b"maxp", b"cmap"} - {lacking})
    start = 12 + 16 * len(names)
    listed = b"".join(struct.pack(">4sIII", name, 0, start, 0) for name in names)
    return struct.pack(">IHHHH", 0x10000, len(names), 0, 0, 0) + listed + struct.pack(
        ">HH", 0, len(tables)) + head + bodies


def _segments(codes: dict[int, int]) -> bytes:
    """Format 4, one segment a code."""
    parts = [*codes.items(), (0xFFFF, 0)]
    last = b"".join(struct.pack(">H", code) for code, _ in parts)
    delta = b"".join(struct.pack(">H", (letter - code) & 0xFFFF) for code, letter in parts)
    body = struct.pack(">HHHH", 2 * len(parts), 0, 0, 0) + last + b"\0\0" + last + delta + b"\0\0" * len(parts)
    return struct.pack(">HHH", 4, 6 + len(body), 0) + body


def _font(program: bytes, key: str = "FontFile2", flags: int = 4, **entries: Any) -> Callable[[Pdf], None]:
    def change(document: Pdf) -> None:
        held = {f"/{key}": document.make_indirect(document.make_stream(program))}
        face = {"Subtype": Name.TrueType, "FirstChar": 49, "LastChar": 49, "Widths": Array([500]), **entries}
        _page(document, b"", Font=Dictionary(F=document.make_indirect(Dictionary(
            Type=Name.Font, BaseFont=Name("/ABCDEF+Xyz"), **face,
            FontDescriptor=Dictionary({"/Type": Name.FontDescriptor, "/Flags": flags, **held})))))

    return change


ONE, NINE = {0x31: 1}, {0x31: 9}
BY_NAME: dict[str, Any] = {"flags": 32, "Encoding": Name.WinAnsiEncoding}


@pytest.mark.parametrize("change", [
    _font(_truetype((1, 0, ONE), (3, 1, NINE))), _font(_truetype((3, 0, {0x31: 9, 0xF031: 1}))),
    _font(_truetype((1, 0, ONE), (3, 0, {0xF031: 9}))), _font(_truetype((3, 0, {0x31: 9, 0xF031: 1})), **BY_NAME),
    _font(_truetype((3, 0, {0xF131: 1}))), _font(_truetype((3, 1, {0x32: 2, 0x31: 1}))),
    _font(_truetype(*[(3, 1, ONE)] * 17)), _font(b"no font"), _font(_truetype((1, 0, ONE), lacking=b"glyf")),
    _font(_truetype((1, 0, ONE))[:150]), _font(_truetype((1, 0, ONE)), Subtype=Name.Type1),
    _font(b"OTTO", "FontFile3"), _font(_truetype((1, 0, ONE)), Widths=Array([-500])),
    _font(_truetype((1, 0, ONE)), Widths=None), _font(_truetype(lacking=b"cmap")), _font(_truetype()),
    _font(_truetype((3, 2, ONE))), _font(_truetype((1, 0, ONE), (3, 0, {0xF032: 1})))], ids=range(18))
def test_a_font_of_which_readers_take_other_letters_is_refused(
    make_pdf: MakePdf, change: Callable[[Pdf], None]
) -> None:
    assert _is_refused(make_pdf(change))


@pytest.mark.parametrize("change", [
    _font(_truetype((1, 0, ONE), (3, 0, {0xF031: 1}), (0, 3, ONE))), _font(_truetype((1, 0, ONE), (3, 1, ONE))),
    _font(_truetype((1, 0, NINE), (3, 1, ONE)), **BY_NAME), _font(_truetype((3, 1, ONE))),
    _font(b"%!PS-AdobeFont-1.0", "FontFile", Subtype=Name.Type1),
    _font(b"\1\0\4\1", "FontFile3", Subtype=Name.Type1)], ids=range(6))
def test_fonts_of_one_mind_are_accepted(make_pdf: MakePdf, change: Callable[[Pdf], None]) -> None:
    assert inspect_upload(make_pdf(change)).pages == 1
