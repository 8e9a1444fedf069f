"""A document made into pictures of its pages, in a process of its own or without."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pikepdf
import pypdfium2
import pytest

from certs import errors
from certs.intake import inspect_upload
from svc.cage import pictures
from svc.cage.inline import InlineCage
from svc.cage.pool import WorkerCage
from svc.cage.port import Cage, CageLimits, PicturesImpossible
from tests.support.odd_pdfs import FIELD, bomb_pdf, form_pdf, odd_pdf, photo_pdf, script_pdf
from tests.unit.certs.conftest import World, world  # noqa: F401 - a fixture

MIB = 1024 * 1024


@pytest.fixture(scope="module", params=["inline", "worker"])
def cage(request: pytest.FixtureRequest) -> Iterator[Cage]:
    made: Cage = InlineCage() if request.param == "inline" else WorkerCage(CageLimits(seconds=30))
    yield made
    made.close()


def images_of(pdf: bytes) -> list[Any]:
    """The picture of each page, after a look that there is nothing else."""
    found = []
    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert set(document.Root.keys()) <= {"/Type", "/Pages"}
        for page in document.pages:
            assert set(page.obj.keys()) <= {"/Type", "/Parent", "/MediaBox", "/Resources", "/Contents"}
            assert list(page.obj.Resources.keys()) == ["/XObject"]
            (image,) = page.obj.Resources.XObject.as_dict().values()
            found.append((str(image.Filter), str(image.ColorSpace), int(image.BitsPerComponent), int(image.Width)))
    return found


def ink_in(pdf: bytes, box: tuple[int, int, int, int], page: int = 0) -> int:
    """How many points of a page are dark within a box (points from below, as at 72 dpi)."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        picture = document[page].render(scale=1).to_pil().convert("L")
    finally:
        document.close()
    left, lower, right, upper = box
    part = picture.crop((left, picture.height - upper, right, picture.height - lower))
    return sum(part.histogram()[:128])


def test_what_was_filled_in_stands_in_the_picture(cage: Cage) -> None:
    pdf = form_pdf()
    with pytest.raises(errors.UploadHasForm):
        inspect_upload(pdf)
    made = cage.picture_pages(pdf, MIB)
    facts = inspect_upload(made)
    assert (facts.pages, facts.page_sizes) == (1, ((595.0, 842.0),))
    assert images_of(made) == [("/FlateDecode", "/DeviceGray", 8, 1653)]
    assert ink_in(made, FIELD) > 100
    assert ink_in(cage.picture_pages(form_pdf(""), MIB), FIELD) == 0
    assert cage.picture_pages(pdf, MIB) == made


def test_a_page_keeps_its_size_as_it_is_turned_and_cropped(cage: Cage) -> None:
    def turn(document: pikepdf.Pdf) -> None:
        script_pdf(document)
        page = document.pages[0].obj
        page.Rotate, page.CropBox = 90, pikepdf.Array([100, 200, 300, 600])
        page.Contents = document.make_stream(b"0 g 100 200 100 400 re f")  # the left half of what is shown

    made = cage.picture_pages(odd_pdf(turn), MIB)
    assert inspect_upload(made).page_sizes == ((400.0, 200.0),)
    assert ink_in(made, (5, 105, 395, 195)) > 30_000  # the left half is the upper one now
    assert ink_in(made, (5, 5, 395, 95)) == 0


@pytest.mark.parametrize(("content", "kept"), [
    (b"", ("/FlateDecode", "/DeviceGray", 1)), (b"0 g 0 0 300 842 re f", ("/FlateDecode", "/DeviceGray", 1)),
    (b"0.5 g 0 0 300 842 re f", ("/FlateDecode", "/DeviceGray", 8)),
    (b"1 0 0 rg 0 0 300 842 re f", ("/FlateDecode", "/DeviceRGB", 8))])
def test_a_picture_has_no_more_colours_than_its_page(cage: Cage, content: bytes, kept: tuple[str, str, int]) -> None:
    def draw(document: pikepdf.Pdf) -> None:
        document.pages[0].obj.Contents = document.make_stream(content)

    made = cage.picture_pages(odd_pdf(draw, size=(600, 842.4)), MIB)
    inspect_upload(made)
    assert [one[:3] for one in images_of(made)] == [kept]


def test_pages_that_would_take_too_much_room_are_drawn_coarser(cage: Cage) -> None:
    pdf = photo_pdf(2, (1300, 1820))
    fine = cage.picture_pages(pdf, 30 * MIB)
    tight = cage.picture_pages(pdf, len(fine) * 3 // 4)
    inspect_upload(fine)
    inspect_upload(tight)
    assert images_of(fine) == [("/DCTDecode", "/DeviceRGB", 8, 1653)] * 2
    assert images_of(tight)[-1] == ("/DCTDecode", "/DeviceRGB", 8, 1240)
    with pytest.raises(PicturesImpossible) as impossible:
        cage.picture_pages(pdf, len(fine) // 4)
    assert impossible.value.code == "too_large"


def test_text_that_takes_too_much_room_has_fewer_shades_first(cage: Cage) -> None:
    def write(document: pikepdf.Pdf) -> None:
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        lines = [f"({number * 7919 % 100_003} keputusan {number * 104_729 % 999_983} pegawai) Tj T*"
                 for number in range(60)]
        document.pages[0].obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=font))
        document.pages[0].obj.Contents = document.make_stream(
            f"BT /F 10 Tf 12 TL 50 780 Td {' '.join(lines)} ET".encode())

    pdf = odd_pdf(write)
    fine = cage.picture_pages(pdf, MIB)
    small = cage.picture_pages(pdf, len(fine) * 9 // 10)
    inspect_upload(small)
    assert images_of(fine) == [("/FlateDecode", "/DeviceGray", 8, 1653)]
    assert images_of(small) == [("/FlateDecode", "/DeviceGray", 4, 1653)]
    written = (50, 60, 300, 800)
    assert abs(ink_in(small, written) - ink_in(fine, written)) < ink_in(fine, written) / 20


def sized_pdf(wide: int, high: int) -> bytes:
    """With a page of a size that no page may have."""
    def write(document: pikepdf.Pdf) -> None:
        document.pages[0].obj.MediaBox = pikepdf.Array([0, 0, wide, high])

    return odd_pdf(write)


@pytest.mark.parametrize(("pdf", "code", "page"), [
    (lambda: odd_pdf(script_pdf, size=(14_400, 14_400)), "page_too_large", 1),
    (lambda: sized_pdf(14_401, 4), "page_too_large", 1), (lambda: sized_pdf(500, 2), "undrawable", 1),
    (bomb_pdf, "undrawable", 1), (lambda: b"%PDF-1.7 rubbish", "undrawable", 1)])
def test_what_cannot_be_drawn_is_told_with_its_page(
    cage: Cage, pdf: Callable[[], bytes], code: str, page: int
) -> None:
    with pytest.raises(PicturesImpossible) as impossible:
        cage.picture_pages(pdf(), 20 * MIB)
    assert (impossible.value.code, impossible.value.page) == (code, page)


def test_there_are_as_many_pages_as_an_upload_may_have(cage: Cage) -> None:
    with pytest.raises(PicturesImpossible) as impossible:
        cage.picture_pages(odd_pdf(script_pdf, pages=4), MIB, 3)
    assert impossible.value.code == "too_many_pages"
    assert len(images_of(cage.picture_pages(odd_pdf(script_pdf, pages=3), MIB, 3))) == 3


def test_pages_without_end_are_given_up_early(cage: Cage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_MOST_SECONDS", 0.0)
    monkeypatch.setattr(pictures, "_PATIENCE", 0.0)
    with pytest.raises(PicturesImpossible) as impossible:
        cage.picture_pages(odd_pdf(script_pdf, pages=2), MIB)
    assert impossible.value.code == "too_slow"


@pytest.mark.parametrize("pages", [0, -1, 10**12])
def test_a_parser_that_was_taken_over_says_any_number_of_pages(pages: int) -> None:
    def lie(page: int, most_bytes: int) -> tuple[pictures.Pictured, bytes]:
        return pictures.Pictured(pictures.PagePicture(False, 8, 1, 1, 1, 72, 72, 1), pages), b"x"

    with pytest.raises(PicturesImpossible):
        pictures.picture_all(lie, lambda _pictures, data: data, MIB, 500)


def without_field(pdf: bytes) -> bytes:
    """A signed file whose form nobody finds any more."""
    return pdf.replace(b"/AcroForm", b"/AcroFarm")


def damaged(pdf: bytes) -> bytes:
    return pdf.replace(b"startxref", b"startxxxx")


@pytest.mark.parametrize("change", [lambda pdf: pdf, without_field, damaged, lambda pdf: b"\n" + pdf])
def test_what_is_signed_is_made_into_no_pictures(
    cage: Cage, world: World, change: Callable[[bytes], bytes]  # noqa: F811
) -> None:
    with pytest.raises(errors.UploadAlreadySigned):
        cage.picture_pages(change(world.sign().pdf), MIB)


def test_what_is_locked_is_made_into_no_pictures(cage: Cage) -> None:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(form_pdf())) as document:
        document.save(out, encryption=pikepdf.Encryption(owner="x", user=""))
    with pytest.raises(errors.UploadEncrypted):
        cage.picture_pages(out.getvalue(), MIB)
