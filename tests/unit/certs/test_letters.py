"""Names by which codes ask for letters: those that everybody knows or the font's program has, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pikepdf import Array, Dictionary, Name, Pdf

from certs import errors
from certs.intake import inspect_upload

MakePdf = Callable[[Callable[[Pdf], object]], bytes]
FONTS = Path(__file__).parents[3] / "templates" / "fonts"
COMPACT = (FONTS / "texgyrebonum-regular.otf").read_bytes()
TRUETYPE = (FONTS / "LiberationSans-Regular.ttf").read_bytes()


def _enciphered(plain: bytes) -> bytes:
    """As Type 1 programs are."""
    key, packed = 55665, bytearray()
    for byte in b"\0\0\0\0" + plain:
        packed.append(byte ^ key >> 8)
        key = (packed[-1] + key) * 52845 + 22719 & 0xFFFF
    return bytes(packed)


PRIVATE = _enciphered(b"dup /Private 9 dict dup begin /CharStrings 2 dict dup begin\n"
                      b"/.notdef 3 RD xyz ND\n/g12 4 -| xyz! |-\n/a1 2 RD xy ND end")
TYPE1 = b"%!PS-AdobeFont-1.0: Xyz\ncurrentfile eexec\n"
PROGRAMS = {
    "Type 1": (TYPE1 + PRIVATE, "FontFile"), "Type 1 in letters": (TYPE1 + PRIVATE.hex().encode(), "FontFile"),
    "Type 1 in segments": (b"\x80\1\x28\0\0\0" + TYPE1 + b"\x80\2\0\1\0\0" + PRIVATE, "FontFile"),
    "compact": (COMPACT, "FontFile3"), "TrueType": (TRUETYPE, "FontFile2"),
}


def _font(program: tuple[bytes, str], encoding: Any, flags: int = 32) -> Callable[[Pdf], None]:
    def change(document: Pdf) -> None:
        data, key = program
        descriptor = Dictionary({"/Type": Name.FontDescriptor, "/Flags": flags,
                                 f"/{key}": document.make_indirect(document.make_stream(data))})
        document.pages[0].obj.Resources = Dictionary(Font=Dictionary(F=document.make_indirect(Dictionary(
            Type=Name.Font, Subtype=Name.TrueType if key == "FontFile2" else Name.Type1,
            BaseFont=Name("/ABCDEF+Xyz"), FirstChar=65, LastChar=65, Widths=Array([500]), Encoding=encoding,
            FontDescriptor=descriptor))))

    return change


def _named(*names: object) -> Dictionary:
    return Dictionary(Type=Name.Encoding, Differences=Array(
        [65, *(Name(f"/{one}") if isinstance(one, str) else one for one in names)]))


def _is_refused(pdf: bytes) -> bool:
    try:
        inspect_upload(pdf)
    except errors.UploadAmbiguous as error:
        return bool(error.detail)
    return False


@pytest.mark.parametrize(("kind", "name"), [
    ("Type 1", "g12"), ("Type 1 in letters", "a1"), ("Type 1 in segments", "g12"), ("compact", "f_k"),
    ("TrueType", "H18533"), *((kind, one) for kind in PROGRAMS for one in ("A", ".notdef", "uni0042", "u1F600"))])
def test_a_name_that_all_know_or_the_program_has_is_accepted(make_pdf: MakePdf, kind: str, name: str) -> None:
    assert inspect_upload(make_pdf(_font(PROGRAMS[kind], _named(name)))).pages == 1


@pytest.mark.parametrize("kind", PROGRAMS)
@pytest.mark.parametrize("name", ["c66", "g4", "A.other", "uni42", "Xyz"])
def test_a_name_that_readers_guess_is_refused(make_pdf: MakePdf, kind: str, name: str) -> None:
    assert _is_refused(make_pdf(_font(PROGRAMS[kind], _named("B", name))))


@pytest.mark.parametrize("program", [
    b"%!PS-AdobeFont-1.0", COMPACT[:40], b"\1\0\4\1\0\1\1\1", b"OTTO\0\1" + b"\0" * 6], ids=range(4))
def test_a_program_that_cannot_be_read_has_no_names(make_pdf: MakePdf, program: bytes) -> None:
    key = "FontFile" if program.startswith(b"%!") else "FontFile3"
    assert _is_refused(make_pdf(_font((program, key), _named("g12"))))


@pytest.mark.parametrize("encoding", [
    Name.MacExpertEncoding, Dictionary(BaseEncoding=Name.MacExpertEncoding), Name.Foo, _named(999, "B"), _named(-1),
    _named(Array([])), _named(255, "A", "B", "C")], ids=range(7))
def test_an_encoding_that_few_readers_know_is_refused(make_pdf: MakePdf, encoding: Any) -> None:
    assert _is_refused(make_pdf(_font(PROGRAMS["compact"], encoding)))


def test_a_font_of_signs_is_not_asked_by_name(make_pdf: MakePdf) -> None:
    assert _is_refused(make_pdf(_font(PROGRAMS["TrueType"], _named("B"), flags=4)))
    assert inspect_upload(make_pdf(_font(PROGRAMS["TrueType"], Dictionary(), flags=4))).pages == 1


@pytest.mark.parametrize(("name", "is_there"), [("g0", True), ("g1", False), ("A", True)])
def test_drawn_glyphs_are_asked_by_the_names_that_they_have(make_pdf: MakePdf, name: str, is_there: bool) -> None:
    def change(document: Pdf) -> None:
        drawn = Dictionary(g0=document.make_indirect(document.make_stream(b"9 0 d0")))
        document.pages[0].obj.Resources = Dictionary(Font=Dictionary(F=document.make_indirect(Dictionary(
            Type=Name.Font, Subtype=Name.Type3, CharProcs=drawn, Encoding=_named(name)))))

    assert _is_refused(make_pdf(change)) is not is_there
