"""Functions of an upload that calculate colours: the same for every reader wherever they are asked, or refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pikepdf import Array, Dictionary, Name, Pdf

from certs import errors
from certs.intake import inspect_upload
from tests.unit.certs.test_viewers_differ import needs_poppler, share_that_differs

MakePdf = Callable[[Callable[[Pdf], object]], bytes]
# As Chromium writes them: a gradient that is repeated, one around a point, one that lets through.
GRADIENTS = {
    "repeated": (b"{pop dup truncate sub dup 0 le {1 add} if dup 0 le {pop 1 0 0 0} if dup dup 0 gt exch 1 le and "
                 b"{0 sub dup -1 mul 1 add exch 0 exch 0} if 0 gt {0 0 1} if}"),
    "around": (b"{exch atan 360 div 18 mul dup truncate sub dup 0 le {1 add} if dup 0 le {pop 1 0 0 0} if dup dup 0 gt "
               b"exch 1 le and {dup .5 le {0 sub pop 1 0 0}{.5 sub pop 0 0 1} ifelse 0} if 0 gt {0 0 1} if}"),
    "mirrored": (b"{pop abs dup truncate dup cvi 2 mod 0 gt 3 1 roll sub exch {1 exch sub} if dup 0 le {pop 1 1 1 0} "
                 b"if dup dup 0 gt exch 1 le and {0 sub dup -.8 mul 1 add exch dup -.8 mul 1 add exch -.8 mul 1 add 0} "
                 b"if 0 gt {.2 .2 .2} if}"),
    "round": b"{dup mul exch dup mul add sqrt 30 div dup 1 gt {pop 1} if dup dup}",
    "with all steps": (b"{cvr neg abs exch floor ceiling cvi 7 mod 2 eq {sin} {cos} ifelse dup dup mul 1 add 2 exp ln "
                       b"1 index}"),
}
SPOT = b"{pop %s 0 0}"
ODD = {
    "name nobody knows": SPOT % b"foo", "not closed": b"{pop 1 0 0", "not begun": b"pop 1 0 0",
    "more behind": b"{pop 1} 0 0", "closed twice": b"{pop 1 0 0}}", "empty": b"",
    "whole division": SPOT % b"7 2 idiv", "rounded": SPOT % b"-0.5 round", "shifted": SPOT % b"1 3 bitshift",
    "exponent": SPOT % b"1e3", "negated bits": SPOT % b"1 not", "divided by nothing": SPOT % b"1 0 div",
    "divided by nothing in the midst": b"{0.5 sub 1 exch div 0 0}", "nothing by nothing": SPOT % b"0 0 div",
    "remainder of nothing": SPOT % b"7 0 mod", "remainder of parts": SPOT % b"7.5 3 mod",
    "root of less": SPOT % b"-4 sqrt", "root of less at one end": b"{0.5 sub sqrt 0 0}", "logarithm": SPOT % b"-1 ln",
    "power of less": SPOT % b"-4 0.5 exp", "power too high": SPOT % b"2 1000 exp",
    "beyond all": SPOT % b"65536 65536 mul", "number beyond all": SPOT % b"3000000000 2 div",
    "part equal": SPOT % b"0.1 0.2 add 0.3 eq {0.2} {0.8} ifelse",
    "number for a truth": SPOT % b"1 {0.3} {0.9} ifelse", "truth by its name": SPOT % b"true {0.3} {0.9} ifelse",
    "bits of numbers": SPOT % b"3 5 and 8 div", "truth that comes out": SPOT % b"1 2 gt",
    "below the stack": b"{pop pop 1 0 0}", "index below": SPOT % b"9 index", "index negative": SPOT % b"-1 index",
    "index a part": SPOT % b"0.0 index", "copied below": SPOT % b"9 copy", "rolled below": SPOT % b"9 1 roll",
    "too deep": b"{" + b"dup " * 99 + b"pop " * 97 + b"}",
    "too deep in itself": b"{pop 1 0 0 " + b"1 2 lt {" * 50 + b"} if " * 50 + b"}",
    "fork without ways": b"{0 gt if 1 0 0}", "ways without a fork": b"{pop {1} 0 0}", "too few come out": b"{}",
    "too many come out": b"{dup dup dup}", "too few come out for some": b"{0.25 gt {1 0 0} {1 0} ifelse}",
}  # fmt: skip
DIFFERENT = ("divided by nothing", "beyond all", "index below", "remainder of parts")


def _painted(function: bytes, domain: list[float], fill: bytes) -> Callable[[Pdf], None]:
    def change(document: Pdf) -> None:
        made = document.make_indirect(document.make_stream(
            function, FunctionType=4, Domain=Array(domain), Range=Array([0, 1] * 3)))
        page = document.pages[0].obj
        page.Contents = document.make_stream(fill)
        page.Resources = Dictionary(
            ColorSpace=Dictionary(C=Array([Name.Separation, Name.Biru, Name.DeviceRGB, made])),
            Shading=Dictionary(S=document.make_indirect(Dictionary(
                ShadingType=1, ColorSpace=Name.DeviceRGB, Function=made, Domain=Array(domain)))))

    return change


def _spot(function: bytes) -> Callable[[Pdf], None]:
    return _painted(function, [0, 1], b"/C cs 1 scn 0 0 600 850 re f")


@pytest.mark.parametrize("function", GRADIENTS.values(), ids=GRADIENTS.keys())
def test_what_programs_write_for_gradients_is_accepted(make_pdf: MakePdf, function: bytes) -> None:
    def change(document: Pdf) -> None:
        _painted(function, [-20.5, 30, -5, 90], b"/S sh")(document)
        del document.pages[0].obj.Resources.ColorSpace

    assert inspect_upload(make_pdf(change)).pages == 1


@pytest.mark.parametrize("function", ODD.values(), ids=ODD.keys())
def test_functions_that_readers_calculate_differently_are_refused(make_pdf: MakePdf, function: bytes) -> None:
    with pytest.raises(errors.UploadAmbiguous, match="function"):
        inspect_upload(make_pdf(_spot(function)))


@pytest.mark.parametrize("domain", [[], [0], [1, 0], [True, 1]])
def test_a_domain_that_is_none_is_refused(make_pdf: MakePdf, domain: list[float]) -> None:
    with pytest.raises(errors.UploadAmbiguous, match="function"):
        inspect_upload(make_pdf(_painted(b"{pop 1 0 0}", domain, b"")))


@needs_poppler
@pytest.mark.poppler
@pytest.mark.parametrize("name", DIFFERENT)
def test_two_viewers_do_calculate_them_differently(make_pdf: MakePdf, name: str) -> None:
    assert share_that_differs(make_pdf(_spot(ODD[name]))) > 0.5
