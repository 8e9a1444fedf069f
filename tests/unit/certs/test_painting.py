"""Content, fonts, colours and boxes of an upload: by the book, or refused, since readers repair what is not."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pikepdf
import pytest
import typst
from pikepdf import Array, Dictionary, Name, Pdf

from certs import errors
from certs.intake import inspect_upload
from certs.upload import reading

MakePdf = Callable[[Callable[[Pdf], object]], bytes]
PAINT = b"1 0 0 rg 50 600 300 100 re f"
ODD = {
    "operator nobody knows": b"evil 1 2 3 " + PAINT, "operands left over": b"1 2 3 0 0 1 rg 50 600 300 100 re f",
    "operand missing": b"50 600 300 re f", "name for a number": b"/A 600 300 100 re f",
    "number with a dash within": b"50 600 3-00 100 re f", "number with two signs": b"--50 600 300 100 re f",
    "number with an exponent": b"50 600 3e2 100 re f", "number beyond all": b"50 600 99999999999 100 re f",
    "number no machine holds": b"50 600 99999999999999999999999 100 re f", "null": b"null w",
    "state restored too often": PAINT + b" Q Q " + PAINT, "text not begun": b"ET", "text within text": b"BT BT ET ET",
    "text not ended": b"BT", "state within text": b"BT q Q ET", "path within text": b"BT 0 0 m 1 1 l S ET",
    "colour within a path": b"0 0 m 1 0 0 rg 1 1 l S", "path not painted": b"0 0 m 1 1 l",
    "mark ended too often": b"EMC", "mark not ended": b"/P BMC", "unknown part left over": b"BX /X evil EX",
    "string not closed": b"(abc Tj", "array not closed": b"[1 2", "operand without operator": PAINT + b" 5",
    "no such form": b"/Nope Do", "no such state": b"/Nope gs", "no such colours": b"/Nope cs 1 scn",
    "no such font": b"BT /Nope 12 Tf (a) Tj ET", "no such pattern": b"/Pattern cs /Nope scn",
    "no such marks": b"/P /Nope BDC EMC", "layer": b"/OC <</A 1>> BDC EMC", "text without a font": b"BT (a) Tj ET",
    "drawn glyph's measure": b"1 0 d0", "no pattern chosen": b"/Pattern cs 0 0 9 9 re f",
    "no line chosen": b"1 0 0 RG /DeviceRGB CS 0 0 m 9 9 l S",
    "parts of a number array": b"[/A] 0 d",
}
PLAIN = (
    b"q 1 0 0 1 0 0 cm /G gs 0.5 w 1 J 1 j 4 M [2 1] 0 d /Perceptual ri 1 i 0 0 m 1 1 l 1 2 3 4 5 6 c 1 2 3 4 v "
    b"1 2 3 4 y h W* n 50 600 -300. +.5 re B* Q /DeviceRGB CS /C cs 1 scn 1 0 0 SC 0 g 1 G 0 0 0 1 k 0 0 0 1 K /X Do "
    b"/Span <</MCID 0>> BDC BT /F 12 Tf 1 Tc 1 Tw 100 Tz 12 TL 0 Tr 0 Ts 1 0 0 1 10 10 Tm 1 1 Td 1 1 TD T* (a\\)b) Tj "
    b"[(a) -20 <62>] TJ (c) ' 1 2 (d) \" ET EMC /P MP /P <<>> DP BI /W 1 /H 1 /BPC 8 /CS /G ID x EI /S sh q")


def _page(content: bytes, **resources: object) -> Callable[[Pdf], None]:
    def change(document: Pdf) -> None:
        page = document.pages[0].obj
        page.Contents = document.make_stream(content)
        page.Resources = Dictionary({f"/{kind}": value for kind, value in resources.items()})

    return change


def _font(**entries: object) -> Dictionary:
    return Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, **entries)


def _form(document: Pdf, data: bytes, **entries: object) -> pikepdf.Object:
    return document.make_indirect(document.make_stream(data, Type=Name.XObject, Subtype=Name.Form, **entries))


def _refusal(pdf: bytes) -> type[errors.UploadRefused]:
    with pytest.raises(errors.UploadRefused) as caught:
        inspect_upload(pdf)
    assert caught.value.detail
    return type(caught.value)


@pytest.mark.parametrize("content", ODD.values(), ids=ODD.keys())
def test_content_that_viewers_repair_is_refused(make_pdf: MakePdf, content: bytes) -> None:
    assert _refusal(make_pdf(_page(content))) is errors.UploadAmbiguous


def test_every_operator_in_its_place_is_accepted(make_pdf: MakePdf) -> None:
    def change(document: Pdf) -> None:
        function = document.make_stream(b"{}", FunctionType=4, Domain=Array([0, 1]), Range=Array([0, 1]))
        spot = Array([Name.Separation, Name.Biru, Name.DeviceGray, document.make_indirect(function)])
        _page(PLAIN, Font=Dictionary(F=_font(Encoding=Name.WinAnsiEncoding)), ColorSpace=Dictionary(C=spot),
              ExtGState=Dictionary(G=Dictionary(BM=Name.Multiply, ca=1)),
              Shading=Dictionary(S=Dictionary(ShadingType=2, ColorSpace=Name.DeviceGray, Coords=Array([0, 0, 9, 9]),
                                              Function=document.make_indirect(function))),
              XObject=Dictionary(X=_form(document, PAINT, BBox=Array([0, 0, 9, 9]))))(document)

    assert inspect_upload(make_pdf(change)).pages == 1


def test_a_map_of_many_strokes_is_accepted_and_one_of_too_many_refused_in_its_own_words(
    make_pdf: MakePdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    strokes = b"0 0 m 100 100 l S\n" * 1000
    pdf = make_pdf(_page(strokes))
    assert inspect_upload(pdf).pages == 1
    monkeypatch.setattr(reading, "_MOST_INSTRUCTIONS", 2999)
    assert _refusal(pdf) is errors.UploadTooComplex
    monkeypatch.setattr(reading, "_MOST_BYTES", 999)
    assert _refusal(pdf) is errors.UploadTooComplex


def test_forms_patterns_and_drawn_glyphs_are_looked_at_too(make_pdf: MakePdf) -> None:
    frame = Array([0, 0, 9, 9])

    def form(document: Pdf) -> None:
        _page(b"/X Do", XObject=Dictionary(X=_form(document, b"evil " + PAINT, BBox=frame)))(document)

    def pattern(document: Pdf) -> None:
        tile = document.make_stream(b"evil", PatternType=1, BBox=frame, XStep=9, YStep=9, PaintType=1, TilingType=1)
        _page(PAINT, Pattern=Dictionary(P=document.make_indirect(tile)))(document)

    def glyph(document: Pdf) -> None:
        drawn = Dictionary(a=document.make_indirect(document.make_stream(b"9 0 d0 evil")))
        _page(PAINT, Font=Dictionary(F=document.make_indirect(Dictionary(
            Type=Name.Font, Subtype=Name.Type3, CharProcs=drawn))))(document)

    def borrowed(document: Pdf) -> None:
        """A form that would have to take its caller's resources."""
        inner = _form(document, PAINT, BBox=frame)
        _page(b"/X Do", XObject=Dictionary(X=_form(document, b"/Y Do", BBox=frame), Y=inner))(document)

    def unframed(document: Pdf) -> None:
        _page(b"/X Do", XObject=Dictionary(X=_form(document, PAINT)))(document)

    def bent(document: Pdf) -> None:
        _page(b"/X Do", XObject=Dictionary(X=_form(document, PAINT, BBox=frame, Matrix=Array([1, 0]))))(document)

    for change in (form, pattern, glyph, borrowed, unframed, bent):
        assert _refusal(make_pdf(change)) is errors.UploadAmbiguous


@pytest.mark.parametrize("font", [
    Dictionary(Type=Name.Font, Subtype=Name.TrueType, BaseFont=Name.Bahnschrift, Encoding=Name.WinAnsiEncoding),
    Dictionary(Type=Name.Font, Subtype=Name.TrueType, BaseFont=Name.Wingdings), _font(Encoding=Name.Symbol),
    Dictionary(Type=Name.Font, Subtype=Name.TrueType, BaseFont=Name.ArialMT, Encoding=Dictionary(
        BaseEncoding=Name.WinAnsiEncoding, Differences=Array([49, Name("/c57"), Name("/a57")]))),
    _font(Encoding=Dictionary(Differences=Array([49, Name("/nine")]))), _font(Encoding=Name("/Identity-H")),
    Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name("/Lain-Regular")),
    Dictionary(Type=Name.Font, Subtype=Name.CIDFontType2, BaseFont=Name.SimSun)], ids=range(8))
def test_a_font_that_is_not_in_the_file_is_refused(make_pdf: MakePdf, font: Dictionary) -> None:
    assert _refusal(make_pdf(_page(PAINT, Font=Dictionary(F=font)))) is errors.UploadFontsMissing


@pytest.mark.parametrize("face", ["ArialMT", "Arial,Bold", "Arial-BoldItalicMT", "TimesNewRomanPSMT",
                                  "TimesNewRomanPS-BoldMT", "TimesNewRoman,Italic", "CourierNewPSMT"])
def test_fonts_that_word_processors_leave_out_are_accepted(make_pdf: MakePdf, face: str) -> None:
    font = Dictionary(Type=Name.Font, Subtype=Name.TrueType, BaseFont=Name("/" + face), Encoding=Name.WinAnsiEncoding)
    signs = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.ZapfDingbats)
    assert inspect_upload(make_pdf(_page(PAINT, Font=Dictionary(F=font, S=signs, H=_font())))).pages == 1


def _ink(name: str) -> Callable[[Pdf], None]:
    return _page(PAINT, ColorSpace=Dictionary(C=Array([Name.Separation, Name(name), Name.DeviceGray, Dictionary()])))


def _inks(document: Pdf) -> None:
    _page(PAINT, ColorSpace=Dictionary(C=Array(
        [Name.DeviceN, Array([Name.Biru, Name("/None")]), Name.DeviceGray, Dictionary()])))(document)


def _profile(document: Pdf) -> None:
    false = document.make_indirect(document.make_stream(b"not a profile", N=3, Alternate=Name.DeviceRGB))
    _page(PAINT, ColorSpace=Dictionary(C=Array([Name.ICCBased, false])))(document)


@pytest.mark.parametrize("change", [
    _ink("/None"), _inks, _profile, _page(PAINT, ExtGState=Dictionary(G=Dictionary(BM=Name.Evil))),
    _page(PAINT, ExtGState=Dictionary(G=Dictionary(BM=Array([Name.Evil, Name.Multiply])))),
    _page(PAINT, ExtGState=Dictionary(G=Dictionary(OP=True)))], ids=range(6))
def test_colours_that_readers_mix_differently_are_refused(make_pdf: MakePdf, change: Callable[[Pdf], object]) -> None:
    assert _refusal(make_pdf(change)) is errors.UploadAmbiguous


@pytest.mark.parametrize("unit", [2, Decimal("0.5"), Name.A])
def test_a_page_in_units_of_its_own_is_refused(make_pdf: MakePdf, unit: object) -> None:
    def change(document: Pdf) -> None:
        document.pages[0].obj.UserUnit = unit

    assert _refusal(make_pdf(change)) is errors.UploadAmbiguous


@pytest.mark.parametrize("use", [b"BT /F 12 Tf (a) Tj ET", b"/X Do", b"q 0 0 9 9 re B Q"])
def test_a_colour_space_without_a_colour_paints_nothing(make_pdf: MakePdf, use: bytes) -> None:
    def upload(before: bytes) -> bytes:
        return make_pdf(lambda document: _page(
            before + use, Font=Dictionary(F=_font()), XObject=Dictionary(
                X=_form(document, PAINT, BBox=Array([0, 0, 9, 9]))))(document))

    assert _refusal(upload(b"1 g /DeviceGray cs ")) is errors.UploadAmbiguous
    assert inspect_upload(upload(b"1 g /DeviceGray cs 1 sc ")).pages == 1
    assert inspect_upload(upload(b"/DeviceRGB CS /DeviceRGB cs ")).pages == 1  # black, as it was


def test_a_colour_space_without_a_colour_harms_nothing_that_needs_none(make_pdf: MakePdf) -> None:
    picture = b"BI /W 1 /H 1 /BPC 8 /CS /G ID x EI"
    assert inspect_upload(make_pdf(_page(b"/Pattern CS " + PAINT))).pages == 1
    assert inspect_upload(make_pdf(_page(b"q /Pattern cs 0 0 m W n " + picture + b" Q " + PAINT))).pages == 1


@pytest.mark.parametrize("box", [[1000, 1000, 2000, 2000], [0, 0, 0, 0], [100, 100, 100, 300]])
def test_a_page_of_which_nothing_is_shown_is_refused(make_pdf: MakePdf, box: list[int]) -> None:
    assert _refusal(make_pdf(lambda pdf: pdf.pages[0].obj.__setattr__("CropBox", Array(box)))) is errors.UploadAmbiguous


def test_validation_data_without_a_signature_and_forms_to_be_drawn_are_refused(make_pdf: MakePdf) -> None:
    assert _refusal(make_pdf(lambda pdf: pdf.Root.__setattr__("DSS", Dictionary()))) is errors.UploadAlreadySigned
    assert _refusal(make_pdf(lambda pdf: pdf.Root.__setattr__("NeedsRendering", True))) is errors.UploadHasXfa


def test_what_a_typesetter_writes_is_accepted(tmp_path: Path) -> None:
    """Text in several fonts, a table, a formula, a gradient, a picture and a link."""
    source = tmp_path / "naskah.typ"
    source.write_text(
        '#set page(numbering: "1")\n= Keputusan\n*Tebal* dan _miring_ $x^2 + sqrt(2)$\n'
        '#link("https://contoh.invalid")[tautan]\n'
        "#table(columns: 3, ..range(60).map(str))\n#rect(fill: gradient.linear(red, blue), width: 100%)\n"
        "#rect(fill: tiling(size: (9pt, 9pt))[#circle(radius: 4pt)], width: 9cm)\n#lorem(900)\n")
    for standard in ([], ["a-2b"]):
        assert inspect_upload(typst.compile(source, format="pdf", pdf_standards=standard)).pages > 1


def test_names_mean_what_they_say(make_pdf: MakePdf) -> None:
    plain = _page(b"/A#20B gs", ExtGState=Dictionary({"/A B": Dictionary(LW=1)}))
    assert inspect_upload(make_pdf(plain)).pages == 1
