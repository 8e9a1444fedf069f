"""What every cage does for services, in a process of its own or without."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Literal

import pikepdf
import PIL.Image
import pytest

from certs import errors
from certs.trust import TrustStore
from certs.validation import Indication, Proof
from svc.cage.inline import InlineCage
from svc.cage.pool import WorkerCage
from svc.cage.port import Cage, CageLimits, PageUndrawable
from tests.attacks.craft import edited, paint_over
from tests.unit.certs.conftest import World, make_pdf, world  # noqa: F401 - fixtures

MIB = 1024 * 1024
MakePdf = Callable[[Callable[[pikepdf.Pdf], object]], bytes]


@pytest.fixture(scope="module", params=["inline", "worker"])
def cage(request: pytest.FixtureRequest) -> Iterator[Cage]:
    made: Cage = InlineCage() if request.param == "inline" else WorkerCage(CageLimits(seconds=30))
    yield made
    made.close()


def test_a_good_signature_passes_with_all_that_is_known_of_it(cage: Cage, world: World) -> None:  # noqa: F811
    signed = world.sign().pdf
    report = cage.validate(signed, world.trust(), world.later)
    assert report == InlineCage().validate(signed, world.trust(), world.later)
    assert report.passed
    assert report.signatures[0].signer_name == "Sari Contoh Utama"


def test_each_call_is_judged_by_its_own_trust(cage: Cage, world: World) -> None:  # noqa: F811
    signed = world.sign().pdf
    verdicts = [cage.validate(signed, trust, world.later).indication for trust in (
        world.trust(), TrustStore(()), world.trust())]
    assert verdicts == [Indication.TOTAL_PASSED, Indication.INDETERMINATE, Indication.TOTAL_PASSED]


def test_proofs_of_a_register_are_heard(cage: Cage, world: World) -> None:  # noqa: F811
    signed = world.sign().pdf
    proofs = [Proof("00" * 32, 5, world.now)]
    assert cage.validate(signed, world.trust(), world.later, iter(proofs)).passed


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"%PDF-1.7 rubbish", bytes(33 * MIB)])
def test_rubbish_gets_a_verdict(cage: Cage, world: World, data: bytes) -> None:  # noqa: F811
    report = cage.validate(data, world.trust(), world.later)
    assert (report.indication, report.sub_indication) == (Indication.INDETERMINATE, "FORMAT_FAILURE")


def test_our_own_faults_are_told_apart(cage: Cage, world: World) -> None:  # noqa: F811
    with pytest.raises(ValueError, match="aware"):
        cage.validate(b"", world.trust(), datetime(2026, 6, 1))
    with pytest.raises(ValueError):  # noqa: PT011 - a parser's words
        cage.validate(world.page, TrustStore((), crls=(b"no list",)), world.later)


def test_a_plain_upload_is_described(cage: Cage, world: World) -> None:  # noqa: F811
    facts = cage.inspect(world.page, MIB)
    assert (facts.pages, facts.title) == (2, "Keputusan Contoh")


def locked(pdf: bytes, revision: Literal[4, 6]) -> bytes:
    """It opens without a password, and only its owner may change it."""
    output = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as document:
        document.save(output, encryption=pikepdf.Encryption(owner="x", user="", R=revision))
    return output.getvalue()


def test_a_bad_upload_is_refused_with_the_same_error(cage: Cage, world: World, make_pdf: MakePdf) -> None:  # noqa: F811
    def with_script(pdf: pikepdf.Pdf) -> None:
        pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("x"))

    for kind, data in ((errors.UploadNotPdf, b"hello"), (errors.UploadBroken, b"%PDF-1.7"),
                       (errors.UploadHasJavaScript, make_pdf(with_script)),
                       (errors.UploadEncrypted, locked(world.page, 4)), (errors.UploadEncrypted, locked(world.page, 6)),
                       (errors.UploadAlreadySigned, world.sign().pdf)):
        with pytest.raises(errors.UploadRefused) as refused:
            cage.inspect(data, MIB)
        assert type(refused.value) is kind
    with pytest.raises(errors.UploadTooLarge):
        cage.inspect(world.page, 10)
    with pytest.raises(errors.UploadHasTooManyPages) as many:
        cage.inspect(world.page, MIB, 1)
    assert many.value.detail == "2 pages, at most 1"


def test_pages_are_drawn(cage: Cage, world: World) -> None:  # noqa: F811
    small = PIL.Image.open(io.BytesIO(cage.first_page(world.page)))
    assert (small.format, small.width) == ("PNG", 900)
    second = PIL.Image.open(io.BytesIO(cage.render_page(world.page, 1, 72)))
    assert (second.format, second.width) == ("PNG", 596)
    assert second.getextrema() != ((255, 255),) * 3


def test_resolution_and_size_have_their_bounds(cage: Cage, world: World, make_pdf: MakePdf) -> None:  # noqa: F811
    fine = PIL.Image.open(io.BytesIO(cage.render_page(world.page, 0, 10_000)))
    assert fine.width * fine.height <= 16_100_000

    def huge(pdf: pikepdf.Pdf) -> None:
        pdf.pages[0].MediaBox = pikepdf.Array([0, 0, 14_400, 14_400])

    wall = PIL.Image.open(io.BytesIO(cage.render_page(make_pdf(huge), 0, 300)))
    assert wall.width * wall.height <= 16_100_000


def test_fields_are_drawn_as_viewers_draw_them(cage: Cage, make_pdf: MakePdf) -> None:  # noqa: F811
    def fill(pdf: pikepdf.Pdf) -> None:
        blue = pdf.make_stream(b"0 0 1 rg 0 0 595 842 re f", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form,
                               BBox=pikepdf.Array([0, 0, 595, 842]))
        field = pdf.make_indirect(pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Widget, FT=pikepdf.Name.Tx, T=pikepdf.String("f"), F=4,
            Rect=pikepdf.Array([0, 0, 595, 842]), AP=pikepdf.Dictionary(N=pdf.make_indirect(blue))))
        pdf.pages[0].obj.Annots = pikepdf.Array([field])
        pdf.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([field]))

    drawn = PIL.Image.open(io.BytesIO(cage.render_page(make_pdf(fill), 0, 72)))
    assert drawn.convert("RGB").getpixel((300, 400)) == (0, 0, 255)


@pytest.mark.parametrize("page", [-1, 2, 10**9])
def test_a_page_that_is_not_there_is_not_drawn(cage: Cage, world: World, page: int) -> None:  # noqa: F811
    with pytest.raises(PageUndrawable):
        cage.render_page(world.page, page, 72)


def test_what_is_no_pdf_is_not_drawn(cage: Cage) -> None:
    with pytest.raises(PageUndrawable):
        cage.first_page(b"%PDF-1.7 rubbish")


def test_of_a_signed_file_only_what_is_signed_is_drawn(cage: Cage, world: World) -> None:  # noqa: F811
    signed = world.sign().pdf
    painted = edited(signed, paint_over)
    original = cage.first_page(signed, signed_only=True)
    assert cage.first_page(painted, signed_only=True) == original
    assert cage.first_page(painted + b"\n% lagi", signed_only=True) == original
    assert cage.first_page(painted) != original  # else the paint would prove nothing


@pytest.mark.parametrize("make", [lambda one: one.page, lambda one: b"%PDF-1.7 rubbish"])
def test_what_nobody_signed_is_not_drawn_as_signed(
    cage: Cage, world: World, make: Callable[[World], bytes]  # noqa: F811
) -> None:
    with pytest.raises(PageUndrawable):
        cage.first_page(make(world), signed_only=True)


def test_it_tells_whether_it_is_closed(cage: Cage) -> None:
    facts = cage.facts()
    assert facts.is_apart == isinstance(cage, WorkerCage)
    assert facts.is_complete == (not facts.missing)


def test_a_closed_cage_opens_again(cage: Cage, world: World) -> None:  # noqa: F811
    cage.close()
    cage.close()
    assert cage.inspect(world.page, MIB).pages == 2
